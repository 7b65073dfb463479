package tmf_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"gyro/api/client"
	"gyro/api/rest"
	"gyro/api/tmf"
	"gyro/api/tmf/tmftest"
	"gyro/billing"
	"gyro/billing/charge"
	"gyro/billing/ledger"
	"gyro/billing/population"
	"gyro/billing/run"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// settledCore is a core without usage that settles whatever it is asked to.
type settledCore struct{}

func (settledCore) Usage(context.Context, uint64, int) (client.UsagePage, error) {
	return client.UsagePage{}, nil
}

func (settledCore) Settle(context.Context, string, string, client.Settlement) (client.Movement, error) {
	return client.Movement{}, nil
}

func (settledCore) Moved(context.Context, string, string, string, instant.Instant) (client.Posted, bool, error) {
	return client.Posted{}, false, nil
}

var finance = database.Actor{Name: "test", Role: "finance", Via: "cli"}

// billed is an API over an office with a few accounts that are billed for October 2026 if they are to be.
func billed(t *testing.T, db *database.DB, accounts int, now bool) (*tmftest.Client, *billing.Service) {
	t.Helper()
	if err := population.Make(t.Context(), db, population.Options{Accounts: accounts, Records: 6}); err != nil {
		t.Fatal(err)
	}
	s := billing.New(db, settledCore{}, billing.Options{Run: run.Options{Workers: 1}})
	if now {
		if _, err := s.Runs.Run(t.Context(), finance, run.Request{AsOf: charge.Date(2026, 11, 1), Mode: run.Final}); err != nil {
			t.Fatal(err)
		}
	}
	return tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) { return tmf.New(tmf.Options{Server: o, Billing: s}) }), s
}

func TestCustomerBill(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c, _ := billed(t, db, 3, true)
		c.Resource(t, tmftest.Case{Path: "/tmf-api/customerBillManagement/v4/customerBill", Golden: "customer-bill"})
		c.Resource(t, tmftest.Case{Path: "/tmf-api/customerBillManagement/v4/appliedCustomerBillingRate", Golden: "applied-billing-rate"})
	})
}

// TestABillAsksForWhatCreditLeft: 20 of credit are used as the bill is made, then 5 are paid.
func TestABillAsksForWhatCreditLeft(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c, s := billed(t, db, 2, false)
		write := func(fn func(ctx context.Context, tx *database.Tx) error) {
			t.Helper()
			if err := db.Write(t.Context(), finance, fn); err != nil {
				t.Fatal(err)
			}
		}
		takeIn := func(id int64, amount money.Amount) (credit ledger.Credit) {
			write(func(ctx context.Context, tx *database.Tx) error {
				_, err := tx.ExecContext(ctx, `INSERT INTO payment (id, billing_account_id, purpose, method, amount, currency, state, key, created_at)
					VALUES (?, 3, 'bills', 'bank_transfer', ?, 'EUR', 'settled', ?, 1)`, id, amount, fmt.Sprint(id))
				if err == nil {
					credit, err = ledger.TakeIn(ctx, tx, ledger.Bank, id, 3, amount, "EUR", ledger.Day(tx.Now()))
				}
				return err
			})
			return credit
		}
		takeIn(1, 20*money.Unit)
		if _, err := s.Runs.Run(t.Context(), finance, run.Request{AsOf: charge.Date(2026, 11, 1), Mode: run.Final}); err != nil {
			t.Fatal(err)
		}
		credit := takeIn(2, 5*money.Unit)
		type bill struct {
			ID, State                                     string
			AmountDue, RemainingAmount, TaxIncludedAmount struct{ Value float64 }
			TaxItem                                       []struct{ TaxCategory string }
		}
		read := func() (b bill) {
			t.Helper()
			var all []bill
			x := c.Do(t, "GET", "/tmf-api/customerBillManagement/v4/customerBill?billingAccount.id=3", "").Want(t, 200)
			if err := json.Unmarshal(x.Body, &all); err != nil || len(all) != 1 {
				t.Fatalf("%v: %s", err, x.Body)
			}
			return all[0]
		}
		b := read()
		if b.TaxIncludedAmount.Value <= 25 || b.AmountDue.Value != b.TaxIncludedAmount.Value-20 || b.RemainingAmount != b.AmountDue || b.State != "partiallyPaid" || len(b.TaxItem) == 0 {
			t.Errorf("20 were set off: %+v", b)
		}
		write(func(ctx context.Context, tx *database.Tx) error {
			id, err := rest.ParseID(b.ID)
			if err == nil {
				_, err = ledger.Allocate(ctx, tx, credit, id, credit.Amount, ledger.Day(tx.Now()))
			}
			return err
		})
		if now := read(); now.AmountDue != b.AmountDue || now.RemainingAmount.Value != b.AmountDue.Value-5 {
			t.Errorf("then 5 were paid: %+v", now)
		}
	})
}

