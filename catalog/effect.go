package catalog

import (
	"context"
	"database/sql"
	"errors"
	"strconv"

	"github.com/uptrace/bun"

	"gyro/internal/database"
)

// Repair is the job that gives the core once more what it should have.
type Repair struct {
	Document int64 `json:"document"`
}

// Kind implements database.JobArgs.
func (Repair) Kind() string { return "catalog_repair" }

// repair publishes the core's half of a document once more; the core does
// nothing where it has it.
func (s *Service) repair(ctx context.Context, id int64) error {
	var d Document
	err := s.db.Read(ctx, func(ctx context.Context, q bun.IDB) error {
		return q.NewSelect().Model(&d).Where("d.id = ?", id).Scan(ctx)
	})
	if err != nil || d.State != DocumentScheduled && d.State != DocumentPublished {
		return err
	}
	_, err = s.toCore(ctx, &d)
	return err
}

// takeEffect notes that a document's moment has come.
func (s *Service) takeEffect(ctx context.Context, id int64) error {
	return s.db.Write(ctx, byJob, func(ctx context.Context, tx *database.Tx) error {
		var d Document
		if err := tx.NewSelect().Model(&d).Where("d.id = ?", id).Scan(ctx); err != nil {
			return err
		}
		if d.State != DocumentScheduled {
			return nil // withdrawn, or done before
		}
		before := d
		d.State, d.UpdatedAt = DocumentPublished, tx.Now()
		if err := update(ctx, tx, &before, &d, "take effect"); err != nil {
			return err
		}
		return (&applying{s: s, tx: tx, document: &d, from: d.AppliedAt}).states(ctx)
	})
}

// states brings the states of offers and specifications in line with their
// dates, and tells of each offer that changed.
func (a *applying) states(ctx context.Context) error {
	var changed []Offering
	err := a.tx.NewSelect().Model(&changed).
		Where("o.catalog = ? AND o.document_id IS NOT NULL", a.document.Name).
		Where("o.status = ? AND o.valid_from <= ? OR o.status = ? AND o.valid_until > 0 AND o.valid_until <= ?", Draft, a.from, Active, a.from).
		Order("o.id").Scan(ctx)
	if err != nil {
		return err
	}
	for n := range changed {
		o := &changed[n]
		before := o.Status
		o.Status = Active
		if !o.Sellable || o.ValidUntil != 0 && o.ValidUntil <= a.from {
			o.Status = Retired
		}
		o.UpdatedAt = a.tx.Now()
		if _, err := a.tx.NewUpdate().Model(o).Column("status", "updated_at").WherePK().Exec(ctx); err != nil {
			return err
		}
		if err := stateChanged(ctx, a.tx, o, before); err != nil {
			return err
		}
	}
	_, err = a.tx.ExecContext(ctx, `UPDATE product_specification SET status = CASE WHEN valid_until > 0 AND valid_until <= ? THEN 'retired' ELSE 'active' END, updated_at = ?
		WHERE document_id IN (SELECT id FROM catalog_document WHERE name = ?) AND (status = 'draft' AND valid_from <= ? OR status = 'active' AND valid_until > 0 AND valid_until <= ?)`,
		a.from, a.tx.Now(), a.document.Name, a.from, a.from)
	return err
}

// stateChanged leaves the event and the audit row of an offer's new state.
func stateChanged(ctx context.Context, tx *database.Tx, o *Offering, before Status) error {
	id := strconv.FormatInt(o.ID, 10)
	if err := tx.Audit(ctx, "productOffering", id, "state", map[string]Status{"status": before}, map[string]Status{"status": o.Status}); err != nil {
		return err
	}
	return tx.Emit(ctx, database.Event{Type: "productOfferingStateChangeEvent", Entity: "productOffering", ID: id, Payload: o})
}

// dropProposal takes a proposal away that a document now has.
func dropProposal(ctx context.Context, tx *database.Tx, name string) error {
	for _, table := range [...]string{"product_offering_price", "offering_discount", "offering_relation"} {
		_, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE offering_id IN (SELECT id FROM product_offering WHERE name = ? AND version = 0)", name)
		if err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM product_offering WHERE name = ? AND version = 0", name)
	return err
}

// ignoreNone takes "no row" for no error.
func ignoreNone(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}
