package catalog

import (
	"context"
	"fmt"
	"strconv"

	"gyro/internal/database"
	"gyro/internal/instant"
)

// apply writes the office's half of a document that the core has: new versions
// of what changed, valid from its moment on, and the end of what they replace.
func (s *Service) apply(ctx context.Context, tx *database.Tx, id, chargingVersion int64) error {
	var d Document
	if err := tx.NewSelect().Model(&d).Where("d.id = ?", id).Scan(ctx); err != nil {
		return err
	}
	if d.State == DocumentWithdrawn {
		return s.restore(ctx, tx, d.Name)
	}
	if d.State != DocumentScheduled || d.AppliedAt != 0 {
		return nil
	}
	compiled, err := Compile([]byte(d.Source))
	if err != nil {
		return fmt.Errorf("catalogue %s compiled when it was submitted: %w", d.ref(), err)
	}
	from := max(tx.Now(), d.EffectiveAt)
	if err := withdraw(ctx, tx, &d, true); err != nil {
		return err
	}
	if err := forget(ctx, tx, d.Name); err != nil {
		return err
	}
	a := applying{s: s, tx: tx, document: &d, from: from}
	if err := a.all(ctx, compiled); err != nil {
		return err
	}
	before := d
	d.ChargingVersion, d.AppliedAt, d.UpdatedAt = chargingVersion, from, tx.Now()
	if from > tx.Now() {
		if err := update(ctx, tx, &before, &d, "accept"); err != nil {
			return err
		}
		return tx.Enqueue(ctx, TakeEffect{d.ID}, database.Queue(queueName), database.ScheduledAt(from), database.MaxAttempts(attempts))
	}
	d.State = DocumentPublished
	if err := update(ctx, tx, &before, &d, "accept"); err != nil {
		return err
	}
	return a.states(ctx)
}

// restore has the core given once more what should be there: a document was
// withdrawn while the core was being given it, and may have come last.
func (s *Service) restore(ctx context.Context, tx *database.Tx, name string) error {
	var newest Document
	err := tx.NewSelect().Model(&newest).Where("d.name = ? AND d.state IN (?, ?)", name, DocumentScheduled, DocumentPublished).
		Order("d.version DESC").Limit(1).Scan(ctx)
	if err != nil {
		return fmt.Errorf("catalogue %s has nothing to go back to: %w", name, err)
	}
	return tx.Enqueue(ctx, Repair{newest.ID}, database.Queue(queueName), database.MaxAttempts(attempts))
}

// forget takes back versions that are not in force yet: another document has
// come before their moment.
func forget(ctx context.Context, tx *database.Tx, catalog string) error {
	const mine = "SELECT id FROM product_offering WHERE catalog = ? AND document_id IS NOT NULL AND valid_from > ?"
	for _, table := range [...]string{"product_offering_price", "offering_discount", "offering_relation"} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE offering_id IN ("+mine+")", catalog, tx.Now()); err != nil {
			return err
		}
	}
	const specs = "SELECT s.id FROM product_specification s JOIN catalog_document d ON d.id = s.document_id WHERE d.name = ? AND s.valid_from > ?"
	for _, statement := range [...]string{
		"DELETE FROM product_offering WHERE id IN (" + mine + ")",
		"DELETE FROM specification_component WHERE specification_id IN (" + specs + ")",
		"DELETE FROM product_specification WHERE id IN (" + specs + ")",
		"UPDATE product_offering SET valid_until = 0 WHERE catalog = ? AND valid_until > ?",
		"UPDATE product_specification SET valid_until = 0 WHERE document_id IN (SELECT id FROM catalog_document WHERE name = ?) AND valid_until > ?",
	} {
		if _, err := tx.ExecContext(ctx, statement, catalog, tx.Now()); err != nil {
			return err
		}
	}
	return nil
}

// applying is the writing of one document's rows.
type applying struct {
	s        *Service
	tx       *database.Tx
	document *Document
	from     instant.Instant
	specs    map[string]int64 // ids by name, looked up only
}

func (a *applying) all(ctx context.Context, c *Compiled) error {
	if err := a.specifications(ctx, c.Specifications); err != nil {
		return err
	}
	inForce, _, err := a.s.Offerings(ctx, a.tx, Filter{Catalog: a.document.Name, At: a.from})
	if err != nil {
		return err
	}
	was := map[string]*Offering{}
	for n := range inForce {
		was[inForce[n].Name] = &inForce[n]
	}
	stays := map[string]bool{}
	for n := range c.Offerings {
		o := &c.Offerings[n]
		stays[o.Name] = true
		old := was[o.Name]
		if old != nil && old.Digest == o.Digest {
			continue
		}
		if err := a.offering(ctx, o, old); err != nil {
			return fmt.Errorf("offer %s: %w", o.Name, err)
		}
	}
	for n := range inForce {
		if !stays[inForce[n].Name] {
			if err := a.end(ctx, &inForce[n]); err != nil {
				return err
			}
		}
	}
	return nil
}

