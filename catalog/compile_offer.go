package catalog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/rating"
)

var (
	offerKeys = []string{
		"name", "title", "description", "category", "kind", "specification", "add_on", "sellable", "segments", "requires", "excludes",
		"commitment", "minimum_commitment", "prices", "usage", "discounts", "unpaid", "allowances", "rates",
	}
	priceKeys    = []string{"name", "description", "type", "amount", "every", "due", "prorated", "tax", "gl"}
	discountKeys = []string{"name", "percent", "amount", "on", "cycles", "coupon", "from", "until"}
	segments     = []string{"residential", "business"}
	taxes        = []string{"standard", "reduced", "zero"}
)

// Accounts of the journal that revenue is booked to unless a price says
// another: those of the chart that every office begins with.
const (
	glUsage     = "4100"
	glRecurring = "4200"
	glOneTime   = "4300"
)

// readOffer is what the document says of an offer beyond what is in its row.
type readOffer struct {
	mapping
	specification      string
	requires, excludes []field
	usageTax, usageGL  string
	recurring, oneTime []int   // places in Offering.Prices
	prices             []field // beside Offering.Prices
	discounts          []readDiscount
}

type readDiscount struct {
	mapping
	percent field
}

// offer reads one element of offers.
func (c *compiler) offer(_ int, f field) {
	m, ok := c.mapping(f, offerKeys...)
	if !ok {
		return
	}
	read := readOffer{mapping: m}
	o := Offering{
		Name: c.name(&m, "name: mobile-s"), Catalog: c.Name, Title: c.textOf(&m, "title", maxText),
		Description: c.textOf(&m, "description", maxText), Category: c.textOf(&m, "category", rating.MaxName),
		Status: Draft, AddOn: c.boolean(&m, "add_on", false), Sellable: c.boolean(&m, "sellable", true), Currency: c.Currency.String(),
	}
	if _, ok := c.required(&m, "kind", "kind: postpaid"); ok {
		o.Kind = Kind(c.oneOf(&m, "kind", string(Prepaid), string(Postpaid)))
	}
	if _, twice := c.seen[o.Name]; twice && o.Name != "" {
		c.fail(f, "there are two offers "+quote(o.Name), "give one of them another name")
	}
	c.segments(&m, &o)
	o.Requires, read.requires = c.names(&m, "requires")
	o.Excludes, read.excludes = c.names(&m, "excludes")
	c.prices(&m, &o, &read)
	c.usage(&m, &read)
	c.each(&m, "discounts", maxDiscounts, func(k int, f field) { c.discount(&o, &read, k, f) })
	c.commitments(&m, &o, &read)
	c.specified(&m, &o, &read)
	c.seen[o.Name] = len(c.Offerings)
	c.Offerings, c.read = append(c.Offerings, o), append(c.read, read)
}

func (c *compiler) segments(m *mapping, o *Offering) {
	c.each(m, "segments", len(segments), func(_ int, f field) {
		switch text := c.text(f); {
		case text == "":
		case !slices.Contains(segments, text):
			c.fail(f, quote(text)+" is no segment", "use "+strings.Join(segments, ", "))
		case !o.Eligible(text) || o.Segments == "":
			o.Segments = strings.TrimPrefix(o.Segments+","+text, ",")
		}
	})
}

// names reads a list of names of offers.
func (c *compiler) names(m *mapping, key string) (list []string, at []field) {
	c.each(m, key, maxRelations, func(_ int, f field) {
		if name := c.nameAt(f); name != "" && !slices.Contains(list, name) {
			list, at = append(list, name), append(at, f)
		}
	})
	return list, at
}

func (c *compiler) prices(m *mapping, o *Offering, read *readOffer) {
	c.each(m, "prices", maxPrices, func(k int, f field) {
		price, ok := c.mapping(f, priceKeys...)
		if !ok {
			return
		}
		p := c.price(&price, o)
		p.Position = int64(k)
		if slices.ContainsFunc(o.Prices, func(other Price) bool { return other.Name == p.Name }) {
			c.fail(f, "there are two prices "+quote(p.Name), "give one of them another name: bills show it")
		}
		at := &read.oneTime
		if p.Type == Recurring {
			at = &read.recurring
		}
		if *at = append(*at, len(o.Prices)); o.Kind == Prepaid && len(*at) > 1 {
			c.fail(f, "a prepaid offer has one recurring and one one-time price", "add the two up: the balance is charged once a period")
		}
		o.Prices, read.prices = append(o.Prices, p), append(read.prices, f)
	})
}

