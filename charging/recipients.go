package charging

import (
	"gyro/balance"
	"gyro/charging/session"
	"gyro/charging/usage"
	"gyro/internal/money"
	"gyro/rating"
)

// recipients is how many a request is for, at least one.
func (c *CreditControl) recipients() int {
	numbers := len(c.Also)
	if len(c.Called) > 0 || numbers == 0 {
		numbers++
	}
	return max(int(c.Recipients), numbers)
}

// recipient is the number of the n-th recipient, from 0: those that are numbers
// come first, and the others (a mail address, a short code) have none, so that
// rules which ask for a zone do not apply to them.
func (c *CreditControl) recipient(n int) []byte {
	if len(c.Called) > 0 {
		if n == 0 {
			return c.Called
		}
		n--
	}
	if n < len(c.Also) {
		return c.Also[n]
	}
	return nil
}

// share is what the n-th of so many recipients is charged of the units that a
// service names. A number of messages is shared out, the first ones get what is
// left over; a size or a time is that of the message, which each of them gets.
// Without units it is one message for each.
func share(sv *Service, d balance.Denomination, n, recipients int) uint64 {
	units := sv.Requested.in(d)
	switch {
	case units == 0:
		return 1
	case d != balance.Events:
		return units
	}
	return shareOf(units, n, recipients)
}

// shareOf is what the n-th of so many recipients has of a count, from 0.
func shareOf(count uint64, n, recipients int) uint64 {
	each, left := count/uint64(recipients), count%uint64(recipients)
	if uint64(n) < left {
		each++
	}
	return each
}

// eachRecipient calls fn for every recipient of an event with its group, its
// tariff and its units, until fn reports that it is enough. Each recipient is
// classified and priced by its own number, as if it had been sent to alone.
func (x *exchange) eachRecipient(sv *Service, fn func(group *session.Group, plan *rating.Plan, refusal rating.Refusal, units uint64) bool) {
	octets, group := &x.sessions.Octets, &x.scratch.group
	recipients := x.request.recipients()
	for n := range recipients {
		x.session.Called = octets.Replace(x.session.Called, x.request.recipient(n))
		octets.Free(group.Facts.Seen)
		*group = sv.group()
		plan, refusal := x.match(group)
		units := share(sv, group.Unit, n, recipients)
		if units > 0 && !fn(group, plan, refusal, units) {
			return
		}
	}
}

// trial is what a one-time event would come to, over all of its recipients.
type trial struct {
	price  money.Amount // without allowances
	units  uint64       // that are charged for
	cost   uint64       // of them, in money
	unit   rating.Unit
	result Result
	enough bool // the account can pay for all of them, with however many buckets
	free   bool // nobody is charged for any of them
	priced bool // price fits an amount
}

// try finds out what an event comes to, without changing anything: it is
// carried out for all recipients or for none.
func (x *exchange) try(sv *Service) (t trial) {
	t = trial{result: Success, enough: true, free: true, priced: true}
	held := x.scratch.held[:0]
	d := x.account.Denomination()
	x.eachRecipient(sv, func(group *session.Group, plan *rating.Plan, refusal rating.Refusal, units uint64) bool {
		m := &x.scratch.filter.match
		switch {
		case refusal != rating.Matched:
			t.result = RatingFailed
		case m.Treatment == rating.Denied:
			t.result = ServiceDenied
		case !x.payable(sv, group.Unit):
			t.result = InvalidValue
		}
		if t.result != Success || m.Treatment == rating.Free {
			return t.result == Success
		}
		t.free, t.unit = false, m.Unit
		price, bound := plan.Price(m.Rate), x.boundOf(group)
		billable, ok := price.Billable(units)
		whole, fits := x.costOf(group, price, billable)
		sum, within := t.price.Add(money.Amount(whole))
		if t.price, t.priced = sum, t.priced && ok && fits && within; !t.priced {
			t.enough = false
			return true
		}
		var got int64
		held, got = x.book.Hold(&x.account.Account, group.Unit, int64(billable), x.now, &x.scratch.filter, held)
		rated := billable - uint64(got)
		cost, _ := x.costOf(group, price, rated)
		held, got = x.book.Hold(&x.account.Account, d, cost, x.now, &x.scratch.filter, held)
		t.units, t.cost = plus(t.units, units), plus(t.cost, uint64(cost))
		t.enough = t.enough && got == cost && t.units <= bound.units && t.cost <= uint64(max(bound.money, 0))
		if k, by := price.Counter(); by {
			x.scratch.pending = append(x.scratch.pending, pendingUnits{k, rated})
		}
		return true
	})
	x.book.Drop(held)
	x.scratch.held, x.scratch.pending = held[:0], x.scratch.pending[:0]
	return t
}

// pendingUnits are units that a trial rated by a counter of the plan.
type pendingUnits struct {
	counter uint32
	units   uint64
}

// debitOne returns what carries an event out for one recipient: the charge and
// the record of it.
func (x *exchange) debitOne(o *Outcome, so *ServiceOutcome) func(*session.Group, *rating.Plan, rating.Refusal, uint64) bool {
	return func(group *session.Group, _ *rating.Plan, _ rating.Refusal, units uint64) bool {
		group.Opened = x.now
		if group.Free {
			group.Requests, group.RecordUsed = 1, units
		} else if result := x.charge(group, x.pin(group), units); result != Success {
			so.Result = result
			return false
		}
		if so.Result == Success {
			so.Granted += units
		}
		o.Amount += int64(x.taken + x.carried)
		x.taken, x.carried = 0, 0
		x.closeRecord(x.session, group, usage.Ended)
		return true
	}
}
