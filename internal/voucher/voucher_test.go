package voucher

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestNormalise(t *testing.T) {
	for text, want := range map[string]string{
		"1234-5678-9012-3456":  "1234567890123456",
		"1234 5678 9012 34":    "12345678901234",
		"12345678901234567890": "12345678901234567890",
	} {
		if got, err := Normalise(text); got != want || err != nil {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "1234567890123", "123456789012345678901", "1234567890123a", "١٢٣٤٥٦٧٨٩٠١٢٣٤"} {
		if code, err := Normalise(text); !errors.Is(err, ErrCode) {
			t.Errorf("%q is taken for %q: %v", text, code, err)
		}
	}
}

// TestHash: other salts and other codes have other hashes, the same the same.
func TestHash(t *testing.T) {
	one, other := bytes.Repeat([]byte{1}, SaltSize), bytes.Repeat([]byte{2}, SaltSize)
	h := Hash("1234567890123456", one)
	if len(h) != HashSize || !bytes.Equal(h, Hash("1234567890123456", one)) {
		t.Errorf("%x", h)
	}
	if bytes.Equal(h, Hash("1234567890123456", other)) || bytes.Equal(h, Hash("1234567890123457", one)) {
		t.Error("two hashes are the same")
	}
}

// TestNew counts digits: each comes as often as any other, also when the
// random octets run through all values.
func TestNew(t *testing.T) {
	var all [256]byte
	for n := range all {
		all[n] = byte(n)
	}
	random := io.MultiReader(bytes.NewReader(bytes.Repeat(all[:], 2*MaxDigits)), rand.Reader)
	count := map[rune]int{}
	for range 2 * 256 { // what the known octets are good for
		code, err := New(random, MaxDigits)
		if err != nil || len(code) != MaxDigits {
			t.Fatalf("%q, %v", code, err)
		}
		for _, d := range code {
			count[d]++
		}
	}
	for _, d := range "0123456789" {
		if n := count[d]; n < 900 || n > 1150 {
			t.Errorf("digit %c came %d times in 10240", d, n)
		}
	}
	for _, digits := range []int{MinDigits - 1, MaxDigits + 1} {
		if _, err := New(random, digits); err == nil {
			t.Errorf("a code of %d digits is made", digits)
		}
	}
	if _, err := New(strings.NewReader("short"), MinDigits); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("without randomness: %v", err)
	}
}

func BenchmarkHash(b *testing.B) {
	salt := make([]byte, SaltSize)
	for range b.N {
		Hash("1234567890123456", salt)
	}
}
