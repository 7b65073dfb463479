package provisioning

import (
	"cmp"

	"gyro/catalog"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/provisioning/pool"
)

// Plan is what the catalogue said of an offering when it was ordered: the order, the product and the network keep to it,
// whatever becomes of the catalogue.
type Plan struct {
	OfferingID int64  `json:"offering_id,omitempty"`
	Name       string `json:"name,omitempty"`     // for customers
	Offering   string `json:"offering,omitempty"` // its name in the catalogue
	Prepaid    bool   `json:"prepaid,omitempty"`
	AddOn      bool   `json:"add_on,omitempty"`
	// ChargingOffer is the offer's name in the charging plan; empty if the core need not know of it.
	ChargingOffer    string     `json:"charging_offer,omitempty"`
	CommitmentMonths int        `json:"commitment_months,omitempty"`
	Prices           []Price    `json:"prices,omitempty"`
	Discounts        []Discount `json:"discounts,omitempty"`
	// NumberPool and CardPool are where a new line's number and card are drawn from; empty: it has none.
	NumberPool string `json:"number_pool,omitempty"`
	CardPool   string `json:"card_pool,omitempty"`
	// Resources are what the offering's specification needs of network elements.
	Resources []Resource `json:"resources,omitempty"`
	Requires  []string   `json:"requires,omitempty"` // names of offerings that the line must have
	Excludes  []string   `json:"excludes,omitempty"` // names of offerings beside which it cannot be
}

// Resource is what an offering needs of one network element.
type Resource struct {
	Element    string            `json:"element"`
	Profile    string            `json:"profile"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

// Price is a price as it was when it was ordered.
type Price struct {
	Name         string       `json:"name"`
	Type         string       `json:"type"` // recurring or one_time
	Amount       money.Amount `json:"amount"`
	Currency     string       `json:"currency"`
	PeriodMonths int64        `json:"period_months,omitempty"`
	PeriodDays   int64        `json:"period_days,omitempty"` // of prepaid offers
	InAdvance    bool         `json:"in_advance,omitempty"`
	Prorate      bool         `json:"prorate,omitempty"`
	TaxCategory  string       `json:"tax_category"`
	GLCode       string       `bun:"gl_code" json:"gl_code"`
}

// Discount is taken off before tax: a rate in millionths or an amount.
type Discount struct {
	Name      string       `json:"name"`
	Rate      int64        `bun:"rate_millionths" json:"rate_millionths,omitempty"`
	Amount    money.Amount `json:"amount,omitempty"`
	Currency  string       `json:"currency,omitempty"`
	AppliesTo string       `json:"applies_to"`       // recurring or one_time
	Cycles    int64        `json:"cycles,omitempty"` // for how many; 0 is for ever
}

// planOf takes from the catalogue what an order keeps. coupon is what the customer named, or empty.
func planOf(o *catalog.Offering, at instant.Instant, coupon string) Plan {
	p := Plan{
		OfferingID: o.ID, Name: o.Display(), Offering: o.Name, Prepaid: o.Kind == catalog.Prepaid, AddOn: o.AddOn, ChargingOffer: o.ChargingOffer,
		CommitmentMonths: int(o.CommitmentMonths), Requires: o.Requires, Excludes: o.Excludes,
	}
	for k := range o.Prices {
		if price := &o.Prices[k]; price.Type != catalog.Usage {
			p.Prices = append(p.Prices, Price{
				Name: price.Name, Type: string(price.Type), Amount: price.Amount, Currency: price.Currency,
				PeriodMonths: price.PeriodMonths, PeriodDays: price.PeriodDays, InAdvance: price.InAdvance, Prorate: price.Prorate,
				TaxCategory: price.TaxCategory, GLCode: price.GLCode,
			})
		}
	}
	for k := range o.Discounts {
		if d := &o.Discounts[k]; d.Open(at, coupon) {
			p.Discounts = append(p.Discounts, Discount{
				Name: d.Name, Rate: d.RateMillionths, Amount: d.Amount, Currency: o.Currency, AppliesTo: string(d.AppliesTo), Cycles: d.Cycles,
			})
		}
	}
	if o.Specification == nil {
		return p
	}
	for k := range o.Specification.Components {
		c := &o.Specification.Components[k]
		switch c.Kind {
		case catalog.MSISDN:
			p.NumberPool = cmp.Or(c.Attributes["pool"], pool.Default)
		case catalog.SIM:
			p.CardPool = cmp.Or(c.Attributes["pool"], pool.Default)
		case catalog.HSS, catalog.PCRF:
			p.Resources = append(p.Resources, Resource{Element: string(c.Kind), Profile: c.Profile, Attributes: c.Attributes})
		case catalog.Account, catalog.Subscriber, catalog.Subscription:
			// The core is told of every line; whether it subscribes is said by the charging offer.
		}
	}
	return p
}
