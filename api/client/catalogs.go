package client

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"gyro/internal/instant"
	"gyro/internal/money"
)

// Publication is a catalogue of rating that is to be made the current version.
type Publication struct {
	Source []byte // YAML or JSON, kept octet by octet
	// At is when it takes effect; zero, or a moment of the last day, is now.
	At instant.Instant
	// Reauthorise has gateways asked to report quota at another price now.
	Reauthorise bool
}

// Catalog is a version of a catalogue without its source.
type Catalog struct {
	Name        string          `json:"name"`
	Version     uint32          `json:"version"`
	Publication uint32          `json:"publication"`
	Published   instant.Instant `json:"-"` // when it takes effect
	Currency    money.Currency  `json:"-"`
	TimeZone    string          `json:"time_zone"`
	// Next is the version that takes effect later, if one waits.
	Next *NextVersion `json:"next"`
	// Changes are what the version makes different from the one in force; only
	// the answer to a publication has them.
	Changes []Change `json:"changes"`
	// New is whether the publication made a version; false where the source is
	// that of the newest one already.
	New bool `json:"-"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Catalog) UnmarshalJSON(data []byte) error {
	type plain Catalog
	w := struct {
		*plain
		Published *moment   `json:"published"`
		Currency  *currency `json:"currency"`
	}{(*plain)(v), (*moment)(&v.Published), (*currency)(&v.Currency)}
	return json.Unmarshal(data, &w)
}

// NextVersion is a version of a catalogue that is not in force yet.
type NextVersion struct {
	Version     uint32          `json:"version"`
	TakesEffect instant.Instant `json:"-"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *NextVersion) UnmarshalJSON(data []byte) error {
	type plain NextVersion
	w := struct {
		*plain
		TakesEffect *moment `json:"takes_effect"`
	}{(*plain)(v), (*moment)(&v.TakesEffect)}
	return json.Unmarshal(data, &w)
}

// Change is one difference between two versions, in the words of those who
// write them.
type Change struct {
	Subject string   `json:"subject"`
	Name    string   `json:"name"`
	Offers  []string `json:"offers"`
	Old     string   `json:"old"`
	New     string   `json:"new"`
}

// Source is the source of a version of a catalogue.
type Source struct {
	Version uint32
	Source  []byte
}

// Publish makes a source the current version of a catalogue, now or later. It
// may be repeated: the source of the newest version makes no other one.
func (c *Charging) Publish(ctx context.Context, catalog string, p Publication) (Catalog, error) {
	r := &Request{Method: Put, Path: base + "/catalogs" + Path(catalog), Body: RawBody{"application/yaml", p.Source}, Query: url.Values{}}
	if p.At != 0 {
		r.Query.Set("at", at(p.At))
	}
	if p.Reauthorise {
		r.Query.Set("reauthorise", "true")
	}
	a, err := c.exchange(ctx, r)
	v, err := read[Catalog](a, err)
	if err == nil {
		v.New = a.status == http.StatusCreated
	}
	return v, err
}

// Catalog is the source of a version of a catalogue; 0 is the one in force. A
// catalogue that does not exist is refused as catalog_unknown.
func (c *Charging) Catalog(ctx context.Context, catalog string, version uint32) (s Source, err error) {
	path := base + "/catalogs" + Path(catalog)
	if version != 0 {
		path += "/versions/" + strconv.FormatUint(uint64(version), 10)
	}
	a, err := c.exchange(ctx, &Request{Method: Get, Path: path})
	if err != nil {
		return s, err
	}
	number, err := strconv.ParseUint(a.header.Get("X-Catalog-Version"), 10, 32)
	if err != nil {
		return s, fmt.Errorf("the answer of the charging API names no version of catalogue %q: %w", catalog, err)
	}
	return Source{uint32(number), a.body}, nil
}

// Catalogs are the catalogues with their versions in force.
func (c *Charging) Catalogs(ctx context.Context) ([]Catalog, error) {
	v, err := read[struct {
		Catalogs []Catalog `json:"catalogs"`
	}](c.exchange(ctx, &Request{Method: Get, Path: base + "/catalogs"}))
	return v.Catalogs, err
}

// total reads a sum of any size: of money in millionths.
func total(text, denomination string) (*big.Int, error) {
	digits := text
	if _, err := money.ParseCurrency(denomination); err == nil {
		whole, fraction, _ := strings.Cut(text, ".")
		if len(fraction) > money.Decimals {
			return nil, fmt.Errorf("amount %q has more than %d decimals", text, money.Decimals)
		}
		digits = whole + fraction + strings.Repeat("0", money.Decimals-len(fraction))
	}
	sum, ok := new(big.Int).SetString(digits, 10)
	if !ok {
		return nil, fmt.Errorf("%q is no amount of %s", text, denomination)
	}
	return sum, nil
}
