package run_test

import (
	"context"
	"testing"
	"time"

	"gyro/billing/charge"
	"gyro/billing/population"
	"gyro/billing/run"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
)

var clerk = database.Actor{Name: "clerk", Role: "finance", Via: "cli"}

func october() time.Time { return time.Date(2026, 11, 5, 9, 0, 0, 0, time.UTC) }

func populated(t *testing.T, db *database.DB, accounts int) {
	t.Helper()
	if err := population.Make(t.Context(), db, population.Options{Accounts: accounts, Records: 10, Spread: true}); err != nil {
		t.Fatal(err)
	}
}

func bill(t *testing.T, r *run.Runner, mode run.Mode, asOf string) run.Run {
	t.Helper()
	day, err := charge.ParseDay(asOf)
	if err != nil {
		t.Fatal(err)
	}
	made, err := r.Run(context.Background(), clerk, run.Request{AsOf: day, Mode: mode})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// TestDryRunGivesWhatTheRealRunGives compares the digests over every line and tax of a dry run, of drafts and of the real run, in
// batches of different sizes and with different numbers of workers.
func TestDryRunGivesWhatTheRealRunGives(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		populated(t, db, 230)
		dry := bill(t, run.New(db, run.Options{Batch: 7, Workers: 3}), run.Dry, "2026-11-03")
		draft := bill(t, run.New(db, run.Options{Batch: 1000, Workers: 1}), run.Draft, "2026-11-03")
		again := bill(t, run.New(db, run.Options{Batch: 50}), run.Dry, "2026-11-03")
		final := bill(t, run.New(db, run.Options{Batch: 31, Workers: 2}), run.Final, "2026-11-03")
		for name, other := range map[string]run.Run{"draft": draft, "second dry": again, "final": final} {
			if other.Digest != dry.Digest || other.Lines != dry.Lines || other.Invoices != dry.Invoices || other.Totals["EUR"] != dry.Totals["EUR"] {
				t.Errorf("the %s run made %+v, the dry run %+v", name, other, dry)
			}
		}
		if dry.Invoices < 150 || dry.Statements == 0 || dry.Lines < 1000 {
			t.Errorf("only %d invoices, %d statements, %d lines", dry.Invoices, dry.Statements, dry.Lines)
		}
		if after := bill(t, run.New(db, run.Options{}), run.Final, "2026-11-03"); after.Invoices+after.Statements+after.Empty != 0 {
			t.Errorf("billed again: %+v", after)
		}
	}, dbtest.Clock(october))
}

// TestReasonsOfASuspensionMayOverlap bills lines that are suspended for two reasons at once as those that are for one, in
// two databases: what was used and what is charged has the same sum.
func TestReasonsOfASuspensionMayOverlap(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			digest := func(spans ...[2]int) string {
				db := dbtest.Open(t, dialect, dbtest.Clock(october))
				if err := population.Make(t.Context(), db, population.Options{Accounts: 3, Records: 1}); err != nil {
					t.Fatal(err)
				}
				err := db.Write(t.Context(), clerk, func(ctx context.Context, tx *database.Tx) error {
					for k, s := range spans {
						at := func(day int) int64 {
							if day == 0 {
								return 0
							}
							return time.Date(2026, 10, day, 12, 0, 0, 0, time.UTC).UnixMilli()
						}
						_, err := tx.ExecContext(ctx, "INSERT INTO product_suspension (product_id, reason, from_at, until_at) VALUES (4, ?, ?, ?)", string(rune('a'+k)), at(s[0]), at(s[1]))
						if err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				return bill(t, run.New(db, run.Options{}), run.Dry, "2026-11-03").Digest
			}
			one := digest([2]int{5, 20})
			if digest() == one {
				t.Error("a suspension changes nothing: nothing to prove with")
			}
			if digest([2]int{5, 20}, [2]int{7, 9}, [2]int{8, 15}) != one || digest([2]int{5, 9}, [2]int{7, 20}) != one {
				t.Error("reasons that overlap are not billed as one")
			}
			if digest([2]int{5, 0}, [2]int{7, 20}, [2]int{21, 0}) != digest([2]int{5, 0}) {
				t.Error("a reason within one that has no end is not billed as that one")
			}
		})
	}
}
