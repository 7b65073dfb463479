package charge_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"gyro/billing/charge"
	"gyro/billing/tax"
	"gyro/internal/money"
)

// TestScenarios carries out the scripts of testdata/billing: their manual is testdata/billing/README.md.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "../../testdata/billing", func(t *testing.T, path string) {
		if strings.HasSuffix(path, ".md") || strings.Contains(path, "documents") {
			return
		}
		s := newScenario()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			out, err := s.step(d)
			if err != nil {
				return "error: " + err.Error() + "\n"
			}
			return out
		})
	})
}

// scenario is an account and what it was billed.
type scenario struct {
	cycle    charge.Cycle
	billed   charge.Day // until
	party    tax.Party
	entity   tax.Entity
	products []charge.Product
	charges  []charge.OneTime
	usage    []charge.Usage
	prices   int64
	invoices int64
	sum      money.Amount // exact, of all bills
}

func newScenario() *scenario {
	eur, _ := money.ParseCurrency("EUR")
	return &scenario{
		cycle: charge.Cycle{Day: 1, Months: 1}, party: tax.Party{Region: "DE", Currency: eur},
		entity: tax.Entity{Rounding: tax.PerLine, Prices: tax.Exclusive},
	}
}

func (s *scenario) step(d *datadriven.TestData) (string, error) {
	a := arguments{d}
	switch d.Cmd {
	case "account":
		return s.account(a)
	case "product":
		return s.product(a)
	case "end", "suspend", "change-price":
		return s.change(a)
	case "charge":
		c := charge.OneTime{
			ID: int64(len(s.charges) + 1), Account: 1, Kind: charge.OneTimeCharge, Description: a.text("name", "charge"), Amount: a.amount("amount"),
			Day: a.day("on"), Category: a.text("category", "standard"),
		}
		if c.Amount < 0 {
			c.Kind = charge.Credit
		}
		s.charges = append(s.charges, c)
		return "", nil
	case "usage":
		s.usage = append(s.usage, charge.Usage{
			Account: 1, Subscription: a.number("subscription", 1), Service: a.text("service", "data"), Offer: a.text("offer", ""), Unit: a.text("unit", "octets"),
			Records: a.number("records", 1), Billed: a.number("billed", 0), Charged: a.amount("charged"), First: a.number("first", 1), Last: a.number("last", 1),
		})
		return "", nil
	case "bill":
		return s.bill(a)
	case "sum":
		return s.sum.Format(2) + "\n", nil
	}
	return "", fmt.Errorf("no step %q", d.Cmd)
}

func (s *scenario) account(a arguments) (string, error) {
	s.cycle = charge.Cycle{Day: int(a.number("cycle-day", 1)), Months: int(a.number("months", 1))}
	currency, err := money.ParseCurrency(a.text("currency", "EUR"))
	s.party = tax.Party{Region: a.text("region", "DE"), Exempt: a.has("exempt"), Currency: currency}
	s.entity = tax.Entity{Rounding: a.text("rounding", tax.PerLine), Prices: a.text("prices", tax.Exclusive)}
	return "", err
}

func (s *scenario) product(a arguments) (string, error) {
	p := charge.Product{
		ID: int64(len(s.products) + 1), Account: 1, Subscription: a.number("subscription", 1), Name: a.text("name", "product"),
		Active: charge.Span{From: a.day("from"), Until: charge.Open}, Minimum: a.amount("minimum"), MinimumCategory: "standard",
	}
	for line := range strings.Lines(a.Input) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		values := map[string]string{}
		for _, w := range words[1:] {
			k, v, _ := strings.Cut(w, "=")
			values[k] = v
		}
		switch words[0] {
		case "price":
			s.prices++
			_, advance := values["advance"]
			_, once := values["once"]
			_, whole := values["whole"]
			price := charge.Price{
				ID: s.prices, Name: or(values["name"], p.Name), OneTime: once, Amount: amount(values["amount"]), Months: int(number(or(values["months"], "1"))),
				InAdvance: advance, Prorate: !whole, Category: or(values["category"], "standard"), From: p.Active.From, Until: charge.Open,
			}
			p.Prices = append(p.Prices, price)
		case "discount":
			d := charge.Discount{ID: int64(len(p.Discounts) + 1), Name: or(values["name"], "discount"), Valid: charge.Span{From: p.Active.From, Until: charge.Open}}
			if rate, ok := strings.CutSuffix(values["off"], "%"); ok {
				d.Rate = int64(amount(rate)) / 100
			} else {
				d.Amount = amount(values["off"])
			}
			if v := values["until"]; v != "" {
				d.Valid.Until = day(v)
			}
			p.Discounts = append(p.Discounts, d)
		default:
			return "", fmt.Errorf("no %q in a product", words[0])
		}
	}
	s.products = append(s.products, p)
	return "", nil
}

