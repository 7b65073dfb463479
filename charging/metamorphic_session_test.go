package charging_test

import (
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"gyro/charging"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// The service "timed" of worldCatalog costs 0.02 a MB until nine o'clock, an hour
// after the world begins, and 0.01 in steps of 50 KB from then on.
const worldSwitch = instant.Instant(1_800_000_000_000) + instant.Instant(instant.Hour)

func timedCost(before, after uint64) money.Amount {
	early := (before*20_000 + 999_999) / 1_000_000
	steps := (after + 49_999) / 50_000
	return money.Amount(early + steps*500)
}

// timedUse is a session that uses so much before and after the switch of the
// tariff, in pieces.
type timedUse struct {
	*shard
	t             *rapid.T
	now           instant.Instant
	number        uint32
	splits        bool // reports before and after the switch apart
	before, after []uint64
}

// TestSplittingAcrossTariffChange: what a session used before and after a tariff
// switch costs the prices before and after it, in however many reports, whether
// the gateway keeps its quota across the switch and tells the two apart or reports
// at the switch, with restarts and duplicates in between.
func TestSplittingAcrossTariffChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := timedUse{t: t, splits: rapid.Bool().Draw(t, "splits")}
		u.shard, _ = richWorld(t)
		piece := rapid.Uint64Range(0, 6_000_000)
		u.before = rapid.SliceOfN(piece, 0, 5).Draw(t, "before")
		u.after = rapid.SliceOfN(piece, 0, 5).Draw(t, "after")
		u.run()
		var before, after uint64
		for _, n := range u.before {
			before += n
		}
		for _, n := range u.after {
			after += n
		}
		v, _ := u.state.Account("account-0")
		if spent, want := 100*money.Unit-v.Remaining, timedCost(before, after); spent != want || v.Reserved != 0 || v.Excess != 0 {
			t.Fatalf("%v before and %v after the switch cost %s, and %s is reserved, %s owed; want %s", u.before, u.after, spent, v.Reserved, v.Excess, want)
		}
		u.books()
		u.metamorphic()
	})
}

func (u *timedUse) run() {
	u.now = worldSwitch.Add(-instant.Span(rapid.Int64Range(1_000, 3_500_000).Draw(u.t, "early")))
	u.send(charging.Initial, 0, 0)
	held := uint64(0) // used before the switch and not reported yet
	for _, n := range u.before {
		u.now = min(u.now.Add(instant.Span(rapid.Int64Range(0, 900_000).Draw(u.t, "pause"))), worldSwitch-1)
		if u.splits && rapid.Bool().Draw(u.t, "hold") {
			held += n
			continue
		}
		u.send(charging.Update, held+n, 0)
		held = 0
	}
	u.now = worldSwitch
	if !u.splits {
		u.send(charging.Update, held, 0)
		held = 0
	}
	last := uint64(0)
	for _, n := range u.after {
		u.now = u.now.Add(instant.Span(rapid.Int64Range(0, 900_000).Draw(u.t, "pause")))
		if rapid.IntRange(0, 2).Draw(u.t, "hold") == 0 {
			last += n
			continue
		}
		u.send(charging.Update, held, last+n)
		held, last = 0, 0
	}
	u.send(charging.Termination, held, last)
}

// send reports usage; now and then it is sent twice, or there is a restart.
func (u *timedUse) send(kind charging.RequestType, before, after uint64) {
	c := initial(u.t, "session-0")
	c.Type, c.Number = kind, u.number
	u.number++
	sv := charging.Service{Flags: charging.HasRatingGroup, RatingGroup: 70}
	if kind != charging.Termination {
		sv.Flags |= charging.Requests
	}
	report := func(used uint64, period uint8) {
		sv.Reports[sv.ReportCount] = charging.Report{Units: charging.Units{Has: charging.HasTotal, Total: used}, TariffChange: period}
		sv.ReportCount++
	}
	if u.splits {
		c.Client = charging.SplitsTariffChange
	}
	switch {
	case kind == charging.Initial:
	case !u.splits:
		report(before+after, 0) // one of them is zero
	default:
		report(before, 1)
		if after > 0 {
			report(after, 2)
		}
	}
	c.Services = []charging.Service{sv}
	sent := charging.AppendCreditControl(nil, c)
	first := u.apply(u.now, sent)[0]
	if first.Result != charging.Success || first.Services[0].Result != charging.Success {
		u.t.Fatalf("%+v", first)
	}
	if rapid.IntRange(0, 4).Draw(u.t, "restart") == 0 {
		u.restart()
	}
	if rapid.IntRange(0, 4).Draw(u.t, "again") == 0 {
		again := u.apply(u.now, sent)[0]
		if !again.Replayed {
			u.t.Fatalf("the duplicate is answered with %+v", again)
		}
		again.Replayed = false
		if !reflect.DeepEqual(normal(again), normal(first)) {
			u.t.Fatalf("the duplicate is answered with\n%+v\ninstead of\n%+v", again, first)
		}
	}
}

