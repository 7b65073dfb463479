package database_test

import (
	"context"
	"testing"

	"gyro/internal/database"
	"gyro/internal/database/dbtest"
)

// TestLostConnectionOfTheLiving ends the session that says that a process runs jobs, as a network does. The process says so
// again before it looks for orphans itself; had another one looked in between, the job would have run twice, and still its
// effect is there once.
func TestLostConnectionOfTheLiving(t *testing.T) {
	db := dbtest.Open(t, database.PostgreSQL)
	const locks = "FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
	running, end := make(chan string, 10), make(chan error, 10)
	start(t, db, func(ctx context.Context, _ noteArgs, _ database.JobInfo) error {
		running <- "running"
		if err := <-end; err != nil {
			return err
		}
		return db.Write(ctx, tester, func(ctx context.Context, tx *database.Tx) error {
			if _, first, err := tx.Once(ctx, "note", "1", 1); err != nil || !first {
				return err
			}
			_, err := tx.NextNumber(ctx, "note")
			return err
		})
	})
	holds(t, db, 1, "SELECT count(*) "+locks)
	first := count(t, db, "SELECT max(pid) "+locks)
	enqueue(t, db, "x")
	next(t, running)
	write(t, db, func(ctx context.Context, tx *database.Tx) error {
		_, err := tx.ExecContext(ctx, "SELECT pg_terminate_backend(pid) "+locks)
		return err
	})
	becomes(t, db, 1, "SELECT count(*) "+locks+" AND pid <> ?", first)
	end <- nil
	end <- nil // if it runs twice
	becomes(t, db, 1, inState, "completed")
	holds(t, db, 1, "SELECT last FROM number_series WHERE series = 'note'")
}
