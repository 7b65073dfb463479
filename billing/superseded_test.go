package billing_test

import (
	"strings"
	"testing"

	"gyro/billing/charge"
	"gyro/billing/run"
	"gyro/internal/refusal"
)

// TestDraftsWhosePlaceWasTakenSayByWhichRun makes drafts, bills one account of them by itself, makes drafts anew and finalises
// these: each run of drafts says what became of it, and what is gone is neither finalised nor withdrawn.
func TestDraftsWhosePlaceWasTakenSayByWhichRun(t *testing.T) {
	each(t, 30, false, func(o *office) {
		asOf := charge.Date(2026, 11, 1)
		drafts := func() run.Run {
			o.Helper()
			made, err := o.s.Runs.Run(o.Context(), clerk, run.Request{AsOf: asOf, Mode: run.Draft})
			o.must(err)
			return made
		}
		is := func(id int64, standing string, by int64) {
			o.Helper()
			r, err := o.s.Runs.Get(o.Context(), id)
			o.must(err)
			if r.Standing() != standing || r.ReplacedBy != by {
				o.Errorf("run %d is %s, replaced by %d; want %s, %d", id, r.Standing(), r.ReplacedBy, standing, by)
			}
		}
		first := drafts()
		is(first.ID, "done", 0)
		alone, err := o.s.Runs.Run(o.Context(), clerk, run.Request{AsOf: asOf, Mode: run.Final, Account: 3})
		o.must(err)
		is(first.ID, "done", alone.ID) // of the others the drafts are there
		second := drafts()
		is(first.ID, "superseded by run 3", second.ID)
		if _, err := o.s.Runs.Commit(o.Context(), clerk, first.ID, nil); !refusal.Is(err, "invoice_run_state") || !strings.Contains(err.Error(), "superseded by run 3") {
			o.Errorf("what is gone was finalised: %v", err)
		}
		if _, err := o.s.Runs.Withdraw(o.Context(), clerk, first.ID); !refusal.Is(err, "invoice_run_state") {
			o.Errorf("what is gone was withdrawn: %v", err)
		}
		_, err = o.s.Runs.Review(o.Context(), clerk, second.ID)
		o.must(err)
		final, err := o.s.Runs.Commit(o.Context(), clerk, second.ID, nil)
		o.must(err)
		is(second.ID, "committed by run 4", final.ID)
		is(first.ID, "superseded by run 3", second.ID)
		if again, err := o.s.Runs.Commit(o.Context(), clerk, second.ID, nil); err != nil || again.ID != final.ID || again.Digest != final.Digest {
			o.Errorf("finalised once more: run %d, %v", again.ID, err)
		}
		if _, err := o.s.Runs.Withdraw(o.Context(), clerk, second.ID); !refusal.Is(err, "invoice_run_state") {
			o.Errorf("what is finalised was withdrawn: %v", err)
		}
		if n := o.number("SELECT COUNT(*) FROM invoice_run"); n != 4 {
			o.Errorf("%d runs", n)
		}
		o.whole()
	})
}
