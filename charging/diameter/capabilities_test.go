package diameter

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestCapabilitiesExchange(t *testing.T) {
	r := newRecorder()
	s, address := start(t, testOptions(), r)
	c := dial(t, address)
	c.send(appendCER(nil, 1000))
	a := c.receive()
	if a.Flags != 0 || a.HopByHop != 0x11 || a.EndToEnd != 0x21 || a.Command != CmdCapabilitiesExchange {
		t.Errorf("header %+v", a.Header)
	}
	want := []Code{
		AVPResultCode, AVPOriginHost, AVPOriginRealm, AVPHostIPAddress, AVPVendorID, AVPProductName,
		AVPOriginStateID, AVPSupportedVendorID, AVPAuthApplicationID,
		AVPVendorSpecificApplicationID, // as the CER had it
	}
	if got := codes(a); !slices.Equal(got, want) {
		t.Errorf("CEA holds %v, want %v", got, want)
	}
	if ip, ok := a.Addr(a.Find(AVPHostIPAddress)); !ok || ip.String() != "127.0.0.1" {
		t.Errorf("Host-IP-Address %v", ip)
	}
	r.awaitEvent(t, "up "+gatewayHost)
	peers := s.Peers()
	if len(peers) != 1 {
		t.Fatalf("%d peers", len(peers))
	}
	p := peers[0]
	if p.OriginHost != gatewayHost || p.OriginRealm != gatewayRealm || p.ProductName != "freeDiameter" || p.OriginStateID != 1000 ||
		p.Address != c.conn.LocalAddr().String() || p.Since.IsZero() {
		t.Errorf("peer %+v", p)
	}
	if found := s.Lookup(strings.ToUpper(gatewayHost)); found == nil || found.OriginHost() != gatewayHost {
		t.Error("the peer is not found by its Origin-Host")
	}
	_ = c.conn.Close()
	r.awaitEvent(t, "down "+gatewayHost+": the peer closed the connection")
	if s.Lookup(gatewayHost) != nil || len(s.Peers()) != 0 {
		t.Error("a peer that is down is still listed")
	}
}

// cer returns a CER with what body appends after the identity.
func cer(host, realm string, body func(dst []byte) []byte) []byte {
	dst := AppendHeader(nil, FlagRequest, CmdCapabilitiesExchange, AppBase, 5, 6)
	if host != "" {
		dst = AppendString(dst, AVPOriginHost, host)
	}
	if realm != "" {
		dst = AppendString(dst, AVPOriginRealm, realm)
	}
	dst = body(dst)
	FinishMessage(dst, 0)
	return dst
}

func TestCapabilitiesOffered(t *testing.T) {
	app := func(c Code, id uint32) func([]byte) []byte {
		return func(dst []byte) []byte { return AppendUint32(dst, c, id) }
	}
	inGroup := func(body func([]byte) []byte) func([]byte) []byte {
		return func(dst []byte) []byte {
			dst, g := BeginGroup(dst, AVPVendorSpecificApplicationID)
			dst = body(AppendUint32(dst, AVPVendorID, 0))
			EndGroup(dst, g)
			return dst
		}
	}
	security := func(values ...uint32) func([]byte) []byte {
		return func(dst []byte) []byte {
			dst = AppendUint32(dst, AVPAuthApplicationID, AppCreditControl)
			for _, v := range values {
				dst = AppendUint32(dst, AVPInbandSecurityID, v)
			}
			return dst
		}
	}
	credit := app(AVPAuthApplicationID, AppCreditControl)
	for _, c := range []struct {
		name     string
		cer      []byte
		result   Result
		hasError bool // E bit
		failed   Code
	}{
		{"bare", cer("a.example", "example", credit), ResultSuccess, false, 0},
		{"in a group", cer("a.example", "example", inGroup(credit)), ResultSuccess, false, 0},
		{"relay", cer("a.example", "example", app(AVPAuthApplicationID, AppRelay)), ResultSuccess, false, 0},
		{"accounting relay", cer("a.example", "example", app(AVPAcctApplicationID, AppRelay)), ResultSuccess, false, 0},
		{"second of two", cer("a.example", "example", func(dst []byte) []byte { return credit(app(AVPAuthApplicationID, 16777238)(dst)) }), ResultSuccess, false, 0},
		{"another application", cer("a.example", "example", app(AVPAuthApplicationID, 16777238)), ResultNoCommonApplication, false, 0},
		{"accounting 4 is another application", cer("a.example", "example", app(AVPAcctApplicationID, AppCreditControl)), ResultNoCommonApplication, false, 0},
		{"no application", cer("a.example", "example", func(dst []byte) []byte { return dst }), ResultNoCommonApplication, false, 0},
		{"no security or TLS", cer("a.example", "example", security(InbandSecurityTLS, InbandSecurityNone)), ResultSuccess, false, 0},
		{"TLS only", cer("a.example", "example", security(InbandSecurityTLS)), ResultNoCommonSecurity, false, 0},
		{"unknown peer", cer("b.example", "example", credit), ResultUnknownPeer, true, 0},
		{"no host", cer("", "example", credit), ResultMissingAVP, false, AVPOriginHost},
		{"no realm", cer("a.example", "", credit), ResultMissingAVP, false, AVPOriginRealm},
		{"blank in host", cer("a example", "example", credit), ResultInvalidAVPValue, false, AVPOriginHost},
		{"unknown mandatory AVP", cer("a.example", "example", func(dst []byte) []byte {
			return append(credit(dst), rawAVP(999, 0, FlagMandatory, 8)...)
		}), ResultAVPUnsupported, false, MakeCode(999, 0)},
	} {
		t.Run(c.name, func(t *testing.T) {
			options := testOptions()
			options.AllowUnknownPeers = false
			options.KnownPeers = []string{"other.example", "A.example"}
			_, address := start(t, options, newRecorder())
			peer := dial(t, address)
			peer.send(c.cer)
			a := peer.receive()
			if resultOf(a) != c.result || a.IsError() != c.hasError {
				t.Errorf("result %v, E %t; want %v, %t", resultOf(a), a.IsError(), c.result, c.hasError)
			}
			if i := a.Find(AVPFailedAVP); (i != Root) != (c.failed != 0) {
				t.Errorf("Failed-AVP present: %t", i != Root)
			} else if i != Root && !bytes.Equal(a.Data(i)[:4], AppendUint32(nil, c.failed, 0)[:4]) {
				t.Errorf("Failed-AVP %x", a.Data(i))
			}
			if c.result != ResultSuccess {
				peer.expectClosed()
				return
			}
			peer.send(appendDWR(nil, 9, 0))
			if a := peer.receive(); a.Command != CmdDeviceWatchdog {
				t.Errorf("command %d after the CEA", a.Command)
			}
		})
	}
}

