package charging

import (
	"gyro/balance"
	"gyro/charging/usage"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/slab"
	"gyro/rating"
)

// grantFor says for what an allowance is granted.
type grantFor struct {
	offer        ident.Name // zero for one that no offer gives
	subscription uint64     // its number; zero is none
	owner        uint32     // the subscriber's number that alone may use it; 0 is all
	from         instant.Instant
	periodEnd    instant.Instant // of the subscription; zero where none renews
	cause        usage.Cause
	key          []byte
}

// grantAllowance gives an account an allowance of its catalogue as a bucket.
func (s *State) grantAllowance(i slab.Index, plan *rating.Plan, allowance *rating.Allowance, g grantFor) {
	if allowance.Amount == 0 {
		return
	}
	until := instant.Instant(0)
	switch {
	case allowance.ToCycleEnd && g.periodEnd != 0:
		until = g.periodEnd
	case allowance.ToCycleEnd:
		_, until = plan.Cycle(g.from, s.accounts.At(i).cycleDay())
	case allowance.Validity > 0 && !allowance.FromFirstUse:
		until = g.from.Add(allowance.Validity)
	}
	s.openGrant(i, allowance, allowance.Amount, until, 0, g, usage.Grant, balance.LedgerAccount{Class: balance.Granted, Name: allowance.ID})
}

// openGrant opens a bucket of an allowance and books where it comes from.
func (s *State) openGrant(i slab.Index, allowance *rating.Allowance, amount int64, until instant.Instant, rolled uint8, g grantFor, kind usage.Kind, source balance.LedgerAccount) {
	a := s.accounts.At(i)
	d := a.denominationOf(allowance.Unit)
	terms := balance.Terms{Cap: allowance.DailyCap, Rolled: rolled}
	if allowance.FromFirstUse {
		terms.Validity = allowance.Validity
	}
	if g.periodEnd != 0 {
		terms.Subscription = g.subscription
	}
	b := s.book.OpenWith(&a.Account, balance.Bucket{
		Denomination: d, Allowance: allowance.ID, Priority: allowance.Priority, Owner: g.owner,
		Remaining: amount, Granted: amount, From: g.from, Until: until,
	}, terms)
	s.operation(a, usage.Record{
		Kind: kind, Cause: g.cause, Offer: g.offer, SessionID: g.key, Subscriber: s.identityOfNumber(a, g.owner),
	}, balance.Posting{
		From:   source,
		To:     bucketSide(s.book.Buckets.At(b)),
		Amount: amount, Denomination: d,
	})
	s.due(i, until)
}

// rollOver carries what is left of a subscription's buckets that end now into
// the period that begins: per allowance at most what it says, and as often as
// it says. What is reserved stays where it is. A renewal that comes late finds
// nothing: what was left has expired.
func (s *State) rollOver(i slab.Index, p *subscription, plan *rating.Plan, from instant.Instant) {
	a := s.accounts.At(i)
	if p.Until == 0 {
		return
	}
	carried := map[carriage]int64{}
	for b := a.Buckets; b != 0; {
		next := s.book.Buckets.At(b).Next
		bucket := s.book.Buckets.At(b)
		terms := s.book.TermsOf(bucket)
		allowance, known := plan.Allowance(bucket.Allowance)
		if known && terms.Subscription == p.Number && bucket.Until == from && terms.Rolled < allowance.RollOver.Cycles &&
			bucket.Denomination == a.denominationOf(allowance.Unit) {
			to := carriage{allowance.ID, bucket.Owner}
			amount := min(bucket.Remaining-bucket.Reserved, allowance.RollOver.Most-carried[to])
			if amount > 0 {
				carried[to] += amount
				s.carry(i, b, amount, p, allowance, from)
			}
		}
		b = next
	}
}

// carriage is whose allowance it is that is carried over.
type carriage struct {
	allowance ident.Name
	owner     uint32
}

// carry moves a part of a bucket that ends into a bucket of the next period.
func (s *State) carry(i, b slab.Index, amount int64, p *subscription, allowance *rating.Allowance, from instant.Instant) {
	bucket := s.book.Buckets.At(b)
	rolled := s.book.TermsOf(bucket).Rolled + 1
	bucket.Remaining -= amount
	until := p.Until
	if !allowance.ToCycleEnd {
		until = from.Add(allowance.Validity)
	}
	s.openGrant(i, allowance, amount, until, rolled, grantFor{
		offer: p.Offer, subscription: p.Number, owner: bucket.Owner, from: from, periodEnd: p.Until, cause: usage.TimePassed,
	}, usage.RollOver, bucketSide(bucket))
}
