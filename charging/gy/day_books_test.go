package gy

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"gyro/charging"
	"gyro/charging/diameter"
	"gyro/charging/usage"
)

// dayBooks is the bookkeeping of somebody who listens to the gateways: what they say that was used, each request once,
// at the price of the wall clock when its quota was granted. It knows nothing of how the core keeps its accounts.
type dayBooks struct {
	w        *day
	sessions map[string]map[uint32]*bookGroup // by Session-Id and rating group
	events   map[string]*bookEvent
	credits  map[string]int64 // by account, in millionths: all that was paid in and out by hand
	version  string           // of the catalogue, behind the names of its rules
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

// payment is what paid for the units billed of a rating group at a rule: allowances, or money for those rated.
type payment struct {
	billed, allowances, rated uint64
	money                     int64
}

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
	now := ruleAt(p.key(), k.w.wall(k.w.clock.now)) + k.version
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
			g.change = ruleAt(p.key(), k.w.wall(grant.change)) + k.version
		}
	case p.reports && p.reason == reasonFinal: // it is closed, and would begin anew
		g.rule, g.inCall, g.out = "", 0, false
	default:
		g.out = false
	}
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
	if strings.HasPrefix(g.rule, "voice") && g.inCall > 0 {
		return max(g.inCall, 60)
	}
	return g.inCall
}

func (p *payment) add(other *payment) {
	p.billed += other.billed
	p.allowances += other.allowances
	p.rated += other.rated
	p.money += other.money
}

// booked is what the core's records say of a rating group of a session.
type booked struct {
	used uint64
	by   map[string]*sums
	paid map[string]*payment
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
			sessions[id][group] = &booked{by: map[string]*sums{}, paid: map[string]*payment{}}
		}
		return sessions[id][group]
	}
	events, spent, renewed := map[string]uint64{}, map[string]int64{}, map[string]bool{}
	messages, rules := map[string]*payment{}, map[string]string{}
	w.shard.records(func(r *usage.Record) {
		switch r.Kind {
		case usage.Session:
			b := of(string(r.SessionID), r.RatingGroup)
			b.used += r.Used
			if r.Flags&usage.Unrated != 0 {
				w.t.Fatalf("record %d of %s is not rated", r.Sequence, r.SessionID)
			}
			var paid payment
			rule := k.priced(r, &paid)
			if b.by[rule] == nil {
				b.by[rule], b.paid[rule] = &sums{}, &payment{}
			}
			b.paid[rule].add(&paid)
			b.by[rule].used += r.Used
			b.by[rule].billed += r.Billed
		case usage.Event:
			events[string(r.SessionID)] += r.Used
			if messages[string(r.SessionID)] == nil {
				messages[string(r.SessionID)] = &payment{}
			}
			rules[string(r.SessionID)] = k.priced(r, messages[string(r.SessionID)])
		case usage.Fee:
			k.fee(r, renewed)
		default: // credits, which the office counts
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
		k.settled(id, rules[id], messages[id])
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
				if b.paid[rule] != nil {
					k.settled(id, rule, b.paid[rule])
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

// priced takes a record in and returns the rule that it has the price of.
func (k *dayBooks) priced(r *usage.Record, paid *payment) string {
	rule := k.w.rules[priceOf{r.Plan, r.Rate}]
	if dayPrices[rule] == 0 {
		k.w.t.Fatalf("record %d of %s has no known price", r.Sequence, r.SessionID)
	}
	charged := int64(r.Charged)
	for n := range r.Postings {
		if p := &r.Postings[n]; p.Denomination.IsMoney() {
			paid.money += p.Amount
			charged -= p.Amount
		} else {
			paid.allowances += uint64(p.Amount)
		}
	}
	if charged != 0 {
		k.w.t.Fatalf("record %d of %s charges %v, and its postings differ from that by %d", r.Sequence, r.SessionID, r.Charged, charged)
	}
	paid.billed += r.Billed
	paid.rated += r.Rated
	return rule
}

// settled checks that units which no allowance paid for cost what the rule says. A report that draws on more buckets than
// a record has room for is in two records, so that this holds for their sum.
func (k *dayBooks) settled(id, rule string, p *payment) {
	if due := int64(p.rated) * dayPrices[rule]; p.money != due || p.allowances+p.rated != p.billed {
		k.w.t.Fatalf("%s: %d units at %s are billed, allowances paid %d, money %d; those cost %d, paid %d",
			id, p.billed, rule, p.allowances, p.rated, due, p.money)
	}
}
