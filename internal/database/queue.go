package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
)

// queue is River on one of the databases: its client has the transaction's type as a parameter.
type queue interface {
	migrate(ctx context.Context) error
	known() (version int, err error)
	insert(ctx context.Context, tx *Tx, jobs []river.InsertManyParams) error
	newClient(c *river.Config) (jobClient, error)
	// rescue gives jobs that run no more to others; schedule makes available whose time has come. Both within a transaction.
	rescue(ctx context.Context, tx *Tx, p *riverdriver.JobRescueManyParams) error
	schedule(ctx context.Context, tx *Tx, p *riverdriver.JobScheduleParams) ([]*riverdriver.JobScheduleResult, error)
}

// jobClient is a client of River that runs jobs.
type jobClient interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
}

type riverQueue[T any] struct {
	db       *DB
	driver   riverdriver.Driver[T]
	native   func(tx *Tx, fn func(T) error) error
	inserter *river.Client[T]
}

func newPostgresQueue(db *DB) (queue, error) {
	return newQueue(db, riverdriver.Driver[pgx.Tx](&pokedPostgres{riverpgxv5.New(db.pool), db}), func(tx *Tx, fn func(pgx.Tx) error) error {
		return tx.onConn(func() error { return fn(tx.postgres) })
	})
}

func newSQLiteQueue(db *DB) (queue, error) {
	return newQueue(db, riverdriver.Driver[*sql.Tx](&pokedSQLite{riversqlite.New(db.writer.DB), db}), func(tx *Tx, fn func(*sql.Tx) error) error {
		return fn(tx.sqlite)
	})
}

func newQueue[T any](db *DB, driver riverdriver.Driver[T], native func(tx *Tx, fn func(T) error) error) (queue, error) {
	inserter, err := river.NewClient(driver, db.riverConfig())
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	return &riverQueue[T]{db: db, driver: driver, native: native, inserter: inserter}, nil
}

func (q *riverQueue[T]) migrate(ctx context.Context) error {
	migrator, err := rivermigrate.New(q.driver, &rivermigrate.Config{Logger: quiet(q.db.options.Logger)})
	if err != nil {
		return err
	}
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

// known is the newest version of the tables of jobs that the program knows.
func (q *riverQueue[T]) known() (int, error) {
	migrator, err := rivermigrate.New(q.driver, &rivermigrate.Config{Logger: quiet(q.db.options.Logger)})
	if err != nil {
		return 0, err
	}
	all := migrator.AllVersions()
	return all[len(all)-1].Version, nil
}

func (q *riverQueue[T]) insert(ctx context.Context, tx *Tx, jobs []river.InsertManyParams) error {
	return q.native(tx, func(t T) error {
		_, err := q.inserter.InsertManyTx(ctx, t, jobs)
		return err
	})
}

func (q *riverQueue[T]) newClient(c *river.Config) (jobClient, error) {
	return river.NewClient(q.driver, c)
}

func (q *riverQueue[T]) rescue(ctx context.Context, tx *Tx, p *riverdriver.JobRescueManyParams) error {
	return q.native(tx, func(t T) error {
		_, err := q.driver.UnwrapExecutor(t).JobRescueMany(ctx, p)
		return err
	})
}

func (q *riverQueue[T]) schedule(ctx context.Context, tx *Tx, p *riverdriver.JobScheduleParams) (due []*riverdriver.JobScheduleResult, err error) {
	err = q.native(tx, func(t T) error {
		due, err = q.driver.UnwrapExecutor(t).JobSchedule(ctx, p)
		return err
	})
	return due, err
}

// riverConfig is what all clients have in common.
func (db *DB) riverConfig() *river.Config {
	return &river.Config{
		Hooks:  []rivertype.Hook{&uniqueHook{}},
		Logger: quiet(db.options.Logger),
		// Whoever inserts notifies others at most this often, too.
		FetchCooldown: fetchCooldown, FetchPollInterval: fetchPoll,
		// Written for tests, but it is what makes Options.Clock the one clock, for River's queries too.
		Test: river.TestConfig{Time: riverClock{db.options.Clock}},
	}
}

// riverClock is Options.Clock as River asks it.
type riverClock struct{ clock func() time.Time }

func (c riverClock) Now() time.Time { return c.clock() }

func (c riverClock) NowOrNil() *time.Time {
	now := c.clock().UTC()
	return &now
}

var errRunning = errors.New("jobs run already: stop them first")
