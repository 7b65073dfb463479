package tmf

import (
	"context"
	"fmt"
	"maps"

	"gyro/api/rest"
	"gyro/provisioning"

	"github.com/uptrace/bun"
)

// product is TMF637's Product.
type product struct {
	rest.Entity
	Name                  string                `json:"name,omitempty"`
	Status                string                `json:"status,omitempty"`
	OrderDate             rest.Time             `json:"orderDate,omitzero"`
	StartDate             rest.Time             `json:"startDate,omitzero"`
	TerminationDate       rest.Time             `json:"terminationDate,omitzero"`
	BillingAccount        rest.Ref              `json:"billingAccount"`
	ProductOffering       rest.Ref              `json:"productOffering"`
	ProductCharacteristic []rest.Characteristic `json:"productCharacteristic,omitempty"` // the line's number and card among them
	ProductPrice          []productPrice        `json:"productPrice,omitempty"`          // those in force
	ProductTerm           []productTerm         `json:"productTerm,omitempty"`           // the commitment
	RealizingService      []rest.Ref            `json:"realizingService,omitempty"`      // what the network does for it
}

type productPrice struct {
	Name                  string      `json:"name"`
	PriceType             string      `json:"priceType"` // recurring or one_time
	RecurringChargePeriod string      `json:"recurringChargePeriod,omitempty"`
	Price                 priceAmount `json:"price"`
}

// priceAmount is before tax for postpaid products; what a prepaid one's balance is charged includes it.
type priceAmount struct {
	DutyFreeAmount *rest.Money `json:"dutyFreeAmount"`
}

type productTerm struct {
	Name     string          `json:"name"`
	ValidFor rest.TimePeriod `json:"validFor"`
}

// products is TMF637's Product: orders write it, nobody else.
func products(s *provisioning.Service) rest.Set {
	return rest.Resource[product]{
		API: rest.TMF637, Path: "product", Type: "Product", Key: "p.id", Roles: rest.Roles{Read: orderReaders},
		About: "What a customer has, as it was ordered.",
		Filters: []rest.Filter{
			{Attribute: "status", Column: "p.status", Values: []string{"created", "pendingActive", "cancelled", "active", "pendingTerminate", "terminated", "suspended"}, Sort: true},
			{Attribute: "name", Column: "p.name", Sort: true},
			{Attribute: "billingAccount.id", Column: "p.billing_account_id", Kind: rest.Number},
			{Attribute: "productOffering.id", Column: "p.offering_id", Kind: rest.Number},
			{Attribute: "startDate", Column: "p.activated_at", Kind: rest.Instant, Sort: true},
		},
		List: func(ctx context.Context, db bun.IDB, q *rest.Query) ([]product, int, error) {
			var rows []provisioning.Product
			total, err := q.Page(ctx, db.NewSelect().Model(&rows))
			if err != nil {
				return nil, total, err
			}
			page, err := productsOf(ctx, db, s, rows)
			return page, total, err
		},
		Get: func(ctx context.Context, db bun.IDB, id string) (product, error) {
			n, err := rest.ParseID(id)
			if err != nil {
				return product{}, err
			}
			row, err := s.Product(ctx, db, n)
			if err != nil {
				return product{}, err
			}
			page, err := productsOf(ctx, db, s, []provisioning.Product{row})
			if err != nil {
				return product{}, err
			}
			return page[0], nil
		},
	}
}

// productsOf are the documents of products.
func productsOf(ctx context.Context, db bun.IDB, s *provisioning.Service, rows []provisioning.Product) ([]product, error) {
	ids, lines := make([]int64, len(rows)), []int64{}
	for k := range rows {
		ids[k] = rows[k].ID
		if rows[k].SubscriptionID != 0 {
			lines = append(lines, rows[k].SubscriptionID)
		}
	}
	prices, err := s.Costs(ctx, db, ids)
	if err != nil {
		return nil, err
	}
	services, err := s.Services(ctx, db, ids)
	if err != nil {
		return nil, err
	}
	of, err := s.LinesOf(ctx, db, lines)
	if err != nil {
		return nil, err
	}
	page := make([]product, len(rows))
	for k := range rows {
		page[k] = productOf(ctx, &rows[k], prices[rows[k].ID], services[rows[k].ID], of[rows[k].SubscriptionID])
	}
	return page, nil
}

func productOf(ctx context.Context, p *provisioning.Product, prices []provisioning.ProductPrice, services []provisioning.NetworkService, line provisioning.Line) product {
	account, offering := rest.ID(p.BillingAccountID), rest.ID(p.OfferingID)
	v := product{
		Entity: rest.Entity{ID: rest.ID(p.ID)}, Name: p.Name, Status: string(p.Status), OrderDate: rest.Time(p.CreatedAt),
		StartDate: rest.Time(p.ActivatedAt), TerminationDate: rest.Time(p.TerminatedAt),
		BillingAccount:  rest.Ref{ID: account, Href: rest.Href(ctx, rest.TMF666, "billingAccount", account), ReferredType: "BillingAccount"},
		ProductOffering: rest.Ref{ID: offering, Href: rest.Href(ctx, rest.TMF620, "productOffering", offering), ReferredType: "ProductOffering"},
	}
	all := map[string]string{}
	maps.Copy(all, p.Characteristics)
	for name, value := range map[string]string{"msisdn": line.MSISDN, "imsi": line.IMSI, "iccid": line.ICCID} {
		if value != "" {
			all[name] = value
		}
	}
	v.ProductCharacteristic = texts(all)
	for k := range prices {
		if price := &prices[k]; price.ValidUntil == 0 {
			v.ProductPrice = append(v.ProductPrice, productPrice{
				Name: price.Name, PriceType: price.Type, RecurringChargePeriod: period(&price.Price),
				Price: priceAmount{rest.MoneyOf(price.Amount, price.Currency)},
			})
		}
	}
	if p.CommitmentUntil != 0 {
		v.ProductTerm = []productTerm{{"commitment", rest.TimePeriod{Start: rest.Time(p.ActivatedAt), End: rest.Time(p.CommitmentUntil)}}}
	}
	for k := range services {
		v.RealizingService = append(v.RealizingService, rest.Ref{ID: rest.ID(services[k].ID), Name: services[k].Element + " " + services[k].Profile, ReferredType: "Service"})
	}
	return v
}

// period is how often a price falls due, in words.
func period(p *provisioning.Price) string {
	switch {
	case p.Type != "recurring":
		return ""
	case p.PeriodDays > 0:
		return fmt.Sprintf("%d days", p.PeriodDays)
	case p.PeriodMonths == 1:
		return "month"
	}
	return fmt.Sprintf("%d months", p.PeriodMonths)
}
