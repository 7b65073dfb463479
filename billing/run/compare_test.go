package run_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/uptrace/bun"

	"gyro/billing/charge"
	"gyro/billing/run"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
)

// compared is a comparison without what cannot be the same in two runs.
func compared(t *testing.T, r *run.Runner, id int64) run.Comparison {
	t.Helper()
	c, err := r.Compare(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for k := range c.Outliers {
		if o := &c.Outliers[k]; (o.Invoice == 0) != (c.Run.Mode == run.Dry) || o.Name == "" || o.Currency != "EUR" {
			t.Errorf("an outlier of a %s run: %+v", c.Run.Mode, *o)
		}
		c.Outliers[k].Invoice = 0
	}
	return c
}

// TestDryRunComparesAsDraftsDo: a dry run, which keeps no documents, names the same largest changes and counts the same
// sizes of change as the database does over the drafts, whatever its batches are, interrupted or not.
func TestDryRunComparesAsDraftsDo(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		populated(t, db, 230)
		bill(t, run.New(db, run.Options{}), run.Final, "2026-10-03")
		r := run.New(db, run.Options{Batch: 7, Workers: 3})
		want := compared(t, r, bill(t, r, run.Draft, "2026-11-03").ID)
		if len(want.Outliers) != 20 || want.Compared < 100 || want.Fresh == 0 || len(want.Histogram) < 3 || want.Last == nil {
			t.Fatalf("the drafts differ too little to tell: %+v", want)
		}
		for name, dry := range map[string]run.Run{
			"a dry run":                      bill(t, r, run.Dry, "2026-11-03"),
			"a dry run in one batch":         bill(t, run.New(db, run.Options{}), run.Dry, "2026-11-03"),
			"a dry run that was interrupted": interrupted(t, r, run.Dry, "2026-11-03"),
		} {
			got := compared(t, r, dry.ID)
			if !slices.Equal(got.Outliers, want.Outliers) || !slices.Equal(got.Histogram, want.Histogram) ||
				got.Compared != want.Compared || got.Fresh != want.Fresh || got.Last == nil || got.Last.ID != want.Last.ID {
				t.Errorf("%s compares as\n%+v\nthe drafts as\n%+v", name, got, want)
			}
			if dry.Digest != want.Run.Digest || dry.Invoices != want.Run.Invoices {
				t.Errorf("%s made %+v, the drafts %+v", name, dry, want.Run)
			}
		}
	}, dbtest.Clock(october))
}

// TestInterruptedDraftsAreCountedOnce: drafts that a run makes again when it goes on replace those that it made before.
func TestInterruptedDraftsAreCountedOnce(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		populated(t, db, 60)
		r := run.New(db, run.Options{Batch: 7, Workers: 2})
		dry, drafts := bill(t, r, run.Dry, "2026-11-03"), interrupted(t, r, run.Draft, "2026-11-03")
		var stored int64
		if err := db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
			return q.NewRaw("SELECT COUNT(*) FROM invoice WHERE run_id = ?", drafts.ID).Scan(ctx, &stored)
		}); err != nil {
			t.Fatal(err)
		}
		if drafts.Digest != dry.Digest || drafts.Invoices != dry.Invoices || stored != dry.Invoices+dry.Statements {
			t.Errorf("the interrupted drafts are %+v, %d of them stored; a dry run made %+v", drafts, stored, dry)
		}
	}, dbtest.Clock(october))
}

// interrupted is a run that stops after three batches and goes on.
func interrupted(t *testing.T, r *run.Runner, mode run.Mode, asOf string) run.Run {
	t.Helper()
	day, err := charge.ParseDay(asOf)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	batches, id := 0, int64(0)
	_, err = r.Run(ctx, clerk, run.Request{AsOf: day, Mode: mode, Progress: func(at run.Run) {
		if id, batches = at.ID, batches+1; batches == 3 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("it was not interrupted: %v", err)
	}
	made, err := r.Resume(t.Context(), clerk, id, nil)
	if err != nil || made.State != run.Done {
		t.Fatalf("%+v, %v", made, err)
	}
	return made
}
