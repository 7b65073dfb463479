package database_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"gyro/internal/database"
	"gyro/internal/database/dbtest"
)

// TestMigrateFromEveryVersion fills every table at each version that there ever was and goes on to the newest: all rows are
// there, as they were.
func TestMigrateFromEveryVersion(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			for _, version := range versions(t, dialect) {
				url := dbtest.Empty(t, dialect)
				old, err := database.Connect(t.Context(), database.Options{URL: url})
				if err != nil {
					t.Fatal(err)
				}
				if err := old.MigrateTo(t.Context(), version); err != nil {
					t.Fatalf("to version %d: %v", version, err)
				}
				write(t, old, everything)
				tables := schema(t, old)
				rest := maps.Clone(tables)
				for _, table := range []string{"audit", "event", "event_head", "once", "number_series"} { // have one of everything
					delete(rest, table)
				}
				fill(t, old, rest)
				before := contents(t, old, tables)
				if err := old.Close(); err != nil {
					t.Fatal(err)
				}
				db := dbtest.Reopen(t, url)
				for _, query := range left {
					holds(t, db, 1, query)
				}
				after := contents(t, db, tables)
				for table := range tables {
					if len(before[table]) == 0 || !slices.Equal(before[table], after[table]) {
						t.Errorf("from version %d: of %s there was\n%q, now there is\n%q", version, table, before[table], after[table])
					}
				}
				t.Logf("from version %d: %d tables with their rows", version, len(tables))
				write(t, db, func(ctx context.Context, tx *database.Tx) error {
					if n, err := tx.NextNumber(ctx, "invoice"); err != nil || n != 2 {
						return fmt.Errorf("number %d behind 1: %w", n, err)
					}
					if _, first, err := tx.Once(ctx, "order", "k", 1); err != nil || first {
						return fmt.Errorf("a key is forgotten: %w", err)
					}
					return nil
				})
			}
		})
	}
}

func versions(t *testing.T, dialect database.Dialect) []int64 {
	t.Helper()
	db, err := database.Connect(t.Context(), database.Options{URL: dbtest.Empty(t, dialect)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	known, err := db.Versions()
	if err != nil || len(known) == 0 || known[0] != 1 {
		t.Fatalf("versions %v, %v", known, err)
	}
	return known
}

// TestNewerIsRefused opens a database that a later program has changed.
func TestNewerIsRefused(t *testing.T) {
	later := map[string]string{
		"ours":    "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)",
		"river's": "INSERT INTO river_migration (line, version) SELECT 'main', max(version) + 1 FROM river_migration",
	}
	for whose, statement := range later {
		t.Run(whose, func(t *testing.T) {
			for _, dialect := range dbtest.Dialects {
				url := dbtest.URL(t, dialect)
				db := dbtest.Reopen(t, url)
				write(t, db, func(ctx context.Context, tx *database.Tx) error {
					_, err := tx.ExecContext(ctx, statement)
					return err
				})
				again, err := database.Open(t.Context(), database.Options{URL: url})
				if err == nil {
					t.Errorf("%s: it was opened: %v", dialect, again.Close())
				} else if !errors.Is(err, database.ErrNewer) || !strings.Contains(err.Error(), "program knows up to") {
					t.Errorf("%s: %v", dialect, err)
				}
			}
		})
	}
}

// columns are the tables and columns of a schema, but for those of the libraries, whose tables differ.
var columns = map[database.Dialect]string{
	database.SQLite: `SELECT m.name, c.name, c.type, c."notnull" = 1 OR c.pk > 0 FROM sqlite_master m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\'`,
	database.PostgreSQL: `SELECT table_name, column_name, data_type, is_nullable = 'NO' FROM information_schema.columns
		WHERE table_schema = 'public'`,
}

// sqlTypes says what the types that we use are called, on one database or the other. INTEGER is SQLite's row number, which an
// identity must be; elsewhere it is for what is counted by the dozen, as it has 32 bits on PostgreSQL.
var sqlTypes = map[string]string{
	"BIGINT": "number", "INTEGER": "number", "bigint": "number", "integer": "number", "TEXT": "text", "text": "text",
	"BOOLEAN": "truth", "boolean": "truth", "BLOB": "octets", "bytea": "octets",
}

// TestDialectsAgree compares the schemas as the databases tell them.
func TestDialectsAgree(t *testing.T) {
	schemas := map[database.Dialect][]string{}
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		for table, of := range schema(t, db) {
			for _, c := range of {
				if sqlTypes[c.kind] == "" {
					t.Errorf("%s.%s is of type %s: use BIGINT, INTEGER, TEXT, BOOLEAN, or BLOB and BYTEA", table, c.name, c.kind)
				}
				schemas[db.Dialect()] = append(schemas[db.Dialect()], fmt.Sprintf("%s.%s %s required=%t", table, c.name, sqlTypes[c.kind], c.required))
			}
		}
	})
	one, other := schemas[database.SQLite], schemas[database.PostgreSQL]
	if len(one) < 20 {
		t.Errorf("only %d columns", len(one))
	}
	for _, c := range one {
		if !slices.Contains(other, c) {
			t.Errorf("PostgreSQL has no %s", c)
		}
	}
	for _, c := range other {
		if !slices.Contains(one, c) {
			t.Errorf("SQLite has no %s", c)
		}
	}
}

// TestMigrationsCorrespond: each migration is there for both databases, and goes one way only.
func TestMigrationsCorrespond(t *testing.T) {
	files := func(d database.Dialect) (names []string) {
		entries, err := fs.ReadDir(database.Migrations(), string(d))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			text, err := fs.ReadFile(database.Migrations(), string(d)+"/"+e.Name())
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "+goose Down") {
				t.Errorf("%s/%s: there is no way down; restore a backup", d, e.Name())
			}
			names = append(names, e.Name())
		}
		return names
	}
	if one, other := files(database.SQLite), files(database.PostgreSQL); !slices.Equal(one, other) {
		t.Errorf("sqlite has %v, postgres %v", one, other)
	}
}
