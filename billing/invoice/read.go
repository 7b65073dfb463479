package invoice

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"gyro/internal/money"
	"gyro/internal/refusal"
)

// Document is an invoice with all that is on it.
type Document struct {
	Invoice

	Lines []Line
	Taxes []Tax
	// Open is what is still to be paid, now; 0 without a receivable.
	Open money.Amount
	// SetOff is the customer's credit that was used for it as it was finalised; what comes later does not change it.
	SetOff money.Amount
	// Customer is the account's; what it was called when the document was made is in Recipient.
	Customer int64
	// From is who the document is from, as it was when the document was made.
	From Seller
	// CorrectsNumber is the number of the invoice that a credit note takes back.
	CorrectsNumber string
}

// ToPay is what is to be paid of a document as it says: an invoice's total less what was set off; 0 of all others.
func (d *Document) ToPay() money.Amount { return d.Invoice.ToPay(d.SetOff) }

// ToPay is what a document says is to be paid of it, of which setOff was settled by credit as it was finalised.
func (i *Invoice) ToPay(setOff money.Amount) money.Amount {
	if i.Type != Bill {
		return 0
	}
	return max(0, i.Total-setOff)
}

// Get reads a document.
func Get(ctx context.Context, q bun.IDB, id int64) (*Document, error) {
	d := &Document{}
	var found []Invoice
	if err := q.NewSelect().Model(&found).Where("id = ?", id).Scan(ctx); err != nil {
		return nil, fmt.Errorf("invoice %d: %w", id, err)
	}
	if len(found) == 0 {
		return nil, refusal.New(refusal.NotFound, "invoice_unknown", "id", "there is no invoice %d", id)
	}
	d.Invoice = found[0]
	if err := q.NewSelect().Model(&d.Lines).Where("invoice_id = ?", id).Order("position").Scan(ctx); err != nil {
		return nil, fmt.Errorf("lines of invoice %d: %w", id, err)
	}
	if err := q.NewSelect().Model(&d.Taxes).Where("invoice_id = ?", id).Order("position").Scan(ctx); err != nil {
		return nil, fmt.Errorf("taxes of invoice %d: %w", id, err)
	}
	var corrects int64
	if d.Corrects != nil {
		corrects = *d.Corrects
	}
	err := q.NewRaw(`SELECT a.customer_id, COALESCE((SELECT r.open FROM receivable r WHERE r.invoice_id = ?), 0),
		COALESCE((SELECT r.set_off FROM receivable r WHERE r.invoice_id = ?), 0),
		COALESCE((SELECT o.number FROM invoice o WHERE o.id = ?), '') FROM billing_account a WHERE a.id = ?`, id, id, corrects, d.Account).
		Scan(ctx, &d.Customer, (*int64)(&d.Open), (*int64)(&d.SetOff), &d.CorrectsNumber)
	if err != nil {
		return nil, fmt.Errorf("whom invoice %d is for: %w", id, err)
	}
	if err := q.NewSelect().Model(&d.From).Where("digest = ?", d.Seller).Scan(ctx); err != nil {
		return nil, fmt.Errorf("whom invoice %d is from: %w", id, err)
	}
	err = d.references(ctx, q)
	return d, err
}

