package rating

import (
	"fmt"
	"strings"

	"gyro/internal/money"
)

// sheet is a price as the tariff sheet has it, for people; the price beside it
// has it as it is computed.
type sheet struct {
	model model
	unit  Unit
	tiers []tier // one for models without tiers
}

// PriceWords describes the price with an index (Match.Rate) as the tariff has it.
func (p *Plan) PriceWords(rate uint32) string {
	price, sheet := &p.prices[rate], &p.sheets[rate]
	var lines []string
	for k, t := range sheet.tiers {
		lines = append(lines, sheet.tierWords(p, price, k, t))
	}
	model, increments, setup, minimum, limit, free, rounding, counter := "", "", "", "", "", "", "", ""
	if sheet.model.tiered() {
		model = modelNames[sheet.model] + " "
	}
	if price.first > 1 || price.next > 1 {
		increments = "in increments of " + formatQuantity(price.first, sheet.unit)
		if price.next != price.first {
			increments += ", then " + formatQuantity(price.next, sheet.unit)
		}
	}
	if price.setup > 0 {
		setup = "setup " + p.amount(price.setup)
	}
	if price.minimum > 0 {
		minimum = "minimum " + p.amount(price.minimum)
	}
	if price.capped {
		limit = "cap " + p.amount(price.limit)
	}
	if price.free > 0 {
		free = "first " + formatQuantity(price.free, sheet.unit) + " free"
	}
	if price.rounding != money.Up {
		rounding = "rounded " + price.rounding.String()
	}
	if k, ok := price.Counter(); ok {
		counter = "positioned by counter " + p.counters[k].Name
	}
	return sentence(model+strings.Join(lines, "; "), free, increments, setup, minimum, limit, rounding, counter)
}

// tierWords describes a line of the table.
func (s *sheet) tierWords(p *Plan, price *Price, k int, t tier) string {
	amount := p.amount(t.amount)
	switch s.model {
	case stairstep:
		amount += " together"
	case packaged:
		amount += " per started " + formatQuantity(price.per, s.unit)
	case perUnit, graduated, volume:
		amount = p.perBlock(price, s, t.amount)
	}
	switch {
	case !s.model.tiered():
		return amount
	case k+1 < len(s.tiers):
		return fmt.Sprintf("up to %s %s", formatQuantity(s.tiers[k+1].from, s.unit), amount)
	}
	return "beyond " + amount
}

// shares says which lines of the table the rated units behind from, up to to,
// fall in, and what they are worth there.
func (s *sheet) shares(p *Plan, price *Price, from, to uint64) (shares []string) {
	if free := min(to, price.free); from < free {
		shares = append(shares, formatQuantity(free-from, s.unit)+" free")
		from = free
	}
	if from >= to {
		return shares
	}
	switch s.model {
	case packaged:
		blocks := func(n uint64) uint64 { return (n - price.free + price.block - 1) / price.block }
		return append(shares, fmt.Sprintf("%s of %s at %s", plural(int(blocks(to)-blocks(from)), "package"),
			formatQuantity(price.block, s.unit), p.amount(s.tiers[0].amount)))
	case volume, stairstep:
		last := s.tiers[s.tierOf(to)]
		if s.model == stairstep {
			return append(shares, fmt.Sprintf("%s reach the tier of %s together", formatQuantity(to, s.unit), p.amount(last.amount)))
		}
		share := fmt.Sprintf("all %s at %s", formatQuantity(to-price.free, s.unit), p.perBlock(price, s, last.amount))
		if price.numerator(to).less(product(to-price.free, uint64(last.amount))) {
			share += ", but no more than the first unit of a cheaper tier brings the whole to"
		}
		return append(shares, share)
	case perUnit, graduated:
	}
	for k, t := range s.tiers {
		end := to
		if k+1 < len(s.tiers) {
			end = min(end, s.tiers[k+1].from)
		}
		if start := max(from, t.from); start < end {
			shares = append(shares, formatQuantity(end-start, s.unit)+" at "+p.perBlock(price, s, t.amount))
		}
	}
	return shares
}

// WholeShares says in words what the rated units behind from, up to to, cost
// by a price whose model has no cost of its own for each unit; nothing for
// other models.
func (p *Plan) WholeShares(rate uint32, from, to uint64) []string {
	price, sheet := &p.prices[rate], &p.sheets[rate]
	if sheet.model == perUnit || sheet.model == graduated {
		return nil
	}
	return sheet.shares(p, price, from, to)
}

// tierOf is the line in which a unit lies.
func (s *sheet) tierOf(unit uint64) int {
	k := len(s.tiers) - 1
	for k > 0 && s.tiers[k].from >= unit {
		k--
	}
	return k
}

// perBlock writes an amount and what it is for.
func (p *Plan) perBlock(price *Price, s *sheet, amount money.Amount) string {
	if s.unit == Events && price.per == 1 {
		return p.amount(amount) + " each"
	}
	return p.amount(amount) + " per " + formatQuantity(price.per, s.unit)
}
