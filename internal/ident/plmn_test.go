package ident

import (
	"errors"
	"testing"
)

func TestPLMN(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{"262", "262"},
		{"262-01", "262-01"},
		{"26201", "262-01"},
		{"310410", "310-410"},
		{"310-026", "310-026"},
		{"310-26", "310-26"},
		{"001-01", "001-01"},
	} {
		p, err := ParsePLMN([]byte(c.in))
		if err != nil || p.String() != c.out {
			t.Errorf("%s: %s, %v; want %s", c.in, p, err, c.out)
		}
		if country := p.Country(); country.String() != c.out[:3] || !country.IsCountry() {
			t.Errorf("%s is in %s", c.in, country)
		}
	}
	for _, in := range []string{"", "26", "262-", "262-1", "262-1234", "26x", "2620", "262-0a", "-26201"} {
		if p, err := ParsePLMN([]byte(in)); !errors.Is(err, ErrPLMN) {
			t.Errorf("%q was read as %s, %v", in, p, err)
		}
	}
	a, _ := ParsePLMN([]byte("310-26"))
	b, _ := ParsePLMN([]byte("310-026"))
	if a == b {
		t.Error("networks of two and three digits are the same")
	}
}
