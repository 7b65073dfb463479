package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteBusyMillis is how long a statement waits for another process that writes to the same file.
const sqliteBusyMillis = 10_000

// openSQLite opens a file. Writers share one connection, because there can be but one writer: who waits for it waits in
// the order of arrival here, not in SQLite's loop of sleeps. synchronous=FULL makes a commit durable before it is
// acknowledged, as PostgreSQL does; NORMAL in WAL mode would lose the last commits with the power.
func (db *DB) openSQLite(ctx context.Context, path string) error {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("database %s: %w", path, err)
	}
	db.path = absolute
	if db.writer, err = openSQLiteFile(absolute, "_txlock=immediate"); err != nil {
		return fmt.Errorf("database %s: %w", path, err)
	}
	db.writer.SetMaxOpenConns(1)
	// The writer comes first: it makes the file, and makes it WAL.
	if err := db.writer.PingContext(ctx); err != nil {
		return fmt.Errorf("database %s: %w", path, err)
	}
	if db.reader, err = openSQLiteFile(absolute, "_pragma=query_only(1)"); err != nil {
		return fmt.Errorf("database %s: %w", path, err)
	}
	db.reader.SetMaxOpenConns(db.options.MaxConnections)
	db.reader.SetMaxIdleConns(db.options.MaxConnections)
	db.queue, err = newSQLiteQueue(db)
	return err
}

func openSQLiteFile(path, more string) (*bun.DB, error) {
	dsn := fmt.Sprintf("file:%s?_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_dqs=0&%s",
		(&url.URL{Path: path}).EscapedPath(), sqliteBusyMillis, more)
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	return bun.NewDB(sql.OpenDB(preparedConnector{connector}), sqlitedialect.New()), nil
}

// isBusy reports whether SQLite gave up because of another writer.
func isBusy(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	primary := e.Code() & 0xff
	return primary == sqlite3.SQLITE_BUSY || primary == sqlite3.SQLITE_LOCKED
}

// sqliteWrite runs fn in one transaction.
func (db *DB) sqliteWrite(ctx context.Context, tx *Tx, fn func(ctx context.Context, tx *Tx) error) error {
	inner, err := db.writer.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin a write: %w", err)
	}
	tx.IDB, tx.direct, tx.at, tx.sqlite = inner, inner.Tx, db.Now(), inner.Tx
	defer func() { _ = inner.Rollback() }() // after a commit it does nothing
	if err := fn(ctx, tx); err != nil {
		return err
	}
	if err := tx.Flush(ctx); err != nil {
		return err
	}
	if err := inner.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}
