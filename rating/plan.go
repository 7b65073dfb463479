package rating

import (
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// Plan is a compiled catalogue. It never changes; all of its methods may be
// called by any number of goroutines at once.
type Plan struct {
	name     string
	currency money.Currency
	zone     instant.Zone

	services     []Service
	recognisers  []recogniser // beside services
	recognition  recognition
	offers       []Offer
	offerIndex   index // ident.Name -> offers
	allowances   []Allowance
	allowanceIdx index    // ident.Name -> allowances
	rates        []rate   // rates[0] is "no rate"
	rateAt       []uint32 // offer*len(services)+service -> rates
	rules        []Rule
	prices       []Price // prices[0] charges nothing
	sheets       []sheet // beside prices
	zones        []Zone  // zones[0] is "no zone"
	prefixes     trie
	networks     index // ident.PLMN and the keys of networks.go -> zones; nil for none
	calendars    []string
	counters     []Counter
	marks        []mark // of rules
	paid         []paid // beside services
	schedule     schedule
	apns         []string // lower case
	words        []uint64 // bit sets, referred to by their first word
	labels       index    // ident.Name -> names
	names        []string
	tests        []test
	definitions  []definition // of services, zones, calendars and counters
}

// Service is something that is charged for, and how a request names it.
type Service struct {
	Name  string
	ID    ident.Name
	Unit  Unit
	Quota Quota
}

// Zone is a part of the world, by the numbers that are called and the networks
// that serve a subscriber.
type Zone struct {
	Name string
	ID   ident.Name
	// Within is the zone around it: index for ZoneAt, 0 for none.
	Within uint32
}

// Rule is one line of a rate: under which conditions it applies, and what then.
type Rule struct {
	// Name is the catalogue's, or "" where it gives none.
	Name string
	// Line is where the catalogue's source defines the rule.
	Line      int
	Treatment Treatment
	// Rate is the index, for Price, of the rule's price; 0 when not Charged.
	Rate uint32

	conditions
}

// rate is the rules of one service in one offer.
type rate struct {
	rules     span
	calendars uint64 // all that its rules ask for
	calling   bool   // a rule asks for the zone of the calling number
	counted   bool   // a rule asks for a counter
}

// paid is what allowances for a service ask for: when it changes, usage may be
// paid otherwise.
type paid struct {
	calendars uint64
	depends   Dependence
}

// span is a range of elements of one of the plan's arrays.
type span struct{ from, to uint32 }

// noSet stands for "no filter" where a bit set is expected.
const noSet = ^uint32(0)

// Name is the catalogue's name.
func (p *Plan) Name() string { return p.name }

// Currency is the currency of every amount in the plan.
func (p *Plan) Currency() money.Currency { return p.currency }

// Offer looks an offer up by its short name.
func (p *Plan) Offer(n ident.Name) (*Offer, bool) {
	k, ok := p.offerIndex.find(uint64(n))
	if !ok {
		return nil, false
	}
	return &p.offers[k], true
}

// Offers returns all offers in catalogue order; the slice belongs to the plan.
func (p *Plan) Offers() []Offer { return p.offers }

// Services returns all services in catalogue order; the slice belongs to the
// plan, and its indices are those of ServiceAt and Match.Service.
func (p *Plan) Services() []Service { return p.services }

// ServiceAt returns the service with an index taken from a Match of this plan.
func (p *Plan) ServiceAt(i uint32) *Service { return &p.services[i] }

// Allowance looks an allowance up by its short name.
func (p *Plan) Allowance(n ident.Name) (*Allowance, bool) {
	k, ok := p.allowanceIdx.find(uint64(n))
	if !ok {
		return nil, false
	}
	return &p.allowances[k], true
}

// AllowanceIndex looks the index of an allowance up, for AllowanceAt.
func (p *Plan) AllowanceIndex(n ident.Name) (uint32, bool) { return p.allowanceIdx.find(uint64(n)) }

// AllowanceAt returns the allowance with an index taken from an Offer of this plan.
func (p *Plan) AllowanceAt(i uint32) *Allowance { return &p.allowances[i] }

// Allowances returns all allowances; the slice belongs to the plan.
func (p *Plan) Allowances() []Allowance { return p.allowances }

// Pays reports whether a pays for the usage that m classified. Both must be of
// this plan.
func (p *Plan) Pays(a *Allowance, m *Match) bool {
	return p.contains(a.services, m.Service) && (a.zones == noSet || p.contains(a.zones, m.Zone)) &&
		(a.visited == noSet || p.contains(a.visited, m.Visited)) && (a.calendars == 0 || a.calendars&m.InForce != 0)
}

// Price returns the price with an index taken from a Match of this plan.
// Index 0 is the price of what is not charged: nothing.
func (p *Plan) Price(rate uint32) *Price { return &p.prices[rate] }

// RuleAt returns the rule with an index taken from a Match of this plan.
func (p *Plan) RuleAt(i uint32) *Rule { return &p.rules[i] }

// Rules is the number of rules of all offers.
func (p *Plan) Rules() int { return len(p.rules) }

// ZoneAt returns the zone with an index taken from a Match of this plan; index
// 0 is the absence of a zone, with an empty name.
func (p *Plan) ZoneAt(i uint32) *Zone { return &p.zones[i] }

// TimeZone is the IANA name of the zone in which the calendars are read.
func (p *Plan) TimeZone() string { return p.zone.Name }

// Label returns the name of which n is the short form, for display: of a
// service, offer, allowance or zone. It is empty when the plan has none.
func (p *Plan) Label(n ident.Name) string {
	k, ok := p.labels.find(uint64(n))
	if !ok {
		return ""
	}
	return p.names[k]
}

func (p *Plan) contains(set, member uint32) bool {
	return p.words[set+member/64]>>(member%64)&1 != 0
}

// index is a hash table from a 64-bit key to a 32-bit value, with linear
// probing, never more than half full. It has no order to depend on.
type index struct {
	slots []slot
	shift uint8
}

type slot struct {
	key   uint64
	value uint32
	taken bool
}

// newIndex makes an index for at most n keys.
func newIndex(n int) index {
	bits := uint8(1)
	for 1<<bits < 2*n {
		bits++
	}
	return index{slots: make([]slot, 1<<bits), shift: 64 - bits}
}

// home spreads keys that differ in few bits (Fibonacci hashing).
func (x *index) home(key uint64) int { return int(key * 0x9e3779b97f4a7c15 >> x.shift) }

// put sets the value of key.
func (x *index) put(key uint64, value uint32) {
	k := x.home(key)
	for x.slots[k].taken && x.slots[k].key != key {
		k = (k + 1) & (len(x.slots) - 1)
	}
	x.slots[k] = slot{key, value, true}
}

func (x *index) find(key uint64) (uint32, bool) {
	for k := x.home(key); x.slots[k].taken; k = (k + 1) & (len(x.slots) - 1) {
		if x.slots[k].key == key {
			return x.slots[k].value, true
		}
	}
	return 0, false
}
