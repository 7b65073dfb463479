package database

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// Migrations are the files that make the schema, a directory for each Dialect.
func Migrations() fs.FS {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the name is a constant, and valid
	}
	return files
}

// ErrNewer says that the database was brought up to a schema that this program does not know.
var ErrNewer = errors.New("the database is newer than this program")

// migrateLock is the key of the advisory lock under which programs that start at once bring a database up to date.
const migrateLock = 0x6779726f_6d696772 // "gyro", "migr"

// migrate brings the schema up to date: ours, then River's. There is no way down: a program that does not know a schema
// would have to guess what the new columns mean, so going back is restoring a backup.
func (db *DB) migrate(ctx context.Context) error { return db.migrateTo(ctx, -1) }

// migrateTo goes up to a version of ours, or to the newest (-1).
func (db *DB) migrateTo(ctx context.Context, version int64) (err error) {
	if db.dialect == PostgreSQL {
		conn, err := db.pool.Acquire(ctx)
		if err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		defer conn.Release()
		if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(migrateLock)); err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		defer func() {
			_, unlock := conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(migrateLock))
			err = errors.Join(err, unlock)
		}()
	}
	provider, err := db.migrations()
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if err := db.refuseNewer(ctx, provider); err != nil {
		return err
	}
	if version < 0 {
		_, err = provider.Up(ctx)
	} else {
		_, err = provider.UpTo(ctx, version)
	}
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if err := db.queue.migrate(ctx); err != nil {
		return fmt.Errorf("migrate the tables of jobs: %w", err)
	}
	return nil
}

func (db *DB) migrations() (*goose.Provider, error) {
	files, err := fs.Sub(Migrations(), string(db.dialect))
	if err != nil {
		return nil, err
	}
	dialect := goose.DialectSQLite3
	if db.dialect == PostgreSQL {
		dialect = goose.DialectPostgres
	}
	return goose.NewProvider(dialect, db.writer.DB, files, goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
}

// refuseNewer looks before anything is touched.
func (db *DB) refuseNewer(ctx context.Context, provider *goose.Provider) error {
	has, knows, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if err := newer("schema", has, knows); err != nil {
		return err
	}
	var there bool
	if err := db.writer.QueryRowContext(ctx, jobTables[db.dialect]).Scan(&there); err != nil || !there {
		return err
	}
	known, err := db.queue.known()
	if err != nil {
		return err
	}
	err = db.writer.QueryRowContext(ctx, "SELECT COALESCE(max(version), 0) FROM river_migration WHERE line = 'main'").Scan(&has)
	if err != nil {
		return fmt.Errorf("version of the tables of jobs: %w", err)
	}
	return newer("tables of jobs", has, int64(known))
}

// jobTables asks whether there are River's tables.
var jobTables = map[Dialect]string{
	SQLite:     "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'river_migration')",
	PostgreSQL: "SELECT to_regclass('river_migration') IS NOT NULL",
}

func newer(what string, has, knows int64) error {
	if has <= knows {
		return nil
	}
	return fmt.Errorf("%w: %s of version %d, and this program knows up to %d; start the newer program, or restore the backup from before it", ErrNewer, what, has, knows)
}
