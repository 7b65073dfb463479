package catalog

import (
	"os"
	"strings"
	"testing"

	"gyro/testdata/demo"
)

// TestOthersMakeNoVersion: an offer that stays as it is stays the version that it
// is, whatever comes before it in the document.
func TestOthersMakeNoVersion(t *testing.T) {
	const first = "offers:\n"
	before, err := Compile(demo.Office)
	if err != nil {
		t.Fatal(err)
	}
	after, err := Compile([]byte(strings.Replace(string(demo.Office), first, first+`  - name: aaa
    kind: postpaid
    specification: mobile-line
    rates:
      - {service: mms, rules: [{name: mms-national, zone: national, price: {amount: 0.39}}]}
      - {service: sms, rules: [{name: flat-sms-abroad, zone: world, price: {amount: 0.19}}]}
`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	for n := range before.Offerings {
		was, is := &before.Offerings[n], &after.Offerings[n+1]
		if was.Name != is.Name || was.Digest != is.Digest {
			t.Errorf("%s has another digest", was.Name)
		}
	}
}

// FuzzCompile: no document makes the compiler panic, and what it makes of one
// for the core compiles.
func FuzzCompile(f *testing.F) {
	script, err := os.ReadFile(scripts + "/errors.txt")
	if err != nil {
		f.Fatal(err)
	}
	for part := range strings.SplitSeq(string(script), "\ncheck\n") {
		document, _, _ := strings.Cut(part, "\n----\n")
		f.Add([]byte(document))
	}
	small, err := os.ReadFile(scripts + "/office.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(small)
	f.Fuzz(func(t *testing.T, source []byte) {
		compiled, err := Compile(source)
		if (compiled == nil) == (err == nil) {
			t.Fatal(compiled, err)
		}
		if err != nil && (strings.Contains(err.Error(), "; report it") || err.Error() == "") {
			t.Fatal(err)
		}
	})
}
