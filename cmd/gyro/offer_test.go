package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/testdata/demo"
)

// TestOfferManual runs the commands of the manual of offers, in their order, from the root of the source tree.
func TestOfferManual(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "operations", "offers.md"))
	if err != nil {
		t.Fatal(err)
	}
	o := newShop(t, database.SQLite)
	said := map[string]string{}
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			line = strings.TrimSpace(line)
			words, found := strings.CutPrefix(line, "gyro ")
			if !found {
				t.Fatalf("%q is no command of gyro", line)
			}
			cmd := command(t, strings.Fields(words)...)
			cmd.Dir, cmd.Env = root, append(cmd.Env, "GYRO_OFFICE=http://"+o.officeAddress, "GYRO_OFFICE_KEY="+o.key())
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", line, err, out)
			}
			said[line] = string(out)
		}
	}
	for line, want := range map[string]string{
		"gyro offer diff testdata/demo/office.yaml":    "offers: price Mobile M (mobile-m) added: 24.99 EUR every 1 month, in advance, prorated, account 4200",
		"gyro offer publish testdata/demo/office.yaml": "catalogue office version 1 is published from ",
		"gyro offer list":            "mobile-m",
		"gyro offer show mobile-m":   "Twenty gigabytes",
		"gyro offer versions office": "published",
		"gyro offer source office":   string(demo.Office),
	} {
		if !strings.Contains(said[line], want) {
			t.Errorf("%s does not say %q but\n%s", line, want, said[line])
		}
	}
}

// newShop starts both halves and nothing around them.
func newShop(t *testing.T, dialect database.Dialect) *operator {
	t.Helper()
	o := &operator{t: t, officeAddress: freeAddress(t)}
	o.site = newSite(t, "", "--office", "--database", dbtest.URL(t, dialect), "--office-listen", o.officeAddress)
	o.start()
	return o
}

// TestPublicationSurvivesKills: killed right after a publication was asked for, again and again, both halves have the same in the end.
func TestPublicationSurvivesKills(t *testing.T) {
	t.Parallel()
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			o := newShop(t, dialect)
			prices := []string{"24.99", "23.99", "22.99"}
			for _, price := range prices {
				source := strings.Replace(string(demo.Office), "amount: 24.99", "amount: "+price, 1)
				source = strings.Replace(source, "cap: 5.00", "cap: "+price, 1) // a change of the core's half, too
				o.office.must(http.MethodPost, "/office/v1/catalogs", "application/yaml", []byte(source), nil, "Authorization", "Bearer "+o.key())
				o.p.kill()
				o.start()
				eventually(t, "the price of "+price+" is in force", func() bool {
					var offer struct {
						Prices []struct {
							Amount struct{ Value json.Number }
						}
					}
					return o.try("/office/v1/offers/mobile-m", &offer) && offer.Prices[0].Amount.Value.String() == price
				})
				core := o.charging.must(http.MethodGet, "/charging/v1/catalogs/office", "", nil, nil)
				if !strings.Contains(string(core.body), "cap: "+price) {
					t.Errorf("the core does not have the cap of %s", price)
				}
			}
			core := o.charging.must(http.MethodGet, "/charging/v1/catalogs", "", nil, nil)
			if !strings.Contains(string(core.body), `"version":3`) {
				t.Errorf("not three versions: %s", core.body)
			}
		})
	}
}
