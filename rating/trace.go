package rating

import (
	"fmt"
	"strings"

	"gyro/internal/ident"
)

// Trace is how a plan comes to its answer for a request: everything that it
// tried, in order, and why that did or did not apply.
type Trace struct {
	Refusal Refusal
	Match   Match
	// Services are the plan's, in order, up to the one that recognised the request.
	Services []Tried
	// Offers are the subscriber's, in order, up to the one that decided.
	Offers []Tried
	// Rules are those of the deciding offer's rate, up to the one that applied.
	Rules []Tried
}

// Tried is a service, an offer or a rule that was tried.
type Tried struct {
	// Kind is service, offer or rule.
	Kind string
	// Index is that of ServiceAt, Offers or RuleAt; of an offer that the plan
	// does not have it is meaningless.
	Index uint32
	// Name is the catalogue's. A rule without one is called by its line, an offer
	// that the plan does not have by its short name in hexadecimal digits.
	Name string
	// Applies is whether everything that it asks for holds.
	Applies bool
	// Conditions are what it asks for; none where it asks for nothing.
	Conditions []Condition
}

// Condition is one thing that a service, offer or rule asks for.
type Condition struct {
	Key   string // as in rules and tests of a catalogue: rating_group, zone, rat
	Asked string // in words: "national or eu"
	Found string // what the request has: "premium"
	Holds bool
}

// String says in a few words what was found and, where that does not hold, what
// was asked for.
func (c Condition) String() string {
	text := c.Key + " is " + orNone(c.Found)
	if !c.Holds {
		text += ", not " + c.Asked
	}
	return text
}

// String is a sentence: what was tried, whether it applies, and why.
func (t Tried) String() string {
	var why []string
	for _, c := range t.Conditions {
		if c.Holds == t.Applies {
			why = append(why, c.String())
		}
	}
	text := t.Kind + " " + t.Name + " does not apply"
	if t.Applies {
		text = t.Kind + " " + t.Name + " applies"
		if len(why) == 0 {
			return text + ": it asks for nothing"
		}
	}
	return text + ": " + strings.Join(why, "; ")
}

// String has a line for everything that was tried.
func (t *Trace) String() string {
	var b strings.Builder
	for _, list := range [][]Tried{t.Services, t.Offers, t.Rules} {
		for _, tried := range list {
			b.WriteString(tried.String() + "\n")
		}
	}
	b.WriteString(t.Refusal.String() + "\n")
	return b.String()
}

// Trace classifies a request as Classify does and says how that came about. It
// takes its time; charging does not wait for it.
func (p *Plan) Trace(r *Request) *Trace {
	t := &Trace{}
	t.Refusal = p.Classify(r, &t.Match)
	for k := range p.services {
		tried := p.traceService(uint32(k), r)
		t.Services = append(t.Services, tried)
		if tried.Applies {
			break
		}
	}
	if t.Refusal == NoService {
		return t
	}
	for _, name := range r.Offers {
		tried, rate := p.traceOffer(name, t.Match.Service)
		t.Offers = append(t.Offers, tried)
		if rate != nil {
			t.Rules = p.traceRules(rate, r, &t.Match)
			break
		}
	}
	return t
}

// traceService holds a service against a request. The rating groups of a
// service that lists some also keep it from requests without one.
func (p *Plan) traceService(service uint32, r *Request) Tried {
	t := Tried{Kind: "service", Index: service, Name: p.services[service].Name}
	c := &p.recognisers[service]
	t.number("context", []uint32{c.context}, r.Context, true)
	if len(c.ratingGroups) > 0 {
		t.number("rating_group", c.ratingGroups, r.RatingGroup, r.HasRatingGroup)
		if last := &t.Conditions[len(t.Conditions)-1]; c.byDefault && !r.HasRatingGroup {
			last.Holds = true
		}
	}
	if len(c.serviceIDs) > 0 {
		t.number("service_id", c.serviceIDs, r.ServiceID, r.HasServiceID)
	}
	if c.apns.from != c.apns.to {
		t.add("apn", orList(p.apns[c.apns.from:c.apns.to]), string(r.APN), p.hasAPN(c.apns, r.APN))
	}
	if c.roles != 0 {
		t.roles("role", c.roles, r.Role)
	}
	t.conclude()
	return t
}

// traceOffer looks for an offer's rate for a service.
func (p *Plan) traceOffer(name ident.Name, service uint32) (t Tried, found *rate) {
	t = Tried{Kind: "offer", Name: p.Label(name)}
	k, ok := p.offerIndex.find(uint64(name))
	if !ok {
		t.Name = fmt.Sprintf("%08x", uint32(name))
		t.add("catalog", "one that has it", p.name, false)
		return t, nil
	}
	t.Index = k
	has := "none"
	if n := p.rateAt[int(k)*len(p.services)+int(service)]; n != 0 {
		found, has = &p.rates[n], p.services[service].Name
	}
	t.add("rate", p.services[service].Name, has, found != nil)
	t.conclude()
	return t, found
}

// traceRules holds the rules of a rate against a request, up to the one that
// applies.
func (p *Plan) traceRules(rate *rate, r *Request, m *Match) []Tried {
	s := situation{request: r, zone: m.Zone, visited: m.Visited, calling: p.prefixes.zone(r.Calling)}
	if len(p.calendars) > 0 {
		w := p.schedule.walk(&p.zone, r.At)
		s.inForce = w.inForce()
	}
	var rules []Tried
	for k := rate.rules.from; k < rate.rules.to; k++ {
		t := Tried{Kind: "rule", Index: k, Name: p.rules[k].Name}
		if t.Name == "" {
			t.Name = fmt.Sprintf("in line %d", p.rules[k].Line)
		}
		p.traceConditions(&t, &p.rules[k].conditions, &s)
		t.conclude()
		rules = append(rules, t)
		if t.Applies {
			break
		}
	}
	return rules
}

func (t *Tried) add(key, asked, found string, holds bool) {
	t.Conditions = append(t.Conditions, Condition{key, asked, found, holds})
}

// conclude says whether all of the conditions hold.
func (t *Tried) conclude() {
	t.Applies = true
	for _, c := range t.Conditions {
		t.Applies = t.Applies && c.Holds
	}
}
