package dbtest

import (
	"context"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"gyro/internal/database"
	"gyro/internal/database/cluster"
)

// own is the server that this process started. Nobody stops it: it ends when the process does (see package cluster).
var own = sync.OnceValues(func() (*cluster.Cluster, error) { return cluster.Start(context.Background(), cluster.Options{}) })

// server is the URL of a superuser.
func server(t testing.TB) string {
	t.Helper()
	if url := os.Getenv("GYRO_TEST_POSTGRES"); url != "" {
		return url
	}
	c, err := own()
	if err != nil {
		t.Fatal(err)
	}
	return c.URL("postgres")
}

// admin runs a statement as the superuser.
func admin(t testing.TB, statement string) {
	t.Helper()
	ctx, cancel := background()
	defer cancel()
	if err := withServer(ctx, server(t), func(c *pgx.Conn) error {
		_, err := c.Exec(ctx, statement)
		return err
	}); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func withServer(ctx context.Context, url string, fn func(c *pgx.Conn) error) error {
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("GYRO_TEST_POSTGRES, or make setup: %w", err)
	}
	defer func() { _ = c.Close(ctx) }()
	return fn(c)
}

// templates remembers that this process has seen the template.
var templates sync.Map

// template is a database with the newest schema, from which others are copied in a fraction of the time that the
// migrations take. The first process that asks a server makes it; the name has a hash of the migrations.
func template(t testing.TB) string {
	t.Helper()
	name := "gyro_template_" + fingerprint(t)
	if _, seen := templates.Load(name); seen {
		return name
	}
	ctx, cancel := background()
	defer cancel()
	err := withServer(ctx, server(t), func(c *pgx.Conn) error {
		// Held until the connection is closed.
		if _, err := c.Exec(ctx, "SELECT pg_advisory_lock(hashtext('gyro template'))"); err != nil {
			return err
		}
		var there bool
		if err := c.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&there); err != nil || there {
			return err
		}
		return makeTemplate(ctx, t, c, name)
	})
	if err != nil {
		t.Fatalf("make the template database: %v", err)
	}
	templates.Store(name, true)
	return name
}

// makeTemplate gives it its name when it is complete, so that one that was begun and left is none.
func makeTemplate(ctx context.Context, t testing.TB, c *pgx.Conn, name string) error {
	t.Helper()
	draft := name + "_draft"
	for _, statement := range []string{"DROP DATABASE IF EXISTS " + draft + " WITH (FORCE)", "CREATE DATABASE " + draft} {
		if _, err := c.Exec(ctx, statement); err != nil {
			return err
		}
	}
	db, err := database.Open(ctx, database.Options{URL: named(t, server(t), draft)})
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	_, err = c.Exec(ctx, "ALTER DATABASE "+draft+" RENAME TO "+name)
	return err
}

func fingerprint(t testing.TB) string {
	t.Helper()
	h := fnv.New64a()
	err := fs.WalkDir(database.Migrations(), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := fs.ReadFile(database.Migrations(), path)
		_, _ = fmt.Fprintf(h, "%s %d %s", path, len(text), text) // never fails
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%016x", h.Sum64())
}
