package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/uptrace/bun"

	"gyro/api/client"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"
)

// Charging is what a publication needs of the charging core; *client.Charging
// is it.
type Charging interface {
	Publish(ctx context.Context, catalog string, p client.Publication) (client.Catalog, error)
	Catalog(ctx context.Context, catalog string, version uint32) (client.Source, error)
}

// Service is everything that is done with catalogues.
type Service struct {
	db      *database.DB
	core    Charging
	details details
}

// New makes a service on an open database, which publishes to a core.
func New(db *database.DB, core Charging) *Service { return &Service{db: db, core: core} }

// Now is the moment by the office's clock.
func (s *Service) Now() instant.Instant { return s.db.Now() }

// Offering is the version of an offer that is in force at a moment, by its
// name; or any version by its id in decimal digits, whatever the moment. Names
// begin with a letter, so that the two cannot be confused. It comes with
// prices, discounts, relations and its specification.
func (s *Service) Offering(ctx context.Context, q bun.IDB, ref string, at instant.Instant) (Offering, error) {
	o, err := s.row(ctx, q, ref, at)
	if err != nil {
		return o, err
	}
	return completed(ctx, q, o, ref)
}

// row is the offer alone.
func (*Service) row(ctx context.Context, q bun.IDB, ref string, at instant.Instant) (o Offering, err error) {
	if id, notNumber := strconv.ParseInt(ref, 10, 64); notNumber == nil {
		o, err = database.Get[Offering](ctx, q, id)
	} else {
		o, err = database.First[Offering](ctx, q, `WHERE name = ? AND version > 0 AND valid_from <= ? AND (valid_until = 0 OR valid_until > ?)
			ORDER BY version DESC LIMIT 1`, ref, at, at)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return o, unknownOffering(ref)
	}
	if err != nil {
		return o, fmt.Errorf("offer %s: %w", ref, err)
	}
	return o, nil
}

// completed is an offer with what belongs to it.
func completed(ctx context.Context, q bun.IDB, o Offering, ref string) (Offering, error) {
	one := []Offering{o}
	if err := complete(ctx, q, one); err != nil {
		return o, fmt.Errorf("offer %s: %w", ref, err)
	}
	return one[0], nil
}

// OfferingByID is a version of an offer, as products have it.
func (s *Service) OfferingByID(ctx context.Context, q bun.IDB, id int64) (Offering, error) {
	return s.Offering(ctx, q, strconv.FormatInt(id, 10), 0)
}

func unknownOffering(ref string) error {
	return refusal.New(refusal.NotFound, "offering_unknown", "productOffering.id", "there is no offer %q in force; gyro offer list shows those there are", ref)
}

// Filter selects offers. A zero field selects all.
type Filter struct {
	Catalog, Name, Category string
	Kind                    Kind
	Status                  Status
	AddOn                   *bool
	Specification           string // its name
	// At selects the versions that are in force at a moment; zero all versions.
	At            instant.Instant
	Offset, Limit int // Limit 0 is all
}

func (f *Filter) where(query *bun.SelectQuery) *bun.SelectQuery {
	for _, asked := range [...]struct{ column, value string }{
		{"o.catalog", f.Catalog}, {"o.name", f.Name}, {"o.category", f.Category}, {"o.kind", string(f.Kind)}, {"o.status", string(f.Status)},
	} {
		if asked.value != "" {
			query = query.Where("? = ?", bun.Ident(asked.column), asked.value)
		}
	}
	if f.AddOn != nil {
		query = query.Where("o.addon = ?", *f.AddOn)
	}
	if f.Specification != "" {
		query = query.Where("o.specification_id IN (SELECT id FROM product_specification WHERE name = ?)", f.Specification)
	}
	if f.At != 0 {
		query = query.Where("o.version > 0 AND o.valid_from <= ? AND (o.valid_until = 0 OR o.valid_until > ?)", f.At, f.At)
	}
	return query
}

// Offerings are the offers that a filter selects, by name and version, and how
// many there are without Offset and Limit.
func (s *Service) Offerings(ctx context.Context, q bun.IDB, f Filter) ([]Offering, int, error) {
	var list []Offering
	query := f.where(q.NewSelect().Model(&list)).Order("o.name", "o.version")
	if f.Limit > 0 {
		query = query.Limit(int64(f.Limit))
	}
	if f.Offset > 0 {
		query = query.Offset(int64(f.Offset))
	}
	total, err := query.ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("offers: %w", err)
	}
	if err := complete(ctx, q, list); err != nil {
		return nil, 0, fmt.Errorf("offers: %w", err)
	}
	return list, int(total), nil
}

