package tmf

import (
	"context"
	"strings"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/catalog"
	"gyro/internal/database"
	"gyro/internal/refusal"

	"github.com/uptrace/bun"
)

// TMF620: catalogues, categories, offers, their prices, specifications. What is
// in force comes from documents (package catalog); what can be made here is a
// proposal, which a document takes up.

// offeringDocument is TMF620's ProductOffering: a version of an offer.
type offeringDocument struct {
	rest.Entity
	Name            string                 `json:"name,omitempty"`
	Description     string                 `json:"description,omitempty"`
	Version         string                 `json:"version,omitempty"`
	LifecycleStatus string                 `json:"lifecycleStatus,omitempty"`
	LastUpdate      rest.Time              `json:"lastUpdate,omitzero"`
	IsBundle        bool                   `json:"isBundle"`
	IsSellable      bool                   `json:"isSellable"`
	ValidFor        *rest.TimePeriod       `json:"validFor,omitempty"`
	Category        []rest.Ref             `json:"category,omitempty"`
	MarketSegment   []rest.Ref             `json:"marketSegment,omitempty"`
	Price           []priceRef             `json:"productOfferingPrice,omitempty"`
	Relationship    []offeringRelationship `json:"productOfferingRelationship,omitempty"`
	Term            []offeringTerm         `json:"productOfferingTerm,omitempty"`
	Specification   *rest.Ref              `json:"productSpecification,omitempty"`
}

// priceRef is ProductOfferingPriceRefOrValue.
type priceRef struct {
	rest.Ref
	PriceType string `json:"priceType,omitempty"`
}

// offeringRelationship is ProductOfferingRelationship: requires or excludes.
type offeringRelationship struct {
	Name             string `json:"name"`
	RelationshipType string `json:"relationshipType"`
}

// offeringTerm is ProductOfferingTerm: a commitment.
type offeringTerm struct {
	Name     string   `json:"name"`
	Duration duration `json:"duration"`
}

type duration struct {
	Amount int64  `json:"amount"`
	Units  string `json:"units"`
}

// lifecycle are TM Forum's words for the states of offers and specifications.
var lifecycle = []string{"In design", "Active", "Retired"}

func lifecycleOf(s catalog.Status) string {
	switch s {
	case catalog.Active:
		return lifecycle[1]
	case catalog.Retired:
		return lifecycle[2]
	case catalog.Draft:
	}
	return lifecycle[0]
}

// lifecycleColumn is the word for the state in a column.
func lifecycleColumn(column string) string {
	return "CASE " + column + " WHEN 'draft' THEN 'In design' WHEN 'active' THEN 'Active' ELSE 'Retired' END"
}

func offeringOf(ctx context.Context, o *catalog.Offering) offeringDocument {
	d := offeringDocument{
		Entity: rest.Entity{ID: rest.ID(o.ID)}, Name: o.Name, Description: o.Description, Version: rest.ID(o.Version),
		LifecycleStatus: lifecycleOf(o.Status), LastUpdate: rest.Time(o.UpdatedAt), IsSellable: o.Sellable,
	}
	if o.ValidFrom != 0 {
		d.ValidFor = &rest.TimePeriod{Start: rest.Time(o.ValidFrom), End: rest.Time(o.ValidUntil)}
	}
	if o.Category != "" {
		d.Category = []rest.Ref{{ID: o.Category, Name: o.Category, Href: rest.Href(ctx, rest.TMF620, "category", o.Category), ReferredType: "Category"}}
	}
	if o.Segments != "" {
		for segment := range strings.SplitSeq(o.Segments, ",") {
			d.MarketSegment = append(d.MarketSegment, rest.Ref{ID: segment, Name: segment, ReferredType: "MarketSegment"})
		}
	}
	for n := range o.Prices {
		id := rest.ID(o.Prices[n].ID)
		d.Price = append(d.Price, priceRef{
			Ref:       rest.Ref{ID: id, Name: o.Prices[n].Name, Href: rest.Href(ctx, rest.TMF620, "productOfferingPrice", id), ReferredType: "ProductOfferingPrice"},
			PriceType: priceTypeOf(o.Prices[n].Type),
		})
	}
	for _, name := range o.Requires {
		d.Relationship = append(d.Relationship, offeringRelationship{name, "requires"})
	}
	for _, name := range o.Excludes {
		d.Relationship = append(d.Relationship, offeringRelationship{name, "excludes"})
	}
	if o.CommitmentMonths > 0 {
		d.Term = []offeringTerm{{"commitment", duration{o.CommitmentMonths, "month"}}}
	}
	if s := o.Specification; s != nil {
		d.Specification = &rest.Ref{ID: rest.ID(s.ID), Name: s.Name, Href: rest.Href(ctx, rest.TMF620, "productSpecification", rest.ID(s.ID)), ReferredType: "ProductSpecification"}
	}
	return d
}

