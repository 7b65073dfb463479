package charging

import (
	"fmt"
	"slices"

	"gyro/charging/usage"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/slab"
	"gyro/rating"
)

// renew does what time brings to a subscription: the end of its period, another
// attempt at a fee, the end of patience.
func (s *State) renew(i, k slab.Index) {
	a, p := s.accounts.At(i), s.subscriptions.At(k)
	plan, offer := s.planOf(a, p.Offer)
	switch {
	case offer == nil: // a version without it was refused; a catalogue that is gone cannot be billed
		p.Until, p.Retry, p.Lapses = 0, 0, 0
		s.setStatus(a, p, Live)
	case p.Until != 0 && p.Until <= s.now && (p.Status == Live || p.Ends || p.Then != 0):
		s.endPeriod(i, k, plan, offer)
	case p.Retry != 0 && p.Retry <= s.now && p.Retry <= p.Lapses:
		s.tryAgain(i, k, plan, offer)
	default:
		s.lapse(i, k, offer)
	}
}

// endPeriod closes the period that runs and begins what follows.
func (s *State) endPeriod(i, k slab.Index, plan *rating.Plan, offer *rating.Offer) {
	a, p := s.accounts.At(i), s.subscriptions.At(k)
	at := p.Until
	due := s.arrears(plan, offer, a, p)
	if p.Ends || p.Then != 0 {
		if p.Status != Live {
			due = 0
			if offer.Recurring != nil && offer.Recurring.Arrears {
				due = p.Owed
			}
		}
		s.bill(a, p, due, usage.TimePassed, nil)
		s.follow(i, k, at)
		return
	}
	if offer.Recurring == nil { // the catalogue no longer renews it
		p.Until = 0
		return
	}
	nextPeriod(plan, offer, p)
	if s.asleep(a, p) {
		return // neither fee nor allowances while its subscriber is barred
	}
	p.Owed = due
	if !offer.Recurring.Arrears {
		part, whole := lengths(plan, offer, a, p)
		p.Owed = recurringFee(offer, p, part, whole)
	}
	p.Fees++
	if s.payFees(a, p, usage.TimePassed, nil) {
		s.provide(i, k, plan, offer, at, usage.TimePassed, nil)
		return
	}
	s.wait(i, k, offer)
}

// arrears is the fee of the period that ends, for offers that bill behind.
func (s *State) arrears(plan *rating.Plan, offer *rating.Offer, a *account, p *subscription) (due money.Amount) {
	if offer.Recurring == nil || !offer.Recurring.Arrears {
		return 0
	}
	part, whole := lengths(plan, offer, a, p)
	return recurringFee(offer, p, part, whole)
}

// asleep reports whether a subscription of a subscriber alone rests because the
// subscriber may neither call nor be called.
func (s *State) asleep(a *account, p *subscription) bool {
	if p.Subscriber == 0 {
		return false
	}
	who := s.whoHas(a, p.Subscriber)
	return who != 0 && lives[s.subscribers.At(who).State].may&receiving == 0
}

// follow ends a subscription whose period is over, or lets the offer that was
// chosen take its place.
func (s *State) follow(i, k slab.Index, at instant.Instant) {
	a := s.accounts.At(i)
	p := *s.subscriptions.At(k)
	s.turned(a, &p, usage.TimePassed, nil, "ended")
	s.endOffer(i, p.Subscriber, p.Offer)
	plan, offer := s.planOf(a, p.Then)
	if p.Then == 0 || offer == nil || slices.Contains(s.held(a, p.Subscriber), p.Then) {
		return // nothing follows, or what was to follow was subscribed to before
	}
	s.begin(i, beginning{plan: plan, offer: offer, subscriber: p.Subscriber, code: p.ThenCode, at: at, cause: usage.TimePassed, patient: true})
}

// wait lets an unpaid fee wait as the offer's policy says.
func (s *State) wait(i, k slab.Index, offer *rating.Offer) {
	a, p := s.accounts.At(i), s.subscriptions.At(k)
	policy := offer.Recurring
	p.Tries, p.Retry = 0, 0
	patience := policy.Grace
	if policy.Retries > 0 && policy.Retry > 0 {
		p.Retry = p.From.Add(policy.Retry)
		patience = max(patience, policy.Retry*instant.Span(policy.Retries))
	}
	p.Lapses = min(p.From.Add(patience), p.Until)
	if p.Lapses <= p.From {
		s.lapse(i, k, offer)
		return
	}
	s.setStatus(a, p, Unpaid)
	s.turned(a, p, usage.TimePassed, nil, fmt.Sprintf("live to unpaid: a fee of %s is due", p.OneTime+p.Owed))
}

// tryAgain makes another attempt at an unpaid fee.
func (s *State) tryAgain(i, k slab.Index, plan *rating.Plan, offer *rating.Offer) {
	p := s.subscriptions.At(k)
	if s.recoverOne(i, k, plan, offer, usage.TimePassed) {
		return
	}
	p.Tries++
	policy := offer.Recurring
	if policy != nil && p.Tries < policy.Retries {
		p.Retry = p.Retry.Add(policy.Retry)
		return
	}
	p.Retry = 0 // the last attempt, or the catalogue no longer has a fee to try for
	if p.Lapses <= s.now {
		s.lapse(i, k, offer)
	}
}

