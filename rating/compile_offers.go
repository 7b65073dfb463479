package rating

import (
	"fmt"

	"gopkg.in/yaml.v3"

	"gyro/internal/ident"
)

var offerKeys = []string{
	"name", "kind", "rates", "allowances", "one_time", "recurring", "add_on", "requires", "excludes", "eligible", "promotions",
	"commitment",
}

// offer reads one element of offers.
func (c *compiler) offer(f field) {
	m, ok := c.mapping(f, offerKeys...)
	if !ok {
		return
	}
	name, id, ok := c.name(&m, &c.offers, "payg")
	if !ok {
		c.allowances.incomplete = true // it may define some
		return
	}
	offer := Offer{Name: name, ID: id}
	if f, ok := m.optional("kind"); ok {
		k, _ := c.oneOf(f, offerKindNames...)
		offer.Kind = OfferKind(max(k, 0))
	}
	row := len(c.plan.rateAt)
	c.plan.rateAt = append(c.plan.rateAt, make([]uint32, len(c.plan.services))...)
	c.each(&m, "rates", MaxServices, func(f field) { c.rate(f, c.plan.rateAt[row:]) })
	before := len(c.errors)
	c.offerFees(&m, &offer)
	feesKnown := len(c.errors) == before
	c.eachOrOne(&m, "allowances", MaxOfferAllowances, true, func(f field) {
		k, ok := c.granted(f)
		if !ok {
			c.offers.doubt(name)
			return
		}
		if a := &c.plan.allowances[k]; a.RollOver.Cycles > 0 && offer.Recurring == nil {
			c.fail(f, fmt.Sprintf("allowance %s rolls over, but the offer never renews", quote(a.Name)),
				"give the offer recurring: {amount: ..., every: 1 month}, or the allowance no roll_over")
		}
		offer.Allowances = append(offer.Allowances, k)
	})
	if feesKnown {
		c.offerWithoutEffect(&m, &offer)
	}
	if f, ok := m.optional("add_on"); ok {
		offer.AddOn = c.boolean(f)
	}
	if f, ok := m.optional("eligible"); ok {
		offer.Eligible = c.eligible(f)
	}
	c.offers.add(name, uint32(len(c.plan.offers)))
	c.plan.offers = append(c.plan.offers, offer)
	c.relate(&m)
}

var offerKindNames = []string{Prepaid.String(), Postpaid.String(), Hybrid.String()}

// offerWithoutEffect refuses an offer that would change nothing for anybody.
func (c *compiler) offerWithoutEffect(m *mapping, offer *Offer) {
	_, hasRates := m.optional("rates")
	_, hasAllowances := m.optional("allowances")
	renewal, renews := m.optional("recurring")
	fee := offer.OneTime > 0 || (renews && offer.Recurring.Amount > 0)
	switch {
	case renews && !hasAllowances && offer.Recurring.Amount == 0:
		c.fail(renewal, "the offer renews neither a fee nor allowances", "write an amount above zero, or leave recurring out")
	case !hasRates && !hasAllowances && !fee:
		c.fail(m.field, "the offer has neither rates nor allowances nor a fee", "it would change nothing for a subscriber")
	}
}

// eligible reads the kinds of account that may take an offer.
func (c *compiler) eligible(f field) (kinds OfferKinds) {
	elements := c.list(f, len(offerKindNames), true)
	if elements != nil && len(elements) == 0 {
		c.fail(f, "the list is empty", "leave the key out for all kinds of account")
	}
	for _, element := range elements {
		if k, ok := c.oneOf(element, offerKindNames...); ok {
			kinds |= 1 << k
		}
	}
	return kinds
}

// granted reads an allowance of an offer: the name of one that is defined
// elsewhere, or a definition.
func (c *compiler) granted(f field) (uint32, bool) {
	node := f.node
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind == yaml.ScalarNode {
		return c.reference(f, &c.allowances, "allowance")
	}
	return c.allowance(f)
}

// idOf returns the short names of offers, for tests.
func (c *compiler) idOf(offers []uint32) []ident.Name {
	ids := make([]ident.Name, len(offers))
	for k, offer := range offers {
		ids[k] = c.plan.offers[offer].ID
	}
	return ids
}
