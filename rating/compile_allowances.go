package rating

import (
	"fmt"
	"math"

	"gopkg.in/yaml.v3"
)

var allowanceKeys = []string{
	"name", "unit", "amount", "services", "zones", "visited", "calendars", "priority", "validity", "roll_over", "daily_cap", "shared", "exhausted",
}

// payAsYouGo and toCycleEnd are words of allowances.
const (
	payAsYouGo = "pay-as-you-go"
	toCycleEnd = "cycle"
)

// allowance reads an allowance and returns its index.
func (c *compiler) allowance(f field) (uint32, bool) {
	m, ok := c.mapping(f, allowanceKeys...)
	if !ok {
		return 0, false
	}
	before := len(c.errors)
	name, id, ok := c.name(&m, &c.allowances, "data-5gb")
	if !ok {
		return 0, false
	}
	a := Allowance{Name: name, ID: id, zones: noSet, visited: noSet}
	if f, ok := c.required(&m, "unit", "unit: octets"); ok {
		k, _ := c.oneOf(f, Octets.String(), Seconds.String(), Events.String(), Money.String())
		a.Unit = Unit(max(k, 0))
	}
	counted := len(c.errors) == before // otherwise nothing can be said of quantities
	if f, ok := c.required(&m, "amount", "amount: 5GB"); ok && counted {
		a.Amount = c.allowanceAmount(f, a.Unit)
	}
	if f, ok := m.optional("priority"); ok {
		n, _ := c.integer(f, math.MinInt16, math.MaxInt16)
		a.Priority = int16(n)
	}
	if f, ok := m.optional("validity"); ok {
		c.allowanceValidity(f, &a)
	}
	if f, ok := m.optional("shared"); ok {
		a.Own = !c.boolean(f)
	}
	if f, ok := m.optional("exhausted"); ok {
		a.Exhausted = c.finalUnit(f, payAsYouGo)
	}
	if f, ok := m.optional("daily_cap"); ok && counted {
		a.DailyCap = c.dailyCap(f, &a)
	}
	if f, ok := m.optional("roll_over"); ok && counted {
		c.rollOver(f, &a)
	}
	a.services = c.newSet(len(c.plan.services))
	if f, ok := c.required(&m, "services", "services: [internet]"); ok && counted {
		c.servicesIn(f, a.Unit, "allowance", "an allowance", a.services)
	}
	c.places(&m, &a.zones, &a.visited)
	if f, ok := m.optional("calendars"); ok {
		found, _ := c.references(f, &c.calendars, "calendar", MaxCalendars)
		for _, k := range found {
			a.calendars |= 1 << k
		}
	}
	k := uint32(len(c.plan.allowances))
	if k == MaxAllowances {
		c.fail(f, "too many allowances", fmt.Sprintf("a catalogue may have %d", MaxAllowances))
		return 0, false
	}
	c.allowances.add(name, k)
	if len(c.errors) > before {
		c.allowances.doubt(name)
	}
	c.plan.allowances = append(c.plan.allowances, a)
	return k, len(c.errors) == before
}

// allowanceAmount reads a quantity of an allowance, which is above zero. It is 0
// after an error.
func (c *compiler) allowanceAmount(f field, unit Unit) int64 {
	if unit != Money {
		n, _ := c.units(f, unit, 1)
		return int64(n)
	}
	amount, ok := c.amount(f)
	if ok && amount == 0 {
		c.fail(f, "an allowance of nothing", "write an amount above zero")
	}
	return int64(amount)
}

// allowanceValidity reads a length of time from the grant, cycle, or
// from_first_use with a length of time.
func (c *compiler) allowanceValidity(f field, a *Allowance) {
	node := f.node
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind == yaml.ScalarNode && node.Value == toCycleEnd {
		a.ToCycleEnd = true
		return
	}
	if node.Kind != yaml.MappingNode {
		a.Validity = c.span(f)
		return
	}
	m, ok := c.mapping(f, "from_first_use")
	if !ok {
		return
	}
	if f, ok := c.required(&m, "from_first_use", "from_first_use: 24h"); ok {
		before := len(c.errors)
		a.Validity, a.FromFirstUse = c.span(f), true
		if len(c.errors) == before && a.Validity == 0 {
			c.fail(f, "a validity of no time", "write for example from_first_use: 24h, or leave validity out for no end")
		}
	}
}

// dailyCap reads the most that is used in a day.
func (c *compiler) dailyCap(f field, a *Allowance) int64 {
	most := c.allowanceAmount(f, a.Unit)
	if a.Amount > 0 && most >= a.Amount {
		c.fail(f, "the cap is never reached: the allowance is no larger", "lower it, or leave it out")
	}
	return most
}

// rollOver reads what of an allowance outlives its end.
func (c *compiler) rollOver(f field, a *Allowance) {
	m, ok := c.mapping(f, "most", "cycles")
	if !ok {
		return
	}
	before := len(c.errors)
	a.RollOver = RollOver{Most: a.Amount, Cycles: 1}
	if f, ok := m.optional("most"); ok {
		a.RollOver.Most = c.allowanceAmount(f, a.Unit)
	}
	if f, ok := m.optional("cycles"); ok {
		n, _ := c.integer(f, 1, math.MaxUint8)
		a.RollOver.Cycles = uint8(n)
	}
	switch {
	case len(c.errors) > before:
	case a.FromFirstUse:
		c.fail(f, "an allowance that is valid from its first use has no next cycle", "write validity: cycle, or leave roll_over out")
	case !a.ToCycleEnd && a.Validity == 0:
		c.fail(f, "the allowance has no end, so nothing is ever left over", "write validity: cycle, or leave roll_over out")
	}
}
