package charging_test

import (
	"fmt"
	"testing"

	"gyro/charging"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
)

const (
	benchAccounts = 20_000
	benchBatch    = 64
)

// busy is a shard in steady state: every account has an open session.
func busy(t tester, accounts int) (*shard, instant.Instant) {
	s, now := newShard(t), instant.Instant(1_800_000_000_000)
	s.unsafe = true
	s.apply(now, publication(t, "world", worldCatalog))
	for k := range accounts {
		account := fmt.Sprintf("bench-%d", k)
		s.apply(now,
			command(t, charging.KindPutAccount, charging.PutAccount{
				Account: account, Currency: money.EUR, Kind: 1, Offers: []string{"payg"},
				Subscribers: []charging.SubscriberSpec{{Identities: []charging.IdentitySpec{{Kind: ident.IMSI, Value: benchIMSI(k)}}}},
			}),
			command(t, charging.KindTopUp, charging.MoveMoney{
				Account: account, Amount: 1_000_000 * money.Unit, Currency: money.EUR, Key: "first", Reason: "voucher",
			}),
			charging.AppendCreditControl(nil, benchRequest(t, k, 0)),
		)
	}
	s.history = nil
	return s, now
}

func benchIMSI(k int) string { return fmt.Sprintf("26201%010d", k) }

// benchRequest is an initial request, or an update that reports and wants.
func benchRequest(t tester, k int, number uint32) *charging.CreditControl {
	imsi, err := ident.New(ident.IMSI, []byte(benchIMSI(k)))
	if err != nil {
		t.Fatal(err)
	}
	c := &charging.CreditControl{
		SessionID: fmt.Appendf(nil, "smf.epc.mnc001.mcc001.3gppnetwork.org;1800000000;%d", k), Context: 32251, Type: charging.Initial,
		OriginHost: []byte("smf.epc.mnc001.mcc001.3gppnetwork.org"), APN: []byte("internet"), Recipients: 1, Number: number,
		Identities: []ident.Identity{imsi},
		Services:   []charging.Service{{Flags: charging.HasRatingGroup | charging.Requests, RatingGroup: 10}},
	}
	if number > 0 {
		c.Type = charging.Update
		c.Services[0].ReportCount = 1
		c.Services[0].Reports[0].Units = charging.Units{Has: charging.HasTotal, Total: 1_000_000 + uint64(k%7)*50_000}
	}
	return c
}

// discard takes outcomes and keeps nothing.
type discard struct{ refused int }

func (*discard) Notice(*charging.Notice) {}

func (d *discard) CreditControl(_ int, _ *charging.CreditControl, o *charging.Outcome) {
	if o.Result != charging.Success || len(o.Services) != 1 || o.Services[0].Result != charging.Success {
		d.refused++
	}
}

func (*discard) Command(int, charging.Kind, *charging.Outcome) {}

// updates encodes batches of updates, one number for all accounts after the
// other.
func updates(t tester, now instant.Instant, accounts, batches int) [][]byte {
	all := make([][]byte, batches)
	commands := make([][]byte, benchBatch)
	for n := range all {
		for k := range commands {
			at := n*benchBatch + k
			commands[k] = charging.AppendCreditControl(nil, benchRequest(t, at*7919%accounts, uint32(at/accounts+1)))
		}
		all[n] = batchOf(now, 0, 0, commands...)
	}
	return all
}

// TestUpdatesDoNotAllocate: in steady state a CCR-Update costs no allocation,
// so the garbage collector has nothing to do with the rate of requests.
func TestUpdatesDoNotAllocate(t *testing.T) {
	const accounts, runs = benchBatch * 4, 60
	s, now := busy(t, accounts)
	batches, sink, n := updates(t, now, accounts, runs+2), &discard{}, 0
	allocations := testing.AllocsPerRun(runs, func() {
		s.index++
		if err := s.state.Apply(s.index, batches[n], sink); err != nil {
			t.Fatal(err)
		}
		n++
	})
	if sink.refused > 0 {
		t.Fatalf("%d updates were refused", sink.refused)
	}
	if allocations != 0 {
		t.Errorf("%v allocations for a batch of %d updates, want none", allocations, benchBatch)
	}
}

// BenchmarkUpdate is one CCR-Update that reports usage and gets new quota, in
// batches, on accounts spread over more memory than the caches hold.
func BenchmarkUpdate(b *testing.B) {
	s, now := busy(b, benchAccounts)
	batches, sink := updates(b, now, benchAccounts, (b.N+benchBatch-1)/benchBatch), &discard{}
	b.ReportAllocs()
	b.ResetTimer()
	for _, batch := range batches {
		s.index++
		if err := s.state.Apply(s.index, batch, sink); err != nil {
			b.Fatal(err)
		}
	}
	if sink.refused > 0 {
		b.Fatalf("%d updates were refused", sink.refused)
	}
}

// BenchmarkSession is a whole session: initial, update, termination.
func BenchmarkSession(b *testing.B) {
	s, now := busy(b, benchAccounts)
	batches := make([][]byte, b.N)
	for n := range batches {
		var commands [][]byte
		c := benchRequest(b, n%benchAccounts, 0)
		c.SessionID = fmt.Appendf(nil, "smf.epc.mnc001.mcc001.3gppnetwork.org;1800000001;%d", n)
		commands = append(commands, charging.AppendCreditControl(nil, c))
		for number, kind := range []charging.RequestType{charging.Update, charging.Termination} {
			u := benchRequest(b, n%benchAccounts, uint32(number+1))
			u.SessionID, u.Type = c.SessionID, kind
			commands = append(commands, charging.AppendCreditControl(nil, u))
		}
		batches[n] = batchOf(now, 0, 0, commands...)
	}
	sink := &discard{}
	b.ReportAllocs()
	b.ResetTimer()
	for _, batch := range batches {
		s.index++
		if err := s.state.Apply(s.index, batch, sink); err != nil {
			b.Fatal(err)
		}
	}
}
