package database_test

import (
	"context"
	"testing"

	"github.com/uptrace/bun"

	"gyro/internal/database"
)

var tester = database.Actor{Name: "tester", Role: "admin", Via: "cli", Request: "r-1"}

// write is a write that must succeed.
func write(t testing.TB, db *database.DB, fn func(ctx context.Context, tx *database.Tx) error) {
	t.Helper()
	if err := db.Write(t.Context(), tester, fn); err != nil {
		t.Fatal(err)
	}
}

// start runs jobs of one kind until the test ends.
func start[T database.JobArgs](t testing.TB, db *database.DB, work func(context.Context, T, database.JobInfo) error, options ...database.WorkerOption) {
	t.Helper()
	jobs := database.NewJobs()
	database.RegisterJob(jobs, work, options...)
	startJobs(t, db, jobs)
}

func startJobs(t testing.TB, db *database.DB, jobs *database.Jobs) {
	t.Helper()
	if err := db.StartJobs(t.Context(), jobs); err != nil {
		t.Fatal(err)
	}
}

// count is what a query of one number returns.
func count(t testing.TB, db *database.DB, query string, args ...any) (n int) {
	t.Helper()
	err := db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
		return q.QueryRowContext(ctx, query, args...).Scan(&n)
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// holds fails the test unless a count is as wanted.
func holds(t testing.TB, db *database.DB, want int, query string, args ...any) {
	t.Helper()
	if n := count(t, db, query, args...); n != want {
		t.Errorf("%s: %d, not %d", query, n, want)
	}
}
