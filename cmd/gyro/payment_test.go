package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestATokenIsCharged: who gives a card's token and no method means the provider, and not a bank transfer that somebody has seen;
// a method that was given goes to the office as it is, which refuses what does not fit.
func TestATokenIsCharged(t *testing.T) {
	var sent struct{ PaymentMethod struct{ Name, ID string } }
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	t.Setenv(officeVariable, s.URL)
	for line, want := range map[string]string{
		"payment take 17 10 --token tok_visa":                        "provider tok_visa",
		"payment take 17 10 --token tok_visa --method provider":      "provider tok_visa",
		"payment take 17 10 --token tok_visa --method bank_transfer": "bank_transfer tok_visa",

		"payment take 17 10": "bank_transfer ",
	} {
		said := saidBy(t, strings.Fields(line)...)
		if got := sent.PaymentMethod.Name + " " + sent.PaymentMethod.ID; got != want {
			t.Errorf("gyro %s: %q, want %q; it says %s", line, got, want, said)
		}
	}
}
