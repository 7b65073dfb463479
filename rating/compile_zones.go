package rating

import (
	"fmt"
	"strings"
)

// zone reads one element of zones.
func (c *compiler) zone(f field) {
	m, ok := c.mapping(f, "name", "prefixes", "numbers", "within")
	if !ok {
		return
	}
	name, id, ok := c.name(&m, &c.zones, "national")
	if !ok {
		return
	}
	parent := uint32(0)
	if f, ok := m.optional("within"); ok {
		// Only zones above can be named, so that there is no circle.
		parent, _ = c.reference(f, &c.zones, "zone above this one")
	}
	k := uint32(len(c.plan.zones))
	c.plan.zones = append(c.plan.zones, Zone{name, id})
	c.parents = append(c.parents, parent)
	c.zones.add(name, k)
	_, hasPrefixes := m.optional("prefixes")
	_, hasNumbers := m.optional("numbers")
	if !hasPrefixes && !hasNumbers {
		c.fail(f, "the zone has neither prefixes nor numbers", `for example prefixes: ["49"]`)
	}
	c.digits(&m, "prefixes", func(n *node) *uint32 { return &n.prefix }, k)
	c.digits(&m, "numbers", func(n *node) *uint32 { return &n.number }, k)
}

// digits enters a list of prefixes or numbers into the trie.
func (c *compiler) digits(m *mapping, key string, slot func(*node) *uint32, zone uint32) {
	f, ok := m.optional(key)
	if !ok {
		return
	}
	for _, element := range c.list(f, MaxPrefixes, true) {
		text, ok := c.text(element)
		if !ok {
			continue
		}
		digits := strings.TrimPrefix(text, "+")
		if !isDigits(digits) || len(digits) > MaxDigits {
			c.fail(element, quote(text)+" is no part of an E.164 number",
				fmt.Sprintf(`write up to %d digits in international form, such as "49" or "+4930"`, MaxDigits))
			continue
		}
		c.prefixes++
		if c.prefixes > MaxPrefixes {
			c.fail(element, "too many prefixes and numbers", fmt.Sprintf("all zones together may have %d", MaxPrefixes))
			return
		}
		taken := slot(c.plan.prefixes.node(digits))
		if *taken != 0 {
			c.fail(element, fmt.Sprintf("%s is already in zone %s", quote(text), c.plan.zones[*taken].Name), "keep it in one zone")
			continue
		}
		*taken = zone
	}
}

func isDigits(s string) bool {
	for _, ch := range []byte(s) {
		if ch < '0' || ch > '9' {
			return false
		}
	}
	return s != ""
}

// zoneSet reads one zone or a list of them into a bit set, with the zones that
// lie within them.
func (c *compiler) zoneSet(f field) (set uint32, ok bool) {
	found, ok := c.references(f, &c.zones, "zone", MaxZones)
	if !ok {
		return noSet, false
	}
	set = c.newSet(len(c.plan.zones))
	for _, k := range found {
		c.include(set, k)
	}
	for k := 1; k < len(c.parents); k++ { // a parent comes before its children
		if parent := c.parents[k]; parent != 0 && c.plan.contains(set, parent) {
			c.include(set, uint32(k))
		}
	}
	return set, true
}
