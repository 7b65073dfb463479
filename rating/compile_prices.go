package rating

import (
	"fmt"
	"strings"

	"gyro/internal/money"
)

var priceKeys = []string{
	"model", "amount", "per", "tiers", "increment", "setup", "minimum", "cap", "free", "rounding", "counter",
}

// model is how the amounts of a price make a cost.
type model int

// The models, in the order of modelNames.
const (
	perUnit   model = iota // each unit costs its part of the amount
	packaged               // each started block costs the amount
	graduated              // each unit costs what its own tier says
	volume                 // all units cost what the tier of the last one says
	stairstep              // the tier of the last unit says what all cost together
)

var modelNames = []string{"per-unit", "package", "graduated", "volume", "stairstep"}

func (m model) tiered() bool { return m >= graduated }

// price reads a price for units of a service and returns its index.
func (c *compiler) price(f field, service uint32) (uint32, bool) {
	unit := c.plan.services[service].Unit
	m, ok := c.mapping(f, priceKeys...)
	if !ok {
		return 0, false
	}
	before := len(c.errors)
	p := Price{first: 1, next: 1, per: 1, block: 1, limit: money.Max}
	how := c.model(&m)
	c.block(&m, unit, how, &p)
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
	if f, ok := m.optional("free"); ok {
		p.free, _ = c.units(f, unit, 1)
	}
	sheet := sheet{model: how, unit: unit, tiers: c.steps(&m, unit, how, &p)}
	if f, ok := m.optional("counter"); ok {
		c.positionedBy(f, service, &p)
	}
	c.plan.prices = append(c.plan.prices, p)
	for k := range sheet.tiers {
		sheet.tiers[k].at = field{} // the plan does not keep the source
	}
	c.plan.sheets = append(c.plan.sheets, sheet)
	return uint32(len(c.plan.prices) - 1), len(c.errors) == before
}

// positionedBy reads the counter that stands in for the session's units. It must
// count what the price prices, or the price would never advance.
func (c *compiler) positionedBy(f field, service uint32, p *Price) {
	k, ok := c.reference(f, &c.counters, "counter")
	if !ok {
		return
	}
	counter, s := &c.plan.counters[k], &c.plan.services[service]
	switch {
	case counter.Unit != s.Unit:
		c.fail(f, fmt.Sprintf("counter %s counts %s, the service %s is counted in %s", counter.Name, counter.Unit, s.Name, s.Unit),
			"name a counter of the same unit")
	case !c.plan.contains(counter.services, service):
		c.fail(f, fmt.Sprintf("counter %s does not count the service %s", counter.Name, s.Name), "add it to the counter's services")
	}
	p.counter = k + 1
}

// model reads how the price counts; a price with tiers is graduated unless it
// says otherwise.
func (c *compiler) model(m *mapping) model {
	amount, hasAmount := m.optional("amount")
	tiers, hasTiers := m.optional("tiers")
	how := perUnit
	if hasTiers {
		how = graduated
	}
	if f, ok := m.optional("model"); ok {
		k, ok := c.oneOf(f, modelNames...)
		if !ok {
			return how
		}
		how = model(k)
	}
	switch {
	case hasAmount && hasTiers:
		c.fail(amount, "the price has both amount and tiers", "with tiers, each tier has its own amount")
	case !hasAmount && !hasTiers && how.tiered():
		c.fail(m.field, "the price has no tiers, which model "+modelNames[how]+" needs",
			"for example tiers: [{up_to: 100, amount: 0.09}, {amount: 0.05}]")
	case !hasAmount && !hasTiers:
		c.fail(m.field, "the price has neither amount nor tiers", "for example amount: 0.09")
	case hasAmount && how.tiered():
		c.fail(amount, "model "+modelNames[how]+" has tiers in place of amount", "write the amount in the tiers, or model: per-unit")
	case hasTiers && !how.tiered():
		c.fail(tiers, "model "+modelNames[how]+" has no tiers", "write amount, or model: graduated, volume or stairstep")
	}
	return how
}

// block reads how many units an amount is for. Events are priced one by one
// unless the source says otherwise; octets and seconds must name the block,
// because "0.09" alone is a mistake of six orders of magnitude waiting.
func (c *compiler) block(m *mapping, unit Unit, how model, p *Price) {
	f, ok := m.optional("per")
	switch {
	case ok && how == stairstep:
		c.fail(f, "an amount of model stairstep is for all units of its tier together", "leave per out")
	case ok:
		p.per, _ = c.units(f, unit, 1)
	case how != stairstep && (unit != Events || how == packaged):
		c.required(m, "per", map[Unit]string{Octets: "per: 1MB", Seconds: "per: 1m", Events: "per: 100"}[unit])
	}
	if how == packaged {
		p.block = p.per
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
