package payment

import (
	"context"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"gyro/billing/dunning"
	"gyro/billing/ledger"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/money"
)

// waiting counts the unfinished jobs of a kind.
func (o *office) waiting(kind string) (n int) {
	o.read(func(ctx context.Context, q bun.IDB) error {
		return q.NewRaw("SELECT COUNT(*) FROM river_job WHERE kind = ? AND state NOT IN ('completed', 'cancelled', 'discarded')", kind).Scan(ctx, &n)
	})
	return n
}

// giveUp is what becomes of jobs that were tried too often.
func (o *office) giveUp(kind string) {
	if err := o.write(func(ctx context.Context, tx *database.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM river_job WHERE kind = ?", kind)
		return err
	}); err != nil {
		o.t.Fatal(err)
	}
}

// TestWhoHasPaidIsResumedHoweverLateItIs: the job that brings lines back is gone, whatever became of it; the next run
// of dunning has another one.
func TestWhoHasPaidIsResumedHoweverLateItIs(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			o := newOffice(t, dialect)
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			must(o.account("anna", customer.Postpaid, 0))
			anna := o.accounts["anna"]
			must(o.write(func(ctx context.Context, tx *database.Tx) error {
				return ledger.Invoiced(ctx, tx, []ledger.InvoicePosting{{
					InvoiceID: 1, Account: anna, Type: ledger.DocumentInvoice, Number: "R-1", Currency: "EUR", IssuedOn: "2026-11-01", DueOn: "2026-11-10",
					TaxRegion: "DE", Lines: []ledger.LinePosting{{GLCode: ledger.RevenueUsage, Exact: 100 * money.Unit, Amount: 100 * money.Unit}}, Tax: 19 * money.Unit, Total: 119 * money.Unit,
				}})
			}))
			debt := func(want bool) {
				t.Helper()
				o.read(func(ctx context.Context, q bun.IDB) error {
					got, err := dunning.InDebt(ctx, q, anna)
					if got != want {
						t.Errorf("in debt: %t", got)
					}
					return err
				})
			}
			for _, day := range []string{"2026-11-23", "2026-12-01", "2026-12-08", "2026-12-16"} {
				debt(false)
				_, err := o.dunning.Run(t.Context(), finance, day)
				must(err)
			}
			debt(true)
			must(o.write(func(ctx context.Context, tx *database.Tx) error {
				_, err := o.payments.Take(ctx, tx, Request{Account: anna, Method: CashInHand, Amount: 119 * money.Unit, Key: "k"})
				return err
			}))
			if n := o.waiting("dunning_resume"); n != 1 {
				t.Fatalf("%d jobs bring the lines back", n)
			}
			must(o.dunning.ResumeAgain(t.Context()))
			o.giveUp("dunning_resume")
			*o.now = o.now.Add(8 * 24 * time.Hour)
			for range 2 {
				must(o.dunning.ResumeAgain(t.Context()))
				if n := o.waiting("dunning_resume"); n != 1 {
					t.Errorf("%d jobs bring the lines back after a week", n)
				}
			}
			must(o.dunning.Resume(t.Context(), anna))
			debt(false)
			o.giveUp("dunning_resume")
			must(o.dunning.ResumeAgain(t.Context()))
			if n := o.waiting("dunning_resume"); n != 0 {
				t.Errorf("%d jobs bring lines back that are", n)
			}
		})
	}
}
