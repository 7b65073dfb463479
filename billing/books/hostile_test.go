package books_test

import (
	"context"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"gyro/api/apitest"
	"gyro/billing"
	"gyro/billing/charge"
	"gyro/billing/population"
	"gyro/billing/run"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
)

// TestStatementsCreditNotesAndBillsMadeAnewAreProved bills prepaid accounts, too, takes one invoice back wholly and bills another
// anew: nothing of it is a fault.
func TestStatementsCreditNotesAndBillsMadeAnewAreProved(t *testing.T) {
	core := apitest.Start(t)
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(population.Make(t.Context(), db, population.Options{Accounts: 60, Records: 10, Spread: true}))
		s := billing.New(db, core.Charging, billing.Options{Run: run.Options{Batch: 40}})
		made, err := s.Runs.Run(t.Context(), clerk, run.Request{AsOf: charge.Date(2026, 11, 1), Mode: run.Final})
		must(err)
		if made.Statements == 0 || made.Invoices == 0 {
			t.Fatalf("%+v: nothing to prove with", made)
		}
		proved := func(what string) {
			t.Helper()
			found := verify(t, db, core)
			for _, name := range []string{bills, series, journal, items} {
				if c := found[name]; c.Count != 0 {
					t.Errorf("%s: %s: %v", what, name, c.Problems)
				}
			}
		}
		proved("a run")
		invoices := func(offset int) (id int64) {
			id, err := one(t, db, lastInvoice(offset))()
			must(err)
			return id
		}
		_, err = s.Credit(t.Context(), clerk, invoices(0), billing.CreditRequest{Reason: "goodwill", Key: "whole"})
		must(err)
		proved("an invoice that is taken back")
		_, _, err = s.Rebill(t.Context(), clerk, invoices(1), "wrong", "anew")
		must(err)
		proved("one that is billed anew")
	}, dbtest.Clock(func() time.Time { return now }))
}

// lastInvoice finds an invoice that was the last of its account.
func lastInvoice(offset int) func(context.Context, bun.IDB) (int64, error) {
	return func(ctx context.Context, q bun.IDB) (id int64, err error) {
		err = q.NewRaw(`SELECT i.id FROM invoice i JOIN billing_state s ON s.billing_account_id = i.billing_account_id AND s.billed_until = i.period_until
			WHERE i.type = 'invoice' AND i.state = 'finalised' AND i.revision = 0 ORDER BY i.id LIMIT 1 OFFSET ?`, offset).Scan(ctx, &id)
		return id, err
	}
}
