package charging_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"gyro/charging"
	"gyro/internal/instant"
)

// TestBooksAgainstModel holds the core against books kept in the dumbest way:
// every answer, every bucket, every reservation and every debt must agree.
func TestBooksAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &historian{
			shard: newShard(t), now: 1_800_000_000_000,
			world: world{t: t, requests: map[string]uint32{}},
		}
		h.apply(h.now, worldOpening(t)...)
		m := newModel(h.now, h.state.Settings().Supervision)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			h.both(t, m)
			h.agree(t, m)
		}
		h.books()
	})
}

// both lets the core and the model do the same.
func (h *historian) both(t *rapid.T, m *model) {
	switch rapid.IntRange(0, 9).Draw(t, "step") {
	case 0:
		h.now = h.now.Add(instant.Span(rapid.Int64Range(1, 40*60_000).Draw(t, "pause")))
		m.now = h.now
		h.tick()
		m.tick()
	case 1:
		h.restart()
	case 2:
		h.duplicate(t)
	case 3, 4:
		kind, c := h.money()
		got := h.apply(h.now, command(t, kind, c))[0]
		want := charging.Success
		switch kind {
		case charging.KindTopUp:
			m.topUp(c.Account, int64(c.Amount))
		case charging.KindSettle:
			want = m.settle(c.Account, int64(c.Amount))
		default:
			want = m.adjust(c.Account, int64(c.Amount))
		}
		if got.Result != want {
			t.Fatalf("%+v: %s, the model says %s", c, resultName(got.Result), resultName(want))
		}
	case 5:
		h.bothEvent(t, m)
	default:
		h.bothRequest(t, m)
	}
}

func (h *historian) bothEvent(t *rapid.T, m *model) {
	c := h.event()
	sent := charging.AppendCreditControl(nil, c)
	got := h.apply(h.now, sent)[0]
	result, amount, check := m.event(accountOf(c), c)
	if got.Result != charging.Success || got.Services[0].Result != result || got.Amount != amount || got.CheckBalance != check {
		t.Fatalf("event %+v:\n%+v\nthe model says %s, %d, %d", c.Services, got, resultName(result), amount, check)
	}
	h.done = append(h.done, answered{sent, got})
}

func (h *historian) bothRequest(t *rapid.T, m *model) {
	c := h.request()
	sent := charging.AppendCreditControl(nil, c)
	got := h.apply(h.now, sent)[0]
	result, services := m.request(accountOf(c), c)
	if got.Result != result || len(got.Services) != len(services) {
		t.Fatalf("%s %s: %+v, the model says %s with %d services", c.Type, c.SessionID, got, resultName(result), len(services))
	}
	for k := range services {
		want, g := services[k], got.Services[k]
		if g.Result != want.Result || g.Granted != want.Granted || g.FinalUnit != want.FinalUnit || g.RatingGroup != want.RatingGroup {
			t.Fatalf("%s %s service %d:\n%+v\nthe model says\n%+v", c.Type, c.SessionID, k, g, want)
		}
	}
	if got.Result == charging.Success {
		h.done = append(h.done, answered{sent, got})
	}
}

func accountOf(c *charging.CreditControl) string {
	var account int
	if _, err := fmt.Sscanf(string(c.Identities[0].Bytes()), "2620100000000%02d", &account); err != nil {
		panic(err)
	}
	return fmt.Sprintf("account-%d", account)
}

// agree compares every account with the model's.
func (h *historian) agree(t *rapid.T, m *model) {
	for account, p := range m.payers {
		v, _ := h.state.Account(account)
		got, want := "", ""
		for _, b := range v.Buckets {
			name := b.Allowance
			if b.Main {
				name = "main"
			}
			got += fmt.Sprintf("%s %d reserved %d, ", name, b.Remaining, b.Reserved)
		}
		for _, k := range p.pots {
			want += fmt.Sprintf("%s %d reserved %d, ", k.name, k.remaining, p.reserved(k))
		}
		got += fmt.Sprintf("owes %d, %d sessions", v.Excess, len(v.OpenSessions))
		want += fmt.Sprintf("owes %d, %d sessions", p.excess, len(p.open))
		if got != want {
			t.Fatalf("%s\n%s\nthe model says\n%s", account, got, want)
		}
	}
}