// lapse ends the service of a subscription whose fee stayed unpaid.
func (s *State) lapse(i, k slab.Index, offer *rating.Offer) {
	a, p := s.accounts.At(i), s.subscriptions.At(k)
	words := fmt.Sprintf("%s to %%s: a fee of %s stayed unpaid", p.Status, p.OneTime+p.Owed)
	if offer.Recurring != nil && offer.Recurring.Then == rating.Cancel {
		if offer.Recurring.Arrears {
			s.bill(a, p, p.Owed, usage.TimePassed, nil)
		}
		s.turned(a, p, usage.TimePassed, nil, fmt.Sprintf(words, "ended"))
		s.endOffer(i, p.Subscriber, p.Offer)
		return
	}
	s.turned(a, p, usage.TimePassed, nil, fmt.Sprintf(words, Dormant))
	p.Retry, p.Lapses = 0, 0
	s.setStatus(a, p, Dormant)
	s.replanned(i)
}

// recoverAll pays what subscriptions of an account wait for, now that it has
// credit again.
func (s *State) recoverAll(i slab.Index) {
	a := s.accounts.At(i)
	if !s.waits(a) {
		return
	}
	s.touchAccount(i)
	for k := a.Subscriptions; k != 0; {
		next := s.subscriptions.At(k).Next
		if plan, offer := s.planOf(a, s.subscriptions.At(k).Offer); offer != nil && s.subscriptions.At(k).Status != Live {
			s.recoverOne(i, k, plan, offer, usage.Requested)
		}
		k = next
	}
	s.reschedule(i)
}

// waits reports whether a subscription of the account is unpaid or suspended.
func (s *State) waits(a *account) bool {
	for k := a.Subscriptions; k != 0; k = s.subscriptions.At(k).Next {
		if s.subscriptions.At(k).Status != Live {
			return true
		}
	}
	return false
}

// recoverOne pays the fees of a subscription that waits for them and gives what
// they are for. Time without service is not paid for: the period of a suspended
// one begins now. One that was billed behind was had, and is paid.
func (s *State) recoverOne(i, k slab.Index, plan *rating.Plan, offer *rating.Offer, cause usage.Cause) bool {
	a, p := s.accounts.At(i), s.subscriptions.At(k)
	if s.asleep(a, p) {
		return false
	}
	before := *p
	if p.Status == Dormant && offer.Recurring != nil {
		s.beginAnew(a, p, plan, offer)
	}
	if !s.payFees(a, p, cause, nil) {
		*p = before
		return false
	}
	s.turned(a, p, cause, nil, fmt.Sprintf("%s to live", p.Status))
	p.Retry, p.Lapses, p.Tries = 0, 0, 0
	s.setStatus(a, p, Live)
	s.replanned(i)
	s.provide(i, k, plan, offer, s.now, cause, nil)
	return true
}

// beginAnew lets the period of a suspended subscription begin now.
func (s *State) beginAnew(a *account, p *subscription, plan *rating.Plan, offer *rating.Offer) {
	firstPeriod(plan, offer, a, p, s.now)
	if offer.Recurring.Arrears {
		return
	}
	part, whole := lengths(plan, offer, a, p)
	p.Fees -= min(p.Fees, 1) // the one that was not paid does not count
	p.Owed = recurringFee(offer, p, part, whole)
	p.Fees++
}

// ownedBy are the numbers of whom an allowance is granted to: everybody at
// once, the one that the subscription is for, or each subscriber its own.
func (s *State) ownedBy(a *account, allowance *rating.Allowance, subscriber uint32) (owners []uint32) {
	switch {
	case !allowance.Own:
		return []uint32{0}
	case subscriber != 0:
		return []uint32{subscriber}
	}
	for who := a.Subscribers; who != 0; who = s.subscribers.At(who).Next {
		owners = append(owners, s.subscribers.At(who).Number)
	}
	return owners
}

// provide gives what the fee of a period is for: what is left over of the last
// period where it is carried over, then the allowances.
func (s *State) provide(i, k slab.Index, plan *rating.Plan, offer *rating.Offer, from instant.Instant, cause usage.Cause, key []byte) {
	a := s.accounts.At(i)
	p := *s.subscriptions.At(k)
	s.rollOver(i, &p, plan, from)
	for _, n := range offer.Allowances {
		allowance := plan.AllowanceAt(n)
		for _, owner := range s.ownedBy(a, allowance, p.Subscriber) {
			s.grantAllowance(i, plan, allowance, grantFor{
				offer: offer.ID, subscription: p.Number, owner: owner, from: from, periodEnd: p.Until, cause: cause, key: key,
			})
		}
	}
	s.replenished(i)
}

// endOffer takes an offer from an account or a subscriber, with its
// subscription. What it granted stays to its end.
func (s *State) endOffer(i slab.Index, subscriber uint32, offer ident.Name) {
	a := s.accounts.At(i)
	if k := s.subscriptionOf(a, subscriber, offer); k != 0 {
		s.dropSubscription(a, k)
	}
	s.replanned(i)
	if subscriber != 0 {
		return
	}
	s.catalogs.hold(a, -1)
	kept := a.Offers
	a.Offers = [MaxOffers]ident.Name{}
	n := 0
	for _, o := range kept {
		if o != 0 && o != offer {
			a.Offers[n] = o
			n++
		}
	}
	s.catalogs.hold(a, 1)
}
