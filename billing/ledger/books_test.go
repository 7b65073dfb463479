package ledger

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

var finance = database.Actor{Name: "fiona", Role: "finance", Via: "cli"}

const today = "2026-11-23"

func clock() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) }

func write1(t *testing.T, db *database.DB, fn func(ctx context.Context, tx *database.Tx) error) error {
	t.Helper()
	return db.Write(t.Context(), finance, fn)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func invoice(id, account int64, euros money.Amount) InvoicePosting {
	net := euros * money.Unit
	tax := net * 19 / 100
	return InvoicePosting{
		InvoiceID: id, Account: account, Type: DocumentInvoice, Number: fmt.Sprintf("R-%d", id), Currency: "EUR", IssuedOn: today,
		DueOn: "2026-12-07", TaxRegion: "DE", Lines: []LinePosting{{GLCode: RevenueRecurring, Exact: net - 3, Amount: net}}, Tax: tax, Total: net + tax,
	}
}

// identities checks what must hold after every transaction.
func identities(t testing.TB, db *database.DB) {
	t.Helper()
	err := db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
		for what, query := range map[string]string{
			"entries out of balance": "SELECT entry_id FROM journal_posting GROUP BY entry_id, currency HAVING SUM(amount) <> 0",
			"receivables that are not total less allocations": `SELECT r.invoice_id FROM receivable r WHERE r.open <> r.total - COALESCE(
				(SELECT SUM(a.amount) FROM payment_allocation a WHERE a.invoice_id = r.invoice_id AND a.reversed_at = 0), 0)`,
			"credits that are not amount less withdrawn and allocations": `SELECT c.id FROM credit c WHERE c.open <> c.amount - c.withdrawn - COALESCE(
				(SELECT SUM(a.amount) FROM payment_allocation a WHERE a.credit_id = c.id AND a.reversed_at = 0), 0)`,
			"accounts whose receivables differ from the journal": `SELECT x.a FROM (
				SELECT billing_account_id AS a, currency AS c, SUM(open) AS s FROM receivable GROUP BY 1, 2 UNION ALL
				SELECT billing_account_id, currency, -SUM(amount) FROM journal_posting WHERE gl_code = '1200' GROUP BY 1, 2) x GROUP BY x.a, x.c HAVING SUM(x.s) <> 0`,
			"accounts whose credit differs from the journal": `SELECT x.a FROM (
				SELECT billing_account_id AS a, currency AS c, SUM(open) AS s FROM credit GROUP BY 1, 2 UNION ALL
				SELECT billing_account_id, currency, SUM(amount) FROM journal_posting WHERE gl_code = '2100' GROUP BY 1, 2) x GROUP BY x.a, x.c HAVING SUM(x.s) <> 0`,
		} {
			var ids []int64
			if err := q.NewRaw(query).Scan(ctx, &ids); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
			if len(ids) > 0 {
				t.Errorf("%s: %v", what, ids)
			}
		}
		rows, err := TrialBalance(ctx, q, "9999-12-31")
		if err != nil {
			return err
		}
		return Balanced(rows)
	})
	if err != nil {
		t.Error(err)
	}
}

func balances(t *testing.T, db *database.DB) map[string]money.Amount {
	t.Helper()
	got := map[string]money.Amount{}
	must(t, db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
		rows, err := TrialBalance(ctx, q, "9999-12-31")
		for k := range rows {
			if b := rows[k].Balance(); b != 0 {
				got[rows[k].GLCode] += b
			}
		}
		return err
	}))
	return got
}

func TestTheChartOfTheMigrationIsTheProgrammes(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		var got []Account
		must(t, db.Read(t.Context(), func(ctx context.Context, q bun.IDB) (err error) {
			got, err = Accounts(ctx, q)
			return err
		}))
		if want := Chart(); !slices.Equal(got, want) {
			t.Errorf("the migration has\n%v\nthe program\n%v", got, want)
		}
	})
}

func TestAnInvoiceIsPaidOverpaidAndTheNextUsesTheRest(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		must(t, write1(t, db, func(ctx context.Context, tx *database.Tx) error {
			return Invoiced(ctx, tx, []InvoicePosting{invoice(1, 7, 10), invoice(2, 8, 20)})
		}))
		must(t, write1(t, db, func(ctx context.Context, tx *database.Tx) error {
			if _, err := TakeIn(ctx, tx, Bank, 1, 7, 15*money.Unit, "EUR", today); err != nil {
				return err
			}
			return Settle(ctx, tx, 7, today)
		}))
		must(t, write1(t, db, func(ctx context.Context, tx *database.Tx) error {
			return Invoiced(ctx, tx, []InvoicePosting{invoice(3, 7, 10)})
		}))
		identities(t, db)
		got := balances(t, db)
		// 11.90 + 23.80 + 11.90 invoiced, 15.00 paid.
		if got[Receivables] != 32_600_000 || got[CustomerCredit] != 0 || got[Bank] != 15_000_000 || got["2300.DE"] != -7_600_000 ||
			got[RevenueRecurring] != -39_999_991 || got[Rounding] != -9 {
			t.Errorf("balances %v", got)
		}
	})
}

