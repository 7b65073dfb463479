package rating

import (
	"gyro/internal/instant"
	"gyro/internal/money"
)

// noRule is the index of no rule.
const noRule = ^uint32(0)

// choice is which rule of a rate applies, and what could make it another.
type choice struct {
	rule    uint32 // or noRule
	asked   uint64 // calendars
	periods uint8  // bit per CounterPeriod of the counters that are asked for
	depends Dependence
}

// firstRule tries the rules of a rate in order. It goes on behind the first
// that applies, to collect what the choice depends on, as far as a rule that
// applies at any time and however much was used.
func (p *Plan) firstRule(rate *rate, s *situation) choice {
	first := choice{rule: noRule}
	for k := rate.rules.from; k < rate.rules.to; k++ {
		c := &p.rules[k].conditions
		if !p.given(c, s) {
			continue
		}
		first.depends |= c.depends()
		if !p.reported(c, s) {
			continue
		}
		if first.rule == noRule && c.timely(s) && p.counted(c, s) {
			first.rule = k
		}
		if c.calendars == 0 && c.periods == 0 {
			break
		}
		first.asked |= c.calendars
		first.periods |= c.periods
	}
	return first
}

// choose finds the rule that applies and fills in what can make it another.
func (p *Plan) choose(rate *rate, s *situation, m *Match) (rule uint32) {
	paid := p.paid[m.Service].calendars
	timeless := rate.calendars|paid == 0
	w := walk{}
	if !timeless {
		w = p.schedule.walk(&p.zone, s.request.At)
		s.inForce = w.inForce()
		m.InForce = s.inForce
	}
	first := p.firstRule(rate, s)
	m.Depends = first.depends | p.paid[m.Service].depends
	if first.asked|paid != 0 || first.periods != 0 {
		if timeless {
			w = p.schedule.walk(&p.zone, s.request.At)
		}
		later := *s
		m.Until = p.until(rate, &later, &w, first, paid)
	}
	return first.rule
}

// until returns the moment at which another rule begins to apply, or other
// allowances that ask for calendars begin to pay. The walk stops at each
// midnight, so that the end of every counter's period is one of its steps.
func (p *Plan) until(rate *rate, s *situation, w *walk, first choice, paid uint64) instant.Instant {
	at := s.request.At
	var ends [Ever]instant.Instant // of periods that have not ended; 0 is none
	if first.periods>>PerDay&1 != 0 {
		_, ends[PerDay] = p.Day(at)
	}
	if first.periods>>PerCycle&1 != 0 {
		_, ends[PerCycle] = p.Cycle(at, s.request.CycleDay)
	}
	horizon := at.Add(Horizon)
	for {
		if first.asked|paid == 0 && ends == [Ever]instant.Instant{} {
			return 0
		}
		w.next()
		if w.at >= horizon {
			return horizon
		}
		over := s.over
		for k, end := range ends {
			if end != 0 && w.at >= end {
				s.over |= 1 << k
				ends[k] = 0
			}
		}
		changed := w.inForce() ^ s.inForce
		if changed&paid != 0 {
			return w.at
		}
		if changed&first.asked == 0 && s.over == over {
			continue
		}
		s.inForce = w.inForce()
		if p.firstRule(rate, s).rule != first.rule {
			return w.at
		}
	}
}

// left fills in how far usage that the match charges may go until a counter
// makes another rule apply. It goes by the calendars in force: a later one is
// classified anew.
func (p *Plan) left(rate *rate, s *situation, m *Match) {
	for k := rate.rules.from; k <= m.Rule; k++ {
		c := &p.rules[k].conditions
		if c.marks.from == c.marks.to || !c.timely(s) || !p.given(c, s) || !p.reported(c, s) {
			continue
		}
		reach := reach{units: distance{to: noMark}, money: distance{to: noMark}}
		for _, mark := range p.marks[c.marks.from:c.marks.to] {
			p.stretch(&reach, s, mark, m)
		}
		if k == m.Rule {
			m.stop(reach.units.to, reach.money.to)
		} else if !reach.never && reach.units.from < reach.units.to && reach.money.from < reach.money.to {
			m.stop(reach.units.from, reach.money.from)
		}
	}
}

// reach is how much usage brings counters into the marks of a rule and out of
// them again, in units and in money.
type reach struct {
	units, money distance
	never        bool // usage does not bring them there
}

// distance is a range: at from the marks begin to hold, at to they cease to.
type distance struct{ from, to uint64 }

// stretch narrows a reach by one mark.
func (p *Plan) stretch(x *reach, s *situation, k mark, m *Match) {
	used := p.used(s, k.counter)
	if used >= k.below {
		x.never = true
		return
	}
	if !p.Counts(k.counter, m) {
		x.never = x.never || used < k.from
		return
	}
	d := &x.units
	if p.counters[k.counter].Unit == Money {
		d = &x.money
	}
	if used < k.from {
		d.from = max(d.from, k.from-used)
	}
	if k.below != noMark {
		d.to = min(d.to, k.below-used)
	}
}

// stop lowers what is left; 0 and noMark are no bound.
func (m *Match) stop(units, amount uint64) {
	if units != 0 && units != noMark && (m.Left == 0 || units < m.Left) {
		m.Left = units
	}
	if limit := money.Amount(min(amount, uint64(money.Max))); amount != 0 && amount != noMark && (m.LeftMoney == 0 || limit < m.LeftMoney) {
		m.LeftMoney = limit
	}
}
