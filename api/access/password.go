package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"gyro/internal/refusal"

	"golang.org/x/crypto/argon2"
)

// Parameters of argon2id: OWASP's first recommendation for servers (19 MiB, two
// passes, one thread). They stand beside each hash, so that they can be raised.
const (
	argonMemory  = 19 << 10 // KiB
	argonTime    = 2
	argonThreads = 1
	argonKey     = 32
	argonSalt    = 16
	// hashesAtOnce bounds the memory of those who log in at the same time.
	hashesAtOnce = 2
)

// Limits of a password: long enough that guessing is hopeless behind the waits
// (NIST SP 800-63B asks for no more than length), short enough to be hashed.
const (
	minPassword = 12
	maxPassword = 128
)

// checkPassword holds a new password against the policy.
func checkPassword(name, password string) error {
	bad := func(format string, args ...any) error {
		return refusal.New(refusal.Unprocessable, "password_weak", "password", format, args...)
	}
	length := utf8.RuneCountInString(password)
	switch {
	case !utf8.ValidString(password):
		return bad("it is not UTF-8; write text")
	case length < minPassword:
		return bad("it has %d characters; take at least %d, such as four words", length, minPassword)
	case len(password) > maxPassword:
		return bad("it has more than %d octets; take a shorter one", maxPassword)
	case strings.Contains(strings.ToLower(password), strings.ToLower(name)):
		return bad("it contains the name; take something that nobody guesses")
	case distinct(password) < 5:
		return bad("it has fewer than five different characters; take something that nobody guesses")
	}
	return nil
}

func distinct(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}

// hasher hashes a few passwords at a time; others wait.
type hasher chan struct{}

func (h hasher) do(ctx context.Context, fn func()) error {
	select {
	case h <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-h }()
	fn()
	return nil
}

// hash makes a PHC string of a password.
func (h hasher) hash(ctx context.Context, password string) (phc string, err error) {
	err = h.do(ctx, func() {
		salt := random(argonSalt)
		key := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, argonKey)
		phc = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads,
			base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
	})
	return phc, err
}

// matches reports whether a password is the one of a PHC string. An empty one takes
// as long as any other, so that time does not tell which names there are.
func (h hasher) matches(ctx context.Context, phc, password string) (match bool, err error) {
	var version, memory, time uint32
	var threads uint8
	parts := strings.Split(phc, "$")
	salt, key := make([]byte, argonSalt), make([]byte, argonKey)
	known := len(parts) == 6
	if known {
		if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &time, &threads); err != nil {
			return false, fmt.Errorf("the hash of a password cannot be read: %w", err)
		}
		var failed [2]error
		salt, failed[0] = base64.RawStdEncoding.DecodeString(parts[4])
		key, failed[1] = base64.RawStdEncoding.DecodeString(parts[5])
		if failed != [2]error{} || parts[1] != "argon2id" || version != argon2.Version {
			return false, fmt.Errorf("the hash of a password cannot be read: %v", failed)
		}
	} else {
		memory, time, threads = argonMemory, argonTime, argonThreads
	}
	if len(password) > maxPassword {
		password, known = "", false
	}
	err = h.do(ctx, func() {
		got := argon2.IDKey([]byte(password), salt, time, memory, threads, uint32(len(key))) //nolint:gosec // 32 octets
		match = subtle.ConstantTimeCompare(got, key) == 1 && known
	})
	return match, err
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails: the process ends if it would
	return b
}
