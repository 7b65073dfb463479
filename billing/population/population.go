// Package population fills an empty database with made-up customers, their
// products and their usage, by the hundred thousand: for the benchmark of the
// invoice run and for its tests. The same Options give the same population.
package population

import (
	"context"
	"fmt"
	"time"

	"gyro/internal/database"
	"gyro/internal/instant"
)

// Options say how many there are.
type Options struct {
	Accounts int
	Records  int // usage records an account
	// Spread gives accounts different cycle days, prepaid accounts, suspensions, terminations, payers: for tests. Without
	// it all are postpaid, billed on the first, and began on the first of the month that is billed: one invoice each.
	Spread bool
}

// The month that the population lives in: activated before it or with it, used in it.
var (
	activated = time.Date(2026, 9, 10, 8, 0, 0, 0, time.UTC)
	began     = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	used      = time.Date(2026, 10, 1, 6, 0, 0, 0, time.UTC)
)

// chunk is how many accounts are written in one transaction.
const chunk = 5000

// Make fills the database.
func Make(ctx context.Context, db *database.DB, o Options) error {
	by := database.Actor{Name: "population", Role: "administrator", Via: "cli"}
	if err := db.Write(ctx, by, ground); err != nil {
		return fmt.Errorf("make a population: %w", err)
	}
	for first := 1; first <= o.Accounts; first += chunk {
		last := min(first+chunk-1, o.Accounts)
		if err := db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error { return o.accounts(ctx, tx, first, last) }); err != nil {
			return fmt.Errorf("make accounts %d to %d: %w", first, last, err)
		}
	}
	// Usage comes in the order of its closing, mixed as calls of many people are.
	total := o.Accounts * o.Records
	for first := 1; first <= total; first += 20 * chunk {
		last := min(first+20*chunk-1, total)
		if err := db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error { return o.usage(ctx, tx, first, last) }); err != nil {
			return fmt.Errorf("make records %d to %d: %w", first, last, err)
		}
	}
	return db.Write(ctx, by, sequences)
}

// tables are those that get rows with numbers of our own.
var tables = []string{"party", "customer", "billing_account", "product_offering", "subscription", "product_order", "product_order_item", "product", "product_price", "product_discount", "product_suspension", "contact_medium"}

// sequences lets the numbers that the database draws begin behind ours.
func sequences(ctx context.Context, tx *database.Tx) error {
	for _, table := range tables {
		if tx.On() != database.PostgreSQL {
			continue // SQLite's count up from the largest
		}
		var n int64
		if err := tx.NewRaw(fmt.Sprintf("SELECT setval(pg_get_serial_sequence('%s', 'id'), (SELECT COALESCE(MAX(id), 1) FROM %s))", table, table)).Scan(ctx, &n); err != nil {
			return fmt.Errorf("sequence of %s: %w", table, err)
		}
	}
	if tx.On() == database.PostgreSQL {
		_, err := tx.ExecContext(ctx, "ANALYZE")
		return err
	}
	return nil
}

