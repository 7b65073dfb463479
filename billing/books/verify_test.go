package books_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"gyro/api/apitest"
	"gyro/billing/books"
	"gyro/billing/charge"
	"gyro/billing/ledger"
	"gyro/billing/population"
	"gyro/billing/run"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/money"
)

var clerk = database.Actor{Name: "clerk", Role: "finance", Via: "cli"}

// pages reads rows page by page, as the API hands them out: few at a time, so that cursors are at work.
func pages[R any](t *testing.T, db *database.DB, page func(context.Context, bun.IDB, int64, int) ([]R, error), id func(*R) int64) func(func(*R) error) error {
	return func(yield func(*R) error) error {
		for after := int64(0); ; {
			var rows []R
			err := db.Read(t.Context(), func(ctx context.Context, q bun.IDB) (err error) {
				rows, err = page(ctx, q, after, 7)
				return err
			})
			if err != nil || len(rows) == 0 {
				return err
			}
			for k := range rows {
				after = id(&rows[k])
				if err := yield(&rows[k]); err != nil {
					return err
				}
			}
		}
	}
}

func one[V any](t *testing.T, db *database.DB, get func(context.Context, bun.IDB) (V, error)) func() (V, error) {
	return func() (v V, err error) {
		err = db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
			v, err = get(ctx, q)
			return err
		})
		return v, err
	}
}

func verify(t *testing.T, db *database.DB, core *apitest.Server) map[string]books.Check {
	t.Helper()
	return checked(t, office(t, db, core))
}

func office(t *testing.T, db *database.DB, core *apitest.Server) *books.Source {
	return &books.Source{
		Usage:    pages(t, db, books.UsagePage, func(u *books.Usage) int64 { return u.Record }),
		Invoices: pages(t, db, books.InvoicePage, func(i *books.Invoice) int64 { return i.ID }),
		Accounts: pages(t, db, books.AccountPage, func(a *books.Account) int64 { return a.ID }),
		Account: func(id int64) (books.Account, error) {
			return one(t, db, func(ctx context.Context, q bun.IDB) (books.Account, error) { return books.OneAccount(ctx, q, id) })()
		},
		Payments: pages(t, db, books.PaymentPage, func(p *books.Payment) int64 { return p.ID }),
		Entries: pages(t, db, func(ctx context.Context, q bun.IDB, after int64, limit int) ([]ledger.Recorded, error) {
			return ledger.Journal(ctx, q, after, "0001-01-01", "9999-12-31", limit)
		}, func(e *ledger.Recorded) int64 { return e.ID }),
		Standing: func(name string) (books.Check, error) {
			return one(t, db, func(ctx context.Context, q bun.IDB) (books.Check, error) { return books.StandingCheck(ctx, q, name) })()
		},
		Cursor: one(t, db, books.IntakeCursor), Series: one(t, db, books.AllSeries), Core: core.Charging,
	}
}

func checked(t *testing.T, office *books.Source) map[string]books.Check {
	t.Helper()
	checks, err := books.Verify(t.Context(), office)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]books.Check{}
	for k := range checks {
		found[checks[k].Name] = checks[k]
		t.Log(checks[k].String())
	}
	return found
}

const (
	intake   = "usage intake is the core's outbox"
	bills    = "bills are usage + recurring + one-time + discounts + tax"
	series   = "numbers of documents have no gap"
	journal  = "the receivables journal balances"
	items    = "open items are the journal's balances"
	payments = "payments are in the books as they came"
	balances = "the core's postpaid balances are usage that is not billed"
)

