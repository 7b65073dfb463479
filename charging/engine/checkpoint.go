package engine

import (
	"gyro/charging"
)

// Checkpoint is the state's changes up to one index, on their way to the store.
type Checkpoint struct {
	e    *Engine
	c    *charging.Checkpoint
	last *charging.Block
}

// Capture begins a checkpoint of all that was applied. The journal calls it
// between two calls of Apply.
func (e *Engine) Capture(w charging.Writer) *Checkpoint {
	e.state.Lock()
	defer e.state.Unlock()
	c := e.state.Capture(w)
	return &Checkpoint{e: e, c: c, last: c.LastBlock()}
}

// Index is the journal index the checkpoint is at.
func (c *Checkpoint) Index() uint64 { return c.c.Index() }

// Fill writes everything to the writer, sharing the state with requests: it
// takes it for a thousand records at a time.
func (c *Checkpoint) Fill() {
	for done := false; !done; {
		c.e.state.Lock()
		done = c.c.Step()
		c.e.state.Unlock()
	}
}

// Stored tells the engine that what was written is durable.
func (c *Checkpoint) Stored() {
	if c.last == nil {
		return
	}
	c.e.state.Lock()
	defer c.e.state.Unlock()
	c.c.Stored(c.last)
}
