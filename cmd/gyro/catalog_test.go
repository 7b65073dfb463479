package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gyro/rating"
)

func runCatalog(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	cmd := newCatalogCommand()
	var out bytes.Buffer
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceErrors = true
	err := cmd.Execute()
	return out.String(), err
}

func TestCatalogCheckAcceptsTheDemoOperator(t *testing.T) {
	out, err := runCatalog(t, "", "check", "../../testdata/demo/catalog.yaml")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"pass  ten megabytes", "catalogue demo in EUR, Europe/Berlin: 9 services, 9 offers, 8 allowances, ", ", 0 failed\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in:\n%s", want, out)
		}
	}
}

func TestCatalogCheckSaysWhereAnErrorIs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	source := "catalog: shop\ncurrency: EURO\ntime_zone: Local\nservices: []\noffers: []\nofers: []\n"
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := runCatalog(t, "", "check", file)
	if err == nil || !strings.HasSuffix(err.Error(), "has 3 errors") {
		t.Errorf("error %v", err)
	}
	for _, want := range []string{file + ":2:11: currency: ", file + ":3:12: time_zone: ", file + ":6:1: ", "did you mean offers?"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in:\n%s", want, out)
		}
	}
}

func TestCatalogCheckFailsWithATest(t *testing.T) {
	source, err := os.ReadFile(tariffs)
	if err != nil {
		t.Fatal(err)
	}
	dearer := strings.Replace(string(source), "amount: 0.09, per: 1m", "amount: 0.10, per: 1m", 1)
	out, err := runCatalog(t, dearer, "check", "--quiet", "-")
	if err == nil || !strings.Contains(err.Error(), "2 tests failed") {
		t.Errorf("error %v", err)
	}
	if !strings.Contains(out, "charge is 0.10, expected 0.09") || strings.Contains(out, "pass  ") {
		t.Errorf("output:\n%s", out)
	}
}

// tariffsWith writes the tariffs with one text in place of another.
func tariffsWith(t *testing.T, from, to string) string {
	t.Helper()
	source, err := os.ReadFile(tariffs)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(source), from) {
		t.Fatalf("the catalogue does not say %q", from)
	}
	file := filepath.Join(t.TempDir(), "new.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(source), from, to)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// tariffs is a catalogue that does not change: the benchmark's.
const tariffs = "../../bench/catalog.yaml"

func TestCatalogDiffSaysWhatChangedForWhom(t *testing.T) {
	dearer := tariffsWith(t, "amount: 0.09, per: 1m", "amount: 0.10, per: 1m")
	out, err := runCatalog(t, "", "diff", tariffs, dearer)
	if err != nil {
		t.Fatal(err)
	}
	want := `WHAT   NAME                 OFFERS  SAYS
price  voice/national-peak  payg    - zone national, calendar peak: 0.09 per 1m, in increments of 1m, then 1s
                                    + zone national, calendar peak: 0.10 per 1m, in increments of 1m, then 1s
1 change
`
	if out != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
	out, err = runCatalog(t, "", "diff", "--json", tariffs, dearer)
	if err != nil {
		t.Fatal(err)
	}
	var changes []rating.Change
	if err := json.Unmarshal([]byte(out), &changes); err != nil || len(changes) != 1 || changes[0].Subject != "price" || !strings.Contains(changes[0].New, "0.10 per 1m") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestCatalogDiffOfTheSameIsNone(t *testing.T) {
	source, err := os.ReadFile(tariffs)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := runCatalog(t, string(source), "diff", "-", tariffs); err != nil || out != "no difference\n" {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := runCatalog(t, string(source), "diff", "--json", "-", tariffs); err != nil || out != "[]\n" {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestCatalogDiffRefusesWhatItCannotCompare(t *testing.T) {
	broken := tariffsWith(t, "currency: EUR", "currency: EURO")
	out, err := runCatalog(t, "", "diff", tariffs, broken)
	if err == nil || !strings.HasSuffix(err.Error(), "has 1 error") || !strings.Contains(out, broken+":") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := runCatalog(t, "", "diff", "-", "-"); err == nil || !strings.Contains(err.Error(), "name a file for one of them") {
		t.Errorf("%v", err)
	}
}
