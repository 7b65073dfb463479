package rating

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gyro/internal/instant"
)

// draw draws rules, leaves out those that are never reached, and compiles the
// rest.
func (x *rulebook) draw(zone string) {
	rules := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) slowRule {
		return drawFewer(t, modelCounters...)
	}), 1, 7).Draw(x.t, "rules")
	line := strings.Count(modelHead(zone), "\n") + 1
	for {
		source := modelCatalog(zone, rules)
		p, err := Compile([]byte(source), databaseZones)
		if err == nil {
			x.plan, x.rules, x.source = p, rules, source
			return
		}
		lines := shadowed(x.t, err)
		if len(lines) == 0 {
			x.t.Fatalf("%s\n%v", source, err)
		}
		k := lines[0].rule - line
		rules = append(rules[:k:k], rules[k+1:]...)
	}
}

// TestClassifyAgainstTryingEveryRule compares the rule, the moment until which
// it applies, what is left until a counter changes it and what it depends on
// with trying all rules in all scenes that can follow.
func TestClassifyAgainstTryingEveryRule(t *testing.T) {
	const zone = "Europe/Berlin"
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		m := rulebook{t: t, loc: loc}
		m.draw(zone)
		for range 10 {
			s := drawScene(t)
			hours := rapid.IntRange(0, 400*24).Draw(t, "hours")
			at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(hours) * time.Hour)
			s.at(at.In(loc))
			m.check(s, at, uint8(rapid.IntRange(1, 28).Draw(t, "cycle day")))
		}
	})
}

// rulebook is a plan and the rules it was made of.
type rulebook struct {
	t      *rapid.T
	loc    *time.Location
	plan   *Plan
	rules  []slowRule
	source string
}

// check compares everything that Classify says of a scene.
func (x *rulebook) check(s scene, at time.Time, cycleDay uint8) {
	r := s.request(at, cycleDay)
	var m Match
	refusal := x.plan.Classify(&r, &m)
	want := first(x.rules, &s)
	if got := ruleOf(refusal, &m); got != want {
		x.t.Fatalf("%s%+v\nrule %d, want %d", x.source, s, got, want)
	}
	trace := x.plan.Trace(&r)
	last := trace.Rules[len(trace.Rules)-1]
	if trace.Match != m || trace.Refusal != refusal || last.Applies != (want >= 0) || (want >= 0 && last.Index != m.Rule) {
		x.t.Fatalf("%s%+v\ntraced as\n%s", x.source, s, trace)
	}
	horizon := instant.Of(at).Add(Horizon)
	switch until := x.changes(s, at, cycleDay); {
	case m.Until == until:
	case until == horizon && m.Until == 0 && !everChanges(x.rules, s):
	default:
		x.t.Fatalf("%s%+v\nat %v until %v, want %v", x.source, s, at.In(x.loc), m.Until.Time().In(x.loc), until.Time().In(x.loc))
	}
	if want >= 0 {
		x.checkLeft(s, &m)
	}
	x.checkDepends(s, m.Depends)
}

func ruleOf(refusal Refusal, m *Match) int {
	if refusal != Matched {
		return -1
	}
	return int(m.Rule)
}

// changes is the first hour in which another rule applies, when nothing is used
// meanwhile, or the horizon.
func (x *rulebook) changes(s scene, at time.Time, cycleDay uint8) instant.Instant {
	now := first(x.rules, &s)
	_, day := x.plan.Day(instant.Of(at))
	_, cycle := x.plan.Cycle(instant.Of(at), cycleDay)
	s.counters = maps.Clone(s.counters)
	for later := at.Add(time.Hour); later.Before(at.Add(time.Duration(Horizon) * time.Millisecond)); later = later.Add(time.Hour) {
		if instant.Of(later) >= day {
			s.counters["day"], s.counters["money"] = 0, 0
		}
		if instant.Of(later) >= cycle {
			s.counters["cycle"], s.counters["other"] = 0, 0
		}
		s.at(later.In(x.loc))
		if first(x.rules, &s) != now {
			return instant.Of(later)
		}
	}
	return instant.Of(at).Add(Horizon)
}

// everChanges reports whether any calendars in force make it another rule.
func everChanges(rules []slowRule, s scene) bool {
	now := first(rules, &s)
	return slices.ContainsFunc(allOf([]slowRule{{calendar: []string{"night"}}}), func(calendars scene) bool {
		s.calendars = calendars.calendars
		return first(rules, &s) != now
	})
}

// checkLeft uses octets and money one by one: within what is left nothing
// changes, and where no counter of money is asked for, at its end it does.
func (x *rulebook) checkLeft(s scene, m *Match) {
	const most = 9 // above every mark
	now := first(x.rules, &s)
	after := func(units, amount int) int {
		used := s
		used.counters = maps.Clone(s.counters)
		for k, name := range modelCounters {
			if x.plan.Counts(uint32(k), m) != s.counts(name) {
				x.t.Fatalf("%s%+v\ncounter %s: %v", x.source, s, name, !s.counts(name))
			}
			switch {
			case !s.counts(name):
			case name == "money":
				used.counters[name] += amount
			default:
				used.counters[name] += units
			}
		}
		return first(x.rules, &used)
	}
	units, amount := int(m.Left), int(m.LeftMoney/1_000_000)
	if units == 0 {
		units = most
	}
	if amount == 0 {
		amount = most
	}
	asksMoney := strings.Contains(ruleLines(x.rules), "name: money")
	for u := range units {
		for a := range amount {
			if after(u, a) != now {
				x.t.Fatalf("%s%+v\nleft %d and %v, but rule %d applies after %d and %d", x.source, s, m.Left, m.LeftMoney, after(u, a), u, a)
			}
		}
	}
	if m.Left != 0 && !asksMoney && after(units, 0) == now {
		x.t.Fatalf("%s%+v\nleft %d, where nothing changes", x.source, s, m.Left)
	}
	if !asksMoney && m.LeftMoney != 0 {
		x.t.Fatalf("%s%+v\nleft money %v", x.source, s, m.LeftMoney)
	}
}

// checkDepends changes what the choice is said not to depend on.
func (x *rulebook) checkDepends(s scene, depends Dependence) {
	now := first(x.rules, &s)
	try := func(on Dependence, values []string, set func(*scene, string)) {
		for _, value := range values {
			other := s
			if set(&other, value); depends&on == 0 && first(x.rules, &other) != now {
				x.t.Fatalf("%s%+v\ndepends on %s, but also on %s", x.source, s, depends, on)
			}
		}
	}
	try(DependsRAT, []string{"", "nr", "eutran", "17"}, func(s *scene, v string) { s.rat = v })
	try(DependsQCI, []string{"", "1", "9"}, func(s *scene, v string) { s.qci = v })
	try(DependsServing, []string{"world", "europe", "eu", "home"}, func(s *scene, v string) { s.visited = v })
}
