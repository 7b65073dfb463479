package provisioning

import (
	"errors"
	"testing"

	"gyro/api/client"
	"gyro/customer"
	"gyro/internal/database/dbtest"
	"gyro/internal/instant"
	"gyro/provisioning/workflow"
)

// TestWhatIsNotTheCoresLastWordIsTriedAgain: a key that may not, a request that came too slowly, a fault and a proxy's page are
// not about the order, and are mended without it. What the core refuses is for a person at once.
func TestWhatIsNotTheCoresLastWordIsTriedAgain(t *testing.T) {
	for name, said := range map[string]struct {
		problem client.Problem
		final   bool
	}{
		"a key that is not taken":  {problem: client.Problem{Status: 401, Code: "unauthorized"}},
		"a key that may not":       {problem: client.Problem{Status: 403, Code: "forbidden"}},
		"too slow a request":       {problem: client.Problem{Status: 408, Code: "timeout"}},
		"too many requests":        {problem: client.Problem{Status: 429, Code: "too_many"}},
		"a fault":                  {problem: client.Problem{Status: 500, Code: "internal"}},
		"a proxy's page":           {problem: client.Problem{Status: 404, Message: "<html>"}},
		"a subscriber in a change": {problem: client.Problem{Status: 409, Code: "subscriber_busy"}},
		"another's number":         {problem: client.Problem{Status: 409, Code: "identity_taken"}, final: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, dbtest.Dialects[0])
			w.way.answer = &said.problem
			calls := 0
			w.way.decide = func(string) (before, after bool) { calls++; return calls == 1, false }
			placed, err := w.Place(t.Context(), sales, OrderRequest{
				AccountID: w.customer("Ada", customer.Postpaid, customer.Residential), Items: []ItemRequest{{Action: Add, Offering: "mobile-s"}},
			})
			must(t, err)
			w.wait(instant.Minute)
			want := workflow.Completed
			if said.final {
				want = workflow.Held
			}
			if o := w.stands(placed.ID); o.State != want {
				t.Errorf("%s: %s", o.String(), o.Reason)
			}
			if err := coreError(&said.problem); Permanent(err) != said.final || !errors.As(err, new(*ElementError)) {
				t.Errorf("%v is permanent: %v", err, Permanent(err))
			}
		})
	}
}
