package demo

import (
	"sync/atomic"
	"time"
)

// Clock is the engine's wall clock. It begins behind the real one, so that
// customers can have come weeks ago whose fees fall due while the demo runs,
// and is the real one from Catch on.
type Clock struct{ behind atomic.Int64 }

// NewClock returns a clock that is behind for longer than any customer is
// there.
func NewClock() *Clock {
	c := &Clock{}
	c.behind.Store(int64(sinceJoined + 2*time.Hour))
	return c
}

// Now is the time that the engine stamps batches with.
func (c *Clock) Now() time.Time { return time.Now().Add(-time.Duration(c.behind.Load())) }

// Set moves the clock forward to a moment, from which it goes on. It never
// goes back, nor beyond the present.
func (c *Clock) Set(at time.Time) {
	behind := int64(max(time.Since(at), 0))
	if behind < c.behind.Load() {
		c.behind.Store(behind)
	}
}

// Catch makes the clock the real one.
func (c *Clock) Catch() { c.behind.Store(0) }
