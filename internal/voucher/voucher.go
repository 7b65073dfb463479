// Package voucher makes and recognises the codes of vouchers. It is for the
// edges: a code is made, printed and forgotten there, and what reaches the
// core, its journal and its store is a hash.
package voucher

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Digits of a code. People type codes on a phone's keypad, so they are short:
// 14 digits are 47 bits, 16 are 53.
const (
	MinDigits     = 14
	DefaultDigits = 16
	MaxDigits     = 20
)

// SaltSize is the octets of a shard's salt and HashSize those of a code's hash,
// as the core has them.
const (
	SaltSize = 16
	HashSize = 16
)

// The cost of a hash: Argon2id (RFC 9106) in one pass over 8 MiB. All codes of a
// shard have one salt, or none could be found by its hash, so one search tries
// a code against all of them: of 10^16 codes of which 10^6 are valid, one is hit
// in 10^10 tries. A graphics card does as many SHA-256 in a second; of this, which
// its memory bounds to some ten thousand a second, it takes days for one voucher,
// and its power costs more than most vouchers are worth. Making 100,000 codes
// takes some ten minutes of one core, redeeming one takes milliseconds.
const (
	passes    = 1
	memoryKiB = 8 << 10
	lanes     = 1
)

// ErrCode is returned for what cannot be a code.
var ErrCode = errors.New("no voucher code")

// Normalise takes the spaces and hyphens out of a code as people type it, and
// refuses what is no code.
func Normalise(text string) (code string, err error) {
	code = strings.NewReplacer(" ", "", "-", "").Replace(text)
	if len(code) < MinDigits || len(code) > MaxDigits {
		return "", fmt.Errorf("%w: it has %d digits; codes have %d to %d", ErrCode, len(code), MinDigits, MaxDigits)
	}
	for n := range len(code) {
		if code[n] < '0' || code[n] > '9' {
			return "", fmt.Errorf("%w: a code has digits only", ErrCode)
		}
	}
	return code, nil
}

// Hash is what the core knows a normalised code by.
func Hash(code string, salt []byte) []byte {
	return argon2.IDKey([]byte(code), salt, passes, memoryKiB, lanes, HashSize)
}

// New makes a code of so many digits, each with the same probability. Random is
// crypto/rand's reader.
func New(random io.Reader, digits int) (code string, err error) {
	if digits < MinDigits || digits > MaxDigits {
		return "", fmt.Errorf("a code has %d to %d digits, not %d", MinDigits, MaxDigits, digits)
	}
	var made []byte
	var octets [2 * MaxDigits]byte
	for len(made) < digits {
		if _, err := io.ReadFull(random, octets[:]); err != nil {
			return "", fmt.Errorf("voucher code: %w", err)
		}
		for _, b := range octets {
			if b < unbiased && len(made) < digits {
				made = append(made, '0'+b%10)
			}
		}
	}
	return string(made), nil
}

// unbiased is the first octet that is not used: the 250 below it fall on ten
// digits evenly.
const unbiased = 250

// Salt makes the salt of a shard.
func Salt(random io.Reader) ([]byte, error) {
	salt := make([]byte, SaltSize)
	_, err := io.ReadFull(random, salt)
	return salt, err
}
