package rating

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gyro/internal/ident"
	"gyro/internal/instant"
)

// FuzzCompile compiles anything: it never panics, an error is complete and the
// same each time, and what compiles can be used.
func FuzzCompile(f *testing.F) {
	demo, err := os.ReadFile("../testdata/demo/catalog.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(demo))
	scripts, err := filepath.Glob("../testdata/rating/*.txt")
	if err != nil || len(scripts) == 0 {
		f.Fatalf("no scripts: %v", err)
	}
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range strings.Split(string(text), "\ncatalog\n")[1:] {
			source, _, _ := strings.Cut(part, "\n----\n")
			f.Add(source)
		}
	}
	berlin, _ := databaseZones("Europe/Berlin")
	zones := func(string) (instant.Zone, bool) { return berlin, true }
	f.Fuzz(func(t *testing.T, source string) {
		p, err := Compile([]byte(source), zones)
		_, again := Compile([]byte(source), zones)
		if fmt.Sprint(err) != fmt.Sprint(again) {
			t.Fatalf("first %v, then %v", err, again)
		}
		if err != nil {
			checkErrors(t, err)
			return
		}
		if d := Diff(p, p); len(d) != 0 {
			t.Fatalf("differs from itself: %v", d)
		}
		if zone, err := TimeZone([]byte(source)); err != nil || zone == "" {
			t.Fatalf("time zone %q, %v", zone, err)
		}
		p.RunTests()
		usePlan(p)
	})
}

func checkErrors(t *testing.T, err error) {
	t.Helper()
	var list SourceErrors
	var one *SourceError
	if !errors.As(err, &list) || !errors.As(err, &one) || len(list) == 0 || len(list) > MaxErrors {
		t.Fatalf("errors %v", err)
	}
	for _, e := range list {
		if e.Line < 1 || e.Column < 1 || e.Reason == "" {
			t.Fatalf("incomplete error %+v", e)
		}
	}
}

// usePlan classifies and prices around the calendar.
func usePlan(p *Plan) {
	var offers []ident.Name
	for _, o := range p.Offers() {
		offers = append(offers, o.ID)
	}
	for context := range uint32(4) {
		for day := range 8 {
			r := Request{
				Context: 32250 + context, At: instant.Instant(20_000+day) * 86_400_000, Offers: offers, Called: []byte("493012"),
				Serving: ident.PLMN(day) << 12, RAT: uint8(day), QCI: 9, Counters: make(positions, len(p.Counters())), CycleDay: 15,
			}
			var m Match
			if trace := p.Trace(&r); trace.String() == "" {
				panic("an empty trace")
			}
			if p.Classify(&r, &m) == Matched {
				price := p.Price(m.Rate)
				billable, _ := price.Billable(1_000_000)
				cost, _ := price.Cost(billable)
				price.Affordable(cost)
			}
		}
	}
}

// TestValuesAreBounded repeats a list of 256 services in 4096 allowances.
func TestValuesAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("catalog: t\ncurrency: EUR\ntime_zone: UTC\nservices:\n")
	var names []string
	for k := range MaxServices {
		fmt.Fprintf(&b, "  - {name: s%d, context: %d, unit: octets}\n", k, k+1)
		names = append(names, fmt.Sprintf("s%d", k))
	}
	b.WriteString("offers: []\nallowances:\n")
	services := "&all [" + strings.Join(names, ", ") + "]"
	for k := range MaxAllowances {
		fmt.Fprintf(&b, "  - {name: a%d, unit: octets, amount: 1, services: %s}\n", k, services)
		services = "*all"
	}
	_, err := Compile([]byte(b.String()), utcOnly)
	var one *SourceError
	if !errors.As(err, &one) || one.Reason != "too many values" {
		t.Errorf("error %v", err)
	}
}

func TestSourceIsBounded(t *testing.T) {
	_, err := Compile(make([]byte, MaxSource+1), utcOnly)
	if err == nil || !strings.Contains(err.Error(), "the catalogue has 4194305 octets; at most 4194304 are read") {
		t.Errorf("error %v", err)
	}
}

func TestATimeZoneTableThatIsMalformed(t *testing.T) {
	source := []byte("{catalog: t, currency: EUR, time_zone: X, services: [], offers: []}")
	for name, zone := range map[string]instant.Zone{
		"empty":         {},
		"unequal":       {From: []instant.Instant{0, 1}, Offset: []int32{0}},
		"not ascending": {From: []instant.Instant{5, 1}, Offset: []int32{0, 0}},
		"offset":        {From: []instant.Instant{0}, Offset: []int32{86400}},
	} {
		if _, err := Compile(source, func(string) (instant.Zone, bool) { return zone, true }); err == nil {
			t.Errorf("a table that is %s compiles", name)
		}
	}
}
