package rating

import (
	"fmt"

	"gyro/internal/money"
)

// tier is one line of a table of tiers: the units behind from, up to where the
// next tier begins.
type tier struct {
	from   uint64
	amount money.Amount
	at     field
}

// steps lays out amount or tiers as ascending steps. All of them count units
// from the beginning, so free units are just a first step that costs nothing. It
// returns the table as the source has it.
func (c *compiler) steps(m *mapping, unit Unit, how model, p *Price) []tier {
	if p.free > 0 {
		p.steps = append(p.steps, step{})
	}
	if how.tiered() {
		f, hasTiers := m.optional("tiers")
		if _, hasAmount := m.optional("amount"); hasAmount || !hasTiers {
			return nil // an error already
		}
		tiers, ok := c.tiers(f, unit, p.free)
		if !ok {
			return nil
		}
		switch how {
		case graduated:
			p.graduated(tiers)
		case volume:
			c.volume(p, tiers)
		case stairstep:
			c.stairstep(p, tiers)
		case perUnit, packaged: // have none
		}
		return tiers
	}
	f, ok := m.optional("amount")
	if !ok {
		return nil
	}
	a, _ := c.amount(f)
	p.steps = append(p.steps, step{from: p.free, amount: a})
	return []tier{{from: p.free, amount: a, at: f}}
}

// tiers reads the lines of a table. The first begins behind the free units;
// the last has no end.
func (c *compiler) tiers(f field, unit Unit, free uint64) (tiers []tier, ok bool) {
	before := len(c.errors)
	elements := c.list(f, MaxTiers, false)
	if elements != nil && len(elements) == 0 {
		c.fail(f, "the list is empty", "write amount instead of tiers")
	}
	from := free
	for k, element := range elements {
		m, ok := c.mapping(element, "up_to", "amount")
		if !ok {
			return nil, false
		}
		t := tier{from: from, at: element}
		if f, ok := c.required(&m, "amount", "amount: 0.05"); ok {
			t.amount, _ = c.amount(f)
			t.at = f
		}
		tiers = append(tiers, t)
		upTo, bounded := m.optional("up_to")
		switch {
		case !bounded && k < len(elements)-1:
			c.fail(element, "only the last tier may have no up_to", "for example up_to: 1GB")
			return nil, false
		case bounded && k == len(elements)-1:
			c.fail(upTo, "the last tier must have no up_to", "leave it out: units beyond it would have no price")
			return nil, false
		case bounded:
			n, ok := c.units(upTo, unit, 1)
			if ok && n <= from {
				c.fail(upTo, fmt.Sprintf("the tier ends at or before %s, where it begins", formatQuantity(from, unit)),
					"up_to counts from the beginning, free units included")
			}
			if !ok || n <= from {
				return nil, false
			}
			from = n
		}
	}
	return tiers, len(c.errors) == before && len(tiers) > 0
}

// graduated lays out tiers of which each prices its own units: the cost goes on
// from what the tiers before it come to.
func (p *Price) graduated(tiers []tier) {
	var before uint128
	for k, t := range tiers {
		s := step{from: t.from, amount: t.amount, before: before}
		if k+1 < len(tiers) {
			before = s.at(tiers[k+1].from)
		}
		p.steps = append(p.steps, s)
	}
}

// volume lays out tiers of which the last one reached prices all units. Where a
// later tier is so much cheaper that its first unit makes the whole cheaper,
// the cost stays level before it: nobody pays more for less, and no debit is
// ever negative.
func (c *compiler) volume(p *Price, tiers []tier) {
	for k := range tiers {
		t := &tiers[k]
		if t.amount == 0 && k > 0 {
			c.fail(t.at, "a volume tier of zero makes the units before it free as well",
				"write an amount above zero, or a cap to bound the cost")
			return
		}
		s := step{from: t.from, amount: t.amount, before: product(t.from-p.free, uint64(t.amount))}
		level, bounded := p.cheapestAhead(tiers[k+1:])
		if !bounded || t.amount == 0 {
			p.steps = append(p.steps, s)
			continue
		}
		// Units up to the last one that costs no more than the level.
		until := p.free + level.quotient(uint64(t.amount))
		if until > t.from {
			p.steps = append(p.steps, s)
		}
		if until < tiers[k+1].from {
			p.steps = append(p.steps, step{from: max(until, t.from), before: level})
		}
	}
}

// cheapestAhead is the least that the first unit of a later tier brings the
// whole to, times per.
func (p *Price) cheapestAhead(later []tier) (least uint128, bounded bool) {
	for _, t := range later {
		cost := product(t.from+1-p.free, uint64(t.amount))
		if !bounded || cost.less(least) {
			least, bounded = cost, true
		}
	}
	return least, bounded
}

// stairstep lays out tiers of which the last one reached says what all units
// cost together.
func (c *compiler) stairstep(p *Price, tiers []tier) {
	for k, t := range tiers {
		if k > 0 && t.amount < tiers[k-1].amount {
			c.fail(t.at, fmt.Sprintf("the step costs less than the one before it, %s", tiers[k-1].amount),
				"more units must not cost less: order the steps by amount")
			return
		}
		p.steps = append(p.steps, step{from: t.from, before: uint128{lo: uint64(t.amount)}})
	}
}
