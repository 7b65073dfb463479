package rating

import (
	"fmt"
	"strings"
)

var zoneKeys = []string{"name", "prefixes", "numbers", "networks", "within"}

// zone reads one element of zones.
func (c *compiler) zone(f field) {
	m, ok := c.mapping(f, zoneKeys...)
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
	c.plan.zones = append(c.plan.zones, Zone{name, id, parent})
	c.zones.add(name, k)
	_, hasPrefixes := m.optional("prefixes")
	_, hasNumbers := m.optional("numbers")
	networks, hasNetworks := m.optional("networks")
	kind := zoneKind(0)
	if hasPrefixes || hasNumbers {
		kind |= called
	}
	if hasNetworks {
		kind |= serving
		c.zoneNetworks(networks, k)
	}
	if kind == 0 {
		c.fail(f, "the zone has no prefixes, numbers or networks", `for example prefixes: ["49"] or networks: ["262"]`)
	}
	c.kinds = append(c.kinds, kind)
	c.digits(&m, "prefixes", func(n *node) *uint32 { return &n.prefix }, k)
	c.digits(&m, "numbers", func(n *node) *uint32 { return &n.number }, k)
	c.define("zone", name, &m)
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

// zoneKind says what a zone is a part of: the numbers that are called, the
// networks that serve, or both.
type zoneKind uint8

const (
	called zoneKind = 1 << iota
	serving
)

// zoneSetOf reads one zone or a list of them into a bit set, with the zones
// that lie within them. A zone without what is asked about, in which nothing
// could ever be, is an error.
func (c *compiler) zoneSetOf(f field, kind zoneKind) (set uint32, ok bool) {
	found, ok := c.references(f, &c.zones, "zone", MaxZones)
	if !ok {
		return noSet, false
	}
	for _, k := range found {
		if c.kinds[k]&kind == 0 {
			reason, remedy := "has no prefixes or numbers", "name a zone of called numbers; for networks write visited"
			if kind == serving {
				reason, remedy = "has no networks", `add some to it, for example networks: ["262-01"]`
			}
			c.fail(f, fmt.Sprintf("zone %s %s", c.plan.zones[k].Name, reason), remedy)
			return noSet, false
		}
	}
	set = c.newSet(len(c.plan.zones))
	for _, k := range found {
		c.include(set, k)
	}
	for k := 1; k < len(c.plan.zones); k++ { // a zone comes before those within it
		if around := c.plan.zones[k].Within; around != 0 && c.plan.contains(set, around) {
			c.include(set, uint32(k))
		}
	}
	return set, true
}

// spreadKinds gives zones the kinds of those within them.
func (c *compiler) spreadKinds() {
	for k := len(c.plan.zones) - 1; k > 0; k-- { // those within come later
		c.kinds[c.plan.zones[k].Within] |= c.kinds[k]
	}
}

// places reads which zones are called and which are visited, as an allowance or
// a counter names them; what is not named stays as it is.
func (c *compiler) places(m *mapping, zones, visited *uint32) {
	if f, ok := m.optional("zones"); ok {
		*zones, _ = c.zoneSetOf(f, called)
	}
	if f, ok := m.optional("visited"); ok {
		*visited, _ = c.zoneSetOf(f, serving)
	}
}
