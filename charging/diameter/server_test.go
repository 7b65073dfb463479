package diameter

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// request returns a request of any application and command, without AVPs other than Session-Id.
func request(command, appID uint32, body func(dst []byte) []byte) []byte {
	dst := AppendHeader(nil, FlagRequest|FlagProxiable, command, appID, 0, 0)
	dst = body(AppendString(dst, AVPSessionID, "session;1"))
	FinishMessage(dst, 0)
	return dst
}

// TestRefusedRequests sends what the base protocol answers by itself and then, on the same connection, a CCR that is
// served: the connection is kept.
func TestRefusedRequests(t *testing.T) {
	plain := func(dst []byte) []byte { return dst }
	with := func(b ...byte) func([]byte) []byte { return func(dst []byte) []byte { return append(dst, b...) } }
	withString := func(c Code, v string) func([]byte) []byte {
		return func(dst []byte) []byte { return AppendString(dst, c, v) }
	}
	bits := request(CmdCreditControl, AppCreditControl, plain)
	bits[4] |= FlagError
	version := request(CmdCreditControl, AppCreditControl, plain)
	version[0] = 2
	for _, c := range []struct {
		name   string
		b      []byte
		result Result
		failed bool
	}{
		{"unknown application", request(CmdCreditControl, 16777238, plain), ResultApplicationUnsupported, false},
		{"unknown command", request(999, AppCreditControl, plain), ResultCommandUnsupported, false},
		{"unknown base command", request(CmdCreditControl, AppBase, plain), ResultCommandUnsupported, false},
		{"unknown application comes before unknown AVP", request(271, 3, with(rawAVP(999, 0, FlagMandatory, 8)...)), ResultApplicationUnsupported, false},
		{"another realm", request(CmdCreditControl, AppCreditControl, withString(AVPDestinationRealm, "other.example")), ResultRealmNotServed, false},
		{"another host", request(CmdCreditControl, AppCreditControl, withString(AVPDestinationHost, "ocs9.charging.example")), ResultUnableToDeliver, false},
		{"E bit", bits, ResultInvalidHeaderBits, false},
		{"version", version, ResultUnsupportedVersion, false},
		{"unknown AVP", request(CmdCreditControl, AppCreditControl, with(rawAVP(999, 0, FlagMandatory, 8)...)), ResultAVPUnsupported, true},
		{"AVP bits", request(CmdCreditControl, AppCreditControl, with(rawAVP(416, 0, 0, 12, 0, 0, 0, 1)...)), ResultInvalidAVPBits, true},
		{"AVP length", request(CmdCreditControl, AppCreditControl, with(rawAVP(416, 0, FlagMandatory, 9, 1)...)), ResultInvalidAVPLength, true},
		{"AVP beyond the message", request(CmdCreditControl, AppCreditControl, with(rawAVP(416, 0, FlagMandatory, 99, 1)...)), ResultInvalidAVPLength, true},
		{"DWR with an unknown AVP", request(CmdDeviceWatchdog, AppBase, with(rawAVP(999, 0, FlagMandatory, 8)...)), ResultAVPUnsupported, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRecorder()
			_, address := start(t, testOptions(), r)
			peer := connect(t, address)
			peer.send(c.b)
			a := peer.receive()
			if got := resultOf(a); got != c.result || a.IsError() != c.result.IsProtocolError() || a.IsRequest() {
				t.Errorf("result %v, flags %#x", got, a.Flags)
			}
			if a.Command != parseHeader(c.b).Command || a.AppID != parseHeader(c.b).AppID || a.HopByHop != 0 {
				t.Errorf("header %+v", a.Header)
			}
			if c.result != ResultUnsupportedVersion && string(a.Data(0)) != "session;1" {
				t.Errorf("AVPs %v: Session-Id does not come first", codes(a))
			}
			if (a.Find(AVPFailedAVP) != Root) != c.failed {
				t.Errorf("AVPs %v: Failed-AVP expected %t", codes(a), c.failed)
			}
			peer.send(appendSmallCCR(nil, 42))
			if a := peer.receive(); a.HopByHop != 42 || resultOf(a) != ResultSuccess {
				t.Errorf("the next CCR got %v", resultOf(a))
			}
			if r.served() != 1 {
				t.Errorf("%d requests reached the application", r.served())
			}
		})
	}
}

func parseHeader(b []byte) Header {
	var m Message
	m.Parse(b, Limits{})
	return m.Header
}

