package rating

import (
	"fmt"
	"math"

	"gopkg.in/yaml.v3"

	"gyro/internal/ident"
)

// allowance reads an allowance and returns its index.
func (c *compiler) allowance(f field) (uint32, bool) {
	m, ok := c.mapping(f, "name", "unit", "amount", "services", "zones", "priority", "validity")
	if !ok {
		return 0, false
	}
	before := len(c.errors)
	name, id, ok := c.name(&m, &c.allowances, "data-5gb")
	if !ok {
		return 0, false
	}
	a := Allowance{Name: name, ID: id, zones: noSet}
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
		a.Validity = c.span(f)
	}
	a.services = c.newSet(len(c.plan.services))
	if f, ok := c.required(&m, "services", "services: [internet]"); ok && counted {
		c.paidServices(f, &a)
	}
	if f, ok := m.optional("zones"); ok {
		a.zones, _ = c.zoneSet(f)
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

// paidServices reads what an allowance pays for; it must be counted alike.
func (c *compiler) paidServices(f field, a *Allowance) {
	found, _ := c.references(f, &c.services, "service", MaxServices)
	for _, k := range found {
		service := &c.plan.services[k]
		if a.Unit != Money && service.Unit != a.Unit {
			c.fail(f, fmt.Sprintf("service %s is counted in %s, the allowance in %s", service.Name, service.Unit, a.Unit),
				"make an allowance of its own for it, or one of money")
			return
		}
		c.include(a.services, k)
	}
}

// offer reads one element of offers.
func (c *compiler) offer(f field) {
	m, ok := c.mapping(f, "name", "kind", "rates", "allowances")
	if !ok {
		return
	}
	name, id, ok := c.name(&m, &c.offers, "payg")
	if !ok {
		c.allowances.incomplete = true // it may define some
		return
	}
	offer := Offer{Name: name, ID: id}
	if f, ok := m.optional("kind"); ok {
		k, _ := c.oneOf(f, Prepaid.String(), Postpaid.String(), Hybrid.String())
		offer.Kind = OfferKind(max(k, 0))
	}
	row := len(c.plan.rateAt)
	c.plan.rateAt = append(c.plan.rateAt, make([]uint32, len(c.plan.services))...)
	c.each(&m, "rates", MaxServices, func(f field) { c.rate(f, c.plan.rateAt[row:]) })
	c.each(&m, "allowances", MaxOfferAllowances, func(f field) {
		if k, ok := c.granted(f); ok {
			offer.Allowances = append(offer.Allowances, k)
		} else {
			c.offers.doubt(name)
		}
	})
	_, hasRates := m.optional("rates")
	_, hasAllowances := m.optional("allowances")
	if !hasRates && !hasAllowances {
		c.fail(f, "the offer has neither rates nor allowances", "it would change nothing for a subscriber")
	}
	c.offers.add(name, uint32(len(c.plan.offers)))
	c.plan.offers = append(c.plan.offers, offer)
}

// granted reads an allowance of an offer: the name of one that is defined
// elsewhere, or a definition.
func (c *compiler) granted(f field) (uint32, bool) {
	node := f.node
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind == yaml.ScalarNode {
		return c.reference(f, &c.allowances, "allowance")
	}
	return c.allowance(f)
}

// idOf returns the short names of offers, for tests.
func (c *compiler) idOf(offers []uint32) []ident.Name {
	ids := make([]ident.Name, len(offers))
	for k, offer := range offers {
		ids[k] = c.plan.offers[offer].ID
	}
	return ids
}
