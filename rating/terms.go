package rating

import (
	"slices"

	"gyro/internal/ident"
	"gyro/internal/money"
)

// Terms are what a price says, for people to read. To compute with them is the
// business of Price.
type Terms struct {
	Per      uint64       // how many units an amount of a tier is for
	Setup    money.Amount // once per session
	Minimum  money.Amount // of what is rated at all
	Cap      money.Amount // the most; 0 is no cap
	Rounding money.Rounding
	Tiers    []Tier // at least one
}

// Tier is a range of rated units, From exclusive, To inclusive, at one amount.
type Tier struct {
	From, To uint64
	Amount   money.Amount
}

// Terms returns what the price says.
func (p *Price) Terms() Terms {
	t := Terms{
		Per: p.per, Setup: p.setup, Minimum: p.minimum, Rounding: p.rounding,
	}
	if p.capped {
		t.Cap = p.limit
	}
	for k := range p.steps {
		t.Tiers = append(t.Tiers, Tier{From: p.steps[k].from, To: min(p.end(k), MaxUnits), Amount: p.steps[k].amount})
	}
	return t
}

// Same reports whether two prices, perhaps of two versions of a catalogue, come
// to the same for any usage. Counters that position them are not compared.
func (p *Price) Same(o *Price) bool {
	return p.first == o.first && p.next == o.next && p.per == o.per && p.block == o.block && p.free == o.free &&
		p.setup == o.setup && p.minimum == o.minimum && p.limit == o.limit && p.capped == o.capped &&
		p.rounding == o.rounding && (p.counter == 0) == (o.counter == 0) && slices.Equal(p.steps, o.steps)
}

// Quantity writes a count of the unit in the largest decimal unit of measure
// that divides it: 1500000 octets are 1500KB.
func (u Unit) Quantity(n uint64) string { return formatQuantity(n, u) }

// Service looks a service up by its short name.
func (p *Plan) Service(n ident.Name) (*Service, bool) {
	for k := range p.services {
		if p.services[k].ID == n {
			return &p.services[k], true
		}
	}
	return nil, false
}

// Zones and Prices are one more than the highest index of ZoneAt and Price.
func (p *Plan) Zones() int { return len(p.zones) }

// Prices is described beside Zones.
func (p *Plan) Prices() int { return len(p.prices) }