func TestServedNames(t *testing.T) {
	options := testOptions()
	options.ServedHosts = []string{"ocs-vip.charging.example"}
	options.ServedRealms = []string{"roaming.example"}
	_, address := start(t, options, newRecorder())
	c := connect(t, address)
	for _, host := range []string{testHost, strings.ToUpper(testHost), "ocs-vip.charging.example"} {
		for _, realm := range []string{testRealm, "Roaming.Example"} {
			c.send(request(CmdCreditControl, AppCreditControl, func(dst []byte) []byte {
				return AppendString(AppendString(dst, AVPDestinationHost, host), AVPDestinationRealm, realm)
			}))
			if a := c.receive(); resultOf(a) != ResultSuccess {
				t.Errorf("%s in %s: %v", host, realm, resultOf(a))
			}
		}
	}
}

// TestFramingLost sends what leaves no way to find the next message: an answer if there can be one, then the end.
func TestFramingLost(t *testing.T) {
	patched := func(length uint32, flags uint8) []byte {
		b := appendSmallCCR(nil, 7)
		b[1], b[2], b[3] = byte(length>>16), byte(length>>8), byte(length)
		b[4] = flags
		return b
	}
	for _, c := range []struct {
		name     string
		b        []byte
		answered bool
	}{
		{"over the limit", patched(65540, FlagRequest), true},
		{"16 MiB", patched(maxLength-3, FlagRequest), true},
		{"length 0", patched(0, FlagRequest), true},
		{"length 16", patched(16, FlagRequest), true},
		{"odd length", patched(101, FlagRequest), true},
		{"answer over the limit", patched(65540, 0), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRecorder()
			_, address := start(t, testOptions(), r)
			peer := connect(t, address)
			peer.send(c.b)
			if c.answered {
				if a := peer.receive(); resultOf(a) != ResultInvalidMessageLength || a.IsError() || a.HopByHop != 7 {
					t.Errorf("result %v, header %+v", resultOf(a), a.Header)
				}
			}
			peer.expectClosed()
			_ = peer.conn.Close()
			r.awaitEvent(t, "down "+gatewayHost+": message framing lost")
		})
	}
}

// TestMalformedBudget sends malformed messages without end: each is answered, until the connection is closed.
func TestMalformedBudget(t *testing.T) {
	r := newRecorder()
	options := testOptions()
	options.MalformedBurst = 5
	_, address := start(t, options, r)
	peer := connect(t, address)
	bad := request(CmdCreditControl, AppCreditControl, func(dst []byte) []byte {
		return append(dst, rawAVP(416, 0, FlagMandatory, 99, 1)...)
	})
	peer.send(bytes.Repeat(bad, 6))
	for range 5 {
		if a := peer.receive(); resultOf(a) != ResultInvalidAVPLength {
			t.Errorf("result %v", resultOf(a))
		}
	}
	peer.expectClosed()
	r.awaitEvent(t, "down "+gatewayHost+": too many malformed messages")
	// A well-formed message that must be refused for its content does not count.
	peer = connect(t, address)
	unknown := request(CmdCreditControl, AppCreditControl, func(dst []byte) []byte { return append(dst, rawAVP(999, 0, FlagMandatory, 8)...) })
	peer.send(bytes.Repeat(unknown, 20))
	for range 20 {
		if a := peer.receive(); resultOf(a) != ResultAVPUnsupported {
			t.Errorf("result %v", resultOf(a))
		}
	}
}

// TestSegments sends the same messages cut in every way that TCP may cut them.
func TestSegments(t *testing.T) {
	const messages = 120
	var all []byte
	for i := range messages {
		all = appendSmallCCR(all, uint32(i+1))
	}
	for _, size := range []int{1, 7, 19, 20, 21, 1000, 65535, len(all)} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			r := newRecorder()
			_, address := start(t, testOptions(), r)
			c := connect(t, address)
			go func() {
				for chunk := range slices.Chunk(all, size) {
					if _, err := c.conn.Write(chunk); err != nil {
						t.Error(err)
						return
					}
				}
			}()
			for i := range messages {
				if a := c.receive(); a.HopByHop != uint32(i+1) || resultOf(a) != ResultSuccess {
					t.Fatalf("answer %d: hop-by-hop %d, result %v", i, a.HopByHop, resultOf(a))
				}
			}
			r.await(t, "all requests", func() bool { return r.requests == messages })
			_ = c.conn.Close()
			r.awaitEvent(t, "down "+gatewayHost+": the peer closed the connection")
			if size == len(all) && r.batches > messages/4 {
				t.Errorf("%d messages in one segment were served in %d batches", messages, r.batches)
			}
		})
	}
}

