package charging

import (
	"fmt"
	"math"
	"slices"

	"gyro/balance"
	"gyro/charging/session"
	"gyro/charging/usage"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/slab"
	"gyro/rating"
)

// SetLimits sets what one subscriber of an account may use of what all of them
// share: a child of the family's data, an employee of the company's money. A
// limit is on a counter of subscribers in the account's catalogue, which says
// what is counted (units, or money) and over which period.
type SetLimits struct {
	Account    string        `json:"account"`
	Subscriber IdentitySpec  `json:"subscriber"` // any of its identities
	Limits     []MemberLimit `json:"limits"`     // all of them: one that is not named ends
	Key        string        `json:"key"`
	Digest     uint64        `json:"digest"`
}

// MemberLimit is one limit of a subscriber.
type MemberLimit struct {
	Counter string `json:"counter"`
	// Most is the highest count in one of the counter's periods, in its unit:
	// octets, seconds, events, or millionths of the currency.
	Most uint64 `json:"most"`
}

// MaxLimits is the most limits that one subscriber can have: each is looked at
// in every grant.
const MaxLimits = 8

// limit is a subscriber's limit on a counter. Few subscribers have any, so they
// are chained beside them.
type limit struct {
	Counter ident.Name
	Next    slab.Index
	Most    uint64
	// Noticed is the highest part of the limit, in percent, for which a notice was
	// written in the period that ends at Until.
	Noticed uint8
	Until   instant.Instant
}

// limitSteps are the parts of a member's limit that notices are written for.
var limitSteps = [...]uint8{50, 80, 100}

func (s *State) setLimits(c *SetLimits, o *Outcome) {
	s.once(KindSetLimits, keyed{account: c.Account, key: c.Key, digest: c.Digest}, o, func(i slab.Index) { s.replaceLimits(i, c, o) })
}

// replaceLimits makes the limits of a subscriber those of the command. One that
// stays as it is keeps what was noticed of it.
func (s *State) replaceLimits(i slab.Index, c *SetLimits, o *Outcome) {
	who := s.subscriberNamed(i, &c.Subscriber, o)
	if who == 0 || !s.checkLimits(i, c, o) {
		return
	}
	sub := s.subscribers.At(who)
	before := s.limitsOf(sub)
	s.forgetLimits(sub)
	link := &sub.Limits
	for _, wanted := range c.Limits {
		k, l := s.limits.New()
		*l = limit{Counter: ident.NameOf(wanted.Counter), Most: wanted.Most}
		if n := slices.IndexFunc(before, func(old limit) bool { return old.Counter == l.Counter && old.Most == l.Most }); n >= 0 {
			l.Noticed, l.Until = before[n].Noticed, before[n].Until
		}
		*link = k
		link = &l.Next
	}
	s.replenished(i)
}

// checkLimits refuses limits on what is not counted for each subscriber.
func (s *State) checkLimits(i slab.Index, c *SetLimits, o *Outcome) bool {
	if len(c.Limits) > MaxLimits {
		o.refuse(Invalid, "a subscriber has at most %d limits, not %d", MaxLimits, len(c.Limits))
		return false
	}
	plan, number := s.catalogs.current(s.accounts.At(i).Catalog)
	for n, l := range c.Limits {
		if slices.ContainsFunc(c.Limits[:n], func(other MemberLimit) bool { return other.Counter == l.Counter }) {
			o.refuse(Invalid, "counter %q is limited twice; name it once", l.Counter)
			return false
		}
		k, known := uint32(0), false
		if number != 0 {
			k, known = plan.Counter(ident.NameOf(l.Counter))
		}
		if !known || plan.CounterAt(k).Of != rating.OfSubscriber {
			o.refuse(Invalid, "the catalogue of account %q has no counter %q of subscribers; declare it there, with its unit and period", c.Account, l.Counter)
			return false
		}
	}
	return true
}

func (s *State) limitsOf(sub *subscriber) (limits []limit) {
	for k := sub.Limits; k != 0; k = s.limits.At(k).Next {
		limits = append(limits, *s.limits.At(k))
	}
	return limits
}

// limitsOn is how many members have a limit on a counter of that name. It looks
// at all limits: it is asked when a catalogue is published.
func (s *State) limitsOn(counter ident.Name) (n int) {
	for k := slab.Index(1); k < s.limits.Bound(); k++ {
		if s.limits.At(k).Counter == counter {
			n++
		}
	}
	return n
}

func (s *State) forgetLimits(sub *subscriber) {
	for k := sub.Limits; k != 0; {
		next := s.limits.At(k).Next
		s.limits.Free(k)
		k = next
	}
	sub.Limits = 0
}

// headroom is what a subscriber's own limits leave for the usage at hand, whatever
// the account holds.
type headroom struct {
	money   int64  // with what the group itself has reserved
	units   uint64 // of the group's unit
	limited bool
}

