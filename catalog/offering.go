package catalog

import (
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"gyro/internal/instant"
	"gyro/internal/money"
)

// Kind is how what is sold is paid.
type Kind string

// The kinds of offer.
const (
	Prepaid  Kind = "prepaid"  // fees and usage from the balance in the core
	Postpaid Kind = "postpaid" // by bill
)

// Status is where an offer or a specification is in its life.
type Status string

// The states.
const (
	Draft   Status = "draft"   // proposed, or not in force yet
	Active  Status = "active"  // can be ordered
	Retired Status = "retired" // kept for the products that have it
)

// Offering is a version of an offer (TMF 620 ProductOffering) with everything
// that belongs to it.
type Offering struct {
	bun.BaseModel `bun:"table:product_offering,alias:o" json:"-"`

	ID      int64  `bun:",pk,autoincrement" json:"id"`
	Name    string `json:"name"`
	Version int64  `json:"version"` // 0 while no document has it
	Catalog string `json:"catalog"`
	// DocumentID is the document that the version is of; 0 for a proposal.
	DocumentID  int64  `bun:",nullzero" json:"document_id,omitempty"`
	Title       string `json:"title,omitempty"` // for customers and bills; Name where it is empty
	Description string `json:"description,omitempty"`
	Category    string `json:"category,omitempty"`
	Kind        Kind   `json:"kind"`
	Status      Status `json:"status"`
	AddOn       bool   `bun:"addon" json:"add_on,omitempty"` // held beside another offer, never alone
	// Sellable is false where the version is in force for those who have it
	// and cannot be ordered.
	Sellable        bool  `json:"sellable"`
	SpecificationID int64 `bun:",nullzero" json:"specification_id,omitempty"`
	// ChargingOffer is the offer's name in the core's catalogue; "" where the
	// core has nothing to do with it.
	ChargingOffer string `json:"charging_offer,omitempty"`
	Currency      string `json:"currency"` // ISO 4217
	// ValidFrom and ValidUntil are when the version is in force; ValidUntil is
	// zero while nothing follows.
	ValidFrom  instant.Instant `json:"valid_from,omitempty"`
	ValidUntil instant.Instant `json:"valid_until,omitempty"`
	// Segments are those of customers who may order it, separated by commas;
	// "" is all.
	Segments         string `json:"segments,omitempty"`
	CommitmentMonths int64  `json:"commitment_months,omitempty"`
	// MinimumCommitment is the least that a billing cycle costs, before tax; 0
	// is none.
	MinimumCommitment money.Amount    `json:"minimum_commitment,omitempty"`
	Digest            string          `json:"-"` // of what the document says of it
	CreatedAt         instant.Instant `json:"created_at"`
	UpdatedAt         instant.Instant `json:"updated_at"`

	Prices        []Price        `bun:"-" json:"prices,omitempty"`
	Discounts     []Discount     `bun:"-" json:"discounts,omitempty"`
	Requires      []string       `bun:"-" json:"requires,omitempty"` // offers of which all must be held, by name
	Excludes      []string       `bun:"-" json:"excludes,omitempty"` // offers of which none may be held; mutual
	Specification *Specification `bun:"-" json:"specification,omitempty"`
}

// Display is the offer's name for customers.
func (o *Offering) Display() string {
	if o.Title != "" {
		return o.Title
	}
	return o.Name
}

// Eligible reports whether a customer of a segment may order it.
func (o *Offering) Eligible(segment string) bool {
	return o.Segments == "" || slices.Contains(strings.Split(o.Segments, ","), segment)
}

// Orderable reports whether the version can be ordered at a moment.
func (o *Offering) Orderable(at instant.Instant) bool {
	return o.Version > 0 && o.Sellable && o.ValidFrom <= at && (o.ValidUntil == 0 || at < o.ValidUntil)
}

// PriceType is when a price falls due.
type PriceType string

// The types of price (TMF 620 priceType).
const (
	Recurring PriceType = "recurring"
	OneTime   PriceType = "one_time"
	Usage     PriceType = "usage"
)

