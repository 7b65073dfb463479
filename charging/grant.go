package charging

import (
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
	// before is the last moment before a tariff switch while what was used until
	// then is charged; zero is now.
	before instant.Instant
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
	key := sv.group()
	key.Bare, key.Recipient = sv.Flags&Bare != 0, recipient
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

// group is a group without anything but what a gateway calls it.
func (s *Service) group() session.Group {
	return session.Group{
		RatingGroup: s.RatingGroup, HasRatingGroup: s.Flags&HasRatingGroup != 0,
		ServiceID: s.ServiceID, HasServiceID: s.Flags&HasServiceID != 0,
	}
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

// grant reserves quota for a group and fills in what the answer says of it.
func (x *exchange) grant(group *session.Group, sv *Service, o *ServiceOutcome) {
	previous := group.Granted
	group.Granted, group.Exhausted = 0, false
	if barredIn(x.session) {
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
	x.activity.Grants[o.Unit].add(granted)
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
