package rating

import "fmt"

var ruleKeys = append([]string{"name"}, append(conditionKeys, "price", "treatment")...)

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
	var earlier []compared
	elements := c.list(f, MaxServiceRules, false)
	if elements != nil && len(elements) == 0 {
		c.fail(f, "the rate has no rules", "leave the service out: without a rate there is no tariff")
	}
	for _, element := range elements {
		rule, ok := c.rule(element, service)
		if !ok {
			continue
		}
		asks := c.comparedOf(&rule)
		if by := c.shadow(earlier, &asks); by != nil {
			c.neverReached(element, by)
			if by.none() {
				break // nor is any of the following
			}
			continue
		}
		earlier = append(earlier, asks)
		if len(c.plan.rules) == MaxRules {
			c.fail(element, "too many rules", fmt.Sprintf("a catalogue may have %d", MaxRules))
			return
		}
		r.calendars |= rule.conditions.calendars
		r.calling = r.calling || rule.conditions.calling != noSet
		r.counted = r.counted || rule.conditions.periods != 0
		c.plan.rules = append(c.plan.rules, rule)
	}
	r.rules.to = uint32(len(c.plan.rules))
	row[service] = uint32(len(c.plan.rates))
	c.plan.rates = append(c.plan.rates, r)
}

// rule reads one rule for a service.
func (c *compiler) rule(f field, service uint32) (Rule, bool) {
	rule := Rule{Line: f.node.Line, conditions: anything()}
	m, ok := c.mapping(f, ruleKeys...)
	if !ok {
		return rule, false
	}
	before := len(c.errors)
	if f, ok := m.optional("name"); ok {
		rule.Name, _ = c.validName(f)
	}
	valid := c.conditions(&m, &rule.conditions)
	c.treatment(&m, service, &rule)
	return rule, valid && len(c.errors) == before
}

// treatment reads price or treatment; a rule has one of them.
func (c *compiler) treatment(m *mapping, service uint32, rule *Rule) {
	price, hasPrice := m.optional("price")
	treatment, hasTreatment := m.optional("treatment")
	switch {
	case hasPrice && hasTreatment:
		c.fail(treatment, "the rule has both price and treatment", "keep one of them")
	case hasPrice:
		rule.Treatment = Charged
		rule.Rate, _ = c.price(price, service)
	case hasTreatment:
		k, _ := c.oneOf(treatment, Free.String(), Denied.String())
		rule.Treatment = [...]Treatment{Free, Denied}[max(k, 0)]
	default:
		c.fail(m.field, "the rule says neither price nor treatment",
			"write price: {amount: 0.01, per: 1MB}, treatment: free or treatment: deny")
	}
}
