package tmf

import (
	"strings"

	"gyro/api/rest"
	"gyro/catalog"
)

// documentView is a version of a catalogue document.
type documentView struct {
	Name    string `json:"name"`
	Version int64  `json:"version"`
	State   string `json:"state"`
	// Reason is what is wrong with a draft, and why the core refused it.
	Reason string `json:"reason,omitempty"`
	// ChargingVersion is that of the core's catalogue.
	ChargingVersion int64     `json:"chargingVersion,omitempty"`
	RequestedAt     rest.Time `json:"requestedAt,omitzero"` // the moment that was asked for
	EffectiveAt     rest.Time `json:"effectiveAt,omitzero"` // from when on it is in force
	SubmittedBy     string    `json:"submittedBy"`
	CreatedAt       rest.Time `json:"createdAt,omitzero"`
	UpdatedAt       rest.Time `json:"updatedAt,omitzero"`
}

func viewDocument(d *catalog.Document) documentView {
	return documentView{
		Name: d.Name, Version: d.Version, State: string(d.State), Reason: d.Reason, ChargingVersion: d.ChargingVersion,
		RequestedAt: rest.Time(d.EffectiveAt), EffectiveAt: rest.Time(d.AppliedAt), SubmittedBy: d.SubmittedBy,
		CreatedAt: rest.Time(d.CreatedAt), UpdatedAt: rest.Time(d.UpdatedAt),
	}
}

// submissionView answers a document: the version that it became, and what it
// makes different from what is in force.
type submissionView struct {
	// Document is nothing of a dry run.
	Document *documentView `json:"document,omitempty"`
	// Offers are the differences of the office's half, Charging those of the core's.
	Offers   []catalog.Change `json:"offers"`
	Charging []catalog.Change `json:"charging"`
}

// offerView is a version of an offer with everything that belongs to it.
type offerView struct {
	ID               string           `json:"id"`
	Name             string           `json:"name"`
	Version          int64            `json:"version"`
	Catalog          string           `json:"catalog,omitempty"`
	Title            string           `json:"title,omitempty"`
	Description      string           `json:"description,omitempty"`
	Category         string           `json:"category,omitempty"`
	Kind             string           `json:"kind"`
	Status           string           `json:"status"`
	AddOn            bool             `json:"addOn,omitempty"`
	Sellable         bool             `json:"sellable"`
	ChargingOffer    string           `json:"chargingOffer,omitempty"`
	ValidFrom        rest.Time        `json:"validFrom,omitzero"`
	ValidUntil       rest.Time        `json:"validUntil,omitzero"`
	Segments         []string         `json:"segments,omitempty"`
	CommitmentMonths int64            `json:"commitmentMonths,omitempty"`
	Minimum          *rest.Money      `json:"minimumCommitment,omitempty"`
	Prices           []offerPrice     `json:"prices,omitempty"`
	Discounts        []offerDiscount  `json:"discounts,omitempty"`
	Requires         []string         `json:"requires,omitempty"`
	Excludes         []string         `json:"excludes,omitempty"`
	Specification    string           `json:"specification,omitempty"`
	Components       []offerComponent `json:"components,omitempty"`
}

type offerPrice struct {
	Name         string      `json:"name"`
	Type         string      `json:"type"`
	Amount       *rest.Money `json:"amount,omitempty"`
	Description  string      `json:"description,omitempty"`
	PeriodMonths int64       `json:"periodMonths,omitempty"`
	PeriodDays   int64       `json:"periodDays,omitempty"`
	InAdvance    bool        `json:"inAdvance,omitempty"`
	Prorated     bool        `json:"prorated,omitempty"`
	TaxCategory  string      `json:"taxCategory"`
	GLCode       string      `json:"glCode"`
}

type offerDiscount struct {
	Name       string        `json:"name"`
	Percent    *rest.Decimal `json:"percent,omitempty"`
	Amount     *rest.Money   `json:"amount,omitempty"`
	AppliesTo  string        `json:"appliesTo"`
	Cycles     int64         `json:"cycles,omitempty"`
	Coupon     string        `json:"coupon,omitempty"`
	ValidFrom  rest.Time     `json:"validFrom,omitzero"`
	ValidUntil rest.Time     `json:"validUntil,omitzero"`
}

type offerComponent struct {
	Kind       string            `json:"kind"`
	Profile    string            `json:"profile,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

func viewOffer(o *catalog.Offering) offerView {
	v := offerView{
		ID: rest.ID(o.ID), Name: o.Name, Version: o.Version, Catalog: o.Catalog, Title: o.Title, Description: o.Description, Category: o.Category,
		Kind: string(o.Kind), Status: string(o.Status), AddOn: o.AddOn, Sellable: o.Sellable, ChargingOffer: o.ChargingOffer,
		ValidFrom: rest.Time(o.ValidFrom), ValidUntil: rest.Time(o.ValidUntil), CommitmentMonths: o.CommitmentMonths,
		Requires: o.Requires, Excludes: o.Excludes,
	}
	if o.Segments != "" {
		v.Segments = strings.Split(o.Segments, ",")
	}
	if o.MinimumCommitment > 0 {
		v.Minimum = rest.MoneyOf(o.MinimumCommitment, o.Currency)
	}
	for n := range o.Prices {
		p := &o.Prices[n]
		shown := offerPrice{
			Name: p.Name, Type: string(p.Type), Description: p.Description, PeriodMonths: p.PeriodMonths, PeriodDays: p.PeriodDays,
			InAdvance: p.InAdvance && p.Type == catalog.Recurring, Prorated: p.Prorate, TaxCategory: p.TaxCategory, GLCode: p.GLCode,
		}
		if p.Type != catalog.Usage {
			shown.Amount = rest.MoneyOf(p.Amount, p.Currency)
		}
		v.Prices = append(v.Prices, shown)
	}
	for n := range o.Discounts {
		v.Discounts = append(v.Discounts, viewDiscount(&o.Discounts[n], o.Currency))
	}
	if s := o.Specification; s != nil {
		v.Specification = s.Name
		for n := range s.Components {
			c := &s.Components[n]
			v.Components = append(v.Components, offerComponent{string(c.Kind), c.Profile, c.Attributes})
		}
	}
	return v
}

// millionthsOfPercent makes a decimal percentage of millionths of the whole.
const millionthsOfPercent = 100

func viewDiscount(d *catalog.Discount, currency string) offerDiscount {
	v := offerDiscount{
		Name: d.Name, AppliesTo: string(d.AppliesTo), Cycles: d.Cycles, Coupon: d.Coupon, ValidFrom: rest.Time(d.ValidFrom), ValidUntil: rest.Time(d.ValidUntil),
	}
	if d.RateMillionths > 0 {
		percent := rest.Decimal(d.RateMillionths * millionthsOfPercent)
		v.Percent = &percent
	} else {
		v.Amount = rest.MoneyOf(d.Amount, currency)
	}
	return v
}
