package charging

import (
	"gyro/balance"
	"gyro/charging/session"
	"gyro/charging/usage"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/slab"
	"gyro/rating"
)

// exchange is one request at work on its session.
type exchange struct {
	*State
	request *CreditControl
	outcome *Outcome
	session *session.Session
	account *account
	owner   slab.Index
	// taken is the money that the report at hand has taken in the open record,
	// carried what it took in records that were closed because they were full.
	taken, carried money.Amount
	bound          headroom // what the subscriber's own limits leave for the group at hand
}

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

// service answers one Multiple-Services-Credit-Control.
func (x *exchange) service(sv *Service, o *ServiceOutcome) {
	if recipients := x.recipientsOf(x.session); recipients > 0 {
		x.serviceForAll(sv, o, recipients)
		return
	}
	x.serviceOf(sv, o, 0)
}

// serviceOf answers it for one recipient of a message to several, or 0.
func (x *exchange) serviceOf(sv *Service, o *ServiceOutcome, recipient uint8) {
	o.RatingGroup, o.ServiceID, o.Result = sv.RatingGroup, sv.ServiceID, Success
	o.Flags = outcomeFlags(sv.Flags)
	key := session.Group{
		RatingGroup: sv.RatingGroup, HasRatingGroup: sv.Flags&HasRatingGroup != 0,
		ServiceID: sv.ServiceID, HasServiceID: sv.Flags&HasServiceID != 0, Bare: sv.Flags&Bare != 0,
		Recipient: recipient,
	}
	at := x.sessions.Group(x.session, &key)
	if at == 0 {
		if sv.ReportCount == 0 && sv.Flags&Requests == 0 {
			return
		}
		var ok bool
		if at, ok = x.sessions.AddGroup(x.session, key); !ok {
			o.Result = TooManyGroups
			return
		}
	}
	group := x.sessions.Groups.At(at)
	if sv.ReportCount > 0 {
		o.Result = x.report(group, sv)
	}
	switch {
	case x.request.Type == Termination:
		// closeSession releases and writes.
	case x.granted(&key):
		if sv.Flags&Requests != 0 {
			o.Result = InvalidValue
		}
	case o.Result == InvalidValue || o.Result == Overflow:
		// What was used could not be booked: nothing more is handed out, and
		// the refusal must not be hidden behind a grant.
		x.release(group)
		group.Granted = 0
	case sv.final() && sv.Flags&Requests == 0:
		x.release(group)
		x.closeRecord(x.session, group, usage.Ended)
		x.endGroup(group, at)
	case sv.Flags&Requests != 0:
		x.release(group)
		x.grant(group, sv, o)
	default: // a report only: what is left of the quota is given back
		x.release(group)
		group.Granted = 0
	}
}

// endGroup closes a group that its gateway is done with. It may come back; a
// setup fee that it paid is not taken again in the session.
func (x *exchange) endGroup(group *session.Group, at slab.Index) {
	paid := group.SetupTaken && (group.Ended() || x.catalogs.plan(group.Plan).Price(group.Rate).Setup() > 0)
	if paid {
		x.sessions.EndGroup(group)
	} else {
		x.sessions.RemoveGroup(x.session, at)
	}
}

// granted reports whether the request was granted quota for the group already:
// a gateway that names a group twice would obey both grants, and only the last
// would be reserved.
func (x *exchange) granted(key *session.Group) bool {
	for k := range x.outcome.Services {
		o := &x.outcome.Services[k]
		if o.Flags&Grants != 0 && o.RatingGroup == key.RatingGroup && o.ServiceID == key.ServiceID &&
			o.Flags&OutcomeRatingGroup != 0 == key.HasRatingGroup && o.Flags&OutcomeServiceID != 0 == key.HasServiceID {
			return true
		}
	}
	return false
}

func outcomeFlags(f ServiceFlags) (o OutcomeFlags) {
	if f&HasRatingGroup != 0 {
		o |= OutcomeRatingGroup
	}
	if f&HasServiceID != 0 {
		o |= OutcomeServiceID
	}
	if f&Bare != 0 {
		o |= OutcomeBare
	}
	return o
}

// final reports whether the gateway says that it is done with the group.
func (s *Service) final() bool {
	if s.Reason == ReasonFinal+1 {
		return true
	}
	for i := range s.ReportCount {
		if s.Reports[i].Reason == ReasonFinal+1 {
			return true
		}
	}
	return false
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

// grant reserves quota for a group and fills in what the answer says of it.
func (x *exchange) grant(group *session.Group, sv *Service, o *ServiceOutcome) {
	previous := group.Granted
	group.Granted, group.Exhausted = 0, false
	if x.barred(x.session.Subscriber, askedIn(x.session.Context, x.session.Role)) {
		o.Result = ServiceDenied
		return
	}
	plan, refusal := x.match(group)
	if refusal != rating.Matched {
		o.Result = RatingFailed
		return
	}
	m := &x.scratch.filter.match
	switch m.Treatment {
	case rating.Free:
		x.grantFree(group, sv, previous, o)
		return
	case rating.Denied:
		o.Result, o.Triggers = ServiceDenied, triggersOf(m.Depends)
		return
	case rating.Charged:
	}
	quota, price := &plan.ServiceAt(m.Service).Quota, plan.Price(m.Rate)
	final := x.finalOf(group)
	x.bound = x.boundOf(group)
	granted, last := x.reserveWithin(group, price, x.wanted(group, price, sv, previous))
	if last {
		x.finish(o, final)
	}
	group.Exhausted = last || granted == 0
	if granted == 0 {
		o.Result = CreditLimitReached
		return
	}
	until := m.Until
	if x.announceChange(group, quota, granted, o) {
		until = x.scratch.after.match.Until // of the price after the switch
	}
	x.handOut(group, granted, until, o)
}

// handOut answers with a quota on the terms of the service's policy.
func (x *exchange) handOut(group *session.Group, granted uint64, until instant.Instant, o *ServiceOutcome) {
	m := &x.scratch.filter.match
	quota := &x.scratch.filter.plan.ServiceAt(m.Service).Quota
	o.Result, o.Granted, o.Unit = Success, granted, GrantUnit(m.Unit)
	o.Flags |= Grants
	group.Validity = validityOf(quota, until, x.now)
	o.Validity = uint32((group.Validity + instant.Second - 1) / instant.Second)
	o.Holding = uint32(quota.Holding / instant.Second)
	o.Threshold = thresholdOf(granted, quota.ThresholdPermille)
	o.Triggers = triggersOf(m.Depends)
	group.Granted, group.Since = granted, x.now
	x.counters.Grants[o.Unit].add(granted)
	x.open(group)
}

// open begins the group's record, unless it is open: service begins with the
// grant, not with the first report of its use.
func (x *exchange) open(group *session.Group) {
	if group.Opened == 0 {
		group.Opened = x.now
	}
}

// thresholdOf is the remainder at which the gateway asks for more: below the
// grant, as TS 32.299 section 7.2.238 demands.
func thresholdOf(granted uint64, permille uint32) uint32 {
	threshold := granted/1000*uint64(permille) + granted%1000*uint64(permille)/1000
	return uint32(min(threshold, granted-1, 1<<32-1))
}

// validityOf is the quota's Validity-Time, cut at the moment until which its
// prices are known: the gateway reports then, and what follows has the new one.
func validityOf(quota *rating.Quota, until, now instant.Instant) instant.Span {
	validity := quota.Validity
	if until > now {
		left := max(until.Sub(now), instant.Second)
		if validity == 0 || left < validity {
			validity = left
		}
	}
	return validity
}

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
