package rating

import (
	"fmt"
	"slices"
)

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
	var earlier []conditions
	elements := c.list(f, MaxServiceRules, false)
	if elements != nil && len(elements) == 0 {
		c.fail(f, "the rate has no rules", "leave the service out: without a rate there is no tariff")
	}
	for _, element := range elements {
		rule, ok := c.rule(element, c.plan.services[service].Unit)
		if !ok {
			continue
		}
		asks := c.conditionsOf(&rule)
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
	valid := true // what it asks for is known
	if f, ok := m.optional("name"); ok {
		rule.Name, _ = c.validName(f)
	}
	if f, ok := m.optional("zone"); ok {
		rule.zones, valid = c.zoneSet(f)
	}
	if f, ok := m.optional("calendar"); ok {
		found, ok := c.references(f, &c.calendars, "calendar", MaxCalendars)
		valid = valid && ok
		for _, k := range found {
			rule.calendars |= 1 << k
		}
	}
	if f, ok := m.optional("apn"); ok {
		rule.apns = c.apnList(f)
	}
	c.treatment(&m, unit, &rule)
	return rule, valid && len(c.errors) == before
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

// conditions are what a rule asks for, made to be compared with those of
// another rule of the rate.
type conditions struct {
	line      int
	zones     uint32 // as in Rule
	calendars uint64
	apns      []uint32 // numbers of the compiler, ascending; none for any
}

func (c *compiler) conditionsOf(r *Rule) conditions {
	asks := conditions{line: r.Line, zones: r.zones, calendars: r.calendars}
	for _, apn := range c.plan.apns[r.apns.from:r.apns.to] {
		number, known := c.apnNumbers[apn]
		if !known {
			number = uint32(len(c.apnNumbers))
			c.apnNumbers[apn] = number
		}
		asks.apns = append(asks.apns, number)
	}
	slices.Sort(asks.apns)
	return asks
}

// none reports whether a rule applies whatever the request says.
func (a *conditions) none() bool { return a.zones == noSet && a.calendars == 0 && len(a.apns) == 0 }

// shadow returns the first of the earlier rules that applies whenever the rule
// would. It compares the conditions as they are named, one rule at a time: that
// several rules together leave nothing over, or that one calendar is always in
// force when another is, may be meant to change with the next catalogue.
func (c *compiler) shadow(earlier []conditions, asks *conditions) *conditions {
	for k := range earlier {
		e := &earlier[k]
		if e.calendars != 0 && (asks.calendars == 0 || asks.calendars&^e.calendars != 0) {
			continue
		}
		if c.zonesWithin(asks.zones, e.zones) && (len(e.apns) == 0 || (len(asks.apns) > 0 && within(asks.apns, e.apns))) {
			return e
		}
	}
	return nil
}

func (c *compiler) neverReached(rule field, by *conditions) {
	if by.none() {
		c.fail(rule, fmt.Sprintf("the rule is never reached: the rule in line %d has no condition", by.line),
			"move the rule without a condition to the end")
		return
	}
	c.fail(rule, fmt.Sprintf("the rule is never reached: the rule in line %d applies whenever this one would", by.line),
		"move this rule in front of it, or leave one of them out")
}

// zonesWithin reports whether every zone of one set is in the other. A set
// holds the zones that lie within its zones, too.
func (c *compiler) zonesWithin(set, wider uint32) bool {
	if wider == noSet {
		return true
	}
	if set == noSet {
		return false
	}
	for k := range uint32(len(c.plan.zones)+63) / 64 {
		if c.plan.words[set+k]&^c.plan.words[wider+k] != 0 {
			return false
		}
	}
	return true
}

// within reports whether every number of one ascending list is in the other.
func within(list, wider []uint32) bool {
	for _, number := range list {
		for len(wider) > 0 && wider[0] < number {
			wider = wider[1:]
		}
		if len(wider) == 0 || wider[0] != number {
			return false
		}
	}
	return true
}
