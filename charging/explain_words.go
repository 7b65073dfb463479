package charging

import (
	"fmt"
	"strings"

	"gyro/balance"
	"gyro/internal/money"
	"gyro/rating"
)

// Lines says an explanation in words, one sentence a line.
func (e *Explanation) Lines() (lines []string) {
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	var facts []string
	for _, f := range e.Request {
		facts = append(facts, f.Name+" "+f.Value)
	}
	say("request: %s", strings.Join(facts, ", "))
	if e.Catalog != "" {
		say("catalogue %s, version %d", e.Catalog, e.Version)
	}
	if e.Trace == nil {
		say("no tariff applied: what was used is recorded, and nothing charged")
		return append(lines, e.bucketLines()...)
	}
	lines = append(lines, tried(e.Trace.Services)...)
	lines = append(lines, tried(e.Trace.Offers)...)
	lines = append(lines, tried(e.Trace.Rules)...)
	say("so: service %s, offer %s, rule %s%s", e.Service, e.Offer, e.Rule, in(e.Zone))
	if !e.Agrees {
		say("classified once more, another rule applies: the record was not made by the rules that this program follows")
	}
	lines = append(lines, e.priceLines()...)
	return append(lines, e.bucketLines()...)
}

func in(zone string) string {
	if zone == "" {
		return ""
	}
	return ", zone " + zone
}

// tried says of each candidate whether it applied, and if not, for want of what.
func tried(list []rating.Tried) (lines []string) {
	for k := range list {
		lines = append(lines, list[k].String())
	}
	return lines
}

func (e *Explanation) priceLines() (lines []string) {
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	q := e.Unit.Quantity
	if len(e.Terms.Tiers) == 0 {
		say("used %s, charged %s", q(e.Used.Units()), e.Cost)
		return lines
	}
	t := &e.Terms
	say("price: %s", e.Price)
	if e.Billed == e.Used {
		say("used %s after %s", q(e.Used.Units()), q(e.Used.From))
	} else {
		say("used %s after %s; in whole increments that is %s billed after %s", q(e.Used.Units()), q(e.Used.From), q(e.Billed.Units()), q(e.Billed.From))
	}
	if e.Allowances > 0 {
		say("allowances pay for %s of it", q(e.Allowances))
	}
	by := "of this stretch of the session"
	if e.Counter != "" {
		by = "by counter " + e.Counter
	}
	if e.Rated.Units() > 0 {
		say("money pays for %s, at positions %s to %s %s", q(e.Rated.Units()), q(e.Rated.From), q(e.Rated.To), by)
	}
	for _, share := range e.Shares {
		say("tier: %s", share)
	}
	if len(e.Shares) > 0 {
		say("costs %s at the end, less %s at the beginning", e.AtEnd, e.AtBegin)
		return append(lines, e.chargeLines()...)
	}
	for _, share := range e.Tiers {
		say("tier from %s%s: %s at %s per %s cost %s", q(share.From), upTo(share.To, q), q(share.Units), share.Amount, q(t.Per), share.Cost)
	}
	return append(lines, e.chargeLines()...)
}

// chargeLines say what becomes of the cost of the units.
func (e *Explanation) chargeLines() (lines []string) {
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if t := &e.Terms; len(e.Tiers) > 0 {
		say("each position is rounded once, %s%s%s", t.Rounding, bound(", at least ", t.Minimum), bound(", at most ", t.Cap))
	}
	if e.Setup != 0 {
		say("setup fee %s", e.Setup)
	}
	if e.Carried > 0 {
		say("%s of the charge is for units in the next record, for this one names no more buckets", e.Carried)
	} else if e.Carried < 0 {
		say("%s of the cost is in an earlier record, which named no more buckets", -e.Carried)
	}
	say("charged %s", e.Cost)
	if e.Excess != 0 {
		say("of which no bucket could pay %s: it is owed", e.Excess)
	}
	return lines
}

func upTo(to uint64, q func(uint64) string) string {
	if to >= rating.MaxUnits {
		return ""
	}
	return " to " + q(to)
}

func bound(words string, amount money.Amount) string {
	if amount == 0 {
		return ""
	}
	return words + amount.String()
}

func (e *Explanation) bucketLines() (lines []string) {
	for _, b := range e.Buckets {
		name := b.Name
		switch {
		case b.Bucket == 0:
			lines = append(lines, fmt.Sprintf("owed for excess: %s", amountOf(b.Amount, b.Denomination)))
			continue
		case name == "":
			name = "main"
		}
		lines = append(lines, fmt.Sprintf("bucket %s/%d: %s, from %s to %s", name, b.Bucket,
			amountOf(b.Amount, b.Denomination), amountOf(b.Before, b.Denomination), amountOf(b.After, b.Denomination)))
	}
	return lines
}

func amountOf(n int64, d balance.Denomination) string {
	if d.IsMoney() {
		return money.Amount(n).String() + " " + d.String()
	}
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	return sign + unitOf(d).Quantity(uint64(n))
}

func unitOf(d balance.Denomination) rating.Unit {
	if d == balance.Seconds {
		return rating.Seconds
	}
	if d == balance.Events {
		return rating.Events
	}
	return rating.Octets
}
