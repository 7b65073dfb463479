package rating

import (
	"fmt"
	"strings"

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
	expect      expectation
}

// expectation holds what a test says about the outcome; a nil or empty part is
// not looked at.
type expectation struct {
	refusal    Refusal
	treatment  *Treatment
	charge     *money.Amount
	rule, zone string
	until      instant.Instant
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
	"name", "offer", "service", "context", "rating_group", "service_id", "apn", "role", "called", "at", "used", "expect",
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
	if f, ok := c.required(&m, "offer", "offer: payg"); ok {
		found, _ := c.references(f, &c.offers, "offer", maxTestOffers)
		t.request.Offers = c.idOf(found)
	}
	unit, unitKnown := c.testRequest(&m, &t)
	if f, ok := c.required(&m, "at", `at: "2026-11-23 10:00"`); ok {
		t.request.At = c.moment(f)
	}
	if f, ok := m.optional("used"); ok && unitKnown {
		for _, element := range c.list(f, MaxReports, true) {
			n, _ := c.units(element, unit, 0)
			t.used = append(t.used, n)
		}
	}
	if f, ok := c.required(&m, "expect", "expect: {charge: 0.10}"); ok {
		c.expectation(f, &t)
	}
	if _, ok := m.optional("used"); !ok && (t.expect.charge != nil || t.expect.allowances != nil) {
		c.fail(f, "the test expects a charge but uses nothing", "for example used: [4MB, 6MB]")
	}
	c.plan.tests = append(c.plan.tests, t)
}

// maxTestOffers is more offers than one subscriber has.
const maxTestOffers = 16

// testRequest reads how the request looks on the wire. Naming a service fills
// in what that service is recognised by; attributes that are given too win. It
// returns the unit in which the test counts, if the service is known.
func (c *compiler) testRequest(m *mapping, t *test) (unit Unit, known bool) {
	r := &t.request
	service, hasService := m.optional("service")
	at, hasContext := m.optional("context")
	switch {
	case hasService:
		t.serviceLine = service.node.Line
		k, ok := c.reference(service, &c.services, "service")
		if known = ok; ok {
			unit = c.plan.services[k].Unit
			t.service = c.plan.services[k].Name
			c.typicalRequest(k, r)
		}
	case !hasContext:
		c.fail(m.field, "the test names neither service nor context", "for example service: internet")
	}
	if hasContext {
		r.Context = c.context(at)
		if !hasService {
			unit, known = c.unitOf(r.Context), true
		}
	}
	if f, ok := m.optional("rating_group"); ok {
		n, _ := c.integer(f, 0, maxUint32)
		r.RatingGroup, r.HasRatingGroup = uint32(n), true
	}
	if f, ok := m.optional("service_id"); ok {
		n, _ := c.integer(f, 0, maxUint32)
		r.ServiceID, r.HasServiceID = uint32(n), true
	}
	if f, ok := m.optional("apn"); ok {
		text, _ := c.text(f)
		r.APN = []byte(text)
	}
	if f, ok := m.optional("role"); ok {
		k, _ := c.oneOf(f, roleNames...)
		r.Role = uint8(max(k, 0))
	}
	if f, ok := m.optional("called"); ok {
		text, _ := c.text(f)
		text = strings.TrimPrefix(text, "+")
		if text != "" && (!isDigits(text) || len(text) > MaxDigits) {
			c.fail(f, quote(text)+" is no E.164 number", `for example called: "+4930123456"`)
		}
		r.Called = []byte(text)
	}
	return unit, known
}

// typicalRequest fills r with attributes by which a service is recognised.
func (c *compiler) typicalRequest(service uint32, r *Request) {
	by, conditions := &c.by[service], &c.plan.recognisers[service]
	r.Context = by.context
	if len(by.ratingGroups) > 0 {
		r.RatingGroup, r.HasRatingGroup = by.ratingGroups[0], true
	}
	if len(conditions.serviceIDs) > 0 {
		r.ServiceID, r.HasServiceID = conditions.serviceIDs[0], true
	}
	if conditions.apns.from != conditions.apns.to {
		r.APN = []byte(c.plan.apns[conditions.apns.from])
	}
	for role := range roleNames {
		if conditions.roles>>role&1 != 0 {
			r.Role = uint8(role)
			break
		}
	}
}

// unitOf returns the unit of the first service of a context, in which the
// usage of a test without service is written.
func (c *compiler) unitOf(context uint32) Unit {
	for k := range c.by {
		if c.by[k].context == context {
			return c.plan.services[k].Unit
		}
	}
	return Octets
}

var expectKeys = []string{"charge", "rule", "zone", "treatment", "refusal", "until", "allowances"}

func (c *compiler) expectation(f field, t *test) {
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

// moment reads a wall-clock time in the catalogue's time zone, or one with an
// offset, which alone can tell the two hours apart that a clock set back
// passes twice.
func (c *compiler) moment(f field) instant.Instant {
	text, ok := c.text(f)
	if !ok {
		return 0
	}
	at, ok := parseMoment(text, &c.plan.zone)
	if !ok {
		c.fail(f, quote(text)+" is no moment", `write "2026-11-23 10:00" or "2026-11-23T10:00:00+01:00"`)
	}
	return at
}

// formatMoment writes a moment as moment reads it: as a clock on the wall shows
// it in the zone, with the offset in force. It is empty for none.
func formatMoment(at instant.Instant, zone *instant.Zone) string {
	if at == 0 {
		return ""
	}
	civil := zone.CivilAt(at)
	seconds, east, sign := civil.MilliOfDay/instant.Second, zone.OffsetAt(at)/instant.Minute, "+"
	if east < 0 {
		east, sign = -east, "-"
	}
	text := fmt.Sprintf("%04d-%02d-%02dT%02d:%02d", civil.Year, civil.Month, civil.Day, seconds/3600, seconds/60%60)
	if seconds%60 != 0 {
		text += fmt.Sprintf(":%02d", seconds%60)
	}
	return text + fmt.Sprintf("%s%02d:%02d", sign, east/60, east%60)
}

func parseMoment(text string, zone *instant.Zone) (instant.Instant, bool) {
	if len(text) <= len("2006-01-02") {
		return 0, false
	}
	d, ok := parseDate(text[:len("2006-01-02")])
	s := scanner{text: text[len("2006-01-02"):]}
	ok = ok && (s.literal(' ') || s.literal('T'))
	hour := s.number(2)
	ok = ok && s.literal(':')
	minute, second := s.number(2), 0
	if s.literal(':') {
		second = s.number(2)
	}
	if !ok || s.failed || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	ofDay := instant.Span(hour)*instant.Hour + instant.Span(minute)*instant.Minute + instant.Span(second)*instant.Second
	if s.text == "" {
		return zone.InstantOf(d.year, d.month, d.day, ofDay), true
	}
	east, ok := s.offset()
	return instant.Instant(d.number(0) * int64(instant.Day)).Add(ofDay - east), ok
}

// offset reads Z, +HH:MM or -HH:MM.
func (s *scanner) offset() (instant.Span, bool) {
	if s.literal('Z') {
		return 0, s.done()
	}
	sign := instant.Span(1)
	if !s.literal('+') {
		if !s.literal('-') {
			return 0, false
		}
		sign = -1
	}
	hour := s.number(2)
	colon := s.literal(':')
	minute := s.number(2)
	east := instant.Span(hour)*instant.Hour + instant.Span(minute)*instant.Minute
	return sign * east, colon && s.done() && hour < 24 && minute < 60
}
