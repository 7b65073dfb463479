package charging

import (
	"slices"

	"gyro/internal/ident"
	"gyro/internal/slab"
)

// verifyAgenda proves that nothing that time will bring about is forgotten: an
// account with a moment to come is in the agenda, at that moment or earlier,
// and the agenda has each account once.
func (s *State) verifyAgenda(b *Books) {
	for at := range s.agenda.heap {
		p := &s.agenda.heap[at]
		a := s.accounts.At(p.index)
		if a.Number != p.number || int(a.place) != at+1 || a.Due != p.due {
			b.problem("place %d of the agenda is account %d at %s, which is at place %d at %s", at+1, p.number, p.due, a.place, a.Due)
		}
		if above := (at - 1) / 2; at > 0 && p.before(&s.agenda.heap[above]) {
			b.problem("place %d of the agenda comes before place %d", at+1, above+1)
		}
	}
	for i := slab.Index(1); i < s.accounts.Bound(); i++ {
		a := s.accounts.At(i)
		if a.Number == 0 {
			continue
		}
		if next := s.earliest(i); next.at != 0 && (a.place == 0 || a.Due > max(next.at, s.now)) {
			b.problem("account %s has something due at %s, and the agenda sees to it at %s", a.id(), next.at, a.Due)
		}
	}
}

// verifySubscriptions proves that what is noted of subscriptions for speed is
// what they say, and that no bucket is of somebody who is gone.
func (s *State) verifySubscriptions(b *Books) {
	holders := map[holding]int{}
	for i := slab.Index(1); i < s.accounts.Bound(); i++ {
		a := s.accounts.At(i)
		if a.Number == 0 {
			continue
		}
		for _, offer := range a.offers() {
			holders[holding{a.Catalog, offer}]++
		}
		s.verifySubscriptionsOf(a, holders, b)
		for k := a.Buckets; k != 0; k = s.book.Buckets.At(k).Next {
			bucket := s.book.Buckets.At(k)
			if bucket.Owner != 0 && s.whoHas(a, bucket.Owner) == 0 && bucket.Reserved == 0 && bucket.Remaining != 0 {
				b.problem("bucket %d of account %s belongs to subscriber %d, who is gone", bucket.ID, a.id(), bucket.Owner)
			}
			if t := s.book.TermsOf(bucket); t.Cap > 0 && t.Used > 2*t.Cap { // what was reserved the day before may be used today
				b.problem("%d of bucket %d were used in a day, capped at %d", t.Used, bucket.ID, t.Cap)
			}
		}
	}
	for _, number := range s.catalogs.currents {
		plan := s.catalogs.publications[number-1].plan
		for _, offer := range plan.Offers() {
			h := holding{ident.NameOf(plan.Name()), offer.ID}
			if n := s.catalogs.holders[h]; holders[h] != n {
				b.problem("offer %s is counted to be held %d times, it is %d times", offer.Name, n, holders[h])
			}
		}
	}
}

func (s *State) verifySubscriptionsOf(a *account, holders map[holding]int, b *Books) {
	particular := false
	for k := a.Subscriptions; k != 0; k = s.subscriptions.At(k).Next {
		p := s.subscriptions.At(k)
		particular = particular || p.Subscriber != 0 || p.Status == Dormant
		if p.Subscriber != 0 {
			holders[holding{a.Catalog, p.Offer}]++
		}
		if p.Then != 0 {
			holders[holding{a.Catalog, p.Then}]++
		}
		switch {
		case p.Subscriber == 0 && !slices.Contains(a.offers(), p.Offer):
			b.problem("subscription %d of account %s is to offer %s, which it does not have", p.Number, a.id(), s.Label(p.Offer))
		case p.Subscriber != 0 && s.whoHas(a, p.Subscriber) == 0:
			b.problem("subscription %d of account %s is of subscriber %d, who is gone", p.Number, a.id(), p.Subscriber)
		case p.Until != 0 && p.Until <= p.From:
			b.problem("the period of subscription %d ends at %s, before it begins at %s", p.Number, p.Until, p.From)
		case p.Status == Live && p.OneTime+p.Owed != 0:
			b.problem("subscription %d is live and owes %s", p.Number, p.OneTime+p.Owed)
		}
	}
	if particular != a.particular {
		b.problem("the offers of account %s are noted to be alike for all: %v", a.id(), !a.particular)
	}
}
