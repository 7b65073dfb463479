package run

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/uptrace/bun"

	"gyro/billing/charge"
	"gyro/billing/invoice"
)

// offer is what the catalogue says of usage that the core rated by an offer.
type offer struct {
	title    string // what people call it
	services map[string]*service
}

type service struct {
	titles       map[string]string // what people call it, by language; "" is in all
	category, gl string            // how what it costs is taxed and booked
}

// loadNumbers reads the telephone numbers of the accounts' lines: what a bill says stays, whoever has the number later.
func (b *batch) loadNumbers(ctx context.Context, q bun.IDB) error {
	rows, err := q.QueryContext(ctx, "SELECT id, msisdn FROM subscription WHERE billing_account_id IN (?) AND msisdn <> ''", bun.List(b.ids))
	if err != nil {
		return fmt.Errorf("read the telephone numbers: %w", err)
	}
	defer func() { _ = rows.Close() }()
	b.numbers = map[int64]string{}
	for rows.Next() {
		var id int64
		var number string
		if err := rows.Scan(&id, &number); err != nil {
			return fmt.Errorf("read the telephone numbers: %w", err)
		}
		b.numbers[id] = number
	}
	return rows.Err()
}

// loadOffers reads what the newest version of each offer that the core knows says of its usage.
func (b *batch) loadOffers(ctx context.Context, q bun.IDB) error {
	rows, err := q.QueryContext(ctx, `SELECT o.charging_offer, CASE WHEN o.title = '' THEN o.name ELSE o.title END,
		COALESCE(p.name, ''), COALESCE(p.titles, '{}'), COALESCE(p.tax_category, ''), COALESCE(p.gl_code, '')
		FROM product_offering o LEFT JOIN product_offering_price p ON p.offering_id = o.id AND p.type = 'usage'
		WHERE o.id IN (SELECT MAX(id) FROM product_offering WHERE charging_offer <> '' GROUP BY charging_offer)`)
	if err != nil {
		return fmt.Errorf("read the offers: %w", err)
	}
	defer func() { _ = rows.Close() }()
	b.offers = map[string]*offer{}
	for rows.Next() {
		var name, title, of, titles string
		s := &service{}
		if err := rows.Scan(&name, &title, &of, &titles, &s.category, &s.gl); err != nil {
			return fmt.Errorf("read the offers: %w", err)
		}
		if err := json.Unmarshal([]byte(titles), &s.titles); err != nil {
			return fmt.Errorf("titles of service %s of offer %s: %w", of, name, err)
		}
		if b.offers[name] == nil {
			b.offers[name] = &offer{title: title, services: map[string]*service{}}
		}
		b.offers[name].services[of] = s
	}
	return rows.Err()
}

// rate gives usage the tax category and the account of the ledger that its offer says.
func (b *batch) rate(u *charge.Usage) {
	if o := b.offers[u.Offer]; o != nil && o.services[u.Service] != nil {
		u.Category, u.GL = o.services[u.Service].category, o.services[u.Service].gl
	}
}

// name writes what people read: telephone numbers, and descriptions in the document's language.
func (b *batch) name(d *document) {
	for k := range d.lines {
		l := &d.lines[k]
		l.MSISDN = b.numbers[l.Subscription]
		switch l.Kind {
		case charge.UsageCharge:
			l.Description = b.usageOf(l, d.to.Language)
		case charge.Minimum:
			l.Description = invoice.MinimumOf(d.to.Language, l.Description)
		case charge.Recurring, charge.OneTimeCharge, charge.DiscountLine, charge.Credit:
		}
	}
}

// usageOf is what a line of usage is called: by the core's names where the catalogue has no others.
func (b *batch) usageOf(l *charge.Line, language string) string {
	title, by := l.Service, l.Offer
	if o := b.offers[l.Offer]; o != nil {
		by = o.title
		if s := o.services[l.Service]; s != nil && s.titles[language] != "" {
			title = s.titles[language]
		} else if s != nil && s.titles[""] != "" {
			title = s.titles[""]
		}
	}
	if by == "" {
		return title
	}
	return title + " (" + by + ")"
}
