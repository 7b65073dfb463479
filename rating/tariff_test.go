package rating

import (
	"fmt"
	"math/big"
	"strings"

	"gyro/internal/instant"
	"gyro/internal/money"
)

// tariff is a price as a tariff sheet has it: what the compiled Price is
// compared with.
type tariff struct {
	model                model
	first, next, per     uint64
	free                 uint64
	tiers                []tariffTier
	setup, minimum, most money.Amount // most is the cap, or 0 for none
	rounding             money.Rounding
}

// tariffTier ends after the unit upTo, counted from the start of the session; 0 is
// without end.
type tariffTier struct {
	upTo   uint64
	amount money.Amount
}

// source writes the tariff in the language of catalogues.
func (a *tariff) source() string {
	var b strings.Builder
	fmt.Fprintf(&b, "{model: %s, increment: %d/%d, rounding: %s, setup: %s", modelNames[a.model], a.first, a.next, a.rounding, a.setup)
	if a.model != stairstep {
		fmt.Fprintf(&b, ", per: %d", a.per)
	}
	if a.minimum > 0 {
		fmt.Fprintf(&b, ", minimum: %s", a.minimum)
	}
	if a.most > 0 {
		fmt.Fprintf(&b, ", cap: %s", a.most)
	}
	if a.free > 0 {
		fmt.Fprintf(&b, ", free: %d", a.free)
	}
	if !a.model.tiered() {
		fmt.Fprintf(&b, ", amount: %s}", a.tiers[0].amount)
		return b.String()
	}
	b.WriteString(", tiers: [")
	for _, t := range a.tiers {
		if t.upTo > 0 {
			fmt.Fprintf(&b, "{up_to: %d, amount: %s}, ", t.upTo, t.amount)
		} else {
			fmt.Fprintf(&b, "{amount: %s}]}", t.amount)
		}
	}
	return b.String()
}

// fataler is the part of testing.TB that rapid has too.
type fataler interface {
	Fatalf(format string, args ...any)
}

func (a *tariff) compile(t fataler) *Price {
	source := fmt.Sprintf(`{catalog: t, currency: EUR, time_zone: UTC, services: [{name: s, context: 1, unit: octets}],
  offers: [{name: o, rates: [{service: s, rules: [{price: %s}]}]}]}`, a.source())
	p, err := Compile([]byte(source), utcOnly)
	if err != nil {
		t.Fatalf("%s:\n%v", source, err)
	}
	return p.Price(1)
}

func utcOnly(name string) (instant.Zone, bool) { return instant.UTC(), name == "UTC" }

// slowCost is the exact cost in fractions, rounded once.
func (a *tariff) slowCost(rated uint64) (money.Amount, bool) {
	if rated == 0 {
		return 0, true
	}
	sum := a.exact(rated)
	for _, t := range a.tiers { // nobody pays more for less
		if a.model == volume && t.upTo >= rated {
			if ahead := a.exact(t.upTo + 1); ahead.Cmp(sum) < 0 {
				sum = ahead
			}
		}
	}
	rounded := roundRat(sum, a.rounding)
	if low := big.NewInt(int64(a.minimum)); rounded.Cmp(low) < 0 {
		rounded = low
	}
	if high := big.NewInt(int64(a.most)); a.most > 0 && rounded.Cmp(high) > 0 {
		rounded = high
	}
	return money.Amount(rounded.Int64()), rounded.IsInt64()
}

// exact is the cost as the tariff sheet says it, unit by unit.
func (a *tariff) exact(rated uint64) *big.Rat {
	sum := new(big.Rat)
	if rated <= a.free {
		return sum
	}
	tier := a.tiers[0]
	for _, t := range a.tiers[1:] {
		if rated > tier.upTo {
			tier = t
		}
	}
	units := func(n uint64, amount money.Amount) *big.Rat {
		part := new(big.Rat).SetInt(new(big.Int).SetUint64(n))
		return part.Mul(part, new(big.Rat).SetFrac(big.NewInt(int64(amount)), new(big.Int).SetUint64(a.per)))
	}
	switch a.model {
	case stairstep:
		return sum.SetInt64(int64(tier.amount))
	case volume, perUnit:
		return units(rated-a.free, tier.amount)
	case packaged:
		blocks := roundRat(units(rated-a.free, 1), money.Up)
		return sum.SetInt(blocks.Mul(blocks, big.NewInt(int64(tier.amount))))
	case graduated:
	}
	from := a.free
	for _, t := range a.tiers {
		end := rated
		if t.upTo > 0 {
			end = min(end, t.upTo)
		}
		if end > from {
			sum.Add(sum, units(end-from, t.amount))
			from = end
		}
	}
	return sum
}

func roundRat(r *big.Rat, mode money.Rounding) *big.Int {
	floor := new(big.Int).Quo(r.Num(), r.Denom())
	fraction := new(big.Rat).Sub(r, new(big.Rat).SetInt(floor))
	half := fraction.Cmp(big.NewRat(1, 2))
	up := false
	switch mode {
	case money.Up:
		up = fraction.Sign() > 0
	case money.HalfUp:
		up = half >= 0
	case money.HalfEven:
		up = half > 0 || (half == 0 && floor.Bit(0) == 1)
	case money.Down:
	}
	if up {
		floor.Add(floor, big.NewInt(1))
	}
	return floor
}
