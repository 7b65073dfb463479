package database

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"
)

// Turn is work that one process at a time does, of all that share a database: others take it over when that one ends,
// however it ends, for the kernel (SQLite) or the server (PostgreSQL) drops the lock with it. It is not safe for
// concurrent use.
type Turn struct {
	db   *DB
	name string
	file *fileLock
	conn *pgx.Conn
	mine bool
}

// turnClass keeps the locks of turns apart from other advisory locks of two keys.
const turnClass = 0x6779726e

// Turn returns the turn of a name, which nobody has yet.
func (db *DB) Turn(name string) *Turn { return &Turn{db: db, name: name} }

// Mine reports whether it is this process's turn, and takes it where nobody has it. It is asked before each round of the
// work: a connection that was lost has taken the turn with it, and what is under way then may be done twice.
func (t *Turn) Mine(ctx context.Context) (bool, error) {
	if t.db.dialect == SQLite {
		return t.ofFile()
	}
	ctx, cancel := context.WithTimeout(ctx, aliveWithin)
	defer cancel()
	if t.mine && t.conn.Ping(ctx) == nil {
		return true, nil
	}
	if t.mine || t.conn != nil && t.conn.IsClosed() {
		if err := t.End(); err != nil {
			t.db.options.Logger.WarnContext(ctx, "the connection that has a turn is lost", "turn", t.name, "error", err)
		}
	}
	if t.conn == nil {
		conn, err := pgx.ConnectConfig(ctx, t.db.pool.Config().ConnConfig)
		if err != nil {
			return false, fmt.Errorf("turn %s: %w", t.name, err)
		}
		t.conn = conn
	}
	if err := t.conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1, hashtext($2))", turnClass, t.name).Scan(&t.mine); err != nil {
		return false, fmt.Errorf("turn %s: %w", t.name, err)
	}
	return t.mine, nil
}

func (t *Turn) ofFile() (bool, error) {
	if t.file != nil {
		return true, nil
	}
	lock, err := lockFile(t.db.path + "." + t.name)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("turn %s: %w", t.name, err)
	}
	t.file = lock
	return true, nil
}

// End gives the turn to others.
func (t *Turn) End() error {
	file, conn := t.file, t.conn
	t.file, t.conn, t.mine = nil, nil, false
	switch {
	case file != nil:
		return file.end()
	case conn != nil:
		ctx, cancel := context.WithTimeout(context.Background(), rollbackWithin)
		defer cancel()
		return conn.Close(ctx)
	}
	return nil
}