// Complete adds to offers, read by their rows alone, what belongs to them.
func Complete(ctx context.Context, q bun.IDB, offers []Offering) error {
	return complete(ctx, q, offers)
}

// CompleteSpecifications adds their components to specifications.
func CompleteSpecifications(ctx context.Context, q bun.IDB, list []Specification) error {
	return withComponents(ctx, q, list)
}

// complete adds to offers what belongs to them, with one query for each sort.
func complete(ctx context.Context, q bun.IDB, offers []Offering) error {
	if len(offers) == 0 {
		return nil
	}
	byID, ids, specs := map[int64]*Offering{}, []int64{}, []int64{}
	for n := range offers {
		byID[offers[n].ID] = &offers[n]
		ids = append(ids, offers[n].ID)
		if offers[n].SpecificationID != 0 {
			specs = append(specs, offers[n].SpecificationID)
		}
	}
	var prices []Price
	var discounts []Discount
	var relations []relation
	for _, list := range []any{&prices, &discounts, &relations} {
		if err := q.NewSelect().Model(list).Where("offering_id IN (?)", bun.List(ids)).Order("offering_id", "id").Scan(ctx); err != nil {
			return err
		}
	}
	for _, p := range prices {
		byID[p.OfferingID].Prices = append(byID[p.OfferingID].Prices, p)
	}
	for _, d := range discounts {
		byID[d.OfferingID].Discounts = append(byID[d.OfferingID].Discounts, d)
	}
	for _, r := range relations {
		if o := byID[r.OfferingID]; r.Type == requires {
			o.Requires = append(o.Requires, r.Other)
		} else {
			o.Excludes = append(o.Excludes, r.Other)
		}
	}
	found, err := specifications(ctx, q, specs)
	for n := range offers {
		offers[n].Specification = found[offers[n].SpecificationID]
	}
	return err
}

// relation is a row of offering_relation.
type relation struct {
	bun.BaseModel `bun:"table:offering_relation"`

	ID         int64 `bun:",pk,autoincrement"`
	OfferingID int64
	Type       string
	Other      string
}

const (
	requires = "requires"
	excludes = "excludes"
)

// specifications reads some with their components.
func specifications(ctx context.Context, q bun.IDB, ids []int64) (map[int64]*Specification, error) {
	found := map[int64]*Specification{}
	if len(ids) == 0 {
		return found, nil
	}
	var list []Specification
	if err := q.NewSelect().Model(&list).Where("s.id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return nil, err
	}
	if err := withComponents(ctx, q, list); err != nil {
		return nil, err
	}
	for n := range list {
		found[list[n].ID] = &list[n]
	}
	return found, nil
}

func withComponents(ctx context.Context, q bun.IDB, list []Specification) error {
	if len(list) == 0 {
		return nil
	}
	byID, ids := map[int64]*Specification{}, []int64{}
	for n := range list {
		byID[list[n].ID] = &list[n]
		ids = append(ids, list[n].ID)
	}
	var components []Component
	if err := q.NewSelect().Model(&components).Where("specification_id IN (?)", bun.List(ids)).Order("specification_id", "position").Scan(ctx); err != nil {
		return err
	}
	for _, c := range components {
		s := byID[c.SpecificationID]
		s.Components = append(s.Components, c)
	}
	return nil
}

// Specifications are all versions of specifications, or those of a name, by
// name and version.
func (s *Service) Specifications(ctx context.Context, q bun.IDB, name string, offset, limit int) ([]Specification, int, error) {
	var list []Specification
	query := q.NewSelect().Model(&list).Order("s.name", "s.version").Offset(int64(offset))
	if name != "" {
		query = query.Where("s.name = ?", name)
	}
	if limit > 0 {
		query = query.Limit(int64(limit))
	}
	total, err := query.ScanAndCount(ctx)
	if err == nil {
		err = withComponents(ctx, q, list)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("specifications: %w", err)
	}
	return list, int(total), nil
}

// Specification is one version of a specification.
func (s *Service) Specification(ctx context.Context, q bun.IDB, id int64) (Specification, error) {
	found, err := specifications(ctx, q, []int64{id})
	if err != nil {
		return Specification{}, fmt.Errorf("specification %d: %w", id, err)
	}
	if found[id] == nil {
		return Specification{}, refusal.New(refusal.NotFound, "specification_unknown", "id", "there is no specification %d; look its id up in the list", id)
	}
	return *found[id], nil
}
