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

// recipient reads who a customer is on paper: of several postal addresses the
// preferred one, else the first.
func recipient(ctx context.Context, q bun.IDB, customer int64) (r Recipient, err error) {
	var found []Recipient
	err = q.NewRaw(`SELECT COALESCE(m.street, '') AS street, COALESCE(m.postcode, '') AS postcode, COALESCE(m.city, '') AS city,
		COALESCE(m.country, '') AS country, p.tax_id AS tax_id
		FROM customer c JOIN party p ON p.id = c.party_id LEFT JOIN contact_medium m ON m.party_id = p.id AND m.kind = 'postal'
		WHERE c.id = ? ORDER BY m.preferred DESC, m.id LIMIT 1`, customer).Scan(ctx, &found)
	if err != nil {
		return r, fmt.Errorf("address of customer %d: %w", customer, err)
	}
	if len(found) > 0 {
		r = found[0]
	}
	return r, nil
}

// numbers gives each line the telephone number that it is for: that of its
// subscription, or of its product's.
func (d *Document) numbers(ctx context.Context, q bun.IDB) error {
	var found []struct {
		Position int
		MSISDN   string `bun:"msisdn"`
	}
	err := q.NewRaw(`SELECT l.position AS position, s.msisdn AS msisdn
		FROM invoice_line l LEFT JOIN product p ON p.id = l.product_id
		JOIN subscription s ON s.id = CASE WHEN l.subscription_id > 0 THEN l.subscription_id ELSE p.subscription_id END
		WHERE l.invoice_id = ?`, d.ID).Scan(ctx, &found)
	if err != nil {
		return fmt.Errorf("numbers of invoice %d: %w", d.ID, err)
	}
	at := map[int]string{}
	for _, f := range found {
		at[f.Position] = f.MSISDN
	}
	for k := range d.Lines {
		d.Lines[k].MSISDN = at[d.Lines[k].Position]
	}
	return nil
}
