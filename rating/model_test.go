package rating

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"gyro/internal/ident"
	"gyro/internal/instant"
)

// slowRule is a rule as the manual describes it; an empty list asks for nothing.
type slowRule struct {
	zone, calling, visited, calendar, apn, rat []string
	qci                                        []string
	direction, onNet                           string // "" for any
	marks                                      []slowMark
}

// slowMark is a condition on a counter; 0 is no bound.
type slowMark struct {
	counter     string
	from, below int
}

// scene is all of a request that rules look at, in the words of catalogues; ""
// is what a request does not say.
type scene struct {
	zone, calling, visited, apn, rat, qci string
	direction, onNet                      string
	calendars                             []string // in force
	counters                              map[string]int
}

// around are the zones of modelCatalog with those that they lie within.
var around = map[string][]string{
	"": nil, "world": {"world"}, "europe": {"europe", "world"}, "eu": {"eu", "europe", "world"}, "home": {"home"},
}

// The numbers and networks of those zones, and of none.
var (
	numbersOf  = map[string]string{"world": "11", "europe": "31", "eu": "41", "home": "49", "": "99"}
	networksOf = map[string]string{"world": "310-26", "europe": "222-01", "eu": "208-01", "home": "262-01"}
)

// modelCatalog is a catalogue with the rules of a model, which begin in line
// modelLine. A network that is not told counts as home.
func modelCatalog(zone string, rules []slowRule) string {
	return modelHead(zone) + ruleLines(rules) + "]}]}]\n"
}

func modelHead(zone string) string {
	return `catalog: shop
currency: EUR
time_zone: ` + zone + `
services:
  - {name: internet, context: 1, unit: octets}
  - {name: other, context: 2, unit: octets}
zones:
  - {name: world, prefixes: ["1"], networks: any}
  - {name: europe, within: world, prefixes: ["3"], networks: ["222", "262-02"]}
  - {name: eu, within: europe, prefixes: ["4"], networks: ["208"]}
  - {name: home, prefixes: ["49"], networks: ["262", unknown]}
calendars:
  - {name: night, periods: [{from: "22:00", to: "06:00"}]}
  - {name: sunday, periods: [{weekdays: sun}]}
  - {name: sale, periods: [{dates: 12-27}]}
counters:
  - {name: day, unit: octets, services: internet, period: day}
  - {name: cycle, unit: octets, services: internet, of: account, period: cycle}
  - {name: ever, unit: octets, services: internet, visited: [europe], period: ever}
  - {name: other, unit: octets, services: other, period: cycle}
  - {name: money, unit: money, services: internet, period: day}
offers: [{name: payg, rates: [{service: internet, rules: [
`
}

func ruleLines(rules []slowRule) string {
	var b strings.Builder
	for _, rule := range rules {
		b.WriteString(rule.String() + ",\n")
	}
	return b.String()
}

// String is the rule as a catalogue writes it.
func (a slowRule) String() string {
	var parts []string
	list := func(key string, words []string) {
		if len(words) > 0 {
			parts = append(parts, key+": ["+strings.Join(words, ", ")+"]")
		}
	}
	list("zone", a.zone)
	list("calling", a.calling)
	list("visited", a.visited)
	list("calendar", a.calendar)
	list("apn", a.apn)
	list("rat", a.rat)
	list("qci", a.qci)
	for _, one := range [][2]string{{"direction", a.direction}, {"on_net", a.onNet}} {
		if one[1] != "" {
			parts = append(parts, one[0]+": "+one[1])
		}
	}
	var marks []string
	for _, m := range a.marks {
		text := "{name: " + m.counter
		if m.from > 0 {
			text += fmt.Sprintf(", from: %d", m.from)
		}
		if m.below > 0 {
			text += fmt.Sprintf(", below: %d", m.below)
		}
		marks = append(marks, text+"}")
	}
	list("counter", marks)
	return "{" + strings.Join(append(parts, "price: {amount: 1, per: 1B}"), ", ") + "}"
}

func (a slowRule) asksNothing() bool { return a.String() == slowRule{}.String() }

// applies holds everything that the rule asks for against a scene.
func (a slowRule) applies(s *scene) bool {
	one := func(list []string, of ...string) bool {
		return len(list) == 0 || slices.ContainsFunc(of, func(s string) bool { return slices.Contains(list, s) })
	}
	for _, m := range a.marks {
		if n := s.counters[m.counter]; n < m.from || (m.below > 0 && n >= m.below) {
			return false
		}
	}
	return one(a.zone, around[s.zone]...) && one(a.calling, around[s.calling]...) && one(a.visited, around[s.visited]...) &&
		one(a.calendar, s.calendars...) && one(a.apn, s.apn) && one(a.rat, s.rat) && one(a.qci, s.qci) &&
		(a.direction == "" || a.direction == s.direction) && (a.onNet == "" || a.onNet == s.onNet)
}

