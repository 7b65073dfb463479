package rating

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"gyro/internal/money"
)

// drawCount favours small numbers, where increments and tiers meet, over the
// whole range.
func drawCount(t *rapid.T, label string, least uint64) uint64 {
	most := rapid.SampledFrom([]uint64{20, 1000, 10_000_000, MaxUnits}).Draw(t, label+" magnitude")
	return rapid.Uint64Range(least, most).Draw(t, label)
}

func drawAmount(t *rapid.T, label string, least int64) money.Amount {
	most := rapid.SampledFrom([]int64{20, 1_000_000, 50_000_000, int64(money.Max)}).Draw(t, label+" magnitude")
	return money.Amount(rapid.Int64Range(least, max(least, most)).Draw(t, label))
}

func drawTariff(t *rapid.T) tariff {
	a := tariff{
		model:    model(rapid.IntRange(int(perUnit), int(stairstep)).Draw(t, "model")),
		per:      drawCount(t, "per", 1),
		first:    drawCount(t, "first", 1),
		next:     drawCount(t, "next", 1),
		rounding: money.Rounding(rapid.IntRange(0, 3).Draw(t, "rounding")),
		setup:    drawAmount(t, "setup", 0),
	}
	if rapid.Bool().Draw(t, "has free") {
		a.free = drawCount(t, "free", 1)
	}
	a.drawTiers(t)
	if rapid.Bool().Draw(t, "has minimum") {
		a.minimum = drawAmount(t, "minimum", 0)
	}
	if rapid.Bool().Draw(t, "has cap") {
		a.most = drawAmount(t, "cap", max(1, int64(min(a.minimum, 20))))
		a.minimum = min(a.minimum, a.most)
	}
	return a
}

func (a *tariff) drawTiers(t *rapid.T) {
	from, least, bounded := a.free, int64(0), 0
	if a.model.tiered() {
		bounded = rapid.IntRange(0, 3).Draw(t, "bounded tiers")
	}
	amount := func() money.Amount {
		n := drawAmount(t, "amount", least)
		switch a.model {
		case stairstep:
			least = int64(n) // later steps cost no less
		case volume:
			least = 1
		case perUnit, packaged, graduated:
		}
		return n
	}
	for range bounded {
		upTo := from + drawCount(t, "length", 1)
		if upTo > MaxUnits {
			break
		}
		a.tiers = append(a.tiers, tariffTier{upTo, amount()})
		from = upTo
	}
	a.tiers = append(a.tiers, tariffTier{0, amount()})
}

// drawRated favours the ends of tiers.
func drawRated(t *rapid.T, a *tariff) uint64 {
	near := a.free
	if rapid.Bool().Draw(t, "near a tier") {
		near = a.tiers[rapid.IntRange(0, len(a.tiers)-1).Draw(t, "tier")].upTo
	}
	return min(near+drawCount(t, "rated", 0), MaxUnits)
}

func TestCostEqualsTheExactModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawTariff(t)
		p := a.compile(t)
		rated := drawRated(t, &a)
		got, ok := p.Cost(rated)
		want, fits := a.slowCost(rated)
		if ok != fits || (ok && got != want) {
			t.Fatalf("%s\nCost(%d) = %s, %v; want %s, %v", a.source(), rated, got, ok, want, fits)
		}
		if p.Setup() != a.setup {
			t.Fatalf("setup %s, want %s", p.Setup(), a.setup)
		}
	})
}

func TestCostNeverDecreases(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawTariff(t)
		p := a.compile(t)
		low := drawRated(t, &a)
		high := min(low+drawCount(t, "more", 0), MaxUnits)
		less, ok1 := p.Cost(low)
		more, ok2 := p.Cost(high)
		if ok2 && (!ok1 || less > more) {
			t.Fatalf("%s\nCost(%d) = %s, %v but Cost(%d) = %s", a.source(), low, less, ok1, high, more)
		}
	})
}

