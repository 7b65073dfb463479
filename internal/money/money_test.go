package money

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestCurrencyTable(t *testing.T) {
	for alpha, want := range map[string]struct {
		numeric  Currency
		exponent int
	}{"EUR": {978, 2}, "JPY": {392, 0}, "KWD": {414, 3}, "ALL": {8, 2}, "BHD": {48, 3}, "DZD": {12, 2}} {
		c, err := ParseCurrency(alpha)
		if err != nil || c != want.numeric || c.Exponent() != want.exponent || c.String() != alpha {
			t.Errorf("%s: got %d exponent %d, %v", alpha, c, c.Exponent(), err)
		}
	}
	if _, err := ParseCurrency("EURO"); err == nil {
		t.Error("EURO parsed")
	}
}

func TestParseAndFormat(t *testing.T) {
	for text, want := range map[string]Amount{
		"0": 0, "10": 10 * Unit, "-0.25": -250_000, "9.999999": 9_999_999, "9223372036854.775807": Max,
	} {
		got, err := Parse(text, Decimals)
		if err != nil || got != want {
			t.Errorf("Parse(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-", ".5", "5.", "1e3", "1,5", "+1", "1.2345678", "9223372036854.775808", " 1"} {
		if got, err := Parse(text, Decimals); err == nil {
			t.Errorf("Parse(%q) = %d, want an error", text, got)
		}
	}
	if _, err := Parse("1.005", 2); err == nil {
		t.Error("a third decimal passed for a currency of two")
	}
	if got := Amount(-1_500_000).Format(2); got != "-1.50" {
		t.Errorf("got %s", got)
	}
	if got := Amount(3_000_000).Format(0); got != "3" {
		t.Errorf("got %s", got)
	}
}

func TestParseInvertsFormat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Amount(rapid.Int64Range(int64(Min), int64(Max)).Draw(t, "amount"))
		got, err := Parse(a.Format(rapid.IntRange(0, 6).Draw(t, "decimals")), Decimals)
		if err != nil || got != a {
			t.Fatalf("%d came back as %d, %v", a, got, err)
		}
	})
}

// TestMulDivAgainstBig compares with exact rational arithmetic.
func TestMulDivAgainstBig(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Amount(rapid.Int64Range(int64(Min), int64(Max)).Draw(t, "a"))
		n := rapid.Uint64().Draw(t, "n")
		d := rapid.Uint64().Draw(t, "d")
		mode := Rounding(rapid.IntRange(0, 3).Draw(t, "mode"))
		got, ok := MulDiv(a, n, d, mode)
		want, fits := slowMulDiv(a, n, d, mode)
		if ok != fits || got != want {
			t.Fatalf("MulDiv(%d, %d, %d, %s) = %d, %v; want %d, %v", a, n, d, mode, got, ok, want, fits)
		}
	})
}

func slowMulDiv(a Amount, n, d uint64, mode Rounding) (Amount, bool) {
	if d == 0 {
		return 0, false
	}
	product := new(big.Int).Mul(new(big.Int).Abs(big.NewInt(int64(a))), new(big.Int).SetUint64(n))
	quotient, remainder := new(big.Int).QuoRem(product, new(big.Int).SetUint64(d), new(big.Int))
	twice := new(big.Int).Lsh(remainder, 1).Cmp(new(big.Int).SetUint64(d))
	up := false
	switch mode {
	case Up:
		up = remainder.Sign() > 0
	case HalfUp:
		up = twice >= 0
	case HalfEven:
		up = twice > 0 || (twice == 0 && quotient.Bit(0) == 1)
	case Down:
	}
	if up {
		quotient.Add(quotient, big.NewInt(1))
	}
	if !quotient.IsInt64() {
		return 0, false
	}
	if a < 0 {
		return -Amount(quotient.Int64()), true
	}
	return Amount(quotient.Int64()), true
}

func TestAddNeverWraps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Amount(rapid.Int64().Draw(t, "a"))
		b := Amount(rapid.Int64().Draw(t, "b"))
		exact := new(big.Int).Add(big.NewInt(int64(a)), big.NewInt(int64(b)))
		fits := exact.IsInt64() && exact.Int64() >= int64(Min)
		got, ok := a.Add(b)
		if ok != fits || (ok && int64(got) != exact.Int64()) {
			t.Fatalf("%d + %d = %d, %v", a, b, got, ok)
		}
	})
}

func TestAmountsOfCurrencies(t *testing.T) {
	for currency, want := range map[string][3]string{"EUR": {"12.00", "-0.50", "0.005"}, "JPY": {"12", "-0.5", "0.005"}, "KWD": {"12.000", "-0.500", "0.005"}, "XYZ": {"12.00", "-0.50", "0.005"}} {
		for n, amount := range []Amount{12 * Unit, -Unit / 2, Unit / 200} {
			if got := amount.In(currency); got != want[n] {
				t.Errorf("%d in %s is %q, want %q", amount, currency, got, want[n])
			}
			c, err := ParseCurrency(currency)
			if err != nil {
				continue
			}
			_, fine := Parse(amount.Format(0), c.Exponent())
			if got := amount.PaidIn(c); got != (fine == nil) {
				t.Errorf("%s %s is paid: %v", amount, currency, got)
			}
		}
	}
}