func TestFirstMessageIsNotCER(t *testing.T) {
	for name, b := range map[string][]byte{
		"DWR":       appendDWR(nil, 1, 1),
		"CCR":       appendCCRUpdate(nil),
		"CEA":       readGolden(t, "cea"),
		"HTTP":      []byte("GET / HTTP/1.1\r\nHost: example\r\n\r\n"),
		"version 2": append([]byte{2}, appendCER(nil, 1)[1:]...),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRecorder()
			_, address := start(t, testOptions(), r)
			c := dial(t, address)
			c.send(b)
			c.expectClosed()
			if len(r.log()) != 0 {
				t.Errorf("events %q", r.log())
			}
		})
	}
}

// TestOriginStateID follows a peer through its restarts.
func TestOriginStateID(t *testing.T) {
	r := newRecorder()
	s, address := start(t, testOptions(), r)
	first := dial(t, address)
	first.handshake(100)
	ccr := func(host string, stateID uint32) []byte {
		return request(CmdCreditControl, AppCreditControl, func(dst []byte) []byte {
			dst = AppendString(dst, AVPOriginHost, host)
			return AppendUint32(dst, AVPOriginStateID, stateID)
		})
	}
	exchange := func(c *client, b []byte) {
		t.Helper()
		c.send(b)
		if a := c.receive(); resultOf(a) != ResultSuccess {
			t.Fatalf("result %v", resultOf(a))
		}
	}
	exchange(first, ccr(gatewayHost, 100))
	exchange(first, ccr(gatewayHost, 99))       // late, no restart
	exchange(first, ccr("behind.a.relay", 500)) // another node's
	exchange(first, appendDWR(nil, 1, 101))     // restart
	exchange(first, ccr(gatewayHost, 102))      // restart
	exchange(first, ccr(gatewayHost, 102))      // no other
	second := dial(t, address)
	second.handshake(200)                  // restart, seen in a CER
	exchange(first, ccr(gatewayHost, 102)) // the old connection is still draining
	r.await(t, "the second connection", func() bool { return len(r.events) >= 5 })
	want := []string{
		"up " + gatewayHost,
		"restarted " + gatewayHost + " 100 101",
		"restarted " + gatewayHost + " 101 102",
		"restarted " + gatewayHost + " 102 200",
		"up " + gatewayHost,
	}
	if !slices.Equal(r.log(), want) {
		t.Errorf("events %q, want %q", r.log(), want)
	}
	if p := s.Peers(); len(p) != 2 || p[1].OriginStateID != 200 {
		t.Errorf("%+v", p)
	}
}

// TestSecondCER answers a CER on an open connection: again, if it is the same peer's, and with the end, if not.
func TestSecondCER(t *testing.T) {
	_, address := start(t, testOptions(), newRecorder())
	c := connect(t, address)
	c.handshake(1000)
	c.send(appendSmallCCR(nil, 3))
	if a := c.receive(); resultOf(a) != ResultSuccess {
		t.Errorf("result %v", resultOf(a))
	}
	c.send(cer("other.example", "example", func(dst []byte) []byte { return AppendUint32(dst, AVPAuthApplicationID, AppCreditControl) }))
	if a := c.receive(); resultOf(a) != ResultUnableToComply {
		t.Errorf("result %v", resultOf(a))
	}
	c.expectClosed()
}