// Price is one price of an offer. That of usage has no amount: the core rates
// usage, and the price says how it is booked and taxed; its Name is the service.
type Price struct {
	bun.BaseModel `bun:"table:product_offering_price,alias:p" json:"-"`

	ID         int64  `bun:",pk,autoincrement" json:"id"`
	OfferingID int64  `json:"-"`
	Position   int64  `json:"-"`
	Name       string `json:"name"`
	// Titles are what people call the service, by language; "" is what it is called in all others.
	Titles      map[string]string `bun:"type:text" json:"titles,omitempty"`
	Description string            `json:"description,omitempty"`
	Type        PriceType         `json:"type"`
	Amount      money.Amount      `json:"amount"` // of a postpaid offer before tax, of a prepaid one what the balance is charged
	Currency    string            `json:"currency"`
	// PeriodMonths or PeriodDays is how often a recurring price falls due;
	// only prepaid offers have periods of days.
	PeriodMonths int64  `json:"period_months,omitempty"`
	PeriodDays   int64  `json:"period_days,omitempty"`
	InAdvance    bool   `json:"in_advance,omitempty"` // at the beginning of its period
	Prorate      bool   `json:"prorate,omitempty"`    // a part of a period costs its part
	TaxCategory  string `json:"tax_category"`         // standard, reduced or zero
	GLCode       string `bun:"gl_code" json:"gl_code"`
}

// Discount lowers prices of an offer before tax.
type Discount struct {
	bun.BaseModel `bun:"table:offering_discount" json:"-"`

	ID         int64  `bun:",pk,autoincrement" json:"id"`
	OfferingID int64  `json:"-"`
	Position   int64  `json:"-"`
	Name       string `json:"name"`
	// RateMillionths is the part of the price that is taken off, 500000 being a
	// half; or Amount is taken off.
	RateMillionths int64           `json:"rate_millionths,omitempty"`
	Amount         money.Amount    `json:"amount,omitempty"`
	AppliesTo      PriceType       `json:"applies_to"`       // Recurring or OneTime
	Cycles         int64           `json:"cycles,omitempty"` // how many periods it lowers; 0 is all
	Coupon         string          `json:"coupon,omitempty"` // which has to be named when ordering; "" applies by itself
	ValidFrom      instant.Instant `json:"valid_from,omitempty"`
	ValidUntil     instant.Instant `json:"valid_until,omitempty"` // the moment after the last at which it can be had
}

// Open reports whether an order placed at a moment, with a coupon or none, has
// the discount.
func (d *Discount) Open(at instant.Instant, coupon string) bool {
	return (d.Coupon == "" || d.Coupon == coupon) && d.ValidFrom <= at && (d.ValidUntil == 0 || at < d.ValidUntil)
}

// Specification is what a product is made of (TMF 620 ProductSpecification).
type Specification struct {
	bun.BaseModel `bun:"table:product_specification,alias:s" json:"-"`

	ID          int64           `bun:",pk,autoincrement" json:"id"`
	Name        string          `json:"name"`
	Version     int64           `json:"version"`
	DocumentID  int64           `bun:",nullzero" json:"document_id,omitempty"`
	Description string          `json:"description,omitempty"`
	Brand       string          `json:"brand,omitempty"`
	Status      Status          `json:"status"`
	ValidFrom   instant.Instant `json:"valid_from,omitempty"`
	ValidUntil  instant.Instant `json:"valid_until,omitempty"`
	Digest      string          `json:"-"`
	CreatedAt   instant.Instant `json:"created_at"`
	UpdatedAt   instant.Instant `json:"updated_at"`

	Components []Component `bun:"-" json:"components"`
}

// ComponentKind is a resource or service that a product needs.
type ComponentKind string

// The kinds of component: numbers and cards of the pools, profiles of network
// elements, and what the charging core has to know.
const (
	MSISDN       ComponentKind = "msisdn"       // a telephone number of the pool
	SIM          ComponentKind = "sim"          // a card of the pool
	HSS          ComponentKind = "hss"          // a subscriber of the home subscriber server, with Profile
	PCRF         ComponentKind = "pcrf"         // a policy, named by Profile
	Account      ComponentKind = "account"      // the core's account of the billing account
	Subscriber   ComponentKind = "subscriber"   // a subscriber of that account
	Subscription ComponentKind = "subscription" // the subscriber's subscription to ChargingOffer
)

// Components are all kinds, in the order in which they are set up.
var Components = []ComponentKind{MSISDN, SIM, HSS, PCRF, Account, Subscriber, Subscription}

// Component is one thing that has to be set up for a product.
type Component struct {
	bun.BaseModel `bun:"table:specification_component" json:"-"`

	ID              int64             `bun:",pk,autoincrement" json:"-"`
	SpecificationID int64             `json:"-"`
	Position        int64             `json:"-"`
	Kind            ComponentKind     `json:"kind"`
	Profile         string            `json:"profile,omitempty"` // the element's own name for what the subscriber may do
	Attributes      map[string]string `bun:"type:text" json:"attributes,omitempty"`
}

// Component is the first component of a kind; nil where the specification has
// none.
func (s *Specification) Component(kind ComponentKind) *Component {
	for n := range s.Components {
		if s.Components[n].Kind == kind {
			return &s.Components[n]
		}
	}
	return nil
}
