package database

import (
	"context"
	"fmt"
)

// NumberEvents gives numbers to all committed events that have none yet, thousands at a time: a reader that asks for
// LastEvent after it does not wait for what gathered while nobody read.
func (db *DB) NumberEvents(ctx context.Context) error {
	if db.dialect == SQLite {
		return nil
	}
	for {
		before, err := db.lastNumber(ctx)
		if err != nil {
			return err
		}
		if err := db.numberEvents(ctx); err != nil {
			return fmt.Errorf("number the events: %w", err)
		}
		if after, err := db.lastNumber(ctx); err != nil || after-before < maxNumbered {
			return err
		}
	}
}

func (db *DB) lastNumber(ctx context.Context) (last int64, err error) {
	err = db.pool.QueryRow(ctx, "SELECT last FROM event_head").Scan(&last)
	return last, err
}

// LastEvent is the number of the last event of those that were committed before the transaction; all later ones have a
// higher number. A reader that is to see what happens from the transaction on begins behind it. Time would not do: clocks
// are set back.
func (tx *Tx) LastEvent(ctx context.Context) (last int64, err error) {
	if tx.db.dialect == SQLite {
		err = tx.QueryRowContext(ctx, "SELECT last FROM event_head").Scan(&last)
		return last, err
	}
	// Another reader who numbers at the same time has this transaction repeated.
	if err := tx.QueryRowContext(ctx, "SELECT last FROM event_head FOR UPDATE").Scan(&last); err != nil {
		return 0, err
	}
	numbered, err := tx.ExecContext(ctx, `UPDATE event SET seq = n.seq
		FROM (SELECT id, ? + row_number() OVER (ORDER BY id) AS seq FROM event WHERE seq IS NULL) n
		WHERE event.id = n.id`, last)
	if err != nil {
		return 0, err
	}
	n, err := numbered.RowsAffected()
	if err != nil || n == 0 {
		return last, err
	}
	_, err = tx.ExecContext(ctx, "UPDATE event_head SET last = ?", last+n)
	return last + n, err
}
