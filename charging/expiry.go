package charging

import (
	"gyro/balance"
	"gyro/charging/usage"
	"gyro/internal/slab"
)

// expireBucket takes away what a bucket holds when its time has passed. What
// is reserved stays until it is used or released, and the bucket until the
// records that name it are written.
func (s *State) expireBucket(i, bucket slab.Index) {
	s.carryOn(i, bucket)
	s.forfeit(s.accounts.At(i), bucket, usage.TimePassed)
}

// carryOn carries what is left of a bucket with a validity of its own into
// another such time, where its allowance says so and the subscription that
// granted it is paid.
func (s *State) carryOn(i, b slab.Index) {
	a, bucket := s.accounts.At(i), s.book.Buckets.At(b)
	terms := s.book.TermsOf(bucket)
	if terms.Subscription == 0 {
		return
	}
	for k := a.Subscriptions; k != 0; k = s.subscriptions.At(k).Next {
		p := s.subscriptions.At(k)
		plan, _ := s.catalogs.current(a.Catalog)
		if p.Number != terms.Subscription || p.Status != Live || plan == nil {
			continue
		}
		allowance, known := plan.Allowance(bucket.Allowance)
		amount := bucket.Remaining - bucket.Reserved
		if known && !allowance.ToCycleEnd && terms.Rolled < allowance.RollOver.Cycles && amount > 0 && bucket.Denomination == a.denominationOf(allowance.Unit) {
			s.carry(i, b, min(amount, allowance.RollOver.Most), p, allowance, bucket.Until)
		}
		return
	}
}

// revisit sees to it that buckets that only waited for a session are closed
// when it has let go of them, and that an account that waited for its last
// session goes.
func (s *State) revisit(i slab.Index) {
	if a := s.accounts.At(i); a.lingers || s.closable(a) {
		s.due(i, s.now)
	}
}

// moved reports whether an open record of the account names the bucket; it is
// needed until that record is written.
func (s *State) moved(a *account, bucket slab.Index) bool {
	for i := a.Sessions; i != 0; i = s.sessions.Sessions.At(i).Next {
		for g := s.sessions.Sessions.At(i).Groups; g != 0; g = s.sessions.Groups.At(g).Next {
			for _, used := range s.sessions.Groups.At(g).Moved.Bucket {
				if used == bucket {
					return true
				}
			}
		}
	}
	return false
}

// forfeit books what of a bucket is not reserved as expired, and closes the
// bucket unless something needs it still: then its time is over.
func (s *State) forfeit(a *account, i slab.Index, cause usage.Cause) {
	b := s.book.Buckets.At(i)
	if lost := b.Remaining - b.Reserved; lost > 0 {
		s.operation(a, usage.Record{Kind: usage.Expiry, Cause: cause}, balance.Posting{
			From:   bucketSide(b),
			To:     balance.LedgerAccount{Class: balance.Expired, Name: b.Allowance},
			Amount: lost, Denomination: b.Denomination,
		})
		b.Remaining -= lost
	}
	if b.Reserved > 0 || s.moved(a, i) {
		if b.Until == 0 || b.Until > s.now {
			s.book.End(&a.Account, i, max(s.now, 1))
		}
		a.lingers = true
		return
	}
	s.book.Close(&a.Account, i)
}

// appointBegun appoints the account for the end of a validity that a debit let begin.
func (x *exchange) appointBegun() {
	if at := x.book.Begun; at != 0 {
		x.book.Begun = 0
		x.due(x.owner, at)
	}
}
