package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gyro/api/client"
	"gyro/customer"
	"gyro/internal/config"
	"gyro/internal/database"
	"gyro/internal/refusal"
)

const northTaxes = `entities: [{name: north, legal_name: North Mobile, prefix: NO, rounding: invoice, prices: inclusive}]
regions:
  - region: NO
    rates:
      - {category: standard, code: S, rate: 25, from: 2005-01-01}
`

// TestTheOfficeBillsByTheOperatorsTaxes: the file of the configuration is what invoice runs work with, and without one the
// program's own.
func TestTheOfficeBillsByTheOperatorsTaxes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "taxes.yaml")
	if err := os.WriteFile(path, []byte(northTaxes), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, entity := range map[string]string{path: "North Mobile", "": "Gyro Mobile GmbH"} {
		cfg, err := config.Load("", nil, map[string]any{"data": t.TempDir(), "office.listen": freeAddress(t), "office.taxes": file})
		if err != nil {
			t.Fatal(err)
		}
		o, err := startOffice(t.Context(), officeOptions{Config: cfg, Logger: slog.New(slog.DiscardHandler), Core: client.NewCharging("http://"+freeAddress(t), "")})
		if err != nil {
			t.Fatal(err)
		}
		if got := o.services.billing.Runs.Tax().Entity("NO").LegalName; got != entity {
			t.Errorf("office.taxes %q: %s bills, want %s", file, got, entity)
		}
		_, err = o.services.customers.Open(t.Context(), database.Actor{Name: "clerk", Role: "care", Via: "cli"}, customer.Opening{
			Party:    customer.Party{Kind: customer.Individual, GivenName: "Ada", FamilyName: "Lang"},
			Customer: customer.Customer{Segment: customer.Residential},
			Account:  customer.BillingAccount{Kind: customer.Postpaid, Currency: "NOK", TimeZone: "Europe/Oslo", TaxRegion: "NO"},
		})
		if refused := refusal.Is(err, "tax_region_unknown"); refused != (file == "") || err != nil && !refused {
			t.Errorf("office.taxes %q: an account of NO: %v", file, err)
		}
		if err := o.stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestTheOfficeRefusesWrongTaxes: gyro office ends with the setting, the file and the place in it; the office beside
// charging stays down, says the same, and comes up once the file is right.
func TestTheOfficeRefusesWrongTaxes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "taxes.yaml")
	alone := func() string {
		cmd := command(t, "office", "--data", t.TempDir(), "--core", "http://"+freeAddress(t), "--office-listen", freeAddress(t))
		cmd.Env = append(cmd.Env, "GYRO_OFFICE_TAXES="+path)
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Fatalf("gyro office started:\n%s", out)
		}
		return string(out)
	}
	if out := alone(); !strings.Contains(out, "office.taxes: "+path+" does not exist") {
		t.Errorf("no file: %s", out)
	}
	for text, want := range map[string]string{
		"": "it is empty",
		northTaxes + "      - {category: standard, code: S, rate: 22, from: 2020-01-01}\n": "tax region NO: rates[1]: standard from 2020-01-01: two rates hold on one day",
		northTaxes + "  - {regio: SE}\n": "line 6: field regio not found",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out := alone(); !strings.Contains(out, "office.taxes: "+path) || !strings.Contains(out, want) {
			t.Errorf("%s\nis refused with %s, want %s", text, out, want)
		}
	}
	s := newSite(t, "office: {taxes: '"+path+"'}", "--office", "--office-listen", freeAddress(t))
	p := s.start()
	if _, ok := p.awaitLine("the office is down; charging goes on without it, and it is tried again"); !ok || !strings.Contains(p.output(), "office.taxes: "+path) {
		t.Fatal(p.output())
	}
	if err := os.WriteFile(path, []byte(northTaxes), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := p.awaitLine(officeReadyMessage); !ok {
		t.Fatal(p.output())
	}
	p.stop()
}
