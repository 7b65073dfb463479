package usage

import (
	"context"
	"fmt"
	"math"

	"github.com/uptrace/bun"

	"gyro/api/client"
	"gyro/internal/database"
	"gyro/internal/instant"
)

// Feed is where records come from: *client.Charging.
type Feed interface {
	// Usage returns the records after a cursor, the cursor behind them, and the newest record that there is.
	Usage(ctx context.Context, after uint64, limit int) (client.UsagePage, error)
}

// Cursor is the name of the intake's own; there is one core.
const Cursor = "charging"

// pageSize is how many records are asked for at once, the most that the core gives.
const pageSize = 1000

// Intake follows the feed.
type Intake struct {
	db   *database.DB
	feed Feed
}

// New returns an Intake; it begins where the database says.
func New(db *database.DB, feed Feed) *Intake { return &Intake{db: db, feed: feed} }

// Actor is who stores usage, in the audit trail.
var Actor = database.Actor{Name: "usage-intake", Role: "administrator", Via: "job"}

// CatchUp stores everything that the core has by now and returns how many records came.
func (i *Intake) CatchUp(ctx context.Context) (stored int, err error) {
	for {
		n, more, err := i.Page(ctx)
		stored += n
		if err != nil {
			return stored, err
		}
		if !more {
			return stored, i.Unpark(ctx)
		}
	}
}

// Unpark stores parked records of accounts that the office knows by now.
func (i *Intake) Unpark(ctx context.Context) error {
	waiting := 0
	err := i.db.Read(ctx, func(ctx context.Context, q bun.IDB) error {
		return q.NewRaw("SELECT COUNT(*) FROM usage_parked p JOIN billing_account a ON a.charging_account = p.charging_account").Scan(ctx, &waiting)
	})
	if err != nil || waiting == 0 {
		return err
	}
	return i.db.Write(ctx, Actor, unpark)
}

// Page stores the next page; more tells whether another one waits.
func (i *Intake) Page(ctx context.Context) (stored int, more bool, err error) {
	before, err := i.Status(ctx)
	if err != nil {
		return 0, false, err
	}
	// The page is fetched before the transaction. Should somebody else store it first, the cursor has moved on and this one is nothing.
	page, err := i.feed.Usage(ctx, uint64(before.After), pageSize) //nolint:gosec // never negative
	if err != nil {
		return 0, false, fmt.Errorf("ask the core for usage after %d: %w", before.After, err)
	}
	if page.Next > math.MaxInt64 || page.Last > math.MaxInt64 || int64(page.Next) < before.After {
		return 0, false, fmt.Errorf("the core's cursor went from %d to %d", before.After, page.Next)
	}
	if len(page.Records) == 0 && int64(page.Next) == before.After && int64(page.Last) == before.Latest {
		return 0, false, nil
	}
	err = i.db.Write(ctx, Actor, func(ctx context.Context, tx *database.Tx) error {
		stored = 0
		mine, err := claim(ctx, tx, before.After, &page)
		if err != nil || !mine {
			return err
		}
		stored = len(page.Records)
		return store(ctx, tx, before, &page)
	})
	return stored, err == nil && page.Next < page.Last, err
}

// claim moves the cursor on before anything is stored, so that of two intakes
// with the same page the second finds it moved.
func claim(ctx context.Context, tx *database.Tx, after int64, page *client.UsagePage) (mine bool, err error) {
	done, err := tx.ExecContext(ctx, `INSERT INTO usage_cursor (name, after, latest, latest_at, updated_at) VALUES (?, ?, ?, 0, ?)
		ON CONFLICT (name) DO UPDATE SET after = excluded.after, latest = excluded.latest, updated_at = excluded.updated_at
		WHERE usage_cursor.after = ?`, Cursor, int64(page.Next), int64(page.Last), tx.Now(), after) //nolint:gosec // checked by Page
	if err != nil {
		return false, fmt.Errorf("move the intake's cursor: %w", err)
	}
	n, err := done.RowsAffected()
	return n == 1, err
}

