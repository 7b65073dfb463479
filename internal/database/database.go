package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/uptrace/bun"

	"gyro/internal/instant"
)

// Dialect is the kind of database.
type Dialect string

// The databases that the office runs on.
const (
	SQLite     Dialect = "sqlite"
	PostgreSQL Dialect = "postgres"
)

// Options say which database, and how it is used.
type Options struct {
	// URL is "sqlite:PATH" or a bare path for SQLite, "postgres://..." for PostgreSQL (the connection URI of libpq).
	URL string
	// Clock tells the time of everything written, jobs included; nil is time.Now.
	Clock  func() time.Time
	Logger *slog.Logger // nil is slog.Default()
	// MaxConnections bounds the connections to PostgreSQL, and those that read from SQLite. 0 is 20.
	MaxConnections int
	// Workers is how many jobs of the queue DefaultQueue run at once. 0 is four for each processor: jobs wait more than
	// they compute.
	Workers int
}

// EnsureDefaults returns the options with what is not set filled in.
func (o Options) EnsureDefaults() Options {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = 20
	}
	if o.Workers == 0 {
		o.Workers = 4 * runtime.NumCPU()
	}
	return o
}

// dialectOf tells the database that a URL is of, and what its driver is to open.
func dialectOf(url string) (d Dialect, target string, err error) {
	switch scheme, rest, found := strings.Cut(url, ":"); {
	case url == "":
		return "", "", errors.New("no database: give sqlite:PATH or postgres://user@host/name")
	case found && (scheme == "postgres" || scheme == "postgresql"):
		return PostgreSQL, url, nil
	case found && scheme == "sqlite":
		if rest == "" {
			return "", "", errors.New(`database "sqlite:": give the path of the file behind the colon`)
		}
		return SQLite, rest, nil
	case found && strings.HasPrefix(rest, "//"):
		return "", "", fmt.Errorf("database %q: unknown kind %q: give sqlite:PATH or postgres://user@host/name", scheme+"://...", scheme)
	}
	return SQLite, url, nil
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	options Options
	dialect Dialect
	path    string        // of the file, SQLite
	pool    *pgxpool.Pool // PostgreSQL
	writer  *bun.DB       // one connection on SQLite, the pool on PostgreSQL
	reader  *bun.DB       // the same as writer on PostgreSQL
	queue   queue
	heard   chan string // queues that a job was inserted into
	texts   sync.Map    // statements as PostgreSQL writes them, by how they stand in the program
	ids     ids

	mu      sync.Mutex
	running *running // jobs, between StartJobs and StopJobs
}

// Open opens the database, creates the file of SQLite if there is none, and brings the schema up to date. A schema that is
// newer than this program is refused with an ErrNewer, nothing touched.
func Open(ctx context.Context, o Options) (*DB, error) {
	db, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := db.migrate(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// connect opens the database and leaves its schema alone.
func connect(ctx context.Context, o Options) (*DB, error) {
	o = o.EnsureDefaults()
	dialect, target, err := dialectOf(o.URL)
	if err != nil {
		return nil, err
	}
	db := &DB{options: o, dialect: dialect, heard: make(chan string, 64)}
	open := db.openSQLite
	if dialect == PostgreSQL {
		open = db.openPostgres
	}
	if err := open(ctx, target); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Close stops the jobs, if they run, and closes the database.
func (db *DB) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	errs := []error{db.StopJobs(ctx)}
	if db.reader != nil && db.reader != db.writer {
		errs = append(errs, db.reader.Close())
	}
	if db.writer != nil {
		errs = append(errs, db.writer.Close())
	}
	if db.pool != nil {
		db.pool.Close()
	}
	return errors.Join(errs...)
}

// Dialect tells which database it is, for the SQL that differs.
func (db *DB) Dialect() Dialect { return db.dialect }

// Now is the moment by the database's clock. In a transaction use Tx.Now.
func (db *DB) Now() instant.Instant { return instant.Of(db.options.Clock()) }

// Read runs fn on one consistent snapshot of the database, which it cannot change. It waits for no writer.
func (db *DB) Read(ctx context.Context, fn func(ctx context.Context, q bun.IDB) error) error {
	ctx, err := db.enter(ctx)
	if err != nil {
		return err
	}
	tx, err := db.reader.BeginTx(ctx, snapshot(db.dialect))
	if err != nil {
		return fmt.Errorf("begin a read: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	return fn(ctx, &session{tx, db, tx.Tx})
}

type insideKey struct{ db *DB }

var errNested = errors.New("a transaction inside another on the same database: use the Tx or the bun.IDB that you were given")

// enter marks the context of a transaction: a second one inside it would wait on SQLite for itself.
func (db *DB) enter(ctx context.Context) (context.Context, error) {
	if ctx.Value(insideKey{db}) != nil {
		return nil, errNested
	}
	return context.WithValue(ctx, insideKey{db}, true), nil
}
