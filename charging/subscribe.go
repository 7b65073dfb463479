package charging

import (
	"slices"

	"gyro/charging/usage"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/slab"
	"gyro/rating"
)

// Subscribe gives an account, or one of its subscribers, an offer of the
// account's catalogue. It is idempotent by its Key.
type Subscribe struct {
	Account string `json:"account"`
	// Subscriber is whom the offer is for, by any identity; nil is all
	// subscribers of the account.
	Subscriber *IdentitySpec `json:"subscriber,omitempty"`
	Offer      string        `json:"offer"`
	// Code is that of a promotion; "" takes part in those without code.
	Code string `json:"code,omitempty"`
	// Replaces is an offer that this one takes the place of: a change of plan.
	Replaces string `json:"replaces,omitempty"`
	// AtCycleEnd changes the plan when the period of the replaced offer ends.
	AtCycleEnd bool   `json:"at_cycle_end,omitempty"`
	Key        string `json:"key"`
	Digest     uint64 `json:"digest"`
}

// Unsubscribe ends a subscription. It is idempotent by its Key.
type Unsubscribe struct {
	Account    string        `json:"account"`
	Subscriber *IdentitySpec `json:"subscriber,omitempty"` // as in Subscribe
	Offer      string        `json:"offer"`
	// AtCycleEnd lets the period that is paid for end first.
	AtCycleEnd bool `json:"at_cycle_end,omitempty"`
	// Waive ends it in spite of a commitment.
	Waive  bool   `json:"waive,omitempty"`
	Key    string `json:"key"`
	Digest uint64 `json:"digest"`
}

// beginning is a subscription that begins.
type beginning struct {
	plan       *rating.Plan
	offer      *rating.Offer
	subscriber uint32
	code       ident.Name
	at         instant.Instant
	cause      usage.Cause
	key        []byte
	// patient ones begin suspended where the fee cannot be paid, and wait for
	// credit; others do not begin.
	patient bool
}

func (s *State) subscribe(c *Subscribe, o *Outcome) {
	s.once(KindSubscribe, keyed{account: c.Account, key: c.Key, digest: c.Digest}, o, func(i slab.Index) { s.takeOffer(i, c, o) })
}

// takeOffer gives an offer now, or plans it for the end of another's period.
func (s *State) takeOffer(i slab.Index, c *Subscribe, o *Outcome) {
	a := s.accounts.At(i)
	number, ok := s.numberOf(i, c.Subscriber, o)
	if !ok {
		return
	}
	plan, offer := s.offered(a, c.Offer, o)
	if offer == nil {
		return
	}
	b := beginning{plan: plan, offer: offer, subscriber: number, at: s.now, cause: usage.Requested, key: []byte(c.Key)}
	if b.code, ok = codeOf(offer, c.Code, s.now, o); !ok {
		return
	}
	old := ident.NameOf(c.Replaces)
	set := s.held(a, number)
	if c.Replaces != "" {
		if !s.replaceable(a, number, old, c, o) || !leaves(plan, old, without(set, old), offer.ID, o) {
			return
		}
		set = without(set, old)
	}
	if !s.acceptable(a, &b, set, o) {
		return
	}
	if c.AtCycleEnd {
		s.planNext(a, s.subscriptionOf(a, number, old), offer.ID, b.code)
		return
	}
	s.changeNow(i, &b, old, o)
}

// changeNow begins a subscription, in the place of another if there is one, or
// refuses with everything as it was.
func (s *State) changeNow(i slab.Index, b *beginning, old ident.Name, o *Outcome) {
	a := s.accounts.At(i)
	probe := s.draft(a, b)
	left := max(s.spendable(a), 0)
	if k := s.subscriptionOf(a, b.subscriber, old); old != 0 && k != 0 {
		over, running := s.behind(a, s.subscriptions.At(k))
		left = max(left+s.unused(a, k)-over-running, 0)
	}
	if due, fits := probe.OneTime.Add(probe.Owed); !fits || due > left {
		o.refuse(InsufficientBalance, "offer %q costs %s %s now, and only %s of account %q are free", b.offer.Name, due, a.Currency, left, a.id())
		return
	}
	a.Catalog = ident.NameOf(b.plan.Name())
	if old != 0 {
		s.stop(i, b.subscriber, old, b.key)
	}
	s.begin(i, *b)
}

// planNext notes the offer that takes another's place at the end of its period.
func (s *State) planNext(a *account, k slab.Index, offer, code ident.Name) {
	p := s.subscriptions.At(k)
	s.hold(a, p, -1)
	p.Then, p.ThenCode, p.Ends = offer, code, false
	s.hold(a, p, 1)
}