// TestLargestMessage sends a message that fills the read buffer exactly, between two others.
func TestLargestMessage(t *testing.T) {
	_, address := start(t, testOptions(), newRecorder())
	c := connect(t, address)
	large := request(CmdCreditControl, AppCreditControl, func(dst []byte) []byte {
		return AppendBytes(dst, AVPClass, make([]byte, DefaultMessageBytes-len(dst)-avpHeader))
	})
	if len(large) != DefaultMessageBytes {
		t.Fatalf("%d octets", len(large))
	}
	all := slices.Concat(appendSmallCCR(nil, 1), large, appendSmallCCR(nil, 3))
	go func() {
		if _, err := c.conn.Write(all); err != nil {
			t.Error(err)
		}
	}()
	for _, want := range []uint32{1, 0, 3} {
		if a := c.receive(); a.HopByHop != want || resultOf(a) != ResultSuccess {
			t.Errorf("hop-by-hop %d, result %v", a.HopByHop, resultOf(a))
		}
	}
}

// TestAnswersOutOfOrder answers held requests later, from another goroutine.
func TestAnswersOutOfOrder(t *testing.T) {
	r := newRecorder()
	r.hold = true
	s, address := start(t, testOptions(), r)
	c := connect(t, address)
	for i := range 10 {
		c.send(appendSmallCCR(nil, uint32(i+1)))
	}
	r.await(t, "10 requests", func() bool { return r.requests == 10 })
	if n := s.Peers()[0].InFlight; n != 10 {
		t.Errorf("%d in flight", n)
	}
	slices.Reverse(r.held)
	r.answerHeld()
	for i := range 10 {
		if a := c.receive(); a.HopByHop != uint32(10-i) {
			t.Errorf("hop-by-hop %d", a.HopByHop)
		}
	}
	if p := s.Peers()[0]; p.InFlight != 0 || p.Answers != 10 {
		t.Errorf("%+v", p)
	}
}

func TestInFlightLimit(t *testing.T) {
	r := newRecorder()
	r.hold = true
	options := testOptions()
	options.InFlight = 3
	_, address := start(t, options, r)
	c := connect(t, address)
	for i := range 5 {
		c.send(appendSmallCCR(nil, uint32(i+1)))
	}
	for _, want := range []uint32{4, 5} {
		if a := c.receive(); a.HopByHop != want || resultOf(a) != ResultTooBusy || !a.IsError() {
			t.Errorf("hop-by-hop %d, result %v", a.HopByHop, resultOf(a))
		}
	}
	r.answerHeld()
	for range 3 {
		if a := c.receive(); resultOf(a) != ResultSuccess {
			t.Errorf("result %v", resultOf(a))
		}
	}
	if r.served() != 3 {
		t.Errorf("%d requests served", r.served())
	}
}

// TestRequestToPeer sends a RAR of ours and takes its answer.
func TestRequestToPeer(t *testing.T) {
	r := newRecorder()
	s, address := start(t, testOptions(), r)
	c := connect(t, address)
	r.awaitEvent(t, "up "+gatewayHost)
	conn := s.Lookup(gatewayHost)
	if !conn.Usable() {
		t.Error("the connection of a peer that is up cannot be used")
	}
	hopByHop, endToEnd := conn.NextHopByHop(), conn.NextEndToEnd()
	conn.Append(func(dst []byte) []byte {
		start := len(dst)
		dst = AppendHeader(dst, FlagRequest|FlagProxiable, CmdReAuth, AppCreditControl, hopByHop, endToEnd)
		dst = AppendString(dst, AVPSessionID, gatewaySession)
		dst = AppendUint32(dst, AVPReAuthRequestType, 0)
		FinishMessage(dst, start)
		return dst
	})
	conn.Flush()
	rar := c.receive()
	if rar.Command != CmdReAuth || !rar.IsRequest() || rar.HopByHop != hopByHop || rar.EndToEnd != endToEnd {
		t.Errorf("RAR %+v", rar.Header)
	}
	raa := AppendAnswerHeader(nil, &rar.Header)
	raa = AppendSessionID(raa, rar)
	raa = AppendResult(raa, ResultLimitedSuccess)
	raa = append(raa, rawAVP(999, 0, FlagMandatory, 8)...) // what we do not know must not lose us the result
	FinishMessage(raa, 0)
	c.send(raa)
	r.await(t, "the RAA", func() bool { return slices.Equal(r.answers, []Result{ResultLimitedSuccess}) })
	_ = c.conn.Close()
	r.awaitEvent(t, "down "+gatewayHost+": the peer closed the connection")
	if conn.Usable() {
		t.Error("the connection can be used after its end")
	}
}

