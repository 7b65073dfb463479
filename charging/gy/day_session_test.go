package gy

import (
	"slices"

	"gyro/charging"
	"gyro/charging/diameter"
	"gyro/internal/instant"
)

// daySession is a session as its gateway has it.
type daySession struct {
	g       *dayGateway
	who     *daySubscriber
	id      string
	ends    instant.Instant
	number  uint32 // of the next request
	waiting int    // requests without an answer
	quotas  []*dayQuota
	gone    bool // forgotten, for whatever reason
	ending  bool
}

// dayQuota is what a gateway knows of a rating group: units in octets or seconds.
type dayQuota struct {
	s             *daySession
	group         uint32 // Rating-Group, 0 for none
	rate          int64  // units a second
	left          uint64 // of the quota
	granted       bool
	before, after uint64 // used since the last report, around the tariff change
	change        instant.Instant
	since         instant.Instant // until when usage is counted
	idle          bool            // nothing is used
	final         bool
	action        uint32
	blocked       bool // no quota, until it is asked for again
	closed        bool
	under         bool // a report is under way
	timer         int
}

// Reporting-Reason (TS 32.299 section 7.2.178).
const (
	reasonThreshold = 0
	reasonHolding   = 1
	reasonFinal     = 2
	reasonExhausted = 3
	reasonValidity  = 4
	reasonForced    = 7
)

func (s *daySession) open() {
	d := s.g.w.dice
	groups := []uint32{101}
	switch s.g.profile {
	case "open5gs":
		groups = []uint32{0}
	case "kamailio":
		groups = []uint32{100}
		s.ends = s.g.w.clock.now.Add(d.span(10*instant.Second, 20*instant.Minute))
	case "staros":
		groups = []uint32{101, 102, 103}[:d.between(1, 3)]
	default:
		if d.chance(400) {
			groups = append(groups, uint32(d.between(102, 103)))
		}
	}
	for _, key := range groups {
		q := &dayQuota{s: s, group: key, rate: d.between(20, 600)}
		if s.g.profile == "kamailio" {
			q.rate = 1
		}
		s.quotas = append(s.quotas, q)
	}
	w := s.g.w
	w.clock.in(s.ends.Sub(w.clock.now), s.terminate)
	if s.g.parallel { // no quota before first use
		s.request(charging.Initial, nil, func(*dayAnswer) {
			for _, q := range s.quotas {
				q.ask(reasonThreshold)
			}
		})
		return
	}
	parts := make([]dayPart, 0, len(s.quotas))
	for _, q := range s.quotas {
		q.since, q.under = w.clock.now, true
		parts = append(parts, dayPart{quota: q, asks: true})
	}
	s.request(charging.Initial, parts, nil)
}

// request sends a request of the session and takes in its answer.
func (s *daySession) request(kind charging.RequestType, parts []dayPart, then func(*dayAnswer)) {
	s.waiting++
	r := &dayRequest{s: s, who: s.who, kind: kind, id: s.id, number: s.number, parts: parts}
	s.number++
	r.then = func(a *dayAnswer) {
		s.waiting--
		if s.gone {
			return
		}
		if a.result != diameter.ResultSuccess {
			s.g.w.count("refused " + a.result.String())
			s.forget()
			return
		}
		for n := range parts {
			parts[n].quota.under = false
			if grant, ok := a.of(parts[n].key()); ok && !s.ending {
				parts[n].quota.take(&parts[n], &grant)
			}
		}
		if then != nil && !s.ending {
			then(a)
		}
	}
	s.g.send(r)
}

// forget is the end of a session.
func (s *daySession) forget() {
	s.gone = true
	s.g.sessions = slices.DeleteFunc(s.g.sessions, func(other *daySession) bool { return other == s })
}

// terminate ends the session, unless the gateway goes silent.
func (s *daySession) terminate() {
	w := s.g.w
	switch {
	case s.gone || s.ending:
		return
	case w.dice.chance(40):
		w.count("silent " + s.g.profile)
		s.forget()
		return
	case s.waiting > 0 && (s.number == 1 || !s.g.parallel || w.dice.chance(500)):
		w.clock.in(instant.Second/2, s.terminate)
		return
	}
	s.ending = true
	var parts []dayPart
	for _, q := range s.quotas {
		q.accrue()
		if w.dice.chance(30) {
			q.before += uint64(w.dice.between(1, 50)) // in flight when the gate was closed
			w.count("overshoot")
		}
		if !q.closed && (q.granted || q.before+q.after > 0) {
			parts = append(parts, q.report(reasonFinal))
		}
	}
	s.request(charging.Termination, parts, nil)
	s.g.sessions = slices.DeleteFunc(s.g.sessions, func(other *daySession) bool { return other == s })
}

// reauthorise reports and asks anew for all that can be.
func (s *daySession) reauthorise() {
	for _, q := range s.quotas {
		if !q.closed {
			q.ask(reasonForced)
		}
	}
}

