package customer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/refusal"
)

// Service is everything that is done with customers. Its functions that take an
// actor run in a transaction of their own; those that end in In run inside the
// caller's. Readers take any bun.IDB: a snapshot of database.DB.Read, or a Tx.
type Service struct {
	db    *database.DB
	brand string
	// taxRegions are those that there are rates for; nil is any.
	taxRegions []string
}

// Option changes a Service.
type Option func(*Service)

// Brand is the name that messages to customers are signed with; without it,
// "Your operator".
func Brand(name string) Option { return func(s *Service) { s.brand = name } }

// TaxRegions are the regions that accounts can be of: those that bills can be taxed in. Without it, any that looks like one.
func TaxRegions(regions ...string) Option { return func(s *Service) { s.taxRegions = regions } }

// New makes a service on an open database.
func New(db *database.DB, options ...Option) *Service {
	s := &Service{db: db, brand: "Your operator"}
	for _, option := range options {
		option(s)
	}
	return s
}

// write runs fn in a transaction of its own and hands its result on.
func write[T any](ctx context.Context, s *Service, by database.Actor, fn func(context.Context, *database.Tx) (T, error)) (result T, err error) {
	err = s.db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) (err error) {
		result, err = fn(ctx, tx)
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return result, nil
}

// byID reads one row by its number. what names the kind of thing, field the
// place in the request that names it.
func byID[T any](ctx context.Context, q bun.IDB, id int64, what, field string) (row T, err error) {
	row, err = database.Get[T](ctx, q, id)
	if errors.Is(err, sql.ErrNoRows) {
		return row, refusal.New(refusal.NotFound, what+"_unknown", field, "there is no %s %d; look its id up in the list", words(what), id)
	}
	if err != nil {
		return row, fmt.Errorf("%s %d: %w", what, id, err)
	}
	return row, nil
}

// words is the name of a kind of thing as people read it.
func words(what string) string {
	text := []byte(what)
	for k := range text {
		if text[k] == '_' {
			text[k] = ' '
		}
	}
	return string(text)
}

// insert stores a new row, whose number it sets, and leaves the audit row.
func insert(ctx context.Context, tx *database.Tx, what string, row any, id *int64) error {
	if err := tx.Insert(ctx, row); err != nil {
		return fmt.Errorf("new %s: %w", words(what), err)
	}
	return tx.Audit(ctx, what, text(*id), "create", nil, row)
}

// update stores a row that was changed, and leaves the audit row.
func update(ctx context.Context, tx *database.Tx, what string, id int64, action string, before, after any) error {
	if err := tx.Update(ctx, after); err != nil {
		return fmt.Errorf("%s %d: %w", words(what), id, err)
	}
	return tx.Audit(ctx, what, text(id), action, before, after)
}

func text(id int64) string { return strconv.FormatInt(id, 10) }

// Page is a part of a list: Limit rows from Offset on. A Limit of 0 is
// DefaultLimit; more than MaxLimit is MaxLimit.
type Page struct{ Offset, Limit int }

// How many rows a list returns.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// list reads a page of a query, in the order of its ids, and how many rows the
// whole list has.
func list[T any](ctx context.Context, query *bun.SelectQuery, rows *[]T, page Page) (total int, err error) {
	limit := page.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	count, err := query.Model(rows).Order("id").Offset(int64(max(page.Offset, 0))).Limit(int64(min(limit, MaxLimit))).ScanAndCount(ctx)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("list: %w", err)
	}
	return int(count), nil
}