func (s *scenario) change(a arguments) (string, error) {
	p := &s.products[a.number("product", 1)-1]
	switch a.Cmd {
	case "end":
		p.Active.Until = a.day("on")
	case "suspend":
		until := charge.Open
		if a.has("until") {
			until = a.day("until")
		}
		p.Suspended = append(p.Suspended, charge.Span{From: a.day("from"), Until: until})
	case "change-price":
		on := a.day("on")
		was := &p.Prices[len(p.Prices)-1]
		is := *was
		was.Until = on
		s.prices++
		is.ID, is.Name, is.Amount, is.From, is.Charged, is.Settled = s.prices, a.text("name", is.Name), a.amount("amount"), on, nil, 0
		p.Prices = append(p.Prices, is)
	}
	return "", nil
}

func (s *scenario) bill(a arguments) (string, error) {
	until := a.day("until")
	since := charge.Day(0)
	if a.has("since") {
		since = a.day("since")
	}
	in := charge.Input{
		Cycle: s.cycle, Period: s.cycle.Of(until - 1), Since: since, Currency: s.party.Currency, Products: s.products, Charges: s.charges, Usage: s.usage,
		UsageGL: "4100", UsageCategory: "standard",
	}
	if s.billed < until {
		in.Period.From, s.billed = max(in.Period.From, s.billed), until
	}
	if in.Period.Until != until {
		return "", fmt.Errorf("no cycle ends on %s: this one ends on %s", until, in.Period.Until)
	}
	draft, err := charge.Bill(&in)
	if err != nil {
		return "", err
	}
	totals, err := tax.Settle(draft.Lines, tax.Default(), &s.entity, s.party)
	if err != nil {
		return "", err
	}
	s.invoices++
	s.keep(draft.States)
	s.charges, s.usage = nil, nil
	for k := range draft.Lines {
		s.sum += draft.Lines[k].Exact
	}
	return render(s.invoices, in.Period, draft.Lines, totals, s.party.Currency.Exponent()), nil
}

func (s *scenario) keep(states []charge.PriceState) {
	for _, state := range states {
		for k := range s.products {
			for n := range s.products[k].Prices {
				price := &s.products[k].Prices[n]
				if price.ID != state.Price {
					continue
				}
				price.Charged, price.Settled = state.Charged, state.Settled
				for c := range price.Charged {
					if price.Charged[c].Line.Invoice == 0 {
						price.Charged[c].Line.Invoice = s.invoices
					}
				}
			}
		}
	}
}

func render(invoice int64, period charge.Span, lines []charge.Line, t tax.Totals, decimals int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "invoice %d for %s to %s\n", invoice, period.From, period.Until-1)
	for k := range lines {
		l := &lines[k]
		fmt.Fprintf(&b, "%2d %-9s %-22s %s..%s %8s", k+1, l.Kind, l.Description, l.Period.From, (l.Period.Until - 1).String()[5:], quantity(l))
		fmt.Fprintf(&b, " %12s -> %s", l.Exact.Format(6), l.Amount.Format(decimals))
		if l.Corrects.Invoice > 0 {
			fmt.Fprintf(&b, " corrects %d.%d", l.Corrects.Invoice, l.Corrects.Position)
		}
		b.WriteByte('\n')
	}
	for _, s := range t.Subtotals {
		fmt.Fprintf(&b, "   tax %s %s%% of %s: %s", s.Code, money.Amount(s.Rate*100).Format(0), s.Base.Format(decimals), s.Tax.Format(decimals))
		if s.Reason != "" {
			b.WriteString(" (" + s.Reason + ")")
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "   net %s, tax %s, total %s\n", t.Net.Format(decimals), t.Tax.Format(decimals), t.Total.Format(decimals))
	return b.String()
}

func quantity(l *charge.Line) string {
	if l.PeriodDays > 0 {
		return fmt.Sprintf("%d/%d", l.Quantity, l.PeriodDays)
	}
	return fmt.Sprint(l.Quantity)
}