func TestCustomerBillOnDemand(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c, _ := billed(t, db, 3, false)
		one := func(id int) string { return fmt.Sprintf(`{"billingAccount":{"id":"%d"}}`, id) }
		c.Resource(t, tmftest.Case{
			Path: "/tmf-api/customerBillManagement/v4/customerBillOnDemand", Golden: "bill-on-demand", Create: []string{one(2), one(3), one(4)},
		})
		c.Do(t, "POST", "/tmf-api/customerBillManagement/v4/customerBillOnDemand", one(99), "Idempotency-Key", "x").Want(t, 422)
	})
}

func TestUsage(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c, _ := billed(t, db, 2, true)
		c.Resource(t, tmftest.Case{Path: "/tmf-api/usageManagement/v4/usage", Golden: "usage"})
		c.Resource(t, tmftest.Case{Path: "/tmf-api/usageManagement/v4/usageSpecification", Golden: "usage-specification", Fixed: true})
	})
}

// TestInvoices walks through what people of finance do with runs and invoices, with the bodies as they are.
func TestInvoices(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c, s := billed(t, db, 3, false)
		var walked []*tmftest.Exchange
		walk := func(status int, method, path, body string) *tmftest.Exchange {
			t.Helper()
			header := []string{}
			if method == "POST" {
				header = append(header, "Idempotency-Key", fmt.Sprint("key-", len(walked)))
			}
			x := c.Do(t, method, path, body, header...).Want(t, status)
			walked = append(walked, x)
			return x
		}
		work := func(id int64) {
			t.Helper()
			if _, err := s.Runs.Resume(t.Context(), finance, id, nil); err != nil {
				t.Fatal(err)
			}
		}
		walk(200, "POST", "/office/v1/accounts/2/charges", `{"kind":"one_time","amount":9.90,"currency":"EUR","description":"SIM card"}`)
		walk(200, "GET", "/office/v1/accounts/2/charges", "")
		walk(422, "POST", "/office/v1/accounts/2/charges", `{"kind":"one_time","amount":9.90,"currency":"CHF","description":"SIM card"}`)
		walk(400, "POST", "/office/v1/accounts/2/charges", `{"kind":"one_time","amount":4.505,"currency":"EUR","description":"SIM card"}`)
		walk(400, "POST", "/office/v1/invoice-runs", `{"mode":"draft"}`)
		walk(400, "POST", "/office/v1/invoice-runs", `{"mode":"draft","cycle":"2099-01"}`)
		walk(202, "POST", "/office/v1/invoice-runs", `{"mode":"draft","cycle":"2026-10"}`)
		work(1)
		walk(200, "GET", "/office/v1/invoice-runs/1", "")
		walk(200, "GET", "/office/v1/invoice-runs/1/comparison", "")
		walk(200, "POST", "/office/v1/invoice-runs/1/review", "")
		walk(200, "GET", "/office/v1/invoices?run=1&state=reviewed&limit=1", "")
		walk(400, "GET", "/office/v1/invoices?state=x", "")
		walk(400, "GET", "/office/v1/invoices?type=x", "")
		walk(202, "POST", "/office/v1/invoice-runs/1/commit", "")
		work(2)
		walk(200, "GET", "/office/v1/invoice-runs", "")
		walk(409, "POST", "/office/v1/invoice-runs/2/commit", "")
		number := "GY-" + db.Now().Time().Format("2006") + "-0000001"
		walk(200, "GET", "/office/v1/invoices/"+number, "")
		walk(200, "GET", "/office/v1/invoices/"+number+"/lines/4/usage", "")
		walk(404, "GET", "/office/v1/invoices/"+number+"/lines/50/usage", "")
		pdf := c.Do(t, "GET", "/office/v1/invoices/"+number+"/pdf", "").Want(t, 200)
		if !strings.HasPrefix(string(pdf.Body), "%PDF-") || pdf.Header.Get("Content-Type") != "application/pdf" {
			t.Errorf("the PDF is %s: %.20q", pdf.Header.Get("Content-Type"), pdf.Body)
		}
		walk(200, "POST", "/office/v1/invoices/"+number+"/credit-notes", `{"reason":"outage","lines":[{"position":1,"amount":5}]}`)
		walk(422, "POST", "/office/v1/invoices/"+number+"/credit-notes", `{"reason":"outage","lines":[{"position":1,"amount":5000}]}`)
		walk(200, "POST", "/office/v1/invoices/"+number+"/rebill", `{"reason":"wrong price"}`)
		walk(409, "POST", "/office/v1/invoices/"+number+"/rebill", `{"reason":"wrong price"}`)
		walk(404, "GET", "/office/v1/invoices/GY-1999-0000001", "")
		walk(200, "GET", "/office/v1/parked-accounts", "")
		walk(200, "GET", "/office/v1/usage-intake", "")
		tmftest.Golden(t, "invoices", walked...)
	})
}

