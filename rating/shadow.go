package rating

import (
	"fmt"
	"slices"
)

// compared are what a rule asks for, made to be compared with those of another
// rule of the rate.
type compared struct {
	conditions
	line int
	apns []uint32 // numbers of the compiler, ascending; none for any
}

func (c *compiler) comparedOf(r *Rule) compared {
	asks := compared{line: r.Line, conditions: r.conditions}
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
func (a *compared) none() bool {
	asks := a.conditions
	asks.marks = span{}
	return asks == anything() && a.periods == 0 && len(a.apns) == 0
}

// shadow returns the first of the earlier rules that applies whenever the rule
// would. It compares the conditions as they are named, one rule at a time: that
// several rules together leave nothing over, or that one calendar is always in
// force when another is, may be meant to change with the next catalogue.
func (c *compiler) shadow(earlier []compared, asks *compared) *compared {
	for k := range earlier {
		if c.covers(&earlier[k], asks) {
			return &earlier[k]
		}
	}
	return nil
}

// covers reports whether rule e applies whenever rule a would.
func (c *compiler) covers(e, a *compared) bool {
	zones, octets := len(c.plan.zones), octetSet
	switch {
	case !c.setWithin(a.zones, e.zones, zones),
		!c.setWithin(a.calling, e.calling, zones),
		!c.setWithin(a.visited, e.visited, zones),
		!c.setWithin(a.rats, e.rats, octets),
		!c.setWithin(a.qcis, e.qcis, octets),
		e.calendars != 0 && (a.calendars == 0 || a.calendars&^e.calendars != 0),
		e.roles != 0 && (a.roles == 0 || a.roles&^e.roles != 0),
		e.party != anyParty && a.party != e.party,
		len(e.apns) != 0 && (len(a.apns) == 0 || !within(a.apns, e.apns)):
		return false
	}
	return c.marksWithin(a.marks, e.marks)
}

// marksWithin reports whether counters that are where one rule asks are where
// another asks, too.
func (c *compiler) marksWithin(marks, wider span) bool {
	for _, w := range c.plan.marks[wider.from:wider.to] {
		if !slices.ContainsFunc(c.plan.marks[marks.from:marks.to], func(m mark) bool {
			return m.counter == w.counter && m.from >= w.from && m.below <= w.below
		}) {
			return false
		}
	}
	return true
}

func (c *compiler) neverReached(rule field, by *compared) {
	if by.none() {
		c.fail(rule, fmt.Sprintf("the rule is never reached: the rule in line %d has no condition", by.line),
			"move the rule without a condition to the end")
		return
	}
	c.fail(rule, fmt.Sprintf("the rule is never reached: the rule in line %d applies whenever this one would", by.line),
		"move this rule in front of it, or leave one of them out")
}

// setWithin reports whether every member below n of one bit set is in another;
// noSet has all. A set of zones holds those that lie within its zones, too.
func (c *compiler) setWithin(set, wider uint32, n int) bool {
	if wider == noSet {
		return true
	}
	if set == noSet {
		return false
	}
	for k := range uint32(n+63) / 64 {
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
