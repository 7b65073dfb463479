package charge

import (
	"slices"

	"gyro/internal/money"
)

// firstRecurring returns the place of a product's first recurring price.
func firstRecurring(p *Product) int {
	return slices.IndexFunc(p.Prices, func(price Price) bool { return !price.OneTime })
}

// entitled returns the days for which a price is to be paid, as known now.
func entitled(p *Product, price *Price, g grid) []Span {
	days := clip(minus([]Span{p.Active}, p.Suspended), Span{price.From, price.Until})
	if price.Prorate {
		return days
	}
	for k := range days {
		days[k].From = g.cell(days[k].From).From
		if days[k].Until != Open {
			days[k].Until = g.cell(days[k].Until - 1).Until
		}
	}
	return union(days)
}

// horizon is the day before which a price's days are charged on this bill. In
// advance that is the end of the last period that begins before the next bill; in
// arrears of the last that has ended, or of the cycle if the price has.
func horizon(in *Input, p *Product, price *Price, g grid, next Span) Day {
	if price.InAdvance {
		return g.cell(next.Until - 1).Until
	}
	if min(p.Active.Until, price.Until) <= in.Period.Until {
		return in.Period.Until
	}
	return g.cell(in.Period.Until).From
}

// recurring charges and credits the days of a price.
func (b *biller) recurring(p *Product, price *Price, first bool, next Span) {
	if price.From >= price.Until && len(price.Charged) == 0 {
		return
	}
	g := gridOf(b.in.Cycle, price)
	window := Span{price.Settled, max(horizon(b.in, p, price, g, next), 0)}
	if window.From == 0 {
		window.From = g.cell(price.From).From
	}
	owed := clip(entitled(p, price, g), window)
	if !price.Prorate && !price.InAdvance {
		// The last period of a price that has ended is owed in full, though the
		// cycle may end before the period does.
		owed = clip(entitled(p, price, g), Span{window.From, g.cell(window.Until - 1).Until})
	}
	charged := make([]Span, 0, len(price.Charged))
	for k := range price.Charged {
		charged = append(charged, price.Charged[k].Span)
	}
	charged = union(charged)
	kept := b.credit(p, price, minus(charged, owed))
	changed := len(kept) != len(price.Charged) || len(minus(charged, owed)) > 0
	for _, days := range minus(owed, charged) {
		for from := days.From; from < days.Until; {
			period := g.cell(from)
			part := Span{from, min(days.Until, period.Until)}
			kept = append(kept, b.charge(p, price, first, period, part))
			changed, from = true, part.Until
		}
	}
	if changed {
		b.remember(price, kept, window.From)
	}
}

// remember keeps what was charged of a price, as far back as bills look.
func (b *biller) remember(price *Price, charged []Charged, settled Day) {
	slices.SortFunc(charged, func(a, o Charged) int { return int(a.From) - int(o.From) })
	limit := b.in.Period.Until - remembered
	for len(charged) > 0 && charged[0].Until <= limit {
		settled = max(settled, charged[0].Until)
		charged = charged[1:]
	}
	b.draft.States = append(b.draft.States, PriceState{Price: price.ID, Charged: charged, Settled: settled})
}

// charge adds the line of days of one period, and those of its discounts.
func (b *biller) charge(p *Product, price *Price, first bool, period, days Span) Charged {
	entry := Charged{Span: days, Period: period}
	entry.Line.Position = b.add(Line{
		Kind: Recurring, Account: p.Account, Product: p.ID, Subscription: p.Subscription, Price: price.ID, Description: price.Name,
		Quantity: int64(days.Days()), Unit: "day", Period: days, PeriodDays: period.Days(), Category: price.Category, GL: price.GL,
		Exact: b.portion(price.ID, price.Amount, period, days),
	})
	for k := range p.Discounts {
		d := &p.Discounts[k]
		valid := days.and(d.Valid)
		if valid.empty() {
			continue
		}
		// What takes nothing off this part still was there: others got less of the price for it.
		entry.Discounts = append(entry.Discounts, d.ID)
		off := b.off(p, price, first, Charged{Span: days, Period: period}, k)
		if off == 0 {
			continue
		}
		b.add(Line{
			Kind: DiscountLine, Account: p.Account, Product: p.ID, Subscription: p.Subscription, Price: price.ID, Description: d.Name,
			Quantity: int64(valid.Days()), Unit: "day", Period: valid, PeriodDays: period.Days(), Category: price.Category, GL: price.GL,
			Exact: -off,
		})
	}
	return entry
}

