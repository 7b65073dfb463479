package rating

import (
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// Offer is what a subscriber subscribes to.
type Offer struct {
	Name string
	ID   ident.Name
	Kind OfferKind
	// Allowances are the indices, for AllowanceAt, of what an activation grants
	// and, where the offer is Recurring, each renewal again.
	Allowances []uint32
	// OneTime is the fee for the activation; 0 is none.
	OneTime money.Amount
	// Recurring is the fee for each period; nil for an offer that does not renew.
	Recurring *Recurring
	// AddOn offers are held beside another, never alone.
	AddOn bool
	// Requires are offers of which all must be held for this one to be taken;
	// Excludes are offers of which none may be. An offer that excludes another
	// is excluded by it.
	Requires, Excludes []ident.Name
	// Eligible are the kinds of account that may take the offer.
	Eligible OfferKinds
	// Promotions lower the fees; those without a code apply by themselves.
	Promotions []Promotion
	// Commitment is how long the subscriber commits to keep the offer; zero for
	// none.
	Commitment Period
}

// OfferKind says when an offer is paid.
type OfferKind uint8

// The kinds of offer.
const (
	Prepaid OfferKind = iota
	Postpaid
	Hybrid
)

// String returns the name that catalogues use.
func (k OfferKind) String() string {
	switch k {
	case Prepaid:
		return "prepaid"
	case Postpaid:
		return "postpaid"
	case Hybrid:
		return "hybrid"
	}
	return "unknown"
}

// OfferKinds is a set of kinds, bit 1<<kind each; 0 is all of them.
type OfferKinds uint8

// Has reports whether the set holds a kind.
func (s OfferKinds) Has(k OfferKind) bool { return s == 0 || s>>k&1 != 0 }

// Recurring is a fee that falls due in every period of a subscription.
type Recurring struct {
	// Amount is the fee of one whole period; 0 renews the allowances only.
	Amount money.Amount
	Every  Period
	// Arrears fees are due at the end of the period, others at its beginning.
	Arrears bool
	// Prorated fees of a period that is cut short are charged in proportion to
	// its length: the first period then ends with the account's billing cycle.
	Prorated bool
	// Retry is the time between two attempts at a fee that the account cannot
	// pay, Retries the number of attempts after the first. During Grace, which
	// begins with the first attempt, the subscriber keeps the service; when both
	// are over the subscription lapses as Then says.
	Retry   instant.Span
	Retries uint8
	Grace   instant.Span
	Then    LapseAction
}

// LapseAction is what becomes of a subscription whose fee stays unpaid.
type LapseAction uint8

// The actions. Suspend keeps the subscription without service until the fee
// can be paid; Cancel ends it.
const (
	Suspend LapseAction = iota
	Cancel
)

// String returns the name that catalogues use.
func (a LapseAction) String() string {
	switch a {
	case Suspend:
		return "suspend"
	case Cancel:
		return "cancel"
	}
	return "unknown"
}

// Promotion lowers the fees of an offer. A subscription takes part when it
// begins within From and Until, and names the code if there is one.
type Promotion struct {
	Name string
	ID   ident.Name
	// Code is what the subscriber has to name; "" applies by itself.
	Code string
	// Percent, 1 to 100, or Amount is what is taken off; the other is 0.
	Percent uint8
	Amount  money.Amount
	// From is the first moment of the period, Until the one after it; 0 is open.
	From, Until instant.Instant
	// Cycles is the number of recurring fees that are lowered, counted from the
	// first of the subscription; 0 is all of them.
	Cycles uint8
	// OneTime and Recurring are the fees that are lowered.
	OneTime, Recurring bool
}

// Open reports whether a subscription that begins at a moment takes part.
func (p *Promotion) Open(at instant.Instant) bool {
	return at >= p.From && (p.Until == 0 || at < p.Until)
}

// Off is what the promotion takes off a fee: never more than the fee. A
// fraction of a millionth stays with the fee.
func (p *Promotion) Off(fee money.Amount) money.Amount {
	if p.Percent == 0 {
		return min(p.Amount, fee)
	}
	off, _ := money.MulDiv(fee, uint64(p.Percent), 100, money.Down) // at most fee
	return off
}

// Lowers reports whether the recurring fee with a number, counted from 0, is
// lowered.
func (p *Promotion) Lowers(cycle uint32) bool {
	return p.Recurring && (p.Cycles == 0 || cycle < uint32(p.Cycles))
}
