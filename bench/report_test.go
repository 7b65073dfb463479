package bench

import (
	"strings"
	"testing"
	"time"
)

// TestGate judges the best slices, of the shape that the gate is stated for and of no other.
func TestGate(t *testing.T) {
	for _, tt := range []struct {
		applies bool
		ccr     time.Duration // CPU of a CCR in the best slice; an echoed message costs 100 ns
		met     bool
		want    string
	}{
		{true, 2400, true, "at most 25: met\n"},
		{true, 2500, true, "at most 25: met\n"},
		{true, 2510, false, "at most 25: not met\n"},
		{false, 100, false, "gate           not judged"},
	} {
		turn := func(each time.Duration) slice { return slice{CPU: 10 * each, Elapsed: time.Millisecond, Answers: 10} }
		charging := &target{slices: []slice{turn(9000), turn(tt.ccr), turn(8000)}}
		echoing := &target{slices: []slice{turn(100), turn(200)}}
		r := &Result{GateRatio: gateRatio, GateApplies: tt.applies}
		r.fill(charging, echoing, &counters{}, &counters{})
		var out strings.Builder
		r.Print(&out)
		if r.GateMet != tt.met || !strings.Contains(out.String(), tt.want) {
			t.Errorf("%v, applies %t: met %t, %q", tt.ccr, tt.applies, r.GateMet, out.String())
		}
	}
}
