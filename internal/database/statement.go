package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// Statements of a transaction go to the database with their arguments beside them, so that it parses and plans a text once:
// parsing costs as much as carrying it out. bun writes arguments into the text instead, which keeps each from being known
// again; what it builds of models goes that way still, where Insert, Update and Get are not asked.

// session is a transaction as statements are sent to it. It is a bun.IDB.
type session struct {
	bun.IDB
	db     *DB
	direct direct
}

// direct is what takes statements without bun between.
type direct interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// ExecContext implements bun.IDB. Arguments stand at question marks, of which a text with arguments has no others.
func (s *session) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if text, values, ok := s.db.statement(query, args); ok {
		return s.direct.ExecContext(ctx, text, values...)
	}
	return s.IDB.ExecContext(ctx, query, args...)
}

// QueryContext implements bun.IDB.
func (s *session) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if text, values, ok := s.db.statement(query, args); ok {
		return s.direct.QueryContext(ctx, text, values...)
	}
	return s.IDB.QueryContext(ctx, query, args...)
}

// QueryRowContext implements bun.IDB.
func (s *session) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if text, values, ok := s.db.statement(query, args); ok {
		return s.direct.QueryRowContext(ctx, text, values...)
	}
	return s.IDB.QueryRowContext(ctx, query, args...)
}

// BeginTx refuses: a transaction has no transaction in it.
func (s *session) BeginTx(context.Context, *sql.TxOptions) (bun.Tx, error) {
	return bun.Tx{}, errNested
}

// RunInTx refuses: a transaction has no transaction in it.
func (s *session) RunInTx(context.Context, *sql.TxOptions, func(context.Context, bun.Tx) error) error {
	return errNested
}

// statement is a statement as the database takes it, with values of the kinds that it has. Lists and names have to be
// written into the text: of such a statement ok is false.
func (db *DB) statement(query string, args []any) (text string, values []any, ok bool) {
	if len(args) == 0 {
		return "", nil, false
	}
	values = make([]any, len(args))
	for k, arg := range args {
		if values[k], ok = plainValue(arg); !ok {
			return "", nil, false
		}
	}
	return db.numbered(query), values, true
}

// numbered writes $1, $2 for the question marks of a statement where the database wants that.
func (db *DB) numbered(query string) string {
	if db.dialect == SQLite {
		return query
	}
	if text, known := db.texts.Load(query); known {
		return text.(string)
	}
	var b strings.Builder
	n := 0
	for part := range strings.SplitSeq(query, "?") {
		if n > 0 {
			b.WriteString("$" + strconv.Itoa(n))
		}
		b.WriteString(part)
		n++
	}
	db.texts.Store(query, b.String())
	return b.String()
}

// plainValue is a value as the driver takes it: int64, string, bool, octets or nil.
func plainValue(v any) (plain any, ok bool) {
	switch v := v.(type) {
	case nil, int64, string, bool, []byte:
		return v, true
	case json.RawMessage:
		if v == nil {
			return nil, true
		}
		return string(v), true
	case *string:
		if v == nil {
			return nil, true
		}
		return *v, true
	case driver.Valuer:
		plain, err := v.Value()
		return plain, err == nil
	case schema.QueryAppender: // bun.List, bun.Ident and the like
		return nil, false
	}
	return plainKind(reflect.ValueOf(v))
}

func plainKind(v reflect.Value) (plain any, ok bool) {
	switch v.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int(), true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return int64(v.Uint()), true //nolint:gosec // at most 32 bits, or an int's size
	case reflect.String:
		return v.String(), true
	case reflect.Bool:
		return v.Bool(), true
	case reflect.Pointer:
		if v.IsNil() {
			return nil, true
		}
		return plainValue(v.Elem().Interface())
	}
	return nil, false
}
