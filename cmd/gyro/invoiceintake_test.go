package main

import (
	"net/http"
	"strings"
	"testing"
)

// TestTheIntakeSaysWhatIsParked to people, where anything is; programs get the answer as it is.
func TestTheIntakeSaysWhatIsParked(t *testing.T) {
	const means = "parked are usage records of charging accounts that the office has no billing account for"
	for parked, said := range map[string]bool{"613850": true, "0": false} {
		base, _ := answering(t, http.StatusOK, `{"after":700000,"latest":700000,"lag":0,"parked":`+parked+`}`)
		t.Setenv(officeVariable, base)
		if got := saidBy(t, "invoice", "intake"); strings.Contains(got, means) != said || !strings.Contains(got, "parked:  "+parked) {
			t.Errorf("of %s parked: %s", parked, got)
		}
		if got := saidBy(t, "invoice", "intake", "--json"); !strings.HasPrefix(got, "{") || strings.Contains(got, means) {
			t.Errorf("of %s parked, as JSON: %s", parked, got)
		}
	}
}