// numberOf is the number of the subscriber that a command names, 0 for none.
func (s *State) numberOf(i slab.Index, spec *IdentitySpec, o *Outcome) (uint32, bool) {
	if spec == nil {
		return 0, true
	}
	who := s.subscriberNamed(i, spec, o)
	if who == 0 {
		return 0, false
	}
	if s.subscribers.At(who).State == Terminated {
		o.refuse(Invalid, "subscriber %s is terminated and has no offers any more", s.identities.At(s.subscribers.At(who).Identities).Identity)
		return 0, false
	}
	return s.subscribers.At(who).Number, true
}

// offered finds an offer for an account: in the catalogue that its others are
// of, or in the first that has it in the account's currency.
func (s *State) offered(a *account, name string, o *Outcome) (*rating.Plan, *rating.Offer) {
	if a.Offers[0] != 0 || a.Subscriptions != 0 {
		plan, offer := s.planOf(a, ident.NameOf(name))
		if offer == nil {
			o.refuse(OfferUnknown, "the account's catalogue %q has no offer %q", plan.Name(), name)
		}
		return plan, offer
	}
	for _, p := range s.catalogs.currents {
		plan := s.catalogs.publications[p-1].plan
		if offer, ok := plan.Offer(ident.NameOf(name)); ok && plan.Currency() == a.Currency {
			return plan, offer
		}
	}
	o.refuse(OfferUnknown, "no published catalogue in %s has an offer %q; publish one with PUT /charging/v1/catalogs/{name}", a.Currency, name)
	return nil, nil
}

// codeOf finds the promotion that a code names.
func codeOf(offer *rating.Offer, code string, now instant.Instant, o *Outcome) (ident.Name, bool) {
	if code == "" {
		return 0, true
	}
	for k := range offer.Promotions {
		p := &offer.Promotions[k]
		if p.Code != code {
			continue
		}
		if !p.Open(now) {
			o.refuse(Invalid, "promotion %q of offer %q is not open now; leave the code out", p.Name, offer.Name)
			return 0, false
		}
		return p.ID, true
	}
	o.refuse(Invalid, "offer %q has no promotion with the code %q; leave the code out, or correct it", offer.Name, code)
	return 0, false
}

// replaceable refuses a change of plan that cannot be.
func (s *State) replaceable(a *account, number uint32, old ident.Name, c *Subscribe, o *Outcome) bool {
	if !slices.Contains(s.held(a, number), old) || number != 0 && s.subscriptionOf(a, number, old) == 0 {
		o.refuse(Invalid, "account %q does not have offer %q, which is to be replaced", c.Account, c.Replaces)
		return false
	}
	k := s.subscriptionOf(a, number, old)
	if c.AtCycleEnd && (k == 0 || s.subscriptions.At(k).Until == 0) {
		o.refuse(Invalid, "offer %q has no period that ends; replace it now", c.Replaces)
		return false
	}
	if c.AtCycleEnd && s.subscriptions.At(k).Committed <= s.subscriptions.At(k).Until {
		return true
	}
	return s.unbound(k, false, o)
}

// unbound refuses to end what is committed to.
func (s *State) unbound(k slab.Index, waive bool, o *Outcome) bool {
	if k == 0 || waive || s.subscriptions.At(k).Committed <= s.now {
		return true
	}
	p := s.subscriptions.At(k)
	o.refuse(Invalid, "offer %q is committed to until %s; end it then, or waive the commitment", s.Label(p.Offer), p.Committed)
	return false
}

// acceptable refuses an offer that does not go with the account or with what
// it has.
func (s *State) acceptable(a *account, b *beginning, set []ident.Name, o *Outcome) bool {
	most := MaxOffers // of the account, or beside them of a subscriber
	if b.subscriber != 0 {
		most += len(a.offers())
	}
	switch {
	case slices.Contains(set, b.offer.ID):
		again := ""
		if b.offer.Recurring == nil {
			again = "; to buy it once more, end it first: what it granted stays"
		}
		o.refuse(Invalid, "account %q has offer %q already%s", a.id(), b.offer.Name, again)
		return false
	case len(set) >= most:
		o.refuse(Invalid, "there are %d offers already, the most there can be", MaxOffers)
		return false
	}
	return s.scheduledHas(b.plan, b.offer, o) && eligible(a, b.offer, o) && fits(b.plan, b.offer, set, o)
}

// eligible refuses an offer that the account's kind may not have.
func eligible(a *account, offer *rating.Offer, o *Outcome) bool {
	if offer.Eligible.Has(kindOfOffer(a.Kind)) {
		return true
	}
	o.refuse(Invalid, "offer %q is not for accounts that are %s", offer.Name, a.Kind)
	return false
}

