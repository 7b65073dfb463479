package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun"

	"gyro/internal/instant"
)

// Actor is who changes something, as the audit trail and the events tell it.
type Actor struct {
	Name    string // of the person or the program
	Role    string // by which it may
	Via     string // "api", "job", "cli", "demo", "run"
	Request string // what correlates the traces of one request; may be empty
}

func (a Actor) validate() error {
	if a.Name == "" || a.Via == "" {
		return fmt.Errorf("a write by %+v: say who (Name) and by which way (Via)", a)
	}
	return nil
}

var _ bun.IDB = (*Tx)(nil)

// Tx is one write transaction. It is not safe for concurrent use, and is over when the function that got it returns.
type Tx struct {
	session

	by       Actor
	at       instant.Instant
	sqlite   *sql.Tx
	postgres pgx.Tx
	conn     bun.Conn // that postgres is on

	contended []string // series whose lock the transaction holds: see NextNumber
	wants     string   // a series in which it was beaten
	queues    []string // that a job was inserted into
	replayed  bool     // see Once

	failed   error   // of many statements, some of which are carried out: nothing may be committed any more
	later    []later // for the end of the transaction, as are the next
	audited  audited
	emitted  emitted
	enqueued enqueued
}

// Now is the moment of the transaction: one for all that it does.
func (tx *Tx) Now() instant.Instant { return tx.at }

// By is who the transaction is for.
func (tx *Tx) By() Actor { return tx.by }

// On tells which database it is, for the SQL that differs. (Dialect is bun's own method: with another one in its place a Tx
// would not be a bun.IDB, which readers take.)
func (tx *Tx) On() Dialect { return tx.db.dialect }

// ErrContention is what Write returns when others were quicker every time.
var ErrContention = errors.New("others keep changing the same rows")

const (
	// maxAttempts is how often a write is tried. Each failure means that another writer got on, so that this many in a row
	// say that the transaction is far too long for the rows it shares.
	maxAttempts = 40
	// maxBackoff bounds the wait between two attempts, which doubles from a millisecond on and is then drawn at random.
	maxBackoff = 50 * time.Millisecond
)

// Write runs fn in one transaction and commits what it did when it returns nil. When the database gives the transaction up
// because of another (serialization failure, deadlock, busy), fn runs again from the start, with a new Tx: it must have no
// other effects than through its Tx, and hand errors of the database on (wrapped with %w).
//
// A commit whose acknowledgement was lost with the connection is not repeated: the error is returned, and whoever must know
// looks (Tx.Once).
func (db *DB) Write(ctx context.Context, by Actor, fn func(ctx context.Context, tx *Tx) error) error {
	if err := by.validate(); err != nil {
		return err
	}
	ctx, err := db.enter(ctx)
	if err != nil {
		return err
	}
	var contended []string
	for attempt := range maxAttempts {
		tx := &Tx{session: session{db: db}, by: by, contended: contended}
		if db.dialect == PostgreSQL {
			err = db.postgresWrite(ctx, tx, fn)
		} else {
			err = db.sqliteWrite(ctx, tx, fn)
		}
		if err == nil {
			db.poke(tx.queues)
			if tx.replayed {
				tellReplay(ctx)
			}
			return nil
		}
		if ctx.Err() != nil || !mustRepeat(err) && !isBusy(err) && tx.wants == "" {
			return err
		}
		if tx.wants != "" {
			contended = withSeries(contended, tx.wants)
			continue // the lock is what to wait for
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: gave up after %d attempts: %w", ErrContention, maxAttempts, err)
}

// pause waits before the next attempt.
func pause(ctx context.Context, attempt int) error {
	most := min(time.Millisecond<<min(attempt, 10), maxBackoff)
	timer := time.NewTimer(rand.N(most))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
