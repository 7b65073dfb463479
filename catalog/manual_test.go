package catalog

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const manual = "../docs/operations/offers.md"

// TestManual: the yaml blocks of the manual are one document that compiles, and
// every key is explained.
func TestManual(t *testing.T) {
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	var document strings.Builder
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		document.WriteString(block[1])
	}
	compiled, err := Compile([]byte(document.String()))
	if err != nil {
		t.Fatal(err)
	}
	if len(compiled.Offerings) != 4 || len(compiled.Specifications) != 2 || len(compiled.Charging) == 0 {
		t.Errorf("%d offers, %d specifications", len(compiled.Offerings), len(compiled.Specifications))
	}
	keys := slices.Concat(chargingKeys, offerKeys, priceKeys, discountKeys, []string{"components", "brand", "attributes", "profile"})
	for _, kind := range Components {
		keys = append(keys, string(kind))
	}
	for _, state := range []State{DocumentDraft, DocumentChecked, DocumentScheduled, DocumentPublished, DocumentFailed, DocumentWithdrawn} {
		keys = append(keys, string(state))
	}
	for _, key := range keys {
		if !strings.Contains(string(text), "`"+key+"`") {
			t.Errorf("%s is not in %s", key, manual)
		}
	}
}
