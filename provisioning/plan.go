package provisioning

import (
	"gyro/internal/instant"
	"gyro/internal/money"
)

// Plan is what the catalogue said of an offering when it was ordered: the order, the product and the network keep to it,
// whatever becomes of the catalogue.
type Plan struct {
	OfferingID int64  `json:"offering_id,omitempty"`
	Name       string `json:"name,omitempty"`
	Prepaid    bool   `json:"prepaid,omitempty"`
	AddOn      bool   `json:"add_on,omitempty"`
	// ChargingOffer is the offer's name in the charging plan; empty if the core need not know of it.
	ChargingOffer    string     `json:"charging_offer,omitempty"`
	CommitmentMonths int        `json:"commitment_months,omitempty"`
	Prices           []Price    `json:"prices,omitempty"`
	Discounts        []Discount `json:"discounts,omitempty"`
	// Resources are what the offering's specification needs of network elements.
	Resources []Resource `json:"resources,omitempty"`
	Requires  []string   `json:"requires,omitempty"` // names of offerings of which the line needs one
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
	PeriodMonths int          `json:"period_months,omitempty"`
	InAdvance    bool         `json:"in_advance,omitempty"`
	Prorate      bool         `json:"prorate,omitempty"`
	TaxCategory  string       `json:"tax_category"`
	GLCode       string       `json:"gl_code"`
}

// Discount is taken off before tax: a rate in millionths or an amount.
type Discount struct {
	Name     string       `json:"name"`
	Rate     int64        `json:"rate_millionths,omitempty"`
	Amount   money.Amount `json:"amount,omitempty"`
	Currency string       `json:"currency,omitempty"`
	Cycles   int          `json:"cycles,omitempty"` // for how many; 0 is for ever
}

// offer is an offering as the checks want it: the plan, and what it is decided by and not kept.
type offer struct {
	Plan
	status                string
	validFrom, validUntil instant.Instant
	segments              []string // who may have it; none is everybody
	coupons               map[string]Discount
}
