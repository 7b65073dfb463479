package charge_test

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"gyro/billing/charge"
	"gyro/internal/money"
)

// model charges a price day by day: each day of a period costs the n-th part of it, as a fraction. It knows nothing of
// spans, of what was charged before or of credits.
func model(p *charge.Product, price *charge.Price, cycle charge.Cycle, until charge.Day) *big.Rat {
	sum := new(big.Rat)
	for d := price.From; d < until; d++ {
		if !p.Active.Contains(d) || d >= price.Until || suspended(p, d) {
			continue
		}
		period := charge.Cycle{Day: cycle.Day, Months: 1}.Of(d)
		day := big.NewRat(int64(price.Amount), int64(period.Days()))
		sum.Add(sum, day)
		for _, discount := range p.Discounts {
			if discount.Valid.Contains(d) {
				sum.Sub(sum, new(big.Rat).Mul(day, big.NewRat(discount.Rate, int64(money.Unit))))
			}
		}
	}
	return sum
}

func suspended(p *charge.Product, d charge.Day) bool {
	for _, s := range p.Suspended {
		if s.Contains(d) {
			return true
		}
	}
	return false
}

// TestBillsComeToTheDaysThatWereUsed bills an account cycle by cycle while its product is suspended, resumed and
// terminated, each known late or early, and compares the sum of all bills with the model. However often the periods
// were split, the difference is what one rounding of each period and discount can make.
func TestBillsComeToTheDaysThatWereUsed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newScenario()
		s.cycle = charge.Cycle{Day: rapid.IntRange(1, 28).Draw(t, "cycle day"), Months: rapid.SampledFrom([]int{1, 3, 6}).Draw(t, "months")}
		start := charge.Date(2026, 1, 1) + charge.Day(rapid.IntRange(0, 60).Draw(t, "start"))
		p := charge.Product{ID: 1, Account: 1, Active: charge.Span{From: start, Until: charge.Open}}
		p.Prices = []charge.Price{{
			ID: 1, Amount: money.Amount(rapid.Int64Range(0, 1_000_000_000).Draw(t, "amount")), Months: 1, Prorate: true,
			InAdvance: rapid.Bool().Draw(t, "in advance"), Category: "standard", From: start, Until: charge.Open,
		}}
		if rapid.Bool().Draw(t, "discounted") {
			p.Discounts = []charge.Discount{{
				ID: 1, Rate: rapid.Int64Range(1, 1_000_000).Draw(t, "rate"),
				Valid: charge.Span{From: start, Until: start + charge.Day(rapid.IntRange(1, 200).Draw(t, "discount days"))},
			}}
		}
		s.products = []charge.Product{p}
		q := &s.products[0]
		periods := 0
		period := s.cycle.Of(start)
		for range rapid.IntRange(1, 6).Draw(t, "bills") {
			if rapid.Bool().Draw(t, "suspend") {
				from := period.Until + charge.Day(rapid.IntRange(-40, 10).Draw(t, "suspended from"))
				if n := len(q.Suspended); n > 0 {
					from = max(from, q.Suspended[n-1].Until)
				}
				q.Suspended = append(q.Suspended, charge.Span{From: from, Until: from + charge.Day(rapid.IntRange(1, 30).Draw(t, "suspended days"))})
			}
			billOnce(t, s, period)
			periods++
			period = s.cycle.Of(period.Until)
		}
		// Terminated, perhaps in the past, so that two more bills settle everything.
		q.Active.Until = max(start, period.Until+charge.Day(rapid.IntRange(-60, 0).Draw(t, "terminated")))
		for range 2 {
			billOnce(t, s, period)
			periods++
			period = s.cycle.Of(period.Until)
		}
		difference := new(big.Rat).Sub(big.NewRat(int64(s.sum), 1), model(q, &q.Prices[0], s.cycle, period.Until))
		if limit := big.NewRat(int64(2*periods*s.cycle.Months+2), 1); difference.Abs(difference).Cmp(limit) > 0 {
			t.Fatalf("the bills come to %s millionths more or less than the days: at most %s", difference.FloatString(3), limit.FloatString(0))
		}
	})
}