// TestSplittingUsageNeverChangesCost charges a session in one report and in
// many, each the difference of two cumulative costs.
func TestSplittingUsageNeverChangesCost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawTariff(t)
		p := a.compile(t)
		var used uint64
		var charged money.Amount
		for _, part := range rapid.SliceOfN(rapid.Uint64Range(0, 5_000_000), 1, 20).Draw(t, "parts") {
			before, ok1 := debit(p, used)
			used += part
			after, ok2 := debit(p, used)
			if !ok1 || !ok2 {
				return // refused, not charged
			}
			if after < before {
				t.Fatalf("%s\na report of %d units debits %s", a.source(), part, after-before)
			}
			charged += after - before
		}
		whole, _ := debit(p, used)
		if billable, ok := p.Billable(used); ok {
			if want, fits := a.slowCost(billable); !fits || whole != want {
				t.Fatalf("%s\n%d units at once cost %s, want %s", a.source(), used, whole, want)
			}
		}
		if charged != whole {
			t.Fatalf("%s\n%d units cost %s in parts and %s at once", a.source(), used, charged, whole)
		}
	})
}

func debit(p *Price, used uint64) (money.Amount, bool) {
	billable, ok := p.Billable(used)
	if !ok {
		return 0, false
	}
	return p.Cost(billable)
}

// TestAffordableIsExact uses that Cost never decreases: what is affordable
// costs at most the budget and one unit more costs more.
func TestAffordableIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawTariff(t)
		p := a.compile(t)
		budget := drawAmount(t, "budget", -1)
		if rapid.Bool().Draw(t, "budget of a usage") {
			cost, _ := a.slowCost(drawRated(t, &a))
			budget = max(-1, cost+money.Amount(rapid.Int64Range(-1, 0).Draw(t, "less")))
		}
		got := p.Affordable(budget)
		want := slowAffordable(&a, budget)
		if got != want {
			t.Fatalf("%s\nAffordable(%s) = %d, want %d", a.source(), budget, got, want)
		}
	})
}

// slowAffordable halves the range on the exact model.
func slowAffordable(a *tariff, budget money.Amount) uint64 {
	low, high := uint64(0), MaxUnits
	for low < high {
		middle := low + (high-low+1)/2
		if cost, fits := a.slowCost(middle); fits && cost <= budget {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low
}

// TestEverySmallPrice goes through all small prices, budgets and usages of
// every model, where halves and thirds of a millionth meet every rounding mode.
func TestEverySmallPrice(t *testing.T) {
	for how := perUnit; how <= stairstep; how++ {
		for mode := range money.HalfEven + 1 {
			for per := range uint64(6) {
				for amount := range money.Amount(8) {
					a := tariff{model: how, per: per + 1, first: 1, next: 1, free: 1, rounding: mode}
					switch how {
					case perUnit, packaged:
						a.tiers = []tariffTier{{0, amount}}
					case stairstep:
						a.tiers = []tariffTier{{5, amount}, {0, amount + 3}}
					case graduated, volume:
						a.tiers = []tariffTier{{5, amount}, {0, 3}}
					}
					everySmallUsage(t, &a)
				}
			}
		}
	}
}

func everySmallUsage(t *testing.T, a *tariff) {
	p := a.compile(t)
	for n := range uint64(30) {
		got, _ := p.Cost(n)
		if want, _ := a.slowCost(n); got != want {
			t.Errorf("%s: Cost(%d) = %d, want %d", a.source(), n, got, want)
		}
		budget := money.Amount(n) - 1
		if got, want := p.Affordable(budget), slowAffordable(a, budget); got != want {
			t.Errorf("%s: Affordable(%s) = %d, want %d", a.source(), budget, got, want)
		}
	}
}

// TestVolumeIsTheCheapestOfAllLargerUsages looks at every larger usage, where
// the compiled price looks at the first units of tiers.
func TestVolumeIsTheCheapestOfAllLargerUsages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := tariff{model: volume, per: 1, first: 1, next: 1, free: rapid.Uint64Range(0, 4).Draw(t, "free"), rounding: money.Up}
		from := a.free
		for range rapid.IntRange(1, 4).Draw(t, "bounded tiers") {
			from += rapid.Uint64Range(1, 8).Draw(t, "length")
			a.tiers = append(a.tiers, tariffTier{from, money.Amount(rapid.Int64Range(1, 12).Draw(t, "amount"))})
		}
		a.tiers = append(a.tiers, tariffTier{0, money.Amount(rapid.Int64Range(1, 12).Draw(t, "amount"))})
		p := a.compile(t)
		for n := uint64(1); n < from+10; n++ {
			least := a.exact(n)
			for larger := n; larger < 13*(from+10); larger++ {
				if cost := a.exact(larger); cost.Cmp(least) < 0 {
					least = cost
				}
			}
			if got, _ := p.Cost(n); roundRat(least, money.Up).Cmp(big.NewInt(int64(got))) != 0 {
				t.Fatalf("%s: Cost(%d) = %d, but a larger usage costs %s", a.source(), n, got, least)
			}
		}
	})
}

