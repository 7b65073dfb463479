package rating

import (
	"fmt"
	"strconv"
	"strings"

	"gyro/internal/ident"
	"gyro/internal/money"
)

// What a catalogue says, in the words of those who write it: for differences
// between catalogues, explanations and scenarios.

// sentence joins parts that are not empty.
func sentence(parts ...string) string {
	var kept []string
	for _, part := range parts {
		if part != "" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, ", ")
}

// format writes a quantity of a unit, money included.
func (p *Plan) format(n int64, unit Unit) string {
	if unit == Money {
		return p.amount(money.Amount(n))
	}
	return formatQuantity(uint64(n), unit)
}

// amount writes an amount with the decimals of the currency.
func (p *Plan) amount(a money.Amount) string { return a.Format(p.currency.Exponent()) }

// quotaWords describes a quota policy of a service counted in unit.
func quotaWords(q *Quota, unit Unit) string {
	var adaptive, validity, holding, threshold string
	switch {
	case q.Target > 0 && q.Floor > 0:
		adaptive = fmt.Sprintf("then between %s and %s to last %s", formatQuantity(q.Floor, unit), formatQuantity(q.Ceiling, unit), formatSpan(q.Target))
	case q.Target > 0:
		adaptive = fmt.Sprintf("then up to %s to last %s", formatQuantity(q.Ceiling, unit), formatSpan(q.Target))
	default:
		if q.Floor > 0 {
			adaptive = "at least " + formatQuantity(q.Floor, unit)
		}
		if q.Ceiling > 0 {
			adaptive = sentence(adaptive, "at most "+formatQuantity(q.Ceiling, unit))
		}
	}
	if q.Validity > 0 {
		validity = "valid " + formatSpan(q.Validity)
	}
	if q.Holding > 0 {
		holding = "held " + formatSpan(q.Holding)
	}
	if q.ThresholdPermille > 0 {
		threshold = fmt.Sprintf("threshold %d.%d%%", q.ThresholdPermille/10, q.ThresholdPermille%10)
	}
	return sentence("grant "+formatQuantity(q.Grant, unit), adaptive, validity, holding, threshold, "after the last: "+q.Final.words(None.String()))
}

// words describes what a gateway does after the last quota; none is the word
// for doing nothing.
func (f *FinalUnit) words(none string) string {
	var filters []string
	for _, rule := range f.FilterRules {
		filters = append(filters, strconv.Quote(rule)) // whole: a difference may be at its end
	}
	filters = append(filters, f.FilterIDs...)
	reachable := strings.Join(filters, ", ")
	switch f.Action {
	case None:
		return none
	case Redirect:
		if reachable != "" {
			reachable = " and allow " + reachable
		}
		return "redirect to " + f.RedirectAddress + reachable
	case Restrict:
		return "restrict to " + reachable
	case Terminate:
	}
	return f.Action.String()
}

