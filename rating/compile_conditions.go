package rating

import "fmt"

var conditionKeys = []string{
	"zone", "calling", "visited", "calendar", "apn", "rat", "qci", "direction", "on_net", "counter",
}

// conditions reads what a rule asks for; ok is false when it asks for something
// that is not known.
func (c *compiler) conditions(m *mapping, into *conditions) (ok bool) {
	before := len(c.errors)
	ok = true
	zones := func(key string, set *uint32, kind zoneKind) {
		if f, given := m.optional(key); given {
			var known bool
			*set, known = c.zoneSetOf(f, kind)
			ok = ok && known
		}
	}
	zones("zone", &into.zones, called)
	zones("calling", &into.calling, called)
	zones("visited", &into.visited, serving)
	if f, given := m.optional("calendar"); given {
		found, known := c.references(f, &c.calendars, "calendar", MaxCalendars)
		ok = ok && known
		for _, k := range found {
			into.calendars |= 1 << k
		}
	}
	if f, given := m.optional("apn"); given {
		into.apns = c.apnList(f)
	}
	if f, given := m.optional("rat"); given {
		into.rats = c.octetSet(f, "radio access", c.rat)
	}
	if f, given := m.optional("qci"); given {
		into.qcis = c.octetSet(f, "QCI", c.qci)
	}
	if f, given := m.optional("direction"); given {
		if k, known := c.oneOf(f, directions...); known {
			into.roles = 1 << k
		}
	}
	if f, given := m.optional("on_net"); given {
		into.party = offNet
		if c.boolean(f) {
			into.party = onNet
		}
	}
	if f, given := m.optional("counter"); given {
		ok = c.markList(f, into) && ok
	}
	return ok && len(c.errors) == before
}

// directions are the Node-Roles that say who called whom.
var directions = roleNames[:2]

// octetSet reads one value or a list of them into a bit set over octets.
func (c *compiler) octetSet(f field, what string, read func(field) (uint8, bool)) uint32 {
	set := c.newSet(octetSet)
	elements := c.list(f, octetSet, true)
	if elements != nil && len(elements) == 0 {
		c.fail(f, "the list is empty", "leave the key out to accept any "+what)
	}
	for _, element := range elements {
		if n, ok := read(element); ok {
			c.include(set, uint32(n))
		}
	}
	return set
}

// rat reads the name or number of a radio access technology as Request.RAT.
func (c *compiler) rat(f field) (uint8, bool) {
	text, ok := c.text(f)
	if !ok {
		return 0, false
	}
	n, ok := ratNamed(text)
	if !ok {
		c.fail(f, quote(text)+" is no radio access technology",
			suggestion(text, knownRATs())+fmt.Sprintf(", or a number of 3GPP-RAT-Type up to %d", maxRAT))
	}
	return n, ok
}

// qci reads a QoS-Class-Identifier.
func (c *compiler) qci(f field) (uint8, bool) {
	n, ok := c.integer(f, 1, octetSet-2) // 0 and 255 are reserved (TS 29.212 section 5.3.17)
	return uint8(n), ok
}

// markList reads one condition on a counter, or a list of them.
func (c *compiler) markList(f field, into *conditions) bool {
	into.marks.from = uint32(len(c.plan.marks))
	elements := []field{f}
	if f.isList() {
		elements = c.list(f, MaxCounters, false)
		if elements != nil && len(elements) == 0 {
			c.fail(f, "the list is empty", "leave the key out to apply whatever was used")
		}
	}
	ok := len(elements) > 0
	for _, element := range elements {
		ok = c.mark(element, into) && ok
	}
	into.marks.to = uint32(len(c.plan.marks))
	return ok
}

// mark reads how far a counter has to be.
func (c *compiler) mark(f field, into *conditions) bool {
	m, ok := c.mapping(f, "name", "from", "below")
	if !ok {
		return false
	}
	at, ok := c.required(&m, "name", "counter: {name: data-cycle, from: 40GB}")
	if !ok {
		return false
	}
	k, ok := c.reference(at, &c.counters, "counter")
	if !ok {
		return false
	}
	for _, earlier := range c.plan.marks[into.marks.from:] {
		if earlier.counter == k {
			c.fail(at, "the rule asks for the counter twice", "write from and below together")
			return false
		}
	}
	mark := mark{counter: k, below: noMark}
	unit := c.plan.counters[k].Unit
	from, hasFrom := m.optional("from")
	below, hasBelow := m.optional("below")
	known := true
	if hasFrom {
		mark.from, known = c.countOf(from, unit)
	}
	if hasBelow && known {
		mark.below, known = c.countOf(below, unit)
	}
	switch {
	case !hasFrom && !hasBelow:
		c.fail(f, "the condition says neither from nor below", "for example from: 40GB")
		return false
	case !known:
		return false
	case mark.from >= mark.below:
		c.fail(below, "the counter cannot be below "+quote(below.node.Value)+" and at "+quote(from.node.Value)+" or more",
			"below must be above from")
		return false
	}
	into.periods |= 1 << c.plan.counters[k].Period
	c.plan.marks = append(c.plan.marks, mark)
	return true
}

// countOf reads a count of a counter's unit, above zero.
func (c *compiler) countOf(f field, unit Unit) (uint64, bool) {
	if unit != Money {
		return c.units(f, unit, 1)
	}
	amount, ok := c.amount(f)
	if ok && amount == 0 {
		c.fail(f, "the amount is zero", "write an amount above zero")
		return 0, false
	}
	return uint64(amount), ok
}
