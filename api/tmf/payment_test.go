package tmf_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"gyro/api/rest"
	"gyro/api/tmf"
	"gyro/api/tmf/tmftest"
	"gyro/billing/dunning"
	"gyro/billing/ledger"
	"gyro/billing/payment"
	"gyro/billing/payment/provider"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// books is an API over an office with one customer who owes two bills.
func books(t *testing.T, db *database.DB, change ...func(*rest.Options)) *tmftest.Client {
	t.Helper()
	by := database.Actor{Name: "test", Role: "finance", Via: "cli"}
	_, err := customer.New(db).Open(t.Context(), by, customer.Opening{
		Party:    customer.Party{Kind: customer.Individual, GivenName: "Ada", FamilyName: "Lovelace"},
		Customer: customer.Customer{Segment: customer.Residential},
		Account:  customer.BillingAccount{Kind: customer.Postpaid, Currency: "EUR", TimeZone: "Europe/Berlin", TaxRegion: "DE"},
	})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Write(t.Context(), by, func(ctx context.Context, tx *database.Tx) error {
		bill := func(id int64, number, due string) ledger.InvoicePosting {
			return ledger.InvoicePosting{
				InvoiceID: id, Account: 1, Type: ledger.DocumentInvoice, Number: number, Currency: "EUR", IssuedOn: "2026-11-01", DueOn: due, TaxRegion: "DE",
				Lines: []ledger.LinePosting{{GLCode: ledger.RevenueUsage, Exact: 9_996_000, Amount: 10 * money.Unit}}, Tax: 1_900_000, Total: 11_900_000,
			}
		}
		return ledger.Invoiced(ctx, tx, []ledger.InvoicePosting{bill(1, "2026-000001", "2026-11-15"), bill(2, "2026-000002", "2026-12-15")})
	})
	if err != nil {
		t.Fatal(err)
	}
	return tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) {
		for _, c := range change {
			c(&o)
		}
		lifts := dunning.New(dunning.Options{DB: db})
		return tmf.New(tmf.Options{Server: o, Dunning: lifts, Payments: payment.New(payment.Options{
			DB: db, Moved: lifts.Lift, Verifier: provider.Verifier{Secrets: []string{"whsec"}},
		})})
	})
}

const paid = `{"account":{"id":"1"},"paymentMethod":{"name":"cash"},"totalAmount":{"unit":"EUR","value":%s}}`

func TestPayment(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		books(t, db).Resource(t, tmftest.Case{
			Path: "/tmf-api/paymentManagement/v4/payment", Golden: "payment",
			Create: []string{
				`{"account":{"id":"1"},"paymentMethod":{"name":"bank_transfer"},"totalAmount":{"unit":"EUR","value":1.90},"correlatorId":"bank-7","description":"statement 7"}`,
				`{"account":{"id":"1"},"paymentMethod":{"name":"cash"},"totalAmount":{"unit":"EUR","value":5},"correlatorId":"till-1","paymentItem":[{"item":{"id":"2"}}]}`,
				`{"account":{"id":"1"},"paymentMethod":{"name":"cash"},"totalAmount":{"unit":"EUR","value":20},"correlatorId":"till-2"}`,
			},
		})
	})
}

func TestRefund(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c := books(t, db)
		c.Do(t, "POST", "/tmf-api/paymentManagement/v4/payment", strings.ReplaceAll(paid, "%s", "30"), "Idempotency-Key", "p").Want(t, 201)
		back := func(amount, key string) string {
			return `{"account":{"id":"1"},"payment":{"id":"1"},"paymentMethod":{"name":"cash"},"totalAmount":{"unit":"EUR","value":` + amount + `},"description":"overpaid","correlatorId":"` + key + `"}`
		}
		c.Resource(t, tmftest.Case{
			Path: "/tmf-api/paymentManagement/v4/refund", Golden: "refund", Create: []string{back("1.00", "r1"), back("2.50", "r2"), back("0.50", "r3")},
		})
	})
}

