package invoice

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
	"github.com/uptrace/bun"

	"gyro/billing/charge"
	"gyro/billing/tax"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// MaxLines is how many lines a document has at most: what names a line has five
// digits for its position.
const MaxLines = 99_999

// Type is the kind of a document.
type Type string

// The kinds of document.
const (
	Bill       Type = "invoice"
	CreditNote Type = "creditNote"
	Statement  Type = "statement" // of a prepaid account: nothing is owed
)

// State is where a document is in its life. Whether it is paid or overdue
// follows from its receivable.
type State string

// The states of a document.
const (
	Draft     State = "draft"
	Reviewed  State = "reviewed"
	Finalised State = "finalised"
	Cancelled State = "cancelled" // wholly credited
)

// Invoice is a document.
type Invoice struct {
	bun.BaseModel `bun:"table:invoice,alias:i"`

	ID int64 `bun:"id,pk"`
	// Run is the invoice run that made it, 0 if it was made by hand.
	Run int64 `bun:"run_id"`
	// Account is the billing account that pays it.
	Account int64   `bun:"billing_account_id"`
	Type    Type    `bun:"type"`
	State   State   `bun:"state"`
	Number  *string `bun:"number"` // nil until it is finalised, and of statements
	Entity  string  `bun:"entity"`
	// Seller names what the entity was when the document was made: a row of Seller.
	Seller string `bun:"seller"`
	// Recipient is who the document is for, as known when it was made. It stays so when the customer moves.
	Recipient Recipient `bun:"embed:recipient_"`
	// Language is that of its texts: one of Languages.
	Language    string       `bun:"language"`
	PeriodFrom  string       `bun:"period_from"`
	PeriodUntil string       `bun:"period_until"` // the day behind the last
	Revision    int          `bun:"revision"`
	IssuedOn    string       `bun:"issued_on"`
	DueOn       string       `bun:"due_on"`
	Currency    string       `bun:"currency"`
	Net         money.Amount `bun:"net"`
	Tax         money.Amount `bun:"tax"`
	Total       money.Amount `bun:"total"`
	TaxRegion   string       `bun:"tax_region"`
	// Prices says whether the lines' exact amounts have their tax in them: tax.Exclusive, tax.Inclusive.
	Prices string `bun:"prices"`
	Lines  int    `bun:"lines"`
	// Corrects is the invoice that a credit note takes back.
	Corrects    *int64          `bun:"corrects_id"`
	Reason      string          `bun:"reason"`
	Digest      int64           `bun:"digest"`
	CreatedAt   instant.Instant `bun:"created_at"`
	FinalisedAt instant.Instant `bun:"finalised_at"`
	// SetBack says that its period is billed anew: what it charged and the usage on it are on another bill, or will be. No document
	// is made with it.
	SetBack bool `bun:"set_back"`
}

// Columns are those of the table, in the order of Row.
func Columns() []string {
	return []string{
		"id", "run_id", "billing_account_id", "type", "state", "number", "entity", "seller", "recipient_name", "recipient_account", "recipient_street",
		"recipient_postcode", "recipient_city", "recipient_country", "recipient_tax_id", "language", "period_from", "period_until", "revision", "issued_on",
		"due_on", "currency", "net", "tax", "total", "tax_region", "prices", "lines", "corrects_id", "reason", "digest", "created_at", "finalised_at",
	}
}

// Row is the document's values for a bulk copy.
func (i *Invoice) Row() []any {
	return []any{
		i.ID, i.Run, i.Account, string(i.Type), string(i.State), i.Number, i.Entity, i.Seller, i.Recipient.Name, i.Recipient.Account, i.Recipient.Street,
		i.Recipient.Postcode, i.Recipient.City, i.Recipient.Country, i.Recipient.TaxID, i.Language, i.PeriodFrom, i.PeriodUntil, i.Revision, i.IssuedOn,
		i.DueOn, i.Currency, int64(i.Net), int64(i.Tax), int64(i.Total), i.TaxRegion, i.Prices, i.Lines, i.Corrects, i.Reason, i.Digest,
		int64(i.CreatedAt), int64(i.FinalisedAt),
	}
}

