package books

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"gyro/internal/money"
)

// Usage is a record of usage as the office has it.
type Usage struct {
	Record   int64        `bun:"record" json:"record"`
	Charged  money.Amount `bun:"charged" json:"charged"` // millionths
	Currency string       `bun:"currency" json:"currency"`
	Parked   bool         `bun:"parked" json:"parked,omitempty"` // of an account that the office does not know
}

// UsagePage is the records behind a cursor, those that are parked among them.
func UsagePage(ctx context.Context, q bun.IDB, after int64, limit int) ([]Usage, error) {
	var rows []Usage
	err := q.NewRaw(`SELECT record, charged, currency, FALSE AS parked FROM (SELECT record, charged, currency FROM usage_record WHERE record > ? ORDER BY record LIMIT ?) AS u
		UNION ALL SELECT record, 0, '', TRUE FROM (SELECT record FROM usage_parked WHERE record > ? ORDER BY record LIMIT ?) AS p
		ORDER BY record LIMIT ?`, after, limit, after, limit, limit).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("usage: %w", err)
	}
	return rows, nil
}

// Cursor is how far the core's feed was read.
type Cursor struct {
	After int64 `bun:"after" json:"after"`
}

// IntakeCursor is how far the core's feed of usage was read; 0 if it was not.
func IntakeCursor(ctx context.Context, q bun.IDB) (Cursor, error) {
	var rows []Cursor
	if err := q.NewRaw("SELECT MAX(after) AS after FROM usage_cursor HAVING COUNT(*) > 0").Scan(ctx, &rows); err != nil {
		return Cursor{}, fmt.Errorf("usage cursor: %w", err)
	}
	if len(rows) == 0 {
		return Cursor{}, nil
	}
	return rows[0], nil
}

// Invoice is a finalised document with all that it must add up to.
type Invoice struct {
	ID       int64        `bun:"id" json:"id"`
	Number   string       `bun:"number" json:"number"`
	Type     string       `bun:"type" json:"type"`
	Entity   string       `bun:"entity" json:"entity"`
	Account  int64        `bun:"billing_account_id" json:"account"`
	Currency string       `bun:"currency" json:"currency"`
	IssuedOn string       `bun:"issued_on" json:"issuedOn"`
	Prices   string       `bun:"prices" json:"prices"` // inclusive: the lines' exact amounts have their tax in them
	Net      money.Amount `bun:"net" json:"net"`
	Tax      money.Amount `bun:"tax" json:"tax"`
	Total    money.Amount `bun:"total" json:"total"`
	// Owed and Open are the receivable's; Allocated is what stands on it. Booked says that there is a receivable.
	Booked    bool         `bun:"booked" json:"booked"`
	Owed      money.Amount `bun:"owed" json:"owed"`
	Open      money.Amount `bun:"open" json:"open"`
	Allocated money.Amount `bun:"allocated" json:"allocated"`
	// Posted is what the journal has of it against the customer (or the prepaid balance).
	Posted money.Amount `bun:"posted" json:"posted"`
	// UsageRecords is the sum of the records that its usage lines are for; UsageLines what the lines say, exactly.
	UsageRecords money.Amount `bun:"usage_records" json:"usageRecords"`
	UsageLines   money.Amount `bun:"usage_lines" json:"usageLines"`
	Lines        []Line       `bun:"-" json:"lines"`
	Taxes        []Tax        `bun:"-" json:"taxes"`
}

// Line is a line of a document.
type Line struct {
	InvoiceID int64        `bun:"invoice_id" json:"-"`
	Position  int          `bun:"position" json:"position"`
	Kind      string       `bun:"kind" json:"kind"`
	Exact     money.Amount `bun:"exact" json:"exact"`
	TaxRate   int64        `bun:"tax_rate" json:"taxRate"` // millionths
	Amount    money.Amount `bun:"amount" json:"amount"`
}

// Tax is a row of a document's taxes.
type Tax struct {
	InvoiceID int64        `bun:"invoice_id" json:"-"`
	Category  string       `bun:"category" json:"category"`
	Rate      int64        `bun:"rate_millionths" json:"rate"`
	Base      money.Amount `bun:"base" json:"base"`
	Tax       money.Amount `bun:"tax" json:"tax"`
}

