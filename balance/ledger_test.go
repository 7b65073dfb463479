package balance

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"gyro/internal/ident"
)

func (s Sum) big() *big.Int {
	v := new(big.Int).Lsh(big.NewInt(s.High), 64)
	return v.Add(v, new(big.Int).SetUint64(s.Low))
}

// TestSumAgainstBig holds 128-bit totals against numbers without bounds.
func TestSumAgainstBig(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := Sum{High: rapid.Int64Range(-1<<60, 1<<60).Draw(t, "high"), Low: rapid.Uint64().Draw(t, "low")}, Sum{}
		want, other := a.big(), new(big.Int)
		for range rapid.IntRange(1, 20).Draw(t, "terms") {
			v := rapid.Int64().Draw(t, "v")
			a, b = a.Add(v), b.Add(v)
			want.Add(want, big.NewInt(v))
			other.Add(other, big.NewInt(v))
		}
		if a.big().Cmp(want) != 0 || b.big().Cmp(other) != 0 {
			t.Fatalf("%v is %s, want %s; %v is %s, want %s", a, a.big(), want, b, b.big(), other)
		}
		if sum := a.AddSum(b).big(); sum.Cmp(want.Add(want, other)) != 0 {
			t.Fatalf("%v+%v is %s, want %s", a, b, sum, want)
		}
		if v, ok := b.Int64(); ok != other.IsInt64() || ok && v != other.Int64() {
			t.Fatalf("%s is %d, %v as int64", other, v, ok)
		}
	})
}

// TestLedgerAgainstMap posts at random, through several growths of the table.
func TestLedgerAgainstMap(t *testing.T) {
	type key struct {
		class Class
		name  ident.Name
		d     Denomination
	}
	rapid.Check(t, func(t *rapid.T) {
		var l Ledger
		sums := map[key]*big.Int{}
		move := func(a LedgerAccount, d Denomination, v int64) {
			k := key{a.Class, a.Name, d}
			if a.Class == CustomerBucket || a.Class == CustomerExcess {
				k.name = 0
			}
			if sums[k] == nil {
				sums[k] = new(big.Int)
			}
			sums[k].Add(sums[k], big.NewInt(v))
		}
		side := func(name string) LedgerAccount {
			return LedgerAccount{
				Class: Class(rapid.IntRange(1, 8).Draw(t, name)), Name: ident.Name(rapid.Uint32Range(0, 40).Draw(t, name)),
				Bucket: rapid.Uint64Range(1, 9).Draw(t, name),
			}
		}
		for range rapid.IntRange(0, 300).Draw(t, "postings") {
			p := Posting{
				From: side("from"), To: side("to"), Amount: rapid.Int64Range(1, 1<<62).Draw(t, "amount"),
				Denomination: rapid.SampledFrom([]Denomination{978, 840, Octets, Seconds}).Draw(t, "d"),
			}
			l.Post(&p)
			move(p.From, p.Denomination, -p.Amount)
			move(p.To, p.Denomination, p.Amount)
		}
		restored := Ledger{}
		for _, total := range l.Totals() {
			restored.Restore(total)
			want := sums[key{total.Class, total.Name, total.Denomination}]
			if want == nil || total.Sum.big().Cmp(want) != 0 {
				t.Fatalf("%s %d %s: %s, want %s", total.Class, total.Name, total.Denomination, total.Sum.big(), want)
			}
			if l.Difference(total.Denomination) != (Sum{}) {
				t.Fatalf("the postings in %s do not sum to zero", total.Denomination)
			}
		}
		if len(l.Totals()) != len(sums) || len(restored.Totals()) != len(sums) {
			t.Fatalf("%d accounts, %d restored, want %d", len(l.Totals()), len(restored.Totals()), len(sums))
		}
	})
}

func TestPostingNeedsAnAmount(t *testing.T) {
	for _, amount := range []int64{0, -1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a posting of %d is booked", amount)
				}
			}()
			(&Ledger{}).Post(&Posting{Amount: amount})
		}()
	}
}
