package workflow

import "gyro/internal/instant"

// Policy is how patient the workflow is with a system.
type Policy struct {
	// Timeout bounds one attempt. An attempt whose end is not known, because the program died, is over when it has passed.
	Timeout instant.Span
	// Attempts is how often a task is tried before it waits for a person.
	Attempts int
	// First is the wait after the first attempt; it doubles with each one up to Most.
	First, Most instant.Span
}

// DefaultPolicy outlasts a restart of the other system, some eight minutes, and then asks a person.
var DefaultPolicy = Policy{Timeout: 5 * instant.Second, Attempts: 10, First: instant.Second, Most: 2 * instant.Minute}

// Backoff is how long to wait after the given number of attempts, from 1 on.
func (p Policy) Backoff(attempts int) instant.Span {
	wait := p.First
	for k := 1; k < attempts && wait < p.Most; k++ {
		wait *= 2
	}
	return min(wait, p.Most)
}