// TestPartsOfACentAreNotUsed: money is used for a bill, and objected to, in amounts that somebody can pay.
func TestPartsOfACentAreNotUsed(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c := books(t, db)
		c.Do(t, "POST", "/tmf-api/paymentManagement/v4/payment", `{"account":{"id":"1"},"paymentMethod":{"name":"cash"},"totalAmount":{"unit":"EUR","value":15}}`, "Idempotency-Key", "p").Want(t, 201)
		c.Do(t, "DELETE", "/office/v1/allocations/1", "").Want(t, 204)
		for path, body := range map[string]string{
			"/office/v1/payments/1/allocations": `{"invoice":"1","amount":1.905}`, "/office/v1/receivables/1/disputes": `{"amount":1.905,"reason":"never ordered"}`,
		} {
			if x := c.Do(t, "POST", path, body, "Idempotency-Key", path).Want(t, 400); x.JSON(t)["code"] != "amount_invalid" || !strings.Contains(string(x.Body), "at most 2 decimals") {
				t.Errorf("%s: %s", path, x.Body)
			}
		}
	})
}

// TestReceivables walks through what people of finance do, with the bodies as they are.
func TestReceivables(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c := books(t, db)
		var walked []*tmftest.Exchange
		walk := func(status int, method, path, body string) {
			t.Helper()
			header := []string{}
			if method == "POST" {
				header = append(header, "Idempotency-Key", fmt.Sprint("key-", len(walked)))
			}
			walked = append(walked, c.Do(t, method, path, body, header...).Want(t, status))
		}
		walk(202, "POST", "/office/v1/dunning/runs", `{"asOf":"2026-11-23"}`)
		walk(202, "POST", "/office/v1/dunning/runs", `{"asOf":"2026-11-24"}`) // one is at a time
		if _, err := dunning.New(dunning.Options{DB: db}).GoOn(t.Context(), database.Actor{Name: "dunning", Role: "system", Via: "job"}, 1, nil); err != nil {
			t.Fatal(err)
		}
		walk(200, "GET", "/office/v1/dunning/runs/1", "")
		walk(404, "GET", "/office/v1/dunning/runs/2", "")
		walk(200, "GET", "/office/v1/dunning/runs", "")
		walk(200, "GET", "/office/v1/dunning/cases?state=open", "")
		walk(200, "POST", "/office/v1/dunning/cases/1/hold", `{"until":"2026-12-01","reason":"promised to pay"}`)
		walk(200, "GET", "/office/v1/dunning/cases/1", "")
		walk(200, "POST", "/office/v1/receivables/1/disputes", `{"amount":11.90,"reason":"never ordered"}`)
		walk(200, "POST", "/office/v1/disputes/1/verdict", `{"upheld":false}`)
		walk(409, "POST", "/office/v1/disputes/1/verdict", `{"upheld":true}`)
		walk(201, "POST", "/tmf-api/paymentManagement/v4/payment", `{"account":{"id":"1"},"paymentMethod":{"name":"cash"},"totalAmount":{"unit":"EUR","value":15},"correlatorId":"till-1"}`)
		walk(200, "GET", "/office/v1/payments/1/receipt", "")
		walk(204, "DELETE", "/office/v1/allocations/1", "")
		walk(200, "POST", "/office/v1/payments/1/allocations", `{"invoice":"1","amount":1.90}`)
		walk(200, "GET", "/office/v1/accounts/1/open-items", "")
		walk(200, "POST", "/office/v1/payments/1/allocations", `{}`)
		walk(200, "GET", "/office/v1/accounts/1/statement", "")
		walk(200, "POST", "/office/v1/receivables/2/write-off", `{"reason":"insolvent"}`)
		walk(200, "POST", "/office/v1/receivables/2/recovery", "")
		walk(200, "POST", "/office/v1/ledger/journal", `{"postedOn":"2026-11-22","reference":"payout 47","key":"47","postings":[
			{"account":"1100","amount":5,"currency":"EUR"},{"account":"1300","amount":-5,"currency":"EUR"}]}`)
		walk(422, "POST", "/office/v1/ledger/journal", `{"postedOn":"2026-11-22","reference":"x","key":"48","postings":[
			{"account":"1100","amount":5,"currency":"EUR"},{"account":"1300","amount":-4,"currency":"EUR"}]}`)
		walk(422, "POST", "/office/v1/ledger/journal", `{"postedOn":"2026-11-22","reference":"x","key":"49","postings":[
			{"account":"1100","amount":5,"currency":"EUR"},{"account":"1200","amount":-5,"currency":"EUR","billingAccount":"1"}]}`)
		walk(200, "GET", "/office/v1/ledger/trial-balance", "")
		walk(200, "GET", "/office/v1/ledger/journal?limit=2", "")
		walk(200, "GET", "/office/v1/ledger/periods", "")
		walk(422, "POST", "/office/v1/ledger/periods/2026-11/close", "")
		walk(503, "POST", "/office/v1/payments/reconciliation", `{}`)
		tmftest.Golden(t, "receivables", walked...)
	})
}

