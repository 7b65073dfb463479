package charging

import (
	"strings"
	"testing"

	"gyro/internal/money"
)

// TestPartsOfVouchersEnd: when the numbers of places are used up, as by a million vouchers made one by one, no part gets one that is
// another's.
func TestPartsOfVouchersEnd(t *testing.T) {
	euro, err := money.ParseCurrency("EUR")
	if err != nil {
		t.Fatal(err)
	}
	s := &State{now: 1}
	c := &Vouchers{
		Batch: "one", Terms: VoucherTerms{Count: 1, Amount: money.Unit, Currency: euro},
		Salt: make([]byte, VoucherSaltSize), Hashes: make([]byte, VoucherHashSize),
	}
	s.vouchers.parts = make([]*voucherPart, maxParts-1)
	o := Outcome{Result: Success}
	if s.addVouchers(c, &o); o.Result != Success {
		t.Fatalf("the last part: %d %s", o.Result, o.Detail)
	}
	last := s.vouchers.parts[maxParts-1]
	if part, position := s.vouchers.find(c.Hashes); part != last || position != 0 {
		t.Errorf("the last part's voucher is found at %p, %d", part, position)
	}
	c.Batch, c.Hashes, o = "two", []byte(strings.Repeat("x", VoucherHashSize)), Outcome{Result: Success}
	if s.addVouchers(c, &o); o.Result != Overflow || len(s.vouchers.parts) != maxParts {
		t.Errorf("one part more: %d %s", o.Result, o.Detail)
	}
}
