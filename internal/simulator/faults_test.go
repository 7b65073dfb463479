package simulator

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestTheSameSeedFailsTheSameRequests, whatever comes between them.
func TestTheSameSeedFailsTheSameRequests(t *testing.T) {
	fates := func(seed uint64, between int) []failure {
		i := newInjector(&Faults{Refuse: 300, DropAfter: 300, Seed: seed})
		var found []failure
		for range 40 {
			found = append(found, i.plan("262011234567890").failure)
			for n := range between {
				i.plan(fmt.Sprint("another", n))
			}
		}
		return found
	}
	if !reflect.DeepEqual(fates(1, 0), fates(1, 3)) {
		t.Error("other subscribers' requests change who fails")
	}
	if reflect.DeepEqual(fates(1, 0), fates(2, 0)) {
		t.Error("the seed makes no difference")
	}
}

func TestTheSharesAreKept(t *testing.T) {
	i := newInjector(&Faults{Refuse: 200, RefuseStatus: 507, HangAfter: 100, ExitBefore: 50, Latency: Duration(time.Second), Jitter: Duration(time.Second)})
	const requests = 20_000
	shortest, longest := time.Hour, time.Duration(0)
	for n := range requests {
		p := i.plan(fmt.Sprint(n))
		if p.status != 507 {
			t.Fatalf("refused with %d", p.status)
		}
		shortest, longest = min(shortest, p.wait), max(longest, p.wait)
	}
	for f, permille := range map[failure]uint64{refuse: 200, hangAfter: 100, exitBefore: 50, dropBefore: 0} {
		got, want := i.statistics()[f], permille*requests/1000
		if got < want*9/10 || got > want*11/10 {
			t.Errorf("%s: %d of %d, want about %d", f, got, requests, want)
		}
	}
	if shortest < time.Second || shortest > 1050*time.Millisecond || longest > 2*time.Second || longest < 1950*time.Millisecond {
		t.Errorf("waits from %s to %s, want 1 to 2 s", shortest, longest)
	}
}

func TestFailuresAreLimited(t *testing.T) {
	i := newInjector(&Faults{DropBefore: 1000, Limit: 3, Only: []string{"a"}})
	var failed int
	for range 10 {
		if i.plan("b").failure != served {
			t.Error("another subject fails")
		}
		if i.plan("a").failure == dropBefore {
			failed++
		}
	}
	if failed != 3 {
		t.Errorf("%d failures, want 3", failed)
	}
}

func TestFaultsThatCannotBe(t *testing.T) {
	for want, f := range map[string]Faults{
		"1000 permille":   {Refuse: 1001},
		"come to 1200":    {DropBefore: 600, DropAfter: 600},
		"refuse_status":   {RefuseStatus: 200},
		"latency":         {Latency: Duration(time.Hour)},
		"limit":           {Limit: -1},
		"hang_after is -": {HangAfter: -1},
	} {
		if err := f.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", f, err, want)
		}
	}
}
