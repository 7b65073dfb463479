package billing_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"gyro/billing"
	"gyro/billing/charge"
	"gyro/billing/ledger"
	"gyro/billing/run"
	"gyro/internal/database"
)

// TestARunThatMovesNothingOnCountsOnceThoughItWasInterrupted interrupts a dry and a draft run after their first batches: gone on
// with, they say what a run says that nobody disturbed.
func TestARunThatMovesNothingOnCountsOnceThoughItWasInterrupted(t *testing.T) {
	each(t, 100, true, func(o *office) {
		request := run.Request{AsOf: charge.Date(2026, 11, 1), Mode: run.Dry}
		whole, err := o.s.Runs.Run(o.Context(), clerk, request)
		o.must(err)
		for _, mode := range []run.Mode{run.Dry, run.Draft} {
			ctx, stop := context.WithCancel(o.Context())
			_, err := o.s.Runs.Run(ctx, clerk, run.Request{AsOf: request.AsOf, Mode: mode, Progress: func(run.Run) { stop() }})
			if !errors.Is(err, context.Canceled) {
				o.Fatalf("%s: the run was not interrupted: %v", mode, err)
			}
			is, err := o.s.Runs.Run(o.Context(), clerk, run.Request{AsOf: request.AsOf, Mode: mode})
			o.must(err)
			if is.Invoices != whole.Invoices || is.Statements != whole.Statements || is.Empty != whole.Empty || is.Lines != whole.Lines || is.Digest != whole.Digest || is.TotalsText != whole.TotalsText {
				o.Errorf("%s, interrupted: %+v\nwhole: %+v", mode, is, whole)
			}
		}
	})
}

// TestACreditNoteForWhatWasWrittenOffGivesNobodyMoney writes an invoice off that nobody paid, and credits a part of it, then the rest.
func TestACreditNoteForWhatWasWrittenOffGivesNobodyMoney(t *testing.T) {
	each(t, 5, false, func(o *office) {
		o.bill()
		d := o.get(2)
		o.must(o.write(func(ctx context.Context, tx *database.Tx) error {
			_, err := ledger.WriteOff(ctx, tx, d.ID, "2026-11-02", "insolvent")
			return err
		}))
		for k, request := range []billing.CreditRequest{
			{Lines: []billing.CreditLine{{Position: 1, Amount: d.Lines[0].Amount / 20_000 * 10_000}}, Reason: "outage", Key: "part"},
			{Reason: "goodwill", Key: "rest"},
		} {
			_, err := o.s.Credit(o.Context(), clerk, d.ID, request)
			o.must(err)
			if credit := o.number("SELECT CAST(COALESCE(SUM(open), 0) AS BIGINT) FROM credit WHERE billing_account_id = ?", d.Account); credit != 0 {
				o.Errorf("credit note %d: the customer has %d millionths that nobody paid", k+1, credit)
			}
			if open := o.get(d.ID).Open; open != 0 {
				o.Errorf("credit note %d: %s is open again", k+1, open)
			}
		}
		if lost := o.number("SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM journal_posting WHERE gl_code = '6100'"); lost != 0 {
			o.Errorf("bad debt of %d millionths of an invoice that is taken back", lost)
		}
		o.whole()
	})
}

// TestUsageBeyondInt64ParksItsAccount has records whose quantities, and others whose charges, have no sum that fits: the
// accounts with impossible charges are parked, all others are billed.
func TestUsageBeyondInt64ParksItsAccount(t *testing.T) {
	each(t, 10, false, func(o *office) {
		for _, spoil := range []string{
			"UPDATE usage_record SET used = ?, billed = ? WHERE billing_account_id = 3",
			"UPDATE usage_record SET charged = ?, billed = ? WHERE billing_account_id = 4",
		} {
			o.must(o.write(func(ctx context.Context, tx *database.Tx) error {
				_, err := tx.ExecContext(ctx, spoil, int64(math.MaxInt64), int64(math.MaxInt64))
				return err
			}))
		}
		made := o.bill()
		parked, err := o.s.Runs.Parked(o.Context(), made.ID, 10, 0)
		o.must(err)
		if made.Invoices != 9 || len(parked) != 1 || parked[0].Account != 4 {
			o.Errorf("%+v, parked %+v", made, parked)
		}
		o.whole()
	})
}
