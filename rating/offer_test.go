package rating

import (
	"testing"

	"pgregory.net/rapid"

	"gyro/internal/instant"
	"gyro/internal/money"
)

// TestPromotionsTakeOffNoMoreThanTheFee: what is left to pay is never negative,
// and a percentage is exact but for a part of a millionth, which stays.
func TestPromotionsTakeOffNoMoreThanTheFee(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fee := drawAmount(t, "fee", 0)
		percent := Promotion{Percent: rapid.Uint8Range(1, 100).Draw(t, "percent")}
		off := percent.Off(fee)
		hundredths, remainder := int64(fee)/100, int64(fee)%100
		exact := hundredths*int64(percent.Percent) + remainder*int64(percent.Percent)/100
		if int64(off) != exact || off > fee {
			t.Fatalf("%d %% off %s is %s, want %s", percent.Percent, fee, off, money.Amount(exact))
		}
		amount := Promotion{Amount: drawAmount(t, "amount", 1)}
		if off := amount.Off(fee); off != min(fee, amount.Amount) {
			t.Fatalf("%s off %s is %s", amount.Amount, fee, off)
		}
	})
}

func TestPromotionsAreOpenAndLast(t *testing.T) {
	p := Promotion{From: 1000, Until: 2000, Cycles: 2, Recurring: true}
	for at, want := range map[instant.Instant]bool{999: false, 1000: true, 1999: true, 2000: false} {
		if p.Open(at) != want {
			t.Errorf("open at %d: %v", at, !want)
		}
	}
	for cycle, want := range []bool{true, true, false} {
		if p.Lowers(uint32(cycle)) != want {
			t.Errorf("cycle %d lowered: %v", cycle, !want)
		}
	}
	always := Promotion{Recurring: true}
	if !always.Open(5) || !always.Lowers(1<<31) || (&Promotion{OneTime: true}).Lowers(0) {
		t.Error("a promotion without bounds is open and lasts, for the fees that it names")
	}
}
