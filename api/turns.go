package api

import "context"

// Turns is what requests to one engine wait for each other for, whatever server they come to. Two servers over one engine
// must have the same: with turns of its own each would tell its client that an account or a version of a catalogue
// was made which the other made, and charging would wait for two looks at the whole state in a row.
//
// How many requests a server works on at a time is its own: a flood of one must not keep the other's clients out.
type Turns struct {
	// reading is for what holds the whole state while it looks: one at a time,
	// so that charging never waits for two of them in a row.
	reading turn
	// publishing makes publications take turns, so that each can tell whether
	// it made a version; changing does it for changes of accounts.
	publishing turn
	// hashing is for codes of vouchers, each of which takes 8 MiB and milliseconds.
	hashing turn
	// redeeming has those that are hashed and those that wait for it.
	redeeming turn
	changing  [accountTurns]turn
}

// accountTurns is over how many turns accounts are spread: two accounts share
// one rarely enough.
const accountTurns = 64

// codesAtOnce is how many codes of vouchers are hashed at the same time.
const codesAtOnce = 2

// codesWaiting is how many requests can be at their codes: what is hashed in a tenth of a second or two.
const codesWaiting = 32

// NewTurns returns the turns of one engine.
func NewTurns() *Turns {
	t := &Turns{reading: make(turn, 1), publishing: make(turn, 1), hashing: make(turn, codesAtOnce), redeeming: make(turn, codesWaiting)}
	for n := range t.changing {
		t.changing[n] = make(turn, 1)
	}
	return t
}

// turn lets one request at a time do something.
type turn chan struct{}

func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t turn) give() { <-t }
