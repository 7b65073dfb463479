package rating

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"gyro/internal/money"
)

// Question is one key of a question to Rate, and its values: the keys of tests
// in a catalogue, but for name and expect. A value of counters is NAME=VALUE.
type Question struct {
	Key    string
	Values []string
}

// Example is what usage costs a subscriber whose offers were just activated, in
// one session, and why.
type Example struct {
	Trace *Trace
	// Charge is what the main balance pays.
	Charge money.Amount

	plan   *Plan
	charge []billed
}

// Rate compiles a catalogue and prices one session by it. An error is
// SourceErrors: with a line where the catalogue is wrong, with line 0 and the
// key where the question is.
func Rate(text []byte, zones Zones, questions []Question) (*Example, error) {
	c, err := compile(text, zones)
	if err != nil {
		return nil, err
	}
	var t test
	if m, ok := c.mapping(field{node: questionNode(questions)}, testKeys...); ok {
		c.testSession(&m, &t)
		if _, used := m.optional("used"); !used {
			c.fail(m.field, "nothing is used", "for example 10MB, 90s or 1")
		}
	}
	if len(c.errors) > 0 {
		for _, e := range c.errors {
			e.Line, e.Column = 0, 0
		}
		return nil, c.errors
	}
	e := &Example{plan: c.plan, Trace: c.plan.Trace(&t.request)}
	if e.Trace.Refusal != Matched {
		return e, nil
	}
	b, ok := c.plan.charge(&t, e.Trace.Match)
	if !ok {
		c.failAt(0, 0, "used", "the charge does not fit an amount of money", "use less")
		return nil, c.errors
	}
	e.Charge, e.charge = b.charge, b.parts
	return e, nil
}

// questionNode writes a question as the source of a test would be read.
func questionNode(questions []Question) *yaml.Node {
	text := func(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }
	m := &yaml.Node{Kind: yaml.MappingNode}
	for _, q := range questions {
		value := &yaml.Node{Kind: yaml.SequenceNode}
		switch {
		case q.Key == "counters":
			value.Kind = yaml.MappingNode
			for _, v := range q.Values {
				name, at, _ := strings.Cut(v, "=")
				value.Content = append(value.Content, text(name), text(at))
			}
		case len(q.Values) == 1:
			value = text(q.Values[0])
		default:
			for _, v := range q.Values {
				value.Content = append(value.Content, text(v))
			}
		}
		m.Content = append(m.Content, text(q.Key), value)
	}
	return m
}

// String says how the request was classified, then for each part of the usage
// how units became money, then the amount.
func (e *Example) String() string {
	p := e.plan
	var b strings.Builder
	b.WriteString(strings.TrimSuffix(e.Trace.String(), e.Trace.Refusal.String()+"\n"))
	m := &e.Trace.Match
	switch e.Trace.Refusal {
	case NoService:
		b.WriteString("refused: no service of the catalogue takes the request\n")
		return b.String()
	case NoTariff:
		b.WriteString("refused: no rule applies, so there is no tariff\n")
		return b.String()
	case Matched:
	}
	if m.Until != 0 {
		fmt.Fprintf(&b, "until %s\n", formatMoment(m.Until, &p.zone))
	}
	if m.Treatment != Charged {
		fmt.Fprintf(&b, "treatment: %s\n", m.Treatment)
	}
	for k := range e.charge {
		p.writeBilled(&b, &e.charge[k])
	}
	fmt.Fprintf(&b, "charge %s %s\n", p.amount(e.Charge), p.currency)
	return b.String()
}

// writeBilled says how one part of the usage was charged.
func (p *Plan) writeBilled(b *strings.Builder, part *billed) {
	price, sheet := &p.prices[part.match.Rate], &p.sheets[part.match.Rate]
	unit := part.match.Unit
	line := func(label, format string, args ...any) {
		fmt.Fprintf(b, "  %-10s %s\n", label, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(b, "used %s at the price of %s: %s\n", formatQuantity(part.used, unit), p.describeRule(part.match.Rule), p.PriceWords(part.match.Rate))
	line("billed", "%s of %s used so far", formatQuantity(part.after.billed-part.before.billed, unit), formatQuantity(part.after.used, unit))
	for _, d := range part.drawn {
		if a := &p.allowances[d.allowance]; a.Unit != Money {
			line("allowance", "%s pays %s", a.Name, p.format(d.amount, a.Unit))
		}
	}
	if part.rated > 0 {
		from, to := part.stands, part.stands+part.rated
		line("rated", "%s, from %s to %s", formatQuantity(part.rated, unit), formatQuantity(from, unit), formatQuantity(to, unit))
		for _, share := range sheet.shares(p, price, from, to) {
			line("tier", "%s", share)
		}
		before, _ := price.Cost(from)
		after, _ := price.Cost(to)
		line("cost", "%s%s", p.amount(after), p.costWords(price, to))
		if before > 0 {
			line("", "less %s for what was rated before: %s", p.amount(before), p.amount(part.cost))
		}
		if part.setup > 0 {
			line("setup", "%s", p.amount(part.setup))
		}
	}
	for _, d := range part.drawn {
		if a := &p.allowances[d.allowance]; a.Unit == Money {
			line("allowance", "%s pays %s", a.Name, p.format(d.amount, Money))
		}
	}
	line("debit", "%s", p.amount(part.charge))
}

// costWords says what became of the exact cost of rated units.
func (p *Plan) costWords(price *Price, rated uint64) string {
	n := price.numerator(rated)
	cost, _ := price.Cost(rated)
	rounded, ok := price.round(n)
	switch {
	case price.capped && (!ok || rounded > price.limit):
		return ", the cap"
	case rounded < price.minimum:
		return fmt.Sprintf(", the minimum, instead of %s", p.amount(rounded))
	case n != product(uint64(cost), price.per):
		return fmt.Sprintf(", a fraction of a millionth rounded %s", price.rounding)
	}
	return ""
}
