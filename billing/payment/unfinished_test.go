package payment

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"gyro/api/apitest"
	"gyro/api/client"
	"gyro/billing/dunning"
	"gyro/billing/ledger"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/instant"
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
			if want := fmt.Sprintf("account %d, in debt: false", anna); len(o.lifted) != 1 || o.lifted[0] != want {
				t.Errorf("those that waited for the end of the debt heard %q, not %q", o.lifted, want)
			}
			o.giveUp("dunning_resume")
			must(o.dunning.ResumeAgain(t.Context()))
			if n := o.waiting("dunning_resume"); n != 0 {
				t.Errorf("%d jobs bring lines back that are", n)
			}
		})
	}
}

// TestMoneyMovesOnceHoweverLateItIsRepeated has a real core, which forgets keys after a day: a top-up, a refund of a part of
// it, and a chargeback of the rest, each carried out by the core with its answer lost, and repeated after more than a day.
func TestMoneyMovesOnceHoweverLateItIsRepeated(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			server := apitest.Start(t)
			o := &office{t: t, accounts: map[string]int64{}, db: dbtest.Open(t, dialect, dbtest.Clock(server.Clock))}
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			must(o.account("anna", customer.Prepaid, 0))
			core := server.Charging
			_, err := core.PutAccount(t.Context(), "ba-1", client.AccountSpec{Currency: money.EUR, Kind: "prepaid"})
			must(err)
			lost := &lostAnswers{Core: NewCore(core, o.db.Now)}
			s := New(Options{DB: o.db, Core: lost})
			// twice has the core carry something out and its answer lost, then repeats it after 26 hours.
			twice := func(what string, balance money.Amount, do func() error) {
				t.Helper()
				lost.lost = true
				if err := do(); err == nil {
					t.Errorf("%s: the answer was lost, and nobody noticed", what)
				}
				lost.lost = false
				for range 2 {
					server.Advance(26 * time.Hour)
					must(do())
				}
				if a, err := core.Account(t.Context(), "ba-1"); err != nil || a.Remaining != balance {
					t.Errorf("%s: the balance is %s, want %s (%v)", what, a.Remaining, balance, err)
				}
			}
			must(o.write(func(ctx context.Context, tx *database.Tx) error {
				_, err := s.Take(ctx, tx, Request{Account: 1, Method: CashInHand, Amount: 20 * money.Unit, Key: "k"})
				return err
			}))
			twice("top-up", 20*money.Unit, func() error { return s.topUp(t.Context(), 1) })
			must(o.write(func(ctx context.Context, tx *database.Tx) error {
				_, err := s.Refund(ctx, tx, RefundRequest{Payment: 1, Amount: 5 * money.Unit, Reason: "asked for", Key: "r"})
				return err
			}))
			twice("refund", 15*money.Unit, func() error { return s.takeBack(t.Context(), 1) })
			must(o.write(func(ctx context.Context, tx *database.Tx) error {
				p, err := Get(ctx, tx.IDB, 1)
				if err != nil {
					return err
				}
				return s.chargeBack(ctx, tx, &p, nil, 15*money.Unit, 7)
			}))
			twice("chargeback", 0, func() error { return s.coreChargeback(t.Context(), chargebackArgs{Payment: 1, Version: 7}) })
		})
	}
}

// lostAnswers is a core that does what it is asked, and whose answers are lost while that is set.
type lostAnswers struct {
	Core
	lost bool
}

func (l *lostAnswers) answer(err error) error {
	if l.lost && err == nil {
		return errors.New("the connection broke before the answer")
	}
	return err
}

func (l *lostAnswers) TopUp(ctx context.Context, account, key string, amount money.Amount, currency money.Currency, since instant.Instant) error {
	return l.answer(l.Core.TopUp(ctx, account, key, amount, currency, since))
}

func (l *lostAnswers) TakeBack(ctx context.Context, account, key string, amount money.Amount, currency money.Currency, since instant.Instant) error {
	return l.answer(l.Core.TakeBack(ctx, account, key, amount, currency, since))
}
