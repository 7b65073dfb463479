package database

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Statements that nearly every transaction carries out. They are prepared once and kept, on SQLite with the writer's one
// connection, on PostgreSQL with each: parsing such a statement costs as much as carrying it out.
const (
	insertAudit = `INSERT INTO audit (at, actor, role, via, request, entity, entity_id, action, before, after)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	insertEvent = `INSERT INTO event (seq, at, type, entity, entity_id, actor, request, payload)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	nextEvent = "UPDATE event_head SET last = last + 1 RETURNING last"
)

// hot are such statements, prepared on SQLite, and as PostgreSQL writes them.
type hot struct {
	prepared map[string]*sql.Stmt
	numbered map[string]string
}

// prepareHot is called when the schema is there.
func (db *DB) prepareHot(ctx context.Context) error {
	all := []string{insertAudit, insertEvent}
	if db.dialect == PostgreSQL {
		db.hot.numbered = map[string]string{}
		for _, text := range all {
			db.hot.numbered[text] = numbered(text)
		}
		return nil
	}
	db.hot.prepared = map[string]*sql.Stmt{}
	for _, text := range append(all, nextEvent) {
		stmt, err := db.writer.DB.PrepareContext(ctx, text)
		if err != nil {
			return fmt.Errorf("prepare %s: %w", text, err)
		}
		db.hot.prepared[text] = stmt
	}
	return nil
}

// numbered writes $1, $2 for the question marks of a statement, which has none in a literal.
func numbered(text string) string {
	var b strings.Builder
	n := 0
	for part := range strings.SplitSeq(text, "?") {
		if n > 0 {
			b.WriteString("$" + strconv.Itoa(n))
		}
		b.WriteString(part)
		n++
	}
	return b.String()
}

// execHot carries out one of them. Arguments are int64, string, and pointers to these.
func (tx *Tx) execHot(ctx context.Context, text string, args ...any) error {
	if tx.db.dialect == PostgreSQL {
		return tx.onConn(func() error {
			_, err := tx.postgres.Exec(ctx, tx.db.hot.numbered[text], append([]any{pgx.QueryExecModeCacheStatement}, args...)...)
			return err
		})
	}
	_, err := tx.sqlite.StmtContext(ctx, tx.db.hot.prepared[text]).ExecContext(ctx, args...)
	return err
}

// nextEventNumber draws the number of an event on SQLite.
func (tx *Tx) nextEventNumber(ctx context.Context) (n int64, err error) {
	err = tx.sqlite.StmtContext(ctx, tx.db.hot.prepared[nextEvent]).QueryRowContext(ctx).Scan(&n)
	return n, err
}
