package charging

import (
	"math/bits"

	"gyro/charging/session"
	"gyro/internal/instant"
	"gyro/rating"
)

// wanted is how many units a group is to be granted if the balance pays for
// them: what the quota policy says, at most what the gateway asks for, and not
// beyond the point where a counter makes the tariff another. previous is the
// grant that the request reports on.
func (x *exchange) wanted(group *session.Group, price *rating.Price, sv *Service, previous uint64) uint64 {
	m := &x.scratch.filter.match
	quota := &x.scratch.filter.plan.ServiceAt(m.Service).Quota
	want := x.sized(group, quota, sv, previous)
	if quota.Target > 0 || quota.Floor > 0 {
		want = x.shared(group, price, quota, want)
	}
	return x.within(group, price, want, m)
}

// sized is what the quota policy says, at most what the gateway asks for.
func (x *exchange) sized(group *session.Group, quota *rating.Quota, sv *Service, previous uint64) uint64 {
	want := quota.Grant
	if quota.Target > 0 {
		want = paced(group, quota, sv, previous, x.now)
	}
	if asked := sv.Requested.in(group.Unit); asked > 0 {
		want = min(want, asked)
	}
	return want
}

// grantFree answers for a service that costs nothing. One that stays free needs
// no credit control: DIAMETER_CREDIT_CONTROL_NOT_APPLICABLE, and the gateway
// never asks again. One that is free for a while, up to a counter, or where and
// how it is used now, is granted a quota that costs nothing, so that the gateway
// does ask again; else the service would stay free for the life of the session.
func (x *exchange) grantFree(group *session.Group, sv *Service, previous uint64, o *ServiceOutcome) {
	m := &x.scratch.filter.match
	forGood := m.Until <= x.now || m.Until.Sub(x.now) >= rating.Horizon
	if forGood && m.Depends == 0 && m.Left == 0 && m.LeftMoney == 0 {
		o.Result = NotApplicable
		x.open(group)
		return
	}
	want := x.sized(group, &x.scratch.filter.plan.ServiceAt(m.Service).Quota, sv, previous)
	if m.Left > 0 {
		want = min(want, m.Left)
	}
	x.handOut(group, want, m.Until, o)
}

// A single report tells the burn rate badly: a burst is followed by silence. So
// a grant is at most steepest times as large or as small as the one before it,
// and a report after less than shortest counts as one after it.
const (
	steepest = 4
	shortest = instant.Second
)

// paced is the grant that lasts for the policy's target at the rate at which
// the group used units since its last grant, between floor and ceiling.
func paced(group *session.Group, quota *rating.Quota, sv *Service, previous uint64, now instant.Instant) uint64 {
	switch {
	case previous == 0:
		return quota.Grant // nothing was granted that could have been used
	case sv.ReportCount == 0:
		return previous
	}
	elapsed := max(now.Sub(group.Since), shortest)
	want := ^uint64(0)
	if high, low := bits.Mul64(sv.usedIn(group.Unit), uint64(quota.Target)); high < uint64(elapsed) {
		want, _ = bits.Div64(high, low, uint64(elapsed))
	}
	if previous < rating.MaxUnits/steepest {
		want = min(want, previous*steepest)
	}
	want = max(want, previous/steepest, quota.Floor, 1)
	if quota.Ceiling > 0 {
		want = min(want, quota.Ceiling)
	}
	return want
}

// floorless is the part of the first grant that is the smallest worth a message
// where a policy names no floor.
const floorless = 16

// shared makes grants ever smaller as the balance ends: no grant takes more than
// half of what is left, until that is less than the floor. So the sessions of
// an account share what is left, instead of the one that came first holding it.
func (x *exchange) shared(group *session.Group, price *rating.Price, quota *rating.Quota, want uint64) uint64 {
	a, f := &x.account.Account, &x.scratch.filter
	units := x.book.Available(a, group.Unit, x.now, f, &group.Reserved)
	money := min(x.book.Available(a, x.account.Denomination(), x.now, f, &group.Reserved), x.bound.money)
	left := price.Within(plus(group.Billed, plus(uint64(units), x.affordable(group, price, money))))
	left -= min(left, group.Used)
	floor := quota.Floor
	if floor == 0 {
		floor = quota.Grant / floorless
	}
	return min(want, max(left/2, floor, 1))
}

// GrantSizes is how many grants of one unit there were, by size.
type GrantSizes struct {
	// Upto[k] counts the grants of up to 10^k units, and of more than 10^(k-1).
	// The last one has all that are larger.
	Upto  [13]uint64 `json:"upto"`
	Count uint64     `json:"count"`
	Units uint64     `json:"units"` // in all of them together
}

func (g *GrantSizes) add(granted uint64) {
	k, limit := 0, uint64(1)
	for ; k < len(g.Upto)-1 && granted > limit; limit *= 10 {
		k++
	}
	g.Upto[k]++
	g.Count++
	g.Units = plus(g.Units, granted)
}
