package dunning

import (
	"context"
	"testing"

	"github.com/uptrace/bun"

	"gyro/billing/ledger"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// TestNobodyIsDunnedInACurrencyThatNobodyDecidedOn owes a hundred yen, for which the policy of a new office has no minimum:
// nothing is done, month after month, and it is said why. With a minimum the case begins, at it and not below.
func TestNobodyIsDunnedInACurrencyThatNobodyDecidedOn(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		s := New(Options{DB: db})
		write := func(fn func(ctx context.Context, tx *database.Tx) error) error {
			return db.Write(t.Context(), database.Actor{Name: "test", Role: "finance", Via: "cli"}, fn)
		}
		if err := write(func(ctx context.Context, tx *database.Tx) error {
			for _, statement := range []string{
				"INSERT INTO party (id, kind, family_name, language, status, created_at, updated_at) VALUES (1, 'individual', 'Aiko', 'en', 'initialized', 1, 1)",
				"INSERT INTO customer (id, party_id, name, segment, status, created_at, updated_at) VALUES (1, 1, 'Aiko', 'residential', 'active', 1, 1)",
				`INSERT INTO billing_account (id, customer_id, name, kind, charging_account, currency, cycle_day, time_zone, tax_region, delivery, status, created_at, updated_at)
					VALUES (1, 1, 'Aiko', 'postpaid', 'ba-1', 'JPY', 1, 'UTC', 'CH', 'none', 'active', 1, 1)`,
			} {
				if _, err := tx.ExecContext(ctx, statement); err != nil {
					return err
				}
			}
			return ledger.Invoiced(ctx, tx, []ledger.InvoicePosting{{
				InvoiceID: 1, Account: 1, Type: ledger.DocumentInvoice, Number: "R-1", Currency: "JPY", IssuedOn: "2026-11-01", DueOn: "2026-11-15",
				TaxRegion: "CH", Total: 100 * money.Unit, Lines: []ledger.LinePosting{{Exact: 100 * money.Unit, Amount: 100 * money.Unit}},
			}})
		}); err != nil {
			t.Fatal(err)
		}
		look := func(on string) (outcome Outcome, err error) {
			err = write(func(ctx context.Context, tx *database.Tx) (err error) {
				policy, err := CurrentPolicy(ctx, tx)
				if err == nil {
					outcome, _, err = s.check(ctx, tx, &policy, 1, on)
				}
				return err
			})
			return outcome, err
		}
		for _, on := range []string{"2026-11-16", "2026-12-10", "2027-06-01"} {
			if outcome, err := look(on); outcome != Nothing || !refusal.Is(err, "minimum_missing") {
				t.Errorf("on %s: %q, %v", on, outcome, err)
			}
		}
		var cases int
		if err := db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
			return q.NewRaw("SELECT COUNT(*) FROM dunning_case").Scan(ctx, &cases)
		}); err != nil || cases != 0 {
			t.Errorf("%d cases, %v", cases, err)
		}
		for n, want := range []struct {
			minimum string
			outcome Outcome
		}{{"101", Nothing}, {"100", Opened}} {
			p := Default()
			p.Name, p.Minimum["JPY"], p.Steps[1].Amount["JPY"] = want.minimum, want.minimum, "0"
			if err := write(func(ctx context.Context, tx *database.Tx) error { return SetPolicy(ctx, tx, p) }); err != nil {
				t.Fatal(err)
			}
			if outcome, err := look("2026-11-16"); outcome != want.outcome || err != nil {
				t.Errorf("%d: %q, %v", n, outcome, err)
			}
		}
	})
}
