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
	if f, ok := c.required(&m, "amount", "amount: 5GB"); ok {
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
	if f, ok := c.required(&m, "services", "services: [internet]"); ok {
		c.paidServices(f, &a)
	}
	if f, ok := m.optional("zones"); ok {
		a.zones = c.zoneSet(f)
	}
	k := uint32(len(c.plan.allowances))
	if k == MaxAllowances {
		c.fail(f, "too many allowances", fmt.Sprintf("a catalogue may have %d", MaxAllowances))
		return 0, false
	}
	c.allowances.add(name, k)
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

// rate reads the rules of one service into the offer's row of the table.
func (c *compiler) rate(f field, row []uint32) {
	m, ok := c.mapping(f, "service", "rules")
	if !ok {
		return
	}
	at, ok := c.required(&m, "service", "service: internet")
	if !ok {
		return
	}
	service, ok := c.reference(at, &c.services, "service")
	if !ok {
		return
	}
	if row[service] != 0 {
		c.fail(at, "the offer already has a rate for this service", "put all rules of the service into one rate")
		return
	}
	f, ok = c.required(&m, "rules", "rules: [{price: {amount: 0.01, per: 1MB}}]")
	if !ok {
		return
	}
	r := rate{rules: span{from: uint32(len(c.plan.rules))}}
	var always field // the rule that applies whatever the request says
	elements := c.list(f, MaxServiceRules, false)
	if elements != nil && len(elements) == 0 {
		c.fail(f, "the rate has no rules", "leave the service out: without a rate there is no tariff")
	}
	for _, element := range elements {
		rule, ok := c.rule(element, c.plan.services[service].Unit)
		if !ok {
			continue
		}
		if always.node != nil {
			c.fail(element, fmt.Sprintf("the rule is never reached: the rule in line %d has no condition", always.node.Line),
				"move the rule without a condition to the end")
			break
		}
		if rule.zones == noSet && rule.calendars == 0 && rule.apns.from == rule.apns.to {
			always = element
		}
		if len(c.plan.rules) == MaxRules {
			c.fail(element, "too many rules", fmt.Sprintf("a catalogue may have %d", MaxRules))
			return
		}
		r.calendars |= rule.calendars
		c.plan.rules = append(c.plan.rules, rule)
	}
	r.rules.to = uint32(len(c.plan.rules))
	row[service] = uint32(len(c.plan.rates))
	c.plan.rates = append(c.plan.rates, r)
}

// rule reads one rule for a service counted in unit.
func (c *compiler) rule(f field, unit Unit) (Rule, bool) {
	rule := Rule{Line: f.node.Line, zones: noSet}
	m, ok := c.mapping(f, "name", "zone", "calendar", "apn", "price", "treatment")
	if !ok {
		return rule, false
	}
	before := len(c.errors)
	if f, ok := m.optional("name"); ok {
		rule.Name, _ = c.validName(f)
	}
	if f, ok := m.optional("zone"); ok {
		rule.zones = c.zoneSet(f)
	}
	if f, ok := m.optional("calendar"); ok {
		found, _ := c.references(f, &c.calendars, "calendar", MaxCalendars)
		for _, k := range found {
			rule.calendars |= 1 << k
		}
	}
	if f, ok := m.optional("apn"); ok {
		rule.apns = c.apnList(f)
	}
	c.treatment(&m, unit, &rule)
	return rule, len(c.errors) == before
}

// treatment reads price or treatment; a rule has one of them.
func (c *compiler) treatment(m *mapping, unit Unit, rule *Rule) {
	price, hasPrice := m.optional("price")
	treatment, hasTreatment := m.optional("treatment")
	switch {
	case hasPrice && hasTreatment:
		c.fail(treatment, "the rule has both price and treatment", "keep one of them")
	case hasPrice:
		rule.Treatment = Charged
		rule.Rate, _ = c.price(price, unit)
	case hasTreatment:
		k, _ := c.oneOf(treatment, Free.String(), Denied.String())
		rule.Treatment = [...]Treatment{Free, Denied}[max(k, 0)]
	default:
		c.fail(m.field, "the rule says neither price nor treatment",
			"write price: {amount: 0.01, per: 1MB}, treatment: free or treatment: deny")
	}
}

// idOf returns the short names of offers, for tests.
func (c *compiler) idOf(offers []uint32) []ident.Name {
	ids := make([]ident.Name, len(offers))
	for k, offer := range offers {
		ids[k] = c.plan.offers[offer].ID
	}
	return ids
}
