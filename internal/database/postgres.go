package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

const (
	// rollbackWithin bounds the rollback of a transaction whose context has ended.
	rollbackWithin = 5 * time.Second
	// commitWithin bounds a commit, which is one message and one sync of the disk, and of a standby's where one has to
	// acknowledge it. Whoever has waited so long is told that it is not known what became of it.
	commitWithin = 30 * time.Second
)

// openPostgres opens one pool, which bun uses by way of database/sql and River directly.
func (db *DB) openPostgres(ctx context.Context, url string) error {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("database: %w", err) // pgx leaves the password out
	}
	config.MaxConns = int32(db.options.MaxConnections) //nolint:gosec // some tens
	config.ConnConfig.RuntimeParams["timezone"] = "UTC"
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "gyro"
	}
	if db.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	if err := db.pool.Ping(ctx); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	plain := sql.OpenDB(plainConnector{stdlib.GetPoolConnector(db.pool)})
	plain.SetMaxIdleConns(0) // the pool keeps them
	db.writer = bun.NewDB(plain, pgdialect.New())
	db.reader = db.writer
	db.queue, err = newPostgresQueue(db)
	return err
}

func snapshot(d Dialect) *sql.TxOptions {
	if d == PostgreSQL {
		return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	return &sql.TxOptions{ReadOnly: true}
}

// mustRepeat reports whether PostgreSQL gave a transaction up because of another: serialization_failure, deadlock_detected.
func mustRepeat(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01")
}

// postgresWrite runs fn in one transaction. The transaction is begun by pgx on the connection that bun uses, not by
// database/sql: so River and COPY are handed the same transaction as a pgx.Tx, without an adapter that would have to
// pretend to be one.
func (db *DB) postgresWrite(ctx context.Context, tx *Tx, fn func(ctx context.Context, tx *Tx) error) (err error) {
	conn, err := db.writer.Conn(ctx)
	if err != nil {
		return fmt.Errorf("begin a write: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if err := lockSeries(ctx, conn, tx.contended); err != nil {
		return err
	}
	defer func() {
		if len(tx.contended) > 0 {
			err = errors.Join(err, unlockSeries(ctx, conn))
		}
	}()
	begin := func(c *pgx.Conn) (err error) {
		tx.postgres, err = c.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
		return err
	}
	if err := raw(conn, begin); err != nil {
		return fmt.Errorf("begin a write: %w", err)
	}
	tx.IDB, tx.direct, tx.conn, tx.at = conn, conn.Conn, conn, db.Now()
	defer func() { // after a commit it does nothing; a panic must not leave the transaction open in the pool
		if rollback := tx.onConn(func() error { return endTx(ctx, tx.postgres) }); rollback != nil && err == nil {
			err = rollback
		}
	}()
	if err := fn(ctx, tx); err != nil {
		return err
	}
	if err := tx.Flush(ctx); err != nil {
		return err
	}
	if err := tx.onConn(func() error { return commit(ctx, tx.postgres) }); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// commit commits unless the context has ended by now. From here on it does not count: a COMMIT that is cancelled on its
// way has mostly happened, and the answer would be an error though everything is stored.
func commit(ctx context.Context, tx pgx.Tx) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitWithin)
	defer cancel()
	return tx.Commit(ctx)
}

// endTx rolls back what is not committed, also when the context has ended.
func endTx(ctx context.Context, tx pgx.Tx) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackWithin)
	defer cancel()
	if err := tx.Rollback(ctx); err != nil && !errors.Is(err, pgx.ErrTxClosed) && !tx.Conn().IsClosed() {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}

// raw hands out pgx's connection below that of database/sql.
func raw(conn bun.Conn, fn func(c *pgx.Conn) error) error {
	return conn.Raw(func(driverConn any) error { return fn(driverConn.(*plainConn).Conn.Conn()) })
}

// onConn runs fn while nothing else can use the connection of the transaction.
func (tx *Tx) onConn(fn func() error) error {
	return tx.conn.Raw(func(any) error { return fn() })
}
