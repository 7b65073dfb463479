package rest_test

import (
	"sync"
	"testing"

	"gyro/api/tmf/tmftest"
	"gyro/internal/database"
)

// TestTheSameRequestAtOnceIsOneRequest: clients that lost patience send it again while the first is still at work.
func TestTheSameRequestAtOnceIsOneRequest(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c := start(t, db)
		const path = "/tmf-api/customerManagement/v4/customer"
		answers := make([]*tmftest.Exchange, 24)
		var clients sync.WaitGroup
		for n := range answers {
			clients.Go(func() {
				body := `{"name":"Ada","engagedParty":{"id":"7","@referredType":"Individual"}}`
				key := "k" + string(rune('0'+n%3))
				answers[n] = c.Do(t, "POST", path, body, "Idempotency-Key", key)
			})
		}
		clients.Wait()
		replayed := 0
		for n, x := range answers {
			x.Want(t, 201)
			if x.Header.Get("Idempotency-Replayed") == "true" {
				replayed++
			}
			if string(x.Body) != string(answers[n%3].Body) {
				t.Errorf("request %d: %s and %s", n, x.Body, answers[n%3].Body)
			}
		}
		if total := c.Do(t, "GET", path+"?limit=1", "").Header.Get("X-Total-Count"); total != "3" || replayed != len(answers)-3 {
			t.Errorf("%s customers, %d answers replayed", total, replayed)
		}
		trail, err := db.AuditTrail(t.Context(), "sample", "", 0, 100)
		if err != nil || len(trail) != 3 {
			t.Errorf("%d rows in the audit trail, %v", len(trail), err)
		}
	})
}
