package diameter

import (
	"fmt"
	"testing"
)

// TestProfileOfPeer has the handler choose the strictness of a peer and keep a value with its connection.
func TestProfileOfPeer(t *testing.T) {
	r := newRecorder()
	r.onUp = func(c *Conn) {
		c.SetLimits(Limits{Flags: FlagsTolerant, MessageBytes: 1 << 20})
		c.Attach("profile of " + c.OriginRealm())
	}
	s, address := start(t, testOptions(), r)
	c := connect(t, address)
	c.send(request(CmdCreditControl, AppCreditControl, func(dst []byte) []byte {
		dst = AppendUint32(dst, AVPCCRequestType, 1)
		dst[len(dst)-12+4] &^= FlagMandatory // the M bit of the AVP just appended
		return dst
	}))
	if a := c.receive(); resultOf(a) != ResultSuccess {
		t.Errorf("a tolerant profile got %v", resultOf(a))
	}
	conn := s.Lookup(gatewayHost)
	if conn.Attached() != "profile of "+gatewayRealm || conn.Server() != s {
		t.Errorf("attached %v", conn.Attached())
	}
	if limit := conn.peer.limits.MessageBytes; limit != DefaultMessageBytes {
		t.Errorf("a peer may send messages of %d octets, more than the server's buffer", limit)
	}
}

// TestRememberedPeers has as many peers come and go as are remembered, and then one more: one of those that are gone
// is forgotten for it, and none that is connected.
func TestRememberedPeers(t *testing.T) {
	s, err := NewServer(testOptions(), newRecorder())
	if err != nil {
		t.Fatal(err)
	}
	admit := func(i int) (*Conn, Result) {
		c := &Conn{server: s}
		return c, s.admit(c, offer{host: fmt.Sprintf("gw%d.example", i), realm: "example", stateID: 1})
	}
	for i := range rememberedPeers {
		if _, result := admit(i); result != ResultSuccess {
			t.Fatalf("peer %d: %v", i, result)
		}
	}
	if _, result := admit(rememberedPeers); result != ResultTooBusy {
		t.Errorf("with all connected, one more got %v", result)
	}
	gone := s.peers["gw7.example"]
	gone.conns = nil
	if _, result := admit(rememberedPeers); result != ResultSuccess {
		t.Errorf("with one gone, one more got %v", result)
	}
	if s.peers["gw7.example"] != nil || len(s.peers) != rememberedPeers {
		t.Errorf("%d peers, the one that is gone among them: %t", len(s.peers), s.peers["gw7.example"] != nil)
	}
}
