package gy

import (
	"fmt"
	"testing"
)

// TestRoutesAreBounded: a way that leads nowhere gives its place to another one, one that is in use does not.
func TestRoutesAreBounded(t *testing.T) {
	g := newGateway(t, &captured{}, Profile{}, nil)
	dead, alive := &recorder{t: t, unusable: true}, &recorder{t: t}
	for k := range maxRoutes - 1 {
		g.routes.add(fmt.Append(nil, "host-", k)).pass(relayed(g, alive), nil)
	}
	g.routes.add([]byte("gone")).pass(relayed(g, dead), nil)
	if g.routes.add([]byte("new")) == nil {
		t.Fatal("a way that leads nowhere keeps its place")
	}
	if g.routes.find([]byte("gone")) != nil || g.routes.find([]byte("HOST-0")) == nil {
		t.Error("another way than the one that leads nowhere was given up")
	}
	g.routes.find([]byte("new")).pass(relayed(g, alive), nil)
	if to := g.routes.add([]byte("one too many")); to != nil {
		t.Errorf("%d ways, at most %d", len(g.routes.byHost), maxRoutes)
	}
	conn := relayed(g, alive)
	conn.serve(parse(t, "Session-Id s\nOrigin-Host one.too.many\nCC-Request-Type 2\nCC-Request-Number 1"))
	if got := g.Counters(); got.Submitted != 1 {
		t.Errorf("a request of a host without a way back was not submitted: %+v", got)
	}
}
