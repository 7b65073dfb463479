package tmf_test

import (
	"context"
	"fmt"
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
		c := books(t, db, func(o *rest.Options) { o.ApprovalAbove = access.Limits{access.AnyCurrency: 5 * money.Unit} })
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

		entry := `{"key":"k1","reference":"bank","postings":[{"account":"6300","amount":5.01,"currency":"EUR"},{"account":"1100","amount":-5.01,"currency":"EUR"}]}`
		c.Do(t, "POST", "/office/v1/ledger/journal", entry).Want(t, 403)
		c.Do(t, "POST", "/office/v1/ledger/journal", entry, "X-Approver-Key", "finance,administrator").Want(t, 200)
		last := c.Do(t, "GET", "/office/v1/ledger/journal", "").Want(t, 200).JSON(t)["items"].([]any)
		reversal := "/office/v1/ledger/journal/" + last[len(last)-1].(map[string]any)["id"].(string) + "/reversal"
		if x := c.Do(t, "POST", reversal, `{"reason":"wrong account"}`).Want(t, 403); x.JSON(t)["code"] != "approval_needed" {
			t.Errorf("the reversal of an entry: %s", x.Body)
		}
		c.Do(t, "POST", reversal, `{"reason":"wrong account"}`, "X-Approver-Key", "finance,administrator").Want(t, 204)
		const recovery = "/office/v1/receivables/1/recovery"
		if x := c.Do(t, "POST", recovery, "").Want(t, 403); x.JSON(t)["code"] != "approval_needed" {
			t.Errorf("the recovery of a write-off: %s", x.Body)
		}
		c.Do(t, "POST", recovery, "", "X-Approver-Key", "finance,administrator").Want(t, 200)

		split := `{"key":"k2","reference":"bank","postings":[{"account":"6855","amount":3,"currency":"EUR"},{"account":"6300","amount":3,"currency":"EUR"},{"account":"1800","amount":-3,"currency":"EUR"},{"account":"1800","amount":-3,"currency":"EUR"}]}`
		if x := c.Do(t, "POST", "/office/v1/ledger/journal", split).Want(t, 403); x.JSON(t)["code"] != "approval_needed" {
			t.Errorf("an entry in parts: %s", x.Body)
		}

		paid := c.Do(t, "POST", "/tmf-api/paymentManagement/v4/payment", `{"account":{"id":"1"},"paymentMethod":{"name":"cash"},"totalAmount":{"unit":"EUR","value":50}}`, "Idempotency-Key", "p").Want(t, 201)
		refund := func(amount string) string {
			return `{"account":{"id":"1"},"payment":{"id":"` + paid.JSON(t)["id"].(string) + `"},"paymentMethod":{"name":"cash"},"totalAmount":{"unit":"EUR","value":` + amount + `},"description":"overpaid","correlatorId":"r-` + amount + `"}`
		}
		c.Do(t, "POST", "/tmf-api/paymentManagement/v4/refund", refund("5.01"), "Idempotency-Key", "r1").Want(t, 403)
		c.Do(t, "POST", "/tmf-api/paymentManagement/v4/refund", refund("5.00"), "Idempotency-Key", "r1").Want(t, 201)
		c.Do(t, "POST", "/tmf-api/paymentManagement/v4/refund", refund("5.01"), "Idempotency-Key", "r2", "X-Approver-Key", "finance,care").Want(t, 201)
	})
}

