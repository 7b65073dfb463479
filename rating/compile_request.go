package rating

import (
	"strings"

	"gyro/internal/ident"
)

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
		c.fail(m.field, "neither service nor context is named", "for example service: internet")
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
	r.Called, r.Calling = c.number(m, "called"), c.number(m, "calling")
	c.testNetwork(m, t)
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

// number reads an E.164 number, if there is one.
func (c *compiler) number(m *mapping, key string) []byte {
	f, ok := m.optional(key)
	if !ok {
		return nil
	}
	text, _ := c.text(f)
	text = strings.TrimPrefix(text, "+")
	if text != "" && (!isDigits(text) || len(text) > MaxDigits) {
		c.fail(f, quote(text)+" is no E.164 number", "for example "+key+`: "+4930123456"`)
	}
	return []byte(text)
}

// testNetwork reads what a gateway says of where the subscriber is, and how far
// the counters are.
func (c *compiler) testNetwork(m *mapping, t *test) {
	r := &t.request
	if f, ok := m.optional("serving"); ok {
		if text, ok := c.text(f); ok {
			n, err := ident.ParsePLMN([]byte(text))
			if err != nil {
				c.fail(f, quote(text)+" is no network", `write country and network code, for example "262-01"`)
			}
			r.Serving = n
		}
	}
	if f, ok := m.optional("rat"); ok {
		r.RAT, _ = c.rat(f)
	}
	if f, ok := m.optional("qci"); ok {
		r.QCI, _ = c.qci(f)
	}
	if f, ok := m.optional("on_net"); ok {
		r.OnNet = c.boolean(f)
	}
	if f, ok := m.optional("cycle_day"); ok {
		day, _ := c.integer(f, firstOfMonth, lastCycleDay)
		r.CycleDay = uint8(day)
	}
	if len(c.plan.counters) > 0 {
		t.counters = make(positions, len(c.plan.counters))
		r.Counters = t.counters
	}
	f, ok := m.optional("counters")
	if !ok {
		return
	}
	at, ok := c.mapping(f, c.counters.list...)
	if !ok {
		return
	}
	for _, name := range c.counters.list {
		if f, ok := at.optional(name); ok {
			k := c.counters.index[name]
			t.counters[k] = c.position(f, c.plan.counters[k].Unit)
		}
	}
}

// position reads how far a counter is.
func (c *compiler) position(f field, unit Unit) uint64 {
	if unit == Money {
		amount, _ := c.amount(f)
		return uint64(amount)
	}
	n, _ := c.units(f, unit, 0)
	return n
}
