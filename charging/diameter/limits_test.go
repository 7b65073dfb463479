package diameter

import "testing"

func TestConnectionLimits(t *testing.T) {
	options := testOptions()
	options.ConnectionsPerAddress = 2
	r := newRecorder()
	s, address := start(t, options, r)
	first, _ := connect(t, address), connect(t, address)
	dial(t, address).expectClosed()
	if n := s.Counters(); n.OverLimit != 1 || n.Accepted != 2 {
		t.Errorf("%+v", n)
	}
	if n := len(s.Peers()); n != 2 {
		t.Errorf("%d connections of one peer are up", n)
	}
	_ = first.conn.Close()
	r.awaitEvent(t, "down "+gatewayHost+": the peer closed the connection")
	connect(t, address)
}

// TestSilentConnectionsGiveWay: connections without a CER keep out nobody, neither at the bound of their address nor at the
// bound of all, and peers that are up never give way.
func TestSilentConnectionsGiveWay(t *testing.T) {
	for name, bound := range map[string]func(*Options){
		"of an address": func(o *Options) { o.ConnectionsPerAddress = 3 },
		"of all":        func(o *Options) { o.Connections = 3 },
	} {
		t.Run(name, func(t *testing.T) {
			options := testOptions()
			bound(&options)
			r := newRecorder()
			s, address := start(t, options, r)
			first := connect(t, address)
			silent := []*client{dial(t, address), dial(t, address)}
			second := connect(t, address)
			silent[0].expectClosed() // the oldest
			third := connect(t, address)
			silent[1].expectClosed()
			dial(t, address).expectClosed() // three are up
			for _, c := range []*client{first, second, third} {
				c.send(appendSmallCCR(nil, 1))
				if a := c.receive(); resultOf(a) != ResultSuccess {
					t.Errorf("result %v", resultOf(a))
				}
			}
			if n := s.Counters(); n.Accepted != 5 || n.MadeRoom != 2 || n.OverLimit != 1 {
				t.Errorf("%+v", n)
			}
			for _, c := range []*client{first, second, third} {
				_ = c.conn.Close()
			}
			r.await(t, "all down", func() bool { return len(r.events) == 6 })
			connect(t, address)
		})
	}
}
