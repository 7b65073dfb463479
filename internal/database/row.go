package database

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// Rows of models, as bun's struct tags describe them, written and read by prepared statements. bun's own query builder
// writes every value into the text; it stays for what is asked seldom.

// Select reads rows of a model: rest is what follows FROM and the table's name, such as "WHERE order_id = ? ORDER BY id".
func Select[T any](ctx context.Context, q bun.IDB, rest string, args ...any) (list []T, err error) {
	model := modelOf(q, reflect.TypeFor[T]())
	rows, err := q.QueryContext(ctx, model.read+rest, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	values := make([]any, len(model.fields))
	into := make([]any, len(values))
	for k := range values {
		into[k] = &values[k]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		var row T
		strct := reflect.ValueOf(&row).Elem()
		for k, f := range model.fields {
			if err := f.ScanValue(strct, values[k]); err != nil {
				return nil, fmt.Errorf("column %s: %w", f.Name, err)
			}
		}
		list = append(list, row)
	}
	return list, rows.Err()
}

// Get reads the row of a model with a number; sql.ErrNoRows when there is none.
func Get[T any](ctx context.Context, q bun.IDB, id int64) (T, error) {
	return First[T](ctx, q, "WHERE id = ?", id)
}

// First reads the first row that Select would; sql.ErrNoRows when there is none.
func First[T any](ctx context.Context, q bun.IDB, rest string, args ...any) (row T, err error) {
	list, err := Select[T](ctx, q, rest, args...)
	if err == nil && len(list) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return row, err
	}
	return list[0], nil
}

// Insert stores a row, a pointer to a model, and sets its number, where it has none.
func (tx *Tx) Insert(ctx context.Context, row any) error {
	strct := reflect.ValueOf(row).Elem()
	model := modelOf(tx, strct.Type())
	args, numbered, err := model.values(strct)
	if err != nil {
		return err
	}
	if numbered {
		_, err = tx.ExecContext(ctx, model.put, args...)
		return err
	}
	return tx.number(ctx, model, strct, "", args)
}

// number stores a row that gets its number; a clause may stand behind its values.
func (tx *Tx) number(ctx context.Context, model *model, strct reflect.Value, clause string, args []any) error {
	var id int64
	if err := tx.QueryRowContext(ctx, model.add+clause+" RETURNING id", args...).Scan(&id); err != nil {
		return err
	}
	model.number.Value(strct).SetInt(id)
	return nil
}