func (c *compiler) price(m *mapping, o *Offering) Price {
	p := Price{Currency: o.Currency, Description: c.textOf(m, "description", maxText), TaxCategory: c.oneOf(m, "tax", taxes...)}
	if f, ok := c.required(m, "name", "name: monthly fee"); ok {
		if p.Name = c.text(f); len(p.Name) > rating.MaxName {
			c.fail(f, "the name is too long", fmt.Sprintf("use at most %d octets: it is a line of the bill", rating.MaxName))
		}
	}
	if _, ok := c.required(m, "type", "type: recurring"); ok {
		p.Type = PriceType(c.oneOf(m, "type", string(Recurring), string(OneTime)))
	}
	if f, ok := c.required(m, "amount", "amount: 9.99"); ok {
		p.Amount = c.amount(f, c.Currency)
	}
	p.GLCode = c.account(m, map[PriceType]string{Recurring: glRecurring, OneTime: glOneTime}[p.Type])
	if p.Type != Recurring {
		for _, key := range [...]string{"every", "due", "prorated"} {
			if f, ok := m.optional(key); ok {
				c.fail(f, "a one-time price has no periods", "leave "+key+" out, or write type: recurring")
			}
		}
		return p
	}
	p.InAdvance = c.oneOf(m, "due", "advance", "arrears") == "advance"
	p.Prorate = c.boolean(m, "prorated", o.Kind == Postpaid)
	if f, ok := c.required(m, "every", "every: 1 month"); ok {
		p.PeriodMonths, p.PeriodDays = c.period(f)
		if p.PeriodDays > 0 && o.Kind == Postpaid {
			c.fail(f, "bills are made every month or every few", "write for example every: 1 month")
		}
	}
	return p
}

// account reads the account of the journal that revenue is booked to.
func (c *compiler) account(m *mapping, without string) string {
	f, ok := m.optional("gl")
	if !ok {
		return without
	}
	text := c.text(f)
	if text != "" && !glOf.MatchString(text) {
		c.fail(f, quote(text)+" is no account of the journal", `write its code, such as "4200"`)
	}
	return text
}

// usage reads how usage is booked and taxed.
func (c *compiler) usage(m *mapping, read *readOffer) {
	read.usageTax, read.usageGL = taxes[0], glUsage
	f, ok := m.optional("usage")
	if !ok {
		return
	}
	if of, ok := c.mapping(f, "tax", "gl"); ok {
		read.usageTax, read.usageGL = c.oneOf(&of, "tax", taxes...), c.account(&of, glUsage)
	}
}

func (c *compiler) commitments(m *mapping, o *Offering, read *readOffer) {
	if f, ok := m.optional("commitment"); ok {
		months, days := c.period(f)
		switch o.CommitmentMonths = months; {
		case days > 0:
			c.fail(f, "commitments are for months", "write for example 24 months")
		case months > 0 && len(read.recurring) == 0:
			c.fail(f, "a commitment to an offer that never renews", "give the offer a recurring price, or leave it out")
		}
	}
	if f, ok := m.optional("minimum_commitment"); ok {
		if o.MinimumCommitment = c.amount(f, c.Currency); o.Kind == Prepaid {
			c.fail(f, "a prepaid offer has no bill that could be topped up to a minimum", "leave it out, or write kind: postpaid")
		}
	}
	if f, ok := m.optional("unpaid"); ok && (o.Kind == Postpaid || len(read.recurring) == 0) {
		c.fail(f, "only a prepaid offer with a recurring price can stay unpaid in the core", "leave it out: bills that are not paid are dunned")
	}
}

// specified finds the offer's specification and holds the two against each
// other: what the core rates needs a subscription in the core.
func (c *compiler) specified(m *mapping, o *Offering, read *readOffer) {
	if c.hasChargingPart(m, o, read) {
		o.ChargingOffer = o.Name
	}
	f, ok := m.optional("specification")
	if !ok {
		if o.ChargingOffer != "" {
			c.fail(m.field, "the offer has no specification, and the core would not be told of who orders it",
				"write specification: and one with the component subscription")
		}
		return
	}
	read.specification = c.nameAt(f)
	n, known := c.specs[read.specification]
	switch {
	case read.specification == "":
	case !known:
		c.fail(f, "there is no specification "+quote(read.specification), "define it under specifications")
	case (c.Specifications[n].Component(Subscription) != nil) != (o.ChargingOffer != ""):
		if o.ChargingOffer != "" {
			c.fail(f, "the specification has no component subscription, and the core would not be told of who orders the offer", "add it")
		} else {
			c.fail(f, "the specification has a component subscription, and the offer has nothing that the core knows", "give the offer rates or allowances, or another specification")
		}
	}
}

