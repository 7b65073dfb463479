package charging

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"gyro/charging/session"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/slab"
	"gyro/rating"
)

// counter is how far a counter of the plan is for one subscriber or account.
// It is there from the first use that it counts. Only plans that declare
// counters have any, so they are chained beside their owners.
type counter struct {
	ID   ident.Name
	Next slab.Index // the owner's next counter
	// Until is the end of the period that the counts are of; zero is never. The
	// next use after it begins again at zero.
	Until instant.Instant
	// Used is what was used, whatever paid for it, or what it cost.
	Used uint64
	// Rated is the part of it that money paid for, in units. It is where the
	// tiers of prices by this counter stand. What these units have cost is
	// Price.Cost of Rated, so it does not matter in how many reports, and in how
	// many sessions at once, they were used.
	Rated uint64
	// Noticed is the highest part of the limit, in percent, for which a notice was
	// written in this period; 0 is none.
	Noticed uint8
}

// counterAt returns an owner's counter, or zero when nothing was counted.
func (s *State) counterAt(first slab.Index, id ident.Name) slab.Index {
	for i := first; i != 0; i = s.counts.At(i).Next {
		if s.counts.At(i).ID == id {
			return i
		}
	}
	return 0
}

// counted is what a chain of counters says of one: its counts in the period of
// the state's time.
func (s *State) counted(first slab.Index, id ident.Name) (used, rated uint64) {
	return s.countedAt(first, id, s.now)
}

// countedAt is what the counts will be at a moment if nothing is used until then.
func (s *State) countedAt(first slab.Index, id ident.Name, at instant.Instant) (used, rated uint64) {
	i := s.counterAt(first, id)
	if i == 0 {
		return 0, 0
	}
	c := s.counts.At(i)
	if c.Until != 0 && c.Until <= at {
		return 0, 0
	}
	return c.Used, c.Rated
}

// seenAcross turns what the classification of a record saw of counters into what
// that of its continuation behind a tariff switch saw: counters whose period has
// ended until then are at zero.
func (x *exchange) seenAcross(group *session.Group, at instant.Instant) {
	if group.Facts.Seen == 0 {
		return
	}
	plan := x.catalogs.plan(group.Plan)
	_, day := plan.Day(group.Facts.At)
	_, cycle := plan.Cycle(group.Facts.At, x.account.cycleDay())
	x.scratch.why = x.scratch.why[:0]
	for k, used := range countersSeen(x.sessions.Octets.Get(group.Facts.Seen)) {
		switch plan.CounterAt(uint32(k)).Period {
		case rating.PerDay:
			if day <= at {
				used = 0
			}
		case rating.PerCycle:
			if cycle <= at {
				used = 0
			}
		case rating.Ever:
		}
		x.scratch.why = binary.AppendUvarint(x.scratch.why, used)
	}
	group.Facts.Seen = x.sessions.Octets.Replace(group.Facts.Seen, x.scratch.why)
}

// forgetCounters drops an owner's counters.
func (s *State) forgetCounters(first *slab.Index) {
	for i := *first; i != 0; {
		next := s.counts.At(i).Next
		s.counts.Free(i)
		i = next
	}
	*first = 0
}

// counting shows a classification how far the counters of its subscriber and
// account are. It implements rating.Counters.
type counting struct {
	s          *State
	plan       *rating.Plan
	account    slab.Index
	subscriber slab.Index
	at         instant.Instant // that is classified; a period that ends until then is over
}

// Used implements rating.Counters.
func (k *counting) Used(counter uint32) uint64 {
	c := k.plan.CounterAt(counter)
	used, _ := k.s.countedAt(*k.s.countersOf(k.account, k.subscriber, c.Of), c.ID, k.at)
	return used
}

// countersOf is the chain of the owner that a counter is of.
func (s *State) countersOf(account, subscriber slab.Index, of rating.CounterOf) *slab.Index {
	if of == rating.OfAccount {
		return &s.accounts.At(account).Counters
	}
	return &s.subscribers.At(subscriber).Counters
}

// countersFor is what a classification of a moment is to know of counters: nil, at no cost,
// where the plan has none.
func (x *exchange) countersFor(plan *rating.Plan, at instant.Instant) rating.Counters {
	if len(plan.Counters()) == 0 {
		return nil
	}
	x.scratch.counting = counting{x.State, plan, x.owner, x.session.Subscriber, at}
	return &x.scratch.counting
}

// seen keeps the values of the counters at a classification for the record.
func (x *exchange) seen(group *session.Group, plan *rating.Plan) {
	if len(plan.Counters()) == 0 {
		x.sessions.Octets.Free(group.Facts.Seen)
		group.Facts.Seen = 0
		return
	}
	x.scratch.counting = counting{x.State, plan, x.owner, x.session.Subscriber, x.now}
	x.scratch.why = x.scratch.why[:0]
	for k := range plan.Counters() {
		x.scratch.why = binary.AppendUvarint(x.scratch.why, x.scratch.counting.Used(uint32(k)))
	}
	group.Facts.Seen = x.sessions.Octets.Replace(group.Facts.Seen, x.scratch.why)
}

