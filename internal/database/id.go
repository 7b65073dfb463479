package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
)

// idBlock is how many numbers of a table are drawn from its sequence at once. Those that a process did not use when it
// ended are nobody's: numbers of rows name them, and count nothing.
const idBlock = 64

// ids are numbers that were drawn and are not used, by table.
type ids struct {
	mu   sync.Mutex
	left map[string][]int64
}

// NewID draws the number of a row that is stored later in the transaction, so that others can name it before.
func (tx *Tx) NewID(ctx context.Context, table string) (int64, error) {
	drawn, err := tx.NewIDs(ctx, table, 1)
	if err != nil {
		return 0, err
	}
	return drawn[0], nil
}

// NewIDs draws the numbers of count rows. table is one whose column id is numbered by the database.
func (tx *Tx) NewIDs(ctx context.Context, table string, count int) (drawn []int64, err error) {
	if tx.db.dialect == SQLite {
		drawn, err = tx.nextRowIDs(ctx, table, count)
	} else {
		drawn, err = tx.db.ids.take(table, count, func(n int) ([]int64, error) { return tx.drawIDs(ctx, table, n) })
	}
	if err != nil {
		return nil, fmt.Errorf("numbers of %d rows of %s: %w", count, table, err)
	}
	return drawn, nil
}

// take hands numbers out, and draws a block where they do not reach.
func (i *ids) take(table string, count int, draw func(n int) ([]int64, error)) ([]int64, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	left := i.left[table]
	if len(left) < count {
		block, err := draw(max(idBlock, count))
		if err != nil {
			return nil, err
		}
		left = append(left, block...)
	}
	if i.left == nil {
		i.left = map[string][]int64{}
	}
	i.left[table] = left[count:]
	return left[:count:count], nil
}

// drawIDs draws a block. Sequences of PostgreSQL take part in no transaction: what was drawn stays drawn.
func (tx *Tx) drawIDs(ctx context.Context, table string, n int) (block []int64, err error) {
	rows, err := tx.QueryContext(ctx, "SELECT nextval(pg_get_serial_sequence(?, 'id')) FROM generate_series(1, ?::int)", table, n)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // only read
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		block = append(block, id)
	}
	return block, rows.Err()
}

// nextRowIDs draws numbers as SQLite's AUTOINCREMENT does; its table is an ordinary one (sqlite.org/autoinc.html).
func (tx *Tx) nextRowIDs(ctx context.Context, table string, count int) (drawn []int64, err error) {
	var last int64
	const next = "UPDATE sqlite_sequence SET seq = seq + ? WHERE name = ? RETURNING seq"
	err = tx.QueryRowContext(ctx, next, count, table).Scan(&last)
	if errors.Is(err, sql.ErrNoRows) { // it has had no row yet
		last = int64(count)
		_, err = tx.ExecContext(ctx, "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", table, last)
	}
	if err != nil {
		return nil, err
	}
	for id := last - int64(count) + 1; id <= last; id++ {
		drawn = append(drawn, id)
	}
	return drawn, nil
}