// ground is what all accounts share: one order, by which everything was sold.
func ground(ctx context.Context, tx *database.Tx) error {
	for _, statement := range []string{
		`INSERT INTO party (id, kind, created_at, updated_at) VALUES (1, 'individual', 1, 1)`,
		`INSERT INTO customer (id, party_id, name, segment, status, created_at, updated_at) VALUES (1, 1, 'Population', 'residential', 'active', 1, 1)`,
		`INSERT INTO billing_account (id, customer_id, name, kind, charging_account, currency, cycle_day, time_zone, tax_region, delivery, status, created_at, updated_at)
			VALUES (1, 1, 'Ground', 'postpaid', 'ground', 'EUR', 1, 'Europe/Berlin', 'DE', 'none', 'closed', 1788000000000, 1)`,
		`INSERT INTO product_offering (id, name, version, catalog, kind, status, currency, minimum_commitment, created_at, updated_at)
			VALUES (1, 'flat-m', 1, 'population', 'postpaid', 'active', 'EUR', 0, 1, 1), (2, 'business', 1, 'population', 'postpaid', 'active', 'EUR', 40000000, 1, 1)`,
		`INSERT INTO product_order (id, billing_account_id, customer_id, state, placed_by, created_at, updated_at) VALUES (1, 1, 1, 'completed', 'population', 1, 1)`,
		`INSERT INTO product_order_item (id, order_id, position, action, change, state) VALUES (1, 1, 1, 'add', 'activate', 'completed')`,
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// rows hands out rows of an interval to Copy; each number makes any number of them.
func rows(first, last int, of func(n int) [][]any) func() ([]any, bool) {
	var waiting [][]any
	return func() ([]any, bool) {
		for len(waiting) == 0 {
			if first > last {
				return nil, false
			}
			waiting = of(first)
			first++
		}
		row := waiting[0]
		waiting = waiting[1:]
		return row, true
	}
}

func one(row ...any) [][]any { return [][]any{row} }

// id is the number of the n-th account, its line, its plan.
func id(n int) int64 { return int64(n) + 1 }

// Name is the core's name of the n-th account, counted from one.
func Name(n int) string { return fmt.Sprintf("ba-%d", id(n)) }

func (o Options) accounts(ctx context.Context, tx *database.Tx, first, last int) error {
	at := int64(instant.Of(began))
	if o.Spread {
		at = int64(instant.Of(activated))
	}
	copies := []struct {
		table   string
		columns []string
		of      func(n int) [][]any
	}{
		{"party", []string{"id", "kind", "given_name", "family_name", "language", "created_at", "updated_at"}, func(n int) [][]any {
			return one(id(n), "individual", "Ada", fmt.Sprintf("Lang %d", n), [...]string{"de", "en"}[n%2], at, at)
		}},
		{"contact_medium", []string{"party_id", "kind", "street", "city", "postcode", "country"}, func(n int) [][]any {
			return one(id(n), "postal", fmt.Sprintf("Lange Straße %d", n), "Kiel", "24103", "DE")
		}},
		{"customer", []string{"id", "party_id", "name", "segment", "status", "created_at", "updated_at"}, func(n int) [][]any {
			return one(id(n), id(n), fmt.Sprintf("Ada Lang %d", n), "residential", "active", at, at)
		}},
		{"billing_account", []string{
			"id", "customer_id", "name", "kind", "charging_account", "payer_id", "currency", "cycle_day", "cycle_months", "time_zone", "terms_days",
			"tax_region", "tax_exempt", "delivery", "status", "created_at", "updated_at",
		}, func(n int) [][]any {
			kind, day, region, zone, payer := "postpaid", 1, "DE", "Europe/Berlin", any(nil)
			if o.Spread {
				day = 1 + n%5
				switch n % 10 {
				case 3:
					kind = "prepaid"
				case 4:
					region, zone = "AT", "Europe/Vienna"
				case 5:
					region = "DE-reverse"
				case 7, 8: // paid by the account before it, which the second one's payer is paid by
					payer = id(n - 1)
				}
			}
			return one(id(n), id(n), fmt.Sprintf("Account %d", n), kind, Name(n), payer, "EUR", day, 1, zone, 14, region, false, "email", "active", at, at)
		}},
		{"subscription", []string{"id", "billing_account_id", "msisdn", "imsi", "status", "activated_at", "created_at", "updated_at"}, func(n int) [][]any {
			return one(id(n), id(n), fmt.Sprintf("4915%09d", n), fmt.Sprintf("26201%010d", n), "active", at, at, at)
		}},
		{"product", []string{"id", "offering_id", "subscription_id", "billing_account_id", "name", "add_on", "status", "order_item_id", "activated_at", "terminated_at", "created_at", "updated_at"}, func(n int) [][]any {
			terminated := int64(0)
			if o.Spread && n%11 == 0 {
				terminated = at + int64(30*instant.Day)
			}
			offering := 1
			if o.Spread && n%6 == 0 {
				offering = 2 // with a minimum commitment
			}
			return append(one(2*id(n), offering, id(n), id(n), "Flat M", false, "active", 1, at, terminated, at, at),
				[]any{2*id(n) + 1, 1, id(n), id(n), "Option", true, "active", 1, at + int64(n%20)*int64(instant.Day), int64(0), at, at})
		}},
		{"product_price", []string{"id", "product_id", "name", "type", "amount", "currency", "period_months", "in_advance", "prorate", "tax_category", "gl_code", "valid_from"}, func(n int) [][]any {
			plan := int64(19_990_000 + 5_000_000*(n%3))
			return append(one(2*id(n), 2*id(n), "Flat M", "recurring", plan, "EUR", 1, true, true, "standard", "", at),
				[]any{2*id(n) + 1, 2*id(n) + 1, "Option", "recurring", int64(4_990_000), "EUR", 1, n%2 == 0, true, "standard", "", at + int64(n%20)*int64(instant.Day)})
		}},
		{"product_discount", []string{"id", "product_id", "name", "rate_millionths", "valid_from"}, func(n int) [][]any {
			if n%5 != 0 {
				return nil
			}
			return one(id(n), 2*id(n), "Autumn", int64(100_000), at)
		}},
		{"product_suspension", []string{"id", "product_id", "reason", "from_at", "until_at"}, func(n int) [][]any {
			if !o.Spread || n%13 != 0 {
				return nil
			}
			return one(id(n), 2*id(n), "lost", at+int64(5*instant.Day), at+int64(9*instant.Day))
		}},
	}
	for _, c := range copies {
		if _, err := tx.Copy(ctx, c.table, c.columns, rows(first, last, c.of)); err != nil {
			return err
		}
	}
	return nil
}

var services = []struct{ service, offer, unit string }{{"voice", "Flat M", "seconds"}, {"data", "Flat M", "octets"}, {"sms", "payg", "events"}}

func (o Options) usage(ctx context.Context, tx *database.Tx, first, last int) error {
	step := int64(29*instant.Day) / int64(o.Accounts*o.Records)
	columns := []string{
		"record", "billing_account_id", "subscription_id", "opened_at", "occurred_at", "kind", "service", "offer", "called", "unit", "used", "billed", "charged", "currency",
	}
	_, err := tx.Copy(ctx, "usage_record", columns, rows(first, last, func(n int) [][]any {
		s := services[n%len(services)]
		account := id(n%o.Accounts + 1)
		at := int64(instant.Of(used)) + int64(n)*step
		amount := int64(n%977) * 1_237
		return one(int64(n), account, account, at-60_000, at, "session", s.service, s.offer, "", s.unit, int64(60+n%600), int64(60+n%600), amount, "EUR")
	}))
	return err
}
