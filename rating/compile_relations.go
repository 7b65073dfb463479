package rating

import (
	"fmt"
	"slices"

	"gyro/internal/ident"
)

// related is what an offer of the source says about others, which may be
// defined further down.
type related struct {
	offer              uint32
	requires, excludes field // node is nil without
}

// relate keeps what the offer just added says about others.
func (c *compiler) relate(m *mapping) {
	r := related{offer: uint32(len(c.plan.offers) - 1)}
	r.requires, _ = m.optional("requires")
	r.excludes, _ = m.optional("excludes")
	c.related = append(c.related, r)
}

// relations resolves what offers say about each other, and refuses an offer
// that nobody could take.
func (c *compiler) relations() {
	before := len(c.errors)
	for _, r := range c.related {
		offer := &c.plan.offers[r.offer]
		offer.Requires = c.relation(r.requires, offer, "requires")
		offer.Excludes = c.relation(r.excludes, offer, "excludes")
	}
	if len(c.errors) > before {
		return
	}
	for _, r := range c.related {
		if r.requires.node != nil {
			c.takeable(r.requires, r.offer)
		}
	}
}

// relation reads the names of other offers.
func (c *compiler) relation(f field, offer *Offer, what string) []ident.Name {
	if f.node == nil {
		return nil
	}
	found, ok := c.references(f, &c.offers, "offer", MaxRelations)
	if !ok {
		return nil
	}
	for n, k := range found {
		if c.plan.offers[k].ID == offer.ID {
			c.fail(f, "the offer "+what+" itself", "name another offer")
		}
		for _, other := range found[:n] {
			if other == k {
				c.fail(f, quote(c.plan.offers[k].Name)+" is given twice", "give it once")
			}
		}
	}
	return c.idOf(found)
}

// takeable refuses an offer that requires what cannot be held together: an
// offer, what it requires, what that requires, and so on, exclude each other
// nowhere, and none of them requires the offer itself.
func (c *compiler) takeable(f field, offer uint32) {
	needed := []uint32{offer}
	seen := make([]bool, len(c.plan.offers))
	seen[offer] = true
	for n := 0; n < len(needed); n++ {
		for _, id := range c.plan.offers[needed[n]].Requires {
			k := c.offers.index[c.byID[id]]
			switch {
			case k == offer:
				c.fail(f, fmt.Sprintf("%s is required by %s, which is required here", quote(c.plan.offers[offer].Name), quote(c.plan.offers[needed[n]].Name)),
					"neither could be taken first; keep one direction")
				return
			case !seen[k]:
				seen[k] = true
				needed = append(needed, k)
			}
		}
	}
	kinds := ^OfferKinds(0)
	for n, a := range needed {
		for _, b := range needed[:n] {
			if c.plan.offers[a].excludes(c.plan.offers[b].ID) || c.plan.offers[b].excludes(c.plan.offers[a].ID) {
				c.fail(f, fmt.Sprintf("requires %s and %s, which exclude each other", c.orThis(b, offer), c.orThis(a, offer)),
					"nobody could take the offer; leave one of them out")
				return
			}
		}
		if e := c.plan.offers[a].Eligible; e != 0 {
			kinds &= e
		}
	}
	if kinds == 0 {
		c.fail(f, "no kind of account may take both the offer and all that it requires", "make their eligible kinds meet")
	}
}

func (c *compiler) orThis(k, offer uint32) string {
	if k == offer {
		return "this offer"
	}
	return quote(c.plan.offers[k].Name)
}

// excludes reports whether the offer names another as excluded.
func (o *Offer) excludes(other ident.Name) bool {
	return slices.Contains(o.Excludes, other)
}
