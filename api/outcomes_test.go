package api

import (
	"errors"
	"math"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"

	"gyro/balance"
	"gyro/charging"
	"gyro/charging/engine"
	"gyro/internal/money"

	"pgregory.net/rapid"
)

// TestOutcomes is the table from results to statuses, and keeps it complete:
// a result that is added to the core must be added here.
func TestOutcomes(t *testing.T) {
	want := map[charging.Result]int{
		charging.Success: 200, charging.Contradiction: 409, charging.InvalidValue: 422, charging.AccountUnknown: 404,
		charging.IdentityTaken: 409, charging.CurrencyMismatch: 409, charging.OfferUnknown: 422, charging.AccountBusy: 409,
		charging.AccountNotEmpty: 409, charging.Overflow: 422, charging.CatalogInvalid: 422, charging.InsufficientBalance: 409,
		charging.SubscriberBusy: 409, charging.Invalid: 422, charging.UserUnknown: 404,
		charging.VoucherUnknown: 404, charging.VoucherUsed: 409, charging.VoucherExpired: 409, charging.VoucherBlocked: 409,
		charging.VoucherUnsuitable: 409, charging.GuessesLocked: 429, charging.TransferRefused: 409, charging.LoanRefused: 409,
		charging.ApprovalNeeded: 403, charging.SettlementRefused: 409,
	}
	ofRequests := []charging.Result{
		charging.UnknownSession, charging.UserUnknown, charging.NoIdentity, charging.RatingFailed, charging.CreditLimitReached,
		charging.ServiceDenied, charging.NotApplicable, charging.SessionExists, charging.TooManyGroups,
	}
	codes, names := map[string]bool{}, map[string]bool{}
	for r := range charging.Result(math.MaxUint8) {
		status, code, known := statusOf(r)
		expected, answers := want[r]
		if known != answers || (known && status != expected) || (!known && status != http.StatusInternalServerError) {
			t.Errorf("result %d: %d %q %t", r, status, code, known)
		}
		if known && codes[code] {
			t.Errorf("result %d: code %q is that of another", r, code)
		}
		codes[code] = known
		name := resultName(r)
		if named := answers || slices.Contains(ofRequests, r); named == (name == "other") || (named && names[name]) {
			t.Errorf("result %d is called %q in metrics", r, name)
		}
		names[name] = true
		err := refusal(&engine.Reply{Result: r, Detail: "because"})
		if (err == nil) != (r == charging.Success) {
			t.Errorf("result %d: %v", r, err)
		}
		if p := (*problem)(nil); errors.As(err, &p) && known && !strings.HasPrefix(p.Message, "because") {
			t.Errorf("result %d: %q", r, p.Message)
		}
	}
}

// TestReachedOutcomes: the scripts together reach every result that a command
// of the API has.
func TestReachedOutcomes(t *testing.T) {
	var scripts strings.Builder
	for _, name := range []string{"accounts", "movements", "catalogs", "subscribers", "vouchers", "transfers", "settlements"} {
		scripts.WriteString(readFile(t, "../testdata/api/"+name+".txt"))
	}
	for r := range charging.Result(math.MaxUint8) {
		if _, code, known := statusOf(r); known && code != "" && !strings.Contains(scripts.String(), `"code": "`+code+`"`) {
			t.Errorf("no script shows %q", code)
		}
	}
}

// TestSumsAgainstRationals compares the writing of totals with exact
// arithmetic, beyond 63 bits too.
func TestSumsAgainstRationals(t *testing.T) {
	jpy, err := money.ParseCurrency("JPY")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		var sum balance.Sum
		exact := new(big.Int)
		for _, v := range rapid.SliceOfN(rapid.Int64(), 1, 50).Draw(t, "v") {
			sum = sum.Add(v)
			exact.Add(exact, big.NewInt(v))
		}
		d := rapid.SampledFrom([]balance.Denomination{balance.Octets, balance.Denomination(money.EUR), balance.Denomination(jpy)}).Draw(t, "d")
		text := denominatedSum(sum, d)
		got, ok := new(big.Rat).SetString(text)
		want := new(big.Rat).SetInt(exact)
		if d.IsMoney() {
			want.Quo(want, big.NewRat(int64(money.Unit), 1))
		}
		if !ok || got.Cmp(want) != 0 {
			t.Fatalf("%v %s is written %q", exact, d, text)
		}
		_, fraction, _ := strings.Cut(text, ".")
		if d == balance.Denomination(money.EUR) && (len(fraction) < 2 || len(fraction) > 6 || (len(fraction) > 2 && strings.HasSuffix(fraction, "0"))) {
			t.Fatalf("%q has not the decimals of EUR", text)
		}
		if v, fits := sum.Int64(); fits && denominated(v, d) != text {
			t.Fatalf("%q and %q", denominated(v, d), text)
		}
	})
}

// FuzzBodies: whatever arrives as a body is refused in words or changes what
// it says, and never stops the server.
func FuzzBodies(f *testing.F) {
	for _, seed := range []string{
		`{"amount":"10.00","currency":"EUR","reason":"voucher"}`, `{"amount":10}`, `{"a":1,"a":2}`, `[]`, `{`, `null`, `"x"`, ``,
		`{"amount":"1","amount":"2"}`, `{"Amount":"1"}`, `{"amount":"1"}{}`, `{"subscribers":[{"imsi":"1"}]}`, "{\"\u017f\":1}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var movement moneyBody
		var account accountBody
		for _, v := range []any{&movement, &account} {
			r := jsonRequest(body)
			err := r.decode(v)
			var p *problem
			if err != nil && (!errors.As(err, &p) || p.Code == "" || p.Message == "" || p.status/100 != 4) {
				t.Errorf("%q: %v", body, err)
			}
		}
		for _, decimals := range []precision{paidDecimals, keptDecimals} {
			if c, _, err := movement.command("1", "k", decimals); err == nil && (c.Amount > balance.MaxAmount || !c.Currency.Valid() || c.Reason == "") {
				t.Errorf("%q became %+v", body, c)
			}
		}
		if c, err := account.command("1"); err == nil && (c.CreditLimit < 0 || c.Kind == 0 || !c.Currency.Valid()) {
			t.Errorf("%q became %+v", body, c)
		}
	})
}
