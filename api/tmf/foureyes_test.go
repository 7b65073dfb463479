package tmf_test

import (
	"strings"
	"testing"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/api/tmf/tmftest"
	"gyro/internal/database"
	"gyro/internal/money"
)

// TestMoneyAboveTheLimitNeedsTwoPeople: a write-off, a refund and an entry by hand.
func TestMoneyAboveTheLimitNeedsTwoPeople(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c := books(t, db, func(o *rest.Options) { o.ApprovalAbove = 5 * money.Unit })
		c.Roles = access.Finance
		const writeOff = "/office/v1/receivables/1/write-off"
		const reason = `{"reason":"insolvent"}`
		for _, approver := range []string{"", "finance", "care", "nobody"} {
			header := []string{}
			if approver != "" {
				header = append(header, "X-Approver-Key", approver)
			}
			c.Do(t, "POST", writeOff, reason, header...).Want(t, 403)
		}
		if open := c.Do(t, "GET", "/office/v1/receivables/1", "").Want(t, 200); !strings.Contains(string(open.Body), `"open":11.9`) {
			t.Errorf("a refused write-off was written off: %s", open.Body)
		}
		c.Do(t, "POST", writeOff, reason, "X-Approver-Key", "finance,administrator").Want(t, 200)
		trail, err := db.AuditTrail(t.Context(), "receivable", "1", 0, 100)
		if err != nil || len(trail) == 0 || trail[len(trail)-1].Actor.Role != "finance, approved by test:finance,administrator" {
			t.Errorf("%+v, %v", trail, err)
		}

		entry := `{"key":"k1","reference":"bank","postings":[{"account":"6855","amount":5.01,"currency":"EUR"},{"account":"1800","amount":-5.01,"currency":"EUR"}]}`
		c.Do(t, "POST", "/office/v1/ledger/journal", entry).Want(t, 403)

		paid := c.Do(t, "POST", "/tmf-api/paymentManagement/v4/payment", `{"account":{"id":"1"},"paymentMethod":{"name":"cash"},"totalAmount":{"unit":"EUR","value":50}}`, "Idempotency-Key", "p").Want(t, 201)
		refund := func(amount string) string {
			return `{"account":{"id":"1"},"payment":{"id":"` + paid.JSON(t)["id"].(string) + `"},"paymentMethod":{"name":"cash"},"totalAmount":{"unit":"EUR","value":` + amount + `},"description":"overpaid","correlatorId":"r-` + amount + `"}`
		}
		c.Do(t, "POST", "/tmf-api/paymentManagement/v4/refund", refund("5.01"), "Idempotency-Key", "r1").Want(t, 403)
		c.Do(t, "POST", "/tmf-api/paymentManagement/v4/refund", refund("5.00"), "Idempotency-Key", "r1").Want(t, 201)
		c.Do(t, "POST", "/tmf-api/paymentManagement/v4/refund", refund("5.01"), "Idempotency-Key", "r2", "X-Approver-Key", "finance,care").Want(t, 201)
	})
}
