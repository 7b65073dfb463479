package database

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// sqliteVariables is how many values one INSERT carries at most: SQLite's own limit is 32766.
const sqliteVariables = 9_000

// Copy inserts many rows: by COPY on PostgreSQL, by INSERT of many rows on SQLite. rows returns the next one until it
// returns false; its values are in the order of columns. It returns how many there were.
func (db *DB) Copy(ctx context.Context, tx *Tx, table string, columns []string, rows func() ([]any, bool)) (n int64, err error) {
	defer tx.fail(&err)
	if len(columns) == 0 {
		return 0, fmt.Errorf("copy into %s: no columns", table)
	}
	if db.dialect == SQLite {
		n, err = tx.insertMany(ctx, table, columns, rows)
	} else {
		err = tx.onConn(func() error {
			n, err = tx.postgres.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromFunc(func() ([]any, error) {
				if row, more := rows(); more {
					return row, nil
				}
				return nil, nil //nolint:nilnil // this is how pgx is told of the end
			}))
			return err
		})
	}
	if err != nil {
		return n, fmt.Errorf("copy into %s: %w", table, err)
	}
	return n, nil
}

// Copy is DB.Copy for those who were handed the transaction alone.
func (tx *Tx) Copy(ctx context.Context, table string, columns []string, rows func() ([]any, bool)) (int64, error) {
	return tx.db.Copy(ctx, tx, table, columns, rows)
}

func (tx *Tx) insertMany(ctx context.Context, table string, columns []string, rows func() ([]any, bool)) (n int64, err error) {
	one := "(" + marks("?", len(columns)) + ")"
	into := fmt.Sprintf("INSERT INTO %s (%s) VALUES ", quoted(table), quoted(columns...))
	most := max(sqliteVariables/len(columns), 1)
	whole, err := tx.sqlite.PrepareContext(ctx, into+marks(one, most))
	if err != nil {
		return 0, err
	}
	defer func() { _ = whole.Close() }()
	values, held := make([]any, 0, most*len(columns)), 0
	for {
		row, more := rows()
		if more && len(row) != len(columns) {
			return n, fmt.Errorf("row %d has %d values for %d columns", n+int64(held)+1, len(row), len(columns))
		}
		if more {
			values, held = append(values, row...), held+1
		}
		switch {
		case more && held < most:
			continue
		case held == most:
			_, err = whole.ExecContext(ctx, values...)
		case held > 0:
			_, err = tx.sqlite.ExecContext(ctx, into+marks(one, held), values...)
		}
		if err != nil {
			return n, err
		}
		n += int64(held)
		if !more {
			return n, nil
		}
		values, held = values[:0], 0
	}
}

// marks are n places for values, or for rows of them, behind one another.
func marks(one string, n int) string { return strings.TrimSuffix(strings.Repeat(one+", ", n), ", ") }

// quoted are names as SQL takes them.
func quoted(names ...string) string {
	var s []string
	for _, name := range names {
		s = append(s, `"`+strings.ReplaceAll(name, `"`, `""`)+`"`)
	}
	return strings.Join(s, ", ")
}
