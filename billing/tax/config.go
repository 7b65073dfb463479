package tax

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"gopkg.in/yaml.v3"

	"gyro/billing/charge"
	"gyro/internal/money"
)

//go:embed default.yaml
var defaults []byte

// Default is the configuration that comes with the program.
func Default() *Config {
	c, err := Parse(defaults)
	if err != nil {
		panic("tax: default.yaml: " + err.Error())
	}
	return c
}

// Config is rates by region and the legal entities that bill.
type Config struct {
	Entities []Entity
	rates    map[key][]Rate
	regions  map[string]bool
}

type key struct{ region, category string }

// Entity is a legal entity: whose invoices they are, and how it rounds.
type Entity struct {
	Name      string   `yaml:"name"` // names the series of its numbers
	LegalName string   `yaml:"legal_name"`
	Address   []string `yaml:"address"`
	TaxID     string   `yaml:"tax_id"`
	IBAN      string   `yaml:"iban"`
	Prefix    string   `yaml:"prefix"` // of the numbers
	Rounding  string   `yaml:"rounding"`
	Prices    string   `yaml:"prices"`
	Regions   []string `yaml:"regions"`
}

// The policies.
const (
	PerLine    = "line"
	PerInvoice = "invoice"
	Exclusive  = "exclusive"
	Inclusive  = "inclusive"
)

// Rate is a rate and the days on which it holds.
type Rate struct {
	Code   string // S, Z, E, AE, G
	Rate   int64  // millionths: 190000 is 19 %
	Reason string // why there is no tax, where there is none
	Valid  charge.Span
}

type file struct {
	Entities []Entity `yaml:"entities"`
	Regions  []region `yaml:"regions"`
}

type region struct {
	Region        string     `yaml:"region"`
	ReverseCharge string     `yaml:"reverse_charge"`
	Export        string     `yaml:"export"`
	Rates         []rateLine `yaml:"rates"`
}

type rateLine struct {
	Category string `yaml:"category"`
	Code     string `yaml:"code"`
	Rate     string `yaml:"rate"`
	From     string `yaml:"from"`
	Until    string `yaml:"until"`
}

// Categories are those that prices have.
var categories = []string{"standard", "reduced", "zero"}

// Parse reads a configuration; its errors say which entry is wrong.
func Parse(text []byte) (*Config, error) {
	var f file
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&f); errors.Is(err, io.EOF) {
		return nil, errors.New("tax configuration: it is empty: write entities and regions into it")
	} else if err != nil {
		return nil, fmt.Errorf("tax configuration: %w", err)
	}
	c := &Config{Entities: f.Entities, rates: map[key][]Rate{}, regions: map[string]bool{}}
	if err := c.checkEntities(); err != nil {
		return nil, err
	}
	always := charge.Span{From: 1, Until: charge.Open}
	for _, r := range f.Regions {
		if r.Region == "" || c.regions[r.Region] {
			return nil, fmt.Errorf("tax region %q: it has no name, or there are two of it", r.Region)
		}
		c.regions[r.Region] = true
		for _, category := range categories {
			k := key{r.Region, category}
			switch {
			case r.ReverseCharge != "":
				c.rates[k] = []Rate{{Code: "AE", Reason: r.ReverseCharge, Valid: always}}
			case r.Export != "":
				c.rates[k] = []Rate{{Code: "G", Reason: r.Export, Valid: always}}
			}
		}
		for n, line := range r.Rates {
			if err := c.addRate(r.Region, line); err != nil {
				return nil, fmt.Errorf("tax region %s: rates[%d]: %w", r.Region, n, err)
			}
		}
	}
	return c, nil
}

func (c *Config) checkEntities() error {
	if len(c.Entities) == 0 {
		return fmt.Errorf("tax configuration: entities: there is none: who bills?")
	}
	for k := range c.Entities {
		e := &c.Entities[k]
		switch {
		case e.Name == "" || e.Prefix == "":
			return fmt.Errorf("entities[%d]: give it a name and a prefix for its numbers", k)
		case e.Rounding != PerLine && e.Rounding != PerInvoice:
			return fmt.Errorf("entity %s: rounding %q: give line or invoice", e.Name, e.Rounding)
		case e.Prices != Exclusive && e.Prices != Inclusive:
			return fmt.Errorf("entity %s: prices %q: give exclusive or inclusive", e.Name, e.Prices)
		}
		for n := range c.Entities[:k] {
			if o := &c.Entities[n]; o.Name == e.Name || o.Prefix == e.Prefix {
				return fmt.Errorf("entities %s and %s have the same name or prefix: their numbers would collide", o.Name, e.Name)
			}
		}
	}
	return nil
}

func (c *Config) addRate(region string, line rateLine) error {
	if !slices.Contains(categories, line.Category) {
		return fmt.Errorf("category %q: give one of %v", line.Category, categories)
	}
	percent, err := money.Parse(line.Rate, 4)
	if err != nil || percent < 0 || percent > 100*money.Unit {
		return fmt.Errorf("rate %q: give a percentage from 0 to 100", line.Rate)
	}
	r := Rate{Code: line.Code, Rate: int64(percent) / 100, Valid: charge.Span{Until: charge.Open}}
	if (line.Code == "S") != (r.Rate > 0) {
		return fmt.Errorf("code %q with rate %s: a rate above zero is S, and only that", line.Code, line.Rate)
	}
	if r.Valid.From, err = charge.ParseDay(line.From); err != nil {
		return fmt.Errorf("from: %w", err)
	}
	if line.Until != "" {
		if r.Valid.Until, err = charge.ParseDay(line.Until); err != nil {
			return fmt.Errorf("until: %w", err)
		}
	}
	k := key{region, line.Category}
	for _, o := range c.rates[k] {
		if o.Valid.From < r.Valid.Until && r.Valid.From < o.Valid.Until {
			return fmt.Errorf("%s from %s: two rates hold on one day", line.Category, line.From)
		}
	}
	c.rates[k] = append(c.rates[k], r)
	return nil
}

// Regions are the regions that have rates, in alphabetical order.
func (c *Config) Regions() []string { return slices.Sorted(maps.Keys(c.regions)) }

// Entity returns who bills in a region.
func (c *Config) Entity(region string) *Entity {
	fallback := &c.Entities[0]
	for k := range c.Entities {
		e := &c.Entities[k]
		if slices.Contains(e.Regions, region) {
			return e
		}
		if len(e.Regions) == 0 && len(fallback.Regions) > 0 {
			fallback = e
		}
	}
	return fallback
}

// Named returns the entity of a name; nil if there is none of it.
func (c *Config) Named(name string) *Entity {
	for k := range c.Entities {
		if c.Entities[k].Name == name {
			return &c.Entities[k]
		}
	}
	return nil
}

// Rate finds what holds in a region for a category on a day. An error says what
// is missing from the configuration.
func (c *Config) Rate(region, category string, exempt bool, on charge.Day) (Rate, error) {
	if !c.regions[region] {
		return Rate{}, fmt.Errorf("tax region %q is not configured", region)
	}
	if exempt {
		return Rate{Code: "E", Reason: "Exempt from tax"}, nil
	}
	for _, r := range c.rates[key{region, category}] {
		if r.Valid.Contains(on) {
			return r, nil
		}
	}
	return Rate{}, fmt.Errorf("tax region %s has no rate for category %q on %s", region, category, on)
}
