package run

import (
	"cmp"
	"container/heap"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"gyro/internal/money"
)

// outliersShown is how many a person can look at.
const outliersShown = 20

// differences are what a dry run keeps of the comparison of its documents with those before them, for it keeps no
// documents: a count for each size of the change, and the largest changes, never more than outliersShown. They are stored
// with the run's figures, batch by batch, so that a run that was killed goes on with them.
type differences struct {
	Compared  int64         `json:"compared"`
	Outliers  smallestFirst `json:"outliers"`
	Histogram map[int]int64 `json:"histogram"`
}

// smallestFirst is a heap of outliers: the first is the one that a larger change replaces.
type smallestFirst []Outlier

func (h smallestFirst) Len() int           { return len(h) }
func (h smallestFirst) Less(a, b int) bool { return larger(&h[a], &h[b]) > 0 }
func (h smallestFirst) Swap(a, b int)      { h[a], h[b] = h[b], h[a] }
func (h *smallestFirst) Push(x any)        { *h = append(*h, x.(Outlier)) } //nolint:forcetypeassert // nothing else is pushed

// Pop takes the last, as package heap asks for it.
func (h *smallestFirst) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// larger orders outliers, the largest change first, and of equal changes the account with the lower number: an order that
// does not depend on which batch was stored first.
func larger(a, b *Outlier) int {
	return cmp.Or(cmp.Compare(b.change(), a.change()), cmp.Compare(a.Account, b.Account), cmp.Compare(a.From, b.From))
}

// change is by how much a document differs from the one before, in millionths. Two amounts can be further apart than an
// amount can be large.
func (o *Outlier) change() uint64 {
	if o.Now > o.Before {
		return uint64(o.Now) - uint64(o.Before) //nolint:gosec // modulo 2^64, and the difference lies below
	}
	return uint64(o.Before) - uint64(o.Now) //nolint:gosec // likewise
}

// keep takes an outlier into those that are kept if it is one of the largest.
func (d *differences) keep(o Outlier) {
	if heap.Push(&d.Outliers, o); len(d.Outliers) > outliersShown {
		heap.Pop(&d.Outliers)
	}
}

// count adds n documents whose change is of one size.
func (d *differences) count(bucket int, n int64) {
	if d.Histogram == nil {
		d.Histogram = map[int]int64{}
	}
	d.Histogram[bucket] += n
	d.Compared += n
}

// add takes in what a batch found.
func (d *differences) add(of *differences) {
	for bucket, n := range of.Histogram {
		d.count(bucket, n)
	}
	for _, o := range of.Outliers {
		d.keep(o)
	}
}

// differ holds the documents of a batch against the finalised ones of the cycles before them.
func differ(ctx context.Context, q bun.IDB, c *computed) error {
	if len(c.documents) == 0 {
		return nil
	}
	payers, since := make([]int64, 0, len(c.documents)), c.documents[0].period.From
	for _, d := range c.documents {
		payers, since = append(payers, d.payer.id), min(since, d.period.From)
	}
	rows, err := q.QueryContext(ctx, `SELECT billing_account_id, period_until, total FROM invoice
		WHERE billing_account_id IN (?) AND period_until >= ? AND corrects_id IS NULL AND state = 'finalised'`, bun.List(payers), since.String())
	if err != nil {
		return fmt.Errorf("read the bills before: %w", err)
	}
	defer func() { _ = rows.Close() }()
	type key struct {
		account int64
		until   string
	}
	before := map[key]money.Amount{}
	for rows.Next() {
		var k key
		var total int64
		if err := rows.Scan(&k.account, &k.until, &total); err != nil {
			return fmt.Errorf("read the bills before: %w", err)
		}
		before[k] = money.Amount(total)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the bills before: %w", err)
	}
	for _, d := range c.documents {
		from := d.period.From.String()
		was, there := before[key{d.payer.id, from}]
		if !there {
			continue
		}
		c.differences.count(bucketOf(was, d.totals.Total), 1)
		c.differences.keep(Outlier{Account: d.payer.id, Currency: d.payer.currencyCode, From: from, Before: was, Now: d.totals.Total})
	}
	return nil
}

// bucketOf is the size of a change in steps of ten percent, from -100 to 100 and beyond; what there is no percentage of is
// 100. The statement of Compare says the same of documents that are stored.
func bucketOf(before, now money.Amount) int {
	steps := func(change money.Amount) int {
		tenths, _ := money.MulDiv(change, 10, uint64(before), money.Down) //nolint:gosec // before is above zero, and the change below it
		return int(tenths) * 10
	}
	switch {
	case before <= 0:
		return 100
	case now <= 0:
		return -100
	case now-before >= before:
		return 100
	case now >= before:
		return steps(now - before)
	}
	return -steps(before-now) - 10
}

// stored fills a comparison with what a dry run kept.
func (d *differences) stored(ctx context.Context, q bun.IDB, c *Comparison) error {
	c.Compared = d.Compared
	c.Outliers = slices.SortedFunc(slices.Values(d.Outliers), func(a, b Outlier) int { return larger(&a, &b) })
	for k := range c.Outliers {
		o := &c.Outliers[k]
		if err := q.NewRaw("SELECT name FROM billing_account WHERE id = ?", o.Account).Scan(ctx, &o.Name); err != nil {
			return fmt.Errorf("name of account %d: %w", o.Account, err)
		}
	}
	for bucket, n := range d.Histogram {
		c.Histogram = append(c.Histogram, Bucket{bucket, n})
	}
	slices.SortFunc(c.Histogram, func(a, b Bucket) int { return cmp.Compare(a.At, b.At) })
	return nil
}

// text is how they are stored.
func (d *differences) text() (string, error) {
	text, err := json.Marshal(d)
	return string(text), err
}
