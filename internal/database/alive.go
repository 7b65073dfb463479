package database

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"
)

// alive says to others that the process which runs jobs has not gone. River rescues a job after a time, which is either
// too short for a slow job or too long for one whose process was killed. A lock that the kernel or the server drops with
// the process is neither.
type alive interface {
	check(ctx context.Context) error
	end() error
}

// clientID names the process to the others; it is what River keeps with each attempt.
func clientID() string { return "gyro-" + rand.Text() }

// announce takes the lock.
func (db *DB) announce(ctx context.Context, id string) (alive, error) {
	if db.dialect == SQLite {
		return lockFile(db.path + ".jobs")
	}
	a := &advisory{db: db, id: id}
	if err := a.lock(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

// fileLock is a lock on a file beside the database. There is one for all jobs, so whoever has it is the only one.
type fileLock struct{ file *os.File }

func lockFile(path string) (*fileLock, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: another process runs the jobs of this database: %w", path, err), file.Close())
	}
	return &fileLock{file}, nil
}

func (*fileLock) check(context.Context) error { return nil }
func (l *fileLock) end() error                { return l.file.Close() }

// aliveClass keeps the locks of processes apart from other advisory locks of two keys.
const aliveClass = 0x6779726f // "gyro"

// aliveWithin is how long the server may take to say that the connection is there. It is patient: a connection that is given up
// for lost has others run our jobs.
const aliveWithin = 10 * time.Second

// advisory is an advisory lock of a connection of its own, with the hash of the process' name for a key.
type advisory struct {
	db   *DB
	id   string
	conn *pgx.Conn
}

func (a *advisory) lock(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, a.db.pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1, hashtext($2))", aliveClass, a.id); err != nil {
		return errors.Join(err, conn.Close(ctx))
	}
	a.conn = conn
	return nil
}

// check takes the lock again when the connection is lost. Others may have begun with our jobs by then, as they cannot know
// that we live; that is one more reason why a job guards its effects.
func (a *advisory) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, aliveWithin)
	defer cancel()
	if a.conn != nil && a.conn.Ping(ctx) == nil {
		return nil
	}
	if err := a.end(); err != nil {
		a.db.options.Logger.WarnContext(ctx, "the connection that says that this process runs jobs is lost", "error", err)
	}
	return a.lock(ctx)
}

func (a *advisory) end() error {
	if a.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), rollbackWithin)
	defer cancel()
	conn := a.conn
	a.conn = nil
	return conn.Close(ctx)
}

// orphans are running jobs whose process is gone. On SQLite they are looked for only before the first job runs, by
// whoever has the lock: then all are.
func (tx *Tx) orphans(ctx context.Context) ([]orphan, error) {
	query := "SELECT id, attempt, max_attempts FROM river_job WHERE state = 'running' ORDER BY id"
	if tx.db.dialect == PostgreSQL {
		query = fmt.Sprintf(`SELECT id, attempt, max_attempts FROM river_job WHERE state = 'running' AND NOT EXISTS (
			SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid = %d
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND objid = (hashtext(attempted_by[cardinality(attempted_by)])::bigint & 4294967295)::oid)
			ORDER BY id LIMIT %d FOR UPDATE SKIP LOCKED`, aliveClass, maxUpkeep)
	}
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var found []orphan
	for rows.Next() {
		var o orphan
		if err := rows.Scan(&o.id, &o.attempt, &o.tries); err != nil {
			return nil, err
		}
		found = append(found, o)
	}
	return found, rows.Err()
}
