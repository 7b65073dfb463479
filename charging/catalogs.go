package charging

import (
	"fmt"

	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/rating"
)

// Publication is one version of one catalogue. Publications are numbered from
// 1 over all catalogues; the number pins a price in sessions and records.
type Publication struct {
	Name    string
	Source  []byte
	Zones   []byte          // instant.Zone tables, as they came with the command
	At      instant.Instant // when it takes effect
	Number  uint32
	Version uint32 // of the catalogue of this name, from 1
	// Reauthorise asks the gateways of sessions with another price to ask anew
	// when the version takes effect.
	Reauthorise bool `json:",omitempty"`
	plan        *rating.Plan
}

// Plan is the compiled publication.
func (p *Publication) Plan() *rating.Plan { return p.plan }

// MaxCatalogs is the most catalogues with different names: one a brand.
const MaxCatalogs = 64

type catalogs struct {
	publications []*Publication
	currents     []uint32 // the newest publication of each name
	scheduled    []uint32 // those that take effect later, by when
	// holders counts the accounts that have an offer.
	holders map[holding]int
}

// holding is an offer of a catalogue.
type holding struct{ catalog, offer ident.Name }

// hold adds an account to the holders of its offers, or takes it away.
func (c *catalogs) hold(a *account, change int) {
	for _, offer := range a.offers() {
		c.holdOffer(a.Catalog, offer, change)
	}
}

// holdOffer counts one more holder of an offer, or one less.
func (c *catalogs) holdOffer(catalog, offer ident.Name, change int) {
	if c.holders == nil {
		c.holders = map[holding]int{}
	}
	c.holders[holding{catalog, offer}] += change
}

func (c *catalogs) plan(number uint32) *rating.Plan { return c.publications[number-1].plan }

// current returns the newest version of a catalogue and its publication.
func (c *catalogs) current(name ident.Name) (*rating.Plan, uint32) {
	for _, number := range c.currents {
		if p := c.publications[number-1]; ident.NameOf(p.Name) == name {
			return p.plan, number
		}
	}
	return nil, 0
}

// zonesOf reads the zone tables of a command.
func zonesOf(encoded []byte) (rating.Zones, error) {
	var zones []instant.Zone
	for len(encoded) > 0 {
		zone, rest, err := instant.DecodeZone(encoded)
		if err != nil {
			return nil, err
		}
		zones, encoded = append(zones, zone), rest
	}
	return func(name string) (instant.Zone, bool) {
		for _, zone := range zones {
			if zone.Name == name {
				return zone, true
			}
		}
		return instant.Zone{}, false
	}, nil
}

// compile turns a publication's source into its plan. Source and zones come
// from the command, so every replay compiles the same plan.
func (p *Publication) compile() error {
	zones, err := zonesOf(p.Zones)
	if err != nil {
		return fmt.Errorf("catalogue %q: %w", p.Name, err)
	}
	plan, err := rating.Compile(p.Source, zones)
	if err != nil {
		return err
	}
	p.plan = plan
	return nil
}

// keepsHeld refuses a version without an offer or an allowance that customers
// have, for their next request would find no tariff, or without a counter that
// a member's limit is on, for the limit would be none.
func (s *State) keepsHeld(current, next *rating.Plan, o *Outcome) bool {
	catalog := ident.NameOf(current.Name())
	for _, offer := range current.Offers() {
		_, kept := next.Offer(offer.ID)
		if n := s.catalogs.holders[holding{catalog, offer.ID}]; !kept && n > 0 {
			o.refuse(CatalogInvalid, "offer %q is missing, and %d accounts have it; keep it, or move them to another offer first", offer.Name, n)
			return false
		}
	}
	for _, allowance := range current.Allowances() {
		kept, has := next.Allowance(allowance.ID)
		switch n := s.book.Holders(allowance.ID); {
		case n == 0:
		case !has:
			o.refuse(CatalogInvalid, "allowance %q is missing, and %d buckets of customers come from it; keep it until they are used up or expired", allowance.Name, n)
			return false
		case kept.Unit != allowance.Unit:
			o.refuse(CatalogInvalid, "allowance %q counts %s instead of %s, of which customers have %d buckets; give it another name", allowance.Name, kept.Unit, allowance.Unit, n)
			return false
		}
	}
	return s.keepsLimited(current, next, o)
}

func (s *State) keepsLimited(current, next *rating.Plan, o *Outcome) bool {
	for _, counter := range current.Counters() {
		k, has := next.Counter(counter.ID)
		if has && next.CounterAt(k).Of == rating.OfSubscriber && next.CounterAt(k).Unit == counter.Unit {
			continue
		}
		if n := s.limitsOn(counter.ID); n > 0 {
			o.refuse(CatalogInvalid, "counter %q of subscribers is missing, or counts another unit, and %d members of groups have a limit on it; keep it, or end their limits first", counter.Name, n)
			return false
		}
	}
	return true
}

// keepsAllowance reports whether a version has an allowance as another one has
// it: of the same name, in the same unit.
func keepsAllowance(next *rating.Plan, allowance *rating.Allowance) bool {
	kept, has := next.Allowance(allowance.ID)
	return has && kept.Unit == allowance.Unit
}
