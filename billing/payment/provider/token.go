package provider

import (
	"regexp"
	"strings"
)

var token = regexp.MustCompile(`^(tok|mnd)_[A-Za-z0-9_]{1,60}$`)

// CheckToken says what is wrong with a token: nil, or an *Error that is
// permanent. What may be a card number is refused under a code of its own, and
// is in no message: messages are logged.
func CheckToken(t string) error {
	switch {
	case cardNumber(t):
		return &Error{Status: 400, Code: "card_number_refused", Message: "the token has what may be a card number; send the token that stands for the card"}
	case !token.MatchString(t):
		return &Error{Status: 400, Code: "token_malformed", Message: "a token begins with tok_ (card) or mnd_ (mandate), and has letters, digits and _"}
	}
	return nil
}

// cardNumber reports whether s has 12 to 19 digits in a row, blanks and dashes
// left aside, with a valid check digit (ISO/IEC 7812-1).
func cardNumber(s string) bool {
	s = strings.NewReplacer(" ", "", "-", "").Replace(s)
	for len(s) > 0 {
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		if n >= 12 && n <= 19 && luhn(s[:n]) {
			return true
		}
		s = s[max(n, 1):]
	}
	return false
}

func luhn(digits string) bool {
	sum := 0
	for k := range len(digits) {
		d := int(digits[len(digits)-1-k] - '0')
		if k%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
