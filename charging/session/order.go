package session

import "gyro/internal/slab"

// order keeps the open sessions in the order in which they were opened, so that
// a walk over all of them can go on where it stopped, in whatever places of
// memory a restart put them.
type order struct {
	first, last slab.Index
	// next is where the walk under way goes on; zero is its end, or no walk.
	next slab.Index
}

// enqueue puts a session behind all others; it has the highest number.
func (s *Set) enqueue(i slab.Index) {
	r, o := s.Sessions.At(i), &s.order
	r.older = o.last
	if o.last != 0 {
		s.Sessions.At(o.last).younger = i
	} else {
		o.first = i
	}
	o.last = i
}

func (s *Set) dequeue(i slab.Index) {
	r, o := s.Sessions.At(i), &s.order
	if o.next == i {
		o.next = r.younger
	}
	if r.older != 0 {
		s.Sessions.At(r.older).younger = r.younger
	} else {
		o.first = r.younger
	}
	if r.younger != 0 {
		s.Sessions.At(r.younger).older = r.older
	} else {
		o.last = r.older
	}
}

// After returns the oldest open session with a number above the given one, or
// zero. It comes from whichever end is nearer by number.
func (s *Set) After(number uint64) slab.Index {
	o := &s.order
	if number < s.LastNumber/2 {
		i := o.first
		for i != 0 && s.Sessions.At(i).Number <= number {
			i = s.Sessions.At(i).younger
		}
		return i
	}
	i, found := o.last, slab.Index(0)
	for i != 0 && s.Sessions.At(i).Number > number {
		i, found = s.Sessions.At(i).older, i
	}
	return found
}

// Younger returns the session that was opened next, or zero.
func (s *Set) Younger(i slab.Index) slab.Index { return s.Sessions.At(i).younger }

// Walk begins a walk over the sessions with numbers above the given one. There
// is one walk at a time.
func (s *Set) Walk(after uint64) { s.order.next = s.After(after) }

// Step returns the next session of the walk, or zero at its end. Sessions may
// be opened and closed between two steps.
func (s *Set) Step() slab.Index {
	i := s.order.next
	if i != 0 {
		s.order.next = s.Sessions.At(i).younger
	}
	return i
}