// InvoicePage is the finalised documents behind a cursor, those among them that were wholly credited since: they keep
// their numbers.
func InvoicePage(ctx context.Context, q bun.IDB, after int64, limit int) ([]Invoice, error) {
	var rows []Invoice
	err := q.NewRaw(`SELECT i.id, COALESCE(i.number, '') AS number, i.type, i.entity, i.billing_account_id, i.currency, i.issued_on, i.prices, i.net, i.tax, i.total,
			r.invoice_id IS NOT NULL AS booked, COALESCE(r.total, 0) AS owed, COALESCE(r.open, 0) AS open,
			CAST(COALESCE((SELECT SUM(a.amount) FROM payment_allocation a WHERE a.invoice_id = i.id AND a.reversed_at = 0), 0) AS BIGINT) AS allocated,
			CAST(COALESCE((SELECT SUM(p.amount) FROM journal_entry e JOIN journal_posting p ON p.entry_id = e.id
				WHERE e.key = 'invoice-' || i.id AND p.gl_code IN ('1200', '2100', '2400')), 0) AS BIGINT) AS posted,
			CAST(COALESCE((SELECT SUM(l.exact) FROM invoice_line l WHERE l.invoice_id = i.id AND l.kind = 'usage' AND l.records > 0), 0) AS BIGINT) AS usage_lines,
			CAST(COALESCE((SELECT SUM((SELECT COALESCE(SUM(u.charged), 0) FROM usage_record u
					WHERE u.billing_account_id = x.billing_account_id AND u.record BETWEEN x.first AND x.last AND u.currency = i.currency))
				FROM (SELECT l.billing_account_id, MIN(l.usage_from) AS first, MAX(l.usage_through) AS last FROM invoice_line l
					WHERE l.invoice_id = i.id AND l.kind = 'usage' AND l.records > 0 GROUP BY l.billing_account_id) x), 0) AS BIGINT) AS usage_records
		FROM invoice i LEFT JOIN receivable r ON r.invoice_id = i.id
		WHERE i.id > ? AND i.state IN ('finalised', 'cancelled') ORDER BY i.id LIMIT ?`, after, limit).Scan(ctx, &rows)
	if err != nil || len(rows) == 0 {
		return rows, err
	}
	ids, at := make([]int64, len(rows)), map[int64]*Invoice{}
	for k := range rows {
		ids[k], at[rows[k].ID] = rows[k].ID, &rows[k]
	}
	var lines []Line
	if err := q.NewRaw("SELECT invoice_id, position, kind, exact, tax_rate, amount FROM invoice_line WHERE invoice_id IN (?) ORDER BY invoice_id, position", bun.List(ids)).Scan(ctx, &lines); err != nil {
		return nil, fmt.Errorf("lines: %w", err)
	}
	for _, l := range lines {
		at[l.InvoiceID].Lines = append(at[l.InvoiceID].Lines, l)
	}
	var taxes []Tax
	if err := q.NewRaw("SELECT invoice_id, category, rate_millionths, base, tax FROM invoice_tax WHERE invoice_id IN (?) ORDER BY invoice_id, position", bun.List(ids)).Scan(ctx, &taxes); err != nil {
		return nil, fmt.Errorf("taxes: %w", err)
	}
	for _, t := range taxes {
		at[t.InvoiceID].Taxes = append(at[t.InvoiceID].Taxes, t)
	}
	return rows, nil
}

// Account is a billing account with what is open and what the journal says.
type Account struct {
	ID       int64        `bun:"id" json:"id"`
	Charging string       `bun:"charging_account" json:"charging"`
	Kind     string       `bun:"kind" json:"kind"`
	Currency string       `bun:"currency" json:"currency"`
	Used     money.Amount `bun:"used" json:"used"`       // all usage of it, in millionths
	Settled  money.Amount `bun:"settled" json:"settled"` // what the core was told is billed
	// Passed is the usage that bills have gone past, Claimed what they told the core to settle of it. Billed says that the
	// account was billed at all.
	Billed   bool         `bun:"was_billed" json:"billed"`
	Passed   money.Amount `bun:"passed" json:"passed"`
	Claimed  money.Amount `bun:"claimed" json:"claimed"`
	Open     money.Amount `bun:"open" json:"open"`     // of its receivables
	Credit   money.Amount `bun:"credit" json:"credit"` // open
	Debtor   money.Amount `bun:"debtor" json:"debtor"` // the journal's Receivables
	Creditor money.Amount `bun:"creditor" json:"creditor"`
	// Prepaid is what the journal has brought to its balance in the core: payments less refunds and chargebacks, and goodwill.
	Prepaid money.Amount `bun:"prepaid" json:"prepaid"`
}