// first is the first rule that applies, -1 for none.
func first(rules []slowRule, s *scene) int {
	return slices.IndexFunc(rules, func(r slowRule) bool { return r.applies(s) })
}

// drawRule draws a rule that asks for a few things.
func drawRule(t *rapid.T, counters ...string) slowRule {
	some := func(label string, words ...string) []string {
		if rapid.Bool().Draw(t, "any "+label) {
			return nil
		}
		return rapid.SliceOfNDistinct(rapid.SampledFrom(words), 1, 2, rapid.ID).Draw(t, label)
	}
	either := func(label string, words ...string) string {
		return rapid.SampledFrom(append(words, "", "")).Draw(t, label)
	}
	zones := []string{"world", "europe", "eu", "home"}
	r := slowRule{
		zone: some("zone", zones...), calling: some("calling", zones...), visited: some("visited", zones...),
		calendar: some("calendar", "night", "sunday", "sale"), apn: some("apn", "a", "b", "c"),
		rat: some("rat", "nr", "eutran", "17"), qci: some("qci", "1", "9"),
		direction: either("direction", "originating", "terminating"), onNet: either("on net", "true", "false"),
	}
	for _, name := range some("counter", counters...) {
		m := slowMark{counter: name, from: rapid.IntRange(0, 4).Draw(t, "from")}
		if m.from == 0 || rapid.Bool().Draw(t, "bounded") {
			m.below = m.from + rapid.IntRange(1, 4).Draw(t, "below")
		}
		r.marks = append(r.marks, m)
	}
	if len(r.marks) > 0 && rapid.Bool().Draw(t, "counters alone") {
		r = slowRule{marks: r.marks, calendar: r.calendar}
	}
	return r
}

// drawScene draws what a request says, without its moment.
func drawScene(t *rapid.T) scene {
	pick := func(label string, words ...string) string { return rapid.SampledFrom(words).Draw(t, label) }
	s := scene{
		zone: pick("called", "", "world", "europe", "eu", "home"), calling: pick("calling", "", "world", "eu", "home"),
		visited: pick("visited", "world", "europe", "eu", "home"), apn: pick("apn", "", "a", "b", "c"),
		rat: pick("rat", "", "nr", "eutran", "17"), qci: pick("qci", "", "1", "9"),
		direction: pick("direction", "originating", "terminating", "proxy"), onNet: pick("on net", "true", "false"),
		counters: map[string]int{},
	}
	for _, name := range modelCounters {
		s.counters[name] = rapid.IntRange(0, 5).Draw(t, name)
	}
	return s
}

var modelCounters = []string{"day", "cycle", "ever", "other", "money"}

// counts reports whether usage in the scene advances a counter.
func (s *scene) counts(counter string) bool {
	return counter != "other" && (counter != "ever" || slices.Contains(around[s.visited], "europe"))
}

// Used lets a scene be a request's counters.
func (s *scene) Used(counter uint32) uint64 {
	n := s.counters[modelCounters[counter]]
	if modelCounters[counter] == "money" {
		return uint64(n) * 1_000_000
	}
	return uint64(n)
}

// request is the scene as a gateway tells it.
func (s *scene) request(at time.Time, cycleDay uint8) Request {
	r := Request{
		Context: 1, At: instant.Of(at), CycleDay: cycleDay, APN: []byte(s.apn), OnNet: s.onNet == "true",
		Called: []byte(numbersOf[s.zone]), Calling: []byte(numbersOf[s.calling]), Offers: []ident.Name{ident.NameOf("payg")},
		Role: uint8(slices.Index(roleNames, s.direction)), Counters: s,
	}
	r.Serving, _ = ident.ParsePLMN([]byte(networksOf[s.visited]))
	if s.rat != "" {
		r.RAT, _ = ratNamed(s.rat)
	}
	if s.qci != "" {
		r.QCI = s.qci[0] - '0'
	}
	return r
}

// at sets the calendars of a scene to those in force at a moment.
func (s *scene) at(t time.Time) {
	s.calendars = nil
	if t.Hour() >= 22 || t.Hour() < 6 {
		s.calendars = append(s.calendars, "night")
	}
	if t.Weekday() == time.Sunday {
		s.calendars = append(s.calendars, "sunday")
	}
	if t.Month() == time.December && t.Day() == 27 {
		s.calendars = append(s.calendars, "sale")
	}
}
