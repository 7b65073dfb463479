package invoice

import (
	"context"
	"fmt"

	"gyro/billing/charge"
	"gyro/billing/tax"
	"gyro/internal/database"
)

// NewIDs draws ids of documents. They may have gaps; numbers have none.
func NewIDs(ctx context.Context, tx *database.Tx, n int) ([]int64, error) {
	ids := make([]int64, 0, n)
	if tx.On() == database.PostgreSQL {
		err := tx.NewRaw("SELECT nextval(pg_get_serial_sequence('invoice', 'id')) FROM generate_series(1, ?)", n).Scan(ctx, &ids)
		if err != nil {
			return nil, fmt.Errorf("draw ids of invoices: %w", err)
		}
		return ids, nil
	}
	// AUTOINCREMENT never gives an id out again, of drafts that are gone either.
	var last int64
	if err := tx.NewRaw("SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'invoice'").Scan(ctx, &last); err != nil {
		return nil, fmt.Errorf("draw ids of invoices: %w", err)
	}
	for k := range n {
		ids = append(ids, last+int64(k)+1)
	}
	return ids, nil
}

// Series is numbers without gaps: of a legal entity's documents of a kind, in a year.
type Series struct {
	Entity *tax.Entity
	Type   Type
	Year   int
}

// Draw takes the next n numbers. Whoever else draws from the series waits until
// the transaction ends.
func (s Series) Draw(ctx context.Context, tx *database.Tx, n int) ([]string, error) {
	first, err := tx.NextNumbers(ctx, fmt.Sprintf("%s/%s/%d", s.Type, s.Entity.Name, s.Year), n)
	if err != nil {
		return nil, err
	}
	numbers := make([]string, 0, n)
	for k := range n {
		numbers = append(numbers, s.number(first+int64(k)))
	}
	return numbers, nil
}

// number writes a number as GY-2026-0000001, of a credit note as GY-CN-2026-0000001.
func (s Series) number(n int64) string {
	prefix := s.Entity.Prefix
	if s.Type == CreditNote {
		prefix += "-CN"
	}
	return fmt.Sprintf("%s-%d-%07d", prefix, s.Year, n)
}

// DropDrafts removes drafts that a condition on invoices selects, with their lines.
func DropDrafts(ctx context.Context, tx *database.Tx, where string, args ...any) error {
	const drafts = "(SELECT id FROM invoice WHERE state IN ('draft', 'reviewed') AND "
	var there int64
	if err := tx.NewRaw("SELECT COUNT(*) FROM invoice WHERE state IN ('draft', 'reviewed') AND "+where, args...).Scan(ctx, &there); err != nil || there == 0 {
		return err
	}
	for _, table := range []string{"invoice_line", "invoice_tax"} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE invoice_id IN "+drafts+where+")", args...); err != nil {
			return fmt.Errorf("drop drafts: %w", err)
		}
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM invoice WHERE id IN "+drafts+where+")", args...); err != nil {
		return fmt.Errorf("drop drafts: %w", err)
	}
	return nil
}

// Store writes one document with its lines and taxes.
func Store(ctx context.Context, tx *database.Tx, i *Invoice, lines []charge.Line, taxes []tax.Subtotal) error {
	at := 0
	if _, err := tx.Copy(ctx, "invoice_line", LineColumns(), func() ([]any, bool) {
		if at == len(lines) {
			return nil, false
		}
		at++
		return LineRow(i.ID, at, &lines[at-1]), true
	}); err != nil {
		return err
	}
	tax := 0
	if _, err := tx.Copy(ctx, "invoice_tax", TaxColumns(), func() ([]any, bool) {
		if tax == len(taxes) {
			return nil, false
		}
		tax++
		return TaxRow(i.ID, tax, &taxes[tax-1]), true
	}); err != nil {
		return err
	}
	done := false
	_, err := tx.Copy(ctx, "invoice", Columns(), func() ([]any, bool) {
		if done {
			return nil, false
		}
		done = true
		return i.Row(), true
	})
	return err
}
