package gy

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"gyro/charging"
	"gyro/charging/diameter"
	"gyro/charging/usage"
	"gyro/internal/instant"
)

// dayPrices are the prices of the catalogue's rules in millionths a unit: each divides without rest, so that what is
// charged is the product, however it is cut into reports.
var dayPrices = map[string]int64{
	"internet-peak": 3, "internet-night": 1, "internet-day": 2,
	"video-peak": 4, "video-day": 7, "music": 5,
	"voice-peak": 2000, "voice-day": 1500, "sms": 90_000,
}

// ruleAt is the rule that applies, by the clock on the wall.
func ruleAt(group uint32, wall time.Time) string {
	minute := wall.Hour()*60 + wall.Minute()
	peak := 8*60 <= minute && minute < 20*60
	night := 2*60+15 <= minute && minute < 6*60
	switch group {
	case 0, 101:
		switch {
		case peak:
			return "internet-peak"
		case night:
			return "internet-night"
		}
		return "internet-day"
	case 102:
		if peak {
			return "video-peak"
		}
		return "video-day"
	case 103:
		return "music"
	}
	if peak {
		return "voice-peak"
	}
	return "voice-day"
}

// dayBooks is the bookkeeping of somebody who listens to the gateways: what they say that was used, each request once,
// at the price of the wall clock when its quota was granted. It knows nothing of how the core keeps its accounts.
type dayBooks struct {
	w        *day
	sessions map[string]map[uint32]*bookGroup // by Session-Id and rating group
	events   map[string]*bookEvent
	credits  map[string]int64 // by account, in millionths: all that was paid in and out by hand
	left     map[string]int64 // by account, octets that go on into the next cycle
}

type bookGroup struct {
	who    string           // the account
	used   uint64           // in all
	by     map[string]*sums // by rule
	rule   string           // of the quota that is out, or of the last
	change string           // the rule after the tariff change in the quota
	out    bool             // a quota is out
	inCall uint64           // since the price began: the first minute is charged whole
}

type sums struct{ used, billed uint64 }

type bookEvent struct {
	who   string
	units uint64
}

func newDayBooks(w *day) *dayBooks {
	return &dayBooks{w: w, sessions: map[string]map[uint32]*bookGroup{}, events: map[string]*bookEvent{}, credits: map[string]int64{}, left: map[string]int64{}}
}

// answered takes note of a request and the answer that the server gave to it.
func (k *dayBooks) answered(r *dayRequest, octets []byte, a *dayAnswer) {
	w := k.w
	if a.result == diameter.ResultTooBusy {
		return
	}
	if r.accepted {
		w.count("duplicates")
		k.same(r, octets, a)
		return
	}
	if a.result != diameter.ResultSuccess {
		return
	}
	r.accepted, r.acceptedAt, r.answer = true, w.clock.now, octets
	if r.kind == charging.Event {
		if len(a.groups) != 0 && a.groups[0].result != diameter.ResultSuccess {
			return
		}
		k.events[r.id] = &bookEvent{who: r.who.account, units: uint64(len(r.recipients))}
		w.count("messages")
		return
	}
	groups := k.sessions[r.id]
	if groups == nil {
		groups = map[uint32]*bookGroup{}
		k.sessions[r.id] = groups
	}
	for n := range r.parts {
		p := &r.parts[n]
		g := groups[p.key()]
		if g == nil {
			g = &bookGroup{who: r.who.account, by: map[string]*sums{}}
			groups[p.key()] = g
		}
		grant, _ := a.of(p.key())
		k.part(g, r, p, &grant)
	}
}

// same holds the answer to a repeated request against the first. It may be forgotten: by then the session is.
func (k *dayBooks) same(r *dayRequest, octets []byte, a *dayAnswer) {
	const identifiers = 20
	if bytes.Equal(octets[identifiers:], r.answer[identifiers:]) {
		return
	}
	_, open := k.w.shard.state.Session(r.id, 0)
	switch {
	case len(a.groups) == 0 && !open && (a.result == diameter.ResultUnknownSessionID || a.result == diameter.ResultUnableToComply):
		k.w.count("duplicates of sessions that ended")
	case len(a.groups) == 0 && open && a.result == diameter.ResultUnableToComply:
		k.w.count("duplicates whose answer is no longer kept")
	default:
		k.w.t.Fatalf("%v: request %d of %s, first answered at %v, is now answered %+v",
			k.w.clock.now, r.number, r.id, r.acceptedAt, *a)
	}
}

