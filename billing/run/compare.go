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
	Invoice  int64        `bun:"id" json:"-"` // 0 of a dry run, which stores no documents
	Account  int64        `bun:"billing_account_id" json:"account"`
	Name     string       `bun:"name" json:"-"`
	Currency string       `bun:"currency" json:"currency"`
	From     string       `bun:"period_from" json:"from"` // the first day of the document's period
	Before   money.Amount `bun:"before" json:"before"`
	Now      money.Amount `bun:"now" json:"now"`
}

// Bucket is changes from At percent on, up to the next bucket's.
type Bucket struct {
	At    int   `bun:"bucket"`
	Count int64 `bun:"count"`
}

// pairs joins a run's documents with those of the cycle before.
const pairs = ` FROM invoice i JOIN invoice p ON p.billing_account_id = i.billing_account_id AND p.period_until = i.period_from AND p.corrects_id IS NULL
	AND p.state = 'finalised' WHERE i.run_id = ? AND i.corrects_id IS NULL`

// Compare looks at a run of drafts or of finalised bills before or after somebody decides on it, or at a dry run. A dry run
// compares while it computes, with the bills that were finalised by then; the others are compared as they stand now.
func (r *Runner) Compare(ctx context.Context, id int64) (c Comparison, err error) {
	if c.Run, err = r.Get(ctx, id); err != nil {
		return c, err
	}
	err = r.db.Read(ctx, func(ctx context.Context, q bun.IDB) error {
		if err := c.findLast(ctx, q); err != nil {
			return err
		}
		if c.Run.Mode == Dry {
			return c.Run.differences.stored(ctx, q, &c)
		}
		return c.documents(ctx, q)
	})
	c.Fresh = max(c.Run.Invoices+c.Run.Statements-c.Compared, 0)
	return c, err
}

// findLast finds the run of finalised bills before this one.
func (c *Comparison) findLast(ctx context.Context, q bun.IDB) error {
	var last []Run
	err := q.NewSelect().Model(&last).Where("mode = 'final' AND account_id = 0 AND as_of < ? AND id <> ?", c.Run.AsOf, c.Run.ID).Order("as_of DESC", "id DESC").Limit(1).Scan(ctx)
	if err != nil {
		return fmt.Errorf("find the last run: %w", err)
	}
	if len(last) == 0 {
		return nil
	}
	c.Last = &last[0]
	return c.Last.read()
}

// documents compares the documents that the run stored.
func (c *Comparison) documents(ctx context.Context, q bun.IDB) error {
	id := c.Run.ID
	if err := q.NewRaw("SELECT COUNT(*)"+pairs, id).Scan(ctx, &c.Compared); err != nil {
		return fmt.Errorf("compare run %d: %w", id, err)
	}
	err := q.NewRaw(`SELECT i.id, i.billing_account_id, a.name, i.currency, i.period_from, p.total AS before, i.total AS now
		FROM invoice i JOIN billing_account a ON a.id = i.billing_account_id JOIN invoice p ON p.billing_account_id = i.billing_account_id
		AND p.period_until = i.period_from AND p.corrects_id IS NULL AND p.state = 'finalised'
		WHERE i.run_id = ? AND i.corrects_id IS NULL ORDER BY ABS(i.total - p.total) DESC, i.billing_account_id, i.period_from LIMIT ?`, id, outliersShown).Scan(ctx, &c.Outliers)
	if err != nil {
		return fmt.Errorf("outliers of run %d: %w", id, err)
	}
	// Steps of ten percent from -100 to 100 and beyond: bucketOf.
	err = q.NewRaw(`SELECT bucket, COUNT(*) AS count FROM (SELECT CASE WHEN p.total <= 0 THEN 100 WHEN i.total >= 2 * p.total THEN 100 WHEN i.total <= 0 THEN -100
		WHEN i.total >= p.total THEN (i.total - p.total) * 10 / p.total * 10 ELSE -((p.total - i.total) * 10 / p.total * 10) - 10 END AS bucket`+pairs+
		`) x GROUP BY bucket ORDER BY bucket`, id).Scan(ctx, &c.Histogram)
	if err != nil {
		return fmt.Errorf("changes of run %d: %w", id, err)
	}
	return nil
}