// TestPricesAllocateNothing: both functions run for every report.
func TestPricesAllocateNothing(t *testing.T) {
	for how := perUnit; how <= stairstep; how++ {
		a := tariff{model: how, per: 1000, first: 60, next: 1, free: 10, tiers: []tariffTier{{0, 100}}}
		if how.tiered() {
			a.tiers = []tariffTier{{100, 100}, {1000, 150}, {0, 300}}
		}
		p := a.compile(t)
		if n := testing.AllocsPerRun(100, func() { p.Cost(5000); p.Affordable(777) }); n != 0 {
			t.Errorf("%s: %v allocations", a.source(), n)
		}
	}
}

func TestBillableAndWithin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawTariff(t)
		p := a.compile(t)
		used := drawCount(t, "used", 0)
		billable, ok := p.Billable(used)
		want, fits := a.slowBillable(used)
		if ok != fits || (ok && billable != want) {
			t.Fatalf("%d/%d: Billable(%d) = %d, %v; want %d, %v", a.first, a.next, used, billable, ok, want, fits)
		}
		if ok && p.Within(billable) < used {
			t.Fatalf("%d/%d: Within(%d) = %d, which is below %d", a.first, a.next, billable, p.Within(billable), used)
		}
		budget := drawCount(t, "billable", 0)
		most := p.Within(budget)
		if b, ok := p.Billable(most); !ok || b > budget {
			t.Fatalf("%d/%d: Within(%d) = %d, which bills %d", a.first, a.next, budget, most, b)
		}
		if b, ok := p.Billable(most + 1); ok && b <= budget {
			t.Fatalf("%d/%d: Within(%d) = %d, but one more bills %d", a.first, a.next, budget, most, b)
		}
	})
}

func (a *tariff) slowBillable(used uint64) (uint64, bool) {
	if used == 0 {
		return 0, true
	}
	n := new(big.Int).SetUint64(a.first)
	if used > a.first {
		rest := new(big.Rat).SetFrac(new(big.Int).SetUint64(used-a.first), new(big.Int).SetUint64(a.next))
		n.Add(n, new(big.Int).Mul(roundRat(rest, money.Up), new(big.Int).SetUint64(a.next)))
	}
	return n.Uint64(), n.Cmp(new(big.Int).SetUint64(MaxUnits)) <= 0
}

func TestCountsBeyondTheLimitAreRefused(t *testing.T) {
	a := tariff{per: 1, first: 60, next: 60, tiers: []tariffTier{{0, 1}}}
	p := a.compile(t)
	for _, n := range []uint64{MaxUnits - 1, MaxUnits, MaxUnits + 1, ^uint64(0)} {
		if got, ok := p.Billable(n); ok {
			t.Errorf("Billable(%d) = %d", n, got)
		}
	}
	if _, ok := p.Cost(MaxUnits); !ok {
		t.Error("the largest count has no cost")
	}
	if _, ok := p.Cost(MaxUnits + 1); ok {
		t.Error("a count above the limit has a cost")
	}
	if got := p.Within(^uint64(0)); got != MaxUnits-MaxUnits%60 {
		t.Errorf("Within(max) = %d", got)
	}
}

func BenchmarkCost(b *testing.B) {
	for name, a := range map[string]tariff{
		"flat":    {model: perUnit, per: 1_000_000, first: 100_000, next: 100_000, tiers: []tariffTier{{0, 10_000}}},
		"tiers=4": {model: graduated, per: 1_000_000, first: 1, next: 1, tiers: []tariffTier{{1e6, 40_000}, {1e7, 30_000}, {1e8, 20_000}, {0, 10_000}}},
	} {
		p := a.compile(b)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var sum money.Amount
			for k := range uint64(b.N) {
				cost, _ := p.Cost(k * 131071 % 500_000_000)
				sum += cost
			}
			if sum == 1 {
				b.Log(sum)
			}
		})
		b.Run(name+"/affordable", func(b *testing.B) {
			b.ReportAllocs()
			var sum uint64
			for k := range int64(b.N) {
				sum += p.Affordable(money.Amount(k * 131071 % 5_000_000))
			}
			if sum == 1 {
				b.Log(sum)
			}
		})
	}
}
