package rating

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// allOf are all scenes that differ in what rules ask for.
func allOf(rules []slowRule) []scene {
	scenes := []scene{{counters: map[string]int{}}}
	multiply := func(asked bool, n int, set func(*scene, int)) {
		if !asked {
			n = 1
		}
		var more []scene
		for _, s := range scenes {
			for k := range n {
				other := s
				set(&other, k)
				more = append(more, other)
			}
		}
		scenes = more
	}
	words := func(asks func(*slowRule) bool, of []string, set func(*scene, string)) {
		asked := slices.ContainsFunc(rules, func(r slowRule) bool { return asks(&r) })
		multiply(asked, len(of), func(s *scene, k int) { set(s, of[k]) })
	}
	zones := []string{"", "world", "europe", "eu", "home"}
	words(func(r *slowRule) bool { return len(r.zone) > 0 }, zones, func(s *scene, v string) { s.zone = v })
	words(func(r *slowRule) bool { return len(r.calling) > 0 }, zones, func(s *scene, v string) { s.calling = v })
	words(func(r *slowRule) bool { return len(r.visited) > 0 }, zones, func(s *scene, v string) { s.visited = v })
	words(func(r *slowRule) bool { return len(r.apn) > 0 }, []string{"", "a", "b", "c"}, func(s *scene, v string) { s.apn = v })
	words(func(r *slowRule) bool { return len(r.rat) > 0 }, []string{"", "nr", "eutran", "17"}, func(s *scene, v string) { s.rat = v })
	words(func(r *slowRule) bool { return len(r.qci) > 0 }, []string{"", "1", "9"}, func(s *scene, v string) { s.qci = v })
	words(func(r *slowRule) bool { return r.direction != "" }, roleNames, func(s *scene, v string) { s.direction = v })
	words(func(r *slowRule) bool { return r.onNet != "" }, []string{"true", "false"}, func(s *scene, v string) { s.onNet = v })
	calendars := []string{"night", "sunday", "sale"}
	multiply(slices.ContainsFunc(rules, func(r slowRule) bool { return len(r.calendar) > 0 }), 1<<len(calendars), func(s *scene, mask int) {
		for k, calendar := range calendars {
			if mask>>k&1 != 0 {
				s.calendars = append(s.calendars, calendar)
			}
		}
	})
	for _, name := range modelCounters {
		asked := slices.ContainsFunc(rules, func(r slowRule) bool {
			return slices.ContainsFunc(r.marks, func(m slowMark) bool { return m.counter == name })
		})
		multiply(asked, 10, func(s *scene, k int) {
			counters := map[string]int{name: k}
			maps.Copy(counters, s.counters)
			s.counters = counters
		})
	}
	return scenes
}

// shadows reports whether one rule applies in every scene in which another does.
func shadows(earlier, later slowRule) bool {
	scenes := allOf([]slowRule{earlier, later})
	return !slices.ContainsFunc(scenes, func(s scene) bool { return later.applies(&s) && !earlier.applies(&s) })
}

// pair is a rule that is never reached, by its line, and the line of the rule
// that takes its place.
type pair struct{ rule, by int }

// TestShadowedRules compares the rules that the compiler says are never
// reached with those of which every scene is taken by one rule before.
func TestShadowedRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) slowRule {
			return drawFewer(t, "day", "money")
		}), 1, 8).Draw(t, "rules")
		source := modelCatalog("UTC", rules)
		line := strings.Count(modelHead("UTC"), "\n") + 1
		var want []pair
		for k, rule := range rules {
			by := slices.IndexFunc(rules[:k], func(e slowRule) bool { return shadows(e, rule) })
			if by < 0 {
				continue
			}
			want = append(want, pair{line + k, line + by})
			if rules[by].asksNothing() {
				break // one such error is enough
			}
		}
		_, err := Compile([]byte(source), databaseZones)
		if got := shadowed(t, err); !slices.Equal(got, want) {
			t.Fatalf("never reached are %v, want %v in\n%s%v", got, want, source, err)
		}
	})
}

// drawFewer draws a rule that asks for at most two things, so that rules that
// cover each other, and scenes that fit, are common.
func drawFewer(t *rapid.T, counters ...string) slowRule {
	r := drawRule(t, counters...)
	if len(r.marks) > 1 {
		return slowRule{marks: r.marks, calendar: r.calendar}
	}
	forget := []func(){
		func() { r.zone = nil }, func() { r.calling = nil }, func() { r.visited = nil }, func() { r.calendar = nil },
		func() { r.apn = nil }, func() { r.rat = nil }, func() { r.qci = nil }, func() { r.direction = "" },
		func() { r.onNet = "" }, func() { r.marks = nil },
	}
	for k, keep := range rapid.Permutation([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}).Draw(t, "keep") {
		if keep >= 2 {
			forget[k]()
		}
	}
	return r
}

// shadowed lists the rules that a compilation finds are never reached.
func shadowed(t *rapid.T, err error) (found []pair) {
	var list SourceErrors
	if err != nil && !errors.As(err, &list) {
		t.Fatal(err)
	}
	for _, e := range list {
		_, rest, ok := strings.Cut(e.Reason, "never reached: the rule in line ")
		by, _, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(by)
		if !ok || err != nil {
			t.Fatal(fmt.Sprint(e))
		}
		found = append(found, pair{e.Line, n})
	}
	return found
}
