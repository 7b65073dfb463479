package catalog

import (
	"encoding/json"
	"strings"
	"testing"

	"gyro/api/apitest"
	"gyro/internal/database/dbtest"
	"gyro/testdata/demo"
)

// TestPricesInTheAuditTrail are written in the decimals of their currency, as are minimum commitments and discounts.
func TestPricesInTheAuditTrail(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			core := apitest.Start(t)
			s := New(dbtest.Open(t, dialect, dbtest.Clock(core.Clock)), core.Charging)
			id := published(t, s, []byte(strings.Replace(string(demo.Office), "{name: half-year, percent: 50,", "{name: half-year, amount: 2.5,", 1)), 0)
			if _, err := s.Carry(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			trail, err := s.db.AuditTrail(t.Context(), "productOffering", "", 0, 100)
			if err != nil {
				t.Fatal(err)
			}
			offers := map[string]string{}
			for _, row := range trail {
				var o struct{ Name string }
				if row.Action == "create" && json.Unmarshal(row.After, &o) == nil {
					offers[o.Name] = string(row.After)
				}
			}
			for name, want := range map[string][]string{
				"mobile-l":   {`"minimum_commitment":"60.00"`, `"amount":"49.99"`, `"amount":"19.90"`},
				"mobile-m":   {`"amount":"24.99"`, `"name":"half-year"`, `"amount":"2.50"`},
				"paper-bill": {`"amount":"1.50"`},
			} {
				for _, text := range want {
					if !strings.Contains(offers[name], text) {
						t.Errorf("%s has no %s: %s", name, text, offers[name])
					}
				}
			}
			if strings.Contains(offers["paper-bill"], "minimum_commitment") {
				t.Errorf("a commitment of nothing: %s", offers["paper-bill"])
			}
		})
	}
}
