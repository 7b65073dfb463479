// Package money holds the one representation of money in Gyro: a checked
// int64 count of millionths of a currency's unit, always kept beside an
// ISO 4217 currency. No float is used anywhere; every operation that can
// overflow says so instead of wrapping.
package money

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strings"
)

// Amount is a quantity of money in millionths of the currency's unit
// (1 EUR = 1_000_000). Its range is about ±9.2e12 units.
type Amount int64

const (
	// Unit is one whole unit of a currency.
	Unit Amount = 1_000_000
	// Decimals is the number of decimal places an Amount can express.
	Decimals = 6
	// Max is the largest Amount.
	Max Amount = math.MaxInt64
	// Min is the smallest: symmetric to Max, so that every amount has a
	// negation.
	Min Amount = -math.MaxInt64
)

// Add returns a+b; ok is false when the sum leaves [Min, Max].
func (a Amount) Add(b Amount) (sum Amount, ok bool) {
	sum = a + b
	if (b > 0 && sum < a) || (b < 0 && sum > a) || sum < Min {
		return 0, false
	}
	return sum, true
}

// Sub returns a-b; ok is false when the difference leaves [Min, Max].
func (a Amount) Sub(b Amount) (diff Amount, ok bool) {
	if b < Min {
		return 0, false
	}
	return a.Add(-b)
}

// Rounding names how a fraction of a millionth is resolved.
type Rounding uint8

// The rounding modes. Up and Down work on the magnitude, so a refund rounds
// to the same amount as the charge it returns.
const (
	Up       Rounding = iota // away from zero: the default for usage
	Down                     // towards zero
	HalfUp                   // to nearest, halves away from zero
	HalfEven                 // to nearest, halves to the even neighbour
)

// String returns the name that catalogues use.
func (r Rounding) String() string {
	switch r {
	case Up:
		return "up"
	case Down:
		return "down"
	case HalfUp:
		return "half-up"
	case HalfEven:
		return "half-even"
	}
	return "unknown"
}

// MulDiv returns a*n/d under the given rounding, computed with a 128-bit
// intermediate. ok is false when d is zero or the result does not fit.
func MulDiv(a Amount, n, d uint64, mode Rounding) (result Amount, ok bool) {
	negative := a < 0
	magnitude := uint64(a)
	if negative {
		magnitude = -magnitude
	}
	hi, lo := bits.Mul64(magnitude, n)
	if d == 0 || hi >= d {
		return 0, false
	}
	quotient, remainder := bits.Div64(hi, lo, d)
	if roundsAway(quotient, remainder, d, mode) {
		quotient++
	}
	if quotient > uint64(Max) {
		return 0, false
	}
	if negative {
		return -Amount(quotient), true
	}
	return Amount(quotient), true
}

func roundsAway(quotient, remainder, d uint64, mode Rounding) bool {
	if remainder == 0 {
		return false
	}
	switch mode {
	case Up:
		return true
	case HalfUp:
		return remainder >= d-remainder
	case HalfEven:
		return remainder > d-remainder || (remainder == d-remainder && quotient&1 == 1)
	case Down:
	}
	return false
}

// Parsing errors, wrapped with the offending text.
var (
	ErrSyntax    = errors.New("not a decimal amount such as 10.00 or -0.5")
	ErrPrecision = errors.New("more decimal places than allowed")
	ErrRange     = errors.New("amount out of range")
)

// Parse reads a decimal such as "10", "-0.25" or "9.999999". At most decimals
// places are accepted (0 to Decimals); pass Decimals for prices and the
// currency's exponent for amounts that people pay.
func Parse(s string, decimals int) (Amount, error) {
	text, negative := s, false
	if strings.HasPrefix(text, "-") {
		negative, text = true, text[1:]
	}
	whole, fraction, dotted := strings.Cut(text, ".")
	if whole == "" || (dotted && fraction == "") {
		return 0, fmt.Errorf("%q: %w", s, ErrSyntax)
	}
	if len(strings.TrimRight(fraction, "0")) > min(decimals, Decimals) {
		return 0, fmt.Errorf("%q: %w (%d)", s, ErrPrecision, min(decimals, Decimals))
	}
	fraction = (fraction + "000000")[:Decimals]
	var value uint64
	for _, c := range []byte(whole + fraction) {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("%q: %w", s, ErrSyntax)
		}
		if value > (math.MaxInt64-uint64(c-'0'))/10 {
			return 0, fmt.Errorf("%q: %w", s, ErrRange)
		}
		value = value*10 + uint64(c-'0')
	}
	if negative {
		return -Amount(value), nil
	}
	return Amount(value), nil
}

// Append writes a as a decimal with at least minDecimals places (0 to
// Decimals) and no trailing zeros beyond them.
func (a Amount) Append(dst []byte, minDecimals int) []byte {
	magnitude := uint64(a)
	if a < 0 {
		dst = append(dst, '-')
		magnitude = -magnitude
	}
	dst = fmt.Appendf(dst, "%d.%06d", magnitude/uint64(Unit), magnitude%uint64(Unit))
	keep := Decimals
	for keep > minDecimals && dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
		keep--
	}
	if keep == 0 {
		dst = dst[:len(dst)-1] // the point itself
	}
	return dst
}

// Format is Append to a string.
func (a Amount) Format(minDecimals int) string { return string(a.Append(nil, minDecimals)) }

// String shows a with at least two decimals; use Format with the currency's
// exponent where the currency is known.
func (a Amount) String() string { return a.Format(2) }

// In is an amount with as many decimals as its currency (EUR) is paid in, or more where it has more: 12.50 in EUR, 12 in
// JPY, 12.500 in KWD. A currency that nobody knows has two.
func (a Amount) In(currency string) string {
	c, err := ParseCurrency(currency)
	if err != nil {
		return a.String()
	}
	return a.Format(c.Exponent())
}

// PaidIn reports whether an amount is whole coins of a currency: it has no more decimals than the currency is paid in.
func (a Amount) PaidIn(c Currency) bool {
	coin := Unit
	for range c.Exponent() {
		coin /= 10
	}
	return a%coin == 0
}
