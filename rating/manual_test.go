package rating

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestManual compiles the yaml blocks of the reference as one catalogue and
// runs the tests in it.
func TestManual(t *testing.T) {
	text, err := os.ReadFile("../docs/catalog.md")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	blocks := strings.Split(string(text), "```yaml\n")[1:]
	for _, block := range blocks {
		yaml, _, closed := strings.Cut(block, "```")
		if !closed {
			t.Fatal("a block is not closed")
		}
		source.WriteString(yaml)
	}
	if len(blocks) < 8 {
		t.Errorf("only %d blocks", len(blocks))
	}
	p, err := Compile([]byte(source.String()), databaseZones)
	if err != nil {
		t.Fatalf("%s\n%v", source.String(), err)
	}
	results := p.RunTests()
	if len(results) == 0 {
		t.Error("the manual shows no tests")
	}
	for _, r := range results {
		if !r.Passed {
			t.Errorf("%s: %s", r.Name, r.Failure)
		}
	}
	for _, key := range slices.Concat(catalogueKeys, zoneKeys, counterKeys, ruleKeys, quotaKeys, allowanceKeys, offerKeys, recurringKeys, unpaidKeys,
		promotionKeys, priceKeys, modelNames, redirectNames, testKeys, expectKeys) {
		if !strings.Contains(string(text), "`"+key+"`") && !strings.Contains(source.String(), key+":") {
			t.Errorf("the manual does not mention %s", key)
		}
	}
}