// hasChargingPart reports whether the core has anything to do with an offer.
func (c *compiler) hasChargingPart(m *mapping, o *Offering, read *readOffer) bool {
	_, rates := m.optional("rates")
	_, allowances := m.optional("allowances")
	return rates || allowances || o.Kind == Prepaid && len(read.recurring)+len(read.oneTime) > 0
}

// discount reads one element of an offer's discounts.
func (c *compiler) discount(o *Offering, read *readOffer, position int, f field) {
	m, ok := c.mapping(f, discountKeys...)
	if !ok {
		return
	}
	d := Discount{Position: int64(position), Name: c.name(&m, "name: welcome"), AppliesTo: PriceType(c.oneOf(&m, "on", string(Recurring), string(OneTime)))}
	percent, hasPercent := m.optional("percent")
	amount, hasAmount := m.optional("amount")
	switch {
	case hasPercent == hasAmount:
		c.fail(f, "a discount is a percentage or an amount", "write percent: 50 or amount: 5.00, one of them")
	case hasPercent:
		d.RateMillionths = c.percent(percent, o.Kind)
	default:
		d.Amount = c.amount(amount, c.Currency)
	}
	of := read.oneTime
	if d.AppliesTo == Recurring {
		of = read.recurring
	}
	total := money.Amount(0)
	for _, k := range of {
		total += o.Prices[k].Amount // bounded by maxPrices times maxPrice
	}
	if len(of) == 0 || d.Amount > total {
		c.fail(f, fmt.Sprintf("the offer's %s prices are %s, and the discount takes more off", strings.ReplaceAll(string(d.AppliesTo), "_", "-"), total.Format(c.Currency.Exponent())),
			"lower it, or say what it is on")
	}
	if cycles, ok := m.optional("cycles"); ok {
		if d.Cycles = c.reader.number(cycles, 1, maxCycles); d.AppliesTo == OneTime {
			c.fail(cycles, "a one-time price is charged once", "leave cycles out")
		}
	}
	if coupon, ok := m.optional("coupon"); ok {
		d.Coupon = c.nameAt(coupon)
	}
	d.ValidFrom, d.ValidUntil = c.moment(&m, "from"), c.moment(&m, "until")
	if d.ValidUntil != 0 && d.ValidUntil <= d.ValidFrom {
		c.fail(f, "the discount ends before it begins", "exchange from and until")
	}
	if slices.ContainsFunc(o.Discounts, func(other Discount) bool { return other.Name == d.Name }) {
		c.fail(f, "there are two discounts "+quote(d.Name), "give one of them another name")
	}
	o.Discounts, read.discounts = append(o.Discounts, d), append(read.discounts, readDiscount{m, percent})
}

// maxCycles is as many periods as the core counts of one subscription.
const maxCycles = 1000

// percent reads a percentage in millionths of the whole. The core takes whole
// percentages only.
func (c *compiler) percent(f field, kind Kind) int64 {
	text := c.text(f)
	if text == "" {
		return 0
	}
	const decimals, whole = 4, 100 * money.Unit
	part, err := money.Parse(text, decimals)
	if err != nil || part <= 0 || part > whole {
		c.fail(f, quote(text)+" is no percentage", "write a number above 0 and up to 100, with at most 4 decimals")
		return 0
	}
	if kind == Prepaid && strings.Contains(text, ".") {
		c.fail(f, quote(text)+" is not a whole percentage, as prepaid offers have", "write a number from 1 to 100")
	}
	return int64(part) / 100
}

// moment reads a moment in the catalogue's time zone, or in RFC 3339.
func (c *compiler) moment(m *mapping, key string) instant.Instant {
	f, ok := m.optional(key)
	if !ok {
		return 0
	}
	text := c.text(f)
	if text == "" {
		return 0
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return instant.Of(at)
	}
	at, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		c.fail(f, quote(text)+" is no moment", `write it as "2026-12-24 18:00" or "2026-12-24T17:00:00Z"`)
		return 0
	}
	ofDay := instant.Span(at.Hour())*instant.Hour + instant.Span(at.Minute())*instant.Minute
	return c.zone.InstantOf(at.Year(), int(at.Month()), at.Day(), ofDay)
}

// chargingPeriod is a period as the charging half writes it.
func chargingPeriod(p *Price) string {
	n, word := p.PeriodMonths, " month"
	if p.PeriodDays > 0 {
		n, word = p.PeriodDays, " day"
	}
	if n != 1 {
		word += "s"
	}
	return strconv.FormatInt(n, 10) + word
}