// allowanceWords describes an allowance.
func (p *Plan) allowanceWords(a *Allowance) string {
	amount, zones, visited, calendars, validity, daily, over, own := p.format(a.Amount, a.Unit), "", "", "", "", "", "", ""
	if a.zones != noSet {
		zones = "to " + p.zoneWords(a.zones)
	}
	if a.visited != noSet {
		visited = "in " + p.zoneWords(a.visited)
	}
	if a.calendars != 0 {
		var names []string
		for k, name := range p.calendars {
			if a.calendars>>k&1 != 0 {
				names = append(names, name)
			}
		}
		calendars = "during " + strings.Join(names, " or ")
	}
	switch {
	case a.ToCycleEnd:
		validity = "valid to the end of the cycle"
	case a.FromFirstUse:
		validity = "valid " + formatSpan(a.Validity) + " from the first use"
	case a.Validity > 0:
		validity = "valid " + formatSpan(a.Validity)
	}
	if a.DailyCap > 0 {
		daily = "at most " + p.format(a.DailyCap, a.Unit) + " a day"
	}
	if a.RollOver.Cycles > 0 {
		over = fmt.Sprintf("up to %s rolls over for %s", p.format(a.RollOver.Most, a.Unit), plural(int(a.RollOver.Cycles), "cycle"))
	}
	if a.Own {
		own = "not shared"
	}
	return sentence(fmt.Sprintf("%s for %s", amount, p.serviceWords(a.services)), zones, visited, calendars,
		fmt.Sprintf("priority %d", a.Priority), validity, daily, over, own, "then "+a.Exhausted.words(payAsYouGo))
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (p *Plan) serviceWords(set uint32) string {
	return p.members(set, len(p.services), func(k int) string { return p.services[k].Name })
}

func (p *Plan) zoneWords(set uint32) string {
	return p.members(set, len(p.zones), func(k int) string { return p.zones[k].Name })
}

// members are the names of those of count things that a set has.
func (p *Plan) members(set uint32, count int, name func(int) string) string {
	var names []string
	for k := range count {
		if p.contains(set, uint32(k)) {
			names = append(names, name(k))
		}
	}
	return strings.Join(names, ", ")
}

// recurringWords describes a recurring fee.
func (p *Plan) recurringWords(r *Recurring) string {
	due, prorated, retry, grace, then := "in advance", "", "", "", ""
	if r.Arrears {
		due = "in arrears"
	}
	if r.Prorated {
		prorated = "prorated"
	}
	if r.Retries > 0 {
		retry = fmt.Sprintf("unpaid: tried %s more, %s apart", plural(int(r.Retries), "time"), formatSpan(r.Retry))
	}
	if r.Grace > 0 {
		grace = "grace " + formatSpan(r.Grace)
	}
	if r.Amount > 0 {
		then = "then " + r.Then.String()
	}
	return sentence(fmt.Sprintf("%s every %s", p.amount(r.Amount), r.Every), due, prorated, retry, grace, then)
}

// promotionWords describes a promotion.
func (p *Plan) promotionWords(m *Promotion) string {
	off := p.amount(m.Amount) + " off"
	if m.Percent > 0 {
		off = fmt.Sprintf("%d%% off", m.Percent)
	}
	fees := "the one-time and recurring fees"
	switch {
	case !m.Recurring:
		fees = "the one-time fee"
	case !m.OneTime:
		fees = "the recurring fee"
	}
	code, period, cycles := "", "", ""
	if m.Code != "" {
		code = "with code " + m.Code
	}
	if m.From != 0 {
		period = "from " + formatMoment(m.From, &p.zone)
	}
	if m.Until != 0 {
		period = sentence(period, "until "+formatMoment(m.Until, &p.zone))
	}
	if m.Cycles > 0 {
		cycles = "for " + plural(int(m.Cycles), "cycle")
	}
	return sentence(off+" "+fees, code, period, cycles)
}

// offerWords describes an offer, fees and allowances aside.
func (p *Plan) offerWords(o *Offer) string {
	addOn, oneTime, commitment, eligible := "", "", "", ""
	if o.AddOn {
		addOn = "add-on"
	}
	if o.OneTime > 0 {
		oneTime = "one-time fee " + p.amount(o.OneTime)
	}
	if !o.Commitment.IsZero() {
		commitment = "commitment " + o.Commitment.String()
	}
	if o.Eligible != 0 {
		var kinds []string
		for k, name := range offerKindNames {
			if o.Eligible.Has(OfferKind(k)) {
				kinds = append(kinds, name)
			}
		}
		eligible = "for accounts that are " + strings.Join(kinds, " or ")
	}
	return sentence(o.Kind.String(), addOn, oneTime, p.othersWords("requires", o.Requires), p.othersWords("excludes", o.Excludes), eligible, commitment)
}

func (p *Plan) othersWords(verb string, others []ident.Name) string {
	if len(others) == 0 {
		return ""
	}
	names := make([]string, len(others))
	for k, id := range others {
		names[k] = p.Label(id)
	}
	return verb + " " + strings.Join(names, " and ")
}
