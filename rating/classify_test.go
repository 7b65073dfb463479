package rating

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gyro/internal/ident"
	"gyro/internal/instant"
)

// TestLongestPrefixAgainstAllPrefixes compares the trie with trying every
// prefix and number.
func TestLongestPrefixAgainstAllPrefixes(t *testing.T) {
	digits := rapid.StringMatching(`[0-3]{1,6}`)
	rapid.Check(t, func(t *rapid.T) {
		prefixes := rapid.SliceOfNDistinct(digits, 1, 30, rapid.ID[string]).Draw(t, "prefixes")
		numbers := rapid.SliceOfNDistinct(digits, 1, 10, rapid.ID[string]).Draw(t, "numbers")
		var source strings.Builder
		source.WriteString("catalog: t\ncurrency: EUR\ntime_zone: UTC\nservices: []\noffers: []\nzones:\n")
		for _, p := range prefixes {
			fmt.Fprintf(&source, "  - {name: p%s, prefixes: [%q]}\n", p, p)
		}
		for _, n := range numbers {
			fmt.Fprintf(&source, "  - {name: n%s, numbers: %q}\n", n, "+"+n)
		}
		p, err := Compile([]byte(source.String()), utcOnly)
		if err != nil {
			t.Fatalf("%s\n%v", source.String(), err)
		}
		called := rapid.StringMatching(`[0-3]{0,8}`).Draw(t, "called")
		want, longest := "", 0
		for _, prefix := range prefixes {
			if strings.HasPrefix(called, prefix) && len(prefix) > longest {
				want, longest = "p"+prefix, len(prefix)
			}
		}
		for _, number := range numbers {
			if number == called {
				want = "n" + number
			}
		}
		if got := p.ZoneAt(p.prefixes.zone([]byte(called))).Name; got != want {
			t.Fatalf("%s\n%q is in %q, want %q", source.String(), called, got, want)
		}
	})
}

// slowService is a service as the manual describes how it is recognised.
type slowService struct {
	context                  uint32
	groups, serviceIDs, role []uint32
	apns                     []string
	byDefault                bool
}

