package diameter

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestBaseProtocol carries out the scripts of testdata/diameter/base, each against a server of its own in virtual time, and
// compares every octet that comes back. The README there is the manual.
func TestBaseProtocol(t *testing.T) {
	datadriven.Walk(t, goldenFolder+"/base", func(t *testing.T, path string) {
		if strings.HasSuffix(path, ".md") {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			s := &script{t: t, recorder: newRecorder(), pipes: newPipes(), peers: map[string]*talker{}}
			s.recorder.answer = appendShortCCA
			datadriven.RunTest(t, path, s.run)
			s.end()
		})
	})
}

// script is a server and those who talk to it.
type script struct {
	t        *testing.T
	recorder *recorder
	pipes    *pipes
	server   *Server
	served   chan error
	peers    map[string]*talker
	told     int // events shown so far
	stopped  sync.WaitGroup
}

// talker is a peer that reads whatever comes.
type talker struct {
	conn net.Conn
	mu   sync.Mutex
	got  []string // descriptions of messages, and of the end
}

func (s *script) run(t *testing.T, td *datadriven.TestData) string {
	s.t = t
	if td.Cmd == "server" {
		s.start(td)
		return ""
	}
	if s.server == nil {
		s.start(td)
	}
	name := "peer"
	td.MaybeScanArgs(t, "from", &name)
	switch td.Cmd {
	case "connect":
		s.connect(name)
	case "open":
		return s.open(name)
	case "send":
		s.send(name, td)
	case "wait":
		d, err := time.ParseDuration(td.CmdArgs[0].Key)
		if err != nil {
			t.Fatalf("%s: %v", td.Pos, err)
		}
		time.Sleep(d)
	case "answer":
		s.answer(td.HasArg("reverse"))
	case "shutdown":
		s.stopped.Go(func() {
			if err := s.server.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		})
	case "close":
		if err := s.peers[name].conn.Close(); err != nil {
			t.Fatal(err)
		}
	default:
		t.Fatalf("%s: unknown command %s", td.Pos, td.Cmd)
	}
	synctest.Wait()
	return s.show()
}

// start starts the server by the arguments of the command "server", or without any.
func (s *script) start(td *datadriven.TestData) {
	options := testOptions()
	options.Rand = func() uint64 { return uint64(WatchdogJitter) } // the middle of the range
	options.HostAddresses = []netip.Addr{netip.MustParseAddr("192.0.2.1")}
	if td.Cmd == "server" {
		s.recorder.hold = td.HasArg("hold")
		td.MaybeScanArgs(s.t, "in-flight", &options.InFlight)
		td.MaybeScanArgs(s.t, "malformed", &options.MalformedBurst)
		var known string
		if td.MaybeScanArgs(s.t, "known", &known); known != "" {
			options.KnownPeers, options.AllowUnknownPeers = []string{known}, false
		}
	}
	var err error
	if s.server, err = NewServer(options, s.recorder); err != nil {
		s.t.Fatal(err)
	}
	s.served = make(chan error, 1)
	go func() { s.served <- s.server.Serve(s.pipes) }()
}

func (s *script) end() {
	s.server.Close()
	s.stopped.Wait()
	if err := <-s.served; !errors.Is(err, ErrServerClosed) {
		s.t.Errorf("Serve returned %v", err)
	}
	for _, p := range s.peers {
		_ = p.conn.Close()
	}
	synctest.Wait()
}

func (s *script) connect(name string) {
	p := &talker{conn: s.pipes.dial(s.t).conn}
	s.peers[name] = p
	c := &client{s.t, p.conn}
	go func() {
		for {
			m, err := c.tryReceive()
			p.mu.Lock()
			if err != nil {
				p.got = append(p.got, "the connection ends\n")
				p.mu.Unlock()
				return
			}
			p.got = append(p.got, describe(s.t, m.Raw()))
			p.mu.Unlock()
		}
	}()
}

// open connects and exchanges capabilities, of which nothing is shown but that they were.
func (s *script) open(name string) string {
	s.connect(name)
	if _, err := s.peers[name].conn.Write(s.message([]string{"cer", "bare"})); err != nil {
		s.t.Fatal(err)
	}
	synctest.Wait()
	_, shown, _ := strings.Cut(s.show(), "application: ")
	return "application: " + shown
}

// appendShortCCA appends a CCA of which nothing matters but whose it is.
func appendShortCCA(dst []byte, request *Header) []byte {
	start := len(dst)
	dst = AppendAnswerHeader(dst, request)
	dst = AppendString(dst, AVPSessionID, gatewaySession)
	dst = AppendResult(dst, ResultSuccess)
	FinishMessage(dst, start)
	return dst
}

// send writes the messages that the input lines describe as one segment, or cut into pieces.
func (s *script) send(name string, td *datadriven.TestData) {
	var b []byte
	for line := range strings.Lines(td.Input) {
		b = append(b, s.message(strings.Fields(line))...)
	}
	cut := len(b)
	td.MaybeScanArgs(s.t, "cut", &cut)
	for piece := range slices.Chunk(b, cut) {
		if _, err := s.peers[name].conn.Write(piece); err != nil {
			return // the server has closed the connection, which is shown
		}
		synctest.Wait()
	}
}

func (s *script) answer(reverse bool) {
	if reverse {
		slices.Reverse(s.recorder.held)
	}
	s.recorder.answerHeld()
}

