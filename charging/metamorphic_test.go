package charging_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"gyro/charging"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// richWorld is the world with a hundred euros on every account.
func richWorld(t tester) (*shard, instant.Instant) {
	s, now := newShard(t), instant.Instant(1_800_000_000_000)
	s.apply(now, worldOpening(t)...)
	for k := range worldAccounts {
		s.apply(now, command(t, charging.KindTopUp, charging.MoveMoney{
			Account: fmt.Sprintf("account-%d", k), Amount: 100 * money.Unit, Currency: money.EUR, Key: "rich", Reason: "voucher",
		}))
	}
	return s, now
}

// worldBalances shows what every account holds, owes and has reserved.
func (s *shard) worldBalances() (text string) {
	for k := range worldAccounts {
		v, _ := s.state.Account(fmt.Sprintf("account-%d", k))
		text += describeAccount(&v)
	}
	return text
}

// TestSplittingChangesNothing: a session costs what it used, in however many
// reports, with whatever asked for in between.
func TestSplittingChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		account := rapid.IntRange(0, worldAccounts-1).Draw(t, "account")
		group := rapid.SampledFrom([]uint32{10, 20, 30}).Draw(t, "group")
		most := uint64(60_000_000)
		if group == 30 {
			most = 2_000
		}
		total := rapid.Uint64Range(0, most).Draw(t, "total")
		var cuts []uint64
		for left := total; left > 0 && len(cuts) < 12; {
			piece := rapid.Uint64Range(0, left).Draw(t, "piece")
			cuts, left = append(cuts, piece), left-piece
		}
		if whole, split := useIn(t, account, group, total, nil), useIn(t, account, group, total, cuts); whole != split {
			t.Fatalf("in one report\n%s\nin pieces of %v\n%s", whole, cuts, split)
		}
	})
}

// useIn uses so many units of a group in one session, some of them reported by
// updates and the rest by the termination.
func useIn(t *rapid.T, account int, group uint32, total uint64, pieces []uint64) string {
	s, now := richWorld(t)
	session := fmt.Sprintf("session-%d", account)
	send := func(kind charging.RequestType, number uint32, used uint64, wants bool) {
		c := initial(t, session)
		c.Type, c.Number, c.Identities = kind, number, worldIdentity(t, account)
		sv := charging.Service{Flags: charging.HasRatingGroup, RatingGroup: group}
		if wants {
			sv.Flags |= charging.Requests
		}
		if kind != charging.Initial {
			sv.ReportCount = 1
			sv.Reports[0].Units = charging.Units{Has: charging.HasTotal | charging.HasSeconds, Total: used, Seconds: used}
		}
		c.Services = []charging.Service{sv}
		if o := s.apply(now, charging.AppendCreditControl(nil, c))[0]; o.Result != charging.Success || o.Services[0].Result != charging.Success {
			t.Fatalf("%+v", o)
		}
	}
	send(charging.Initial, 0, 0, true)
	for n, piece := range pieces {
		send(charging.Update, uint32(n+1), piece, rapid.IntRange(0, 3).Draw(t, "wants") > 0)
		total -= piece
	}
	send(charging.Termination, 99, total, false)
	s.books()
	return s.worldBalances()
}

// TestOrderOfAccountsChangesNothing: what one account does makes no difference
// to another, so any order of their requests leads to the same balances.
func TestOrderOfAccountsChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := world{t: t, requests: map[string]uint32{}}
		queues := make([][][]byte, worldAccounts)
		for range rapid.IntRange(1, 40).Draw(t, "requests") {
			c := w.request()
			var account int
			if _, err := fmt.Sscanf(accountOf(c), "account-%d", &account); err != nil {
				t.Fatal(err)
			}
			queues[account] = append(queues[account], charging.AppendCreditControl(nil, c))
		}
		one, now := richWorld(t)
		for _, queue := range queues {
			for _, c := range queue {
				one.apply(now, c)
			}
		}
		other, _ := richWorld(t)
		for left := true; left; {
			left = false
			for k := range queues {
				n := min(rapid.IntRange(0, 3).Draw(t, "take"), len(queues[k]))
				if n > 0 {
					other.apply(now, queues[k][:n]...)
				}
				queues[k] = queues[k][n:]
				left = left || len(queues[k]) > 0
			}
		}
		if a, b := one.worldBalances(), other.worldBalances(); a != b {
			t.Fatalf("one account after the other\n%s\nmixed\n%s", a, b)
		}
	})
}
