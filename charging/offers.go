package charging

import (
	"slices"

	"gyro/balance"
	"gyro/charging/usage"
	"gyro/internal/ident"
	"gyro/rating"
)

// findOffers finds the catalogue that has all of the account's offers.
func (s *State) findOffers(c *PutAccount, o *Outcome) (catalog ident.Name, offers []ident.Name, ok bool) {
	if len(c.Offers) == 0 {
		return 0, nil, true
	}
	for n, name := range c.Offers {
		if slices.Contains(c.Offers[:n], name) {
			o.refuse(Invalid, "account %q: offer %q is named twice; an account has an offer once", c.Account, name)
			return 0, nil, false
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
			return ident.NameOf(plan.Name()), offers, true
		}
	}
	if foreign != nil {
		o.refuse(CurrencyMismatch, "account %q is to be kept in %s, but catalogue %q, which has the offers, prices in %s", c.Account, c.Currency, foreign.Name(), foreign.Currency())
	} else {
		o.refuse(OfferUnknown, "no published catalogue has all of the offers %q; publish one with PUT /charging/v1/catalogs/{name}", c.Offers)
	}
	return 0, nil, false
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

// setOffers gives the account its offers; an offer that is new to it grants
// its allowances.
func (s *State) setOffers(a *account, catalog ident.Name, offers []ident.Name) {
	had := a.Offers
	s.catalogs.hold(a, -1)
	defer s.catalogs.hold(a, 1)
	a.Catalog, a.Offers = catalog, [MaxOffers]ident.Name{}
	plan, _ := s.catalogs.current(catalog)
	for n, offer := range offers {
		a.Offers[n] = offer
		isNew := true
		for _, old := range had {
			isNew = isNew && old != offer
		}
		if !isNew {
			continue
		}
		o, _ := plan.Offer(offer)
		for _, k := range o.Allowances {
			s.grantAllowance(a, plan.AllowanceAt(k), offer)
		}
	}
}

func (s *State) grantAllowance(a *account, allowance *rating.Allowance, offer ident.Name) {
	if allowance.Amount == 0 {
		return
	}
	d := denominationOf(allowance.Unit)
	if allowance.Unit == rating.Money {
		d = a.Denomination()
	}
	bucket := balance.Bucket{
		Denomination: d, Allowance: allowance.ID, Priority: allowance.Priority,
		Remaining: allowance.Amount, Granted: allowance.Amount, From: s.now,
	}
	if allowance.Validity > 0 {
		bucket.Until = s.now.Add(allowance.Validity)
	}
	i := s.book.Open(&a.Account, bucket)
	s.operation(a, usage.Record{Kind: usage.Grant, Cause: usage.Requested, Offer: offer}, balance.Posting{
		From:   balance.LedgerAccount{Class: balance.Granted, Name: allowance.ID},
		To:     balance.LedgerAccount{Class: balance.CustomerBucket, Name: allowance.ID, Bucket: s.book.Buckets.At(i).ID},
		Amount: allowance.Amount, Denomination: d,
	})
}
