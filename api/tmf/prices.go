package tmf

import (
	"context"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/catalog"
	"gyro/internal/refusal"

	"github.com/uptrace/bun"
)

// priceDocument is TMF620's ProductOfferingPrice.
type priceDocument struct {
	rest.Entity
	Name            string      `json:"name,omitempty"`
	Description     string      `json:"description,omitempty"`
	LifecycleStatus string      `json:"lifecycleStatus,omitempty"`
	IsBundle        bool        `json:"isBundle"`
	PriceType       string      `json:"priceType,omitempty"`
	PeriodType      string      `json:"recurringChargePeriodType,omitempty"`
	PeriodLength    int64       `json:"recurringChargePeriodLength,omitempty"`
	Price           *rest.Money `json:"price,omitempty"`
	Tax             []taxItem   `json:"tax,omitempty"`
}

type taxItem struct {
	TaxCategory string `json:"taxCategory"`
}

// priceTypes are TM Forum's words for the types of price.
var priceTypes = []string{"recurring", "oneTime", "usage"}

func priceTypeOf(t catalog.PriceType) string {
	if t == catalog.OneTime {
		return priceTypes[1]
	}
	return string(t)
}

// priceRow is a price with the state of its offer.
type priceRow struct {
	catalog.Price `bun:",extend"`
	OfferStatus   catalog.Status `bun:"offer_status,scanonly"`
}

func priceOf(_ context.Context, r *priceRow) priceDocument {
	d := priceDocument{
		Entity: rest.Entity{ID: rest.ID(r.ID)}, Name: r.Name, Description: r.Description, LifecycleStatus: lifecycleOf(r.OfferStatus),
		PriceType: priceTypeOf(r.Type), Tax: []taxItem{{r.TaxCategory}},
	}
	if r.Type != catalog.Usage {
		d.Price = rest.MoneyOf(r.Amount, r.Currency)
	}
	switch {
	case r.PeriodDays > 0:
		d.PeriodType, d.PeriodLength = "day", r.PeriodDays
	case r.PeriodMonths > 0:
		d.PeriodType, d.PeriodLength = "month", r.PeriodMonths
	}
	return d
}

// prices is TMF620's ProductOfferingPrice.
func prices() rest.Set {
	query := func(db bun.IDB, rows *[]priceRow) *bun.SelectQuery {
		return db.NewSelect().Model(rows).ColumnExpr("p.*").ColumnExpr("o.status AS offer_status").Join("JOIN product_offering AS o ON o.id = p.offering_id")
	}
	return rest.Resource[priceDocument]{
		API: rest.TMF620, Path: "productOfferingPrice", Type: "ProductOfferingPrice",
		About: "What an offer costs. A usage price says in words what the charging core's tariff has.",
		Roles: rest.Roles{Read: access.Anyone}, Key: "p.id",
		Filters: []rest.Filter{
			{Attribute: "name", Column: "p.name", Sort: true},
			{Attribute: "priceType", Column: "CASE p.type WHEN 'one_time' THEN 'oneTime' ELSE p.type END", Values: priceTypes},
			{Attribute: "lifecycleStatus", Column: lifecycleColumn("o.status"), Values: lifecycle},
		},
		List: func(ctx context.Context, db bun.IDB, q *rest.Query) ([]priceDocument, int, error) {
			var rows []priceRow
			total, err := q.Page(ctx, query(db, &rows))
			return documentsOf(ctx, rows, priceOf), total, err
		},
		Get: func(ctx context.Context, db bun.IDB, id string) (priceDocument, error) {
			number, err := rest.ParseID(id)
			if err != nil {
				return priceDocument{}, err
			}
			var rows []priceRow
			if err := query(db, &rows).Where("p.id = ?", number).Scan(ctx); err != nil || len(rows) == 0 {
				return priceDocument{}, orNotFound(err, "price", id)
			}
			return priceOf(ctx, &rows[0]), nil
		},
	}
}

// specificationDocument is TMF620's ProductSpecification: its characteristics
// are the components that have to be set up.
type specificationDocument struct {
	rest.Entity
	Name            string           `json:"name,omitempty"`
	Description     string           `json:"description,omitempty"`
	Brand           string           `json:"brand,omitempty"`
	Version         string           `json:"version,omitempty"`
	IsBundle        bool             `json:"isBundle"`
	LifecycleStatus string           `json:"lifecycleStatus,omitempty"`
	LastUpdate      rest.Time        `json:"lastUpdate,omitzero"`
	ValidFor        *rest.TimePeriod `json:"validFor,omitempty"`
	Characteristics []characteristic `json:"productSpecCharacteristic,omitempty"`
}

// characteristic is ProductSpecificationCharacteristic.
type characteristic struct {
	Name         string                `json:"name"`
	Configurable bool                  `json:"configurable"`
	ValueType    string                `json:"valueType"`
	Values       []characteristicValue `json:"productSpecCharacteristicValue,omitempty"`
}

type characteristicValue struct {
	IsDefault bool   `json:"isDefault"`
	Value     string `json:"value"`
}

func specificationOf(_ context.Context, s *catalog.Specification) specificationDocument {
	d := specificationDocument{
		Entity: rest.Entity{ID: rest.ID(s.ID)}, Name: s.Name, Description: s.Description, Brand: s.Brand, Version: rest.ID(s.Version),
		LifecycleStatus: lifecycleOf(s.Status), LastUpdate: rest.Time(s.UpdatedAt),
	}
	if s.ValidFrom != 0 {
		d.ValidFor = &rest.TimePeriod{Start: rest.Time(s.ValidFrom), End: rest.Time(s.ValidUntil)}
	}
	for n := range s.Components {
		c := &s.Components[n]
		shown := characteristic{Name: string(c.Kind), ValueType: "string", Configurable: c.Kind == catalog.MSISDN || c.Kind == catalog.SIM}
		if c.Profile != "" {
			shown.Values = []characteristicValue{{true, c.Profile}}
		}
		d.Characteristics = append(d.Characteristics, shown)
	}
	return d
}

// specifications is TMF620's ProductSpecification.
func specifications(s *catalog.Service) rest.Set {
	return rest.Resource[specificationDocument]{
		API: rest.TMF620, Path: "productSpecification", Type: "ProductSpecification",
		About: "What a product is made of, in versions: the components that have to be set up for it.",
		Roles: rest.Roles{Read: access.Anyone}, Key: "s.id",
		Filters: []rest.Filter{
			{Attribute: "name", Column: "s.name", Sort: true},
			{Attribute: "lifecycleStatus", Column: lifecycleColumn("s.status"), Values: lifecycle},
		},
		List: func(ctx context.Context, db bun.IDB, q *rest.Query) ([]specificationDocument, int, error) {
			var rows []catalog.Specification
			total, err := q.Page(ctx, db.NewSelect().Model(&rows))
			if err == nil {
				err = catalog.CompleteSpecifications(ctx, db, rows)
			}
			return documentsOf(ctx, rows, specificationOf), total, err
		},
		Get: func(ctx context.Context, db bun.IDB, id string) (specificationDocument, error) {
			number, err := rest.ParseID(id)
			if err != nil {
				return specificationDocument{}, err
			}
			found, err := s.Specification(ctx, db, number)
			if refusal.Is(err, "specification_unknown") {
				err = orNotFound(nil, "specification", id)
			}
			return specificationOf(ctx, &found), err
		},
	}
}
