package charging

import (
	"gyro/balance"
	"gyro/charging/session"
	"gyro/charging/usage"
	"gyro/internal/money"
	"gyro/internal/slab"
	"gyro/rating"
)

// refundAll returns what an event cost (REFUND_ACCOUNT): for each recipient, or
// the amount that the request says, once. What would be more than the account
// has been charged for usage and not got back is refused.
func (x *exchange) refundAll(sv *Service, o *Outcome) (result Result) {
	result = Success
	if sv.Requested.Has&HasMoney != 0 {
		x.eachRecipient(sv, func(group *session.Group, _ *rating.Plan, _ rating.Refusal, units uint64) bool {
			result = x.refundMoney(group, sv.Requested.Money, units, o)
			return false
		})
		return result
	}
	if result = x.refundable(sv); result != Success {
		return result
	}
	x.eachRecipient(sv, func(group *session.Group, plan *rating.Plan, _ rating.Refusal, units uint64) bool {
		if !group.Free {
			result = x.refund(group, plan.Price(x.scratch.filter.match.Rate), units, o)
		}
		return result == Success
	})
	return result
}

// refundable finds out whether a refund for all recipients is covered by what
// the account was charged: all of them get it back, or none.
func (x *exchange) refundable(sv *Service) (result Result) {
	result = Success
	sum, back := money.Amount(0), x.scratch.held[:0]
	x.eachRecipient(sv, func(group *session.Group, plan *rating.Plan, _ rating.Refusal, units uint64) bool {
		if group.Free {
			return true
		}
		price := plan.Price(x.scratch.filter.match.Rate)
		billable, ok := price.Billable(units)
		if !ok {
			result = InvalidValue
			return false
		}
		if i := x.spentAllowance(group, int64(billable), back); i != 0 {
			back = append(back, balance.Held{Bucket: i, Amount: int64(billable)})
			return true
		}
		value, ok := x.costOf(group, price, billable)
		if sum, ok = addTo(sum, value, ok); !ok || sum > x.account.Refundable {
			result = InvalidValue
		}
		return result == Success
	})
	x.scratch.held = back[:0]
	return result
}

func addTo(sum money.Amount, value int64, ok bool) (money.Amount, bool) {
	next, fits := sum.Add(money.Amount(value))
	return next, ok && fits
}

// refund returns what an event to one recipient cost. Units go back to an
// allowance that pays for the service and has given at least as many; what none
// has given is refunded in money, at today's price.
func (x *exchange) refund(group *session.Group, price *rating.Price, units uint64, o *Outcome) Result {
	billable, ok := price.Billable(units)
	if !ok {
		return InvalidValue
	}
	if i := x.spentAllowance(group, int64(billable), nil); i != 0 {
		return x.giveBack(group, i, int64(billable), units, o)
	}
	value, ok := x.costOf(group, price, billable)
	if !ok {
		return InvalidValue
	}
	return x.refundMoney(group, value, units, o)
}

// refundMoney returns an amount to the account's own money, at most what its
// usage was charged and it did not get back yet.
func (x *exchange) refundMoney(group *session.Group, value int64, units uint64, o *Outcome) Result {
	if value < 0 || value > balance.MaxAmount || money.Amount(value) > x.account.Refundable {
		return InvalidValue
	}
	return x.giveBack(group, x.book.Main(&x.account.Account), value, units, o)
}

func (x *exchange) giveBack(group *session.Group, to slab.Index, value int64, units uint64, o *Outcome) Result {
	bucket := x.book.Buckets.At(to)
	switch {
	case value == 0:
		return Success
	case bucket.Remaining > balance.MaxAmount-value:
		return Overflow
	}
	bucket.Remaining += value
	x.post(usage.Refund, group, units, balance.Posting{
		From:   destination(group, bucket.Denomination),
		To:     bucketSide(bucket),
		Amount: value, Denomination: bucket.Denomination,
	})
	if bucket.Main {
		o.Amount += value
		x.account.Refundable -= money.Amount(value)
		x.replenished(x.owner)
	}
	return Success
}

// spentAllowance is a bucket that pays for a group's usage and gave at least so
// many units, beside those that go back to it already.
func (x *exchange) spentAllowance(group *session.Group, units int64, back []balance.Held) slab.Index {
	for i := x.account.Buckets; i != 0; {
		b := x.book.Buckets.At(i)
		spent := b.Granted - b.Remaining
		for _, h := range back {
			if h.Bucket == i {
				spent -= h.Amount
			}
		}
		if b.Denomination == group.Unit && b.Valid(x.now) && spent >= units && x.scratch.filter.Pays(b) {
			return i
		}
		i = b.Next
	}
	return 0
}

// post books one posting and writes the record it is in.
func (x *exchange) post(kind usage.Kind, group *session.Group, units uint64, p balance.Posting) {
	x.book.Ledger.Post(&p)
	octets := &x.sessions.Octets
	record := &x.scratch.record
	*record = usage.Record{
		Kind: kind, Cause: usage.Ended, Opened: x.now, Closed: x.now,
		SessionID: octets.Get(x.session.ID), SubSession: x.session.Sub, Subscriber: octets.Get(x.session.Identity),
		Called: octets.Get(x.session.Called), Context: x.session.Context,
		RatingGroup: group.RatingGroup, ServiceID: group.ServiceID, Used: units, Requests: 1,
		Plan: group.Plan, Rate: group.Rate, Service: group.ServiceName, Offer: group.Offer,
		Unit: group.Unit, Currency: x.account.Currency, Flags: recordFlags(group),
		Postings: append(x.scratch.postings[:0], p),
	}
	record.Why = x.why(x.session, group, x.account, record.Postings)
	if p.Denomination.IsMoney() {
		record.Charged = -money.Amount(p.Amount)
	}
	x.emit(x.account, record)
}
