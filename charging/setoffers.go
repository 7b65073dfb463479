package charging

import (
	"slices"

	"gyro/balance"
	"gyro/charging/usage"
	"gyro/internal/ident"
	"gyro/internal/slab"
	"gyro/rating"
)

// findOffers finds the catalogue that has all of the account's offers.
func (s *State) findOffers(c *PutAccount, o *Outcome) (plan *rating.Plan, offers []ident.Name, ok bool) {
	if len(c.Offers) == 0 {
		return nil, nil, true
	}
	for n, name := range c.Offers {
		if slices.Contains(c.Offers[:n], name) {
			o.refuse(Invalid, "account %q: offer %q is named twice; an account has an offer once", c.Account, name)
			return nil, nil, false
		}
	}
	var foreign *rating.Plan // has the offers, but prices in another currency
	for _, p := range s.catalogs.currents {
		plan := s.catalogs.publications[p-1].plan
		offers = offersOf(plan, c.Offers, offers[:0])
		switch {
		case len(offers) != len(c.Offers):
		case plan.Currency() != c.Currency:
			foreign = plan
		default:
			return plan, offers, true
		}
	}
	if foreign != nil {
		o.refuse(CurrencyMismatch, "account %q is to be kept in %s, but catalogue %q, which has the offers, prices in %s", c.Account, c.Currency, foreign.Name(), foreign.Currency())
	} else {
		o.refuse(OfferUnknown, "no published catalogue has all of the offers %q; publish one with PUT /charging/v1/catalogs/{name}", c.Offers)
	}
	return nil, nil, false
}

// offersOf appends those of the named offers that the plan has.
func offersOf(plan *rating.Plan, names []string, offers []ident.Name) []ident.Name {
	for _, name := range names {
		if offer, found := plan.Offer(ident.NameOf(name)); found {
			offers = append(offers, offer.ID)
		}
	}
	return offers
}

// changeable refuses offers that do not go together or with the account's kind,
// and to take away what is committed to or needed. Offers that stay are not
// asked about: a new version of the catalogue may have changed their terms.
func (s *State) changeable(i slab.Index, c *PutAccount, plan *rating.Plan, offers []ident.Name, o *Outcome) bool {
	as := &account{}
	as.Kind, as.IDLength = balance.Kind(c.Kind), uint8(copy(as.ID[:], c.Account))
	var had []ident.Name
	if i != 0 {
		a := s.accounts.At(i)
		had = a.offers()
		if !s.parting(a, plan, offers, o) {
			return false
		}
		as.Catalog = a.Catalog
	}
	for _, id := range offers {
		offer, _ := plan.Offer(id)
		isNew := !slices.Contains(had, id)
		if isNew && (!fits(plan, offer, without(offers, id), o) || !s.scheduledHas(plan, offer, o)) || !eligible(as, offer, o) {
			return false
		}
	}
	return true
}

// parting refuses to take offers away that are bound, or that what stays needs.
func (s *State) parting(a *account, plan *rating.Plan, offers []ident.Name, o *Outcome) bool {
	now, _ := s.catalogs.current(a.Catalog)
	if len(offers) == 0 {
		plan = now // an account without offers of its own stays in the catalogue that its subscribers' are of
	}
	for k := a.Subscriptions; k != 0; k = s.subscriptions.At(k).Next {
		p := s.subscriptions.At(k)
		switch {
		case plan == now:
		case p.Subscriber != 0:
			o.refuse(Invalid, "subscribers of account %q have offers of catalogue %q of their own; end those before it changes to another", a.id(), now.Name())
			return false
		case p.Then != 0 && slices.Contains(offers, p.Offer):
			o.refuse(Invalid, "offer %q of account %q is to be followed by %q of catalogue %q; let it end, or change it now, before the account changes to another",
				s.Label(p.Offer), a.id(), s.Label(p.Then), now.Name())
			return false
		}
	}
	for _, gone := range a.offers() {
		if slices.Contains(offers, gone) {
			continue
		}
		if !s.unbound(s.subscriptionOf(a, 0, gone), false, o) {
			return false
		}
		if plan == now && !leaves(now, gone, offers, 0, o) {
			return false
		}
		for k := a.Subscriptions; k != 0; k = s.subscriptions.At(k).Next {
			p := s.subscriptions.At(k)
			if p.Subscriber == 0 {
				continue
			}
			rest := slices.Concat(offers, s.held(a, p.Subscriber)[len(a.offers()):])
			if !leaves(now, gone, rest, 0, o) {
				return false
			}
		}
	}
	return true
}

// setOffers gives the account its offers, in their order. One that is new
// begins: where its fee cannot be paid yet, as with a new account, it is
// suspended until it can.
func (s *State) setOffers(i slab.Index, plan *rating.Plan, offers []ident.Name) {
	a := s.accounts.At(i)
	for _, gone := range slices.Clone(a.offers()) {
		if !slices.Contains(offers, gone) {
			s.stop(i, 0, gone, nil)
		}
	}
	had := slices.Clone(a.offers())
	s.catalogs.hold(a, -1)
	a.Offers = [MaxOffers]ident.Name{}
	copy(a.Offers[:], offers)
	if plan != nil {
		a.Catalog = ident.NameOf(plan.Name())
	} else if a.Subscriptions == 0 {
		a.Catalog = 0
	}
	s.catalogs.hold(a, 1)
	for _, id := range offers {
		if slices.Contains(had, id) {
			continue
		}
		offer, _ := plan.Offer(id)
		s.begin(i, beginning{plan: plan, offer: offer, at: s.now, cause: usage.Requested, patient: true})
	}
}
