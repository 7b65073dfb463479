package invoice

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"
)

// Recipient is whom a document is for: the buyer of EN 16931 (BG-7) with the
// address (BG-8) and the VAT identifier (BT-48).
type Recipient struct {
	Name                            string
	Account                         string // what the billing account is called
	Street, Postcode, City, Country string
	TaxID                           string
}

// Address is the postal address as it is written on a letter, a line a line,
// with the country's code (BT-55) behind the city; none where it is not known.
func (r *Recipient) Address() []string {
	var lines []string
	place := strings.TrimSpace(r.Postcode + " " + r.City)
	if place != "" && r.Country != "" {
		place += ", " + r.Country
	}
	for _, line := range []string{r.Street, place} {
		if line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// Addressee is what is known now of whom an account's documents are for.
type Addressee struct {
	Recipient

	Language string // one of Languages
}

// Addressees reads whom documents of accounts are for: of several postal
// addresses the preferred one, else the first. A document keeps it.
func Addressees(ctx context.Context, q bun.IDB, accounts []int64) (map[int64]Addressee, error) {
	all := make(map[int64]Addressee, len(accounts))
	if len(accounts) == 0 {
		return all, nil
	}
	rows, err := q.QueryContext(ctx, `SELECT a.id, c.name, a.name, COALESCE(m.street, ''), COALESCE(m.postcode, ''), COALESCE(m.city, ''), COALESCE(m.country, ''),
		p.tax_id, p.language, COALESCE(m.preferred, FALSE), COALESCE(m.id, 0)
		FROM billing_account a JOIN customer c ON c.id = a.customer_id JOIN party p ON p.id = c.party_id
		LEFT JOIN contact_medium m ON m.party_id = p.id AND m.kind = 'postal' WHERE a.id IN (?)`, bun.List(accounts))
	if err != nil {
		return nil, fmt.Errorf("read whom documents are for: %w", err)
	}
	defer func() { _ = rows.Close() }()
	type address struct {
		preferred bool
		id        int64
	}
	chosen := make(map[int64]address, len(accounts))
	for rows.Next() {
		var id int64
		var a Addressee
		var at address
		if err := rows.Scan(&id, &a.Name, &a.Account, &a.Street, &a.Postcode, &a.City, &a.Country, &a.TaxID, &a.Language, &at.preferred, &at.id); err != nil {
			return nil, fmt.Errorf("read whom documents are for: %w", err)
		}
		before, known := chosen[id]
		if known && (before.preferred && !at.preferred || before.preferred == at.preferred && before.id < at.id) {
			continue
		}
		a.Language = language(a.Language)
		all[id], chosen[id] = a, at
	}
	return all, rows.Err()
}
