package charging_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"gyro/charging"
	"gyro/charging/usage"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// cycleCatalog has a price whose tiers a counter positions, with every rounding
// error that one can have.
const cycleCatalog = `
catalog: cycle
currency: EUR
time_zone: UTC
services:
  - {name: data, context: 32251, rating_groups: [10], unit: octets, quota: {grant: 3MB}}
counters:
  - {name: used, unit: octets, services: [data], of: account, period: ever, limit: 20MB, notify: [50%, 80%, 100%]}
offers:
  - name: payg
    kind: prepaid
    rates:
      - service: data
        rules:
          - price: {per: 1MB, counter: used, rounding: half-even, tiers: [{up_to: 4MB, amount: 0.070001}, {up_to: 9MB, amount: 0.030003}, {amount: 0.000007}]}
`

// TestCounterPricesDoNotDependOnSplitting: what is used costs the same, to the
// last millionth, in however many sessions at once and however many reports,
// with restarts in between; and each threshold is noticed once.
func TestCounterPricesDoNotDependOnSplitting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Uint64Range(0, 30_000_000).Draw(t, "total")
		whole, notices := useByCounter(t, []uint64{total}, 1)
		var pieces []uint64
		for left := total; left > 0; {
			if len(pieces) == 8 {
				pieces = append(pieces, left)
				break
			}
			piece := min(left, rapid.Uint64Range(1, 9_000_000).Draw(t, "piece"))
			pieces, left = append(pieces, piece), left-piece
		}
		split, again := useByCounter(t, pieces, 3)
		if whole != split {
			t.Fatalf("%d octets leave %s at once and %s in pieces of %v", total, whole, split, pieces)
		}
		if notices != again {
			t.Fatalf("%d octets are noticed as %s at once and %s in pieces", total, notices, again)
		}
	})
}

// useByCounter uses pieces in turn by so many sessions, and returns what the
// account has left and the notices that were written.
func useByCounter(t *rapid.T, pieces []uint64, sessions int) (left money.Amount, notices string) {
	s, now := newShard(t), instant.Instant(1_800_000_000_000)
	s.apply(now, publication(t, "cycle", cycleCatalog))
	s.apply(now, worldAccount(t, 0), command(t, charging.KindTopUp, charging.MoveMoney{
		Account: "account-0", Amount: 100 * money.Unit, Currency: money.EUR, Key: "first", Reason: "voucher",
	}))
	send := func(kind charging.RequestType, session int, number uint32, used uint64) {
		c := initial(t, fmt.Sprintf("s%d", session))
		c.Type, c.Number = kind, number
		c.Services = []charging.Service{{Flags: charging.HasRatingGroup | charging.Requests, RatingGroup: 10}}
		if kind != charging.Initial {
			c.Services[0].ReportCount = 1
			c.Services[0].Reports[0].Units = charging.Units{Has: charging.HasTotal, Total: used}
		}
		if o := s.apply(now, charging.AppendCreditControl(nil, c))[0]; o.Result != charging.Success || o.Services[0].Result != charging.Success {
			t.Fatalf("%+v", o)
		}
	}
	for k := range sessions {
		send(charging.Initial, k, 0, 0)
	}
	for n, piece := range pieces {
		send(charging.Update, rapid.IntRange(0, sessions-1).Draw(t, "session"), uint32(n+1), piece)
		if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
			s.restart()
		}
	}
	for k := range sessions {
		send(charging.Termination, k, 1000, 0)
	}
	s.books()
	s.records(0, func(r *usage.Record) {
		if r.Kind == usage.Notice {
			notices += string(r.Reason) + " "
		}
	})
	v, _ := s.state.Account("account-0")
	return v.Available, notices
}
