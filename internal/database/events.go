package database

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"gyro/internal/instant"
)

// Event is something that others care about: TM Forum's notifications (TMF688) are made of them, and views that follow.
type Event struct {
	Type    string // what happened, for instance "ProductOrderStateChangeEvent"
	Entity  string // to what kind of thing
	ID      string // to which
	Payload any    // kept as JSON
}

// StoredEvent is an event as a reader gets it.
type StoredEvent struct {
	Seq     int64 // what the reader's cursor counts, from 1 on, without gaps
	Type    string
	Entity  string
	ID      string
	At      instant.Instant
	Actor   string
	Request string
	Payload json.RawMessage
}

// Emit leaves an event in the transaction. Its payload is taken as it is now; it is stored at the end of the transaction.
//
// Its number is not drawn then on PostgreSQL, where transactions commit in another order than they draw numbers in: a
// reader that has seen 8 and goes on from there would never see the 7 that is committed later. SQLite's writers take
// turns, so the number is drawn with the row.
func (tx *Tx) Emit(_ context.Context, e Event) error {
	payload, err := payloadOf(&e)
	if err != nil {
		return err
	}
	w := &tx.emitted
	w.kind, w.entity, w.id, w.payload = append(w.kind, e.Type), append(w.entity, e.Entity), append(w.id, e.ID), append(w.payload, payload)
	return nil
}

// EmitMany leaves many events in the transaction, and stores them at once: they may be more than memory should hold.
func (tx *Tx) EmitMany(ctx context.Context, events []Event) error {
	if len(events) == 0 {
		return nil
	}
	if err := tx.flushEvents(ctx); err != nil { // what came before has the lower numbers
		return err
	}
	var last int64
	if tx.db.dialect == SQLite {
		var err error
		if last, err = tx.drawEvents(ctx, len(events)); err != nil {
			return err
		}
	}
	at, failed := 0, error(nil)
	columns := []string{"seq", "at", "type", "entity", "entity_id", "actor", "request", "payload"}
	_, err := tx.Copy(ctx, "event", columns, func() ([]any, bool) {
		if at == len(events) || failed != nil {
			return nil, false
		}
		e := &events[at]
		at++
		var payload string
		if payload, failed = payloadOf(e); failed != nil {
			return nil, false
		}
		var seq any
		if tx.db.dialect == SQLite {
			seq = last - int64(len(events)-at)
		}
		return []any{seq, int64(tx.at), e.Type, e.Entity, e.ID, tx.by.Name, tx.by.Request, payload}, true
	})
	if failed != nil {
		return failed
	}
	return err
}

// Events returns the events after a cursor, at most limit, in the order of their numbers. A reader that goes on from the
// last number it got skips none and sees none twice, whatever is being committed meanwhile; of two transactions of which
// one began after the other was committed, the later one's events have the higher numbers.
//
// On PostgreSQL it is the reader who numbers what has been committed since the last one. Rejected: numbers drawn by the
// writers at their commit, under a lock, which makes every commit wait for the one before to reach the disk; readers that
// stop at the oldest running transaction (pg_snapshot_xmin), which is not enough when cursors count numbers, since a
// younger transaction can have drawn the lower number, and which lets one long transaction hold all readers up.
func (db *DB) Events(ctx context.Context, after int64, limit int) ([]StoredEvent, error) {
	if db.dialect == PostgreSQL {
		if err := db.numberEvents(ctx); err != nil {
			return nil, fmt.Errorf("number the events: %w", err)
		}
	}
	rows, err := db.reader.QueryContext(ctx, `SELECT seq, at, type, entity, entity_id, actor, request, payload
		FROM event WHERE seq > ? ORDER BY seq LIMIT ?`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read the events: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var events []StoredEvent
	for rows.Next() {
		var e StoredEvent
		var payload string
		if err := rows.Scan(&e.Seq, &e.At, &e.Type, &e.Entity, &e.ID, &e.Actor, &e.Request, &payload); err != nil {
			return nil, fmt.Errorf("read the events: %w", err)
		}
		e.Payload = json.RawMessage(payload)
		events = append(events, e)
	}
	return events, rows.Err()
}

// maxNumbered bounds the events that one reader numbers in one transaction.
const maxNumbered = 10_000

// numberEvents gives numbers to the committed events that have none. It runs at READ COMMITTED, so that the statement
// behind the lock sees what was committed while it waited for the lock.
func (db *DB) numberEvents(ctx context.Context) error {
	var waiting bool
	if err := db.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM event WHERE seq IS NULL)").Scan(&waiting); err != nil || !waiting {
		return err
	}
	return pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		var last int64
		if err := tx.QueryRow(ctx, "SELECT last FROM event_head FOR UPDATE").Scan(&last); err != nil {
			return err
		}
		numbered, err := tx.Exec(ctx, `UPDATE event SET seq = n.seq
			FROM (SELECT id, $1 + row_number() OVER (ORDER BY id) AS seq FROM event WHERE seq IS NULL ORDER BY id LIMIT $2) n
			WHERE event.id = n.id`, last, maxNumbered)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE event_head SET last = $1", last+numbered.RowsAffected())
		return err
	})
}