// references reads the numbers of the invoices that lines take something back of.
func (d *Document) references(ctx context.Context, q bun.IDB) error {
	var ids []int64
	for k := range d.Lines {
		if id := d.Lines[k].CorrectsInvoice; id != 0 && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	var found []struct {
		ID     int64
		Number string
	}
	if err := q.NewRaw("SELECT id, COALESCE(number, '') AS number FROM invoice WHERE id IN (?)", bun.List(ids)).Scan(ctx, &found); err != nil {
		return fmt.Errorf("what invoice %d corrects: %w", d.ID, err)
	}
	for k := range d.Lines {
		for n := range found {
			if found[n].ID == d.Lines[k].CorrectsInvoice {
				d.Lines[k].CorrectsNumber = found[n].Number
			}
		}
	}
	return nil
}

// Find returns the id of a document by its number, or by its id in digits.
func Find(ctx context.Context, q bun.IDB, ref string) (int64, error) {
	var ids []int64
	if err := q.NewRaw("SELECT id FROM invoice WHERE number = ? OR CAST(id AS TEXT) = ?", ref, ref).Scan(ctx, &ids); err != nil {
		return 0, fmt.Errorf("invoice %s: %w", ref, err)
	}
	if len(ids) == 0 {
		return 0, refusal.New(refusal.NotFound, "invoice_unknown", "id", "there is no invoice %s: give its number, such as GY-2026-0000017, or its id", ref)
	}
	return ids[0], nil
}

// Creditable is what is left of a document that no credit note has taken back.
func Creditable(ctx context.Context, q bun.IDB, id int64) (left money.Amount, currency string, err error) {
	err = q.NewRaw("SELECT i.total + COALESCE((SELECT CAST(SUM(n.total) AS BIGINT) FROM invoice n WHERE n.corrects_id = i.id), 0), i.currency FROM invoice i WHERE i.id = ?", id).
		Scan(ctx, (*int64)(&left), &currency)
	if err != nil {
		return 0, "", fmt.Errorf("what is left of invoice %d: %w", id, err)
	}
	return left, currency, nil
}

// Filter selects documents; what is zero selects nothing.
type Filter struct {
	Account, Run int64
	Type         Type
	State        State
}

// List reads documents, the newest first, and counts them all.
func List(ctx context.Context, q bun.IDB, f Filter, limit, offset int) (found []Invoice, total int, err error) {
	query := q.NewSelect().Model(&found)
	if f.Account > 0 {
		query = query.Where("billing_account_id = ?", f.Account)
	}
	if f.Run > 0 {
		query = query.Where("run_id = ?", f.Run)
	}
	if f.Type != "" {
		query = query.Where("type = ?", f.Type)
	}
	if f.State != "" {
		query = query.Where("state = ?", f.State)
	}
	n, err := query.Order("id DESC").Limit(int64(limit)).Offset(int64(offset)).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("read the invoices: %w", err)
	}
	return found, int(n), nil
}

// Record is a record of usage behind a line.
type Record struct {
	bun.BaseModel `bun:"table:usage_record,alias:u"`

	Record       int64        `bun:"record,pk" json:"record"`
	Account      int64        `bun:"billing_account_id" json:"-"`
	Subscription *int64       `bun:"subscription_id" json:"-"`
	OpenedAt     int64        `bun:"opened_at" json:"-"`
	OccurredAt   int64        `bun:"occurred_at" json:"-"`
	Kind         string       `bun:"kind" json:"kind"`
	Service      string       `bun:"service" json:"service"`
	Offer        string       `bun:"offer" json:"offer"`
	Called       string       `bun:"called" json:"called,omitempty"`
	Unit         string       `bun:"unit" json:"unit"`
	Used         int64        `bun:"used" json:"used"`
	Billed       int64        `bun:"billed" json:"billed"`
	Charged      money.Amount `bun:"charged" json:"-"`
	Currency     string       `bun:"currency" json:"currency"`
}

// RecordsOf reads the usage records that a line is made of; their charges come
// to the line's exact amount.
func RecordsOf(ctx context.Context, q bun.IDB, l *Line, limit, offset int) (found []Record, total int, err error) {
	if l.UsageThrough == 0 {
		return nil, 0, nil
	}
	query := q.NewSelect().Model(&found).Where("billing_account_id = ? AND record BETWEEN ? AND ?", l.Account, l.UsageFrom, l.UsageThrough).
		Where("COALESCE(subscription_id, 0) = ? AND service = ? AND offer = ? AND unit = ?", l.Subscription, l.Service, l.Offer, l.Unit)
	n, err := query.Order("record").Limit(int64(limit)).Offset(int64(offset)).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("usage of line %d.%d: %w", l.Invoice, l.Position, err)
	}
	return found, int(n), nil
}
