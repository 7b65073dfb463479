// Package rating breaks every rule for pure packages.
package rating

import (
	"maps"
	"slices"
	"time"

	"gyro/charging"
)

var last int

var table [4]struct{ n int }

func init() {
	last = charging.First
}

// Price looks at the clock.
func Price(prices map[string]int) time.Time {
	for _, p := range prices {
		last += p
	}
	table[1].n++
	_ = slices.Sorted(maps.Keys(prices))
	return time.Now()
}

// Half is a float, and so is what it calls.
func Half(n int) float64 {
	return float64(n) * 0.5
}

// Wait runs something beside.
func Wait() {
	done := make(chan int)
	go func() { done <- 1 }()
	select {
	case <-done:
	case <-time.After(time.Second):
	}
	for range done {
		last--
	}
}

// Fine is allowed: a local of the same name, a shift of integers, a duration that is only a number.
func Fine(last int) time.Duration {
	last++
	for i := range table {
		last += table[i].n << 1
	}
	return time.Duration(last) * time.Millisecond
}
