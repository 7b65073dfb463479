package database_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"gyro/internal/database"
)

// column is one column of a table, as the database tells.
type column struct {
	name, kind string
	required   bool
}

// schema is the tables of a database and their columns, but for those of the libraries.
func schema(t *testing.T, db *database.DB) map[string][]column {
	t.Helper()
	tables := map[string][]column{}
	err := db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
		rows, err := q.QueryContext(ctx, columns[db.Dialect()])
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var table string
			var c column
			if err := rows.Scan(&table, &c.name, &c.kind, &c.required); err != nil {
				return err
			}
			if !strings.HasPrefix(table, "river_") && !strings.HasPrefix(table, "goose_") {
				tables[table] = append(tables[table], c)
			}
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

var (
	creates = regexp.MustCompile(`^CREATE TABLE (\w+)`)
	words   = regexp.MustCompile(`CHECK \((\w+) IN \((.*)`)
	word    = regexp.MustCompile(`'([^']*)'`)
	differs = regexp.MustCompile(`CHECK \((\w+) <> [a-z]\w*\)`)
)

// checked is what the migrations say of columns, by table.column: the last of the words that it can be, or NULL where it must
// differ from another.
func checked(t *testing.T) map[string]string {
	t.Helper()
	values := map[string]string{}
	files, err := fs.Glob(database.Migrations(), "sqlite/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		text, err := fs.ReadFile(database.Migrations(), name)
		if err != nil {
			t.Fatal(err)
		}
		table := ""
		lines := strings.Split(string(text), "\n")
		for n, line := range lines {
			if m := creates.FindStringSubmatch(line); m != nil {
				table = m[1]
			}
			if m := words.FindStringSubmatch(line); m != nil {
				list := m[2]
				for k := n + 1; !strings.Contains(list, ")") && k < len(lines); k++ {
					list += lines[k]
				}
				list, _, _ = strings.Cut(list, ")")
				if all := word.FindAllStringSubmatch(list, -1); all != nil {
					values[table+"."+m[1]] = all[len(all)-1][1]
				}
			}
			for _, m := range differs.FindAllStringSubmatch(line, -1) {
				values[table+"."+m[1]] = "NULL"
			}
		}
	}
	return values
}

// row is the statement that puts a row into a table: 1 and x everywhere, so that every reference finds what it refers to; if
// it is to be bare, with nothing where nothing is needed.
func row(table string, of []column, checked map[string]string, bare bool) string {
	var names, values []string
	for _, c := range of {
		value, isChecked := checked[table+"."+c.name]
		switch kind := sqlTypes[c.kind]; {
		case value == "NULL" || bare && !c.required:
			continue
		case isChecked:
			value = "'" + value + "'"
		case kind == "number" && (c.name == "amount" || c.name == "total"):
			value = "2" // of which 1 is open and 1 withdrawn
		case kind == "number":
			value = "1"
		case kind == "truth":
			value = "TRUE"
		case c.kind == "BLOB":
			value = "X'01'"
		default:
			value = "'x'"
		}
		names, values = append(names, `"`+c.name+`"`), append(values, value)
	}
	return fmt.Sprintf(`INSERT INTO %q (%s) VALUES (%s)`, table, strings.Join(names, ", "), strings.Join(values, ", "))
}

// fill puts a row into every table that has a schema of ours, whatever it is for. Tables refer to each other in an order that
// nobody tells: what is refused waits for the others.
func fill(t *testing.T, db *database.DB, tables map[string][]column) {
	t.Helper()
	checked := checked(t)
	var waiting []string
	for table := range tables {
		waiting = append(waiting, table)
	}
	slices.Sort(waiting)
	for bare := false; len(waiting) > 0; {
		var refused []string
		var errs []error
		for _, table := range waiting {
			err := db.Write(t.Context(), tester, func(ctx context.Context, tx *database.Tx) error {
				_, err := tx.ExecContext(ctx, row(table, tables[table], checked, bare))
				return err
			})
			if err != nil {
				refused, errs = append(refused, table), append(errs, fmt.Errorf("%s: %w", table, err))
			}
		}
		switch {
		case len(refused) < len(waiting):
			bare = false
		case bare:
			t.Fatalf("no row can be put into %v: %v", refused, errors.Join(errs...))
		default:
			bare = true // two that refer to each other: one comes without
		}
		waiting = refused
	}
}

// contents is every row of the tables, column by column.
func contents(t *testing.T, db *database.DB, tables map[string][]column) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
		for table, of := range tables {
			var names []string
			for _, c := range of {
				names = append(names, `"`+c.name+`"`)
			}
			rows, err := q.QueryContext(ctx, fmt.Sprintf(`SELECT %s FROM %q`, strings.Join(names, ", "), table))
			if err != nil {
				return fmt.Errorf("%s: %w", table, err)
			}
			for rows.Next() {
				values, to := make([]any, len(of)), make([]any, len(of))
				for k := range values {
					to[k] = &values[k]
				}
				if err := rows.Scan(to...); err != nil {
					return errors.Join(err, rows.Close())
				}
				text := ""
				for k, c := range of {
					if octets, ok := values[k].([]byte); ok {
						values[k] = string(octets)
					}
					text += fmt.Sprintf("%s=%v ", c.name, values[k])
				}
				found[table] = append(found[table], text)
			}
			if err := errors.Join(rows.Err(), rows.Close()); err != nil {
				return err
			}
			slices.Sort(found[table])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
