package charging

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"gyro/balance"
	"gyro/charging/session"
	"gyro/internal/instant"
	"gyro/rating"
)

// TestPacedGrants: an adaptive grant is what was used, stretched to the target in
// exact arithmetic, within a factor of the grant before it and within the bounds
// of the policy, which have the last word; and it never shrinks with usage.
func TestPacedGrants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		quota := rating.Quota{
			Grant: rapid.Uint64Range(1, 1<<40).Draw(t, "grant"), Target: instant.Span(rapid.Int64Range(1, 86_400_000).Draw(t, "target")),
		}
		quota.Floor = rapid.Uint64Range(0, quota.Grant).Draw(t, "floor")
		quota.Ceiling = rapid.Uint64Range(quota.Grant, 1<<50).Draw(t, "ceiling")
		previous := rapid.Uint64Range(1, quota.Ceiling).Draw(t, "previous")
		now := instant.Instant(1_800_000_000_000)
		elapsed := rapid.Int64Range(0, 86_400_000).Draw(t, "elapsed")
		group := session.Group{Unit: balance.Octets, Since: now.Add(-instant.Span(elapsed))}
		grant := func(used uint64) uint64 {
			sv := Service{ReportCount: 1, Reports: [MaxReports]Report{{Units: Units{Has: HasTotal, Total: used}}}}
			return paced(&group, &quota, &sv, previous, now)
		}
		used := rapid.Uint64Range(0, MaxUnits).Draw(t, "used")
		want := new(big.Int).Mul(new(big.Int).SetUint64(used), big.NewInt(int64(quota.Target)))
		want.Div(want, big.NewInt(max(elapsed, 1000)))
		for _, bound := range []struct {
			at    uint64
			above bool
		}{{previous * 4, true}, {previous / 4, false}, {quota.Floor, false}, {1, false}, {quota.Ceiling, true}} {
			if n := new(big.Int).SetUint64(bound.at); bound.above == (want.Cmp(n) > 0) {
				want = n
			}
		}
		got := grant(used)
		if !want.IsUint64() || got != want.Uint64() {
			t.Fatalf("%d used in %d ms for %d ms after a grant of %d: granted %d, want %s", used, elapsed, quota.Target, previous, got, want)
		}
		if more := grant(min(used+used/2+1, MaxUnits)); more < got {
			t.Fatalf("%d for %d used, %d for more", got, used, more)
		}
		if first := paced(&group, &quota, &Service{}, 0, now); first != quota.Grant {
			t.Fatalf("the first grant is %d", first)
		}
	})
}

// TestThresholdIsBelowTheGrant, whatever part of it a policy asks for: at the
// grant itself the gateway would ask at once, again and again.
func TestThresholdIsBelowTheGrant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		granted, permille := rapid.Uint64Range(1, MaxUnits).Draw(t, "granted"), rapid.Uint32Range(0, 999).Draw(t, "permille")
		threshold := uint64(thresholdOf(granted, permille))
		exact := new(big.Int).Mul(new(big.Int).SetUint64(granted), big.NewInt(int64(permille)))
		exact.Div(exact, big.NewInt(1000))
		if threshold >= granted || exact.Cmp(big.NewInt(1<<32-1)) <= 0 && threshold != exact.Uint64() {
			t.Fatalf("a threshold of %d for %d per mille of %d", threshold, permille, granted)
		}
	})
}

// TestGrantSizes counts each grant in the power of ten that it does not exceed.
func TestGrantSizes(t *testing.T) {
	var sizes GrantSizes
	for _, granted := range []uint64{1, 2, 10, 11, 100, 1_000_000, 1_000_001, MaxUnits} {
		sizes.add(granted)
	}
	want := [13]uint64{0: 1, 1: 2, 2: 2, 6: 1, 7: 1, 12: 1}
	if sizes.Upto != want || sizes.Count != 8 || sizes.Units != 2_000_125+MaxUnits {
		t.Fatalf("%+v", sizes)
	}
}
