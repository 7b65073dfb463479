// Package dbtest gives tests databases of their own: SQLite in a file of the test's directory, PostgreSQL on a real
// server. The server is the one that GYRO_TEST_POSTGRES names (the URL of a superuser), as under "make test", or one that
// the first test of the process starts and that ends with the process. A machine without one fails the tests.
package dbtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gyro/internal/database"
)

// Dialects are the databases that everything runs on.
var Dialects = []database.Dialect{database.SQLite, database.PostgreSQL}

// Option changes how a test's database is opened.
type Option func(*database.Options)

// Clock sets the time of the database and its jobs.
func Clock(now func() time.Time) Option { return func(o *database.Options) { o.Clock = now } }

// Run runs a test on each database, as the subtests sqlite and postgres.
func Run(t *testing.T, test func(t *testing.T, db *database.DB), options ...Option) {
	t.Helper()
	for _, dialect := range Dialects {
		t.Run(string(dialect), func(t *testing.T) { test(t, Open(t, dialect, options...)) })
	}
}

// Open opens a new database with the newest schema; it is closed and gone at the end of the test.
func Open(t testing.TB, dialect database.Dialect, options ...Option) *database.DB {
	t.Helper()
	return Reopen(t, URL(t, dialect), options...)
}

// Reopen opens a database that URL made; more than one can be open at a time.
func Reopen(t testing.TB, url string, options ...Option) *database.DB {
	t.Helper()
	o := database.Options{URL: url, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
	for _, option := range options {
		option(&o)
	}
	db, err := database.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// URL makes a database for the test and returns what database.Options or the program is told: on PostgreSQL one that has
// the newest schema, on SQLite the name of a file that is not there yet.
func URL(t testing.TB, dialect database.Dialect) string {
	t.Helper()
	if dialect == database.SQLite {
		return "sqlite:" + filepath.Join(t.TempDir(), "office.db")
	}
	return create(t, template(t))
}

// Empty makes a database without a schema.
func Empty(t testing.TB, dialect database.Dialect) string {
	t.Helper()
	if dialect == database.SQLite {
		return URL(t, dialect)
	}
	return create(t, "template1")
}

// create makes a database of the test's own and drops it when the test has ended.
func create(t testing.TB, template string) string {
	t.Helper()
	name := "gyro_test_" + strings.ToLower(rand.Text())
	admin(t, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s STRATEGY wal_log", name, template))
	t.Cleanup(func() {
		admin(t, fmt.Sprintf("DROP DATABASE %s WITH (FORCE)", name))
	})
	return named(t, server(t), name)
}

// named is the URL of another database on the same server.
func named(t testing.TB, server, name string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("GYRO_TEST_POSTGRES: %v", err)
	}
	u.Path = "/" + name
	return u.String()
}

// background is for what must be done when the test's own context has ended.
func background() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), time.Minute)
}
