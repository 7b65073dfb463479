package rating

import (
	"gyro/internal/ident"
)

// Counter adds up what is used of some services in a period, so that prices,
// rules and notices can depend on it. The plan says what is counted; how far a
// counter is, the charging core knows.
type Counter struct {
	Name string
	ID   ident.Name
	// Unit is what is counted: units of usage, or, with Money, what the usage
	// cost in millionths of the catalogue's currency.
	Unit   Unit
	Of     CounterOf
	Period CounterPeriod
	// Limit is what Notify refers to, in Unit; 0 is none. It stops nobody: a
	// rule or an allowance that asks for the counter does.
	Limit uint64
	// Notify are parts of Limit in percent, ascending, 1 to 100: when usage
	// brings the counter there, a notice is written, once in each period.
	Notify []uint8

	services uint32 // bit set over services
	zones    uint32 // bit set over zones of the called number, or noSet for any
	visited  uint32 // bit set over zones of the serving network, or noSet for any
}

// CounterOf says whose usage a counter adds up.
type CounterOf uint8

// The owners of counters.
const (
	OfSubscriber CounterOf = iota // of each subscriber alone
	OfAccount                     // of all subscribers of the account together
)

// String returns the word that catalogues use.
func (o CounterOf) String() string {
	switch o {
	case OfSubscriber:
		return "subscriber"
	case OfAccount:
		return "account"
	}
	return "unknown"
}

// CounterPeriod says when a counter begins again at zero.
type CounterPeriod uint8

// The periods of counters.
const (
	PerDay   CounterPeriod = iota // calendar day in the plan's time zone: Plan.Day
	PerCycle                      // billing cycle of the account: Plan.Cycle
	Ever                          // never
)

// String returns the word that catalogues use.
func (p CounterPeriod) String() string {
	switch p {
	case PerDay:
		return "day"
	case PerCycle:
		return "cycle"
	case Ever:
		return "ever"
	}
	return "unknown"
}

// Counters tells how far the counters of a plan are for one subscriber.
type Counters interface {
	// Used is what the counter with an index of CounterAt has counted in the
	// period of the moment that is classified.
	Used(counter uint32) uint64
}

// Counters returns all counters in catalogue order; the slice belongs to the plan.
func (p *Plan) Counters() []Counter { return p.counters }

// CounterAt returns the counter with an index of this plan.
func (p *Plan) CounterAt(i uint32) *Counter { return &p.counters[i] }

// Counter looks a counter up by its short name. A catalogue has few.
func (p *Plan) Counter(n ident.Name) (uint32, bool) {
	for k := range p.counters {
		if p.counters[k].ID == n {
			return uint32(k), true
		}
	}
	return 0, false
}

// Counts reports whether the usage that m classified advances a counter. What
// is free or denied is not counted: a gateway does not report it.
func (p *Plan) Counts(counter uint32, m *Match) bool {
	c := &p.counters[counter]
	return m.Treatment == Charged && p.contains(c.services, m.Service) &&
		(c.zones == noSet || p.contains(c.zones, m.Zone)) && (c.visited == noSet || p.contains(c.visited, m.Visited))
}
