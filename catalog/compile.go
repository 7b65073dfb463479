package catalog

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/zone"
	"gyro/rating"
)

// Compiled is both halves of a document.
type Compiled struct {
	Name     string
	Currency money.Currency
	TimeZone string
	// Charging is the source of the core's catalogue, nil where no offer has
	// anything to do with it; Plan is what the core will make of it.
	Charging       []byte
	Plan           *rating.Plan
	Specifications []Specification // in the order of the document, without ids and dates
	Offerings      []Offering      // likewise
}

// Limits of a document.
const (
	maxComponents = 32
	maxPrices     = 32
	maxDiscounts  = 64
	maxRelations  = 64
	maxText       = 1000 // octets of a description
)

// Keys of a document. Those of the charging half are handed on as they are.
var (
	chargingKeys = []string{"services", "zones", "holidays", "calendars", "counters", "allowances", "tests"}
	headerKeys   = []string{"catalog", "currency", "time_zone"}
	documentKeys = slices.Concat(headerKeys, chargingKeys, []string{"specifications", "offers"})
)

// compiler reads a document.
type compiler struct {
	reader
	Compiled
	zone  instant.Zone
	specs map[string]int // by name, looked up only
	seen  map[string]int // offers by name, looked up only
	read  []readOffer    // beside Offerings

	titles map[string]map[string]string // of services, by language
}

// Compile makes both halves of a document and runs the tests inside it. An
// error is rating.SourceErrors, with line, place, reason and remedy of each.
func Compile(source []byte) (*Compiled, error) {
	c := &compiler{specs: map[string]int{}, seen: map[string]int{}}
	root, ok := c.parse(source)
	if ok {
		c.document(root)
	}
	if len(c.errors) == 0 {
		c.charging(root)
	}
	if len(c.errors) > 0 {
		return nil, c.inOrder()
	}
	c.usagePrices()
	c.sign()
	return &c.Compiled, nil
}

func (c *compiler) document(root field) {
	m, ok := c.mapping(root, documentKeys...)
	if !ok {
		return
	}
	c.header(&m)
	c.serviceTitles(&m)
	c.each(&m, "specifications", rating.MaxOffers, c.specification)
	if _, ok := c.required(&m, "offers", "offers: [{name: mobile-s, kind: postpaid, prices: [...]}]"); ok {
		c.each(&m, "offers", rating.MaxOffers, c.offer)
	}
	for n := range c.Offerings {
		c.relations(n)
	}
}

func (c *compiler) header(m *mapping) {
	if f, ok := c.required(m, "catalog", "catalog: office"); ok {
		c.Name = c.nameAt(f)
	}
	if f, ok := c.required(m, "currency", "currency: EUR"); ok {
		if text := c.text(f); text != "" {
			var err error
			if c.Currency, err = money.ParseCurrency(text); err != nil {
				c.fail(f, quote(text)+" is no currency", "use an ISO 4217 code such as EUR")
			}
		}
	}
	if f, ok := c.required(m, "time_zone", "time_zone: Europe/Berlin"); ok {
		if text := c.text(f); text != "" {
			if c.zone, ok = zone.Load(text); !ok {
				c.fail(f, quote(text)+" is no time zone", "use a name of the IANA database, such as Europe/Berlin")
			}
			c.TimeZone = text
		}
	}
}

// specification reads one element of specifications.
func (c *compiler) specification(_ int, f field) {
	m, ok := c.mapping(f, "name", "description", "brand", "components")
	if !ok {
		return
	}
	s := Specification{Name: c.name(&m, "name: mobile-line"), Status: Draft}
	s.Description, s.Brand = c.textOf(&m, "description", maxText), c.textOf(&m, "brand", maxText)
	if _, twice := c.specs[s.Name]; twice {
		c.fail(f, "there are two specifications "+quote(s.Name), "give one of them another name")
	}
	if _, ok := c.required(&m, "components", "components: [msisdn, sim, account, subscriber, subscription]"); ok {
		c.each(&m, "components", maxComponents, func(k int, f field) { c.component(&s, k, f) })
	}
	c.specs[s.Name] = len(c.Specifications)
	c.Specifications = append(c.Specifications, s)
}

// component reads a word, or a kind with its profile and attributes.
func (c *compiler) component(s *Specification, position int, f field) {
	component := Component{Position: int64(position)}
	at := f
	if node := followed(f.node); len(node.Content) == 0 {
		component.Kind = ComponentKind(c.text(f))
	} else {
		m, ok := c.mapping(f, "kind", "profile", "attributes")
		if !ok {
			return
		}
		if at, ok = c.required(&m, "kind", "kind: hss"); !ok {
			return
		}
		component.Kind, component.Profile = ComponentKind(c.text(at)), c.textOf(&m, "profile", rating.MaxName)
		if f, ok := m.optional("attributes"); ok {
			component.Attributes = c.attributes(f)
		}
	}
	switch element := component.Kind == HSS || component.Kind == PCRF; {
	case component.Kind == "":
		return
	case !slices.Contains(Components, component.Kind):
		c.fail(at, quote(string(component.Kind))+" is no component", "use "+words(Components))
		return
	case s.Component(component.Kind) != nil:
		c.fail(at, "the specification has two components "+string(component.Kind), "keep one of them")
	case element && component.Profile == "":
		c.fail(at, string(component.Kind)+" has no profile", "write {kind: "+string(component.Kind)+", profile: the element's name for what the subscriber may do}")
	case !element && component.Profile != "":
		c.fail(at, string(component.Kind)+" has no profiles", "leave profile out; hss and pcrf have one")
	}
	s.Components = append(s.Components, component)
}

