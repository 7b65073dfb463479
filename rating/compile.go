package rating

import (
	"fmt"
	"math"
	"sort"

	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// Zones gives the offset table of an IANA time zone. The edge that publishes a
// catalogue resolves it, once; it travels with the catalogue from then on.
type Zones func(name string) (instant.Zone, bool)

// TimeZone returns the name of the time zone of a catalogue, so that an edge
// can tabulate it for Compile. It looks at nothing else. An error is
// SourceErrors.
func TimeZone(text []byte) (string, error) {
	var s source
	if root, ok := s.parse(text); ok {
		if m, ok := s.mapping(root, catalogueKeys...); ok {
			if f, ok := s.required(&m, "time_zone", timeZoneExample); ok {
				if name, ok := s.text(f); ok {
					return name, nil
				}
			}
		}
	}
	return "", s.errors
}

// Compile makes a plan of a catalogue in YAML or JSON. An error is
// SourceErrors, with the position, reason and remedy of each.
func Compile(text []byte, zones Zones) (*Plan, error) {
	c, err := compile(text, zones)
	if err != nil {
		return nil, err
	}
	return c.plan, nil
}

func compile(text []byte, zones Zones) (*compiler, error) {
	c := &compiler{plan: &Plan{}, byID: map[ident.Name]string{}, apnNumbers: map[string]uint32{}, networkOf: map[uint64]uint32{}}
	if root, ok := c.parse(text); ok {
		c.catalogue(root, zones)
	}
	if len(c.errors) > 0 {
		sort.SliceStable(c.errors, func(a, b int) bool { return c.errors[a].before(c.errors[b]) })
		return nil, c.errors
	}
	return c, nil
}

// compiler builds a plan from its source. Its maps are looked up, never
// ranged over, so that a plan does not depend on their order.
type compiler struct {
	source
	plan *Plan

	byID       map[ident.Name]string // every name so far
	zones      names
	kinds      []zoneKind // beside Plan.zones
	networks   []networkEntry
	networkOf  map[uint64]uint32 // what of networks there is, and its zone
	calendars  names
	services   names
	by         []recognisedBy // beside Plan.services
	allowances names
	counters   names
	offers     names
	promotions names
	related    []related
	apnNumbers map[string]uint32 // of those that rules ask for
	prefixes   int
	holidays   days
	dates      int
	periods    []period
}

const timeZoneExample = "time_zone: Europe/Berlin"

var catalogueKeys = []string{
	"catalog", "currency", "time_zone", "services", "zones", "holidays", "calendars",
	"counters", "allowances", "offers", "tests",
}

func (c *compiler) catalogue(root field, zones Zones) {
	m, ok := c.mapping(root, catalogueKeys...)
	if !ok {
		return
	}
	c.header(&m, zones)
	c.plan.zones = []Zone{{}}
	c.kinds = []zoneKind{0}
	c.plan.prices = []Price{{first: 1, next: 1, per: 1, block: 1, steps: []step{{}}, limit: money.Max}}
	c.plan.sheets = []sheet{{}}
	c.plan.rates = []rate{{}}
	c.each(&m, "zones", MaxZones, c.zone)
	c.spreadKinds()
	c.buildNetworks()
	c.allHolidays(&m)
	c.each(&m, "calendars", MaxCalendars, c.calendar)
	c.plan.calendars = c.calendars.list
	c.plan.schedule = buildSchedule(c.periods, &c.holidays)
	if _, ok := c.required(&m, "services", "services: [{name: internet, context: 32251, unit: octets}]"); ok {
		c.each(&m, "services", MaxServices, c.service)
		c.buildRecognition()
	}
	c.each(&m, "counters", MaxCounters, c.counter)
	c.each(&m, "allowances", MaxAllowances, func(f field) { c.allowance(f) })
	if _, ok := c.required(&m, "offers", "offers: [{name: payg, rates: [...]}]"); ok {
		c.each(&m, "offers", MaxOffers, c.offer)
		c.relations()
	}
	c.buildIndexes()
	c.buildPaid()
	c.each(&m, "tests", MaxTests, c.test)
}

// header reads what the catalogue says about itself.
func (c *compiler) header(m *mapping, zones Zones) {
	if f, ok := c.required(m, "catalog", "catalog: retail"); ok {
		c.plan.name, _ = c.validName(f)
	}
	if f, ok := c.required(m, "currency", "currency: EUR"); ok {
		if text, ok := c.text(f); ok {
			currency, err := money.ParseCurrency(text)
			if err != nil {
				c.fail(f, fmt.Sprintf("unknown currency %s", quote(text)), "use an ISO 4217 code such as EUR")
			}
			c.plan.currency = currency
		}
	}
	c.plan.zone = instant.UTC()
	if f, ok := c.required(m, "time_zone", timeZoneExample); ok {
		if text, ok := c.text(f); ok {
			c.timeZone(f, text, zones)
		}
	}
}

func (c *compiler) timeZone(f field, name string, zones Zones) {
	zone, ok := zones(name)
	if !ok {
		c.fail(f, fmt.Sprintf("unknown time zone %s", quote(name)), "use an IANA name such as Europe/Berlin or UTC")
		return
	}
	increasing := sort.SliceIsSorted(zone.From, func(a, b int) bool { return zone.From[a] < zone.From[b] })
	if len(zone.From) == 0 || len(zone.From) != len(zone.Offset) || !increasing {
		c.fail(f, fmt.Sprintf("the table of time zone %s is malformed", quote(name)), "publish the catalogue again")
		return
	}
	for _, offset := range zone.Offset {
		if offset <= -secondsPerDay || offset >= secondsPerDay {
			c.fail(f, fmt.Sprintf("the table of time zone %s has an offset of a day", quote(name)), "publish the catalogue again")
			return
		}
	}
	c.plan.zone = zone
}

const secondsPerDay = 86400

// each reads the elements of an optional list.
func (c *compiler) each(m *mapping, key string, limit int, read func(field)) {
	c.eachOrOne(m, key, limit, false, read)
}

// eachOrOne is each; where single is set, a value without brackets is a list of one.
func (c *compiler) eachOrOne(m *mapping, key string, limit int, single bool, read func(field)) {
	f, ok := m.optional(key)
	if !ok {
		return
	}
	for _, element := range c.list(f, limit, single) {
		if c.full() {
			return
		}
		read(element)
	}
}

// newSet appends an empty bit set for members below n to the plan.
func (c *compiler) newSet(n int) uint32 {
	from := len(c.plan.words)
	c.plan.words = append(c.plan.words, make([]uint64, (n+63)/64)...)
	return uint32(from)
}

func (c *compiler) include(set, member uint32) {
	c.plan.words[set+member/64] |= 1 << (member % 64)
}

func (c *compiler) buildIndexes() {
	p := c.plan
	p.offerIndex = newIndex(len(p.offers))
	for k := range p.offers {
		p.offerIndex.put(uint64(p.offers[k].ID), uint32(k))
	}
	p.allowanceIdx = newIndex(len(p.allowances))
	for k := range p.allowances {
		p.allowanceIdx.put(uint64(p.allowances[k].ID), uint32(k))
	}
	p.labels = newIndex(len(p.names))
	for k, name := range p.names {
		p.labels.put(uint64(ident.NameOf(name)), uint32(k))
	}
}

// buildPaid collects, per service, what allowances for it ask for.
func (c *compiler) buildPaid() {
	p := c.plan
	p.paid = make([]paid, len(p.services))
	for k := range p.allowances {
		a := &p.allowances[k]
		if a.calendars == 0 && a.visited == noSet {
			continue
		}
		for service := range p.services {
			if !p.contains(a.services, uint32(service)) {
				continue
			}
			p.paid[service].calendars |= a.calendars
			if a.visited != noSet {
				p.paid[service].depends |= DependsServing
			}
		}
	}
}

// maxUint32 bounds the numbers that are Unsigned32 on the wire.
const maxUint32 = math.MaxUint32