// billOnce makes a bill and holds its lines against their kinds.
func billOnce(t *rapid.T, s *scenario, period charge.Span) {
	in := charge.Input{Cycle: s.cycle, Period: period, Currency: money.EUR, Products: s.products}
	draft, err := charge.Bill(&in)
	if err != nil {
		t.Fatal(err)
	}
	again, err := charge.Bill(&in)
	if err != nil || len(again.Lines) != len(draft.Lines) {
		t.Fatalf("the same input made %d lines, then %d: %v", len(draft.Lines), len(again.Lines), err)
	}
	s.invoices++
	for k := range draft.Lines {
		l := &draft.Lines[k]
		if l.Kind == charge.Credit && (l.Corrects.Invoice == 0 || l.Corrects.Invoice >= s.invoices || l.Exact > 0) {
			t.Fatalf("bill %d: a credit of %s names line %v", s.invoices, l.Exact, l.Corrects)
		}
		s.sum += l.Exact
	}
	s.keep(draft.States)
	in.Products = s.products
	// The same cycle once more: everything is charged, nothing is left to do.
	if rest, err := charge.Bill(&in); err != nil || len(rest.Lines) > 0 {
		t.Fatalf("bill %d again has %d lines: %+v, %v", s.invoices, len(rest.Lines), rest.Lines, err)
	}
}

// TestCreditingWhatWasChargedGivesZero takes a product back from its first day, after it was billed in pieces.
func TestCreditingWhatWasChargedGivesZero(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newScenario()
		s.cycle = charge.Cycle{Day: rapid.IntRange(1, 28).Draw(t, "cycle day"), Months: 1}
		start := charge.Date(2026, 1, 1) + charge.Day(rapid.IntRange(0, 60).Draw(t, "start"))
		s.products = []charge.Product{{
			ID: 1, Account: 1, Active: charge.Span{From: start, Until: charge.Open},
			Prices: []charge.Price{{
				ID: 1, Amount: money.Amount(rapid.Int64Range(-1_000_000_000, 1_000_000_000).Draw(t, "amount")),
				Months: rapid.SampledFrom([]int{1, 3, 12}).Draw(t, "months"), Prorate: rapid.Bool().Draw(t, "prorate"),
				InAdvance: rapid.Bool().Draw(t, "in advance"), From: start, Until: charge.Open,
			}},
		}}
		p := &s.products[0]
		if p.Prices[0].Amount > 0 {
			p.Discounts = []charge.Discount{
				{ID: 1, Rate: rapid.Int64Range(0, 1_000_000).Draw(t, "rate"), Valid: charge.Span{From: start, Until: start + 45}},
				{ID: 2, Amount: money.Amount(rapid.Int64Range(0, 500_000_000).Draw(t, "off")), Valid: charge.Span{From: start + 10, Until: charge.Open}},
			}
		}
		period := s.cycle.Of(start)
		for range rapid.IntRange(1, 5).Draw(t, "bills") {
			draftInto(t, s, period)
			if rapid.Bool().Draw(t, "suspended in between") {
				p.Suspended = append(p.Suspended, charge.Span{From: period.Until + 3, Until: period.Until + 7})
			}
			period = s.cycle.Of(period.Until)
		}
		p.Active.Until = start
		draftInto(t, s, period)
		if s.sum != 0 {
			t.Fatalf("what was charged and taken back comes to %s", s.sum.Format(6))
		}
	})
}

func draftInto(t *rapid.T, s *scenario, period charge.Span) {
	draft, err := charge.Bill(&charge.Input{Cycle: s.cycle, Period: period, Products: s.products})
	if err != nil {
		t.Fatal(err)
	}
	s.invoices++
	for k := range draft.Lines {
		s.sum += draft.Lines[k].Exact
	}
	s.keep(draft.States)
}

// TestDatesAreThoseOfTheCalendar reads and writes every day of a century.
func TestDatesAreThoseOfTheCalendar(t *testing.T) {
	for d := charge.Date(2000, 1, 1); d < charge.Date(2100, 1, 1); d++ {
		if got, err := charge.ParseDay(d.String()); err != nil || got != d {
			t.Fatalf("%s came back as %s: %v", d, got, err)
		}
	}
	for _, text := range []string{"", "2026-02-30", "2026-2-1", "26-02-01", "2026-13-01", "2026-01-01T00:00:00Z"} {
		if d, err := charge.ParseDay(text); err == nil {
			t.Errorf("%q is %s", text, d)
		}
	}
}