// TestTheBooksOfARunAreProvedAndEveryFaultIsFound bills a population, takes payments, and then spoils one thing after the
// other behind the program's back. The core is a real one that has none of the population's usage: that is found, too.
func TestTheBooksOfARunAreProvedAndEveryFaultIsFound(t *testing.T) {
	core := apitest.Start(t)
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		for name, c := range verify(t, db, core) {
			if c.Count != 0 {
				t.Errorf("an office without anything: %s: %v", name, c.Problems)
			}
		}
		must(population.Make(t.Context(), db, population.Options{Accounts: 30, Records: 10}))
		_, err := run.New(db, run.Options{}).Run(t.Context(), clerk, run.Request{AsOf: charge.Date(2026, 11, 1), Mode: run.Final})
		must(err)
		must(db.Write(t.Context(), clerk, func(ctx context.Context, tx *database.Tx) error {
			if _, err := tx.ExecContext(ctx, `INSERT INTO payment (id, billing_account_id, purpose, method, amount, currency, state, key, created_at)
				VALUES (1, 1, 'bills', 'bank_transfer', ?, 'EUR', 'settled', 'k', 1)`, 500*money.Unit); err != nil {
				return err
			}
			if _, err := ledger.TakeIn(ctx, tx, ledger.Bank, 1, 1, 500*money.Unit, "EUR", "2026-11-02"); err != nil {
				return err
			}
			return ledger.Settle(ctx, tx, 1, "2026-11-02")
		}))
		found := verify(t, db, core)
		for _, name := range []string{bills, series, journal, items, payments} {
			if c := found[name]; c.Count != 0 {
				t.Fatalf("%s: %v", name, c.Problems)
			}
		}
		for _, name := range []string{intake, balances} {
			if found[name].Count == 0 {
				t.Errorf("%s: a core without any of the usage passes", name)
			}
		}
		for _, fault := range []struct{ check, spoil, says string }{
			{bills, "UPDATE invoice_line SET amount = amount + 10000 WHERE invoice_id = 3 AND position = 1", "(id 3)"},
			{bills, "UPDATE invoice_line SET exact = exact + 1 WHERE invoice_id = 4 AND kind = 'usage' AND position = (SELECT MIN(position) FROM invoice_line WHERE invoice_id = 4 AND kind = 'usage')", "(id 4)"},
			{bills, "UPDATE usage_record SET charged = charged + 1 WHERE record = (SELECT MIN(usage_from) FROM invoice_line WHERE invoice_id = 5 AND records > 0)", "(id 5)"},
			{bills, "UPDATE invoice_tax SET tax = tax + 10000 WHERE invoice_id = 6", "(id 6)"},
			{bills, "UPDATE receivable SET open = open - 1 WHERE invoice_id = 7", "(id 7)"},
			{bills, "DELETE FROM receivable WHERE invoice_id = 8", "(id 8)"},
			{series, "UPDATE invoice SET number = NULL WHERE id = 9", "highest"},
			{items, "UPDATE credit SET open = open + 1, amount = amount + 1", "account 1:"},
			{journal, "INSERT INTO journal_posting (entry_id, line, gl_code, amount, currency) VALUES (2, 99, '4100', 1, 'EUR')", "entry 2 "},
			{payments, "UPDATE payment SET amount = amount + 10000", "the journal has of it"},
			{payments, "UPDATE payment SET refunded = 10000", "refunded is 0.01, not 0.00"},
			{payments, "UPDATE credit SET open = open - 7", "what is open of its credit"},
			{series, "DELETE FROM invoice WHERE id = 10", "drawn"},
			{balances, "UPDATE billing_state SET usage_after = usage_after - 1 WHERE billing_account_id = 2", "account 2: bills have gone past usage"},
			{balances, "DELETE FROM invoice_settlement WHERE billing_account_id = 3", "account 3: bills have gone past usage"},
		} {
			must(db.Write(t.Context(), clerk, func(ctx context.Context, tx *database.Tx) error {
				_, err := tx.ExecContext(ctx, fault.spoil)
				return err
			}))
			if c := verify(t, db, core)[fault.check]; !strings.Contains(strings.Join(c.Problems, "\n"), fault.says) {
				t.Errorf("%s\nis not found by %q: %v", fault.spoil, fault.check, c.Problems)
			}
		}
	}, dbtest.Clock(func() time.Time { return now }))
}
