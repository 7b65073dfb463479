package rating

import (
	"fmt"
	"strings"

	"gyro/internal/instant"
)

// The quota policy of a service that names none: grants of some minutes of
// ordinary use, asked for again when a fifth remains, at least once an hour.
const (
	defaultGrantOctets  = 10_000_000
	defaultGrantSeconds = 300
	defaultGrantEvents  = 1
	defaultValidity     = instant.Hour
	defaultThreshold    = 200 // permille
)

func defaultQuota(unit Unit) Quota {
	q := Quota{Validity: defaultValidity, ThresholdPermille: defaultThreshold, Final: FinalUnit{Action: Terminate}}
	switch unit {
	case Octets:
		q.Grant = defaultGrantOctets
	case Seconds:
		q.Grant = defaultGrantSeconds
	case Events, Money:
		q.Grant = defaultGrantEvents
		q.ThresholdPermille = 0
	}
	return q
}

var quotaKeys = []string{"grant", "floor", "ceiling", "target", "validity", "holding", "threshold", "final_unit"}

// quota reads the quota policy of a service counted in unit.
func (c *compiler) quota(f field, unit Unit, q *Quota) {
	m, ok := c.mapping(f, quotaKeys...)
	if !ok {
		return
	}
	before := len(c.errors)
	if f, ok := m.optional("grant"); ok {
		q.Grant, _ = c.units(f, unit, 1)
	}
	floor, hasFloor := m.optional("floor")
	if hasFloor {
		q.Floor, _ = c.units(floor, unit, 1)
	}
	ceiling, hasCeiling := m.optional("ceiling")
	if hasCeiling {
		q.Ceiling, _ = c.units(ceiling, unit, 1)
	}
	if f, ok := m.optional("validity"); ok {
		q.Validity = c.span(f)
	}
	if f, ok := m.optional("holding"); ok {
		q.Holding = c.span(f)
	}
	if f, ok := m.optional("threshold"); ok {
		q.ThresholdPermille = c.permille(f)
	}
	if f, ok := m.optional("final_unit"); ok {
		q.Final = c.finalUnit(f, None.String())
	}
	if len(c.errors) == before && hasFloor && q.Floor > q.Grant {
		c.fail(floor, fmt.Sprintf("the floor is above the grant of %s", formatQuantity(q.Grant, unit)), "lower it, or raise grant")
	}
	if len(c.errors) == before && hasCeiling && q.Ceiling < q.Grant {
		c.fail(ceiling, fmt.Sprintf("the ceiling is below the grant of %s", formatQuantity(q.Grant, unit)), "raise it, or lower grant")
	}
	if f, ok := m.optional("target"); ok {
		c.target(f, q, hasCeiling)
	}
}

// target reads how long an adaptive grant should last.
func (c *compiler) target(f field, q *Quota, hasCeiling bool) {
	before := len(c.errors)
	q.Target = c.span(f)
	switch {
	case len(c.errors) > before:
	case q.Target == 0:
		c.fail(f, "a grant that lasts no time", "write for example target: 10m, or leave it out for grants of one size")
	case !hasCeiling:
		c.fail(f, "a grant that follows the burn rate needs a ceiling: one fast session would reserve a whole balance",
			"for example ceiling: 100MB")
	case q.Validity > 0 && q.Target > q.Validity:
		c.fail(f, fmt.Sprintf("the quota expires after %s, before it can last that long", formatSpan(q.Validity)),
			"raise validity, or lower target")
	}
}

// permille reads a percentage with at most one decimal, such as 20% or 12.5%.
func (c *compiler) permille(f field) uint32 {
	text, ok := c.text(f)
	if !ok {
		return 0
	}
	digits, percent := strings.CutSuffix(text, "%")
	n, err := parseQuantity(digits, []factor{{"", 10}})
	if err != nil || !percent || n >= 1000 {
		c.fail(f, quote(text)+" is no part of a grant", "write a percentage below 100 with at most one decimal, such as 20%")
		return 0
	}
	return uint32(n)
}

// formatSpan writes a length of time as catalogues do.
func formatSpan(s instant.Span) string { return formatQuantity(uint64(s/instant.Second), Seconds) }
