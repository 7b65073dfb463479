package session

import (
	"cmp"
	"slices"

	"gyro/internal/instant"
	"gyro/internal/slab"
)

// wheelSlots is the horizon of the wheel in seconds: 2.3 hours. A session
// supervised for longer waits in the last slot and is placed anew from there.
const wheelSlots = 8192

// Deadlines finds sessions whose supervision has run out: a timing wheel with
// a slot a second. A request only moves the deadline in the session itself;
// the place in the wheel follows when its slot comes up. So restarting the
// timer at every request costs nothing, and a closed session leaves nothing
// behind (a heap would keep its entry until the deadline).
type Deadlines struct {
	slots [wheelSlots]slab.Index
	last  int64 // the second up to which slots were visited
}

// Visited is the second up to which the wheel was visited. It decides together
// with the deadlines which sessions a tick finds, so it is part of the state.
func (d *Deadlines) Visited() int64 { return d.last }

// Resume sets the wheel where it stood, before any session is scheduled.
func (d *Deadlines) Resume(visited int64) { d.last = visited }

// Supervise moves a session's deadline. The place in the wheel follows when its
// slot comes up, but for a deadline that comes earlier it has to follow at
// once, or the session would outlive it.
func (s *Set) Supervise(i slab.Index, deadline, now instant.Instant) {
	r := s.Sessions.At(i)
	earlier := deadline < r.Deadline
	r.Deadline = deadline
	if earlier {
		s.unschedule(r)
		s.Schedule(i, now)
	}
}

// Schedule places a session by its deadline. The first call decides where the
// wheel stands, so that time may begin at any moment.
func (s *Set) Schedule(i slab.Index, now instant.Instant) {
	d := &s.Deadlines
	if d.last == 0 {
		d.last = second(now)
	}
	r := s.Sessions.At(i)
	at := min(max(second(r.Deadline), d.last+1), d.last+wheelSlots-1)
	slot := at % wheelSlots
	r.timerSlot, r.timerNext, r.timerPrevious = uint16(slot), d.slots[slot], 0
	if r.timerNext != 0 {
		s.Sessions.At(r.timerNext).timerPrevious = i
	}
	d.slots[slot] = i
}

func second(i instant.Instant) int64 { return int64(i) / int64(instant.Second) }

func (s *Set) unschedule(r *Session) {
	if r.timerNext != 0 {
		s.Sessions.At(r.timerNext).timerPrevious = r.timerPrevious
	}
	if r.timerPrevious != 0 {
		s.Sessions.At(r.timerPrevious).timerNext = r.timerNext
		return
	}
	s.Deadlines.slots[r.timerSlot] = r.timerNext
}

// Due appends up to limit sessions whose deadline has passed to due, the
// earliest deadline first and by number among equals: an order that depends
// on the sessions alone, so that a restarted state expires them alike. Those
// beyond the limit come up again a second later.
func (s *Set) Due(now instant.Instant, limit int, due []slab.Index) []slab.Index {
	d := &s.Deadlines
	if d.last == 0 {
		return due
	}
	target := second(now)
	for first := max(d.last+1, target-wheelSlots+1); first <= target; first++ {
		d.last = first
		i := d.slots[first%wheelSlots]
		d.slots[first%wheelSlots] = 0
		for i != 0 {
			next := s.Sessions.At(i).timerNext
			if s.Sessions.At(i).Deadline <= now {
				due = append(due, i)
			} else {
				s.Schedule(i, now)
			}
			i = next
		}
	}
	slices.SortFunc(due, func(a, b slab.Index) int {
		x, y := s.Sessions.At(a), s.Sessions.At(b)
		return cmp.Or(cmp.Compare(x.Deadline, y.Deadline), cmp.Compare(x.Number, y.Number))
	})
	for _, i := range due {
		s.Schedule(i, now) // closing a session takes it out again
	}
	return due[:min(limit, len(due))]
}

// AnyDue reports whether Due would visit a session.
func (s *Set) AnyDue(now instant.Instant) bool {
	d := &s.Deadlines
	if d.last == 0 {
		return false
	}
	target := second(now)
	for first := max(d.last+1, target-wheelSlots+1); first <= target; first++ {
		if d.slots[first%wheelSlots] != 0 {
			return true
		}
	}
	return false
}
