package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
	for _, want := range []string{"pass  ten megabytes", "catalogue demo in EUR, Europe/Berlin: 7 services, 3 offers, 2 allowances, ", ", 0 failed\n"} {
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
	source, err := os.ReadFile("../../testdata/demo/catalog.yaml")
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
