package rating

import (
	"slices"
	"sort"

	"gyro/internal/money"
)

// bill is what the reports of a test come to.
type bill struct {
	charge   money.Amount // from the main balance
	pools    []pool       // in the order of use
	counters positions
	rated    positions // what of the counters money paid for, beside counters
	segment  segment
	parts    []billed
}

// segment is usage at one price.
type segment struct {
	used, billed, rated uint64
	cost                money.Amount
}

// billed is how one part of the usage was charged, for people.
type billed struct {
	match         Match
	used          uint64 // units reported
	before, after segment
	stands        uint64 // where the price stood: units rated before
	rated         uint64 // units that money pays for
	setup         money.Amount
	cost          money.Amount // of the rated units, without the setup fee
	drawn         []drawn      // from allowances, of units and money
	charge        money.Amount // from the main balance
}

// pool is what remains of an allowance.
type pool struct {
	allowance uint32
	remaining int64
	used      int64
}

// positions are counters at what a test says.
type positions []uint64

// Used is what a counter has counted.
func (p positions) Used(counter uint32) uint64 { return p[counter] }

func (b *bill) drawn(allowance uint32) int64 {
	used := int64(0)
	for _, p := range b.pools {
		if p.allowance == allowance {
			used += p.used
		}
	}
	return used
}

// maxPieces bounds the grants that counters cut the reports of a test into.
const maxPieces = 4096

// charge goes through the reports one by one, as a session does. A grant ends
// where a counter makes another rule apply, and so do the reports here. What
// another rule does not charge ends the bill.
func (p *Plan) charge(t *test, m Match) (*bill, bool) {
	b := &bill{pools: p.freshPools(t, &m), counters: slices.Clone(t.counters), rated: slices.Clone(t.counters)}
	r := t.request
	r.Counters = b.counters
	pieces := 0
	for _, reported := range t.used {
		for reported > 0 {
			if m.Treatment != Charged {
				return b, true
			}
			piece := min(reported, b.untilCounter(p, &m))
			reported -= piece
			if pieces++; pieces > maxPieces || !b.use(p, &m, piece) {
				return b, false
			}
			if len(b.counters) == 0 {
				continue
			}
			var next Match
			if p.Classify(&r, &next) != Matched {
				return b, true
			}
			if next.Rate != m.Rate {
				b.segment = segment{}
			}
			m = next
		}
	}
	return b, true
}

// untilCounter is how many units can be used before a counter matters. Up to a
// counter of money it is as many as what is left pays for, behind those that
// are billed already and those that allowances pay for; but at least one
// increment, as a grant has.
func (b *bill) untilCounter(p *Plan, m *Match) uint64 {
	units := MaxUnits
	if m.Left != 0 {
		units = m.Left
	}
	if m.LeftMoney == 0 {
		return units
	}
	s, price := &b.segment, p.Price(m.Rate)
	stands, cost := b.position(price)
	limit, ok := cost.Add(m.LeftMoney)
	if !ok {
		return units
	}
	if s.rated == 0 {
		limit -= price.Setup()
	}
	most := s.billed
	if limit > cost {
		most += max(price.Affordable(limit), stands) - stands
	}
	for _, pool := range b.pools {
		if p.allowances[pool.allowance].Unit == m.Unit {
			most += uint64(pool.remaining)
		}
	}
	most = price.Within(min(most, MaxUnits))
	if next, ok := price.Billable(s.used + 1); ok {
		most = max(most, next)
	}
	return min(units, most-min(most, s.used))
}

// use charges units at the price of a match.
func (b *bill) use(p *Plan, m *Match, units uint64) bool {
	s, price := &b.segment, p.Price(m.Rate)
	part := billed{match: *m, used: units, before: *s}
	s.used = min(s.used+units, MaxUnits)
	billable, ok := price.Billable(s.used)
	if !ok {
		return false
	}
	rest := b.draw(p, int64(billable-s.billed), m.Unit, &part.drawn)
	s.billed = billable
	debit := money.Amount(0)
	if rest > 0 {
		if s.rated == 0 {
			part.setup = price.Setup()
		}
		stands, cost := b.position(price)
		total, ok := price.Cost(min(stands, MaxUnits) + uint64(rest))
		if !ok {
			return false
		}
		part.stands, part.rated, part.cost = stands, uint64(rest), total-cost
		if debit, ok = part.cost.Add(part.setup); !ok {
			return false
		}
		s.rated += uint64(rest)
		s.cost = total
	}
	b.count(p, m, units, uint64(rest), debit)
	part.charge = money.Amount(b.draw(p, int64(debit), Money, &part.drawn))
	part.after = *s
	b.parts = append(b.parts, part)
	b.charge, ok = b.charge.Add(part.charge)
	return ok
}

// position is where a price stands and what the units up to there cost: in the
// segment, or by the counter that the price goes by.
func (b *bill) position(price *Price) (rated uint64, cost money.Amount) {
	k, by := price.Counter()
	if !by {
		return b.segment.rated, b.segment.cost
	}
	cost, _ = price.Cost(b.rated[k])
	return b.rated[k], cost
}

// count advances the counters.
func (b *bill) count(p *Plan, m *Match, units, rated uint64, debit money.Amount) {
	for k := range b.counters {
		if !p.Counts(uint32(k), m) {
			continue
		}
		n := units
		if p.counters[k].Unit == Money {
			n = uint64(debit)
		}
		b.counters[k] = min(b.counters[k]+n, noMark-1)
		b.rated[k] = min(b.rated[k]+rated, MaxUnits)
	}
}

// freshPools are the allowances of the offers that pay for a match, in the
// order of use: priority, then the order in which they are granted.
func (p *Plan) freshPools(t *test, m *Match) []pool {
	var pools []pool
	for _, id := range t.request.Offers {
		offer, ok := p.Offer(id)
		if !ok {
			continue
		}
		for _, k := range offer.Allowances {
			if a := p.AllowanceAt(k); p.Pays(a, m) {
				remaining := a.Amount
				if a.DailyCap > 0 {
					remaining = a.DailyCap // below Amount; a test lasts no day
				}
				pools = append(pools, pool{allowance: k, remaining: remaining})
			}
		}
	}
	sort.SliceStable(pools, func(a, b int) bool {
		return p.allowances[pools[a].allowance].Priority < p.allowances[pools[b].allowance].Priority
	})
	return pools
}

// draw takes n from the pools counted in unit, notes what was taken from which,
// and returns what they lack.
func (b *bill) draw(p *Plan, n int64, unit Unit, noted *[]drawn) (rest int64) {
	for k := range b.pools {
		pool := &b.pools[k]
		if p.allowances[pool.allowance].Unit != unit {
			continue
		}
		taken := min(n, pool.remaining)
		pool.remaining -= taken
		pool.used += taken
		n -= taken
		if taken > 0 {
			*noted = append(*noted, drawn{allowance: pool.allowance, amount: taken})
		}
	}
	return n
}
