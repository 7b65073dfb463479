package database

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun"
)

// errBeaten tells Write to begin again, with the lock of the series.
var errBeaten = errors.New("another transaction is drawing a number of the series")

// NextNumber draws the next number of a series, from 1 on. Numbers have no gaps: one whose transaction is rolled back is
// the next one's. A series is named by who draws it, for instance "invoice/legal-entity/2026".
//
// Draw it as late in the transaction as possible: from then on, until the commit, others wait who draw from the same series.
func (tx *Tx) NextNumber(ctx context.Context, series string) (int64, error) {
	return tx.NextNumbers(ctx, series, 1)
}

// NextNumbers draws the next count numbers of a series at once, count from 1 on, and returns the first of them.
func (tx *Tx) NextNumbers(ctx context.Context, series string, count int) (first int64, err error) {
	if count < 1 {
		return 0, fmt.Errorf("%d numbers of series %s: draw at least one", count, series)
	}
	if series == "" {
		return 0, errors.New("a number of no series: name it")
	}
	if tx.db.dialect == PostgreSQL && !slices.Contains(tx.contended, series) {
		var got bool
		if err := tx.QueryRowContext(ctx, "SELECT pg_try_advisory_xact_lock(?)", seriesKey(series)).Scan(&got); err != nil {
			return 0, fmt.Errorf("number of series %s: %w", series, err)
		}
		if !got {
			tx.wants = series
			return 0, fmt.Errorf("number of series %s: %w", series, errBeaten)
		}
	}
	var last int64
	err = tx.QueryRowContext(ctx, `INSERT INTO number_series (series, last) VALUES (?, ?)
		ON CONFLICT (series) DO UPDATE SET last = number_series.last + excluded.last RETURNING last`, series, count).Scan(&last)
	if err != nil {
		if mustRepeat(err) {
			tx.wants = series
		}
		return 0, fmt.Errorf("number of series %s: %w", series, err)
	}
	return last - int64(count) + 1, nil
}

// seriesKey is the key of a series' advisory lock. Two series with one key only wait for each other.
func seriesKey(series string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("number series " + series)) // never fails
	return int64(h.Sum64())                           //nolint:gosec // any 64 bits will do
}

// withSeries adds a series to those that are locked, in an order that is the same for all, so that nobody waits in a circle.
func withSeries(contended []string, series string) []string {
	if slices.Contains(contended, series) {
		return contended
	}
	contended = append(slices.Clone(contended), series)
	slices.Sort(contended)
	return contended
}

// lockSeries waits for the locks of series before the transaction begins: the snapshot of a transaction that waits inside
// itself is older than what it waited for.
func lockSeries(ctx context.Context, conn bun.Conn, series []string) error {
	for _, s := range series {
		if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock(?)", seriesKey(s)); err != nil {
			return errors.Join(fmt.Errorf("wait for series %s: %w", s, err), unlockSeries(ctx, conn))
		}
	}
	return nil
}

// unlockSeries gives the locks back. If it cannot, the connection is closed, and they go with it.
func unlockSeries(ctx context.Context, conn bun.Conn) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackWithin)
	defer cancel()
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock_all()"); err != nil {
		closed := raw(conn, func(c *pgx.Conn) error { return c.Close(ctx) })
		if closed != nil {
			return fmt.Errorf("give the locks of series back: %w", errors.Join(err, closed))
		}
	}
	return nil
}
