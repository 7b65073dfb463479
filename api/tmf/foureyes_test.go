package tmf_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/api/tmf"
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

// TestAPersonApprovesOneRequest: two users, logged in; the one asks, the other stands behind it.
func TestAPersonApprovesOneRequest(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		s, err := access.New(db, access.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var key string
		if _, err := s.Bootstrap(t.Context(), func(secret string) error { key = secret; return nil }); err != nil {
			t.Fatal(err)
		}
		moved := 0
		c := tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) {
			o.ApprovalAbove = 100 * money.Unit
			o.Sets = []rest.Set{rest.Endpoint{
				Method: "POST", Path: "/office/v1/moves", Roles: access.Finance, Summary: "Moves money.", Body: map[string]rest.Decimal{}, Answer: map[string]rest.Decimal{},
				Do: func(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
					var in map[string]rest.Decimal
					if err := c.Decode(&in); err != nil {
						return nil, err
					}
					return c.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
						if err := access.FourEyes(ctx, money.Amount(in["amount"])); err != nil {
							return nil, err
						}
						moved++
						return rest.OK(in), tx.Audit(ctx, "move", "1", "move", nil, in)
					})
				},
			}}
			return tmf.New(tmf.Options{Server: o, Access: s})
		})
		c.Roles = 0
		login := func(name, role string) []string {
			c.Do(t, "POST", "/office/v1/users", `{"name":"`+name+`","password":"`+good+`","roles":["`+role+`"]}`, "X-API-Key", key).Want(t, 201)
			if err := s.SetPassword(t.Context(), database.Actor{Name: "user:" + name, Via: "api"}, name, good, false, ""); err != nil {
				t.Fatal(err)
			}
			in := c.Do(t, "POST", "/office/v1/login", `{"name":"`+name+`","password":"`+good+`"}`).Want(t, 200)
			token, _, _ := strings.Cut(in.Header.Get("Set-Cookie"), ";")
			csrf, _ := in.JSON(t)["csrfToken"].(string)
			return []string{"Cookie", token, "X-CSRF-Token", csrf}
		}
		ada, bob, eve := login("ada", "finance"), login("bob", "finance"), login("eve", "care")
		approve := func(by []string) []string {
			x := c.Do(t, "POST", "/office/v1/approvals", `{"method":"POST","path":"/office/v1/moves","amount":200}`, by...).Want(t, 201)
			secret, _ := x.JSON(t)["secret"].(string)
			return []string{"X-Approver-Key", secret}
		}
		move := func(amount string, header ...[]string) *tmftest.Exchange {
			return c.Do(t, "POST", "/office/v1/moves", `{"amount":`+amount+`}`, slices.Concat(header...)...)
		}
		move("100", ada).Want(t, 200)
		move("150", ada).Want(t, 403)
		move("150", ada, approve(ada)).Want(t, 403)
		move("150", ada, approve(eve)).Want(t, 403) // who may not ask for it does not approve it
		move("201", ada, approve(bob)).Want(t, 403)
		approval := approve(bob)
		once := []string{"Idempotency-Key", "m1"}
		move("150", ada, approval, once).Want(t, 200)
		move("150", ada, approval, once).Want(t, 200) // the same once more
		move("150", ada, approval, []string{"Idempotency-Key", "m2"}).Want(t, 403)
		move("151", ada, approval, once).Want(t, 403)
		if moved != 2 {
			t.Errorf("moved %d times", moved)
		}
		trail, err := db.AuditTrail(t.Context(), "move", "1", 0, 10)
		if err != nil || len(trail) != 2 || trail[1].Actor.Role != "finance, approved by user:bob" {
			t.Errorf("%+v, %v", trail, err)
		}
		c.Do(t, "POST", "/office/v1/approvals", `{"method":"POST","path":"/office/v1/moves","amount":1}`, "X-API-Key", key).Want(t, 409)
	})
}
