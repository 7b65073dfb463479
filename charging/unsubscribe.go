package charging

import (
	"slices"

	"gyro/charging/usage"
	"gyro/internal/ident"
	"gyro/internal/money"
	"gyro/internal/slab"
)

func (s *State) unsubscribe(c *Unsubscribe, o *Outcome) {
	s.once(KindUnsubscribe, keyed{account: c.Account, key: c.Key, digest: c.Digest}, o, func(i slab.Index) { s.leaveOffer(i, c, o) })
}

// leaveOffer ends an offer now, or lets its period end first.
func (s *State) leaveOffer(i slab.Index, c *Unsubscribe, o *Outcome) {
	a := s.accounts.At(i)
	number, ok := s.numberOf(i, c.Subscriber, o)
	if !ok {
		return
	}
	id := ident.NameOf(c.Offer)
	plan, _ := s.planOf(a, id)
	k := s.subscriptionOf(a, number, id)
	if plan == nil || number != 0 && k == 0 || !slices.Contains(s.held(a, number), id) {
		o.refuse(OfferUnknown, "account %q does not have offer %q%s", c.Account, c.Offer, s.whoseOffer(a, number, id))
		return
	}
	if !s.everyoneLeaves(a, number, id, o) {
		return
	}
	if c.AtCycleEnd {
		if k == 0 || s.subscriptions.At(k).Until == 0 {
			o.refuse(Invalid, "offer %q has no period that ends; end it now", c.Offer)
			return
		}
		p := s.subscriptions.At(k)
		if p.Committed > p.Until && !s.unbound(k, c.Waive, o) {
			return
		}
		s.planNext(a, k, 0, 0)
		p.Ends = true
		return
	}
	if !s.unbound(k, c.Waive, o) {
		return
	}
	s.stop(i, number, id, []byte(c.Key))
}

// whoseOffer says how to name an offer that was looked for with the wrong
// subscriber, or without one; "" where nobody has it.
func (s *State) whoseOffer(a *account, number uint32, offer ident.Name) string {
	if number != 0 && slices.Contains(a.offers(), offer) {
		return " for one subscriber, but for all; name no subscriber"
	}
	for k := a.Subscriptions; k != 0; k = s.subscriptions.At(k).Next {
		if p := s.subscriptions.At(k); p.Offer == offer && p.Subscriber != 0 && p.Subscriber != number {
			return ", but a subscriber of it has; name that one"
		}
	}
	return ""
}

// everyoneLeaves refuses to end an offer that another of the account, or one of
// a subscriber that relies on the account's, needs.
func (s *State) everyoneLeaves(a *account, number uint32, gone ident.Name, o *Outcome) bool {
	plan, _ := s.planOf(a, gone)
	if number != 0 {
		return leaves(plan, gone, without(s.held(a, number), gone), 0, o)
	}
	if !leaves(plan, gone, without(s.held(a, 0), gone), 0, o) {
		return false
	}
	for k := a.Subscriptions; k != 0; k = s.subscriptions.At(k).Next {
		if own := s.subscriptions.At(k).Subscriber; own != 0 && !leaves(plan, gone, without(s.held(a, own), gone), 0, o) {
			return false
		}
	}
	return true
}

// unused is what of the fee of the period that runs comes back when a
// subscription ends now: only prorated fees that were paid in advance do.
func (s *State) unused(a *account, k slab.Index) money.Amount {
	if k == 0 {
		return 0
	}
	p := s.subscriptions.At(k)
	_, offer := s.planOf(a, p.Offer)
	if offer == nil || offer.Recurring == nil || offer.Recurring.Arrears || !offer.Recurring.Prorated || p.Status != Live || p.Until <= s.now {
		return 0
	}
	back, _ := money.MulDiv(p.Paid, uint64(p.Until.Sub(max(s.now, p.From))), uint64(p.Until.Sub(p.From)), money.Down) // at most Paid
	return back
}

// stop ends an offer now: what is unused of a prorated fee is given back,
// and what that fee had granted goes; a fee that is billed behind is due.
func (s *State) stop(i slab.Index, number uint32, id ident.Name, key []byte) {
	a := s.accounts.At(i)
	k := s.subscriptionOf(a, number, id)
	p := subscription{Offer: id, Subscriber: number}
	if k != 0 {
		p = *s.subscriptions.At(k)
		back := s.unused(a, k)
		s.returnFee(a, &p, back, key)
		if back > 0 {
			s.forfeitOf(i, p.Number)
		}
		s.billUsed(a, &p, key)
	}
	s.turned(a, &p, usage.Requested, key, "ended")
	s.endOffer(i, number, id)
}

// billUsed takes the fees of what was had and is billed behind: those that
// stayed unpaid, and that of the period that ends early, in proportion where it
// is prorated and whole where not.
func (s *State) billUsed(a *account, p *subscription, key []byte) {
	over, running := s.behind(a, p)
	s.bill(a, p, over, usage.Requested, key)
	s.bill(a, p, running, usage.Requested, key)
}

// behind is what a subscription that is billed behind and ends now is to be
// billed: for a period that is over and was not paid, and for the one that runs.
func (s *State) behind(a *account, p *subscription) (over, running money.Amount) {
	plan, offer := s.planOf(a, p.Offer)
	if offer == nil || offer.Recurring == nil || !offer.Recurring.Arrears {
		return 0, 0
	}
	if p.Status != Live || p.Until == 0 {
		return p.Owed, 0
	}
	part, whole := lengths(plan, offer, a, p)
	if offer.Recurring.Prorated {
		part = s.now.Sub(p.From)
	}
	return p.Owed, recurringFee(offer, p, part, whole)
}

// forfeitOf takes away what a subscription granted.
func (s *State) forfeitOf(i slab.Index, subscription uint64) {
	a := s.accounts.At(i)
	for b := a.Buckets; b != 0; {
		next := s.book.Buckets.At(b).Next
		if s.book.TermsOf(s.book.Buckets.At(b)).Subscription == subscription {
			s.forfeit(a, b, usage.Requested)
		}
		b = next
	}
}