// specifications writes those that are new or changed, and learns the ids of
// all.
func (a *applying) specifications(ctx context.Context, list []Specification) error {
	a.specs = map[string]int64{}
	for n := range list {
		var newest Specification
		err := a.tx.NewSelect().Model(&newest).Where("s.name = ? AND s.document_id IS NOT NULL", list[n].Name).Order("s.version DESC").Limit(1).Scan(ctx)
		if err := ignoreNone(err); err != nil {
			return err
		}
		if newest.Digest == list[n].Digest && newest.ValidUntil == 0 {
			a.specs[newest.Name] = newest.ID
			continue
		}
		if err := a.specification(ctx, list[n], newest); err != nil {
			return fmt.Errorf("specification %s: %w", list[n].Name, err)
		}
	}
	return nil
}

func (a *applying) specification(ctx context.Context, s, newest Specification) error {
	if newest.ID != 0 && newest.ValidUntil == 0 {
		if _, err := a.tx.ExecContext(ctx, "UPDATE product_specification SET valid_until = ?, updated_at = ? WHERE id = ?", a.from, a.tx.Now(), newest.ID); err != nil {
			return err
		}
	}
	s.Version, s.DocumentID, s.ValidFrom, s.CreatedAt, s.UpdatedAt = newest.Version+1, a.document.ID, a.from, a.tx.Now(), a.tx.Now()
	if _, err := a.tx.NewInsert().Model(&s).Returning("id").Exec(ctx); err != nil {
		return err
	}
	a.specs[s.Name] = s.ID
	for n := range s.Components {
		c := s.Components[n]
		c.SpecificationID = s.ID
		if c.Attributes == nil {
			c.Attributes = map[string]string{}
		}
		if _, err := a.tx.NewInsert().Model(&c).Exec(ctx); err != nil {
			return err
		}
	}
	return a.tx.Audit(ctx, "productSpecification", strconv.FormatInt(s.ID, 10), "create", nil, s)
}

// offering writes a version of an offer; old is the one that it replaces.
func (a *applying) offering(ctx context.Context, o, old *Offering) error {
	row := *o
	version := int64(0)
	if err := a.tx.QueryRowContext(ctx, "SELECT COALESCE(MAX(version), 0) FROM product_offering WHERE name = ?", o.Name).Scan(&version); err != nil {
		return err
	}
	row.Version, row.DocumentID, row.ValidFrom, row.CreatedAt, row.UpdatedAt = version+1, a.document.ID, a.from, a.tx.Now(), a.tx.Now()
	if o.Specification != nil {
		row.SpecificationID = a.specs[o.Specification.Name]
	}
	if old != nil {
		if err := a.end(ctx, old); err != nil {
			return err
		}
	}
	if err := dropProposal(ctx, a.tx, o.Name); err != nil {
		return err
	}
	if _, err := a.tx.NewInsert().Model(&row).Returning("id").Exec(ctx); err != nil {
		return err
	}
	if err := insertParts(ctx, a.tx, &row); err != nil {
		return err
	}
	return a.tx.Audit(ctx, "productOffering", strconv.FormatInt(row.ID, 10), "create", nil, row.audited())
}

// insertParts writes what belongs to an offer.
func insertParts(ctx context.Context, tx *database.Tx, o *Offering) error {
	for n := range o.Prices {
		p := o.Prices[n]
		p.ID, p.OfferingID = 0, o.ID
		if p.Titles == nil {
			p.Titles = map[string]string{}
		}
		if _, err := tx.NewInsert().Model(&p).Exec(ctx); err != nil {
			return err
		}
	}
	for n := range o.Discounts {
		d := o.Discounts[n]
		d.ID, d.OfferingID = 0, o.ID
		if _, err := tx.NewInsert().Model(&d).Exec(ctx); err != nil {
			return err
		}
	}
	for n, list := range [...][]string{o.Requires, o.Excludes} {
		for _, other := range list {
			r := relation{OfferingID: o.ID, Type: [...]string{requires, excludes}[n], Other: other}
			if _, err := tx.NewInsert().Model(&r).Exec(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// end has a version be in force until the document's moment.
func (a *applying) end(ctx context.Context, o *Offering) error {
	_, err := a.tx.ExecContext(ctx, "UPDATE product_offering SET valid_until = ?, updated_at = ? WHERE id = ?", a.from, a.tx.Now(), o.ID)
	return err
}