// TestARequestForARunIsOneRequest: what takes several transactions has its effect once for a key as well, and says so when it is
// sent again, after the run's end, too.
func TestARequestForARunIsOneRequest(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c, s := billed(t, db, 3, false)
		runs := func() int {
			t.Helper()
			all, err := s.Runs.List(t.Context(), 100, 0)
			if err != nil {
				t.Fatal(err)
			}
			return len(all)
		}
		// twice sends a request again when what it began is done.
		twice := func(status int, path, body, key string, carryOut func()) {
			t.Helper()
			first := c.Do(t, "POST", path, body, "Idempotency-Key", key).Want(t, status)
			carryOut()
			before := runs()
			again := c.Do(t, "POST", path, body, "Idempotency-Key", key).Want(t, status)
			if string(again.Body) != string(first.Body) || again.Header.Get("Location") != first.Header.Get("Location") || runs() != before {
				t.Errorf("POST %s again: %s, %d runs; the first time %s, %d runs", path, again.Body, runs(), first.Body, before)
			}
			if was, is := first.Header.Get("Idempotency-Replayed"), again.Header.Get("Idempotency-Replayed"); was != "" || is != "true" {
				t.Errorf("POST %s: Idempotency-Replayed %q, and again %q", path, was, is)
			}
		}
		resume := func(id int64) func() {
			return func() {
				if _, err := s.Runs.Resume(t.Context(), finance, id, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		const path, drafts = "/office/v1/invoice-runs", `{"mode":"draft","cycle":"2026-10"}`
		twice(202, path, drafts, "d", func() {})
		c.Do(t, "GET", path+"/1", "", "Idempotency-Key", "g").Want(t, 200)
		twice(202, path+"/1/resume", "", "r", resume(1))
		if x := c.Do(t, "GET", path+"/1", "", "Idempotency-Key", "g").Want(t, 200); x.JSON(t)["state"] != "done" {
			t.Errorf("who looks at a run again with a key is shown how it was: %s", x.Body)
		}
		if x := c.Do(t, "POST", path, drafts, "Idempotency-Key", "d").Want(t, 202); x.Header.Get("Idempotency-Replayed") != "true" || runs() != 1 {
			t.Errorf("after the run's end the same request began another: %d runs, %s", runs(), x.Body)
		}
		c.Do(t, "POST", path, `{"mode":"dry","cycle":"2026-10"}`, "Idempotency-Key", "d").Want(t, 409)
		twice(200, path+"/1/review", "", "v", func() {})
		twice(202, path+"/1/commit", "", "c", resume(2))
		twice(200, "/office/v1/invoices/GY-"+db.Now().Time().Format("2006")+"-0000001/rebill", `{"reason":"wrong price"}`, "b", func() {})
		c.Do(t, "POST", path, drafts).Want(t, 202) // and without a key each is another one
		if n := runs(); n != 4 {
			t.Errorf("%d runs, want the drafts, their end, the bill anew, and drafts again", n)
		}
	})
}