// part books what a request says of one rating group.
func (k *dayBooks) part(g *bookGroup, r *dayRequest, p *dayPart, grant *dayGrant) {
	now := ruleAt(p.key(), k.w.wall(k.w.clock.now))
	if p.reports {
		if !g.out {
			g.price(now) // nothing was granted for it
		}
		g.use(p.before)
		if p.split && p.after > 0 || p.split && g.change != "" {
			if g.change != "" {
				g.price(g.change)
			}
			g.use(p.after)
		}
	}
	g.change = ""
	switch {
	case r.kind == charging.Termination:
		g.out = false
	case p.asks:
		if grant.result != diameter.ResultSuccess && grant.result != diameter.ResultCreditLimitReached {
			g.out = false // refused without a look at the price
			break
		}
		g.price(now)
		g.out = grant.grants
		k.ends(r, p.key(), grant)
		if grant.change != 0 {
			g.change = ruleAt(p.key(), k.w.wall(grant.change))
		}
	case p.reports && p.reason == reasonFinal: // it is closed, and would begin anew
		g.rule, g.inCall, g.out = "", 0, false
	default:
		g.out = false
	}
}

// ends makes sure that a quota does not outlive its price unless the gateway is told when that changes: it could not tell
// what it used before from what it used after.
func (k *dayBooks) ends(r *dayRequest, key uint32, grant *dayGrant) {
	now := k.w.clock.now
	if !grant.grants {
		return
	}
	known := now
	if grant.change != 0 {
		known = grant.change
		if k.switches(key, now) != grant.change || !k.w.profiles[r.g.host].TariffChange {
			k.w.t.Fatalf("%v: %s group %d is told of a tariff change at %v", k.w.wall(now), r.id, key, k.w.wall(grant.change))
		}
	}
	ends := now.Add(instant.Span(grant.validity) * instant.Second)
	if at := k.switches(key, known); grant.validity == 0 || ends >= at.Add(instant.Second) {
		k.w.t.Fatalf("%v: %s group %d has quota for %d seconds, its price changes at %v", k.w.wall(now), r.id, key, grant.validity, k.w.wall(at))
	}
}

// switches is when another rule applies, or a long time ahead.
func (k *dayBooks) switches(key uint32, from instant.Instant) instant.Instant {
	at := from
	for rule := ruleAt(key, k.w.wall(from)); at < from.Add(2*instant.Hour); {
		at = (at/60_000 + 1) * 60_000
		if ruleAt(key, k.w.wall(at)) != rule {
			break
		}
	}
	return at
}

// price begins another price, unless it is the same.
func (g *bookGroup) price(rule string) {
	if g.rule != rule {
		g.rule, g.inCall = rule, 0
	}
}

// use books units at the price in force.
func (g *bookGroup) use(units uint64) {
	s := g.by[g.rule]
	if s == nil {
		s = &sums{}
		g.by[g.rule] = s
	}
	before := g.billed()
	g.used += units
	g.inCall += units
	s.used += units
	s.billed += g.billed() - before
}

// billed is what the units since the price began come to: calls cost their first minute whole.
func (g *bookGroup) billed() uint64 {
	if dayPrices[g.rule] >= 1000 && g.inCall > 0 {
		return max(g.inCall, 60)
	}
	return g.inCall
}

// booked is what the core's records say of a rating group of a session.
type booked struct {
	used     uint64
	by       map[string]*sums
	requests uint64
}