// Status is how far the intake is.
type Status struct {
	After     int64           // last record looked at
	Latest    int64           // the core's newest when it was asked last
	LatestAt  instant.Instant // when the last record that was stored was closed
	UpdatedAt instant.Instant
	Parked    int64
}

// Lag is how many of the core's records the office has not looked at.
func (s *Status) Lag() int64 { return max(s.Latest-s.After, 0) }

// Status reads how far the intake is.
func (i *Intake) Status(ctx context.Context) (s Status, err error) {
	err = i.db.Read(ctx, func(ctx context.Context, q bun.IDB) error {
		if s, err = read(ctx, q); err != nil {
			return err
		}
		return q.NewRaw("SELECT COUNT(*) FROM usage_parked").Scan(ctx, &s.Parked)
	})
	return s, err
}

func read(ctx context.Context, q bun.IDB) (s Status, err error) {
	rows, err := q.QueryContext(ctx, "SELECT after, latest, latest_at, updated_at FROM usage_cursor WHERE name = ?", Cursor)
	if err != nil {
		return s, fmt.Errorf("read the intake's cursor: %w", err)
	}
	defer func() { _ = rows.Close() }()
	if rows.Next() {
		err = rows.Scan(&s.After, &s.Latest, &s.LatestAt, &s.UpdatedAt)
	}
	if err == nil {
		err = rows.Err()
	}
	return s, err
}

// store writes a page.
func store(ctx context.Context, tx *database.Tx, s Status, page *client.UsagePage) error {
	names := accountNames(page.Records)
	known, err := lookUp(ctx, tx, names)
	if err != nil {
		return err
	}
	if err := unpark(ctx, tx); err != nil {
		return err
	}
	if err := s.copy(ctx, tx, page.Records, known); err != nil {
		return err
	}
	if _, err = tx.ExecContext(ctx, "UPDATE usage_cursor SET latest_at = ? WHERE name = ?", s.LatestAt, Cursor); err != nil {
		return fmt.Errorf("move the intake's cursor: %w", err)
	}
	return nil
}

func accountNames(records []client.UsageRecord) []string {
	seen := map[string]bool{}
	var names []string
	for k := range records {
		if name := records[k].Account; !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// copy writes the records of known accounts and parks the others.
func (s *Status) copy(ctx context.Context, tx *database.Tx, records []client.UsageRecord, known *accounts) error {
	var rows, unknown [][]any
	for k := range records {
		r := &records[k]
		if account, ok := known.ids[r.Account]; ok {
			rows = append(rows, s.row(r, account, known))
			continue
		}
		row, err := s.park(r, tx.Now())
		if err != nil {
			return err
		}
		unknown = append(unknown, row)
	}
	if err := copyRows(ctx, tx, "usage_record", recordColumns, rows); err != nil {
		return err
	}
	return copyRows(ctx, tx, "usage_parked", []string{"record", "charging_account", "reason", "payload", "parked_at"}, unknown)
}

func copyRows(ctx context.Context, tx *database.Tx, table string, columns []string, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	at := 0
	_, err := tx.Copy(ctx, table, columns, func() ([]any, bool) {
		if at == len(rows) {
			return nil, false
		}
		at++
		return rows[at-1], true
	})
	return err
}

var recordColumns = []string{
	"record", "billing_account_id", "subscription_id", "opened_at", "occurred_at", "kind", "service", "offer", "called", "unit", "used", "billed",
	"charged", "currency",
}

// row is a record's values. It was closed when the core says, or with the record before it, should the core's clock have been set back.
func (s *Status) row(r *client.UsageRecord, account int64, known *accounts) []any {
	s.LatestAt = max(s.LatestAt, r.Closed)
	var line any
	if id := known.lines[lineKey{account, r.Subscriber}]; id != 0 {
		line = id
	}
	return []any{
		int64(r.Record), account, line, int64(r.Opened), int64(s.LatestAt), r.Kind, r.Service, r.Offer, r.Called, r.Unit, //nolint:gosec // the core counts from one
		clamp(r.Used), clamp(r.Billed), int64(r.Charged), r.Currency.String(),
	}
}

func clamp(n uint64) int64 { return int64(min(n, math.MaxInt64)) } //nolint:gosec // clamped
