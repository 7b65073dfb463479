package rating

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"gyro/internal/instant"
	"gyro/internal/money"
)

var (
	recurringKeys = []string{"amount", "every", "due", "prorated", "unpaid"}
	unpaidKeys    = []string{"retry", "times", "grace", "then"}
	promotionKeys = []string{"name", "code", "percent", "amount", "on", "from", "until", "cycles"}
)

// offerFees reads what an offer costs by itself: fees, promotions, commitment.
func (c *compiler) offerFees(m *mapping, offer *Offer) {
	before := len(c.errors)
	if f, ok := m.optional("one_time"); ok {
		offer.OneTime, _ = c.amount(f)
	}
	if f, ok := m.optional("recurring"); ok {
		offer.Recurring = c.recurring(f)
	}
	if len(c.errors) > before {
		return // nothing can be said of what depends on the fees
	}
	c.promotions = names{} // of this offer; others may use the same ones
	c.each(m, "promotions", MaxPromotions, func(f field) { c.promotion(f, offer) })
	if f, ok := m.optional("commitment"); ok {
		offer.Commitment = c.length(f)
		if offer.Recurring == nil {
			c.fail(f, "a commitment to an offer that never renews", "give the offer recurring: {amount: ..., every: 1 month}, or leave it out")
		}
	}
}

// recurring reads a fee that falls due in every period.
func (c *compiler) recurring(f field) *Recurring {
	m, ok := c.mapping(f, recurringKeys...)
	if !ok {
		return nil
	}
	r := &Recurring{}
	if f, ok := c.required(&m, "amount", "amount: 9.99"); ok {
		r.Amount, _ = c.amount(f)
	}
	if f, ok := c.required(&m, "every", "every: 1 month"); ok {
		r.Every = c.length(f)
	}
	if f, ok := m.optional("due"); ok {
		k, _ := c.oneOf(f, "advance", "arrears")
		r.Arrears = k == 1
	}
	if f, ok := m.optional("prorated"); ok {
		r.Prorated = c.boolean(f)
		if r.Prorated && r.Every.Days > 0 {
			c.fail(f, "a period of days begins with the subscription and is never cut short",
				"write every: 1 month, which then follows the account's billing cycle")
		}
	}
	if f, ok := m.optional("unpaid"); ok {
		c.unpaid(f, r)
	}
	return r
}

// unpaid reads what happens when the account cannot pay.
func (c *compiler) unpaid(f field, r *Recurring) {
	m, ok := c.mapping(f, unpaidKeys...)
	if !ok {
		return
	}
	retry, hasRetry := m.optional("retry")
	times, hasTimes := m.optional("times")
	if hasRetry {
		before := len(c.errors)
		if r.Retry = c.span(retry); len(c.errors) == before && r.Retry < instant.Minute {
			c.fail(retry, "attempts less than a minute apart", "write for example retry: 1d")
		}
	}
	if hasTimes {
		n, _ := c.integer(times, 1, math.MaxUint8)
		r.Retries = uint8(n)
	}
	switch {
	case hasRetry && !hasTimes:
		c.fail(retry, "the attempts have no end", "for example times: 3")
	case hasTimes && !hasRetry:
		c.fail(times, "the attempts have no distance", "for example retry: 1d")
	}
	if f, ok := m.optional("grace"); ok {
		r.Grace = c.span(f)
	}
	if f, ok := m.optional("then"); ok {
		k, _ := c.oneOf(f, Suspend.String(), Cancel.String())
		r.Then = LapseAction(max(k, 0))
	}
}

// The longest period, so that no date computed from it leaves the calendar.
const (
	maxPeriodDays   = 3660
	maxPeriodMonths = 120
)

// periodUnits are the words of periods, with singular, plural and short form.
var periodUnits = []struct {
	words  [3]string
	days   uint64
	months uint64
}{
	{[3]string{"day", "days", "d"}, 1, 0},
	{[3]string{"week", "weeks", "w"}, 7, 0},
	{[3]string{"month", "months", ""}, 0, 1},
	{[3]string{"year", "years", "y"}, 0, 12},
}