// InsertNew stores a row, which has no number yet, unless there is one that is equal in some columns, on which there is a
// unique index: then is false, and the row has no number still. Of two at once PostgreSQL has the second one wait for the
// first one's end, and begin again.
func (tx *Tx) InsertNew(ctx context.Context, row any, unique string) (is bool, err error) {
	strct := reflect.ValueOf(row).Elem()
	model := modelOf(tx, strct.Type())
	args, _, err := model.values(strct)
	if err != nil {
		return false, err
	}
	err = tx.number(ctx, model, strct, " ON CONFLICT ("+unique+") DO NOTHING", args)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// InsertLater stores a row at the end of the transaction. Who has to know its number gives it one (NewID).
func (tx *Tx) InsertLater(row any) error {
	strct := reflect.ValueOf(row).Elem()
	model := modelOf(tx, strct.Type())
	args, numbered, err := model.values(strct)
	if err != nil {
		return err
	}
	if numbered {
		return tx.Later(model.put, args...)
	}
	return tx.Later(model.add, args...)
}

// maxTogether is how many rows one statement stores at most.
const maxTogether = 100

// InsertAllLater is InsertLater for rows that have their numbers, by as few statements as can be.
func InsertAllLater[T any](tx *Tx, rows []T) error {
	model := modelOf(tx, reflect.TypeFor[T]())
	for some := range slices.Chunk(rows, maxTogether) {
		var all []any
		for k := range some {
			args, numbered, err := model.values(reflect.ValueOf(&some[k]).Elem())
			if err != nil {
				return err
			}
			if !numbered {
				return fmt.Errorf("row %d for %s has no number", k+1, model.table)
			}
			all = append(all, args...)
		}
		more := ", (" + marks("?", len(model.fields)) + ")"
		if err := tx.Later(model.put+strings.Repeat(more, len(some)-1), all...); err != nil {
			return err
		}
	}
	return nil
}

// Update stores columns of a row, all of them where none is named.
func (tx *Tx) Update(ctx context.Context, row any, columns ...string) error {
	text, args, err := tx.update(row, columns)
	if err == nil {
		_, err = tx.ExecContext(ctx, text, args...)
	}
	return err
}

// UpdateLater is Update at the end of the transaction.
func (tx *Tx) UpdateLater(row any, columns ...string) error {
	text, args, err := tx.update(row, columns)
	if err != nil {
		return err
	}
	return tx.Later(text, args...)
}

func (tx *Tx) update(row any, columns []string) (text string, args []any, err error) {
	strct := reflect.ValueOf(row).Elem()
	model := modelOf(tx, strct.Type())
	change, err := model.changing(columns)
	if err != nil {
		return "", nil, err
	}
	for _, f := range change.fields {
		value, err := valueOf(f, strct)
		if err != nil {
			return "", nil, err
		}
		args = append(args, value)
	}
	return change.text, append(args, model.number.Value(strct).Int()), nil
}

// model is what is known of a type of rows.
type model struct {
	table   string
	fields  []*schema.Field
	number  *schema.Field // the column id, nil where the rows have none
	read    string        // without WHERE
	add     string        // a row that gets its number
	put     string        // a row that has it
	changes sync.Map      // by names of columns: *change
}

type change struct {
	text   string
	fields []*schema.Field
}

var models sync.Map // by reflect.Type: what they say of columns is the same for both databases

func modelOf(q bun.IDB, typ reflect.Type) *model {
	if known, ok := models.Load(typ); ok {
		return known.(*model)
	}
	table := q.Dialect().Tables().Get(typ)
	m := &model{table: string(table.SQLName), fields: table.Fields}
	var all, others []string
	for _, f := range table.Fields {
		all = append(all, string(f.SQLName))
		if f.IsPK && f.AutoIncrement {
			m.number = f
			continue
		}
		others = append(others, string(f.SQLName))
	}
	m.read = fmt.Sprintf("SELECT %s FROM %s ", strings.Join(all, ", "), m.table)
	insert := func(columns []string) string {
		return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", m.table, strings.Join(columns, ", "), marks("?", len(columns)))
	}
	m.add, m.put = insert(others), insert(all)
	known, _ := models.LoadOrStore(typ, m)
	return known.(*model)
}

// values are those of a new row, its number among them if it has one.
func (m *model) values(strct reflect.Value) (args []any, numbered bool, err error) {
	numbered = m.number == nil || m.number.Value(strct).Int() != 0
	for _, f := range m.fields {
		if f == m.number && !numbered {
			continue
		}
		value, err := valueOf(f, strct)
		if err != nil {
			return nil, false, err
		}
		args = append(args, value)
	}
	return args, numbered, nil
}

// changing is the statement that changes columns.
func (m *model) changing(columns []string) (*change, error) {
	key := strings.Join(columns, ",")
	if known, ok := m.changes.Load(key); ok {
		return known.(*change), nil
	}
	c := &change{}
	var set []string
	for _, f := range m.fields {
		if f == m.number || len(columns) > 0 && !slices.Contains(columns, f.Name) {
			continue
		}
		c.fields, set = append(c.fields, f), append(set, string(f.SQLName)+" = ?")
	}
	if len(columns) > 0 && len(set) != len(columns) {
		return nil, fmt.Errorf("%s: not all of %s are its columns", m.table, key)
	}
	c.text = fmt.Sprintf("UPDATE %s SET %s WHERE id = ?", m.table, strings.Join(set, ", "))
	m.changes.Store(key, c)
	return c, nil
}

// valueOf is the value of a column, as bun would write it: what is neither a number, a text nor a truth is JSON.
func valueOf(f *schema.Field, strct reflect.Value) (any, error) {
	v := f.Value(strct)
	if f.NullZero && f.IsZero(v) {
		return nil, nil //nolint:nilnil // NULL
	}
	if plain, ok := plainValue(v.Interface()); ok {
		return plain, nil
	}
	text, err := json.Marshal(v.Interface())
	if err != nil {
		return nil, fmt.Errorf("column %s: %w", f.Name, err)
	}
	return string(text), nil
}
