package rating

import (
	"fmt"
	"sort"
	"strings"

	"gyro/internal/money"
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
	bill, ok := p.charge(t, &m)
	if !ok {
		return append(d, difference{e.lineOf("charge"), "the charge does not fit an amount of money"})
	}
	exponent := p.currency.Exponent()
	if e.charge != nil {
		d.compare(e.lineOf("charge"), "charge", bill.charge.Format(exponent), e.charge.Format(exponent))
	}
	for _, want := range e.allowances {
		a := &p.allowances[want.allowance]
		d.compare(want.line, "allowance "+a.Name, p.formatDrawn(a, bill.drawn(want.allowance)), p.formatDrawn(a, want.amount))
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

func (p *Plan) formatDrawn(a *Allowance, amount int64) string {
	if a.Unit == Money {
		return money.Amount(amount).Format(p.currency.Exponent())
	}
	return formatQuantity(uint64(amount), a.Unit)
}

// bill is what the reports of a test come to.
type bill struct {
	charge money.Amount // from the main balance
	pools  []pool       // in the order of use
}

// pool is what remains of an allowance.
type pool struct {
	allowance uint32
	remaining int64
	used      int64
}

func (b *bill) drawn(allowance uint32) int64 {
	used := int64(0)
	for _, p := range b.pools {
		if p.allowance == allowance {
			used += p.used
		}
	}
	return used
}

// charge goes through the reports one by one, as a session does.
func (p *Plan) charge(t *test, m *Match) (bill, bool) {
	b := bill{pools: p.freshPools(t, m)}
	if m.Treatment != Charged {
		return b, true
	}
	price := p.Price(m.Rate)
	var used, billed, rated uint64
	var cost money.Amount
	for _, reported := range t.used {
		used = min(used+reported, MaxUnits)
		billable, ok := price.Billable(used)
		if !ok {
			return b, false
		}
		rest := b.draw(p, int64(billable-billed), m.Unit)
		billed = billable
		if rest == 0 {
			continue
		}
		setup := money.Amount(0)
		if rated == 0 {
			setup = price.Setup()
		}
		rated += uint64(rest)
		total, ok := price.Cost(rated)
		if !ok {
			return b, false
		}
		debit, ok := (total - cost).Add(setup)
		if !ok {
			return b, false
		}
		cost = total
		left := b.draw(p, int64(debit), Money)
		if b.charge, ok = b.charge.Add(money.Amount(left)); !ok {
			return b, false
		}
	}
	return b, true
}

// freshPools are the allowances of the offers that pay for a match, in the
// order of use: priority, then the order in which they are granted.
func (p *Plan) freshPools(t *test, m *Match) []pool {
	var pools []pool
	for _, id := range t.request.Offers {
		offer, ok := p.Offer(id)
		if !ok {
			continue
		}
		for _, k := range offer.Allowances {
			if a := p.AllowanceAt(k); p.Pays(a, m) {
				pools = append(pools, pool{allowance: k, remaining: a.Amount})
			}
		}
	}
	sort.SliceStable(pools, func(a, b int) bool {
		return p.allowances[pools[a].allowance].Priority < p.allowances[pools[b].allowance].Priority
	})
	return pools
}

// draw takes n from the pools counted in unit and returns what they lack.
func (b *bill) draw(p *Plan, n int64, unit Unit) (rest int64) {
	for k := range b.pools {
		pool := &b.pools[k]
		if p.allowances[pool.allowance].Unit != unit {
			continue
		}
		taken := min(n, pool.remaining)
		pool.remaining -= taken
		pool.used += taken
		n -= taken
	}
	return n
}
