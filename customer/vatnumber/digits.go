package vatnumber

import "strings"

// d is the value of a digit, or of a letter from 10 on.
func d(c byte) int {
	if c >= 'A' {
		return int(c-'A') + 10
	}
	return int(c - '0')
}

// remainder is that of a number of digits, and of letters as two digits each (ISO 7064).
func remainder(digits string, by int) (rest int) {
	for k := range len(digits) {
		if v := d(digits[k]); v > 9 {
			rest = (rest*100 + v) % by
		} else {
			rest = (rest*10 + v) % by
		}
	}
	return rest
}

// weighted is the sum of digits, each times its weight.
func weighted(digits string, weights ...int) (sum int) {
	for k, w := range weights {
		sum += d(digits[k]) * w
	}
	return sum
}

// luhn is the check of ISO/IEC 7812, which Italy has for its numbers, and France for the company within them.
func luhn(digits string) bool {
	sum := 0
	for k := range len(digits) {
		v := d(digits[len(digits)-1-k])
		if k%2 == 1 {
			v = v*2/10 + v*2%10
		}
		sum += v
	}
	return sum%10 == 0
}

// germany: ISO 7064 MOD 11,10.
func germany(b string) bool {
	product := 10
	for k := range 8 {
		sum := (d(b[k]) + product) % 10
		if sum == 0 {
			sum = 10
		}
		product = sum * 2 % 11
	}
	return (11-product)%10 == d(b[8])
}

// austria: every second digit doubled, and 4 for the U.
func austria(b string) bool {
	sum := 4
	for k := range 7 {
		v := d(b[k+1])
		if k%2 == 1 {
			v = v*2/10 + v*2%10
		}
		sum += v
	}
	return (10-sum%10)%10 == d(b[8])
}

// switzerland: the UID of a company (eCH-0097), modulo 11.
func switzerland(b string) bool {
	check := (11 - weighted(b[1:9], 5, 4, 3, 2, 7, 6, 5, 4)%11) % 11 // 10 is nobody's
	return check == d(b[9])
}

// france: a key of two digits, or of a digit and a letter, over the company's SIREN. Monaco's companies (000) have none.
func france(b string) bool {
	const alphabet = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
	key, siren := b[:2], b[2:]
	if !strings.HasPrefix(siren, "000") && !luhn(siren) {
		return false
	}
	first, second := strings.IndexByte(alphabet, key[0]), strings.IndexByte(alphabet, key[1])
	switch {
	case first < 10 && second < 10:
		return remainder(siren+"12", 97) == first*10+second
	case first < 10:
		first = first*24 + second - 10
	default:
		first = first*34 + second - 100
	}
	return (remainder(siren, 11)+1+first/11)%11 == first%11
}

// spain: of persons a letter over the number (DNI; NIE of foreigners, whose X, Y, Z are 0, 1, 2; K, L and M none), of
// companies a digit or a letter (CIF).
func spain(b string) bool {
	switch first := b[0]; {
	case first <= '9':
		return dni(b[:8]) == b[8]
	case first >= 'X':
		return dni(string('0'+first-'X')+b[1:8]) == b[8]
	case strings.IndexByte("KLM", first) >= 0:
		return dni(b[1:8]) == b[8]
	}
	sum := 0
	for k, c := range []byte(b[1:8]) {
		v := d(c)
		if k%2 == 0 {
			v = v*2/10 + v*2%10
		}
		sum += v
	}
	check := (10 - sum%10) % 10
	return b[8] == byte('0'+check) || b[8] == "JABCDEFGHI"[check]
}

func dni(number string) byte { return "TRWAGMYFPDXBNJZSQVHLCKE"[remainder(number, 23)] }

// netherlands: of companies the check of eleven; of persons with a business, since 2020, ISO 7064 MOD 97,10 over all of it.
func netherlands(b string) bool {
	eleven := weighted(b, 9, 8, 7, 6, 5, 4, 3, 2) % 11
	return eleven == d(b[8]) || remainder("NL"+b, 97) == 1
}