// offerings is TMF620's ProductOffering.
func offerings(s *catalog.Service) rest.Set {
	return rest.Resource[offeringDocument]{
		API: rest.TMF620, Path: "productOffering", Type: "ProductOffering",
		About: "What can be ordered, in versions. A POST makes a proposal, which a catalogue document takes up.",
		Roles: rest.Roles{Read: access.Anyone, Create: access.Marketing, Patch: access.Marketing, Delete: access.Marketing}, Key: "o.id",
		Filters: []rest.Filter{
			{Attribute: "name", Column: "o.name", Sort: true},
			{Attribute: "lifecycleStatus", Column: lifecycleColumn("o.status"), Values: lifecycle},
			{Attribute: "isSellable", Column: "o.sellable", Kind: rest.Flag},
			{Attribute: "category.id", Column: "o.category"},
			{Attribute: "lastUpdate", Column: "o.updated_at", Kind: rest.Instant, Sort: true},
		},
		ReadOnly: []string{
			"version", "lifecycleStatus", "lastUpdate", "isBundle", "isSellable", "validFor", "marketSegment", "productOfferingPrice",
			"productOfferingRelationship", "productOfferingTerm", "productSpecification",
		},
		Patchable: []string{"name", "description", "category"},
		List: func(ctx context.Context, db bun.IDB, q *rest.Query) ([]offeringDocument, int, error) {
			var rows []catalog.Offering
			total, err := q.Page(ctx, db.NewSelect().Model(&rows))
			if err == nil {
				err = catalog.Complete(ctx, db, rows)
			}
			return documentsOf(ctx, rows, offeringOf), total, err
		},
		Get: func(ctx context.Context, db bun.IDB, id string) (offeringDocument, error) {
			o, err := offeringByID(ctx, s, db, id)
			return offeringOf(ctx, &o), err
		},
		Create: func(ctx context.Context, tx *database.Tx, in offeringDocument) (offeringDocument, error) {
			category, err := categoryIn(&in)
			if err != nil {
				return in, err
			}
			o, err := s.Propose(ctx, tx, catalog.Offering{Name: in.Name, Description: in.Description, Category: category})
			return offeringOf(ctx, &o), err
		},
		Patch: func(ctx context.Context, tx *database.Tx, id string, _, wanted offeringDocument) (offeringDocument, error) {
			number, err := rest.ParseID(id)
			if err != nil {
				return wanted, err
			}
			category, err := categoryIn(&wanted)
			if err != nil {
				return wanted, err
			}
			o, err := s.ChangeProposal(ctx, tx, number, func(o *catalog.Offering) {
				o.Name, o.Description, o.Category = wanted.Name, wanted.Description, category
			})
			return offeringOf(ctx, &o), err
		},
		Delete: func(ctx context.Context, tx *database.Tx, id string) error {
			number, err := rest.ParseID(id)
			if err != nil {
				return err
			}
			return s.DropProposal(ctx, tx, number)
		},
	}
}

func offeringByID(ctx context.Context, s *catalog.Service, db bun.IDB, id string) (catalog.Offering, error) {
	number, err := rest.ParseID(id)
	if err != nil {
		return catalog.Offering{}, err
	}
	return s.OfferingByID(ctx, db, number)
}

// categoryIn is the one category that an offer may have.
func categoryIn(d *offeringDocument) (string, error) {
	switch {
	case len(d.Category) == 0:
		return "", nil
	case len(d.Category) > 1:
		return "", refusal.New(refusal.Unprocessable, "invalid_value", "category", "there are %d categories; an offer has one", len(d.Category))
	}
	return d.Category[0].ID, nil
}

// documentsOf makes documents of rows.
func documentsOf[R, V any](ctx context.Context, rows []R, document func(context.Context, *R) V) []V {
	list := make([]V, len(rows))
	for n := range rows {
		list[n] = document(ctx, &rows[n])
	}
	return list
}

// categoryDocument is TMF620's Category: what some offers have in common. Its id
// is its name.
type categoryDocument struct {
	rest.Entity
	Name            string     `json:"name,omitempty"`
	IsRoot          bool       `json:"isRoot"`
	LifecycleStatus string     `json:"lifecycleStatus,omitempty"`
	Offerings       []rest.Ref `json:"productOffering,omitempty"`
}

