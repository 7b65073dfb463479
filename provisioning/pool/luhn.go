package pool

import (
	"fmt"
	"strconv"
)

// Lengths of identities: E.118 (a card's number with its check digit, of the 19 digits that are in use), E.212, E.164.
const (
	iccidDigits  = 19
	imsiDigits   = 15
	msisdnLeast  = 7
	msisdnMost   = 15
	maxRange     = 10_000_000 // what one load may add: a telephone number's block has seven digits
	checkDecimal = 10
)

// luhn is the check digit of a number (ISO/IEC 7812-1 annex B): from the right, every other digit is doubled, and the
// digits of all are summed up to a multiple of ten.
func luhn(digits string) byte {
	sum := 0
	for k := range len(digits) {
		d := int(digits[len(digits)-1-k] - '0')
		if k%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return byte('0' + (checkDecimal-sum%checkDecimal)%checkDecimal)
}

// WithCheckDigit appends the check digit to the first 18 digits of a card's number (ICCID, E.118).
func WithCheckDigit(digits string) string { return digits + string(luhn(digits)) }

// ValidIMSI reports whether an identity of a card is well-formed (E.212).
func ValidIMSI(s string) bool { return len(s) == imsiDigits && areDigits(s) }

// ValidMSISDN reports whether a telephone number is well-formed: in international form, digits alone (E.164).
func ValidMSISDN(s string) bool {
	return len(s) >= msisdnLeast && len(s) <= msisdnMost && areDigits(s) && s[0] != '0'
}

func areDigits(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}

// counting returns the nth number behind first, with as many digits; false where it has more.
func counting(first string, n int) (string, bool) {
	value, err := strconv.ParseUint(first, 10, 64)
	if err != nil {
		return "", false
	}
	s := fmt.Sprintf("%0*d", len(first), value+uint64(n)) //nolint:gosec // n is not negative
	return s, len(s) == len(first)
}
