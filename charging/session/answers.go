package session

import "gyro/internal/slab"

// Lookup is what is known of a request number.
type Lookup uint8

// The states of a request number.
const (
	Fresh     Lookup = iota // not answered before
	Duplicate               // answered, and the answer is at hand
	Mismatch                // answered, but the request had another body
	Forgotten               // answered, but the answer is no longer kept
	TooOld                  // so far behind the highest number that it cannot be told
)

// Window is how many request numbers, back from the highest, are known to have
// been answered or not. A late request within it is served if its number is
// new, and refused if it was answered too long ago for the answer to be kept:
// what was charged once is never charged again, and what was not is not lost.
// Behind it nothing can be told; a request is refused there. A gateway has at
// most one request for each rating group under way, so that none is as late.
const Window = 64

// Answered looks a request number up among the stored answers.
func (r *Session) Answered(number uint32, digest uint64) (Lookup, slab.Ref) {
	for k := range r.Answers {
		if a := &r.Answers[k]; a.Outcome != 0 && a.Number == number {
			if a.Digest == digest {
				return Duplicate, a.Outcome
			}
			return Mismatch, 0
		}
	}
	switch {
	case r.Seen == 0 || number > r.Highest:
		return Fresh, 0
	case r.Highest-number >= Window:
		return TooOld, 0
	case r.Seen>>(r.Highest-number)&1 != 0:
		return Forgotten, 0
	}
	return Fresh, 0
}

// Store keeps the encoded outcome of a request in place of the one that has
// been kept longest: what was answered last is what may be asked for again,
// whatever its number is.
func (s *Set) Store(r *Session, number uint32, digest uint64, outcome []byte) {
	a := &r.Answers[r.NextAnswer]
	r.NextAnswer = (r.NextAnswer + 1) % StoredAnswers
	a.Number, a.Digest, a.Outcome = number, digest, s.Octets.Replace(a.Outcome, outcome)
	switch {
	case r.Seen == 0:
		r.Highest, r.Seen = number, 1
	case number > r.Highest:
		r.Seen = r.Seen<<(number-r.Highest) | 1 // a shift beyond the window leaves nothing
		r.Highest = number
	case r.Highest-number < Window:
		r.Seen |= 1 << (r.Highest - number)
	}
}

// Last is the answer that was stored last, or nil.
func (r *Session) Last() *Answer {
	a := &r.Answers[(r.NextAnswer+StoredAnswers-1)%StoredAnswers]
	if a.Outcome == 0 {
		return nil
	}
	return a
}