// TestWhatThereIsNotIsRefused: an account that does not exist owes not nothing, and what is misspelt does not find nothing.
func TestWhatThereIsNotIsRefused(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c := books(t, db)
		for path, want := range map[string]string{
			"accounts/99999/open-items":                             "there is no billing account 99999",
			"accounts/99999/statement":                              "there is no billing account 99999",
			"accounts/99999/statement?currency=EUR":                 "there is no billing account 99999",
			"payment-events?outcome=zzz":                            `outcome: "zzz" is none of applied, ignored, parked`,
			"ledger/journal?from=2026-12-01&until=2026-11-01":       "from: 2026-12-01 is after 2026-11-01",
			"accounts/1/statement?from=2026-12-01&until=2026-11-01": "from: 2026-12-01 is after 2026-11-01",
		} {
			x := c.Do(t, "GET", "/office/v1/"+path, "")
			var said struct{ Message string }
			if err := json.Unmarshal(x.Body, &said); err != nil || x.Status/100 != 4 || !strings.Contains(said.Message, want) {
				t.Errorf("%s: %d %s, %v, want %q", path, x.Status, x.Body, err, want)
			}
		}
	})
}

// TestWebhook: what is signed is stored once, and nothing else is.
func TestWebhook(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c := books(t, db)
		body, err := json.Marshal(provider.EventDocument{ID: "evt_1", Type: provider.PaymentSucceeded, Charge: provider.ChargeDocument{
			ID: "ch_1", Key: "payment-1", Reference: "payment-1", Amount: 1190, Currency: "EUR", State: provider.Succeeded, Version: 2,
		}})
		if err != nil {
			t.Fatal(err)
		}
		send := func(secret string, at instant.Instant, status int) {
			t.Helper()
			c.Do(t, "POST", "/office/v1/payment-webhook", string(body), provider.SignatureHeader, provider.Sign([]string{secret}, body, at), "Authorization", "").Want(t, status)
		}
		now := db.Now()
		send("guessed", now, 400)
		send("whsec", now.Add(-6*instant.Minute), 400)
		c.Do(t, "POST", "/office/v1/payment-webhook", string(body), "Authorization", "").Want(t, 400)
		for range 3 {
			send("whsec", now, 204)
		}
		if events := c.Do(t, "GET", "/office/v1/payment-events", "").Want(t, 200).JSON(t)["items"].([]any); len(events) != 1 {
			t.Errorf("stored %v", events)
		}
	})
}

// TestAFailedPaymentSaysWhy, in the list and alone.
func TestAFailedPaymentSaysWhy(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c := books(t, db)
		const path = "/tmf-api/paymentManagement/v4/payment"
		c.Do(t, "POST", path, strings.ReplaceAll(paid, "%s", "30"), "Idempotency-Key", "p").Want(t, 201)
		err := db.Write(t.Context(), database.Actor{Name: "test", Via: "test"}, func(ctx context.Context, tx *database.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE payment SET state = 'failed', failure = 'insufficient_funds' WHERE id = 1")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		one := c.Do(t, "GET", path+"/1", "").Want(t, 200).JSON(t)
		all := c.Do(t, "GET", path+"?status=failed", "").Want(t, 200).List(t)
		if one["statusReason"] != "insufficient_funds" || len(all) != 1 || all[0]["statusReason"] != "insufficient_funds" {
			t.Errorf("%v\n%v", one, all)
		}
		c.Do(t, "POST", path, `{"statusReason":"none"}`, "Idempotency-Key", "q").Want(t, 400)
	})
}