func TestACreditNoteSettlesWhatItCorrectsAndLeavesTheRestAsCredit(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		must(t, write1(t, db, func(ctx context.Context, tx *database.Tx) error {
			if err := Invoiced(ctx, tx, []InvoicePosting{invoice(1, 7, 10)}); err != nil {
				return err
			}
			if _, err := TakeIn(ctx, tx, Bank, 1, 7, 5*money.Unit, "EUR", today); err != nil {
				return err
			}
			if err := Settle(ctx, tx, 7, today); err != nil {
				return err
			}
			note := invoice(2, 7, -10)
			note.Type, note.Corrects = DocumentCreditNote, 1
			return Invoiced(ctx, tx, []InvoicePosting{note})
		}))
		identities(t, db)
		if got := balances(t, db); got[Receivables] != 0 || got[CustomerCredit] != -5_000_000 || got["2300.DE"] != 0 {
			t.Errorf("balances %v", got)
		}
	})
}

func TestAWriteOffIsTakenBack(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		must(t, write1(t, db, func(ctx context.Context, tx *database.Tx) error {
			if err := Invoiced(ctx, tx, []InvoicePosting{invoice(1, 7, 10)}); err != nil {
				return err
			}
			_, err := WriteOff(ctx, tx, 1, today, "insolvent")
			return err
		}))
		identities(t, db)
		if got := balances(t, db); got[BadDebt] != 11_900_000 || got[Receivables] != 0 {
			t.Errorf("written off: %v", got)
		}
		must(t, write1(t, db, func(ctx context.Context, tx *database.Tx) error { return Recover(ctx, tx, 1, today) }))
		identities(t, db)
		if got := balances(t, db); got[BadDebt] != 0 || got[Receivables] != 11_900_000 {
			t.Errorf("taken back: %v", got)
		}
		err := write1(t, db, func(ctx context.Context, tx *database.Tx) error { return Recover(ctx, tx, 1, today) })
		if !refusal.Is(err, "not_written_off") {
			t.Errorf("a second time: %v", err)
		}
	})
}

func TestTheJournalIsNeverEdited(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		e := Move(KindManual, "bank charges", "m-1", today, PaymentLosses, Bank, 0, 5, "EUR")
		post := func(e Entry) error {
			return write1(t, db, func(ctx context.Context, tx *database.Tx) error { return Post(ctx, tx, e) })
		}
		must(t, post(e))
		must(t, post(e)) // the same again is nothing new
		other := Move(KindManual, "bank charges", "m-1", today, PaymentLosses, Bank, 0, 6, "EUR")
		if err := post(other); !refusal.Is(err, "key_reused") {
			t.Errorf("another entry with the key: %v", err)
		}
		if err := post(Move(KindManual, "x", "m-2", today, "9999", Bank, 0, 6, "EUR")); !refusal.Is(err, "gl_code_unknown") {
			t.Errorf("an account that is not in the chart: %v", err)
		}
		for _, change := range []string{"UPDATE journal_posting SET amount = amount * 2", "DELETE FROM journal_posting", "UPDATE journal_entry SET kind = 'x'", "DELETE FROM journal_entry"} {
			if err := write1(t, db, func(ctx context.Context, tx *database.Tx) error { _, err := tx.ExecContext(ctx, change); return err }); err == nil {
				t.Errorf("%s was carried out", change)
			}
		}
		for range 2 {
			must(t, write1(t, db, func(ctx context.Context, tx *database.Tx) error {
				_, err := Reverse(ctx, tx, 1, today, "typed twice")
				return err
			}))
		}
		if got := balances(t, db); len(got) != 0 {
			t.Errorf("after the reversal: %v", got)
		}
	})
}

func TestAClosedPeriodTakesNoPostings(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		post := func(key, on string) error {
			return write1(t, db, func(ctx context.Context, tx *database.Tx) error {
				return Post(ctx, tx, Move(KindManual, key, key, on, PaymentLosses, Bank, 0, 5, "EUR"))
			})
		}
		must(t, post("m-1", "2026-09-30"))
		must(t, post("m-2", "2026-10-01"))
		if err := Close(t.Context(), db, finance, "2026-11"); !refusal.Is(err, "period_not_over") {
			t.Errorf("the present month: %v", err)
		}
		if err := Close(t.Context(), db, finance, "2026-10"); !refusal.Is(err, "period_earlier_open") {
			t.Errorf("out of order: %v", err)
		}
		for range 2 {
			must(t, Close(t.Context(), db, finance, "2026-09"))
		}
		if err := post("m-3", "2026-09-30"); !refusal.Is(err, "period_closed") {
			t.Errorf("a posting in a closed month: %v", err)
		}
		must(t, post("m-1", "2026-09-30")) // what is there already is no posting
		must(t, post("m-4", "2026-10-01"))
		var closed []Total
		must(t, db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
			return q.NewRaw("SELECT gl_code, currency, debit, credit FROM accounting_period_total ORDER BY gl_code").Scan(ctx, &closed)
		}))
		if len(closed) != 2 || closed[0].Credit != 5 || closed[1].Debit != 5 {
			t.Errorf("closed with %+v", closed)
		}
	}, dbtest.Clock(clock))
}
