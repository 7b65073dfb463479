package charging_test

import (
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"gyro/charging"
	"gyro/internal/instant"
)

// TestHistories runs random histories: whatever gateways and people send, and
// whenever checkpoints are taken, written slice by slice between batches and
// loaded, the books hold and every replay comes to the same.
func TestHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &historian{
			shard: newShard(t), now: 1_800_000_000_000,
			world: world{t: t, requests: map[string]uint32{}, wide: true},
		}
		h.apply(h.now, worldOpening(t)...)
		for range rapid.IntRange(5, 60).Draw(t, "steps") {
			h.step(t)
		}
		if h.running != nil {
			h.complete()
		}
		h.books()
		h.metamorphic()
	})
}

type historian struct {
	*shard
	world
	now      instant.Instant
	captured int // commands before the running checkpoint
	done     []answered
}

// answered is a request that was accepted, to be sent again.
type answered struct {
	command []byte
	outcome outcome
}

func (h *historian) step(t *rapid.T) {
	switch rapid.IntRange(0, 13).Draw(t, "step") {
	case 12, 13:
		h.operate(t)
	case 0:
		longest := rapid.SampledFrom([]int64{1_500, 40 * 60_000}).Draw(t, "longest")
		h.now = h.now.Add(instant.Span(rapid.Int64Range(1, longest).Draw(t, "pause")))
		h.tick()
	case 1:
		if h.running == nil {
			h.restart()
		}
	case 2:
		h.checkpointStep()
	case 3:
		h.duplicate(t)
	case 4:
		h.administer(t)
	default:
		h.requests(t)
	}
}

func (h *historian) tick() {
	h.apply(h.now, command(h.shard.t, charging.KindTick, nil))
}

// requests applies a batch of requests and top-ups.
func (h *historian) requests(t *rapid.T) {
	var batch [][]byte
	unopened := map[int]bool{} // initials that may be refused without a session
	for range rapid.IntRange(1, 4).Draw(t, "commands") {
		if h.one(4) {
			kind, c := h.money()
			batch = append(batch, command(t, kind, c))
			continue
		}
		c := h.request()
		if h.one(4) {
			c.Called = []byte(rapid.SampledFrom([]string{"", "4917011", "4917012"}).Draw(t, "called"))
			c.Also = [][]byte{[]byte("4917013"), []byte("441711")}[:rapid.IntRange(0, 2).Draw(t, "also")]
		}
		if h.one(6) {
			c.Type, c.Action = charging.Event, charging.RequestedAction(rapid.IntRange(0, 3).Draw(t, "action"))
		}
		unopened[len(batch)] = c.Type == charging.Initial && mayStayUnopened(c)
		batch = append(batch, charging.AppendCreditControl(nil, c))
	}
	for n, o := range h.apply(h.now, batch...) {
		if o.Result == charging.Success && !unopened[n] {
			h.done = append(h.done, answered{batch[n], o})
		}
	}
}

// mayStayUnopened: an initial that asks at the level of the command and is
// refused there opens no session, so that it is decided anew when it comes
// again; unless it reported something.
func mayStayUnopened(c *charging.CreditControl) bool {
	bare := false
	for k := range c.Services {
		bare = bare || c.Services[k].Flags&charging.Bare != 0
		if c.Services[k].ReportCount > 0 {
			return false
		}
	}
	return bare
}

// duplicate sends any earlier accepted request again: nothing may move, and
// the answer is the same or a refusal.
func (h *historian) duplicate(t *rapid.T) {
	if len(h.done) == 0 {
		return
	}
	again := h.done[rapid.IntRange(0, len(h.done)-1).Draw(t, "again")]
	before, record := h.snapshot(), h.state.LastRecord()
	got := h.apply(h.now, again.command)[0]
	if after := h.snapshot(); after != before || h.state.LastRecord() != record {
		t.Fatalf("a duplicate of %+v moved something:\n%s\n%s", again.outcome, before, after)
	}
	want := again.outcome
	switch {
	case got.Replayed:
		got.Replayed, want.Replayed = false, false
		if !reflect.DeepEqual(normal(got), normal(want)) {
			t.Fatalf("a duplicate is answered with %+v instead of %+v", got, want)
		}
	case got.Result != charging.Contradiction && got.Result != charging.UnknownSession:
		t.Fatalf("a duplicate of %+v is answered with %+v", want, got)
	}
}

// snapshot is everything that money and sessions are.
func (h *historian) snapshot() string {
	text := fmt.Sprintf("%+v\n", h.state.Stats().Totals)
	for k := range worldAccounts {
		v, ok := h.state.Account(fmt.Sprintf("account-%d", k))
		text += fmt.Sprintf("%v %+v\n", ok, v)
	}
	text += fmt.Sprintf("%+v\n", h.state.VoucherBatches("", 100))
	for _, v := range h.state.Sessions(0, 100) {
		text += fmt.Sprintf("%+v\n", v)
	}
	return text
}

// administer closes and reopens accounts, restarts the gateway, publishes.
func (h *historian) administer(t *rapid.T) {
	k := rapid.IntRange(0, worldAccounts-1).Draw(t, "account")
	var c []byte
	switch rapid.IntRange(0, 5).Draw(t, "administer") {
	case 0:
		c = command(t, charging.KindDeleteAccount, charging.DeleteAccount{Account: fmt.Sprintf("account-%d", k)})
	case 1:
		c = worldAccount(t, k)
	case 2:
		if !h.one(4) {
			return
		}
		c = command(t, charging.KindPeerRestart, charging.RestartPeer{OriginHost: "gateway", Before: h.now})
	case 3:
		c = publication(t, "world", worldCatalog+fmt.Sprintf("# version %d\n", rapid.IntRange(0, 3).Draw(t, "version")))
	case 5:
		c = manyBuckets(t)
	case 4:
		settings := h.state.Settings()
		settings.Supervision = instant.Span(rapid.Int64Range(1, 120).Draw(t, "minutes")) * instant.Minute
		c = command(t, charging.KindConfigure, settings)
	}
	h.apply(h.now, c)
}

// checkpointStep begins a checkpoint, goes on with the one that is under way,
// or completes it.
func (h *historian) checkpointStep() {
	switch {
	case h.running == nil:
		h.captured = len(h.history)
		h.begin()
	case h.one(2):
		h.complete()
	default:
		if h.running.Step() {
			h.running.Stored(h.stored)
			h.running = nil
			h.compare()
		}
	}
}

func (h *historian) complete() {
	h.finish()
	h.compare()
}

// compare proves that a checkpoint holds the state at the moment of its
// capture although the state went on while it was written: what came later,
// applied to what is loaded, leads to where the state is now.
func (h *historian) compare() {
	loaded := newShard(h.shard.t)
	loaded.store = h.store.clone()
	state, err := charging.Load(loaded.store)
	if err != nil {
		h.shard.t.Fatalf("load: %v", err)
	}
	loaded.state, loaded.index = state, state.Index()
	loaded.verify()
	loaded.books()
	for _, e := range h.history[h.captured:] {
		loaded.apply(e.at, e.command)
	}
	if loaded.state.Digest() != h.state.Digest() {
		h.shard.t.Fatalf("%d commands after the capture the loaded state differs: %s", len(h.history)-h.captured, loaded.firstDifference(h.shard))
	}
	loaded.books()
	h.shard.verify()
}
