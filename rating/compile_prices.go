package rating

import (
	"fmt"
	"strings"

	"gyro/internal/money"
)

var priceKeys = []string{
	"amount", "per", "increment", "setup", "minimum", "cap", "free", "tiers", "rounding",
}

// price reads a price for units of a service and returns its index.
func (c *compiler) price(f field, unit Unit) (uint32, bool) {
	m, ok := c.mapping(f, priceKeys...)
	if !ok {
		return 0, false
	}
	before := len(c.errors)
	p := Price{first: 1, next: 1, per: 1, limit: money.Max}
	c.block(&m, unit, &p)
	if f, ok := m.optional("increment"); ok {
		p.first, p.next = c.increment(f, unit)
	}
	if f, ok := m.optional("rounding"); ok {
		modes := []money.Rounding{money.Up, money.Down, money.HalfUp, money.HalfEven}
		words := make([]string, len(modes))
		for k, mode := range modes {
			words[k] = mode.String()
		}
		k, _ := c.oneOf(f, words...)
		p.rounding = modes[max(k, 0)]
	}
	c.fees(&m, &p)
	c.steps(&m, unit, &p)
	c.plan.prices = append(c.plan.prices, p)
	return uint32(len(c.plan.prices) - 1), len(c.errors) == before
}

// block reads how many units an amount is for. Events are priced one by one
// unless the source says otherwise; octets and seconds must name the block,
// because "0.09" alone is a mistake of six orders of magnitude waiting.
func (c *compiler) block(m *mapping, unit Unit, p *Price) {
	f, ok := m.optional("per")
	if ok {
		p.per, _ = c.units(f, unit, 1)
		return
	}
	if unit != Events {
		c.required(m, "per", map[Unit]string{Octets: "per: 1MB", Seconds: "per: 1m"}[unit])
	}
}

// increment reads one step for all ("60", "100KB") or first and next ("60/1").
func (c *compiler) increment(f field, unit Unit) (first, next uint64) {
	text, ok := c.text(f)
	if !ok {
		return 1, 1
	}
	one, two, both := strings.Cut(text, "/")
	if !both {
		two = one
	}
	first, ok = c.units(field{f.path, literal(f, one)}, unit, 1)
	if !ok {
		return 1, 1
	}
	next, ok = c.units(field{f.path, literal(f, two)}, unit, 1)
	if !ok {
		return 1, 1
	}
	return first, next
}

// fees reads the amounts that do not depend on the number of units.
func (c *compiler) fees(m *mapping, p *Price) {
	if f, ok := m.optional("setup"); ok {
		p.setup, _ = c.amount(f)
	}
	if f, ok := m.optional("minimum"); ok {
		p.minimum, _ = c.amount(f)
	}
	f, ok := m.optional("cap")
	if !ok {
		return
	}
	p.limit, ok = c.amount(f)
	p.capped = ok
	switch {
	case ok && p.limit == 0:
		c.fail(f, "a cap of zero makes everything free", "write treatment: free in the rule instead of a price")
	case ok && p.limit < p.minimum:
		c.fail(f, fmt.Sprintf("the cap is below the minimum charge of %s", p.minimum), "raise the cap or lower the minimum")
	}
}

// steps reads amount or tiers, and the free units, into ascending steps. All
// of them count units of the session from its beginning, so free units are
// just a first step that costs nothing.
func (c *compiler) steps(m *mapping, unit Unit, p *Price) {
	free := uint64(0)
	if f, ok := m.optional("free"); ok {
		free, _ = c.units(f, unit, 1)
		p.steps = append(p.steps, step{})
	}
	amount, hasAmount := m.optional("amount")
	tiers, hasTiers := m.optional("tiers")
	switch {
	case hasAmount && hasTiers:
		c.fail(amount, "the price has both amount and tiers", "with tiers, each tier has its own amount")
	case hasTiers:
		c.tiers(tiers, unit, free, p)
	case hasAmount:
		a, _ := c.amount(amount)
		p.steps = append(p.steps, step{from: free, amount: a})
	default:
		c.fail(m.field, "the price has neither amount nor tiers", "for example amount: 0.09")
	}
	for k := 1; k < len(p.steps); k++ {
		last := &p.steps[k-1]
		p.steps[k].before = last.before.add(product(p.steps[k].from-last.from, uint64(last.amount)))
	}
}

// tiers reads graduated tiers: each unit costs what its own tier says.
func (c *compiler) tiers(f field, unit Unit, free uint64, p *Price) {
	elements := c.list(f, MaxTiers, false)
	if elements != nil && len(elements) == 0 {
		c.fail(f, "the list is empty", "write amount instead of tiers")
	}
	from := free
	for k, element := range elements {
		m, ok := c.mapping(element, "up_to", "amount")
		if !ok {
			return
		}
		s := step{from: from}
		if f, ok := c.required(&m, "amount", "amount: 0.05"); ok {
			s.amount, _ = c.amount(f)
		}
		p.steps = append(p.steps, s)
		upTo, bounded := m.optional("up_to")
		switch {
		case !bounded && k < len(elements)-1:
			c.fail(element, "only the last tier may have no up_to", "for example up_to: 1GB")
			return
		case bounded && k == len(elements)-1:
			c.fail(upTo, "the last tier must have no up_to", "leave it out: units beyond it would have no price")
			return
		case bounded:
			n, ok := c.units(upTo, unit, 1)
			if ok && n <= from {
				c.fail(upTo, fmt.Sprintf("the tier ends at or before %s, where it begins", formatQuantity(from, unit)),
					"up_to counts from the start of the session, free units included")
			}
			if !ok || n <= from {
				return
			}
			from = n
		}
	}
}
