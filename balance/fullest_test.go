package balance

import (
	"slices"
	"testing"

	"gyro/internal/instant"
	"gyro/internal/money"

	"pgregory.net/rapid"
)

type payingAll struct{}

func (payingAll) Pays(*Bucket) bool { return true }

func (payingAll) DayEnd(now instant.Instant) instant.Instant { return now }

// TestReserveFullest holds the reservation against the sum of the largest
// buckets.
func TestReserveFullest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var k Book
		a := Account{Currency: money.EUR}
		amounts := rapid.SliceOfN(rapid.Int64Range(0, 100), 0, 9).Draw(t, "amounts")
		for n, amount := range amounts {
			k.Open(&a, Bucket{Denomination: a.Denomination(), Priority: int16(n), Allowance: 1, Remaining: amount})
		}
		slices.Sort(amounts)
		slices.Reverse(amounts)
		most := int64(0)
		for _, amount := range amounts[:min(MaxParts, len(amounts))] {
			most += amount
		}
		want := rapid.OneOf(rapid.Int64Range(0, 500), rapid.Just(int64(money.Max))).Draw(t, "want")
		var parts Parts
		if got := k.ReserveFullest(&a, a.Denomination(), want, 0, payingAll{}, &parts); got != min(want, most) {
			t.Fatalf("%d of %d reserved, the largest of %d hold %d", got, want, amounts, most)
		}
		reserved := int64(0)
		for i := a.Buckets; i != 0; i = k.Buckets.At(i).Next {
			if b := k.Buckets.At(i); b.Reserved < 0 || b.Reserved > b.Remaining {
				t.Fatalf("%d of %d reserved in a bucket", b.Reserved, b.Remaining)
			}
			reserved += k.Buckets.At(i).Reserved
		}
		if reserved != min(want, most) {
			t.Fatalf("the buckets have %d reserved, not %d", reserved, min(want, most))
		}
	})
}
