package charging

import (
	"gyro/balance"
	"gyro/charging/session"
	"gyro/charging/usage"
	"gyro/internal/instant"
	"gyro/rating"
)

// filter tells which buckets pay for a group's usage.
type filter struct {
	plan       *rating.Plan
	match      rating.Match
	subscriber uint32 // number of whoever uses the service
	// allowancesOnly: an allowance that ran out says that money does not go on
	// in its place.
	allowancesOnly bool
}

// Pays implements balance.Filter.
func (f *filter) Pays(b *balance.Bucket) bool {
	switch {
	case b.Owner != 0 && b.Owner != f.subscriber:
		return false
	case b.Allowance == 0:
		return !f.allowancesOnly
	}
	a, ok := f.plan.Allowance(b.Allowance)
	return ok && f.plan.Pays(a, &f.match)
}

// DayEnd implements balance.Filter.
func (f *filter) DayEnd(now instant.Instant) instant.Instant {
	_, until := f.plan.Day(now)
	return until
}

// match classifies the group's usage from now on. Where the price changes a
// new segment begins, and with it a new record.
func (x *exchange) match(group *session.Group) (*rating.Plan, rating.Refusal) {
	f := &x.scratch.filter
	plan, number := x.catalogs.current(x.account.Catalog)
	f.plan = plan
	if plan == nil {
		f.match = rating.Match{}
		return nil, rating.NoTariff
	}
	f.allowancesOnly = false
	refusal := x.classify(plan, group, x.now, &f.match)
	if refusal != rating.Matched {
		return plan, refusal
	}
	m := &f.match
	if m.Treatment == rating.Charged {
		group.InForce = m.InForce
	}
	same := group.Matched && group.Plan == number && group.Rate == m.Rate &&
		group.Service == m.Service && group.Zone == m.Zone && group.Facts.Visited == m.Visited && group.Free == (m.Treatment == rating.Free)
	if same {
		x.classified(group, plan, m, x.now)
		return plan, refusal
	}
	if m.Treatment == rating.Denied {
		return plan, refusal // the group keeps the price of what it was granted
	}
	x.closeRecord(x.session, group, usage.Partial)
	group.Unrated = false
	group.Matched, group.Free = true, m.Treatment == rating.Free
	group.Plan, group.Rate, group.Service, group.Zone = number, m.Rate, m.Service, m.Zone
	group.ServiceName, group.Offer, group.Unit = m.ServiceID, m.Offer, denominationOf(m.Unit)
	group.Used, group.Billed, group.Rated, group.Charged = 0, 0, 0, 0
	x.classified(group, plan, m, x.now)
	return plan, refusal
}

// classify finds the tariff that applies to a group at a moment.
func (x *exchange) classify(plan *rating.Plan, group *session.Group, at instant.Instant, m *rating.Match) rating.Refusal {
	request := x.requestOf(plan, group, at)
	return plan.Classify(&request, m)
}

// pin restores the price that the group's quota was granted at.
func (x *exchange) pin(group *session.Group) *rating.Price {
	f := &x.scratch.filter
	f.plan = x.catalogs.plan(group.Plan)
	f.allowancesOnly = false
	f.match = rating.Match{
		InForce: group.InForce,
		Service: group.Service, ServiceID: group.ServiceName, Offer: group.Offer,
		Zone: group.Zone, Visited: group.Facts.Visited, Rate: group.Rate, Treatment: rating.Charged,
		Unit: f.plan.ServiceAt(group.Service).Unit,
	}
	return f.plan.Price(group.Rate)
}

// denominationOf is the denomination of a unit of catalogues in an account: its
// currency for money.
func (a *account) denominationOf(u rating.Unit) balance.Denomination {
	if u == rating.Money {
		return a.Denomination()
	}
	return denominationOf(u)
}

// denominationOf is the denomination of a unit other than money.
func denominationOf(u rating.Unit) balance.Denomination {
	switch u {
	case rating.Seconds:
		return balance.Seconds
	case rating.Events:
		return balance.Events
	case rating.Octets, rating.Money:
	}
	return balance.Octets
}