// Line is a line of a document as it is stored.
type Line struct {
	bun.BaseModel `bun:"table:invoice_line,alias:l"`

	Invoice      int64       `bun:"invoice_id,pk"`
	Position     int         `bun:"position,pk"`
	Kind         charge.Kind `bun:"kind"`
	Account      int64       `bun:"billing_account_id"`
	Product      int64       `bun:"product_id"`
	Subscription int64       `bun:"subscription_id"`
	Price        int64       `bun:"product_price_id"`
	Charge       int64       `bun:"charge_id"`
	Description  string      `bun:"description"`
	// MSISDN is the telephone number that it is for, as it was when the document was made; empty where it is for none.
	MSISDN string `bun:"msisdn"`
	// Service and Offer are of usage: the names by which the core rated it.
	Service          string       `bun:"service"`
	Offer            string       `bun:"offer"`
	Quantity         int64        `bun:"quantity"`
	Unit             string       `bun:"unit"`
	PeriodFrom       string       `bun:"period_from"`
	PeriodUntil      string       `bun:"period_until"`
	PeriodDays       int          `bun:"period_days"`
	Exact            money.Amount `bun:"exact"`
	Amount           money.Amount `bun:"amount"`
	TaxCategory      string       `bun:"tax_category"`
	TaxCode          string       `bun:"tax_code"`
	TaxRate          int64        `bun:"tax_rate"`
	GL               string       `bun:"gl_code"`
	UsageFrom        int64        `bun:"usage_from"`
	UsageThrough     int64        `bun:"usage_through"`
	Records          int64        `bun:"records"`
	CorrectsInvoice  int64        `bun:"corrects_invoice"`
	CorrectsPosition int          `bun:"corrects_position"`
	// CorrectsNumber is the number of CorrectsInvoice; Get reads it.
	CorrectsNumber string `bun:"-"`
}

// LineColumns are those of the table, in the order of LineRow.
func LineColumns() []string {
	return []string{
		"invoice_id", "position", "kind", "billing_account_id", "product_id", "subscription_id", "product_price_id", "charge_id", "description",
		"msisdn", "service", "offer", "quantity", "unit", "period_from", "period_until", "period_days", "exact", "amount", "tax_category", "tax_code", "tax_rate", "gl_code",
		"usage_from", "usage_through", "records", "corrects_invoice", "corrects_position",
	}
}

// LineRow is a line's values for a bulk copy.
func LineRow(invoice int64, position int, l *charge.Line) []any {
	return []any{
		invoice, position, string(l.Kind), l.Account, l.Product, l.Subscription, l.Price, l.Charge, l.Description, l.MSISDN, l.Service, l.Offer, l.Quantity, l.Unit,
		l.Period.From.String(), l.Period.Until.String(), l.PeriodDays, int64(l.Exact), int64(l.Amount), l.Category, l.TaxCode, l.TaxRate, l.GL,
		l.UsageFrom, l.UsageThrough, l.Records, l.Corrects.Invoice, l.Corrects.Position,
	}
}

// Tax is the tax of one category and rate of a document: EN 16931 BG-23.
type Tax struct {
	bun.BaseModel `bun:"table:invoice_tax,alias:t"`

	Invoice  int64        `bun:"invoice_id,pk"`
	Position int          `bun:"position,pk"`
	Category string       `bun:"category"`
	Rate     int64        `bun:"rate_millionths"`
	Base     money.Amount `bun:"base"`
	Tax      money.Amount `bun:"tax"`
	Reason   string       `bun:"reason"`
}

// TaxColumns are those of the table, in the order of TaxRow.
func TaxColumns() []string {
	return []string{"invoice_id", "position", "category", "rate_millionths", "base", "tax", "reason"}
}

// TaxRow is a subtotal's values for a bulk copy.
func TaxRow(invoice int64, position int, s *tax.Subtotal) []any {
	return []any{invoice, position, s.Code, s.Rate, int64(s.Base), int64(s.Tax), s.Reason}
}

// Digest is a fingerprint of what a document says: all of its lines and taxes,
// and nothing that is drawn when it is stored (ids and numbers).
func Digest(account int64, period charge.Span, lines []charge.Line, t *tax.Totals) int64 {
	var scratch [512]byte
	b := binary.AppendVarint(scratch[:0], account)
	b = binary.AppendVarint(b, int64(period.From))
	b = binary.AppendVarint(b, int64(period.Until))
	h := xxhash.New()
	for k := range lines {
		l := &lines[k]
		for _, s := range [...]string{string(l.Kind), l.Description, l.Unit, l.Category, l.TaxCode, l.GL} {
			b = append(append(b, s...), 0)
		}
		for _, n := range [...]int64{
			l.Account, l.Product, l.Subscription, l.Price, l.Charge, l.Quantity, int64(l.Period.From), int64(l.Period.Until), int64(l.PeriodDays),
			int64(l.Exact), int64(l.Amount), l.TaxRate, l.UsageFrom, l.UsageThrough, l.Records, int64(l.Corrects.Position),
		} {
			b = binary.AppendVarint(b, n)
		}
		_, _ = h.Write(b) // never fails
		b = b[:0]
	}
	for k := range t.Subtotals {
		s := &t.Subtotals[k]
		b = append(append(b, s.Code...), 0)
		for _, n := range [...]int64{s.Rate, int64(s.Base), int64(s.Tax)} {
			b = binary.AppendVarint(b, n)
		}
	}
	_, _ = h.Write(b)
	return int64(h.Sum64()) //nolint:gosec // any 64 bits will do
}
