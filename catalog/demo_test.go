package catalog

import (
	"testing"

	"gyro/testdata/demo"
)

// TestDemoOffice: the demo operator's document compiles, and its tests pass.
func TestDemoOffice(t *testing.T) {
	compiled, err := Compile(demo.Office)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[Kind]int{}
	for n := range compiled.Offerings {
		kinds[compiled.Offerings[n].Kind]++
	}
	if kinds[Prepaid] != 2 || kinds[Postpaid] != 5 || len(compiled.Plan.RunTests()) != 7 {
		t.Errorf("%v, %d tests", kinds, len(compiled.Plan.RunTests()))
	}
}
