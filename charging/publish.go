package charging

import (
	"slices"

	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/rating"
)

// publish makes a source the current version of its catalogue, now or at the
// moment that the command states. The same source again changes nothing. A
// catalogue has at most one version that is to come: another publication takes
// its place, and the current source published anew withdraws it.
func (s *State) publish(c *Publish, o *Outcome) {
	p := &Publication{Name: c.Name, Source: c.Source, Zones: c.Zones, At: max(s.now, c.At), Version: 1, Reauthorise: c.Reauthorise}
	if err := p.compile(); err != nil {
		o.refuse(CatalogInvalid, "%v", err)
		return
	}
	if p.plan.Name() != c.Name {
		o.refuse(CatalogInvalid, "the catalogue calls itself %q, the request %q; make them the same", p.plan.Name(), c.Name)
		return
	}
	known := false
	for _, earlier := range s.catalogs.publications {
		if earlier.Name == c.Name {
			known, p.Version = true, earlier.Version+1
		}
	}
	if !known && s.catalogs.names() == MaxCatalogs {
		o.refuse(Invalid, "there are %d catalogues already, the most there can be", MaxCatalogs)
		return
	}
	if waiting := s.catalogs.waiting(c.Name); waiting != nil && waiting.same(p) && waiting.At == p.At {
		o.Record = uint64(waiting.Version)
		return
	}
	if current := s.catalogs.currentNamed(c.Name); current != nil {
		if current.same(p) {
			s.catalogs.withdraw(c.Name)
			o.Record = uint64(current.Version)
			return
		}
		if current.plan.Currency() != p.plan.Currency() {
			o.refuse(CurrencyMismatch, "catalogue %q prices in %s and cannot change to %s; publish another catalogue", c.Name, current.plan.Currency(), p.plan.Currency())
			return
		}
		if !s.keepsHeld(current.plan, p.plan, o) || p.At > s.now && !s.keepsPromised(current.plan, p.plan, o) {
			return
		}
	}
	s.catalogs.withdraw(c.Name)
	p.Number = uint32(len(s.catalogs.publications) + 1)
	s.catalogs.publications = append(s.catalogs.publications, p)
	s.dirty.publications = append(s.dirty.publications, p)
	if p.At > s.now {
		s.catalogs.schedule(p)
	} else {
		s.adopt(p)
	}
	o.Record = uint64(p.Version)
}

func (p *Publication) same(o *Publication) bool {
	return string(p.Source) == string(o.Source) && string(p.Zones) == string(o.Zones)
}

// names is how many catalogues with different names there are, or will be.
func (c *catalogs) names() int {
	n := len(c.currents)
	for _, number := range c.scheduled {
		if c.currentNamed(c.publications[number-1].Name) == nil {
			n++
		}
	}
	return n
}

// currentNamed is the current version of a catalogue, or nil.
func (c *catalogs) currentNamed(name string) *Publication { return c.among(c.currents, name) }

// waiting is the version of a catalogue that is to come, or nil.
func (c *catalogs) waiting(name string) *Publication { return c.among(c.scheduled, name) }

// among finds the publication of a name among those with some numbers.
func (c *catalogs) among(numbers []uint32, name string) *Publication {
	for _, number := range numbers {
		if p := c.publications[number-1]; p.Name == name {
			return p
		}
	}
	return nil
}

func (c *catalogs) withdraw(name string) {
	c.scheduled = slices.DeleteFunc(slices.Clone(c.scheduled), func(number uint32) bool { return c.publications[number-1].Name == name })
}

// schedule keeps the versions to come in the order in which they take effect.
func (c *catalogs) schedule(p *Publication) {
	at := 0
	for at < len(c.scheduled) && c.publications[c.scheduled[at]-1].At <= p.At {
		at++
	}
	c.scheduled = slices.Insert(slices.Clone(c.scheduled), at, p.Number)
}

// adopt makes a publication the current version of its catalogue.
func (s *State) adopt(p *Publication) {
	s.catalogs.adopt(p)
	if p.Reauthorise {
		s.beginRound(ident.NameOf(p.Name))
	}
}

func (c *catalogs) adopt(p *Publication) {
	for n, number := range c.currents {
		if c.publications[number-1].Name == p.Name {
			c.currents[n] = p.Number
			return
		}
	}
	c.currents = append(c.currents, p.Number)
}

// takeEffect adopts the versions whose moment has come, before any command of
// that time.
func (s *State) takeEffect() {
	c := &s.catalogs
	for len(c.scheduled) > 0 && c.publications[c.scheduled[0]-1].At <= s.now {
		s.adopt(c.publications[c.scheduled[0]-1])
		c.scheduled = c.scheduled[1:]
	}
}

// anyTakesEffect reports whether a version's moment has come.
func (c *catalogs) anyTakesEffect(now instant.Instant) bool {
	return len(c.scheduled) > 0 && c.publications[c.scheduled[0]-1].At <= now
}

// keepsPromised refuses a version to come without an allowance that the offers
// which customers have will grant until then.
func (s *State) keepsPromised(current, next *rating.Plan, o *Outcome) bool {
	catalog := ident.NameOf(current.Name())
	offers := current.Offers()
	for k := range offers {
		n := s.catalogs.holders[holding{catalog, offers[k].ID}]
		for _, a := range offers[k].Allowances {
			allowance := current.AllowanceAt(a)
			if n > 0 && !keepsAllowance(next, allowance) {
				o.refuse(CatalogInvalid, "allowance %q is missing or in another unit, and offer %q may grant it until then to %d accounts that have it; keep it", allowance.Name, offers[k].Name, n)
				return false
			}
		}
	}
	return true
}

// scheduledHas refuses an offer that a version to come of its catalogue does
// not have, or not with all that it grants.
func (s *State) scheduledHas(plan *rating.Plan, offer *rating.Offer, o *Outcome) bool {
	next := s.catalogs.waiting(plan.Name())
	if next == nil {
		return true
	}
	_, kept := next.plan.Offer(offer.ID)
	for _, a := range offer.Allowances {
		kept = kept && keepsAllowance(next.plan, plan.AllowanceAt(a))
	}
	if !kept {
		o.refuse(OfferUnknown, "offer %q, or an allowance of it, is not in the version of catalogue %q that takes effect at %s", offer.Name, plan.Name(), next.At)
	}
	return kept
}
