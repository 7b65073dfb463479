package invoice

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"gyro/billing/tax"
	"gyro/internal/database"
)

// Seller is whom a document is from (EN 16931, BG-4): a legal entity as the tax
// configuration had it when the document was made. Rows are never changed, and
// thousands of documents share one: what is configured otherwise is another row.
type Seller struct {
	bun.BaseModel `bun:"table:invoice_seller,alias:s"`

	Digest    string `bun:"digest,pk"`
	Entity    string `bun:"entity"`
	LegalName string `bun:"legal_name"`
	Address   string `bun:"address"` // lines
	TaxID     string `bun:"tax_id"`
	IBAN      string `bun:"iban"`
}

// SellerOf is a legal entity as it is configured now.
func SellerOf(e *tax.Entity) Seller {
	s := Seller{Entity: e.Name, LegalName: e.LegalName, Address: strings.Join(e.Address, "\n"), TaxID: e.TaxID, IBAN: e.IBAN}
	sum := sha256.Sum256([]byte(strings.Join([]string{s.Entity, s.LegalName, s.Address, s.TaxID, s.IBAN}, "\x00")))
	s.Digest = hex.EncodeToString(sum[:16])
	return s
}

// Keep stores the row, unless it is there: with the first document that has it.
func (s *Seller) Keep(ctx context.Context, tx *database.Tx) error {
	if _, err := tx.NewInsert().Model(s).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("keep the letterhead of %s: %w", s.Entity, err)
	}
	return nil
}