// close holds the core's records against the books.
func (k *dayBooks) close() {
	w := k.w
	sessions := map[string]map[uint32]*booked{}
	of := func(id string, group uint32) *booked {
		if sessions[id] == nil {
			sessions[id] = map[uint32]*booked{}
		}
		if sessions[id][group] == nil {
			sessions[id][group] = &booked{by: map[string]*sums{}}
		}
		return sessions[id][group]
	}
	events, spent, renewed := map[string]uint64{}, map[string]int64{}, map[string]bool{}
	w.shard.records(func(r *usage.Record) {
		switch r.Kind {
		case usage.Session:
			b := of(string(r.SessionID), r.RatingGroup)
			b.used += r.Used
			if r.Flags&usage.Unrated != 0 {
				w.t.Fatalf("record %d of %s is not rated", r.Sequence, r.SessionID)
			}
			rule := k.priced(r)
			if b.by[rule] == nil {
				b.by[rule] = &sums{}
			}
			b.by[rule].used += r.Used
			b.by[rule].billed += r.Billed
		case usage.Event:
			events[string(r.SessionID)] += r.Used
			k.priced(r)
		case usage.Fee:
			k.fee(r, renewed)
		}
		for n := range r.Postings {
			spent[string(r.Account)] += moneyOut(&r.Postings[n])
		}
	})
	open := map[string]bool{}
	for _, v := range w.shard.state.Sessions(0, 1<<20) {
		open[v.SessionID] = true
		for n := range v.Groups {
			of(v.SessionID, v.Groups[n].RatingGroup).used += v.Groups[n].Used
			spent[v.Account] += int64(v.Groups[n].Charged)
		}
	}
	k.compare(sessions, open)
	for _, id := range slices.Sorted(maps.Keys(k.events)) {
		if events[id] != k.events[id].units {
			w.t.Fatalf("%v: message %s to %d recipients was booked for %d", w.clock.now, id, k.events[id].units, events[id])
		}
		delete(events, id)
	}
	if len(events) != 0 {
		w.t.Fatalf("%v: messages were charged that nobody was told were: %v", w.clock.now, events)
	}
	k.money(spent)
}

// compare holds usage by session, rating group and rule against the books.
func (k *dayBooks) compare(sessions map[string]map[uint32]*booked, open map[string]bool) {
	w := k.w
	for _, id := range slices.Sorted(maps.Keys(k.sessions)) {
		for _, key := range slices.Sorted(maps.Keys(k.sessions[id])) {
			g, b := k.sessions[id][key], sessions[id][key]
			if b == nil {
				b = &booked{}
			}
			if g.used != b.used {
				w.t.Fatalf("%v: %s group %d used %d units, the records have %d", w.clock.now, id, key, g.used, b.used)
			}
			if open[id] {
				continue
			}
			for rule, s := range g.by {
				got := b.by[rule]
				if got == nil {
					got = &sums{}
				}
				if *got != *s {
					w.t.Fatalf("%v: %s group %d at %s: %d units, billed %d; the records have %d, billed %d",
						w.clock.now, id, key, rule, s.used, s.billed, got.used, got.billed)
				}
			}
		}
	}
	for id, groups := range sessions {
		for key, b := range groups {
			if k.sessions[id][key] == nil && b.used > 0 {
				w.t.Fatalf("%v: %s group %d has %d units that no gateway was told were taken", w.clock.now, id, key, b.used)
			}
		}
	}
}

// priced checks a record by itself and returns the rule that it has the price of: units that no allowance paid cost
// what the rule says, and the postings move just that.
func (k *dayBooks) priced(r *usage.Record) string {
	w := k.w
	rule := w.rules[r.Rate]
	var units, paid int64
	for n := range r.Postings {
		if p := &r.Postings[n]; p.Denomination.IsMoney() {
			paid += p.Amount
		} else {
			units += p.Amount
		}
	}
	switch due := int64(r.Rated) * dayPrices[rule]; {
	case dayPrices[rule] == 0:
		w.t.Fatalf("record %d of %s has no known price", r.Sequence, r.SessionID)
	case int64(r.Charged) != due || paid != due:
		w.t.Fatalf("record %d of %s: %d units at %s cost %d, charged %d, paid %d", r.Sequence, r.SessionID, r.Rated, rule, due, r.Charged, paid)
	case uint64(units)+r.Rated != r.Billed:
		w.t.Fatalf("record %d of %s: %d units billed, of which allowances paid %d and money %d", r.Sequence, r.SessionID, r.Billed, units, r.Rated)
	}
	return rule
}
