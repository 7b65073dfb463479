package rating

import (
	"fmt"
	"slices"
	"strings"
)

var roleNames = []string{"originating", "terminating", "proxy", "b2bua"}

// recognisedBy is how the source says a service is recognised.
type recognisedBy struct {
	at           field
	context      uint32
	ratingGroups []uint32 // sorted; none means any, and requests without one
	byDefault    bool
}

// service reads one element of services.
func (c *compiler) service(f field) {
	m, ok := c.mapping(f, "name", "context", "rating_groups", "default", "service_ids", "apns", "roles", "unit", "quota")
	if !ok {
		return
	}
	name, id, ok := c.name(&m, &c.services, "internet")
	if !ok {
		return
	}
	before := len(c.errors)
	service := Service{Name: name, ID: id}
	if f, ok := c.required(&m, "unit", "unit: octets"); ok {
		unit, _ := c.oneOf(f, Octets.String(), Seconds.String(), Events.String())
		service.Unit = Unit(max(unit, 0))
	}
	if len(c.errors) > before {
		c.services.doubt(name) // its quantities cannot be read
	}
	service.Quota = defaultQuota(service.Unit)
	if f, ok := m.optional("quota"); ok {
		c.quota(f, service.Unit, &service.Quota)
	}
	by := recognisedBy{at: f}
	if f, ok := c.required(&m, "context", "context: 32251"); ok {
		by.context = c.context(f)
	}
	var conditions recogniser
	if f, ok := m.optional("rating_groups"); ok {
		by.ratingGroups = c.numbers(f)
	}
	if f, ok := m.optional("default"); ok {
		by.byDefault = c.boolean(f)
	}
	if f, ok := m.optional("service_ids"); ok {
		conditions.serviceIDs = c.numbers(f)
	}
	if f, ok := m.optional("apns"); ok {
		conditions.apns = c.apnList(f)
	}
	if f, ok := m.optional("roles"); ok {
		conditions.roles = c.roles(f)
	}
	conditions.context, conditions.ratingGroups, conditions.byDefault = by.context, by.ratingGroups, by.byDefault
	c.services.add(name, uint32(len(c.plan.services)))
	c.plan.services = append(c.plan.services, service)
	c.define("service", name, &m)
	c.plan.recognisers = append(c.plan.recognisers, conditions)
	c.by = append(c.by, by)
}

// context reads a number, or an identifier that ends in it such as
// 32251@3gpp.org (TS 32.299 section 7.1.12).
func (c *compiler) context(f field) uint32 {
	text, ok := c.text(f)
	if !ok {
		return 0
	}
	f.node = literal(f, strings.TrimSuffix(text, "@3gpp.org"))
	n, _ := c.integer(f, 1, maxUint32)
	return uint32(n)
}

// numbers reads one number or a list of different ones, and sorts them.
func (c *compiler) numbers(f field) []uint32 {
	var list []uint32
	elements := c.list(f, MaxAttributes, true)
	if elements != nil && len(elements) == 0 {
		c.fail(f, "the list is empty", "leave the key out to accept any")
	}
	for _, element := range elements {
		if n, ok := c.integer(element, 0, maxUint32); ok {
			list = append(list, uint32(n))
		}
	}
	slices.Sort(list)
	for k := 1; k < len(list); k++ {
		if list[k] == list[k-1] {
			c.fail(f, fmt.Sprintf("%d is given twice", list[k]), "give it once")
			break
		}
	}
	return list
}

// apnList reads one APN or a list of them.
func (c *compiler) apnList(f field) span {
	from := len(c.plan.apns)
	elements := c.list(f, MaxAttributes, true)
	if elements != nil && len(elements) == 0 {
		c.fail(f, "the list is empty", "leave the key out to accept any APN")
	}
	for _, element := range elements {
		text, ok := c.text(element)
		if !ok {
			continue
		}
		if len(text) > maxAPN || len(networkIdentifier([]byte(text))) != len(text) {
			c.fail(element, quote(text)+" is no network identifier",
				fmt.Sprintf("write up to %d characters, without .mncNNN.mccNNN.gprs", maxAPN))
			continue
		}
		c.plan.apns = append(c.plan.apns, strings.ToLower(text))
	}
	return span{uint32(from), uint32(len(c.plan.apns))}
}

