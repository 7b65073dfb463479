package rating

import (
	"strconv"
	"strings"

	"gyro/internal/money"
)

// traceConditions holds each condition of a rule against a situation.
func (p *Plan) traceConditions(t *Tried, c *conditions, s *situation) {
	r := s.request
	zone := func(key string, set, in uint32, of string) {
		if set != noSet {
			t.add(key, p.zonesOf(set), p.inZone(in, of), p.contains(set, in))
		}
	}
	zone("zone", c.zones, s.zone, string(r.Called))
	zone("calling", c.calling, s.calling, string(r.Calling))
	zone("visited", c.visited, s.visited, r.Serving.String())
	if c.calendars != 0 {
		t.add("calendar", orList(p.calendarsOf(c.calendars)), strings.Join(p.calendarsOf(s.inForce), " and "), c.timely(s))
	}
	if c.apns.from != c.apns.to {
		t.add("apn", orList(p.apns[c.apns.from:c.apns.to]), string(r.APN), p.hasAPN(c.apns, r.APN))
	}
	if c.rats != noSet {
		t.add("rat", p.octetsOf(c.rats, RATName), RATName(r.RAT), p.contains(c.rats, uint32(r.RAT)))
	}
	if c.qcis != noSet {
		t.add("qci", p.octetsOf(c.qcis, numberOf), numberOf(r.QCI), p.contains(c.qcis, uint32(r.QCI)))
	}
	if c.roles != 0 {
		t.roles("direction", c.roles, r.Role)
	}
	if c.party != anyParty {
		t.add("on_net", strconv.FormatBool(c.party == onNet), strconv.FormatBool(r.OnNet), (c.party == onNet) == r.OnNet)
	}
	for _, m := range p.marks[c.marks.from:c.marks.to] {
		k := &p.counters[m.counter]
		used := p.used(s, m.counter)
		t.add("counter "+k.Name, p.asked(m, k.Unit), p.count(used, k.Unit), used >= m.from && used < m.below)
	}
}

// number adds a condition on a number that a request may not have.
func (t *Tried) number(key string, asked []uint32, found uint32, has bool) {
	words := make([]string, len(asked))
	for k, n := range asked {
		words[k] = strconv.FormatUint(uint64(n), 10)
	}
	text := ""
	if has {
		text = strconv.FormatUint(uint64(found), 10)
	}
	t.add(key, orList(words), text, has && containsID(asked, found))
}

func (t *Tried) roles(key string, asked, found uint8) {
	var words []string
	for k, name := range roleNames {
		if asked>>k&1 != 0 {
			words = append(words, name)
		}
	}
	text := numberOf(found)
	if int(found) < len(roleNames) {
		text = roleNames[found]
	}
	t.add(key, orList(words), text, found <= maxRole && asked>>found&1 != 0)
}

// zonesOf lists the zones of a set, without those that lie within them.
func (p *Plan) zonesOf(set uint32) string {
	var words []string
	for k := 1; k < len(p.zones); k++ {
		z := &p.zones[k]
		if p.contains(set, uint32(k)) && (z.Within == 0 || !p.contains(set, z.Within)) {
			words = append(words, z.Name)
		}
	}
	return orList(words)
}

// inZone names a zone and what is in it.
func (p *Plan) inZone(zone uint32, of string) string {
	text := orNone(p.zones[zone].Name)
	if of != "" {
		text += " (" + of + ")"
	}
	return text
}

func (p *Plan) calendarsOf(mask uint64) []string {
	var words []string
	for k, name := range p.calendars {
		if mask>>k&1 != 0 {
			words = append(words, name)
		}
	}
	return words
}

// octetsOf lists the members of a set over octets.
func (p *Plan) octetsOf(set uint32, word func(uint8) string) string {
	var words []string
	for k := range octetSet {
		if p.contains(set, uint32(k)) {
			words = append(words, word(uint8(k)))
		}
	}
	return orList(words)
}

// numberOf is "" for 0, which stands for unknown.
func numberOf(n uint8) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(int(n))
}

// asked says where a counter has to be.
func (p *Plan) asked(m mark, unit Unit) string {
	switch {
	case m.below == noMark:
		return p.count(m.from, unit) + " or more"
	case m.from == 0:
		return "below " + p.count(m.below, unit)
	}
	return p.count(m.from, unit) + " or more and below " + p.count(m.below, unit)
}

// count writes what a counter has counted.
func (p *Plan) count(n uint64, unit Unit) string {
	if unit == Money {
		return money.Amount(min(n, uint64(money.Max))).Format(p.currency.Exponent())
	}
	return formatQuantity(n, unit)
}

// orList joins words as in a sentence.
func orList(words []string) string { return strings.Join(words, " or ") }
