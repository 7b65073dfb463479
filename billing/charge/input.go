package charge

import "gyro/internal/money"

// Input is all that a bill depends on.
type Input struct {
	Cycle Cycle
	// Period is the cycle that is billed; it has ended. It is shorter where the cycle day was changed in the middle of one: it begins
	// where the bill before it ended.
	Period Span
	// Since is the day before which the account's days are on other bills, for its minimum commitments: Period.From, which 0 stands
	// for, unless somebody else has begun or ceased to pay for it in the middle of a cycle.
	Since Day
	// Currency is the account's; every price, charge and usage is in it.
	Currency money.Currency
	Products []Product
	// Charges wait for the next bill.
	Charges []OneTime
	// Usage is what was rated since the last bill, one entry for each
	// subscription, service and offer.
	Usage []Usage
	// UsageGL and UsageCategory are the general ledger's code and the tax category of usage whose offer says nothing else.
	UsageGL, UsageCategory string
}

// Product is what somebody has of an offering.
type Product struct {
	ID, Account, Subscription int64
	Name                      string
	// Active are the days from the activation to before the termination.
	Active Span
	// Suspended are days on which nothing recurring is charged, in order.
	Suspended []Span
	Prices    []Price
	// Discounts are in the order of their numbers.
	Discounts []Discount
	// Minimum is what the product brings in a cycle at least; 0 is none.
	Minimum money.Amount
	// MinimumGL is the general ledger's code for what is missing.
	MinimumGL, MinimumCategory string
}

// Price is a product's price as it was agreed, and what was charged of it.
type Price struct {
	ID   int64
	Name string
	// OneTime prices are charged once, on the first bill after From.
	OneTime bool
	// Amount is for a period of Months.
	Amount    money.Amount
	Months    int
	InAdvance bool
	// Prorate says that parts of a period cost a part. Without it a period
	// with one day costs all of it, and only periods without any are credited.
	Prorate      bool
	Category, GL string
	// Valid are the days for which the price was agreed.
	From, Until Day
	Charged     []Charged
	// Settled is the first day that bills still look at: what lies before it is
	// neither charged nor credited any more.
	Settled Day
}

// Charged is days that a line has charged and nothing has credited.
type Charged struct {
	Span
	// Period is the one that the days were a part of when they were charged.
	Period Span
	Line   LineRef
	// Discounts are the numbers of those that lowered it.
	Discounts []int64
}

// LineRef names a line of an invoice. Invoice 0 is the one being made.
type LineRef struct {
	Invoice  int64
	Position int
}

// Discount lowers the recurring charges of a product, before tax: by a rate of
// the price, or by an amount a period of its first recurring price. It never
// makes a charge negative; each is taken from the price as agreed, in the order
// of their numbers.
type Discount struct {
	ID     int64
	Name   string
	Rate   int64 // in millionths; 0 if it is an amount
	Amount money.Amount
	Valid  Span
}

// OneTime is a charge or a credit that waits for the next bill.
type OneTime struct {
	ID, Account           int64
	Product, Subscription int64 // that it is for; 0 is none
	Kind                  Kind  // OneTimeCharge or Credit
	Description           string
	Amount                money.Amount // negative for credits
	Day                   Day
	Category, GL          string
}

// Usage is rated usage of one subscription, service and offer.
type Usage struct {
	Account, Subscription int64
	Service, Offer, Unit  string
	Records               int64
	Used, Billed          int64
	Charged               money.Amount
	// Category and GL are those of the offer; "" is that of the Input.
	Category, GL string
	// First and Last are the numbers of the first and the last record.
	First, Last int64
}

// Kind says what a line is for.
type Kind string

// The kinds of line.
const (
	Recurring     Kind = "recurring"
	OneTimeCharge Kind = "one_time"
	UsageCharge   Kind = "usage"
	DiscountLine  Kind = "discount"
	Minimum       Kind = "minimum"
	Credit        Kind = "credit"
)

// Line is a line of a bill.
type Line struct {
	Kind                             Kind
	Account, Product, Subscription   int64
	Price, Charge                    int64 // what it came from: a product's price, a waiting charge
	Description                      string
	MSISDN                           string // the telephone number that it is for; "" is none, or not known yet
	Service, Offer                   string // of usage: the names by which the core rated it
	Quantity                         int64
	Unit                             string
	Period                           Span
	PeriodDays                       int // days of the whole period that Period is a part of; 0 if it is none
	Category, GL                     string
	Exact                            money.Amount // before rounding to the currency
	Amount                           money.Amount // net, rounded: see package tax
	TaxCode                          string       // UNCL 5305 as EN 16931 uses it
	TaxRate                          int64        // millionths
	UsageFrom, UsageThrough, Records int64
	Corrects                         LineRef
}

// PriceState is what is charged of a price after the bill.
type PriceState struct {
	Price   int64
	Charged []Charged
	Settled Day
}

// Draft is a bill before it is rounded and taxed.
type Draft struct {
	Lines  []Line
	States []PriceState // of prices whose state changed
}
