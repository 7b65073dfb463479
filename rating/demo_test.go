package rating

import (
	"os"
	"testing"
	"time"
	_ "time/tzdata"

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
