package charging

import (
	"gyro/balance"
	"gyro/charging/session"
	"gyro/charging/usage"
	"gyro/internal/instant"
	"gyro/rating"
)

// unitAfterTariffChange is Tariff-Change-Usage UNIT_AFTER_TARIFF_CHANGE (RFC
// 8506 section 8.27).
const unitAfterTariffChange = 1

// announceChange looks for a tariff switch within the validity of a grant and
// prepares for it, if the gateway reports usage before and after it apart, and
// the balance pays for all of the grant at either price: how much will be used
// when is not known. Otherwise the validity of the grant has to end there.
// The filter for what comes after is left in the scratch.
func (x *exchange) announceChange(group *session.Group, quota *rating.Quota, granted uint64, o *ServiceOutcome) bool {
	m := &x.scratch.filter.match
	switch {
	case x.request.Client&SplitsTariffChange == 0 || m.Until <= x.now || m.Until.Sub(x.now) >= rating.Horizon:
		return false
	case quota.Validity != 0 && m.Until >= x.now.Add(quota.Validity):
		return false
	}
	after := &x.scratch.after
	*after = x.scratch.filter // the same plan for the same subscriber
	if x.classify(after.plan, group, m.Until, &after.match) != rating.Matched || after.match.Treatment != rating.Charged ||
		after.match.Service != m.Service || after.match.Offer != m.Offer || after.match.Zone != m.Zone || after.match.Visited != m.Visited {
		return false
	}
	half := &x.scratch.half
	*half = *group
	half.Reserved = balance.Parts{}
	if after.match.Rate != m.Rate {
		half.Rate, half.Used, half.Billed, half.Rated, half.Charged = after.match.Rate, 0, 0, 0, 0
	}
	if !x.reserveHalf(half, granted) {
		return false
	}
	i, change := x.sessions.Changes.New()
	*change = session.Change{Reserved: half.Reserved, At: m.Until, InForce: after.match.InForce, Rate: half.Rate, Rule: after.match.Rule}
	group.Change, o.TariffChange = i, m.Until
	x.restate(group)
	return true
}

// restate begins another record where the gateway says now what it did not when
// the open one was classified: that makes no difference to its price, but what
// comes after the switch was classified with it, and is explained from the
// record that it continues.
func (x *exchange) restate(group *session.Group) {
	f, r := &group.Facts, x.session
	if !begun(group) || f.Said == 0 && f.Serving == r.Serving && f.RAT == r.RAT && f.QCI == r.QCI && f.OnNet == x.onNet(x.calledOf(r, group)) {
		return
	}
	x.closeRecord(r, group, usage.Partial)
	x.classified(group, x.scratch.filter.plan, &x.scratch.filter.match, x.now)
}

// reserveHalf sets aside what all of a grant takes at the price after a switch.
func (x *exchange) reserveHalf(half *session.Group, granted uint64) bool {
	price := x.scratch.after.plan.Price(half.Rate)
	billable, ok := price.Billable(half.Used + granted)
	if !ok {
		return false
	}
	x.scratch.filter, x.scratch.after = x.scratch.after, x.scratch.filter
	x.finalOf(half) // other allowances may pay then, and keep money out or not
	_, _, whole := x.reserveWhole(half, price, billable-half.Billed)
	x.scratch.filter, x.scratch.after = x.scratch.after, x.scratch.filter
	if !whole {
		x.book.Release(&half.Reserved)
	}
	return whole
}

// chargeAcross charges usage that a tariff switch parted, each part at its price
// and from what was reserved for it.
func (x *exchange) chargeAcross(group *session.Group, sv *Service) Result {
	before, after := sv.usedAround(group.Unit)
	if before > 0 {
		x.before = min(x.sessions.Changes.At(group.Change).At.Add(-instant.Millisecond), x.now)
		result := x.charge(group, x.pin(group), before)
		if x.before = 0; result != Success {
			return result
		}
	}
	x.cross(group)
	return x.charge(group, x.pin(group), after)
}

// cross leaves a group as it is after the tariff switch in its quota.
func (x *exchange) cross(group *session.Group) {
	change := x.sessions.Changes.At(group.Change)
	at := max(min(change.At, x.now), group.Opened)
	x.book.Release(&group.Reserved)
	group.Reserved, group.InForce = change.Reserved, change.InForce
	if group.Rate != change.Rate {
		x.closeRecordAt(x.session, group, usage.Partial, at)
		group.Rate = change.Rate
		group.Used, group.Billed, group.Rated, group.Charged = 0, 0, 0, 0
		x.seenAcross(group, change.At)
		group.Opened, group.Facts.At, group.Facts.Rule = at, change.At, change.Rule
	}
	x.sessions.Changes.Free(group.Change)
	group.Change = 0
}

// release gives back what is reserved for a group.
func (s *State) release(group *session.Group) {
	s.book.Release(&group.Reserved)
	if group.Change != 0 {
		s.book.Release(&s.sessions.Changes.At(group.Change).Reserved)
		s.sessions.Changes.Free(group.Change)
		group.Change = 0
	}
}

// reservedFor is what is reserved for a group: for its quota, and for the part
// of it behind a tariff switch; the latter is nil without one.
func (s *State) reservedFor(group *session.Group) [2]*balance.Parts {
	if group.Change == 0 {
		return [2]*balance.Parts{&group.Reserved}
	}
	return [2]*balance.Parts{&group.Reserved, &s.sessions.Changes.At(group.Change).Reserved}
}

// triggersOf is what a gateway has to report because the price depends on it.
func triggersOf(d rating.Dependence) (t Triggers) {
	if d&rating.DependsRAT != 0 {
		t |= TriggerRAT
	}
	if d&rating.DependsServing != 0 {
		t |= TriggerServing
	}
	if d&rating.DependsQCI != 0 {
		t |= TriggerQoS
	}
	return t
}