// attributes reads texts by name.
func (c *compiler) attributes(f field) map[string]string {
	node := followed(f.node)
	attributes := map[string]string{}
	for k := 0; k+1 < len(node.Content); k += 2 {
		value := field{f.path + "." + node.Content[k].Value, node.Content[k+1]}
		if text := c.text(value); text != "" {
			attributes[node.Content[k].Value] = text
		}
	}
	if len(attributes) == 0 {
		c.fail(f, "has no values by name", "write for example attributes: {apn: internet}")
	}
	return attributes
}

func words[T ~string](list []T) string {
	texts := make([]string, len(list))
	for k, word := range list {
		texts[k] = string(word)
	}
	return strings.Join(texts, ", ")
}

// relations checks what an offer says of others, when all are known.
func (c *compiler) relations(n int) {
	o, read := &c.Offerings[n], &c.read[n]
	for k, name := range o.Requires {
		at := read.requires[k]
		other, known := c.seen[name]
		switch {
		case !known:
			c.fail(at, "there is no offer "+quote(name), "name an offer of this document")
		case name == o.Name:
			c.fail(at, "the offer requires itself", "leave it out")
		case slices.Contains(o.Excludes, name) || slices.Contains(c.Offerings[other].Excludes, o.Name):
			c.fail(at, "the offer excludes "+quote(name)+", too", "keep one of the two")
		case c.Offerings[other].Kind != o.Kind:
			c.fail(at, fmt.Sprintf("%s is %s, and this offer is %s", quote(name), c.Offerings[other].Kind, o.Kind),
				"nobody could have both; require an offer of the same kind")
		}
	}
	for k, name := range o.Excludes {
		if _, known := c.seen[name]; !known || name == o.Name {
			c.fail(read.excludes[k], "there is no other offer "+quote(name), "name an offer of this document")
		}
	}
}

// rulesApart is between the rules of a service in the words of a price.
const rulesApart = "; "

// usagePrices adds to each offer how its usage is booked, and in words what it
// costs: a price for each service that the offer rates.
func (c *compiler) usagePrices() {
	if c.Plan == nil {
		return
	}
	for _, fact := range rating.Diff(&rating.Plan{}, c.Plan) {
		if fact.Subject != "price" {
			continue
		}
		service, rule, _ := strings.Cut(fact.Name, "/")
		for _, name := range fact.Offers {
			n, mine := c.seen[name]
			if !mine {
				continue
			}
			o, read := &c.Offerings[n], &c.read[n]
			k := slices.IndexFunc(o.Prices, func(p Price) bool { return p.Type == Usage && p.Name == service })
			if k < 0 {
				k = len(o.Prices)
				o.Prices = append(o.Prices, Price{
					Position: int64(k), Name: service, Titles: c.titles[service], Type: Usage, Currency: o.Currency, TaxCategory: read.usageTax, GLCode: read.usageGL,
				})
			}
			if o.Prices[k].Description != "" {
				o.Prices[k].Description += rulesApart
			}
			o.Prices[k].Description += rule + ": " + fact.New
		}
	}
}

// sign gives specifications and offers a digest of all that the document says of
// them: one that is the same is the same version.
func (c *compiler) sign() {
	for n := range c.Specifications {
		c.Specifications[n].Digest = digest(&c.Specifications[n])
	}
	for n := range c.Offerings {
		o := &c.Offerings[n]
		signed := ""
		if read := &c.read[n]; read.specification != "" {
			signed = c.Specifications[c.specs[read.specification]].Digest
			o.Specification = &c.Specifications[c.specs[read.specification]]
		}
		o.Digest = digest([]any{settled(*o), signed})
	}
}

// settled is what of an offer makes a version: without the specification, whose
// digest says more, and with its usage in an order that other offers of the
// document have no part in.
func settled(o Offering) Offering {
	o.Specification = nil
	o.Prices = slices.Clone(o.Prices)
	for n := range o.Prices {
		if p := &o.Prices[n]; p.Type == Usage {
			rules := strings.Split(p.Description, rulesApart)
			slices.Sort(rules)
			p.Description, p.Position = strings.Join(rules, rulesApart), 0
		}
	}
	slices.SortStableFunc(o.Prices, func(a, b Price) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Position, b.Position), cmp.Compare(a.Name, b.Name))
	})
	return o
}

func digest(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic("catalog: an offer cannot be encoded: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
