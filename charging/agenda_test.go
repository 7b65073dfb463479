package charging_test

import (
	"fmt"
	"testing"

	"gyro/charging"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// TestMidnight lets more accounts renew at one moment than a tick may take: each
// tick takes its share, a request meets its account brought up to date however
// long the queue is, and after enough ticks every account is renewed once.
func TestMidnight(t *testing.T) {
	const accounts, aTick = 4500, 2000
	s := newShard(t)
	s.unsafe = true
	now := instant.Instant(1_800_000_000_000)
	s.apply(now, publication(t, "world", worldCatalog+renewingOffers))
	for n := 0; n < accounts; n += 500 {
		var batch [][]byte
		for k := n; k < n+500; k++ {
			name := fmt.Sprintf("account-%d", k)
			batch = append(batch,
				command(t, charging.KindPutAccount, charging.PutAccount{
					Account: name, Currency: money.EUR, Kind: 1, Offers: []string{"payg"},
					Subscribers: []charging.SubscriberSpec{{Identities: []charging.IdentitySpec{{Kind: ident.IMSI, Value: fmt.Sprintf("26201%010d", k)}}}},
				}),
				command(t, charging.KindTopUp, charging.MoveMoney{Account: name, Amount: 1_000_000, Currency: money.EUR, Reason: "voucher", Key: name}),
				command(t, charging.KindSubscribe, charging.Subscribe{Account: name, Offer: "daily", Key: name}))
		}
		s.apply(now, batch...)
	}
	renewed := func() (n int) {
		for k := range accounts {
			v := s.state.Subscriptions(fmt.Sprintf("account-%d", k))
			if len(v) == 1 && v[0].From > now {
				n++
			}
		}
		return n
	}
	midnight := now.Add(instant.Day)
	if s.state.NeedsTick(midnight - 1) {
		t.Fatal("something is due before the moment")
	}
	last := fmt.Sprintf("26201%010d", accounts-1)
	id, err := ident.New(ident.IMSI, []byte(last))
	if err != nil {
		t.Fatal(err)
	}
	s.apply(midnight, command(t, charging.KindTick, nil))
	if n := renewed(); n != aTick {
		t.Fatalf("%d accounts were renewed by one tick, not %d", n, aTick)
	}
	s.restart()
	s.apply(midnight, charging.AppendCreditControl(nil, &charging.CreditControl{
		SessionID: []byte("s"), OriginHost: []byte("gateway"), Context: 32251, Type: charging.Initial, Recipients: 1, Identities: []ident.Identity{id},
	}))
	if n := renewed(); n != aTick+1 {
		t.Fatalf("%d accounts are renewed after a request of the last one, not %d", n, aTick+1)
	}
	ticks := 1
	for ; s.state.NeedsTick(midnight); ticks++ {
		s.apply(midnight, command(t, charging.KindTick, nil))
	}
	if n := renewed(); n != accounts || ticks != 3 {
		t.Fatalf("%d of %d accounts are renewed after %d ticks", n, accounts, ticks)
	}
	s.unsafe = false
	s.verify()
	s.books()
}

// TestCatchingUp lets accounts that were not seen to for months have many
// periods to catch up with: a tick does no more of that than it may, however it
// is spread over accounts, and in the end all of it is done.
func TestCatchingUp(t *testing.T) {
	const accounts, days, aTick, aStep = 300, 100, 8000 + 64, 3 // a renewal is a fee, a roll-over and a grant
	s := newShard(t)
	s.unsafe = true
	now := instant.Instant(1_800_000_000_000)
	s.apply(now, publication(t, "world", worldCatalog+renewingOffers))
	for k := range accounts {
		name := fmt.Sprintf("account-%d", k)
		s.apply(now,
			command(t, charging.KindPutAccount, charging.PutAccount{
				Account: name, Currency: money.EUR, Kind: 1, Offers: []string{"daily", "payg"},
				Subscribers: []charging.SubscriberSpec{{Identities: []charging.IdentitySpec{{Kind: ident.IMSI, Value: fmt.Sprintf("26201%010d", k)}}}},
			}),
			command(t, charging.KindTopUp, charging.MoveMoney{Account: name, Amount: 10_000_000, Currency: money.EUR, Reason: "voucher", Key: name}))
	}
	later, ticks := now.Add(days*instant.Day), 0
	for ; s.state.NeedsTick(later); ticks++ {
		before := s.state.LastRecord()
		s.apply(later, command(t, charging.KindTick, nil))
		if n := s.state.LastRecord() - before; n > aTick*aStep {
			t.Fatalf("one tick wrote %d records", n)
		}
	}
	if ticks < 2 {
		t.Fatal("one tick did everything")
	}
	for k := range accounts {
		name := fmt.Sprintf("account-%d", k)
		if v := s.state.Subscriptions(name); len(v) != 1 || v[0].From != later {
			t.Fatalf("%s has not caught up: %+v", name, v)
		}
	}
	s.verify()
	s.books()
}
