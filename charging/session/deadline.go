package session

import (
	"slices"

	"gyro/internal/instant"
	"gyro/internal/slab"
)

// Deadlines finds sessions whose supervision has run out. An entry is queued
// once a session; a request only moves the deadline in the session itself, and
// the entry follows when it comes up. So restarting the timer at every request
// costs nothing.
type Deadlines struct {
	heap []deadline
}

type deadline struct {
	at      instant.Instant
	number  uint64
	session slab.Index
}

// Push queues a session's deadline.
func (d *Deadlines) Push(at instant.Instant, number uint64, session slab.Index) {
	d.heap = append(d.heap, deadline{at, number, session})
	for i := len(d.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if d.heap[parent].at <= d.heap[i].at {
			return
		}
		d.heap[parent], d.heap[i] = d.heap[i], d.heap[parent]
		i = parent
	}
}

func (d *Deadlines) pop() deadline {
	top, last := d.heap[0], len(d.heap)-1
	d.heap[0] = d.heap[last]
	d.heap = d.heap[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if d.heap[child].at < d.heap[least].at {
				least = child
			}
		}
		if least == i {
			return top
		}
		d.heap[i], d.heap[least] = d.heap[least], d.heap[i]
		i = least
	}
}

// Next is a moment before which no deadline passes; ok is false when nothing
// is queued.
func (d *Deadlines) Next() (at instant.Instant, ok bool) {
	if len(d.heap) == 0 {
		return 0, false
	}
	return d.heap[0].at, true
}

// Due returns up to limit sessions whose deadline has passed, the earliest
// deadline first and by number among equals. The order depends on the sessions
// alone, not on how the queue came to be, so that a restarted state expires
// them alike; that is why all due entries are taken before the limit is put.
func (s *Set) Due(now instant.Instant, limit int, due []slab.Index) []slab.Index {
	for len(s.Deadlines.heap) > 0 && s.Deadlines.heap[0].at <= now {
		e := s.Deadlines.pop()
		r := s.Sessions.At(e.session)
		switch {
		case r.Number != e.number: // closed meanwhile
		case r.Deadline > now:
			s.Deadlines.Push(r.Deadline, e.number, e.session)
		default:
			due = append(due, e.session)
		}
	}
	slices.SortFunc(due, func(a, b slab.Index) int {
		x, y := s.Sessions.At(a), s.Sessions.At(b)
		if x.Deadline != y.Deadline {
			return int(min(max(x.Deadline-y.Deadline, -1), 1))
		}
		return int(min(max(int64(x.Number)-int64(y.Number), -1), 1))
	})
	for _, i := range due[min(limit, len(due)):] {
		r := s.Sessions.At(i)
		s.Deadlines.Push(r.Deadline, r.Number, i)
	}
	return due[:min(limit, len(due))]
}
