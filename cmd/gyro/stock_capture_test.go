package main

import (
	"bytes"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// capture is what Wireshark's dumpcap sees of a server's Diameter port, for tshark to read.
type capture struct {
	t       *testing.T
	address string
	port    string
	file    string
	dumpcap *program
}

// startCapture begins to capture. It takes the right to capture on the loopback interface, which root has.
func startCapture(t *testing.T, address string) *capture {
	t.Helper()
	dir := t.TempDir()
	c := &capture{t: t, address: address, port: portOf(t, address), file: filepath.Join(dir, "capture.pcapng")}
	cmd := exec.Command(tool(t, "dumpcap"), "-q", "-i", "lo", "-f", "tcp port "+c.port, "-w", c.file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	c.dumpcap = launch(t, cmd)
	eventually(t, "dumpcap captures on lo, which needs root", func() bool {
		select {
		case <-c.dumpcap.exited:
			t.Fatalf("dumpcap ended; it needs the right to capture on lo\n%s", c.dumpcap.output())
		default:
		}
		return strings.Contains(c.dumpcap.output(), "File: "+c.file)
	})
	return c
}

// endMark is sent when all is done: what came before it is in the file once it is. It cannot be taken for Diameter, whose
// messages begin with the octet 1.
const endMark = "the capture ends here"

// end has the capture end after everything that was sent. Nobody may listen on the port any more.
func (c *capture) end() {
	c.t.Helper()
	l, err := net.Listen("tcp", c.address)
	if err != nil {
		c.t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", c.address)
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, endMark); err != nil {
		c.t.Fatal(err)
	}
	eventually(c.t, "all packets are in the file", func() bool {
		text, err := os.ReadFile(c.file)
		return err == nil && bytes.Contains(text, []byte(endMark))
	})
	c.dumpcap.signal(syscall.SIGINT)
	if err := c.dumpcap.exit(); err != nil {
		c.t.Fatalf("dumpcap: %v\n%s", err, c.dumpcap.output())
	}
}

// dissect ends the capture and returns its Diameter messages as tshark reads them.
func (c *capture) dissect() []*dissected {
	c.t.Helper()
	c.end()
	cmd := exec.CommandContext(c.t.Context(), tool(c.t, "tshark"), "-n", "-r", c.file, "-d", "tcp.port=="+c.port+",diameter",
		"-Y", "diameter || _ws.malformed || tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment", "-T", "pdml")
	// No preferences but the built-in ones.
	cmd.Env = append(os.Environ(), "WIRESHARK_CONFIG_DIR="+c.t.TempDir())
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	messages, err := readDissection(out)
	if err := errors.Join(err, cmd.Wait()); err != nil {
		c.t.Fatalf("tshark: %v\n%s", err, complaints.String())
	}
	return messages
}

// dissected is a Diameter message as tshark reads it.
type dissected struct {
	frame      string
	fromServer bool // set by judge
	source     string
	stream     string // the TCP connection

	command, application string
	flags                uint64
	hopByHop, endToEnd   string
	result               uint64 // the Result-Code of the command, 0 if it has none

	avps     []dissectedAVP
	findings []string // what tshark does not like
}

// dissectedAVP is an AVP of a message, at the level 1 or inside of that many less one groups.
type dissectedAVP struct {
	code   string
	vendor string // empty without Vendor-Id
	flags  uint64
	depth  int
	show   string
	failed bool // inside Failed-AVP: what the peer sent, or an example
}

func (a dissectedAVP) name() string { return strings.TrimPrefix(a.vendor+"/"+a.code, "/") }

// The bits of the flags of a message and of an AVP.
const (
	bitRequest, bitProxiable, bitError, bitRetransmitted = 0x80, 0x40, 0x20, 0x10
	bitVendor, bitMandatory                              = 0x80, 0x40
)

// pdml is an element of tshark's PDML: a packet, a protocol or a field.
type pdml struct {
	Name     string `xml:"name,attr"`
	Show     string `xml:"show,attr"`
	ShowName string `xml:"showname,attr"`
	Value    string `xml:"value,attr"`
	Protos   []pdml `xml:"proto"`
	Fields   []pdml `xml:"field"`
}

// find returns what is shown of a field inside of p.
func (p *pdml) find(name string) string {
	for n := range p.Fields {
		if f := &p.Fields[n]; f.Name == name {
			return f.Show
		} else if show := f.find(name); show != "" {
			return show
		}
	}
	return ""
}

// readDissection reads PDML.
func readDissection(r io.Reader) (all []*dissected, err error) {
	decoder := xml.NewDecoder(r)
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "packet" {
			var packet pdml
			if err := decoder.DecodeElement(&packet, &start); err != nil {
				return nil, err
			}
			messages, err := readPacket(&packet)
			if err != nil {
				return nil, err
			}
			all = append(all, messages...)
		}
	}
}

// readPacket returns the messages that end in a packet.
func readPacket(packet *pdml) (all []*dissected, err error) {
	var frame, source, stream string
	for n := range packet.Protos {
		p := &packet.Protos[n]
		switch {
		case p.Name == "frame":
			frame = p.find("frame.number")
		case p.Name == "tcp":
			source, stream = p.find("tcp.srcport"), p.find("tcp.stream")
			if p.find("tcp.analysis.lost_segment")+p.find("tcp.analysis.ack_lost_segment") != "" {
				return nil, fmt.Errorf("frame %s: the capture misses packets", frame)
			}
		case p.Name == "diameter":
			m := &dissected{frame: frame, source: source, stream: stream}
			m.read(p)
			all = append(all, m)
		case strings.HasPrefix(p.Name, "_ws."):
			all = append(all, &dissected{frame: frame, source: source, stream: stream, findings: []string{p.Name + " " + p.ShowName}})
		}
	}
	return all, nil
}

func (m *dissected) read(p *pdml) {
	m.command, m.application = p.find("diameter.cmd.code"), p.find("diameter.applicationId")
	m.hopByHop, m.endToEnd = p.find("diameter.hopbyhopid"), p.find("diameter.endtoendid")
	m.flags = m.number(p.find("diameter.flags"))
	m.walk(p, dissectedAVP{})
}

func (m *dissected) found(format string, args ...any) {
	m.findings = append(m.findings, fmt.Sprintf(format, args...))
}

func (m *dissected) number(show string) uint64 {
	v, err := strconv.ParseUint(show, 0, 64)
	if err != nil {
		m.found("tshark shows %q where a number should be", show)
	}
	return v
}

// walk collects the AVPs inside of a field, which belongs to an AVP unless that is the zero value, and everything that
// tshark remarks on, of whatever severity.
func (m *dissected) walk(p *pdml, within dissectedAVP) {
	for n := range p.Fields {
		f := &p.Fields[n]
		switch {
		case strings.HasPrefix(f.Name, "_ws."):
			if remark := f.find("_ws.expert.message"); remark != emptyData || !within.mayBeEmpty() {
				m.found("AVP %q: %s %s", within.name(), f.Name, f.ShowName)
			}
		case f.Name == "diameter.avp":
			a := dissectedAVP{
				code: f.find("diameter.avp.code"), flags: m.number(f.find("diameter.avp.flags")),
				depth: within.depth + 1, failed: within.failed || within.code == failedAVP,
			}
			m.readAVP(f, &a)
			m.avps = append(m.avps, a)
			m.walk(f, a)
		default:
			m.walk(f, within)
		}
	}
}

// show returns what is shown of an AVP of the command's own level.
func (m *dissected) show(code string) string {
	for _, a := range m.avps {
		if a.depth == 1 && a.name() == code {
			return a.show
		}
	}
	return ""
}

// emptyData is tshark's warning about an AVP without data.
const emptyData = "Data is empty"

// mayBeEmpty tells which AVPs may well have no data: Requested-Service-Unit, by which the server is asked for as much as it
// sees fit (RFC 8506 section 5.1.2); and Subscription-Id-Data as the example of a missing one, whose minimum length is 0
// (RFC 6733 section 7.1.5).
func (a dissectedAVP) mayBeEmpty() bool {
	return a.code == requestedServiceUnit || a.code == subscriptionIDData && a.failed
}

const failedAVP, sessionID, requestedServiceUnit, subscriptionIDData = "279", "263", "437", "444"

// readAVP reads what belongs to the AVP itself and not to members of it.
func (m *dissected) readAVP(f *pdml, a *dissectedAVP) {
	for n := range f.Fields {
		switch own := &f.Fields[n]; own.Name {
		case "diameter.avp.code":
			if strings.Contains(own.ShowName, "Unknown") {
				m.found("tshark does not know the AVP: %s", own.ShowName)
			}
		case "diameter.avp.vendorId":
			a.vendor = own.Show
		case "diameter.avp.pad":
			if pad, err := hex.DecodeString(own.Value); err != nil || len(bytes.Trim(pad, "\x00")) != 0 {
				m.found("AVP %s is padded with %s", a.code, own.Value)
			}
		case "diameter.CC-Request-Type":
			a.show = own.Show
		case "diameter.Result-Code":
			if a.depth == 1 {
				m.result = m.number(own.Show)
			}
		}
	}
}

// The commands by code and R bit.
var commandNames = map[string][2]string{
	"257": {"CEA", "CER"}, "258": {"RAA", "RAR"}, "272": {"CCA", "CCR"}, "280": {"DWA", "DWR"}, "282": {"DPA", "DPR"},
}

// inSession reports whether the message is of a session: it may be proxied, and its Session-Id comes first.
func (m *dissected) inSession() bool { return m.command == "258" || m.command == "272" }

func (m *dissected) name() string {
	names, ok := commandNames[m.command]
	switch {
	case !ok:
		return "command " + m.command
	case m.flags&bitRequest != 0:
		return names[1]
	}
	return names[0]
}

// judge ends the capture and checks what the server sent in it: tshark finds nothing to remark on, flags are as the
// standards have them, every request of either side is answered once, and the commands that should be there are.
func (c *capture) judge(want ...string) []*dissected {
	c.t.Helper()
	messages := c.dissect()
	sent := map[string]int{}
	for _, m := range messages {
		if m.fromServer = m.source == c.port; !m.fromServer {
			continue
		}
		sent[m.name()]++
		m.judgeFlags()
		for _, finding := range m.findings {
			c.t.Errorf("frame %s, %s of the server: %s", m.frame, m.name(), finding)
		}
	}
	c.t.Logf("the server sent %v", sent)
	for name := range sent {
		if strings.HasPrefix(name, "command") {
			c.t.Errorf("the server sent %s", name)
		}
	}
	for _, name := range want {
		if sent[name] == 0 {
			c.t.Errorf("the server sent no %s", name)
		}
	}
	c.judgeExchanges(messages)
	return messages
}

// exchange names a request and its answer.
type exchange struct {
	stream, command, application, hopByHop, endToEnd string
	byServer                                         bool // the request is the server's
}

func (c *capture) judgeExchanges(messages []*dissected) {
	c.t.Helper()
	open := map[exchange]*dissected{}
	leaving := map[string]bool{} // connections on which a DPR was sent: who has not seen it may still ask in vain
	for _, m := range messages {
		isRequest := m.flags&bitRequest != 0
		x := exchange{m.stream, m.command, m.application, m.hopByHop, m.endToEnd, m.fromServer == isRequest}
		request := open[x]
		switch {
		case isRequest && request != nil:
			c.t.Errorf("frame %s: %s with the identifiers of frame %s", m.frame, m.name(), request.frame)
		case isRequest:
			if !leaving[m.stream] {
				open[x] = m
			}
			leaving[m.stream] = leaving[m.stream] || m.name() == "DPR"
		case request == nil && !leaving[m.stream]:
			c.t.Errorf("frame %s: %s answers nothing that is open", m.frame, m.name())
		case request != nil:
			delete(open, x)
			if (request.flags^m.flags)&bitProxiable != 0 {
				c.t.Errorf("frame %s: the P bit of %s is not that of its request", m.frame, m.name())
			}
		}
	}
	for _, m := range open {
		c.t.Errorf("frame %s: %s was never answered", m.frame, m.name())
	}
}

// judgeFlags holds the flags of a message of the server, and of its AVPs, against the standards.
func (m *dissected) judgeFlags() {
	want := m.flags & bitRequest
	if m.inSession() {
		want |= bitProxiable
	}
	if m.result/1000 == 3 {
		want |= bitError
	}
	if m.flags != want {
		m.found("flags %#x, want %#x", m.flags, want)
	}
	if m.inSession() && (len(m.avps) == 0 || m.avps[0].code != sessionID) {
		m.found("Session-Id is not the first AVP")
	}
	for _, a := range m.avps {
		want, known := flagsOfSent(a)
		switch {
		case !known:
			m.found("AVP %s is new here; add it to the list of what the server sends, with the flags that its standard gives it", a.name())
		case a.flags != want:
			m.found("AVP %s has flags %#x, want %#x", a.name(), a.flags, want)
		}
	}
}

// flagsOfSent returns the flags that an AVP of the server must have.
func flagsOfSent(a dissectedAVP) (flags uint64, known bool) {
	switch {
	case a.failed:
		return a.flags, true // the peer's own
	case slices.Contains(sentMandatory, a.name()):
		return bitMandatory, true
	case slices.Contains(sentOptional, a.name()):
		return 0, true
	case slices.Contains(sentMandatory3GPP, a.name()):
		return bitVendor | bitMandatory, true
	}
	return 0, false
}

// What the server sends: AVPs with the M bit of RFC 6733 section 4.5 and RFC 8506 section 8, the one without it, and those
// of TS 32.299 section 7.2.
var (
	sentMandatory = strings.Fields(`
		257 258 260 263 264 265 266 268 273 278 279 280 283 284 285 293 296 33
		415 416 417 418 419 420 421 422 423 425 427 428 429 430 431 432 433 434 435 438 439 445 447 448 449 451 456`)
	sentOptional      = []string{"269"}
	sentMandatory3GPP = []string{"10415/868", "10415/869", "10415/871", "10415/1226"}
)
