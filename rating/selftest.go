package rating

import (
	"fmt"
	"strings"
)

// TestResult is the outcome of one test inside a catalogue.
type TestResult struct {
	Name string
	// Line is where the source defines the test, or, where it failed, where it
	// says the first thing that did not come true.
	Line int
	// Passed is whether everything that the test expects came true.
	Passed bool
	// Failure says what differed, one difference after another, with the lines of
	// those that the source expects in other lines than Line; empty when Passed.
	Failure string
}

// RunTests runs the tests inside the catalogue, each on a subscriber whose
// offers were just activated. It is pure: a plan that passes once passes always.
func (p *Plan) RunTests() []TestResult {
	results := make([]TestResult, len(p.tests))
	for k := range p.tests {
		t := &p.tests[k]
		results[k] = p.runTest(t).result(t)
	}
	return results
}

// runTest returns what differs from what the test expects.
func (p *Plan) runTest(t *test) differences {
	var d differences
	var m Match
	refusal := p.Classify(&t.request, &m)
	if refusal != NoService && t.service != "" {
		d.compare(t.serviceLine, "service", p.services[m.Service].Name, t.service)
	}
	e := &t.expect
	d.compare(e.lineOf("refusal"), "outcome", refusal.String(), e.refusal.String())
	if e.zone != "" {
		d.compare(e.lineOf("zone"), "zone", p.zones[m.Zone].Name, e.zone)
	}
	if e.visited != "" {
		d.compare(e.lineOf("visited"), "visited", p.zones[m.Visited].Name, e.visited)
	}
	if e.until != 0 {
		d.compare(e.lineOf("until"), "until", formatMoment(m.Until, &p.zone), formatMoment(e.until, &p.zone))
	}
	if refusal != Matched || len(d) > 0 {
		return d
	}
	if e.rule != "" {
		d.compare(e.lineOf("rule"), "rule", p.describeRule(m.Rule), e.rule)
	}
	if e.treatment != nil {
		d.compare(e.lineOf("treatment"), "treatment", m.Treatment.String(), e.treatment.String())
	}
	if e.left != 0 {
		d.compare(e.lineOf("left"), "left", formatLeft(m.Left, m.Unit), formatLeft(e.left, m.Unit))
	}
	bill, ok := p.charge(t, m)
	if !ok {
		return append(d, difference{e.lineOf("charge"), "the charge does not fit an amount of money"})
	}
	exponent := p.currency.Exponent()
	if e.charge != nil {
		d.compare(e.lineOf("charge"), "charge", bill.charge.Format(exponent), e.charge.Format(exponent))
	}
	for _, want := range e.allowances {
		a := &p.allowances[want.allowance]
		d.compare(want.line, "allowance "+a.Name, p.format(bill.drawn(want.allowance), a.Unit), p.format(want.amount, a.Unit))
	}
	return d
}

// difference is a sentence for people, and the line that says otherwise.
type difference struct {
	line int
	text string
}

type differences []difference

func (d *differences) compare(line int, what, got, want string) {
	if got != want {
		*d = append(*d, difference{line, fmt.Sprintf("%s is %s, expected %s", what, orNone(got), want)})
	}
}

func (d differences) result(t *test) TestResult {
	r := TestResult{Name: t.name, Line: t.line, Passed: len(d) == 0}
	sentences := make([]string, len(d))
	for k := range d {
		r.Line = d[0].line
		sentences[k] = d[k].text
		if d[k].line != r.Line {
			sentences[k] += fmt.Sprintf(" (line %d)", d[k].line)
		}
	}
	r.Failure = strings.Join(sentences, "; ")
	return r
}

// formatLeft writes units until a counter matters; 0 is any number.
func formatLeft(n uint64, unit Unit) string {
	if n == 0 {
		return ""
	}
	return formatQuantity(n, unit)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func (p *Plan) describeRule(k uint32) string {
	if r := &p.rules[k]; r.Name == "" {
		return fmt.Sprintf("the rule in line %d", r.Line)
	}
	return p.rules[k].Name
}
