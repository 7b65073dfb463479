package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"
)

// Period is a month of the books.
type Period struct {
	Period   string          `bun:"period" json:"period"` // YYYY-MM
	State    string          `bun:"state" json:"state"`   // open, closing, closed
	ClosedAt instant.Instant `bun:"closed_at" json:"-"`
	ClosedBy string          `bun:"closed_by" json:"closedBy,omitempty"`
}

// Day is the day of a moment in the books, which are kept in UTC.
func Day(at instant.Instant) string { return at.Time().Format(time.DateOnly) }

// mustBeOpen refuses postings in periods that are closing or closed. On
// PostgreSQL the period's row is locked in share mode until the transaction
// ends: closing waits for those who post, and nobody posts behind its back.
func mustBeOpen(ctx context.Context, tx *database.Tx, entries []Entry) error {
	var periods []string
	for k := range entries {
		if p := entries[k].PostedOn[:len("2006-01")]; !slices.Contains(periods, p) {
			periods = append(periods, p)
		}
	}
	slices.Sort(periods)
	lock := ""
	if tx.On() == database.PostgreSQL {
		lock = " FOR SHARE"
	}
	for _, period := range periods {
		var state []string
		if err := tx.NewRaw("SELECT state FROM accounting_period WHERE period = ?"+lock, period).Scan(ctx, &state); err != nil {
			return fmt.Errorf("period %s: %w", period, err)
		}
		if len(state) == 0 {
			if _, err := tx.ExecContext(ctx, "INSERT INTO accounting_period (period, state) VALUES (?, 'open') ON CONFLICT (period) DO NOTHING", period); err != nil {
				return fmt.Errorf("period %s: %w", period, err)
			}
			continue
		}
		if state[0] != "open" {
			return periodClosed(period, state[0])
		}
	}
	return nil
}

func periodClosed(period, state string) error {
	return refusal.New(refusal.Unprocessable, "period_closed", "postedOn", "the books of %s are %s and take no postings; post in an open month", period, state)
}

// MustBeOpen refuses a day (2006-01-02) whose month takes no postings. It is for those who have much to do before they post.
func MustBeOpen(ctx context.Context, q bun.IDB, day string) error {
	var state []string
	period := day[:len("2006-01")]
	if err := q.NewRaw("SELECT state FROM accounting_period WHERE period = ? AND state <> 'open'", period).Scan(ctx, &state); err != nil {
		return fmt.Errorf("period %s: %w", period, err)
	}
	if len(state) > 0 {
		return periodClosed(period, state[0])
	}
	return nil
}

// Periods are the months that anything was posted in.
func Periods(ctx context.Context, q bun.IDB) ([]Period, error) {
	var all []Period
	if err := q.NewRaw("SELECT period, state, closed_at, closed_by FROM accounting_period ORDER BY period").Scan(ctx, &all); err != nil {
		return nil, fmt.Errorf("periods of the books: %w", err)
	}
	return all, nil
}

// Close closes a month that is over: from then on it takes no postings. Its
// trial balance must be balanced, and earlier months closed.
//
// It is two transactions. The first one bars the month, and its row waits for
// whoever is posting; only a transaction that begins after that sees all there
// is to total. A close that was interrupted between them is finished by the
// next one.
func Close(ctx context.Context, db *database.DB, by database.Actor, period string) error {
	err := db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error { return bar(ctx, tx, period) })
	if err != nil {
		return err
	}
	return db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error { return total(ctx, tx, period) })
}

func bar(ctx context.Context, tx *database.Tx, period string) error {
	begins, err := time.Parse("2006-01", period)
	if err != nil {
		return refusal.New(refusal.Invalid, "period_invalid", "period", "%q is no month; write it as 2026-11", period)
	}
	if Day(tx.Now()) < begins.AddDate(0, 1, 0).Format(time.DateOnly) {
		return refusal.New(refusal.Unprocessable, "period_not_over", "period", "%s is not over: it can be closed from %s on", period, begins.AddDate(0, 1, 0).Format(time.DateOnly))
	}
	var earlier []string
	if err := tx.NewRaw("SELECT period FROM accounting_period WHERE period < ? AND state <> 'closed' ORDER BY period LIMIT 1", period).Scan(ctx, &earlier); err != nil {
		return fmt.Errorf("close %s: %w", period, err)
	}
	if len(earlier) > 0 {
		return refusal.New(refusal.Unprocessable, "period_earlier_open", "period", "%s is open: close the months in order", earlier[0])
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO accounting_period (period, state) VALUES (?, 'closing')
		ON CONFLICT (period) DO UPDATE SET state = CASE accounting_period.state WHEN 'closed' THEN 'closed' ELSE 'closing' END`, period)
	return err
}

func total(ctx context.Context, tx *database.Tx, period string) error {
	var state string
	if err := tx.NewRaw("SELECT state FROM accounting_period WHERE period = ?", period).Scan(ctx, &state); err != nil {
		return fmt.Errorf("close %s: %w", period, err)
	}
	if state == "closed" {
		return nil
	}
	rows, err := totals(ctx, tx.IDB, period+"-01", period+"-31")
	if err != nil {
		return err
	}
	if err := balanced(rows); err != nil {
		return err
	}
	for _, r := range rows {
		if _, err := tx.ExecContext(ctx, "INSERT INTO accounting_period_total (period, gl_code, currency, debit, credit) VALUES (?, ?, ?, ?, ?)",
			period, r.GLCode, r.Currency, r.Debit, r.Credit); err != nil {
			return fmt.Errorf("close %s: %w", period, err)
		}
	}
	if _, err := tx.ExecContext(ctx, "UPDATE accounting_period SET state = 'closed', closed_at = ?, closed_by = ? WHERE period = ?", tx.Now(), tx.By().Name, period); err != nil {
		return fmt.Errorf("close %s: %w", period, err)
	}
	return tx.Audit(ctx, "accounting_period", period, "close", map[string]string{"state": "open"}, map[string]any{"state": "closed", "totals": audited(rows)})
}

// audited are totals as the audit trail has them.
func audited(rows []Total) []map[string]any {
	all := make([]map[string]any, 0, len(rows))
	for k := range rows {
		r := &rows[k]
		all = append(all, map[string]any{"glCode": r.GLCode, "name": r.Name, "type": r.Type, "currency": r.Currency, "debit": r.Debit.In(r.Currency), "credit": r.Credit.In(r.Currency)})
	}
	return all
}