// TestABillIsBilledAnewByTwoPeople: what is left of it is above the limit, until credit notes have taken the most of it back.
func TestABillIsBilledAnewByTwoPeople(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		_, bills := billed(t, db, 2, true)
		c := tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) {
			o.ApprovalAbove = access.Limits{"EUR": 10 * money.Unit}
			return tmf.New(tmf.Options{Server: o, Billing: bills})
		})
		c.Roles = access.Finance
		year := db.Now().Time().Format("2006")
		rebill := func(status int, number, key string, header ...string) *tmftest.Exchange {
			t.Helper()
			return c.Do(t, "POST", "/office/v1/invoices/GY-"+year+"-"+number+"/rebill", `{"reason":"wrong price"}`, append(header, "Idempotency-Key", key)...).Want(t, status)
		}
		if x := rebill(403, "0000001", "r1"); x.JSON(t)["code"] != "approval_needed" {
			t.Errorf("%s", x.Body)
		}
		if x := c.Do(t, "GET", "/office/v1/invoices?type=creditNote", "").Want(t, 200); !strings.Contains(string(x.Body), `"total":0`) {
			t.Errorf("a bill was taken back that nobody approved: %s", x.Body)
		}
		rebill(200, "0000001", "r1", "X-Approver-Key", "finance,administrator")
		rebill(200, "0000001", "r1") // the same once more moves nothing

		lines := c.Do(t, "GET", "/office/v1/invoices/GY-"+year+"-0000002", "").Want(t, 200).JSON(t)["lines"].([]any)
		var most []string
		for n := range lines[1:] {
			most = append(most, fmt.Sprintf(`{"position":%d}`, n+1))
		}
		c.Do(t, "POST", "/office/v1/invoices/GY-"+year+"-0000002/credit-notes", `{"reason":"outage","lines":[`+strings.Join(most, ",")+`]}`,
			"Idempotency-Key", "c", "X-Approver-Key", "finance,administrator").Want(t, 200)
		rebill(200, "0000002", "r2")
	})
}