// accrue counts what was used until now.
func (q *dayQuota) accrue() {
	now := q.s.g.w.clock.now
	if q.change != 0 && q.since < q.change && q.change <= now {
		q.before += q.use(q.change)
		q.since = q.change
	}
	if q.change != 0 && q.change <= q.since {
		q.after += q.use(now)
		return
	}
	q.before += q.use(now)
}

// use takes what is used until a moment out of the quota.
func (q *dayQuota) use(until instant.Instant) uint64 {
	if !q.granted || q.idle || q.left == 0 || until <= q.since {
		q.since = max(until, q.since)
		return 0
	}
	units := int64(until.Sub(q.since)) * q.rate / 1000
	q.since = q.since.Add(instant.Span(units * 1000 / q.rate))
	n := min(uint64(units), q.left)
	q.left -= n
	return n
}

// report takes what is to be reported.
func (q *dayQuota) report(reason uint32) dayPart {
	now := q.s.g.w.clock.now
	p := dayPart{quota: q, before: q.before, after: q.after, reports: true, reason: reason}
	if p.split = q.change != 0 && q.change <= now; p.split {
		q.s.g.w.count("tariff changes reported in two")
	}
	if !p.split {
		p.before, p.after = q.before+q.after, 0
	}
	q.before, q.after = 0, 0
	return p
}

// ask reports what was used and asks for more.
func (q *dayQuota) ask(reason uint32) {
	w := q.s.g.w
	switch {
	case q.s.gone || q.s.ending || q.closed:
		return
	case q.under || !q.s.g.parallel && q.s.waiting > 0:
		w.clock.in(instant.Second/2, func() { q.ask(reason) })
		return
	}
	q.accrue()
	q.timer++
	var p dayPart
	if q.granted || q.before+q.after > 0 {
		p = q.report(reason)
	} else {
		p = dayPart{quota: q}
	}
	p.asks = true
	switch {
	case reason == reasonHolding:
		p.asks, q.granted, q.left = false, false, 0
	case q.final && q.left == 0:
		switch {
		case q.action == 0 && len(q.s.quotas) == 1 || q.s.g.profile == "open5gs":
			q.before, q.after = p.before, p.after
			q.s.terminate()
			return
		case q.action == 0:
			p.asks, p.reason, q.closed = false, reasonFinal, true
		default:
			p.asks, q.blocked, q.granted = false, true, false
			w.count("redirected or restricted")
			w.clock.in(w.dice.span(5*instant.Minute, instant.Hour), func() { q.again() })
		}
		q.final = false
	}
	if p.asks {
		q.blocked = false
	}
	if !p.asks && !p.reports {
		return
	}
	q.under = true
	q.s.request(charging.Update, []dayPart{p}, nil)
	if q.idle {
		q.idle = false
		w.clock.in(w.dice.span(instant.Minute, 30*instant.Minute), func() { q.ask(reasonThreshold) })
	}
}

// again asks for what ran out before.
func (q *dayQuota) again() {
	if q.blocked {
		q.ask(reasonForced)
	}
}

// take obeys what the answer says of the rating group.
func (q *dayQuota) take(p *dayPart, grant *dayGrant) {
	w := q.s.g.w
	q.accrue()
	if !grant.grants {
		if p.asks {
			q.granted, q.left, q.change = false, 0, 0
			w.count("no quota " + grant.result.String())
			if len(q.s.quotas) == 1 && q.s.g.profile != "strict" && q.s.g.profile != "staros" {
				q.s.terminate()
				return
			}
			q.blocked = true
			w.clock.in(w.dice.span(10*instant.Minute, 40*instant.Minute), func() { q.again() })
		}
		return
	}
	pending := q.before + q.after // used while the answer was on its way
	q.before, q.after = pending, 0
	q.granted, q.left, q.final, q.action = true, grant.units-min(pending, grant.units), grant.final, grant.action
	q.change = grant.change
	if grant.change != 0 {
		w.count("tariff changes announced " + q.s.g.profile)
	}
	q.plan(grant)
}

// plan says when the gateway will come back, and why.
func (q *dayQuota) plan(grant *dayGrant) {
	w := q.s.g.w
	q.timer++
	timer := q.timer
	usable, reason := q.left-min(q.left, uint64(grant.threshold)), uint32(reasonThreshold)
	if grant.final {
		usable, reason = q.left, reasonExhausted
	}
	after := instant.Span(int64(usable)*1000/q.rate) + 1
	if grant.validity != 0 && instant.Span(grant.validity)*instant.Second < after {
		after, reason = instant.Span(grant.validity)*instant.Second, reasonValidity
	}
	if grant.holding != 0 && w.dice.chance(80) { // the user puts it away
		stops := w.dice.span(0, after)
		w.clock.in(stops, func() {
			if q.timer == timer && !q.under {
				q.accrue()
				q.idle = true
			}
		})
		after, reason = stops+instant.Span(grant.holding)*instant.Second, reasonHolding
		w.count("holding times")
	}
	if q.s.g.profile == "kamailio" && q.s.number == 1 {
		after = w.dice.span(instant.Second, 20*instant.Second) // right after pickup
	}
	w.clock.in(after, func() {
		if q.timer == timer {
			q.ask(reason)
		}
	})
}
