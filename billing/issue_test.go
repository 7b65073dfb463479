package billing_test

import (
	"testing"
	"time"

	"gyro/billing"
	"gyro/billing/charge"
	"gyro/billing/ledger"
	"gyro/billing/run"
	"gyro/internal/refusal"
)

// TestTheDayOfIssueIsOne bills accounts from Honolulu to Auckland on the first of a month, when the month before is closed, and just
// before it: all documents of a run are of one day, and that is never in the month before.
func TestTheDayOfIssueIsOne(t *testing.T) {
	now := time.Date(2026, 11, 1, 5, 0, 0, 0, time.UTC)
	eachAt(t, func() time.Time { return now }, 6, false, func(o *office) {
		now = time.Date(2026, 11, 1, 5, 0, 0, 0, time.UTC)
		o.sql("UPDATE billing_account SET time_zone = 'America/Los_Angeles' WHERE id = 2", "UPDATE billing_account SET time_zone = 'Pacific/Honolulu' WHERE id = 3",
			"UPDATE billing_account SET time_zone = 'Pacific/Auckland' WHERE id = 4", "UPDATE billing_account SET cycle_day = 2 WHERE id = 5", "INSERT INTO accounting_period (period, state) VALUES ('2026-10', 'closed')")
		if made := o.bill(); made.Parked != 0 || made.Invoices < 5 {
			o.Fatalf("on the first, the month before being closed: %+v", made)
		}
		if n := o.number("SELECT COUNT(*) FROM invoice WHERE issued_on <> '2026-11-01' OR due_on <> '2026-11-15'"); n != 0 {
			o.Errorf("%d documents are of another day", n)
		}
		note, err := o.s.Credit(o.Context(), clerk, o.number("SELECT id FROM invoice WHERE billing_account_id = 3"), billing.CreditRequest{Reason: "goodwill", Key: "k"})
		o.must(err)
		if d := o.get(note); d.IssuedOn != "2026-11-01" {
			o.Errorf("a credit note in Honolulu is of %s", d.IssuedOn)
		}
		// Half an hour before the month begins in UTC it has begun in Berlin.
		now = time.Date(2026, 11, 30, 23, 30, 0, 0, time.UTC)
		_, err = o.s.Runs.Run(o.Context(), clerk, run.Request{AsOf: charge.Date(2026, 12, 1), Mode: run.Final})
		o.must(err)
		if n := o.number("SELECT COUNT(*) FROM invoice WHERE period_until = '2026-12-01' AND (issued_on <> '2026-12-01' OR type <> 'invoice')"); n != 0 {
			o.Errorf("%d bills of midnight are of another day", n)
		}
		if n := o.number("SELECT COUNT(*) FROM journal_entry WHERE posted_on = '2026-12-01'"); n < 4 {
			o.Errorf("%d entries of midnight", n)
		}
		o.whole()
	})
}

// TestARunInAClosedMonthDoesNotBegin: books are closed only when a month is over; here the clock was set back behind that.
func TestARunInAClosedMonthDoesNotBegin(t *testing.T) {
	now := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	eachAt(t, func() time.Time { return now }, 3, false, func(o *office) {
		now = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
		o.must(ledger.Close(o.Context(), o.db, clerk, "2026-11"))
		now = now.AddDate(0, 0, -5)
		_, err := o.s.StartRun(o.Context(), clerk, run.Request{AsOf: charge.Date(2026, 11, 1), Mode: run.Final})
		if !refusal.Is(err, "period_closed") {
			o.Errorf("a run in a closed month: %v", err)
		}
		if n := o.number("SELECT COUNT(*) FROM invoice_run"); n != 0 {
			o.Errorf("%d runs are there", n)
		}
		if _, err := o.s.Runs.Run(o.Context(), clerk, run.Request{AsOf: charge.Date(2026, 11, 1), Mode: run.Dry}); err != nil {
			o.Errorf("a dry run posts nothing: %v", err)
		}
		now = now.AddDate(0, 0, 6)
		if made := o.bill(); made.Invoices != 3 {
			o.Errorf("in the open month: %+v", made)
		}
	})
}

// TestAnAccountOfTheLedgerThatIsMissingParks: one price that names it does not end the run of all.
func TestAnAccountOfTheLedgerThatIsMissingParks(t *testing.T) {
	each(t, 30, false, func(o *office) {
		o.sql("UPDATE product_price SET gl_code = '4711' WHERE product_id = 10")
		if made := o.bill(); made.Invoices != 29 || made.Parked != 1 {
			o.Fatalf("%+v", made)
		}
		waiting, err := o.s.Runs.Parked(o.Context(), 0, 10, 0)
		if err != nil || len(waiting) != 1 || waiting[0].Account != 5 ||
			waiting[0].Reason != `line 1 (Flat M) is booked to "4711", which the chart of accounts does not have: add the account, or correct the price that names it` {
			o.Errorf("parked are %+v, %v", waiting, err)
		}
		o.whole()
	})
}

// TestDraftsOfARunAheadAreFinalised: that their cycles have not ended was said when they were made, and is not asked for again.
func TestDraftsOfARunAheadAreFinalised(t *testing.T) {
	eachAt(t, func() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) }, 5, false, func(o *office) {
		request := run.Request{AsOf: charge.Date(2026, 12, 1), Mode: run.Draft}
		if _, err := o.s.Runs.Run(o.Context(), clerk, request); !refusal.Is(err, "as_of_invalid") {
			o.Errorf("drafts of cycles that have not ended, without saying so: %v", err)
		}
		request.Behind = true
		drafts, err := o.s.Runs.Run(o.Context(), clerk, request)
		o.must(err)
		final, err := o.s.Runs.Commit(o.Context(), clerk, drafts.ID, nil)
		o.must(err)
		if drafts.Invoices == 0 || final.Invoices != drafts.Invoices || final.Parked != 0 || final.Digest != drafts.Digest {
			o.Errorf("%+v of drafts %+v", final, drafts)
		}
		o.whole()
	})
}