// bootstrapped are the users and keys of an office that has just begun, and its first key.
func bootstrapped(t *testing.T, db *database.DB) (s *access.Service, key string) {
	t.Helper()
	s, err := access.New(db, access.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Bootstrap(t.Context(), func(secret string) error { key = secret; return nil }); err != nil {
		t.Fatal(err)
	}
	return s, key
}

// loggedIn makes a user with some roles, and returns the headers of requests in a session of theirs.
func loggedIn(t *testing.T, c *tmftest.Client, s *access.Service, key, name string, roles ...string) []string {
	t.Helper()
	c.Do(t, "POST", "/office/v1/users", `{"name":"`+name+`","password":"`+good+`","roles":["`+strings.Join(roles, `","`)+`"]}`, "X-API-Key", key).Want(t, 201)
	if err := s.SetPassword(t.Context(), database.Actor{Name: "user:" + name, Via: "api"}, name, good, false, ""); err != nil {
		t.Fatal(err)
	}
	in := c.Do(t, "POST", "/office/v1/login", `{"name":"`+name+`","password":"`+good+`"}`).Want(t, 200)
	token, _, _ := strings.Cut(in.Header.Get("Set-Cookie"), ";")
	csrf, _ := in.JSON(t)["csrfToken"].(string)
	return []string{"Cookie", token, "X-CSRF-Token", csrf}
}

// TestAPersonApprovesOneRequest: two users, logged in; the one asks, the other stands behind it.
func TestAPersonApprovesOneRequest(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		s, key := bootstrapped(t, db)
		moved := 0
		c := tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) {
			o.ApprovalAbove = access.Limits{"EUR": 100 * money.Unit}
			o.Sets = []rest.Set{rest.Endpoint{
				Method: "POST", Path: "/office/v1/moves", Roles: access.Finance, Summary: "Moves money.", Body: map[string]rest.Decimal{}, Answer: map[string]rest.Decimal{},
				Do: func(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
					var in map[string]rest.Decimal
					if err := c.Decode(&in); err != nil {
						return nil, err
					}
					return c.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
						if err := access.FourEyes(ctx, money.Amount(in["amount"]), "EUR"); err != nil {
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
		login := func(name, role string) []string { return loggedIn(t, c, s, key, name, role) }
		ada, bob, eve := login("ada", "finance"), login("bob", "finance"), login("eve", "care")
		approve := func(by []string) []string {
			x := c.Do(t, "POST", "/office/v1/approvals", `{"method":"POST","path":"/office/v1/moves","amount":200,"currency":"EUR"}`, by...).Want(t, 201)
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
		c.Do(t, "POST", "/office/v1/approvals", `{"method":"POST","path":"/office/v1/moves","amount":1,"currency":"EUR"}`, "X-API-Key", key).Want(t, 409)
	})
}

// TestNobodyApprovesByAKeyOfTheirOwn: an administrator makes himself a second key, and the holder of the first
// administrator's key does; somebody else's key is good.
func TestNobodyApprovesByAKeyOfTheirOwn(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		s, bootstrap := bootstrapped(t, db)
		_, bills := billed(t, db, 2, true)
		c := tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) {
			o.ApprovalAbove = access.Limits{"EUR": 10 * money.Unit, access.AnyCurrency: money.Unit}
			return tmf.New(tmf.Options{Server: o, Access: s, Billing: bills})
		})
		c.Roles = 0
		with := func(key string, header ...string) []string { return append([]string{"X-API-Key", key}, header...) }
		issue := func(by []string, name string) string {
			t.Helper()
			x := c.Do(t, "POST", "/office/v1/api-keys", `{"name":"`+name+`","roles":["administrator","finance"]}`, by...).Want(t, 201)
			secret, _ := x.JSON(t)["secret"].(string)
			return secret
		}
		login := func(name string) []string { return loggedIn(t, c, s, bootstrap, name, "administrator", "finance") }
		ada, bob := login("ada"), login("bob")
		first, bobs := issue(ada, "adas"), issue(bob, "bobs")
		second := issue(with(first), "adas-other")
		n := 0
		credit := func(status int, amount, code string, header ...[]string) {
			t.Helper()
			n++
			body := `{"kind":"credit","amount":-` + amount + `,"currency":"EUR","description":"goodwill"}`
			x := c.Do(t, "POST", "/office/v1/accounts/2/charges", body, append(slices.Concat(header...), "Idempotency-Key", fmt.Sprint("k", n))...).Want(t, status)
			if got, _ := x.JSON(t)["code"].(string); got != code {
				t.Errorf("%s: %s, want %s", amount, x.Body, code)
			}
		}
		approver := func(key string) []string { return []string{"X-Approver-Key", key} }
		credit(200, "10", "", ada)
		credit(403, "10.01", "approval_needed", ada)
		credit(403, "10.01", "own_approval", ada, approver(first))
		credit(403, "10.01", "own_approval", ada, approver(second))
		credit(403, "10.01", "own_approval", with(first), approver(second))
		credit(403, "10.01", "approver_unknown", ada, approver(bootstrap))
		credit(403, "10.01", "approver_unknown", ada, approver(issue(with(bootstrap), "bootstraps")))
		credit(200, "10.01", "", with(first), approver(bobs))

		number := "GY-" + db.Now().Time().Format("2006") + "-0000001"
		note := func(status int, header ...[]string) {
			t.Helper()
			n++
			c.Do(t, "POST", "/office/v1/invoices/"+number+"/credit-notes", `{"reason":"outage"}`, append(slices.Concat(header...), "Idempotency-Key", fmt.Sprint("k", n))...).Want(t, status)
		}
		note(403, ada)
		note(403, ada, approver(second))
		if x := c.Do(t, "GET", "/office/v1/invoices?type=creditNote", "", ada...).Want(t, 200); !strings.Contains(string(x.Body), `"total":0`) {
			t.Errorf("a credit note that nobody approved is there: %s", x.Body)
		}
		note(200, ada, approver(bobs))
		trail, err := db.AuditTrail(t.Context(), "billing_account", "2", 0, 100)
		if err != nil || len(trail) == 0 || !strings.HasSuffix(trail[len(trail)-1].Actor.Role, "approved by key:bobs of user:bob") {
			t.Errorf("%+v, %v", trail, err)
		}
	})
}