// show shows what has come since it was shown last, by peer, and what the application was told.
func (s *script) show() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.peers)) {
		p := s.peers[name]
		p.mu.Lock()
		for _, message := range p.got {
			if len(s.peers) > 1 {
				b.WriteString("to " + name + ":\n")
			}
			b.WriteString(message)
		}
		p.got = nil
		p.mu.Unlock()
	}
	events := s.recorder.log()
	for _, event := range events[s.told:] {
		b.WriteString("application: " + event + "\n")
	}
	s.told = len(events)
	return b.String()
}

// message builds what a line of "send" describes.
func (s *script) message(words []string) []byte {
	var b []byte
	value := func(key, otherwise string) string {
		for _, w := range words[1:] {
			if v, found := strings.CutPrefix(w, key+"="); found {
				return v
			}
		}
		return otherwise
	}
	number := func(key string, otherwise uint32) uint32 {
		v, err := strconv.ParseUint(value(key, strconv.Itoa(int(otherwise))), 0, 32)
		if err != nil {
			s.t.Fatal(err)
		}
		return uint32(v)
	}
	hop := number("hop", 1)
	switch words[0] {
	case "cer":
		b = s.cer(words, value("host", gatewayHost), number("state", 0))
	case "dwr":
		b = appendDWR(nil, hop, number("state", 0))
	case "dpr":
		b = appendDPR(nil, hop)
	case "ccr":
		b = appendSmallCCR(nil, hop)
	case "dwa":
		b = answerTo(CmdDeviceWatchdog, hop)
	case "dpa":
		b = answerTo(CmdDisconnectPeer, hop)
	default:
		octets, err := hex.DecodeString(strings.Join(words, ""))
		if err != nil {
			s.t.Fatalf("%q: neither a message's name nor octets", words)
		}
		return octets
	}
	for _, w := range words[1:] {
		if avp, found := strings.CutPrefix(w, "avp="); found {
			b = append(b, s.avp(avp)...)
		}
	}
	length := number("length", uint32(len(b)))
	binary.BigEndian.PutUint32(b, number("version", 1)<<24|length)
	command := binary.BigEndian.Uint32(b[4:])
	flags := command >> 24
	if names := value("flags", ""); names != "" {
		flags = 0
		for i, name := range []string{"R", "P", "E", "T", "4", "5", "6", "7"} {
			if strings.Contains(names, name) {
				flags |= 0x80 >> i
			}
		}
	}
	binary.BigEndian.PutUint32(b[4:], flags<<24|number("command", command&maxLength))
	binary.BigEndian.PutUint32(b[8:], number("application", binary.BigEndian.Uint32(b[8:])))
	return b
}

func answerTo(command, hop uint32) []byte {
	dst := AppendHeader(nil, 0, command, AppBase, hop, hop)
	dst = appendGateway(AppendResult(dst, ResultSuccess))
	FinishMessage(dst, 0)
	return dst
}

// cer builds a CER that offers credit control as the words say: bare, in-group, relay or nothing.
func (s *script) cer(words []string, host string, state uint32) []byte {
	dst := AppendHeader(nil, FlagRequest, CmdCapabilitiesExchange, AppBase, 1, 1)
	dst = AppendString(dst, AVPOriginHost, host)
	dst = AppendString(dst, AVPOriginRealm, gatewayRealm)
	dst = AppendAddress(dst, AVPHostIPAddress, netip.MustParseAddr("192.0.2.10"))
	dst = AppendUint32(dst, AVPVendorID, 0)
	dst = AppendString(dst, AVPProductName, "gateway")
	if state != 0 {
		dst = AppendUint32(dst, AVPOriginStateID, state)
	}
	for _, w := range words[1:] {
		switch w {
		case "bare":
			dst = AppendUint32(dst, AVPAuthApplicationID, AppCreditControl)
		case "relay":
			dst = AppendUint32(dst, AVPAuthApplicationID, AppRelay)
		case "rx": // an application that is not served
			dst = AppendUint32(dst, AVPAuthApplicationID, 16777236)
		case "in-group":
			var group int
			dst, group = BeginGroup(dst, AVPVendorSpecificApplicationID)
			dst = AppendUint32(dst, AVPVendorID, Vendor3GPP)
			dst = AppendUint32(dst, AVPAuthApplicationID, AppCreditControl)
			EndGroup(dst, group)
		}
	}
	FinishMessage(dst, 0)
	return dst
}

// avp builds code:flags:value or code:flags:value:length, the value as text or as 0x and octets, the length as it is said.
func (s *script) avp(text string) []byte {
	parts := strings.Split(text, ":")
	code, err := strconv.ParseUint(parts[0], 10, 32)
	if err != nil {
		s.t.Fatal(err)
	}
	data := []byte(parts[2])
	if digits, found := strings.CutPrefix(parts[2], "0x"); found {
		if data, err = hex.DecodeString(digits); err != nil {
			s.t.Fatal(err)
		}
	}
	var flags uint8
	if strings.Contains(parts[1], "M") {
		flags |= FlagMandatory
	}
	length := avpHeader + len(data)
	if len(parts) > 3 {
		if length, err = strconv.Atoi(parts[3]); err != nil {
			s.t.Fatal(err)
		}
	}
	return rawAVP(uint32(code), 0, flags, length, data...)
}
