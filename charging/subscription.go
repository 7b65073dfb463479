package charging

import (
	"slices"

	"gyro/balance"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/slab"
	"gyro/rating"
)

// subscription is an offer that an account, or one of its subscribers alone,
// has, with the period that runs. An offer for the whole account that neither
// costs a recurring fee nor binds has none: its place in account.Offers says
// all there is.
type subscription struct {
	Number uint64 // counts the shard's subscriptions from 1
	Offer  ident.Name
	Code   ident.Name // the promotion that a code named; zero is none
	// Then is the offer that takes its place at the end of the period, ThenCode
	// the promotion of that; Ends lets nothing follow.
	Then, ThenCode ident.Name
	Next           slab.Index // the account's next subscription
	Subscriber     uint32     // number of the only subscriber that has it; 0 is all
	Began          instant.Instant
	Committed      instant.Instant // not to be ended before; zero is not bound
	// From and Until are the period that runs; Until is zero where nothing
	// renews. Until is Anchor and Periods times the offer's period, so that a
	// month that is too short moves no later one.
	From, Until, Anchor instant.Instant
	Periods             uint16
	Fees                uint32 // recurring fees that fell due, for promotions
	// OneTime and Owed are fees that fell due and are not paid; Paid is the
	// recurring fee paid for the period that runs.
	OneTime, Owed, Paid money.Amount
	// Retry is the next attempt at an unpaid fee, Lapses when the service ends
	// for want of it.
	Retry, Lapses instant.Instant
	Tries         uint8
	Status        SubscriptionStatus
	Ends          bool
}

// SubscriptionStatus is how a subscription stands. Its number is part of the
// state's format.
type SubscriptionStatus uint8

// The statuses.
const (
	Live    SubscriptionStatus = 1
	Unpaid  SubscriptionStatus = 2 // a fee is not paid yet; the offer's rates go on
	Dormant SubscriptionStatus = 3 // suspended for want of a fee: no rates, no allowances
)

// String is the status's name in the API and in records.
func (s SubscriptionStatus) String() string {
	switch s {
	case Live:
		return "live"
	case Unpaid:
		return "unpaid"
	case Dormant:
		return "suspended"
	}
	return "unknown"
}

// moment is when time next does something to a subscription, zero is never.
func (p *subscription) moment() instant.Instant {
	switch {
	case p.Status == Unpaid && p.Retry != 0:
		return min(p.Retry, p.Lapses)
	case p.Status == Unpaid:
		return p.Lapses
	case p.Status == Live, p.Ends, p.Then != 0:
		return p.Until
	}
	return 0
}

func (s *State) nextRenewal(i slab.Index, next *step) {
	for k := s.accounts.At(i).Subscriptions; k != 0; k = s.subscriptions.At(k).Next {
		next.earlier(step{at: s.subscriptions.At(k).moment(), run: (*State).renew, what: k})
	}
}

// subscriptionOf finds the subscription of an account, or of one of its
// subscribers, to an offer; zero where there is none.
func (s *State) subscriptionOf(a *account, subscriber uint32, offer ident.Name) slab.Index {
	for k := a.Subscriptions; k != 0; k = s.subscriptions.At(k).Next {
		if p := s.subscriptions.At(k); p.Offer == offer && p.Subscriber == subscriber {
			return k
		}
	}
	return 0
}

// held are the offers that an account has, then those of one of its
// subscribers alone; with 0 the account's only.
func (s *State) held(a *account, subscriber uint32) []ident.Name {
	offers := slices.Clone(a.offers())
	for k := a.Subscriptions; k != 0 && subscriber != 0; k = s.subscriptions.At(k).Next {
		if p := s.subscriptions.At(k); p.Subscriber == subscriber {
			offers = append(offers, p.Offer)
		}
	}
	return offers
}

// offersFor are the offers that rate a subscriber's usage: its own before the
// account's, without those that are suspended.
func (s *State) offersFor(a *account, who slab.Index) []ident.Name {
	if !a.particular {
		return a.offers()
	}
	number := s.subscribers.At(who).Number
	offers := s.scratch.offers[:0]
	for k := a.Subscriptions; k != 0; k = s.subscriptions.At(k).Next {
		if p := s.subscriptions.At(k); p.Subscriber == number && p.Status != Dormant {
			offers = append(offers, p.Offer)
		}
	}
	for _, offer := range a.offers() {
		if k := s.subscriptionOf(a, 0, offer); k == 0 || s.subscriptions.At(k).Status != Dormant {
			offers = append(offers, offer)
		}
	}
	s.scratch.offers = offers
	return offers
}

// markParticular notes whether what rates one subscriber of the account may
// differ from what rates the others, or from the account's offers.
func (s *State) markParticular(a *account) {
	a.particular = false
	for k := a.Subscriptions; k != 0; k = s.subscriptions.At(k).Next {
		if p := s.subscriptions.At(k); p.Subscriber != 0 || p.Status == Dormant {
			a.particular = true
		}
	}
}

// setStatus changes how a subscription stands.
func (s *State) setStatus(a *account, p *subscription, status SubscriptionStatus) {
	p.Status = status
	s.markParticular(a)
}

// hold counts what a subscription needs of the account's catalogue, or takes
// it away; the offers in account.Offers are counted by catalogs.hold.
func (s *State) hold(a *account, p *subscription, change int) {
	if p.Subscriber != 0 {
		s.catalogs.holdOffer(a.Catalog, p.Offer, change)
	}
	if p.Then != 0 {
		s.catalogs.holdOffer(a.Catalog, p.Then, change)
	}
}

// attachSubscription puts a subscription behind the account's others.
func (s *State) attachSubscription(a *account, p subscription) slab.Index {
	k, record := s.subscriptions.New()
	*record = p
	record.Next = 0
	link := &a.Subscriptions
	for *link != 0 {
		link = &s.subscriptions.At(*link).Next
	}
	*link = k
	s.hold(a, record, 1)
	s.markParticular(a)
	return k
}

// dropSubscription takes a subscription away, and nothing else.
func (s *State) dropSubscription(a *account, k slab.Index) {
	s.hold(a, s.subscriptions.At(k), -1)
	for link := &a.Subscriptions; *link != 0; link = &s.subscriptions.At(*link).Next {
		if *link == k {
			*link = s.subscriptions.At(k).Next
			break
		}
	}
	s.subscriptions.Free(k)
	s.markParticular(a)
}

// whoHas is the subscriber with a number, or zero.
func (s *State) whoHas(a *account, number uint32) slab.Index {
	for who := a.Subscribers; who != 0; who = s.subscribers.At(who).Next {
		if s.subscribers.At(who).Number == number {
			return who
		}
	}
	return 0
}

// kindOfOffer is the account's kind as catalogues number it.
func kindOfOffer(k balance.Kind) rating.OfferKind {
	switch k {
	case balance.Postpaid:
		return rating.Postpaid
	case balance.Hybrid:
		return rating.Hybrid
	case balance.Prepaid:
	}
	return rating.Prepaid
}