// maxAPN is the longest network identifier (TS 23.003 section 9.1.1).
const maxAPN = 63

func (c *compiler) roles(f field) uint8 {
	set := uint8(0)
	elements := c.list(f, len(roleNames), true)
	if elements != nil && len(elements) == 0 {
		c.fail(f, "the list is empty", "leave the key out to accept any role")
	}
	for _, element := range elements {
		if k, ok := c.oneOf(element, roleNames...); ok {
			set |= 1 << k
		}
	}
	return set
}

// buildRecognition lays out, for every context and rating group that occurs,
// the services that could be meant. A list ends at the first service that asks
// for nothing else; a service that is in no list can never be recognised.
func (c *compiler) buildRecognition() {
	b := recognitionBuilder{c: c, placed: make([]bool, len(c.by)), seen: map[uint64]bool{}}
	x := &c.plan.recognition
	groups := 0
	for k := range c.by {
		groups += len(c.by[k].ratingGroups)
	}
	x.listed, x.unlisted, x.absent = newIndex(groups), newIndex(len(c.by)), newIndex(len(c.by))
	for k := range c.by {
		by := &c.by[k]
		if contextKey := uint64(by.context); !b.seen[contextKey] {
			b.seen[contextKey] = true
			b.place(&x.unlisted, contextKey, by.context, func(o *recognisedBy) bool { return len(o.ratingGroups) == 0 })
			b.place(&x.absent, contextKey, by.context, func(o *recognisedBy) bool { return len(o.ratingGroups) == 0 || o.byDefault })
		}
		for _, group := range by.ratingGroups {
			if _, done := x.listed.find(recognitionKey(by.context, group)); done {
				continue
			}
			b.place(&x.listed, recognitionKey(by.context, group), by.context, func(o *recognisedBy) bool {
				return len(o.ratingGroups) == 0 || containsID(o.ratingGroups, group)
			})
		}
		if len(x.candidates) > MaxRecognition {
			c.fail(by.at, "too many services share rating groups",
				fmt.Sprintf("services that could be meant, summed over all rating groups, may be %d", MaxRecognition))
			return
		}
	}
	for k, placed := range b.placed {
		if !placed && len(c.errors) == 0 { // otherwise the conditions are not as meant
			c.fail(c.by[k].at, "the service is never recognised: services above take all of its requests",
				"move it up or make its conditions differ")
		}
	}
}

type recognitionBuilder struct {
	c      *compiler
	placed []bool
	seen   map[uint64]bool
}

// place lists the services of a context that a condition accepts, under key.
func (b *recognitionBuilder) place(into *index, key uint64, context uint32, accepts func(*recognisedBy) bool) {
	x := &b.c.plan.recognition
	from := len(x.candidates)
	for k := range b.c.by {
		by := &b.c.by[k]
		if by.context != context || !accepts(by) {
			continue
		}
		x.candidates = append(x.candidates, uint32(k))
		b.placed[k] = true
		conditions := &b.c.plan.recognisers[k]
		if len(conditions.serviceIDs) == 0 && conditions.apns.from == conditions.apns.to && conditions.roles == 0 {
			break
		}
	}
	if len(x.candidates) == from {
		return
	}
	x.candidates = append(x.candidates, noService)
	into.put(key, uint32(from))
}

// servicesIn reads the services that an allowance pays for or a counter counts:
// all are counted in its unit, or it is of money. What and another name it.
func (c *compiler) servicesIn(f field, unit Unit, what, another string, set uint32) {
	found, _ := c.references(f, &c.services, "service", MaxServices)
	for _, k := range found {
		service := &c.plan.services[k]
		if unit != Money && service.Unit != unit {
			c.fail(f, fmt.Sprintf("service %s is counted in %s, the %s in %s", service.Name, service.Unit, what, unit),
				"make "+another+" of its own for it, or one of money")
			return
		}
		c.include(set, k)
	}
}