// fits refuses an offer that requires what is not among the others, excludes
// or is excluded by one of them, or is an add-on to nothing.
func fits(plan *rating.Plan, offer *rating.Offer, others []ident.Name, o *Outcome) bool {
	based := false
	for _, id := range others {
		other, ok := plan.Offer(id)
		if !ok {
			continue
		}
		based = based || !other.AddOn && other != offer
		if slices.Contains(offer.Excludes, id) || slices.Contains(other.Excludes, offer.ID) {
			o.refuse(Invalid, "offers %q and %q exclude each other; end the one first", offer.Name, other.Name)
			return false
		}
	}
	for _, id := range offer.Requires {
		if !slices.Contains(others, id) {
			o.refuse(Invalid, "offer %q requires offer %q; subscribe to that first", offer.Name, plan.Label(id))
			return false
		}
	}
	if offer.AddOn && !based {
		o.refuse(Invalid, "offer %q is an add-on and needs an offer that it adds to", offer.Name)
		return false
	}
	return true
}

// leaves refuses to take an offer away that one of the others needs.
func leaves(plan *rating.Plan, gone ident.Name, others []ident.Name, instead ident.Name, o *Outcome) bool {
	based := false
	if offer, ok := plan.Offer(instead); ok {
		based = !offer.AddOn
	}
	var addOn string
	for _, id := range others {
		other, ok := plan.Offer(id)
		if !ok {
			continue
		}
		if slices.Contains(other.Requires, gone) {
			o.refuse(Invalid, "offer %q requires offer %q; end that first", other.Name, plan.Label(gone))
			return false
		}
		if other.AddOn {
			addOn = other.Name
		}
		based = based || !other.AddOn
	}
	if addOn != "" && !based {
		o.refuse(Invalid, "add-on %q would be left without an offer that it adds to; end that first", addOn)
		return false
	}
	return true
}

func without(set []ident.Name, gone ident.Name) []ident.Name {
	return slices.DeleteFunc(slices.Clone(set), func(id ident.Name) bool { return id == gone })
}

// draft is the subscription that a beginning would make, with the fees that are
// due at once.
func (s *State) draft(a *account, b *beginning) (p subscription) {
	p = subscription{Offer: b.offer.ID, Code: b.code, Subscriber: b.subscriber, Began: b.at, Status: Live}
	firstPeriod(b.plan, b.offer, a, &p, b.at)
	if !b.offer.Commitment.IsZero() {
		p.Committed = b.plan.After(b.at, b.offer.Commitment)
	}
	p.OneTime = oneTimeFee(b.offer, &p)
	if r := b.offer.Recurring; r != nil && !r.Arrears {
		part, whole := lengths(b.plan, b.offer, a, &p)
		p.Owed = recurringFee(b.offer, &p, part, whole)
		p.Fees = 1
	}
	return p
}

// begin gives an offer to an account or a subscriber. The fees must be there,
// unless the beginning is patient.
func (s *State) begin(i slab.Index, b beginning) {
	a := s.accounts.At(i)
	p := s.draft(a, &b)
	s.replanned(i)
	s.lastSubscription++
	p.Number = s.lastSubscription
	if b.subscriber == 0 {
		s.putOffer(a, b.offer)
	}
	paid := s.payFees(a, &p, b.cause, b.key)
	if !paid {
		p.Status = Dormant
		s.turned(a, &p, b.cause, b.key, "suspended: a fee of "+(p.OneTime+p.Owed).String()+" is due")
	}
	k := slab.Index(0)
	if p.Subscriber != 0 || p.Until != 0 || p.Committed != 0 || !paid {
		k = s.attachSubscription(a, p)
	}
	switch {
	case !paid:
	case k != 0:
		s.provide(i, k, b.plan, b.offer, b.at, b.cause, b.key)
	default:
		s.provideOnce(i, &b)
	}
}

// provideOnce gives the allowances of an offer that does not renew.
func (s *State) provideOnce(i slab.Index, b *beginning) {
	for _, n := range b.offer.Allowances {
		allowance := b.plan.AllowanceAt(n)
		for _, owner := range s.ownedBy(s.accounts.At(i), allowance, 0) {
			s.grantAllowance(i, b.plan, allowance, grantFor{offer: b.offer.ID, owner: owner, from: b.at, cause: b.cause, key: b.key})
		}
	}
	s.replenished(i)
}

// putOffer adds an offer to the account's: an add-on before the others, for the
// first offer that rates a service decides what it costs.
func (s *State) putOffer(a *account, offer *rating.Offer) {
	if slices.Contains(a.offers(), offer.ID) {
		return
	}
	s.catalogs.hold(a, -1)
	n := len(a.offers())
	if offer.AddOn {
		copy(a.Offers[1:n+1], a.Offers[:n])
		n = 0
	}
	a.Offers[n] = offer.ID
	s.catalogs.hold(a, 1)
}
