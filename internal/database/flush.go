package database

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// What a transaction leaves to its end: statements that nobody in it reads from, and the rows of the audit trail and the
// events, which are many and alike.
const (
	insertAudit = `INSERT INTO audit (at, actor, role, via, request, entity, entity_id, action, before, after)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	insertAudits = `INSERT INTO audit (at, actor, role, via, request, entity, entity_id, action, before, after)
		SELECT $1, $2, $3, $4, $5, a.* FROM unnest($6::text[], $7::text[], $8::text[], $9::text[], $10::text[]) AS a`
	insertEvent = `INSERT INTO event (seq, at, type, entity, entity_id, actor, request, payload)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	insertEvents = `INSERT INTO event (at, actor, request, type, entity, entity_id, payload)
		SELECT $1, $2, $3, e.* FROM unnest($4::text[], $5::text[], $6::text[], $7::text[]) AS e`
)

// later is a statement for the end of the transaction.
type later struct {
	query string
	args  []any
	one   error // what it means that another number of rows than one was changed; nil: nothing
}

// Later carries a statement out at the end of the transaction, behind those before it: for what nobody reads in the
// transaction. Such statements go to PostgreSQL in one message. A failure ends the transaction.
func (tx *Tx) Later(query string, args ...any) error { return tx.LaterOne(nil, query, args...) }

// LaterOne is Later for a statement that must change one row: when it does not, the transaction ends with the error.
func (tx *Tx) LaterOne(otherwise error, query string, args ...any) error {
	values := make([]any, len(args))
	for k, arg := range args {
		var ok bool
		if values[k], ok = plainValue(arg); !ok {
			return fmt.Errorf("%s: argument %d is a %T, which cannot be passed", query, k+1, arg)
		}
	}
	tx.later = append(tx.later, later{query, values, otherwise})
	return nil
}

// check looks at how many rows a statement changed.
func (l *later) check(rows int64) error {
	if l.one != nil && rows != 1 {
		return fmt.Errorf("%s: %d rows: %w", l.query, rows, l.one)
	}
	return nil
}

// audited is what a row of the audit trail has of its own.
type audited struct {
	entity, id, action []string
	before, after      []*string
}

// emitted is what an event has of its own.
type emitted struct{ kind, entity, id, payload []string }

// fail has a transaction remember an error of which part is carried out. PostgreSQL commits nothing after one by itself;
// on SQLite a caller that dropped it would have half of what it wanted stored.
func (tx *Tx) fail(err *error) {
	if *err != nil && tx.failed == nil {
		tx.failed = *err
	}
}

// Flush carries out what was left to the end of the transaction: there, or before, so that it can be read. After an error
// the transaction cannot be committed, whatever becomes of the error.
func (tx *Tx) Flush(ctx context.Context) (err error) {
	if tx.failed != nil {
		return fmt.Errorf("the transaction cannot be committed, for part of it failed: %w", tx.failed)
	}
	defer tx.fail(&err)
	if err := tx.flushJobs(ctx); err != nil {
		return err
	}
	if tx.db.dialect == SQLite {
		err = tx.flushEach(ctx)
	} else {
		err = tx.flushTogether(ctx)
	}
	tx.later, tx.audited, tx.emitted = nil, audited{}, emitted{}
	return err
}

// flushTogether sends all in one message, and the rows of a kind as one statement.
func (tx *Tx) flushTogether(ctx context.Context) error {
	var batch pgx.Batch
	for _, l := range tx.later {
		batch.Queue(tx.db.numbered(l.query), l.args...)
	}
	if a := &tx.audited; len(a.id) > 0 {
		batch.Queue(insertAudits, int64(tx.at), tx.by.Name, tx.by.Role, tx.by.Via, tx.by.Request, a.entity, a.id, a.action, a.before, a.after)
	}
	tx.queueEvents(&batch)
	return tx.send(ctx, &batch, tx.later)
}

// queueEvents puts the events that wait into a message to PostgreSQL.
func (tx *Tx) queueEvents(batch *pgx.Batch) {
	if e := &tx.emitted; len(e.id) > 0 {
		batch.Queue(insertEvents, int64(tx.at), tx.by.Name, tx.by.Request, e.kind, e.entity, e.id, e.payload)
	}
}

// send sends a message to PostgreSQL, which begins with statements of the transaction's own.
func (tx *Tx) send(ctx context.Context, batch *pgx.Batch, first []later) error {
	if batch.Len() == 0 {
		return nil
	}
	return tx.onConn(func() (err error) {
		results := tx.postgres.SendBatch(ctx, batch)
		defer func() { err = errors.Join(err, results.Close()) }()
		for k, queued := range batch.QueuedQueries {
			done, err := results.Exec()
			if err == nil && k < len(first) {
				err = first[k].check(done.RowsAffected())
			}
			if err != nil {
				return fmt.Errorf("%s: %w", queued.SQL, err)
			}
		}
		return nil
	})
}

// flushEach carries out one by one what is in the same process.
func (tx *Tx) flushEach(ctx context.Context) error {
	for k := range tx.later {
		l := &tx.later[k]
		done, err := tx.direct.ExecContext(ctx, l.query, l.args...)
		if err != nil {
			return fmt.Errorf("%s: %w", l.query, err)
		}
		if rows, err := done.RowsAffected(); err != nil {
			return err
		} else if err := l.check(rows); err != nil {
			return err
		}
	}
	a := &tx.audited
	for k := range a.id {
		if _, err := tx.direct.ExecContext(ctx, insertAudit, int64(tx.at), tx.by.Name, tx.by.Role, tx.by.Via, tx.by.Request,
			a.entity[k], a.id[k], a.action[k], a.before[k], a.after[k]); err != nil {
			return fmt.Errorf("audit %s %s: %w", a.entity[k], a.id[k], err)
		}
	}
	return tx.flushEvents(ctx)
}

// flushEvents stores the events that wait, with their numbers where writers take turns.
func (tx *Tx) flushEvents(ctx context.Context) (err error) {
	defer tx.fail(&err)
	e := &tx.emitted
	if len(e.id) == 0 {
		return nil
	}
	if tx.db.dialect == PostgreSQL {
		var batch pgx.Batch
		tx.queueEvents(&batch)
		tx.emitted = emitted{}
		return tx.send(ctx, &batch, nil)
	}
	last, err := tx.drawEvents(ctx, len(e.id))
	if err != nil {
		return err
	}
	for k := range e.id {
		seq := last - int64(len(e.id)-1-k)
		if _, err := tx.direct.ExecContext(ctx, insertEvent, seq, int64(tx.at), e.kind[k], e.entity[k], e.id[k], tx.by.Name, tx.by.Request, e.payload[k]); err != nil {
			return fmt.Errorf("event %s of %s %s: %w", e.kind[k], e.entity[k], e.id[k], err)
		}
	}
	tx.emitted = emitted{}
	return nil
}

// drawEvents draws the numbers of events on SQLite and returns the last one.
func (tx *Tx) drawEvents(ctx context.Context, count int) (last int64, err error) {
	if err = tx.direct.QueryRowContext(ctx, "UPDATE event_head SET last = last + ? RETURNING last", count).Scan(&last); err != nil {
		return 0, fmt.Errorf("numbers of %d events: %w", count, err)
	}
	return last, nil
}

func payloadOf(e *Event) (string, error) {
	payload, err := json.Marshal(e.Payload)
	if err != nil {
		return "", fmt.Errorf("event %s of %s %s: %w", e.Type, e.Entity, e.ID, err)
	}
	return string(payload), nil
}
