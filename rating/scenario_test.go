package rating

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"gyro/internal/instant"
	"gyro/internal/money"
)

// TestScenarios runs the scripts in testdata/rating; their manual is the
// README there. Regenerate with -rewrite and read the difference.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "../testdata/rating", func(t *testing.T, path string) {
		if strings.HasSuffix(path, ".md") {
			return
		}
		var s scenario
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "catalog" {
				return s.catalog(d.Input)
			}
			if s.plan == nil {
				d.Fatalf(t, "there is no catalogue in force")
			}
			switch d.Cmd {
			case "classify":
				return s.classify(t, d)
			case "trace":
				r := s.request(t, d)
				return s.plan.Trace(&r).String()
			case "day", "cycle", "after":
				return s.civil(t, d)
			case "charge":
				return s.charge(t, d)
			case "afford":
				return s.afford(t, d)
			case "show":
				return s.show()
			case "tests":
				return s.tests()
			case "rate":
				return s.rate(d)
			case "diff":
				return s.diff()
			}
			d.Fatalf(t, "unknown command %s", d.Cmd)
			return ""
		})
	})
}

// scenario is the state of a script: the catalogue in force.
type scenario struct {
	plan, before *Plan
	source       string
}

func (s *scenario) catalog(source string) string {
	p, err := Compile([]byte(source), databaseZones)
	s.plan, s.before, s.source = p, s.plan, source
	if err != nil {
		return err.Error() + "\n"
	}
	return fmt.Sprintf("ok: services=%d offers=%d allowances=%d rules=%d tests=%d\n",
		len(p.Services()), len(p.Offers()), len(p.Allowances()), p.Rules(), len(p.tests))
}

func (s *scenario) moment(t *testing.T, d *datadriven.TestData) instant.Instant {
	var text string
	d.ScanArgs(t, "at", &text)
	at, ok := parseMoment(text, &s.plan.zone)
	if !ok {
		d.Fatalf(t, "at=%s is no moment", text)
	}
	return at
}

// priceNamed returns the price of a rule.
func (s *scenario) priceNamed(t *testing.T, d *datadriven.TestData) (*Price, Unit) {
	var name string
	d.ScanArgs(t, "rule", &name)
	p := s.plan
	for _, rate := range p.rates {
		for k := rate.rules.from; k < rate.rules.to; k++ {
			if p.rules[k].Name == name {
				return p.Price(p.rules[k].Rate), s.unitOfRule(k)
			}
		}
	}
	d.Fatalf(t, "no rule %s", name)
	return nil, 0
}

func (s *scenario) unitOfRule(rule uint32) Unit {
	p := s.plan
	for cell, k := range p.rateAt {
		if rules := p.rates[k].rules; rule >= rules.from && rule < rules.to {
			return p.services[cell%len(p.services)].Unit
		}
	}
	return Octets
}

func (s *scenario) charge(t *testing.T, d *datadriven.TestData) string {
	price, unit := s.priceNamed(t, d)
	reports, _ := d.Arg("used")
	factors, _ := unit.factors()
	var b strings.Builder
	var used uint64
	charged := money.Amount(0)
	position := uint64(0)
	if arg, ok := d.Arg("position"); ok {
		if position, _ = parseQuantity(arg.Vals[0], factors); position == 0 {
			d.Fatalf(t, "position=%s is no quantity", arg.Vals[0])
		}
		charged, _ = price.Cost(position)
	}
	for _, text := range reports.Vals {
		n, err := parseQuantity(text, factors)
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		used += n
		billable, ok := price.Billable(used)
		cost, fits := price.Cost(position + billable)
		if !ok || !fits {
			fmt.Fprintf(&b, "+%s: refused, too large\n", text)
			continue
		}
		debit := cost - charged
		setup := ""
		if charged == 0 && billable > 0 && used == n && price.Setup() > 0 {
			setup = " and setup " + price.Setup().String()
		}
		charged = cost
		fmt.Fprintf(&b, "+%s: billable %s, debit %s%s, in all %s\n", text, formatQuantity(billable, unit), debit, setup, cost)
	}
	return b.String()
}

func (s *scenario) afford(t *testing.T, d *datadriven.TestData) string {
	price, unit := s.priceNamed(t, d)
	budgets, _ := d.Arg("budget")
	var b strings.Builder
	for _, text := range budgets.Vals {
		budget, err := money.Parse(text, money.Decimals)
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		rated := price.Affordable(budget)
		if rated == MaxUnits {
			fmt.Fprintf(&b, "%s: everything\n", text)
			continue
		}
		fmt.Fprintf(&b, "%s: rated %s, used %s\n", text, formatQuantity(rated, unit), formatQuantity(price.Within(rated), unit))
	}
	return b.String()
}

func (s *scenario) show() string {
	p := s.plan
	var b strings.Builder
	for k := range p.services {
		v := &p.services[k]
		fmt.Fprintf(&b, "service %s in %s: %s\n", v.Name, v.Unit, quotaWords(&v.Quota, v.Unit))
	}
	for k := range p.allowances {
		a := &p.allowances[k]
		fmt.Fprintf(&b, "allowance %s: %s\n", a.Name, p.allowanceWords(a))
	}
	for k := range p.offers {
		o := &p.offers[k]
		fmt.Fprintf(&b, "offer %s: %s\n", o.Name, p.offerWords(o))
		for _, k := range o.Allowances {
			fmt.Fprintf(&b, "  grants %s\n", p.AllowanceAt(k).Name)
		}
		if o.Recurring != nil {
			fmt.Fprintf(&b, "  recurring %s\n", p.recurringWords(o.Recurring))
		}
		for k := range o.Promotions {
			fmt.Fprintf(&b, "  promotion %s: %s\n", o.Promotions[k].Name, p.promotionWords(&o.Promotions[k]))
		}
	}
	for k := range p.prices[1:] {
		fmt.Fprintf(&b, "price %d: %s\n", k+1, p.PriceWords(uint32(k+1)))
	}
	return b.String()
}

func (s *scenario) rate(d *datadriven.TestData) string {
	var questions []Question
	for _, arg := range d.CmdArgs {
		values := arg.Vals
		if arg.Key == "at" {
			values = []string{strings.Replace(values[0], "T", " ", 1)}
		}
		questions = append(questions, Question{Key: arg.Key, Values: values})
	}
	e, err := Rate([]byte(s.source), databaseZones, questions)
	if err != nil {
		return err.Error() + "\n"
	}
	return e.String()
}

func (s *scenario) diff() string {
	var b strings.Builder
	for _, c := range Diff(s.before, s.plan) {
		b.WriteString(c.String() + "\n")
	}
	return b.String()
}

func (s *scenario) tests() string {
	var b strings.Builder
	for _, r := range s.plan.RunTests() {
		if r.Passed {
			fmt.Fprintf(&b, "pass %s\n", r.Name)
		} else {
			fmt.Fprintf(&b, "FAIL %s (line %d): %s\n", r.Name, r.Line, r.Failure)
		}
	}
	return b.String()
}
