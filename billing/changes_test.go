package billing_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"gyro/billing"
	"gyro/billing/charge"
	"gyro/billing/invoice"
	"gyro/billing/run"
	"gyro/internal/database"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// TestAMinimumCountsEachDayOnce changes the cycle day of one account and the payer of others in the middle of their cycles, there
// and back, and bills one anew in between: each day of each account is in one minimum, and bills follow each other without a gap.
func TestAMinimumCountsEachDayOnce(t *testing.T) {
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	eachAt(t, func() time.Time { return now }, 5, false, func(o *office) {
		now = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
		o.sql("UPDATE product_offering SET minimum_commitment = 900000000 WHERE id = 1")
		bill := func(month time.Month, day int) {
			o.Helper()
			now = time.Date(2026, month, day, 9, 0, 0, 0, time.UTC)
			made, err := o.s.Runs.Run(o.Context(), clerk, run.Request{AsOf: charge.Date(2026, int(month), day), Mode: run.Final})
			o.must(err)
			if made.Parked != 0 {
				o.Fatalf("%+v", made)
			}
		}
		// once holds the days of the minimums of each account's plan against the days that it is billed for.
		once := func(what string) {
			o.Helper()
			for account := int64(2); account <= 6; account++ {
				var until string
				var days int64
				o.must(o.db.Read(o.Context(), readInto(&until, "SELECT billed_until FROM billing_state WHERE billing_account_id = ?", account)))
				o.must(o.db.Read(o.Context(), readInto(&days, `SELECT CAST(COALESCE(SUM(l.quantity), 0) AS BIGINT) FROM invoice_line l JOIN invoice i ON i.id = l.invoice_id
					WHERE l.kind = 'minimum' AND l.billing_account_id = ? AND l.product_id = ? AND NOT i.set_back`, account, 2*account)))
				end, err := charge.ParseDay(until)
				o.must(err)
				if want := int64(end - charge.Date(2026, 10, 1)); days != want {
					o.Errorf("%s: account %d is billed until %s, and %d days are in its minimums, not %d", what, account, until, days, want)
				}
			}
			if n := o.number(`SELECT COUNT(*) FROM invoice i JOIN invoice p ON p.billing_account_id = i.billing_account_id AND p.corrects_id IS NULL AND i.corrects_id IS NULL
				AND NOT p.set_back AND NOT i.set_back AND p.period_from < i.period_from AND p.period_until > i.period_from`); n != 0 {
				o.Errorf("%s: %d bills begin before the ones before them end", what, n)
			}
		}
		bill(11, 1)
		once("a month")
		o.sql("UPDATE billing_account SET cycle_day = 15 WHERE id IN (2, 3)", "UPDATE billing_account SET payer_id = 3 WHERE id = 4")
		bill(11, 15)
		once("another cycle day, and a payer")
		o.sql("UPDATE billing_account SET payer_id = NULL WHERE id = 4", "UPDATE billing_account SET payer_id = 2 WHERE id = 5")
		bill(12, 1) // 4, billed until the 15th by its payer, is on its own again; 6 has not changed
		once("no payer any more")
		// 6 is billed until 1 December, and its payer until 15 November: those days come twice, and count once.
		o.sql("UPDATE billing_account SET payer_id = 3 WHERE id = 6")
		bill(12, 15)
		once("a payer that is behind")
		last := o.number("SELECT MAX(id) FROM invoice WHERE billing_account_id = 3 AND type = ?", string(invoice.Bill))
		_, _, err := o.s.Rebill(o.Context(), clerk, last, "wrong", "anew")
		o.must(err)
		once("billed anew")
		// 6 is on its own until 1 January; then its payer is billed for five days of December, and that anew.
		o.sql("UPDATE billing_account SET payer_id = NULL WHERE id = 6", "UPDATE billing_account SET cycle_day = 20 WHERE id = 3")
		now = time.Date(2027, 1, 2, 9, 0, 0, 0, time.UTC)
		alone := func(account int64, until charge.Day) {
			o.Helper()
			_, err := o.s.Runs.Run(o.Context(), clerk, run.Request{AsOf: until, Mode: run.Final, Account: account})
			o.must(err)
		}
		alone(6, charge.Date(2027, 1, 1))
		o.sql("UPDATE billing_account SET payer_id = 3 WHERE id = 6")
		alone(3, charge.Date(2026, 12, 20))
		once("a payer for days that are billed")
		last = o.number("SELECT MAX(id) FROM invoice WHERE billing_account_id = 3 AND type = ?", string(invoice.Bill))
		_, _, err = o.s.Rebill(o.Context(), clerk, last, "wrong", "once more")
		o.must(err)
		once("that billed anew")
		bill(13, 31) // of January
		once("the end")
		o.whole()
	})
}

// TestAnOlderBillIsCorrectedByTwoDocuments: it cannot be billed anew, the refusal says what can be done, and that works.
func TestAnOlderBillIsCorrectedByTwoDocuments(t *testing.T) {
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	eachAt(t, func() time.Time { return now }, 3, false, func(o *office) {
		now = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
		o.bill()
		old := o.get(o.number("SELECT id FROM invoice WHERE billing_account_id = 2"))
		now = now.AddDate(0, 1, 0)
		_, err := o.s.Runs.Run(o.Context(), clerk, run.Request{AsOf: charge.Date(2026, 12, 1), Mode: run.Final})
		o.must(err)
		_, _, err = o.s.Rebill(o.Context(), clerk, old.ID, "wrong price", "r")
		if !refusal.Is(err, "invoice_not_last") || !strings.Contains(err.Error(), "gyro invoice credit "+*old.Number+" --line") || !strings.Contains(err.Error(), "gyro invoice charge 2 ") {
			o.Errorf("an older bill, billed anew: %v", err)
		}
		if n := o.number("SELECT COUNT(*) FROM invoice WHERE type = 'creditNote'"); n != 0 {
			o.Errorf("%d credit notes are left of what was refused", n)
		}
		_, err = o.s.Credit(o.Context(), clerk, old.ID, billing.CreditRequest{Lines: []billing.CreditLine{{Position: 1, Amount: 5 * money.Unit}}, Reason: "wrong price", Key: "c"})
		o.must(err)
		o.must(o.write(func(ctx context.Context, tx *database.Tx) error {
			return billing.AddCharge(ctx, tx, billing.Charge{Account: 2, Kind: billing.Debit, Amount: 3 * money.Unit, Currency: "EUR", Description: "October at the right price", Key: "d"})
		}))
		now = now.AddDate(0, 1, 0)
		_, err = o.s.Runs.Run(o.Context(), clerk, run.Request{AsOf: charge.Date(2027, 1, 1), Mode: run.Final})
		o.must(err)
		if n := o.number("SELECT COUNT(*) FROM invoice_line WHERE billing_account_id = 2 AND description = 'October at the right price' AND exact = 3000000"); n != 1 {
			o.Errorf("the charge is on %d bills", n)
		}
		o.whole()
	})
}