// visitPlan is the requests of one session, in order.
func visitPlan(t *rapid.T, w *world, id string, account int) (commands [][]byte) {
	updates := rapid.IntRange(0, 5).Draw(t, "updates")
	for n := range updates + 2 {
		c := initial(t, id)
		c.Number, c.Identities, c.Services = uint32(n), worldIdentity(t, account), nil
		switch n {
		case 0:
			c.Type = charging.Initial
		case updates + 1:
			c.Type = charging.Termination
		default:
			c.Type = charging.Update
		}
		for range rapid.IntRange(1, 2).Draw(t, "services") {
			c.Services = append(c.Services, w.service())
		}
		commands = append(commands, charging.AppendCreditControl(nil, c))
	}
	return commands
}

// TestOrderOfSessionsChangesNothing: sessions of one account that pays for all of
// them in money cost the same in whatever order their requests come.
func TestOrderOfSessionsChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := world{t: t, requests: map[string]uint32{}}
		var queues [][][]byte
		for k := range rapid.IntRange(2, 4).Draw(t, "sessions") {
			queues = append(queues, visitPlan(t, &w, fmt.Sprintf("visit-%d", k), 0))
		}
		one, now := richWorld(t)
		for _, queue := range queues {
			one.apply(now, queue...)
		}
		mixed, _ := richWorld(t)
		for left := len(queues); left > 0; {
			k := rapid.IntRange(0, len(queues)-1).Draw(t, "which")
			n := min(rapid.IntRange(1, 3).Draw(t, "take"), len(queues[k]))
			if n == 0 {
				queues = append(queues[:k], queues[k+1:]...)
				left--
				continue
			}
			mixed.apply(now, queues[k][:n]...)
			queues[k] = queues[k][n:]
		}
		if a, b := one.worldBalances(), mixed.worldBalances(); a != b {
			t.Fatalf("one session after the other\n%s\nmixed\n%s", a, b)
		}
	})
}

// TestDuplicatesAnywhereChangeNothing: a history with duplicates of what was
// accepted, strewn in wherever later, comes to the same balances and as many
// records as without them.
func TestDuplicatesAnywhereChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := world{t: t, requests: map[string]uint32{}, wide: true}
		clean, now := richWorld(t)
		strewn, _ := richWorld(t)
		var accepted [][]byte
		for range rapid.IntRange(1, 50).Draw(t, "requests") {
			now = now.Add(instant.Span(rapid.Int64Range(0, 10*60_000).Draw(t, "pause")))
			clean.apply(now, command(t, charging.KindTick, nil))
			strewn.apply(now, command(t, charging.KindTick, nil))
			c := w.request()
			sent := charging.AppendCreditControl(nil, c)
			clean.apply(now, sent)
			o := strewn.apply(now, sent)[0]
			if o.Result == charging.Success && !(c.Type == charging.Initial && mayStayUnopened(c)) {
				accepted = append(accepted, sent)
			}
			for len(accepted) > 0 && rapid.IntRange(0, 1).Draw(t, "again") == 1 {
				strewn.apply(now, accepted[rapid.IntRange(0, len(accepted)-1).Draw(t, "which")])
			}
		}
		if a, b := clean.worldBalances(), strewn.worldBalances(); a != b || clean.state.LastRecord() != strewn.state.LastRecord() {
			t.Fatalf("without duplicates, %d records\n%s\nwith them, %d records\n%s", clean.state.LastRecord(), a, strewn.state.LastRecord(), b)
		}
		strewn.books()
	})
}