// off is what a product's k-th discount takes off the days of a charge: part by
// part between the days on which discounts begin and end. A charge that is made
// anew has those that are valid; one that was made, those that it had.
func (b *biller) off(p *Product, price *Price, first bool, c Charged, k int) (sum money.Amount) {
	valid := c.and(p.Discounts[k].Valid)
	for from := valid.From; from < valid.Until; {
		part := Span{from, valid.Until}
		for n := range p.Discounts[:k] {
			for _, bound := range [...]Day{p.Discounts[n].Valid.From, p.Discounts[n].Valid.Until} {
				if bound > part.From && bound < part.Until {
					part.Until = bound
				}
			}
		}
		sum += b.portion(price.ID, discount(p, price, first, c.Discounts, k, from), c.Period, part)
		from = part.Until
	}
	return sum
}

// discount is what a product's k-th discount takes off a price in a whole period
// in which the same discounts are valid as on a day. Only those of a list count,
// if there is one.
func discount(p *Product, price *Price, first bool, only []int64, k int, on Day) money.Amount {
	rest, off := max(price.Amount, 0), money.Amount(0)
	for n := range p.Discounts[:k+1] {
		d := &p.Discounts[n]
		switch {
		case !d.Valid.Contains(on) || len(only) > 0 && !slices.Contains(only, d.ID):
			off = 0
		case d.Rate > 0:
			off, _ = money.MulDiv(max(price.Amount, 0), uint64(d.Rate), uint64(money.Unit), money.HalfEven)
		case first:
			off = d.Amount
		default:
			off = 0
		}
		off = min(max(off, 0), rest)
		rest -= off
	}
	return off
}

// credit takes days back that were charged, each from the line that charged it
// with the discounts that it had, and returns what stays charged.
func (b *biller) credit(p *Product, price *Price, days []Span) []Charged {
	var kept []Charged
	for _, entry := range price.Charged {
		back := clip(days, entry.Span)
		for _, part := range back {
			b.creditPart(p, price, &entry, part)
		}
		for _, rest := range minus([]Span{entry.Span}, back) {
			remains := entry
			remains.Span = rest
			kept = append(kept, remains)
		}
	}
	return kept
}

func (b *biller) creditPart(p *Product, price *Price, entry *Charged, part Span) {
	back := b.portion(price.ID, price.Amount, entry.Period, part)
	first := firstRecurring(p) >= 0 && p.Prices[firstRecurring(p)].ID == price.ID
	for k := range p.Discounts {
		if slices.Contains(entry.Discounts, p.Discounts[k].ID) {
			back -= b.off(p, price, first, Charged{Span: part, Period: entry.Period, Discounts: entry.Discounts}, k)
		}
	}
	b.add(Line{
		Kind: Credit, Account: p.Account, Product: p.ID, Subscription: p.Subscription, Price: price.ID, Description: price.Name,
		Quantity: int64(part.Days()), Unit: "day", Period: part, PeriodDays: entry.Period.Days(), Category: price.Category, GL: price.GL,
		Exact: -back, Corrects: entry.Line,
	})
}

// worth is what days cost at a price, less discounts, whenever they are charged.
func (b *biller) worth(p *Product, price *Price, first bool, span Span) (sum money.Amount) {
	g := gridOf(b.in.Cycle, price)
	for _, days := range clip(entitled(p, price, g), span) {
		for from := days.From; from < days.Until; {
			period := g.cell(from)
			part := Span{from, min(days.Until, period.Until)}
			sum += b.portion(price.ID, price.Amount, period, part)
			for k := range p.Discounts {
				sum -= b.off(p, price, first, Charged{Span: part, Period: period}, k)
			}
			from = part.Until
		}
	}
	return sum
}