func categories(s *catalog.Service) rest.Set {
	all := func(ctx context.Context, db bun.IDB, name string) ([]categoryDocument, error) {
		offers, _, err := s.Offerings(ctx, db, catalog.Filter{At: s.Now(), Category: name})
		list, at := []categoryDocument{}, map[string]int{}
		for n := range offers {
			o := &offers[n]
			if o.Category == "" {
				continue
			}
			k, known := at[o.Category]
			if !known {
				k, at[o.Category] = len(list), len(list)
				list = append(list, categoryDocument{Entity: rest.Entity{ID: o.Category}, Name: o.Category, IsRoot: true, LifecycleStatus: lifecycle[1]})
			}
			list[k].Offerings = append(list[k].Offerings, rest.Ref{
				ID: rest.ID(o.ID), Name: o.Name, Href: rest.Href(ctx, rest.TMF620, "productOffering", rest.ID(o.ID)), ReferredType: "ProductOffering",
			})
		}
		return list, err
	}
	return rest.Resource[categoryDocument]{
		API: rest.TMF620, Path: "category", Type: "Category", About: "What offers that are in force have in common.",
		Roles: rest.Roles{Read: access.Anyone}, Filters: []rest.Filter{{Attribute: "name"}},
		List: func(ctx context.Context, db bun.IDB, q *rest.Query) ([]categoryDocument, int, error) {
			list, err := all(ctx, db, q.Value("name"))
			page, total := rest.Slice(q, list)
			return page, total, err
		},
		Get: func(ctx context.Context, db bun.IDB, id string) (categoryDocument, error) {
			list, err := all(ctx, db, id)
			if err == nil && (len(list) == 0 || id == "") {
				err = refusal.New(refusal.NotFound, "not_found", "", "no offer in force has the category %q", id)
			}
			if err != nil {
				return categoryDocument{}, err
			}
			return list[0], nil
		},
	}
}

// catalogDocument is TMF620's Catalog: a version of a catalogue document.
type catalogDocument struct {
	rest.Entity
	Name            string           `json:"name,omitempty"`
	CatalogType     string           `json:"catalogType,omitempty"`
	Version         string           `json:"version,omitempty"`
	Description     string           `json:"description,omitempty"` // why it failed
	LifecycleStatus string           `json:"lifecycleStatus,omitempty"`
	LastUpdate      rest.Time        `json:"lastUpdate,omitzero"`
	ValidFor        *rest.TimePeriod `json:"validFor,omitempty"`
}

func catalogOf(_ context.Context, d *catalog.Document) catalogDocument {
	v := catalogDocument{
		Entity: rest.Entity{ID: rest.ID(d.ID)}, Name: d.Name, CatalogType: "Product", Version: rest.ID(d.Version), Description: d.Reason,
		LifecycleStatus: string(d.State), LastUpdate: rest.Time(d.UpdatedAt),
	}
	if d.AppliedAt != 0 {
		v.ValidFor = &rest.TimePeriod{Start: rest.Time(d.AppliedAt)}
	}
	return v
}

func catalogs() rest.Set {
	return rest.Resource[catalogDocument]{
		API: rest.TMF620, Path: "catalog", Type: "Catalog", About: "Versions of the catalogue documents, and where they are on their way into force.",
		Roles: rest.Roles{Read: access.Anyone}, Key: "d.id",
		Filters: []rest.Filter{
			{Attribute: "name", Column: "d.name", Sort: true},
			{Attribute: "lifecycleStatus", Column: "d.state", Values: []string{"draft", "checked", "scheduled", "published", "failed", "withdrawn"}},
		},
		List: func(ctx context.Context, db bun.IDB, q *rest.Query) ([]catalogDocument, int, error) {
			var rows []catalog.Document
			total, err := q.Page(ctx, db.NewSelect().Model(&rows).ExcludeColumn("source", "charging_source"))
			return documentsOf(ctx, rows, catalogOf), total, err
		},
		Get: func(ctx context.Context, db bun.IDB, id string) (catalogDocument, error) {
			number, err := rest.ParseID(id)
			if err != nil {
				return catalogDocument{}, err
			}
			var rows []catalog.Document
			if err := db.NewSelect().Model(&rows).ExcludeColumn("source", "charging_source").Where("d.id = ?", number).Scan(ctx); err != nil || len(rows) == 0 {
				return catalogDocument{}, orNotFound(err, "catalogue", id)
			}
			return catalogOf(ctx, &rows[0]), nil
		},
	}
}

// orNotFound is err, or that there is no such thing.
func orNotFound(err error, what, id string) error {
	if err != nil {
		return err
	}
	return refusal.New(refusal.NotFound, "not_found", "", "there is no %s %s; the list shows those there are", what, id)
}
