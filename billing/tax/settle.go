package tax

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"gyro/billing/charge"
	"gyro/internal/money"
)

// Party is who pays, as far as tax goes.
type Party struct {
	Region   string
	Exempt   bool
	Currency money.Currency
}

// Subtotal is the tax of one category and rate: EN 16931 BG-23.
type Subtotal struct {
	Code   string
	Rate   int64 // millionths
	Base   money.Amount
	Tax    money.Amount
	Reason string
}

// Totals are the sums of a bill. Total is Net + Tax.
type Totals struct {
	Net, Tax, Total money.Amount
	Subtotals       []Subtotal
}

// Settle rounds the lines (Amount), names their rates (TaxCode, TaxRate) and
// sums them up.
func Settle(lines []charge.Line, c *Config, e *Entity, p Party) (Totals, error) {
	var groups []group
	for k := range lines {
		l := &lines[k]
		rate, err := c.Rate(p.Region, l.Category, p.Exempt, max(l.Period.Until-1, l.Period.From))
		if err != nil {
			return Totals{}, fmt.Errorf("line %d (%s): %w", k+1, l.Description, err)
		}
		l.TaxCode, l.TaxRate = rate.Code, rate.Rate
		at := slices.IndexFunc(groups, func(g group) bool { return g.Code == rate.Code && g.Rate == rate.Rate })
		if at < 0 {
			at = len(groups)
			groups = append(groups, group{Subtotal: Subtotal{Code: rate.Code, Rate: rate.Rate, Reason: rate.Reason}})
		}
		if l.Amount = groups[at].take(l.Exact, e, step(p.Currency)); groups[at].failed {
			return Totals{}, fmt.Errorf("line %d (%s): the sum leaves the range of money", k+1, l.Description)
		}
	}
	slices.SortFunc(groups, func(a, b group) int { return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(b.Rate, a.Rate)) })
	var t Totals
	for k := range groups {
		s := groups[k].close(e, step(p.Currency))
		var fits [2]bool
		t.Net, fits[0] = t.Net.Add(s.Base)
		if t.Tax, fits[1] = t.Tax.Add(s.Tax); fits != [2]bool{true, true} {
			return Totals{}, errRange
		}
		t.Subtotals = append(t.Subtotals, s)
	}
	var ok bool
	if t.Total, ok = t.Net.Add(t.Tax); !ok {
		return Totals{}, errRange
	}
	return t, nil
}

// step is the smallest amount of a currency that is paid.
func step(c money.Currency) money.Amount {
	s := money.Unit
	for range c.Exponent() {
		s /= 10
	}
	return max(s, 1)
}

// Round rounds to what is paid in a currency, half up, away from zero.
func Round(a money.Amount, c money.Currency) money.Amount { return round(a, step(c)) }

func round(a, step money.Amount) money.Amount {
	n, ok := money.MulDiv(a, 1, uint64(step), money.HalfUp)
	if !ok {
		return 0
	}
	return n * step
}

// group sums the lines of one rate: as the prices are, with their tax or without.
type group struct {
	Subtotal
	exact  money.Amount // sum of the exact amounts
	sum    money.Amount // of the rounded ones; per invoice, the rounded sum
	shown  money.Amount // sum of the lines' net amounts
	failed bool
}

// most is what the lines of a rate may come to, so that neither rounding nor tax leaves the range of money.
const most = money.Max / 4

var errRange = errors.New("the sum of the bill leaves the range of money")

// take adds a line and returns its net amount, rounded.
func (g *group) take(exact money.Amount, e *Entity, step money.Amount) money.Amount {
	var ok bool
	if g.exact, ok = g.exact.Add(exact); !ok || g.exact > most || g.exact < -most {
		g.failed = true
		return 0
	}
	if e.Rounding == PerLine {
		g.sum += round(exact, step)
	} else {
		g.sum = round(g.exact, step)
	}
	before := g.shown
	g.shown = g.sum
	if e.Prices == Inclusive {
		g.shown -= included(g.sum, g.Rate, step)
	}
	return g.shown - before
}

func (g *group) close(e *Entity, step money.Amount) Subtotal {
	s := g.Subtotal
	s.Base = g.shown
	if e.Prices == Inclusive {
		s.Tax = g.sum - g.shown
		return s
	}
	// One rounding, from the exact product to the step at once.
	n, _ := money.MulDiv(g.sum, uint64(g.Rate), uint64(money.Unit)*uint64(step), money.HalfUp)
	s.Tax = n * step
	return s
}

// included is the tax in a gross amount.
func included(gross money.Amount, rate int64, step money.Amount) money.Amount {
	n, _ := money.MulDiv(gross, uint64(rate), (uint64(money.Unit)+uint64(rate))*uint64(step), money.HalfUp)
	return n * step
}