// AccountPage is the billing accounts behind a cursor.
func AccountPage(ctx context.Context, q bun.IDB, after int64, limit int) ([]Account, error) {
	var rows []Account
	posted := "CAST(COALESCE((SELECT SUM(p.amount) FROM journal_posting p WHERE p.billing_account_id = b.id AND p.gl_code IN ('1200', '2100') AND p.gl_code = '%s'), 0) AS BIGINT)"
	// Settlements have no index by account: those of the page are read at once.
	err := q.NewRaw(`WITH b AS (SELECT id, charging_account, kind, currency FROM billing_account WHERE id > ? ORDER BY id LIMIT ?),
		m AS (SELECT s.billing_account_id AS id, CAST(SUM(s.amount) AS BIGINT) AS claimed,
				CAST(SUM(CASE WHEN s.settled_at > 0 AND s.failure = '' THEN s.amount ELSE 0 END) AS BIGINT) AS settled
			FROM invoice_settlement s WHERE s.billing_account_id IN (SELECT id FROM b) GROUP BY s.billing_account_id)
		SELECT b.id, b.charging_account, b.kind, b.currency,
			t.billing_account_id IS NOT NULL AS was_billed, COALESCE(m.claimed, 0) - COALESCE(t.settled, 0) AS claimed, COALESCE(m.settled, 0) AS settled,
			CAST(COALESCE((SELECT SUM(u.charged) FROM usage_record u WHERE u.billing_account_id = b.id AND u.record <= t.usage_after), 0) AS BIGINT) AS passed,
			CAST(COALESCE((SELECT SUM(u.charged) FROM usage_record u WHERE u.billing_account_id = b.id), 0) AS BIGINT) AS used,
			CAST(COALESCE((SELECT SUM(r.open) FROM receivable r WHERE r.billing_account_id = b.id AND r.open > 0), 0) AS BIGINT) AS open,
			CAST(COALESCE((SELECT SUM(c.open) FROM credit c WHERE c.billing_account_id = b.id AND c.open > 0), 0) AS BIGINT) AS credit,
			`+fmt.Sprintf(posted, "1200")+` AS debtor, `+fmt.Sprintf(posted, "2100")+` AS creditor,
			CASE WHEN b.kind = 'prepaid' THEN CAST(COALESCE((SELECT -SUM(p.amount) FROM journal_posting p JOIN journal_entry e ON e.id = p.entry_id
				WHERE p.billing_account_id = b.id AND p.gl_code = '2400' AND e.kind <> 'statement'), 0) AS BIGINT) ELSE 0 END AS prepaid
		FROM b LEFT JOIN m ON m.id = b.id LEFT JOIN billing_state t ON t.billing_account_id = b.id ORDER BY b.id`, after, limit).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	return rows, nil
}

// OneAccount is a billing account as it is now.
func OneAccount(ctx context.Context, q bun.IDB, id int64) (Account, error) {
	rows, err := AccountPage(ctx, q, id-1, 1)
	if err == nil && (len(rows) == 0 || rows[0].ID != id) {
		err = fmt.Errorf("there is no billing account %d any more", id)
	}
	if err != nil {
		return Account{}, err
	}
	return rows[0], nil
}

// Series is a series of numbers and the last that was drawn.
type Series struct {
	Name string `bun:"series" json:"name"` // type/entity/year
	Last int64  `bun:"last" json:"last"`
}

// AllSeries are the series of documents.
func AllSeries(ctx context.Context, q bun.IDB) ([]Series, error) {
	var rows []Series
	err := q.NewRaw("SELECT series, last FROM number_series WHERE series LIKE 'invoice/%' OR series LIKE 'creditNote/%' ORDER BY series").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("series: %w", err)
	}
	return rows, nil
}
