package books_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"gyro/api/apitest"
	"gyro/billing"
	"gyro/billing/books"
	"gyro/billing/charge"
	"gyro/billing/ledger"
	"gyro/billing/population"
	"gyro/billing/run"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/money"

	"github.com/uptrace/bun"
)

// standing carries one of the checks of whole tables out.
func standing(t *testing.T, db *database.DB, name string) books.Check {
	t.Helper()
	c, err := one(t, db, func(ctx context.Context, q bun.IDB) (books.Check, error) { return books.StandingCheck(ctx, q, name) })()
	if err != nil {
		t.Fatal(err)
	}
	t.Log(c.String())
	return c
}

// TestWhatTheNextBillGoesOnFromIsProved bills two months with all that changes between them, bills one account anew and credits
// another, closes a month, disputes a bill: nothing of it is a fault. Then it spoils one thing after the other.
func TestWhatTheNextBillGoesOnFromIsProved(t *testing.T) {
	core := apitest.Start(t)
	now := time.Date(2026, 11, 9, 9, 0, 0, 0, time.UTC)
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		now = time.Date(2026, 11, 9, 9, 0, 0, 0, time.UTC)
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		sql := func(statements ...string) {
			t.Helper()
			must(db.Write(t.Context(), clerk, func(ctx context.Context, tx *database.Tx) error {
				for _, statement := range statements {
					if _, err := tx.ExecContext(ctx, statement); err != nil {
						return err
					}
				}
				return nil
			}))
		}
		proved := func(what string) {
			t.Helper()
			for _, name := range books.Standing() {
				if c := standing(t, db, name); c.Count != 0 {
					t.Errorf("%s: %s: %v", what, c.Name, c.Problems)
				}
			}
		}
		number := func(query string) int64 {
			t.Helper()
			n, err := one(t, db, func(ctx context.Context, q bun.IDB) (n int64, err error) {
				err = q.NewRaw(query).Scan(ctx, &n)
				return n, err
			})()
			must(err)
			return n
		}
		proved("an empty office")
		must(population.Make(t.Context(), db, population.Options{Accounts: 60, Records: 10, Spread: true}))
		must(db.Write(t.Context(), clerk, func(ctx context.Context, tx *database.Tx) error {
			return billing.AddCharge(ctx, tx, billing.Charge{Account: 2, Kind: billing.OneTime, Amount: money.Unit, Currency: "EUR", Description: "SIM card", Key: "sim"})
		}))
		sql("UPDATE billing_charge SET charged_on = '2026-10-03'",
			"INSERT INTO product_price (product_id, name, type, amount, currency, tax_category, gl_code, valid_from) SELECT id, 'Setup', 'one_time', 5000000, 'EUR', 'standard', '', activated_at FROM product WHERE id = 4")
		s := billing.New(db, core.Charging, billing.Options{Run: run.Options{Batch: 40}})
		bill := func(asOf charge.Day) {
			t.Helper()
			made, err := s.Runs.Run(t.Context(), clerk, run.Request{AsOf: asOf, Mode: run.Final})
			must(err)
			if made.Invoices == 0 {
				t.Fatalf("%+v: nothing to prove with", made)
			}
		}
		bill(charge.Date(2026, 11, 6))
		proved("two months of bills")
		if n := number("SELECT COUNT(*) FROM invoice_line WHERE charge_id > 0 OR kind = 'one_time'"); n < 2 {
			t.Fatalf("%d one-time charges: nothing to prove with", n)
		}
		// What was charged in advance is credited, and changes on the next bill.
		sql("UPDATE product SET terminated_at = 1794000000000 WHERE id IN (22, 42, 62)", "INSERT INTO product_suspension (product_id, reason, from_at, until_at) VALUES (24, 'lost', 1794100000000, 1794400000000)")
		last := number("SELECT i.id FROM invoice i JOIN billing_state s ON s.billing_account_id = i.billing_account_id AND s.billed_until = i.period_until WHERE i.type = 'invoice' AND i.billing_account_id = 2")
		_, _, err := s.Rebill(t.Context(), clerk, last, "wrong", "anew")
		must(err)
		proved("one that is billed anew")
		whole := number("SELECT MAX(id) FROM invoice WHERE type = 'invoice' AND state = 'finalised' AND billing_account_id = 6")
		_, err = s.Credit(t.Context(), clerk, whole, billing.CreditRequest{Reason: "goodwill", Key: "whole"})
		must(err)
		disputed := number("SELECT MAX(invoice_id) FROM receivable WHERE open > 2000000")
		must(db.Write(t.Context(), clerk, func(ctx context.Context, tx *database.Tx) error {
			_, err := ledger.OpenDispute(ctx, tx, disputed, money.Unit, "wrong price")
			return err
		}))
		now = time.Date(2026, 12, 9, 9, 0, 0, 0, time.UTC)
		bill(charge.Date(2026, 12, 6))
		must(ledger.Close(t.Context(), db, clerk, "2026-11"))
		proved("the next month")
		if n := number("SELECT COUNT(*) FROM invoice_line WHERE kind = 'credit' AND corrects_invoice > 0 AND product_price_id > 0"); n < 3 {
			t.Fatalf("%d credits: nothing to prove with", n)
		}
		for _, fault := range []struct{ check, spoil, says string }{
			{"charged", "UPDATE price_state SET charged = '' WHERE product_price_id = 30", "price 30: bills have charged"},
			{"charged", "DELETE FROM price_state WHERE product_price_id = 32", "price 32: bills have charged"},
			{"charged", "UPDATE price_state SET charged = 'x' WHERE product_price_id = 36", `price 36: "x" is nothing`},
			{"charged", "UPDATE price_state SET settled = '1970-01-01' WHERE product_price_id = (SELECT id FROM product_price WHERE name = 'Setup')", "charged once"},
			{"charges", "UPDATE billing_charge SET invoice_id = NULL WHERE key = 'sim'", "waits for the next bill, and is on"},
			{"charges", "UPDATE billing_charge SET invoice_id = 1000000 WHERE key = 'sim'", "which has no line of it"},
			{"charges", "UPDATE billing_charge SET amount = amount + 1, invoice_id = (SELECT invoice_id FROM invoice_line WHERE charge_id = billing_charge.id ORDER BY invoice_id DESC LIMIT 1) WHERE key = 'sim'", "with another amount"},
			// A statement that passed the first record of a prepaid account over.
			{"claimed", "UPDATE invoice_line SET records = records - 1, exact = exact - 5 WHERE invoice_id = (SELECT MIN(id) FROM invoice WHERE type = 'statement') AND position = 1", "are on lines"},
			{"claimed", "UPDATE usage_record SET charged = charged + 5 WHERE record = (SELECT MIN(u.record) FROM usage_record u JOIN billing_account a ON a.id = u.billing_account_id WHERE a.kind = 'prepaid')", "have gone past usage of"},
			{"periods", "UPDATE accounting_period_total SET debit = debit + 10000 WHERE gl_code = '1200'", "2026-11 1200 EUR: the month was closed with debits of"},
			{"periods", "DELETE FROM accounting_period_total WHERE gl_code = '4100'", "2026-11 4100 EUR: the month was closed with credits of 0.00"},
			{"disputes", "UPDATE receivable SET disputed = 0", "0.00 of it is in dispute, its open disputes come to 1.00"},
			{"disputes", "UPDATE receivable SET currency = 'JPY'", "): 0 of it is in dispute, its open disputes come to 1"}, // which has no decimals
		} {
			sql(fault.spoil)
			if c := standing(t, db, fault.check); !strings.Contains(strings.Join(c.Problems, "\n"), fault.says) {
				t.Errorf("%s\nis not found by %q: %v", fault.spoil, c.Name, c.Problems)
			}
		}
	}, dbtest.Clock(func() time.Time { return now }))
}
