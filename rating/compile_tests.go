package rating

import (
	"gyro/internal/instant"
	"gyro/internal/money"
)

// test is an example inside a catalogue: usage and what it costs.
type test struct {
	name    string
	line    int
	request Request
	service string // the service it must be, or "" for any
	// serviceLine is where the source names the service.
	serviceLine int
	used        []uint64
	counters    positions // beside Plan.counters, where they are before the session
	expect      expectation
}

// expectation holds what a test says about the outcome; a nil or empty part is
// not looked at.
type expectation struct {
	refusal    Refusal
	treatment  *Treatment
	charge     *money.Amount
	rule       string
	zone       string
	visited    string
	until      instant.Instant
	left       uint64
	allowances []drawn

	line  int // where it begins
	lines []keyLine
}

// keyLine is where the source says one of the things that a test expects.
type keyLine struct {
	key  string
	line int
}

// lineOf is where the source says what is expected of a key, or of the whole.
func (e *expectation) lineOf(key string) int {
	for _, known := range e.lines {
		if known.key == key {
			return known.line
		}
	}
	return e.line
}

// drawn is how much of an allowance was used.
type drawn struct {
	allowance uint32
	amount    int64
	line      int
}

var testKeys = []string{
	"name", "offer", "service", "context", "rating_group", "service_id", "apn", "role", "called", "calling",
	"serving", "rat", "qci", "on_net", "counters", "cycle_day", "at", "used", "expect",
}

// test reads one element of tests.
func (c *compiler) test(f field) {
	m, ok := c.mapping(f, testKeys...)
	if !ok {
		return
	}
	t := test{line: f.node.Line}
	if f, ok := c.required(&m, "name", "name: ten megabytes"); ok {
		t.name, _ = c.text(f)
	}
	unit, unitKnown := c.testSession(&m, &t)
	if f, ok := c.required(&m, "expect", "expect: {charge: 0.10}"); ok {
		c.expectation(f, &t, unit, unitKnown)
	}
	if _, ok := m.optional("used"); !ok && (t.expect.charge != nil || t.expect.allowances != nil) {
		c.fail(f, "the test expects a charge but uses nothing", "for example used: [4MB, 6MB]")
	}
	c.plan.tests = append(c.plan.tests, t)
}

// testSession reads who asks for what, when, and what is used of it. It returns
// the unit in which the session counts, if the service is known.
func (c *compiler) testSession(m *mapping, t *test) (unit Unit, unitKnown bool) {
	if f, ok := c.required(m, "offer", "offer: payg"); ok {
		found, _ := c.references(f, &c.offers, "offer", maxTestOffers)
		t.request.Offers = c.idOf(found)
	}
	unit, unitKnown = c.testRequest(m, t)
	if f, ok := c.required(m, "at", `at: "2026-11-23 10:00"`); ok {
		t.request.At = c.moment(f)
	}
	if f, ok := m.optional("used"); ok && unitKnown {
		for _, element := range c.list(f, MaxReports, true) {
			n, _ := c.units(element, unit, 0)
			t.used = append(t.used, n)
		}
	}
	return unit, unitKnown
}

// maxTestOffers is more offers than one subscriber has.
const maxTestOffers = 16

var expectKeys = []string{"charge", "rule", "zone", "visited", "treatment", "refusal", "until", "left", "allowances"}

func (c *compiler) expectation(f field, t *test, unit Unit, unitKnown bool) {
	m, ok := c.mapping(f, expectKeys...)
	if !ok {
		return
	}
	if len(m.keys) == 0 {
		c.fail(f, "the test expects nothing", suggestion("", expectKeys))
	}
	e := &t.expect
	e.line = f.node.Line
	for _, key := range m.keys {
		e.lines = append(e.lines, keyLine{key.node.Value, key.node.Line})
	}
	if f, ok := m.optional("charge"); ok {
		amount, _ := c.amount(f)
		e.charge = &amount
	}
	if f, ok := m.optional("rule"); ok {
		e.rule, _ = c.validName(f)
	}
	if f, ok := m.optional("zone"); ok {
		k, _ := c.reference(f, &c.zones, "zone")
		e.zone = c.plan.zones[k].Name
	}
	if f, ok := m.optional("visited"); ok {
		k, _ := c.reference(f, &c.zones, "zone")
		e.visited = c.plan.zones[k].Name
	}
	if f, ok := m.optional("left"); ok && unitKnown {
		e.left, _ = c.units(f, unit, 1)
	}
	if f, ok := m.optional("treatment"); ok {
		k, _ := c.oneOf(f, Charged.String(), Free.String(), Denied.String())
		treatment := Treatment(max(k, 0))
		e.treatment = &treatment
	}
	if f, ok := m.optional("refusal"); ok {
		k, _ := c.oneOf(f, NoService.String(), NoTariff.String())
		e.refusal = Refusal(k + 1)
	}
	if f, ok := m.optional("until"); ok {
		e.until = c.moment(f)
	}
	if f, ok := m.optional("allowances"); ok {
		c.expectedAllowances(f, t)
	}
}

// expectedAllowances reads what is drawn from which allowance of the offers.
func (c *compiler) expectedAllowances(f field, t *test) {
	if len(t.request.Offers) == 0 {
		return // the offer is unknown, and so is what it grants
	}
	var granted []uint32
	var allowed []string
	for _, id := range t.request.Offers {
		for k := range c.plan.offers {
			if c.plan.offers[k].ID == id {
				granted = append(granted, c.plan.offers[k].Allowances...)
			}
		}
	}
	for _, k := range granted {
		allowed = append(allowed, c.plan.allowances[k].Name)
	}
	m, ok := c.mapping(f, allowed...)
	if !ok {
		return
	}
	for n, name := range allowed {
		if f, ok := m.optional(name); ok {
			unit := c.plan.allowances[granted[n]].Unit
			d := drawn{allowance: granted[n], line: f.node.Line}
			if unit == Money {
				amount, _ := c.amount(f)
				d.amount = int64(amount)
			} else {
				amount, _ := c.units(f, unit, 0)
				d.amount = int64(amount)
			}
			t.expect.allowances = append(t.expect.allowances, d)
		}
	}
}
