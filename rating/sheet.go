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

// priceWords describes the price with an index.
func (p *Plan) priceWords(rate uint32) string {
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
	switch {
	case s.model == stairstep:
		amount += " together"
	case s.model == packaged:
		amount += " per started " + formatQuantity(price.per, s.unit)
	case s.unit == Events && price.per == 1:
		amount += " each"
	default:
		amount += " per " + formatQuantity(price.per, s.unit)
	}
	switch {
	case !s.model.tiered():
		return amount
	case k+1 < len(s.tiers):
		return fmt.Sprintf("up to %s %s", formatQuantity(s.tiers[k+1].from, s.unit), amount)
	}
	return "beyond " + amount
}
