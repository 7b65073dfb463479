package run

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"gyro/internal/money"
)

// Comparison holds a run against what was billed before it.
type Comparison struct {
	Run Run
	// Last is the run of finalised bills before it; nil if there is none.
	Last *Run
	// Compared is how many of its documents follow another one of their account; Fresh are the others.
	Compared, Fresh int64
	// Outliers are the documents that differ most from the one before them.
	Outliers []Outlier
	// Histogram counts documents by the size of the change against the one before, in percent.
	Histogram []Bucket
}

// Outlier is a document and the one before it.
type Outlier struct {
	Invoice  int64        `bun:"id"`
	Account  int64        `bun:"billing_account_id"`
	Name     string       `bun:"name"`
	Currency string       `bun:"currency"`
	Before   money.Amount `bun:"before"`
	Now      money.Amount `bun:"now"`
}

// Bucket is changes from At percent on, up to the next bucket's.
type Bucket struct {
	At    int   `bun:"bucket"`
	Count int64 `bun:"count"`
}

// outliersShown is how many a person can look at.
const outliersShown = 20

// pairs joins a run's documents with those of the cycle before.
const pairs = ` FROM invoice i JOIN invoice p ON p.billing_account_id = i.billing_account_id AND p.period_until = i.period_from AND p.corrects_id IS NULL
	AND p.state = 'finalised' WHERE i.run_id = ? AND i.corrects_id IS NULL`

// Compare looks at a run of drafts or of finalised bills before or after somebody decides on it. Of a dry run, which stores no documents, only the
// totals can be compared.
func (r *Runner) Compare(ctx context.Context, id int64) (c Comparison, err error) {
	if c.Run, err = r.Get(ctx, id); err != nil {
		return c, err
	}
	err = r.db.Read(ctx, func(ctx context.Context, q bun.IDB) error {
		var last []Run
		if err := q.NewSelect().Model(&last).Where("mode = 'final' AND account_id = 0 AND as_of < ? AND id <> ?", c.Run.AsOf, id).Order("as_of DESC", "id DESC").Limit(1).Scan(ctx); err != nil {
			return fmt.Errorf("find the last run: %w", err)
		}
		if len(last) > 0 {
			if err := last[0].read(); err != nil {
				return err
			}
			c.Last = &last[0]
		}
		if err := q.NewRaw("SELECT COUNT(*)"+pairs, id).Scan(ctx, &c.Compared); err != nil {
			return fmt.Errorf("compare run %d: %w", id, err)
		}
		c.Fresh = max(c.Run.Invoices+c.Run.Statements-c.Compared, 0)
		if c.Run.Mode == Dry {
			c.Fresh = 0
		}
		err := q.NewRaw(`SELECT i.id, i.billing_account_id, a.name, i.currency, p.total AS before, i.total AS now
			FROM invoice i JOIN billing_account a ON a.id = i.billing_account_id JOIN invoice p ON p.billing_account_id = i.billing_account_id
			AND p.period_until = i.period_from AND p.corrects_id IS NULL AND p.state = 'finalised'
			WHERE i.run_id = ? AND i.corrects_id IS NULL ORDER BY ABS(i.total - p.total) DESC, i.id LIMIT ?`, id, outliersShown).Scan(ctx, &c.Outliers)
		if err != nil {
			return fmt.Errorf("outliers of run %d: %w", id, err)
		}
		// Steps of ten percent from -100 to 100 and beyond.
		err = q.NewRaw(`SELECT bucket, COUNT(*) AS count FROM (SELECT CASE WHEN p.total <= 0 THEN 100 WHEN i.total >= 2 * p.total THEN 100 WHEN i.total <= 0 THEN -100
			WHEN i.total >= p.total THEN (i.total - p.total) * 10 / p.total * 10 ELSE -((p.total - i.total) * 10 / p.total * 10) - 10 END AS bucket`+pairs+
			`) x GROUP BY bucket ORDER BY bucket`, id).Scan(ctx, &c.Histogram)
		if err != nil {
			return fmt.Errorf("changes of run %d: %w", id, err)
		}
		return nil
	})
	return c, err
}
