package database_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"

	"gyro/internal/database"
	"gyro/internal/database/cluster"
	"gyro/internal/database/dbtest"
	"gyro/internal/refusal"

	"github.com/uptrace/bun"
)

// look reads, and writes.
func look(t *testing.T, db *database.DB) (errs [2]error) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	errs[0] = db.Read(ctx, func(ctx context.Context, q bun.IDB) error {
		_, err := q.ExecContext(ctx, "SELECT count(*) FROM event")
		return err
	})
	errs[1] = db.Write(ctx, database.Actor{Name: "test", Via: "test"}, func(ctx context.Context, tx *database.Tx) error {
		return tx.Audit(ctx, "note", "1", "write", nil, "something")
	})
	return errs
}

func wantDown(t *testing.T, what string, errs ...error) {
	t.Helper()
	for n, err := range errs {
		if err == nil || !database.IsDown(err) {
			t.Errorf("%s, %d: %v is not taken for a database that is down", what, n, err)
		}
	}
}

func TestADatabaseThatIsClosedIsDown(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			db := dbtest.Open(t, dialect)
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			errs := look(t, db)
			wantDown(t, "closed", errs[:]...)
		})
	}
}

// TestAServerThatStopsIsDown: its connections break first, then nobody takes new ones.
func TestAServerThatStopsIsDown(t *testing.T) {
	server, err := cluster.Start(t.Context(), cluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	db, err := database.Open(t.Context(), database.Options{URL: server.URL("postgres")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if errs := look(t, db); errs != [2]error{} {
		t.Fatal(errs)
	}
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		errs := look(t, db)
		wantDown(t, "stopped", errs[:]...)
	}
}

// TestASessionThatIsEndedIsDown in the middle of a transaction.
func TestASessionThatIsEndedIsDown(t *testing.T) {
	db := dbtest.Open(t, database.PostgreSQL)
	end := "SELECT pg_terminate_backend(pg_backend_pid())"
	wantDown(t, "terminated",
		db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
			_, err := q.ExecContext(ctx, end)
			return err
		}),
		db.Write(t.Context(), database.Actor{Name: "test", Via: "test"}, func(ctx context.Context, tx *database.Tx) error {
			_, _ = tx.ExecContext(ctx, end) // the next one finds out
			return tx.Audit(ctx, "note", "1", "write", nil, "something")
		}))
}

// TestAFileThatIsFullOrLockedIsDown: SQLITE_FULL, and SQLITE_BUSY because another process writes.
func TestAFileThatIsFullOrLockedIsDown(t *testing.T) {
	url := dbtest.URL(t, database.SQLite)
	db, other := dbtest.Reopen(t, url), dbtest.Reopen(t, url)
	by := database.Actor{Name: "test", Via: "test"}
	full := db.Write(t.Context(), by, func(ctx context.Context, tx *database.Tx) error {
		if _, err := tx.ExecContext(ctx, "PRAGMA max_page_count = 1"); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "CREATE TABLE large AS SELECT hex(randomblob(1000000)) AS text")
		return err
	})
	wantDown(t, "full", full)
	busy := db.Write(t.Context(), by, func(context.Context, *database.Tx) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 100*time.Millisecond)
		defer cancel()
		return other.Write(ctx, by, func(context.Context, *database.Tx) error { return nil })
	})
	if !database.IsDown(busy) && !errors.Is(busy, context.DeadlineExceeded) {
		t.Errorf("locked: %v", busy)
	}
	_, err := database.Open(t.Context(), database.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "gone", "office.db")})
	wantDown(t, "no directory", err)
}

// TestWhatIsNoOutage: mistakes of a statement, refusals, and the patience of the one who asks.
func TestWhatIsNoOutage(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		wrong := db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
			_, err := q.ExecContext(ctx, "SELECT nothing FROM nowhere")
			return err
		})
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		late := db.Read(ended, func(context.Context, bun.IDB) error { return nil })
		timeout := &net.DNSError{Err: "i/o timeout", IsTimeout: true}
		for _, err := range []error{nil, wrong, late, timeout, refusal.New(refusal.Invalid, "x", "", "y"), fmt.Errorf("disk on fire")} {
			if database.IsDown(err) {
				t.Errorf("%v is taken for a database that is down", err)
			}
		}
	})
}
