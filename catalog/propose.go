package catalog

import (
	"context"
	"fmt"
	"strconv"

	"gyro/internal/database"
	"gyro/internal/money"
	"gyro/internal/refusal"
	"gyro/rating"
)

// Propose keeps an offer that no document has yet: name, kind, currency,
// title, description and category of what somebody would like to sell. It
// cannot be ordered, and has no prices; it is gone when a document that has an
// offer of its name is published.
func (s *Service) Propose(ctx context.Context, tx *database.Tx, in Offering) (Offering, error) {
	o := Offering{
		Name: in.Name, Title: in.Title, Description: in.Description, Category: in.Category, Kind: in.Kind, Status: Draft,
		Currency: in.Currency, Sellable: true, CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
	}
	if o.Kind == "" {
		o.Kind = Postpaid
	}
	if o.Currency == "" {
		o.Currency = money.EUR.String()
	}
	if err := s.proposable(ctx, tx, &o); err != nil {
		return o, err
	}
	if _, err := tx.NewInsert().Model(&o).Returning("id").Exec(ctx); err != nil {
		return o, fmt.Errorf("proposal %s: %w", o.Name, err)
	}
	return o, tx.Audit(ctx, "productOffering", strconv.FormatInt(o.ID, 10), "propose", nil, o.audited())
}

// proposable refuses what could not become an offer, or is one.
func (s *Service) proposable(ctx context.Context, tx *database.Tx, o *Offering) error {
	if !nameOf.MatchString(o.Name) {
		return refusal.New(refusal.Unprocessable, "invalid_value", "name", "%q is not a name of an offer; begin with a letter and use up to 64 letters, digits, -, _ and .", o.Name)
	}
	if o.Kind != Prepaid && o.Kind != Postpaid {
		return refusal.New(refusal.Unprocessable, "invalid_value", "kind", "%q is no kind of offer; use prepaid or postpaid", o.Kind)
	}
	if _, err := money.ParseCurrency(o.Currency); err != nil {
		return refusal.New(refusal.Unprocessable, "invalid_value", "currency", "%q is no currency; use an ISO 4217 code such as EUR", o.Currency)
	}
	if len(o.Description) > maxText || len(o.Title) > maxText || len(o.Category) > rating.MaxName {
		return refusal.New(refusal.Unprocessable, "invalid_value", "description", "title and description have at most %d octets, the category %d", maxText, rating.MaxName)
	}
	taken, err := tx.NewSelect().Model((*Offering)(nil)).Where("o.name = ? AND o.id <> ?", o.Name, o.ID).Exists(ctx)
	if err != nil {
		return err
	}
	if taken {
		return refusal.New(refusal.Conflict, "offering_exists", "name", "there is an offer %q already; choose another name, or change that one in its document", o.Name)
	}
	return nil
}

// ChangeProposal lets change alter a proposal. What a document has is changed
// there.
func (s *Service) ChangeProposal(ctx context.Context, tx *database.Tx, id int64, change func(*Offering)) (Offering, error) {
	o, err := s.OfferingByID(ctx, tx, id)
	if err != nil {
		return o, err
	}
	if o.Version != 0 {
		return o, refusal.New(refusal.Conflict, "offering_published", "", "offer %s is in catalogue %s; change it in that document and publish it (gyro offer publish FILE)", o.Name, o.Catalog)
	}
	before := o
	change(&o)
	if err := s.proposable(ctx, tx, &o); err != nil {
		return o, err
	}
	o.UpdatedAt = tx.Now()
	if _, err := tx.NewUpdate().Model(&o).Column("name", "title", "description", "category", "updated_at").WherePK().Exec(ctx); err != nil {
		return o, fmt.Errorf("proposal %s: %w", o.Name, err)
	}
	return o, tx.Audit(ctx, "productOffering", strconv.FormatInt(id, 10), "change", before.audited(), o.audited())
}

// DropProposal takes a proposal away.
func (s *Service) DropProposal(ctx context.Context, tx *database.Tx, id int64) error {
	o, err := s.OfferingByID(ctx, tx, id)
	if err != nil {
		return err
	}
	if o.Version != 0 {
		return refusal.New(refusal.Conflict, "offering_published", "", "offer %s is in catalogue %s; take it out of that document, or write sellable: false, and publish it", o.Name, o.Catalog)
	}
	if err := dropProposal(ctx, tx, o.Name); err != nil {
		return err
	}
	return tx.Audit(ctx, "productOffering", strconv.FormatInt(id, 10), "drop", o.audited(), nil)
}
