package rating

import (
	"os"
	"testing"
	"time"
	_ "time/tzdata"

	"gyro/internal/ident"
	"gyro/internal/instant"
)

// databaseZones tabulates zones as the edge does.
func databaseZones(name string) (instant.Zone, bool) {
	loc, err := time.LoadLocation(name)
	if err != nil {
		return instant.Zone{}, false
	}
	return instant.Tabulate(loc), true
}

func TestDemoCatalogue(t *testing.T) {
	text, err := os.ReadFile("../testdata/demo/catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile(text, databaseZones)
	if err != nil {
		t.Fatal(err)
	}
	results := p.RunTests()
	if len(results) < 40 {
		t.Errorf("only %d tests", len(results))
	}
	for _, r := range results {
		if !r.Passed {
			t.Errorf("line %d: %s: %s", r.Line, r.Name, r.Failure)
		}
	}
}

// economicArea are the members of the European Economic Area but Germany, by mobile country code (ITU-T E.212) and country code
// (ITU-T E.164), and the overseas departments of France.
var economicArea = map[string]string{
	"232": "43", "206": "32", "284": "359", "219": "385", "280": "357", "230": "420", "238": "45", "248": "372", "244": "358",
	"208": "33", "202": "30", "216": "36", "272": "353", "222": "39", "247": "371", "246": "370", "270": "352", "278": "356",
	"204": "31", "260": "48", "268": "351", "226": "40", "231": "421", "293": "386", "214": "34", "240": "46",
	"274": "354", "295": "423", "242": "47", "340": "590", "647": "262",
}

// TestDemoZones holds the demo operator's zones against the numbering plans of the ITU.
func TestDemoZones(t *testing.T) {
	p := demoPlan(t)
	check := func(mcc, country, want string) {
		t.Helper()
		serving, err := ident.ParsePLMN([]byte(mcc + "99"))
		if err != nil {
			t.Fatal(err)
		}
		r := Request{
			Context: 32260, Called: []byte(country + "5550100"), Serving: serving, Offers: []ident.Name{ident.NameOf("payg")},
			At: instant.Of(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)),
		}
		var m Match
		if result := p.Classify(&r, &m); result != Matched || p.ZoneAt(m.Zone).Name != want || p.ZoneAt(m.Visited).Name != want {
			t.Errorf("MCC %s and +%s: result %v, zones %s and %s, want %s", mcc, country, result, p.ZoneAt(m.Zone).Name, p.ZoneAt(m.Visited).Name, want)
		}
	}
	for mcc, country := range economicArea {
		check(mcc, country, "eu")
	}
	for mcc, country := range map[string]string{"234": "44", "235": "44"} {
		check(mcc, country, "uk")
	}
	check("228", "41", "switzerland")
	for mcc, country := range map[string]string{"310": "1212", "302": "1416", "286": "90", "505": "61", "440": "81"} {
		check(mcc, country, "world-1")
	}
	for mcc, country := range map[string]string{"364": "1242", "250": "7", "404": "91", "520": "66", "724": "55", "655": "27"} {
		check(mcc, country, "world")
	}
}