// boundOf finds how far the subscriber's limits let the group go: what of each
// limit is neither used in this period nor granted to others of its rating
// groups and sessions.
func (x *exchange) boundOf(group *session.Group) headroom {
	b := headroom{money: math.MaxInt64, units: math.MaxUint64}
	f := &x.scratch.filter
	if len(f.plan.Counters()) == 0 {
		return b // and so no limit, which is one on a counter
	}
	for i := x.subscribers.At(x.session.Subscriber).Limits; i != 0; i = x.limits.At(i).Next {
		l := x.limits.At(i)
		k, known := f.plan.Counter(l.Counter)
		if !known || !f.plan.Counts(k, &f.match) {
			continue
		}
		b.limited = true
		used, _ := x.counted(x.subscribers.At(x.session.Subscriber).Counters, l.Counter)
		amount, units := x.outstanding(group, l.Counter)
		switch unit := f.plan.CounterAt(k).Unit; {
		case unit == rating.Money:
			left := l.Most - min(l.Most, plus(used, amount))
			b.money = min(b.money, int64(min(left, math.MaxInt64)))
		case denominationOf(unit) == group.Unit:
			b.units = min(b.units, l.Most-min(l.Most, plus(used, units)))
		}
	}
	return b
}

// outstanding is what the other rating groups of the session and the other
// sessions of its subscriber hold of what a counter counts: money that is
// reserved, and units of the group's kind that are granted.
func (x *exchange) outstanding(group *session.Group, counter ident.Name) (amount, units uint64) {
	open := x.subscribers.At(x.session.Subscriber).OpenSessions
	for i := x.account.Sessions; i != 0 && open > 0; i = x.sessions.Sessions.At(i).Next {
		r := x.sessions.Sessions.At(i)
		if r.Subscriber != x.session.Subscriber {
			continue
		}
		open--
		for k := r.Groups; k != 0; k = x.sessions.Groups.At(k).Next {
			g := x.sessions.Groups.At(k)
			if g == group || g.Granted == 0 || !x.advances(g, counter) {
				continue
			}
			amount = plus(amount, x.moneyIn(g))
			if g.Unit == group.Unit {
				units = plus(units, g.Granted)
			}
		}
	}
	return amount, units
}

// advances reports whether what a group was granted is counted by a counter.
func (x *exchange) advances(g *session.Group, counter ident.Name) bool {
	plan := x.catalogs.plan(g.Plan)
	k, known := plan.Counter(counter)
	if !known {
		return false
	}
	return plan.Counts(k, &rating.Match{Service: g.Service, Zone: g.Zone, Visited: g.Facts.Visited, Treatment: rating.Charged})
}

// moneyIn is the money that a group has reserved, at the price before or after
// a tariff switch in its quota, whichever is more.
func (x *exchange) moneyIn(g *session.Group) uint64 {
	most := x.moneyOf(&g.Reserved)
	if g.Change != 0 {
		most = max(most, x.moneyOf(&x.sessions.Changes.At(g.Change).Reserved))
	}
	return most
}

func (x *exchange) moneyOf(parts *balance.Parts) (sum uint64) {
	for n, i := range parts.Bucket {
		if i != 0 && x.book.Buckets.At(i).Denomination.IsMoney() {
			sum += uint64(parts.Amount[n])
		}
	}
	return sum
}

// limitCrossed writes a notice for each part of a member's limit that a counter
// has come to in its period.
func (x *exchange) limitCrossed(group *session.Group, spec *rating.Counter, c *counter) {
	if spec.Of != rating.OfSubscriber {
		return
	}
	for i := x.subscribers.At(x.session.Subscriber).Limits; i != 0; i = x.limits.At(i).Next {
		l := x.limits.At(i)
		if l.Counter != spec.ID {
			continue
		}
		if l.Until != c.Until {
			l.Until, l.Noticed = c.Until, 0
		}
		for _, percent := range limitSteps {
			if percent > l.Noticed && reaches(c.Used, l.Most, percent) {
				l.Noticed = percent
				x.noticeOf(group, spec, c, l.Most, fmt.Appendf(x.scratch.why[:0], "limit-%s-%d%%", spec.Name, percent))
			}
		}
	}
}

// noticeOf writes that a counter has come to a part of a limit.
func (x *exchange) noticeOf(group *session.Group, spec *rating.Counter, c *counter, most uint64, reason []byte) {
	octets := &x.sessions.Octets
	record := &x.scratch.record
	*record = usage.Record{
		Kind: usage.Notice, Cause: usage.Crossed, Opened: x.now, Closed: x.now,
		SessionID: octets.Get(x.session.ID), SubSession: x.session.Sub, Subscriber: octets.Get(x.session.Identity),
		Reason: reason, Used: c.Used, Billed: most, Plan: group.Plan,
		Unit: x.account.denominationOf(spec.Unit), Currency: x.account.Currency,
	}
	x.emit(x.account, record)
}
