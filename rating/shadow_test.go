package rating

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// asked is what a rule of the property below asks for; an empty list is any.
type asked struct{ zones, calendars, apns []string }

func (a asked) String() string {
	var b strings.Builder
	b.WriteString("{")
	for key, list := range map[string][]string{"zone": a.zones, "calendar": a.calendars, "apn": a.apns} {
		if len(list) > 0 {
			fmt.Fprintf(&b, "%s: [%s], ", key, strings.Join(list, ", "))
		}
	}
	return b.String() + "treatment: free}"
}

// scene is all of a request that rules look at.
type scene struct {
	zone, apn string
	calendars []string // in force
}

// around are the zones of the property with those that they lie within.
var around = map[string][]string{"world": {"world"}, "europe": {"europe", "world"}, "eu": {"eu", "europe", "world"}, "home": {"home"}}

func (a asked) applies(s scene) bool {
	one := func(list, of []string) bool {
		return len(list) == 0 || slices.ContainsFunc(of, func(s string) bool { return slices.Contains(list, s) })
	}
	return one(a.zones, around[s.zone]) && one(a.calendars, s.calendars) && one(a.apns, []string{s.apn})
}

// situations are all that there are.
func scenes() (all []scene) {
	calendars := []string{"night", "sunday", "sale"}
	for _, zone := range []string{"", "world", "europe", "eu", "home"} {
		for _, apn := range []string{"", "a", "b", "c"} {
			for mask := range 1 << len(calendars) {
				s := scene{zone: zone, apn: apn}
				for k, calendar := range calendars {
					if mask>>k&1 != 0 {
						s.calendars = append(s.calendars, calendar)
					}
				}
				all = append(all, s)
			}
		}
	}
	return all
}

// TestShadowedRules compares the rules that the compiler says are never
// reached with those of which every scene is taken by one rule before.
func TestShadowedRules(t *testing.T) {
	all := scenes()
	shadows := func(earlier, later asked) bool {
		return !slices.ContainsFunc(all, func(s scene) bool { return later.applies(s) && !earlier.applies(s) })
	}
	some := func(words ...string) *rapid.Generator[[]string] {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(words), 0, 2, rapid.ID)
	}
	rapid.Check(t, func(t *rapid.T) {
		rules := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) asked {
			return asked{
				some("world", "europe", "eu", "home").Draw(t, "zones"), some("night", "sunday", "sale").Draw(t, "calendars"),
				some("a", "b", "c").Draw(t, "apns"),
			}
		}), 1, 8).Draw(t, "rules")
		source := `catalog: shop
currency: EUR
time_zone: UTC
services: [{name: internet, context: 32251, unit: octets}]
zones:
  - {name: world, prefixes: ["1"]}
  - {name: europe, within: world, prefixes: ["3"]}
  - {name: eu, within: europe, prefixes: ["4"]}
  - {name: home, prefixes: ["49"]}
calendars:
  - {name: night, periods: [{from: "22:00", to: "06:00"}]}
  - {name: sunday, periods: [{weekdays: sun}]}
  - {name: sale, periods: [{dates: 12-27}]}
offers: [{name: payg, rates: [{service: internet, rules: [
`
		first := strings.Count(source, "\n") + 1
		var want []string
		for k, rule := range rules {
			source += rule.String() + ",\n"
			by := slices.IndexFunc(rules[:k], func(e asked) bool { return shadows(e, rule) })
			if by < 0 {
				continue
			}
			want = append(want, fmt.Sprintf("%d by %d", first+k, first+by))
			if len(rules[by].zones)+len(rules[by].calendars)+len(rules[by].apns) == 0 {
				break // one such error is enough
			}
		}
		_, err := Compile([]byte(source+"]}]}]\n"), databaseZones)
		if got := shadowed(t, err); !slices.Equal(got, want) {
			t.Fatalf("never reached are %v, want %v in\n%s%v", got, want, source, err)
		}
	})
}

// shadowed lists the rules that a compilation finds are never reached.
func shadowed(t *rapid.T, err error) (lines []string) {
	var list SourceErrors
	if err != nil && !errors.As(err, &list) {
		t.Fatal(err)
	}
	for _, e := range list {
		_, rest, found := strings.Cut(e.Reason, "never reached: the rule in line ")
		by, _, _ := strings.Cut(rest, " ")
		if !found {
			t.Fatal(e)
		}
		lines = append(lines, fmt.Sprintf("%d by %s", e.Line, by))
	}
	return lines
}