func (s *slowService) source(k int) string {
	parts := []string{fmt.Sprintf("name: s%d, unit: octets, context: %d", k, s.context)}
	add := func(key, form string, list any, empty bool) {
		if !empty {
			parts = append(parts, key+": "+strings.ReplaceAll(fmt.Sprintf(form, list), " ", ", "))
		}
	}
	add("rating_groups", "%d", s.groups, s.groups == nil)
	add("service_ids", "%d", s.serviceIDs, s.serviceIDs == nil)
	add("apns", "%v", s.apns, s.apns == nil)
	if s.role != nil {
		parts = append(parts, "roles: "+roleNames[s.role[0]])
	}
	if s.byDefault {
		parts = append(parts, "default: true")
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (s *slowService) accepts(r *Request) bool {
	if s.context != r.Context {
		return false
	}
	group := s.groups == nil
	if r.HasRatingGroup {
		group = group || slices.Contains(s.groups, r.RatingGroup)
	} else {
		group = group || s.byDefault
	}
	id := s.serviceIDs == nil || (r.HasServiceID && slices.Contains(s.serviceIDs, r.ServiceID))
	role := s.role == nil || slices.Contains(s.role, uint32(r.Role))
	apn, _, _ := strings.Cut(strings.ToLower(string(r.APN)), ".mnc")
	return group && id && role && (s.apns == nil || slices.Contains(s.apns, apn))
}

// TestRecognitionAgainstTryingEveryService compares the index with going
// through the services in catalogue order.
func TestRecognitionAgainstTryingEveryService(t *testing.T) {
	list := func(t *rapid.T, label string, most uint32) []uint32 {
		if rapid.Bool().Draw(t, "any "+label) {
			return nil
		}
		return rapid.SliceOfNDistinct(rapid.Uint32Range(0, most), 1, 3, rapid.ID[uint32]).Draw(t, label)
	}
	rapid.Check(t, func(t *rapid.T) {
		services := make([]slowService, rapid.IntRange(1, 6).Draw(t, "services"))
		source := "catalog: t\ncurrency: EUR\ntime_zone: UTC\noffers: []\nservices:\n"
		for k := range services {
			s := slowService{
				context: rapid.Uint32Range(1, 2).Draw(t, "context"),
				groups:  list(t, "groups", 4), serviceIDs: list(t, "service ids", 2), role: list(t, "role", 3),
				byDefault: rapid.Bool().Draw(t, "default"),
			}
			if s.role != nil {
				s.role = s.role[:1]
			}
			if rapid.Bool().Draw(t, "has apn") {
				s.apns = []string{rapid.SampledFrom([]string{"web", "ims"}).Draw(t, "apn")}
			}
			services[k] = s
			source += "  - " + s.source(k) + "\n"
		}
		p, err := Compile([]byte(source), utcOnly)
		if err != nil {
			if !strings.Contains(err.Error(), "never recognised") {
				t.Fatalf("%s\n%v", source, err)
			}
			return
		}
		r := Request{
			Context: rapid.Uint32Range(0, 3).Draw(t, "request context"), RatingGroup: rapid.Uint32Range(0, 5).Draw(t, "group"),
			HasRatingGroup: rapid.Bool().Draw(t, "has group"), ServiceID: rapid.Uint32Range(0, 3).Draw(t, "id"),
			HasServiceID: rapid.Bool().Draw(t, "has id"), Role: uint8(rapid.IntRange(0, 4).Draw(t, "role of request")),
			APN: []byte(rapid.SampledFrom([]string{"", "web", "WEB", "Ims.mnc001.mcc262.GPRS", "other"}).Draw(t, "request apn")),
		}
		want := -1
		for k := range services {
			if services[k].accepts(&r) {
				want = k
				break
			}
		}
		got, ok := p.recognise(&r)
		if ok != (want >= 0) || (ok && int(got) != want) {
			t.Fatalf("%s\n%+v\nrecognised as %d, %v; want %d", source, r, got, ok, want)
		}
	})
}

// TestNamesThatMeetInOneShortForm uses two names found by search.
func TestNamesThatMeetInOneShortForm(t *testing.T) {
	const one, two = "offer-84190", "offer-149990"
	if ident.NameOf(one) != ident.NameOf(two) {
		t.Fatalf("%s and %s no longer meet", one, two)
	}
	source := fmt.Sprintf(`{catalog: t, currency: EUR, time_zone: UTC, services: [{name: %s, context: 1, unit: octets}],
  offers: [{name: %s, rates: [{service: %s, rules: [{treatment: free}]}]}]}`, one, two, one)
	_, err := Compile([]byte(source), utcOnly)
	if err == nil || !strings.Contains(err.Error(), "have the same short form") {
		t.Errorf("error %v", err)
	}
}

func demoPlan(t testing.TB) *Plan {
	t.Helper()
	text, err := os.ReadFile("../testdata/demo/catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile(text, databaseZones)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLookUps(t *testing.T) {
	p := demoPlan(t)
	for k, o := range p.Offers() {
		found, ok := p.Offer(o.ID)
		if !ok || found != &p.Offers()[k] || p.Label(o.ID) != o.Name {
			t.Errorf("offer %s is not found", o.Name)
		}
	}
	for k, a := range p.Allowances() {
		found, ok := p.Allowance(a.ID)
		if !ok || found != p.AllowanceAt(uint32(k)) || p.Label(a.ID) != a.Name {
			t.Errorf("allowance %s is not found", a.Name)
		}
	}
	if _, ok := p.Offer(ident.NameOf("no-such-offer")); ok {
		t.Error("an offer that does not exist is found")
	}
	if _, ok := p.Allowance(ident.NameOf("payg")); ok {
		t.Error("an offer is found as an allowance")
	}
	if got := p.Label(ident.NameOf("no-such-offer")); got != "" {
		t.Errorf("label %q", got)
	}
	if cost, ok := p.Price(0).Cost(MaxUnits); !ok || cost != 0 {
		t.Errorf("what is not charged costs %s", cost)
	}
}

// demoRequests are the requests that a benchmark and the allocation test use.
func demoRequests() map[string]Request {
	monday := instant.Of(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))
	friday := instant.Of(time.Date(2026, 11, 27, 21, 0, 0, 0, time.UTC))
	both := []ident.Name{ident.NameOf("data-5gb"), ident.NameOf("payg")}
	payg := both[1:]
	return map[string]Request{
		"data":          {Context: 32251, RatingGroup: 10, HasRatingGroup: true, APN: []byte("internet"), At: monday, Offers: both},
		"voice/peak":    {Context: 32260, Called: []byte("4930123456"), At: monday, Offers: payg},
		"voice/weekend": {Context: 32260, Called: []byte("4930123456"), At: friday, Offers: payg},
		"voice/abroad":  {Context: 32260, Called: []byte("33142345678"), At: monday, Offers: both},
		"no-service":    {Context: 1, At: monday, Offers: both},
	}
}

func TestClassifyAndPriceAllocateNothing(t *testing.T) {
	p := demoPlan(t)
	for name, r := range demoRequests() {
		var m Match
		allocations := testing.AllocsPerRun(100, func() {
			if p.Classify(&r, &m) != Matched {
				return
			}
			price := p.Price(m.Rate)
			billable, _ := price.Billable(123_456_789)
			cost, _ := price.Cost(billable)
			price.Affordable(cost)
			p.Pays(p.AllowanceAt(0), &m)
		})
		if allocations != 0 {
			t.Errorf("%s: %v allocations", name, allocations)
		}
	}
}

// TestConditionsAllocateNothing is about rules that ask for everything there is.
func TestConditionsAllocateNothing(t *testing.T) {
	everything := slowRule{
		zone: []string{"world"}, calling: []string{"home"}, visited: []string{"europe"}, calendar: []string{"night"},
		apn: []string{"web"}, rat: []string{"nr"}, qci: []string{"9"}, direction: "originating", onNet: "true",
		marks: []slowMark{{"day", 1, 5}, {"money", 0, 4}},
	}
	p, err := Compile([]byte(modelCatalog("Europe/Berlin", []slowRule{everything, {marks: everything.marks}, {}})), databaseZones)
	if err != nil {
		t.Fatal(err)
	}
	s := scene{
		zone: "eu", calling: "home", visited: "eu", apn: "web", rat: "nr", qci: "9", direction: "originating", onNet: "true",
		counters: map[string]int{"day": 2, "money": 1},
	}
	r := s.request(time.Date(2026, 11, 23, 23, 0, 0, 0, time.UTC), 15)
	r.Counters = positions{2, 0, 0, 0, 1_000_000}
	var m Match
	allocations := testing.AllocsPerRun(100, func() {
		if p.Classify(&r, &m) != Matched || m.Rule != 0 || m.Left != 3 || m.LeftMoney != 3_000_000 {
			t.Fatalf("%+v", m)
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}

func BenchmarkClassify(b *testing.B) {
	p := demoPlan(b)
	requests := demoRequests()
	for _, name := range []string{"data", "voice/peak", "voice/weekend", "voice/abroad", "no-service"} {
		r := requests[name]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var m Match
			for range b.N {
				p.Classify(&r, &m)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	text, err := os.ReadFile("../testdata/demo/catalog.yaml")
	if err != nil {
		b.Fatal(err)
	}
	zone, _ := databaseZones("Europe/Berlin")
	b.ReportAllocs()
	for range b.N {
		if _, err := Compile(text, func(string) (instant.Zone, bool) { return zone, true }); err != nil {
			b.Fatal(err)
		}
	}
}