// length reads a length of time in the calendar, such as 1 month, 2 weeks or
// 30d. "1m" is refused: everywhere else in a catalogue it is a minute.
func (c *compiler) length(f field) Period {
	text, ok := c.text(f)
	if !ok {
		return Period{}
	}
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyz ")
	word := strings.TrimSpace(text[len(digits):])
	n, err := strconv.ParseUint(digits, 10, 16)
	for _, unit := range periodUnits {
		if err != nil || n == 0 || word == "" || (word != unit.words[0] && word != unit.words[1] && word != unit.words[2]) {
			continue
		}
		days, months := n*unit.days, n*unit.months
		if days > maxPeriodDays || months > maxPeriodMonths {
			c.fail(f, quote(text)+" is too long", "at most 10 years are allowed")
			return Period{}
		}
		return Period{Days: uint16(days), Months: uint16(months)}
	}
	c.fail(f, quote(text)+" is no period", "write for example 1 month, 2 weeks, 30d or 1 year")
	return Period{}
}

// promotion reads one of an offer's promotions.
func (c *compiler) promotion(f field, offer *Offer) {
	m, ok := c.mapping(f, promotionKeys...)
	if !ok {
		return
	}
	before := len(c.errors)
	p := Promotion{}
	p.Name, p.ID, ok = c.name(&m, &c.promotions, "welcome-2026")
	if !ok {
		return
	}
	c.promotions.add(p.Name, uint32(len(offer.Promotions)))
	if f, ok := m.optional("code"); ok {
		p.Code, _ = c.validName(f)
	}
	c.promotedFees(&m, offer, &p)
	c.promotionOff(&m, offer, &p)
	if f, ok := m.optional("from"); ok {
		p.From = c.moment(f)
	}
	if f, ok := m.optional("until"); ok {
		p.Until = c.moment(f)
		if len(c.errors) == before && p.Until <= p.From {
			c.fail(f, "the period ends before it begins", "write the moment after the last one of the period")
		}
	}
	if f, ok := m.optional("cycles"); ok {
		n, _ := c.integer(f, 1, math.MaxUint8)
		p.Cycles = uint8(n)
		if !p.Recurring && len(c.errors) == before {
			c.fail(f, "the promotion lowers no recurring fee, so it has no cycles", "leave cycles out")
		}
	}
	offer.Promotions = append(offer.Promotions, p)
}

// promotedFees reads which fees a promotion lowers: those that the offer has.
func (c *compiler) promotedFees(m *mapping, offer *Offer, p *Promotion) {
	hasOneTime := offer.OneTime > 0
	hasRecurring := offer.Recurring != nil && offer.Recurring.Amount > 0
	if !hasOneTime && !hasRecurring {
		c.fail(m.field, "the offer has no fee to lower", "give it one_time or recurring; the price of usage is a matter of rates")
		return
	}
	f, ok := m.optional("on")
	if !ok {
		p.OneTime, p.Recurring = hasOneTime, hasRecurring
		return
	}
	for _, element := range c.list(f, 2, true) {
		k, ok := c.oneOf(element, "one_time", "recurring")
		switch {
		case !ok:
		case k == 0 && !hasOneTime:
			c.fail(element, "the offer has no one_time fee", "leave on out for all fees of the offer")
		case k == 1 && !hasRecurring:
			c.fail(element, "the offer has no recurring fee", "leave on out for all fees of the offer")
		default:
			p.OneTime, p.Recurring = p.OneTime || k == 0, p.Recurring || k == 1
		}
	}
}

// promotionOff reads how much a promotion takes off.
func (c *compiler) promotionOff(m *mapping, offer *Offer, p *Promotion) {
	percent, hasPercent := m.optional("percent")
	amount, hasAmount := m.optional("amount")
	switch {
	case hasPercent && hasAmount:
		c.fail(amount, "the promotion has both percent and amount", "keep one of them")
	case hasPercent:
		n, _ := c.integer(percent, 1, 100)
		p.Percent = uint8(n)
	case hasAmount:
		before := len(c.errors)
		p.Amount, _ = c.amount(amount)
		largest := largestFee(offer, p)
		switch {
		case len(c.errors) > before:
		case p.Amount == 0:
			c.fail(amount, "a promotion of nothing", "write an amount above zero")
		case p.Amount > largest:
			c.fail(amount, fmt.Sprintf("takes more off than the fee of %s", largest), "write percent: 100 to waive it")
		}
	default:
		c.fail(m.field, "the promotion takes nothing off", "write percent: 50 or amount: 5.00")
	}
}

// largestFee is the largest of the fees that a promotion lowers.
func largestFee(offer *Offer, p *Promotion) (most money.Amount) {
	if p.OneTime {
		most = offer.OneTime
	}
	if p.Recurring {
		most = max(most, offer.Recurring.Amount)
	}
	return most
}
