package rating

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"gyro/internal/ident"
)

// fact is something that a catalogue says, in words: what a difference between
// two catalogues is made of.
type fact struct {
	subject, name string
	offer         string   // the offer that says it; "" where the catalogue does
	offers        []string // whom it concerns, where the catalogue says it
	text          string
	order         bool // text is a list of names, of which only the order matters
}

// definition is what the source says about a service, zone, calendar or
// counter, in its own words.
type definition struct{ subject, name, text string }

// maxDefinition keeps lists of thousands of prefixes out of memory and sight; a
// checksum tells them apart.
const maxDefinition = 400

// define keeps the words of a definition, quota policies aside.
func (c *compiler) define(subject, name string, m *mapping) {
	if len(c.errors) > 0 {
		return // not all of it was read, and so not bounded
	}
	var parts []string
	for k, key := range m.keys {
		if word := key.node.Value; word != "name" && word != "quota" {
			parts = append(parts, word+" "+c.flat(m.vals[k]))
		}
	}
	text := strings.Join(parts, ", ")
	if len(text) > maxDefinition {
		text = fmt.Sprintf("%s... (%d characters, checksum %08x)", text[:maxDefinition], len(text), uint32(ident.NameOf(text)))
	}
	c.plan.definitions = append(c.plan.definitions, definition{subject, name, text})
}

