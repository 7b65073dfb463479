package charging

import (
	"fmt"
	"testing"
)

// TestHostsAreForgotten has a peer name a new gateway with every session: the
// names of those whose sessions are gone must not pile up, and those that have
// one must keep their number.
func TestHostsAreForgotten(t *testing.T) {
	h := newHosts()
	held := h.enter([]byte("held"))
	for n := range 20 * rememberedHosts {
		h.leave(h.enter(fmt.Appendf(nil, "made-up-%d", n)))
	}
	if len(h.names) > rememberedHosts+1 || len(h.index) > rememberedHosts+1 {
		t.Errorf("%d names are remembered, %d in the index; %d are enough", len(h.names), len(h.index), rememberedHosts)
	}
	if again := h.enter([]byte("held")); again != held || h.names[held] != "held" || h.open[held] != 2 {
		t.Errorf("a gateway with a session had number %d and has %d, name %q, %d sessions", held, again, h.names[held], h.open[held])
	}
}

// TestHostsWithSessionsStay has more gateways with sessions than are remembered
// without.
func TestHostsWithSessionsStay(t *testing.T) {
	h := newHosts()
	numbers := map[uint32]bool{}
	for n := range 3 * rememberedHosts {
		numbers[h.enter(fmt.Appendf(nil, "gateway-%d", n))] = true
	}
	if len(numbers) != 3*rememberedHosts {
		t.Errorf("%d gateways share %d numbers", 3*rememberedHosts, len(numbers))
	}
}
