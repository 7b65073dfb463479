package charging

import (
	"gyro/balance"
	"gyro/charging/session"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/rating"
)

// reserveWithin is reserve for no more units than the subscriber's own limits
// leave.
func (x *exchange) reserveWithin(group *session.Group, price *rating.Price, want uint64) (granted uint64, last bool) {
	if x.bound.units >= want {
		return x.reserve(group, price, want)
	}
	if x.bound.units == 0 {
		return 0, true
	}
	granted, last = x.reserve(group, price, x.bound.units)
	return granted, last || granted == x.bound.units
}

// reserve sets aside allowances and money for up to want units more. It
// returns how many units that pays for; last tells that the balance, not the
// request, was the bound.
func (x *exchange) reserve(group *session.Group, price *rating.Price, want uint64) (granted uint64, last bool) {
	granted, last = x.reserveBoth(group, price, want)
	if granted == 0 && !last {
		// Remnants of allowances fill the reservation and do not pay for one
		// increment together: money alone, of which the charge takes less.
		granted, last = x.reserveMoneyAlone(group, price, want, x.book.Reserve)
	}
	if granted == 0 && !last {
		// So do remnants of money: the buckets that hold most.
		granted, last = x.reserveMoneyAlone(group, price, want, x.book.ReserveFullest)
	}
	return granted, last
}

// reserveBy is one of the ways in which the book takes a reservation.
type reserveBy func(a *balance.Account, d balance.Denomination, want int64, now instant.Instant, f balance.Filter, parts *balance.Parts) int64

func (x *exchange) reserveMoneyAlone(group *session.Group, price *rating.Price, want uint64, by reserveBy) (granted uint64, last bool) {
	d := x.account.Denomination()
	available := by(&x.account.Account, d, int64(money.Max), x.now, &x.scratch.filter, &group.Reserved)
	x.book.Release(&group.Reserved)
	available = min(available, x.bound.money)
	within := price.Within(group.Billed + x.affordable(group, price, available))
	if within <= group.Used {
		return 0, x.free(group, d) <= available
	}
	granted = min(within-group.Used, want)
	billable, ok := price.Billable(group.Used + granted)
	cost, fits := x.costOf(group, price, billable-group.Billed)
	if !ok || !fits {
		return 0, false
	}
	if by(&x.account.Account, d, cost, x.now, &x.scratch.filter, &group.Reserved) != cost {
		panic("charging: money that was there could not be reserved")
	}
	return granted, granted < want && x.free(group, d) <= available-cost
}

func (x *exchange) reserveBoth(group *session.Group, price *rating.Price, want uint64) (granted uint64, last bool) {
	billable, ok := price.Billable(group.Used + want)
	if !ok {
		return 0, false
	}
	units, available, whole := x.reserveWhole(group, price, billable-group.Billed)
	if whole {
		return want, false
	}
	rated := x.affordable(group, price, available)
	within := price.Within(group.Billed + units + rated)
	last = x.free(group, x.account.Denomination()) <= available && x.free(group, group.Unit) == 0
	x.book.Release(&group.Reserved)
	if within <= group.Used {
		return 0, last
	}
	granted = min(within-group.Used, want)
	billable, _ = price.Billable(group.Used + granted)
	need := billable - group.Billed
	units = x.reserveUnits(group, need)
	cost, _ := x.costOf(group, price, need-units)
	x.reserveMoney(group, cost)
	return granted, last
}

// reserveWhole sets aside what the given billable units more take of allowances
// and of money, and reports whether there was enough. If not, what was set
// aside of allowances stays so; available is the money that there would be.
func (x *exchange) reserveWhole(group *session.Group, price *rating.Price, need uint64) (units uint64, available int64, whole bool) {
	units = x.reserveUnits(group, need)
	cost, ok := x.costOf(group, price, need-units)
	available = x.book.Available(&x.account.Account, x.account.Denomination(), x.now, &x.scratch.filter, &group.Reserved)
	available = min(available, x.bound.money)
	if whole = ok && cost <= available; whole {
		x.reserveMoney(group, cost)
	}
	return units, available, whole
}

// free is what the account could pay with if any number of buckets could be
// drawn on. What exceeds the reservation then was left out of a full set of
// parts: the number of buckets was the bound, not the balance, and the next
// grant draws on the others. Money is no more than the subscriber's own limits
// leave beside what the group has reserved.
func (x *exchange) free(group *session.Group, d balance.Denomination) int64 {
	free := x.book.Free(&x.account.Account, d, x.now, &x.scratch.filter)
	if d.IsMoney() && x.bound.limited {
		free = min(free, x.bound.money-int64(x.moneyOf(&group.Reserved)))
	}
	return free
}

func (x *exchange) reserveUnits(group *session.Group, need uint64) uint64 {
	return uint64(x.book.Reserve(&x.account.Account, group.Unit, int64(need), x.now, &x.scratch.filter, &group.Reserved))
}

func (x *exchange) reserveMoney(group *session.Group, cost int64) {
	d := x.account.Denomination()
	if x.book.Reserve(&x.account.Account, d, cost, x.now, &x.scratch.filter, &group.Reserved) != cost {
		panic("charging: available money could not be reserved")
	}
}

// costOf is what rating the given billable units more would add to the
// session's charge.
func (x *exchange) costOf(group *session.Group, price *rating.Price, rated uint64) (int64, bool) {
	if rated == 0 {
		return 0, true
	}
	from, charged := x.position(group, price)
	cost, ok := price.Cost(from + rated)
	if !ok {
		return 0, false
	}
	due, ok := cost.Sub(charged)
	if ok && !group.SetupTaken {
		due, ok = due.Add(price.Setup())
	}
	return int64(due), ok
}

// affordable is how many billable units more an amount of money pays for.
func (x *exchange) affordable(group *session.Group, price *rating.Price, available int64) uint64 {
	from, charged := x.position(group, price)
	budget, ok := charged.Add(money.Amount(available))
	if !ok {
		budget = money.Max
	}
	if !group.SetupTaken {
		budget -= price.Setup()
	}
	if budget < charged {
		return 0
	}
	most := price.Affordable(budget)
	return most - min(most, from)
}