func TestDisconnectByPeer(t *testing.T) {
	r := newRecorder()
	r.hold = true
	_, address := start(t, testOptions(), r)
	c := connect(t, address)
	c.send(slices.Concat(appendSmallCCR(nil, 1), appendSmallCCR(nil, 2), appendDPR(nil, 3), appendSmallCCR(nil, 4)))
	if a := c.receive(); a.HopByHop != 4 || resultOf(a) != ResultTooBusy {
		t.Errorf("after the DPR: hop-by-hop %d, result %v", a.HopByHop, resultOf(a))
	}
	r.answerHeld()
	for _, want := range []uint32{1, 2, 3} {
		if a := c.receive(); a.HopByHop != want || resultOf(a) != ResultSuccess {
			t.Errorf("hop-by-hop %d, result %v", a.HopByHop, resultOf(a))
		}
	}
	_ = c.conn.Close()
	r.awaitEvent(t, "down "+gatewayHost+": disconnected by DPR")
}

func TestShutdown(t *testing.T) {
	r := newRecorder()
	r.hold = true
	s, address := start(t, testOptions(), r)
	c, silent := connect(t, address), dial(t, address)
	c.send(appendSmallCCR(nil, 1))
	r.await(t, "the request", func() bool { return r.requests == 1 })
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(t.Context()) }()
	silent.expectClosed()
	if nc, err := net.DialTimeout("tcp", address, time.Second); err == nil {
		newClient(t, nc).expectClosed()
	}
	r.answerHeld()
	if a := c.receive(); a.HopByHop != 1 || resultOf(a) != ResultSuccess {
		t.Errorf("the request in flight got %v", resultOf(a))
	}
	dpr := c.receive()
	if cause, ok := dpr.Uint32(dpr.Find(AVPDisconnectCause)); dpr.Command != CmdDisconnectPeer || !ok || cause != DisconnectRebooting {
		t.Errorf("command %d, Disconnect-Cause %d", dpr.Command, cause)
	}
	dpa := AppendResult(AppendAnswerHeader(nil, &dpr.Header), ResultSuccess)
	FinishMessage(dpa, 0)
	c.send(dpa)
	c.expectClosed()
	_ = c.conn.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	r.awaitEvent(t, "down "+gatewayHost+": disconnected by DPR")
}

// TestSlowPeer has a peer that sends and never reads.
func TestSlowPeer(t *testing.T) {
	r := newRecorder()
	options := testOptions()
	options.OutputBytes = 1 << 20
	_, address := start(t, options, r)
	c := connect(t, address)
	var flood []byte
	for i := range 200 {
		flood = appendSmallCCR(flood, uint32(i))
	}
	go func() {
		for {
			if _, err := c.conn.Write(flood); err != nil {
				return
			}
		}
	}()
	r.awaitEvent(t, "down "+gatewayHost+": the peer does not read its answers")
}

func TestOptionsValidate(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"no host":            func(o *Options) { o.Identity.Host = "" },
		"blank in realm":     func(o *Options) { o.Identity.Realm = "a b" },
		"long host":          func(o *Options) { o.Identity.Host = strings.Repeat("a", 256) },
		"no peer can come":   func(o *Options) { o.AllowUnknownPeers = false },
		"no application":     func(o *Options) { o.Applications = []Application{} },
		"short watchdog":     func(o *Options) { o.WatchdogInterval = time.Second },
		"negative timeout":   func(o *Options) { o.WriteTimeout = -1 },
		"negative limit":     func(o *Options) { o.InFlight = -1 },
		"small output":       func(o *Options) { o.OutputBytes = 1000 },
		"message over input": func(o *Options) { o.Limits.MessageBytes = 1 << 20 },
	} {
		options := testOptions()
		change(&options)
		if _, err := NewServer(options, newRecorder()); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := NewServer(testOptions(), nil); err == nil {
		t.Error("no handler: accepted")
	}
}
