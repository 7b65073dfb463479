package rating

import (
	"math/bits"

	"gyro/internal/money"
)

// Price is what units of a service cost. Its functions take the cumulative
// units of a segment of a session, never a difference: a caller charges the
// difference between two results.
//
// Units go through three counts: used (what the gateway measured), billable
// (used, rounded up to the increment) and rated (the part of billable that no
// allowance pays).
type Price struct {
	first, next uint64 // increments; both at least 1
	per         uint64 // units in the block that the amounts of steps are for
	block       uint64 // rated units behind free are rounded up to it; 1 for all but packages
	free        uint64 // where the first block begins
	steps       []step // ascending by from; steps[0].from is 0
	setup       money.Amount
	minimum     money.Amount
	limit       money.Amount // the cap, or money.Max when there is none
	capped      bool
	rounding    money.Rounding
	counter     uint32 // plus one; 0 counts the session's units alone
}

// step is a range of units, from the one after from onwards, in which each
// block costs amount more. before is what the line of the step has at from,
// times per: as a numerator it has no fraction, so that all tiers are rounded
// once. The function may jump up from one step to the next, never down.
type step struct {
	from   uint64
	amount money.Amount
	before uint128
}

// at is the exact cost of n units, which lie in the step, times per.
func (s *step) at(n uint64) uint128 {
	return s.before.add(product(n-s.from, uint64(s.amount)))
}

// Billable rounds used up to the increments of the price: nothing stays
// nothing, anything up to the first increment becomes the first increment, and
// the rest is counted in next increments. ok is false above MaxUnits.
func (p *Price) Billable(used uint64) (billable uint64, ok bool) {
	switch {
	case used == 0:
		return 0, true
	case used <= p.first:
		return p.first, true
	case used > MaxUnits:
		return 0, false
	}
	beyond := used - p.first
	if partial := beyond % p.next; partial != 0 {
		beyond += p.next - partial
	}
	billable = p.first + beyond
	return billable, billable <= MaxUnits
}

// Within returns the largest used whose Billable is at most billable.
func (p *Price) Within(billable uint64) uint64 {
	billable = min(billable, MaxUnits)
	if billable < p.first {
		return 0
	}
	beyond := billable - p.first
	return p.first + beyond - beyond%p.next
}

// Cost returns what the first rated units cost, without the setup fee. It is
// zero for none, never decreases, is rounded once, is at least the minimum
// charge when rated is not zero, and at most the cap. ok is false when rated
// is above MaxUnits or the amount does not fit.
func (p *Price) Cost(rated uint64) (cost money.Amount, ok bool) {
	if rated == 0 {
		return 0, true
	}
	if rated > MaxUnits {
		return 0, false
	}
	cost, ok = p.round(p.numerator(rated))
	if !ok {
		return p.limit, p.capped
	}
	return min(max(cost, p.minimum), p.limit), true
}

// numerator is the exact cost of rated units times per. It fits: the sum of
// all units is at most 2^63 and no amount reaches 2^63.
func (p *Price) numerator(rated uint64) uint128 {
	if p.block > 1 && rated > p.free {
		if partial := (rated - p.free) % p.block; partial != 0 {
			rated += p.block - partial
		}
	}
	k := len(p.steps) - 1
	for p.steps[k].from >= rated {
		k--
	}
	return p.steps[k].at(rated)
}

// round divides n by per. The whole part is exact; the fraction goes through
// money.MulDiv, the one place that knows rounding modes, together with the
// parity of the whole part, which is all that half-even asks about it.
func (p *Price) round(n uint128) (money.Amount, bool) {
	if n.hi >= p.per {
		return 0, false
	}
	whole, remainder := bits.Div64(n.hi, n.lo, p.per)
	if remainder != 0 {
		parity := whole & 1
		rounded, ok := money.MulDiv(money.Amount(parity*p.per+remainder), 1, p.per, p.rounding)
		if !ok {
			return 0, false
		}
		whole = whole - parity + uint64(rounded)
	}
	if whole > uint64(money.Max) {
		return 0, false
	}
	return money.Amount(whole), true
}

// Affordable returns the largest rated whose Cost is at most budget, at most
// MaxUnits. It is exact: one unit more would cost more than budget.
func (p *Price) Affordable(budget money.Amount) uint64 {
	switch {
	case budget < 0:
		return 0
	case p.capped && budget >= p.limit:
		return MaxUnits
	case budget < p.minimum:
		return 0
	}
	rated := p.within(p.largest(uint64(budget)))
	if p.block > 1 && rated > p.free {
		rated -= (rated - p.free) % p.block
	}
	return min(rated, MaxUnits)
}

// within returns the largest count, whole blocks aside, whose numerator is at
// most n. It may be above MaxUnits, as the block that MaxUnits begins may be.
func (p *Price) within(n uint128) uint64 {
	for k := len(p.steps) - 1; k >= 0; k-- {
		s := &p.steps[k]
		if n.less(s.at(s.from + 1)) {
			continue
		}
		if s.amount == 0 {
			return p.end(k)
		}
		return min(s.from+n.sub(s.before).quotient(uint64(s.amount)), p.end(k))
	}
	return 0
}

// end is the last unit of step k.
func (p *Price) end(k int) uint64 {
	if k+1 < len(p.steps) {
		return p.steps[k+1].from
	}
	return 2 * MaxUnits
}

// largest returns the largest numerator that round brings to at most budget.
func (p *Price) largest(budget uint64) uint128 {
	exact := product(budget, p.per)
	half := p.per / 2
	switch p.rounding {
	case money.Up:
		return exact
	case money.Down:
		return exact.add(uint128{lo: p.per - 1})
	case money.HalfUp: // a half goes up, beyond budget
		if p.per%2 == 0 {
			half--
		}
	case money.HalfEven: // a half stays with an even budget
		if p.per%2 == 0 && budget%2 == 1 {
			half--
		}
	}
	return exact.add(uint128{lo: half})
}

// Counter is the counter of the plan whose units position the tiers; without
// one (ok is false) the segment of the session does. The functions of a price
// with a counter take the counter's value in place of the segment's units.
func (p *Price) Counter() (counter uint32, ok bool) { return p.counter - 1, p.counter != 0 }

// Setup is the fee charged once per session, with the first rated unit.
func (p *Price) Setup() money.Amount { return p.setup }

// uint128 is an unsigned number of 128 bits.
type uint128 struct{ hi, lo uint64 }

func product(a, b uint64) uint128 {
	hi, lo := bits.Mul64(a, b)
	return uint128{hi, lo}
}

func (a uint128) add(b uint128) uint128 {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	hi, _ := bits.Add64(a.hi, b.hi, carry)
	return uint128{hi, lo}
}

func (a uint128) sub(b uint128) uint128 {
	lo, borrow := bits.Sub64(a.lo, b.lo, 0)
	hi, _ := bits.Sub64(a.hi, b.hi, borrow)
	return uint128{hi, lo}
}

func (a uint128) less(b uint128) bool {
	return a.hi < b.hi || (a.hi == b.hi && a.lo < b.lo)
}

// quotient is a/d, or twice MaxUnits when that is larger.
func (a uint128) quotient(d uint64) uint64 {
	if a.hi >= d {
		return 2 * MaxUnits
	}
	q, _ := bits.Div64(a.hi, a.lo, d)
	return min(q, 2*MaxUnits)
}