// position is where a price stands before more units are rated by it, and what
// the units up to there have cost: in the group's segment, or by the counter
// of the plan that the price goes by.
func (x *exchange) position(group *session.Group, price *rating.Price) (rated uint64, charged money.Amount) {
	k, by := price.Counter()
	if !by {
		return group.Rated, group.Charged
	}
	c := x.scratch.filter.plan.CounterAt(k)
	_, rated = x.countedAt(*x.countersOf(x.owner, x.session.Subscriber, c.Of), c.ID, x.usedAt())
	for _, p := range x.scratch.pending { // of a trial
		if p.counter == k {
			rated += p.units
		}
	}
	charged, _ = price.Cost(rated)
	return rated, charged
}

// count advances the counters of the plan by usage that was charged.
func (x *exchange) count(group *session.Group, used, rated uint64, cost money.Amount) {
	f := &x.scratch.filter
	for k := range f.plan.Counters() {
		if used == 0 && cost == 0 || !f.plan.Counts(uint32(k), &f.match) {
			continue
		}
		spec := f.plan.CounterAt(uint32(k))
		c := x.counter(spec)
		if spec.Unit == rating.Money {
			c.Used = plus(c.Used, uint64(cost))
		} else if denominationOf(spec.Unit) == group.Unit {
			c.Used = plus(c.Used, used)
			c.Rated = plus(c.Rated, rated)
		}
		x.crossed(group, spec, c)
		x.limitCrossed(group, spec, c)
	}
}

// counter returns the counter of the plan for whom the usage at hand is, at
// zero where its period has ended.
func (x *exchange) counter(spec *rating.Counter) *counter {
	first := x.countersOf(x.owner, x.session.Subscriber, spec.Of)
	i := x.counterAt(*first, spec.ID)
	if i == 0 {
		var c *counter
		i, c = x.counts.New()
		*c = counter{ID: spec.ID, Next: *first, Until: x.periodEnd(spec)}
		*first = i
	}
	c := x.counts.At(i)
	if c.Until != 0 && c.Until <= x.usedAt() {
		*c = counter{ID: c.ID, Next: c.Next, Until: x.periodEnd(spec)}
	}
	return c
}

// usedAt is when what is charged was used, as far as the gateway tells: it counts
// into the period of then, unless that of now has begun already by other usage.
func (x *exchange) usedAt() instant.Instant {
	if x.before != 0 {
		return x.before
	}
	return x.now
}

// cycleDay is the day of the month on which the account's billing cycle begins.
func (a *account) cycleDay() uint8 { return max(a.CycleDay, 1) }

// periodEnd is when a counter begins again at zero.
func (x *exchange) periodEnd(spec *rating.Counter) (until instant.Instant) {
	switch spec.Period {
	case rating.PerDay:
		_, until = x.scratch.filter.plan.Day(x.usedAt())
	case rating.PerCycle:
		_, until = x.scratch.filter.plan.Cycle(x.usedAt(), x.account.cycleDay())
	case rating.Ever:
	}
	return until
}

// crossed writes a notice for each part of its limit that a counter has come
// to in this period and that none was written for.
func (x *exchange) crossed(group *session.Group, spec *rating.Counter, c *counter) {
	for _, percent := range spec.Notify {
		if spec.Limit == 0 || percent <= c.Noticed || !reaches(c.Used, spec.Limit, percent) {
			continue
		}
		c.Noticed = percent
		x.noticeOf(group, spec, c, spec.Limit, fmt.Appendf(x.scratch.why[:0], "counter-%s-%d%%", spec.Name, percent))
	}
}

// reaches reports whether used is at least a part of a limit.
func reaches(used, limit uint64, percent uint8) bool {
	high, low := bits.Mul64(used, 100)
	limitHigh, limitLow := bits.Mul64(limit, uint64(percent))
	return high > limitHigh || high == limitHigh && low >= limitLow
}

// within cuts a wanted grant where a counter makes the tariff another: at so
// many units, or at what so much money pays for. One increment is granted all
// the same, or a gateway could never come past the limit.
func (x *exchange) within(group *session.Group, price *rating.Price, want uint64, m *rating.Match) uint64 {
	if m.Left > 0 {
		want = min(want, m.Left)
	}
	if m.LeftMoney > 0 {
		most := price.Within(plus(group.Billed, x.affordable(group, price, int64(m.LeftMoney))))
		if next, ok := price.Billable(plus(group.Used, 1)); ok {
			most = max(most, next)
		}
		want = min(want, most-min(most, group.Used))
	}
	return want
}
