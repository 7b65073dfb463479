package charge

import (
	"cmp"
	"fmt"
	"slices"

	"gyro/internal/money"
)

// remembered is how many days before the end of a cycle what was charged is
// remembered day by day, and therefore corrected by itself when the office learns
// late of a termination or a suspension: a year and a month. What is older is
// corrected by hand, with a credit.
const remembered = 396

// Bill computes a bill. It fails only where an amount leaves the range of money.
func Bill(in *Input) (Draft, error) {
	b := biller{in: in}
	next := in.Cycle.Of(in.Period.Until)
	for k := range in.Products {
		p := &in.Products[k]
		for n := range p.Prices {
			if p.Prices[n].OneTime {
				b.oneTimePrice(p, &p.Prices[n])
				continue
			}
			b.recurring(p, &p.Prices[n], firstRecurring(p) == n, next)
		}
	}
	for k := range in.Charges {
		c := &in.Charges[k]
		b.add(Line{
			Kind: c.Kind, Account: c.Account, Product: c.Product, Subscription: c.Subscription, Charge: c.ID, Description: c.Description, Quantity: 1, Unit: "piece",
			Period: Span{c.Day, c.Day + 1}, Category: c.Category, GL: c.GL, Exact: c.Amount,
		})
	}
	for k := range in.Usage {
		b.usage(&in.Usage[k])
	}
	for k := range in.Products {
		if p := &in.Products[k]; p.Minimum > 0 {
			b.minimum(p)
		}
	}
	return b.draft, b.err
}

// biller collects a bill's lines.
type biller struct {
	in    *Input
	draft Draft
	err   error
}

// add appends a line and returns its position, counted from one.
func (b *biller) add(l Line) int {
	b.draft.Lines = append(b.draft.Lines, l)
	return len(b.draft.Lines)
}

func (b *biller) fail(what string, id int64) money.Amount {
	if b.err == nil {
		b.err = fmt.Errorf("%s %d: its amount leaves the range of money", what, id)
	}
	return 0
}

// portion is what days of a period cost at a price for all of it.
func (b *biller) portion(price int64, amount money.Amount, period, days Span) money.Amount {
	length := uint64(period.Days())
	until, ok1 := money.MulDiv(amount, uint64(days.Until-period.From), length, money.HalfEven)
	from, ok2 := money.MulDiv(amount, uint64(days.From-period.From), length, money.HalfEven)
	if !ok1 || !ok2 {
		return b.fail("price", price)
	}
	return until - from
}

func (b *biller) oneTimePrice(p *Product, price *Price) {
	if price.From >= b.in.Period.Until || price.Settled > price.From || !p.Active.Contains(max(price.From, p.Active.From)) {
		return
	}
	b.add(Line{
		Kind: OneTimeCharge, Account: p.Account, Product: p.ID, Subscription: p.Subscription, Price: price.ID, Description: price.Name,
		Quantity: 1, Unit: "piece", Period: Span{price.From, price.From + 1}, Category: price.Category, GL: price.GL, Exact: price.Amount,
	})
	b.draft.States = append(b.draft.States, PriceState{Price: price.ID, Settled: price.From + 1})
}

func (b *biller) usage(u *Usage) {
	b.add(Line{
		Kind: UsageCharge, Account: u.Account, Subscription: u.Subscription, Description: u.Service, Service: u.Service, Offer: u.Offer, Quantity: u.Billed, Unit: u.Unit,
		Period: b.in.Period, Category: cmp.Or(u.Category, b.in.UsageCategory), GL: cmp.Or(u.GL, b.in.UsageGL), Exact: u.Charged,
		UsageFrom: u.First, UsageThrough: u.Last, Records: u.Records,
	})
}

// minimum adds what a product's charges lack of its minimum for the days that no
// bill before has counted: of each cycle that they lie in, its part by the days on
// which the product was active. These are the days of the cycle that is billed,
// fewer where the cycle day was changed, more or fewer where the payer was. What
// counts is what these days cost, whenever they are charged, less discounts, and
// the usage that is on the bill: of the product's subscription, or of the whole
// account for products without one. One-time charges do not count.
func (b *biller) minimum(p *Product) {
	span := b.counted()
	least, days, length := b.least(p, span)
	if days == 0 {
		return
	}
	missing := least
	less := func(by money.Amount) {
		var fits bool
		if missing, fits = missing.Sub(by); !fits {
			b.fail("the minimum of product", p.ID)
		}
	}
	for n := range p.Prices {
		if price := &p.Prices[n]; !price.OneTime {
			less(b.worth(p, price, firstRecurring(p) == n, span))
		}
	}
	if b.paysForUsage(p) {
		for k := range b.in.Usage {
			if u := &b.in.Usage[k]; u.Account == p.Account && (p.Subscription == 0 || u.Subscription == p.Subscription) {
				less(u.Charged)
			}
		}
	}
	if missing <= 0 {
		return
	}
	b.add(Line{
		Kind: Minimum, Account: p.Account, Product: p.ID, Subscription: p.Subscription,
		Description: p.Name, Quantity: int64(days), Unit: "day", Period: span, PeriodDays: length,
		Category: p.MinimumCategory, GL: p.MinimumGL, Exact: missing,
	})
}

// counted are the days whose minimum is on this bill; there are none where all of them were on others.
func (b *biller) counted() Span {
	span := b.in.Period
	if b.in.Since != 0 {
		span.From = b.in.Since
	}
	return span
}

// least is a product's minimum for some days, on how many of them it was active, and how many the cycles have that they lie in.
func (b *biller) least(p *Product, span Span) (sum money.Amount, days, length int) {
	for from := span.From; from < span.Until; {
		cycle := b.in.Cycle.Of(from)
		part := Span{from, min(span.Until, cycle.Until)}
		active := 0
		for _, s := range clip(minus([]Span{p.Active}, p.Suspended), part) {
			active += s.Days()
		}
		share, ok := money.MulDiv(p.Minimum, uint64(active), uint64(cycle.Days()), money.HalfEven)
		if ok {
			sum, ok = sum.Add(share)
		}
		if !ok {
			return b.fail("the minimum of product", p.ID), 0, 0
		}
		days, length, from = days+active, length+cycle.Days(), part.Until
	}
	return sum, days, length
}

// paysForUsage reports whether usage counts towards a product's minimum: towards
// one of those that have the same subscription and a minimum, the first.
func (b *biller) paysForUsage(p *Product) bool {
	first := slices.IndexFunc(b.in.Products, func(o Product) bool {
		return o.Minimum > 0 && o.Account == p.Account && o.Subscription == p.Subscription
	})
	return b.in.Products[first].ID == p.ID
}