// flat writes a value on one line. The compiler has read it, which bounds it.
func (c *compiler) flat(f field) string {
	node := f.node
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	var parts []string
	switch node.Kind {
	case yaml.SequenceNode:
		for _, element := range node.Content {
			parts = append(parts, c.flat(field{node: element}))
		}
	case yaml.MappingNode:
		for k := 0; k+1 < len(node.Content); k += 2 {
			parts = append(parts, node.Content[k].Value+" "+c.flat(field{node: node.Content[k+1]}))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	default:
		return node.Value
	}
	return strings.Join(parts, " ")
}

// facts lists all that a plan says, in the order of the catalogue.
func (p *Plan) facts() []fact {
	all := []fact{
		{subject: "catalogue", name: "currency", text: p.currency.String()},
		{subject: "catalogue", name: "time zone", text: p.zone.Name},
	}
	for k := range p.offers {
		all = p.offerFacts(all, uint32(k))
	}
	for k := range p.allowances {
		if a := &p.allowances[k]; !p.granted(uint32(k)) {
			all = append(all, fact{subject: "allowance", name: a.Name, text: p.allowanceWords(a)})
		}
	}
	for k := range p.services {
		s := &p.services[k]
		all = append(all, fact{subject: "quota", name: s.Name, text: quotaWords(&s.Quota, s.Unit), offers: p.offersUsing("service", s.Name)})
	}
	names := make([]string, len(p.services))
	for k := range p.services {
		names[k] = p.services[k].Name
	}
	all = append(all, fact{subject: "catalogue", name: "order of services", text: strings.Join(names, ", "), order: true})
	for _, d := range p.definitions {
		all = append(all, fact{subject: d.subject, name: d.name, text: d.text, offers: p.offersUsing(d.subject, d.name)})
	}
	return all
}

// granted reports whether any offer grants an allowance.
func (p *Plan) granted(allowance uint32) bool {
	for k := range p.offers {
		if slices.Contains(p.offers[k].Allowances, allowance) {
			return true
		}
	}
	return false
}

// offerFacts lists what one offer says.
func (p *Plan) offerFacts(all []fact, offer uint32) []fact {
	o := &p.offers[offer]
	say := func(subject, name, text string) {
		all = append(all, fact{subject: subject, name: name, offer: o.Name, text: text})
	}
	say("offer", o.Name, p.offerWords(o))
	if o.OneTime > 0 {
		say("one-time fee", o.Name, p.amount(o.OneTime))
	}
	if o.Recurring != nil {
		say("recurring fee", o.Name, p.recurringWords(o.Recurring))
	}
	for k := range o.Promotions {
		say("promotion", o.Promotions[k].Name, p.promotionWords(&o.Promotions[k]))
	}
	for _, k := range o.Allowances {
		say("allowance", p.allowances[k].Name, p.allowanceWords(&p.allowances[k]))
	}
	for service := range p.services {
		n := p.rateAt[int(offer)*len(p.services)+service]
		if n == 0 {
			continue
		}
		names := p.ruleNames(&p.rates[n])
		for k, name := range names {
			say("price", p.services[service].Name+"/"+name, p.ruleWords(p.rates[n].rules.from+uint32(k)))
		}
		all = append(all, fact{
			subject: "order of rules", name: p.services[service].Name, offer: o.Name, text: strings.Join(names, ", "), order: true,
		})
	}
	return all
}

// ruleNames are names for the rules of a rate, each different: the catalogue's,
// or what the rule asks for.
func (p *Plan) ruleNames(r *rate) []string {
	var names []string
	for k := r.rules.from; k < r.rules.to; k++ {
		name := p.rules[k].Name
		if name == "" {
			name = "(" + p.conditionWords(k) + ")"
		}
		same := 0
		for _, earlier := range names {
			if earlier == name || strings.HasPrefix(earlier, name+"#") {
				same++
			}
		}
		if same > 0 {
			name += "#" + strconv.Itoa(same+1)
		}
		names = append(names, name)
	}
	return names
}

// ruleWords describes a rule: what it asks for, and what follows.
func (p *Plan) ruleWords(k uint32) string {
	rule := &p.rules[k]
	if rule.Treatment != Charged {
		return p.conditionWords(k) + ": " + rule.Treatment.String()
	}
	return p.conditionWords(k) + ": " + p.PriceWords(rule.Rate)
}

// conditionWords describes what a rule asks for.
func (p *Plan) conditionWords(k uint32) string {
	var t Tried
	p.traceConditions(&t, &p.rules[k].conditions, &situation{request: &Request{}})
	var parts []string
	for _, c := range t.Conditions {
		parts = append(parts, c.Key+" "+c.Asked)
	}
	if len(parts) == 0 {
		return "always"
	}
	return strings.Join(parts, ", ")
}

// offersUsing names the offers that a service, zone, calendar or counter
// matters to: those with a rule or an allowance that asks for it.
func (p *Plan) offersUsing(subject, name string) (offers []string) {
	k, ok := p.indexOf(subject, name)
	if !ok {
		return nil
	}
	for offer := range p.offers {
		if p.offerUses(uint32(offer), subject, k) {
			offers = append(offers, p.offers[offer].Name)
		}
	}
	return offers
}

func (p *Plan) indexOf(subject, name string) (uint32, bool) {
	find := func(n int, nameOf func(int) string) (uint32, bool) {
		for k := range n {
			if nameOf(k) == name {
				return uint32(k), true
			}
		}
		return 0, false
	}
	switch subject {
	case "service":
		return find(len(p.services), func(k int) string { return p.services[k].Name })
	case "zone":
		return find(len(p.zones), func(k int) string { return p.zones[k].Name })
	case "calendar":
		return find(len(p.calendars), func(k int) string { return p.calendars[k] })
	}
	return find(len(p.counters), func(k int) string { return p.counters[k].Name })
}

func (p *Plan) offerUses(offer uint32, subject string, k uint32) bool {
	for _, n := range p.offers[offer].Allowances {
		a := &p.allowances[n]
		switch {
		case subject == "service" && p.contains(a.services, k),
			subject == "zone" && a.zones != noSet && p.contains(a.zones, k),
			subject == "zone" && a.visited != noSet && p.contains(a.visited, k),
			subject == "calendar" && a.calendars>>k&1 != 0:
			return true
		}
	}
	for service := range p.services {
		n := p.rateAt[int(offer)*len(p.services)+service]
		if n == 0 {
			continue
		}
		if subject == "service" && uint32(service) == k {
			return true
		}
		for rule := p.rates[n].rules.from; rule < p.rates[n].rules.to; rule++ {
			if p.ruleUses(&p.rules[rule], subject, k) {
				return true
			}
		}
	}
	return false
}

func (p *Plan) ruleUses(r *Rule, subject string, k uint32) bool {
	switch subject {
	case "zone":
		for _, set := range []uint32{r.zones, r.calling, r.visited} {
			if set != noSet && p.contains(set, k) {
				return true
			}
		}
	case "calendar":
		return r.calendars>>k&1 != 0
	case "counter":
		if by, ok := p.prices[r.Rate].Counter(); ok && by == k {
			return true
		}
		for _, m := range p.marks[r.marks.from:r.marks.to] {
			if m.counter == k {
				return true
			}
		}
	}
	return false
}
