package charging

import (
	"gyro/internal/instant"
	"gyro/internal/slab"
)

// agenda holds the accounts for which time alone will bring something about: a
// bucket that expires, a fee, a move of a subscriber. An account is in it once,
// at the earliest of its moments, so that millions that fall due at midnight
// are taken in the same order on every machine: by moment, then by number.
type agenda struct {
	heap []appointment
}

type appointment struct {
	due    instant.Instant
	number uint64
	index  slab.Index
}

func (a *appointment) before(b *appointment) bool {
	return a.due < b.due || a.due == b.due && a.number < b.number
}

// agendaLimit is how many accounts one tick sees to: some tens of milliseconds
// of work, for requests wait as long. The next tick goes on, and an account
// that a request is about is seen to before the request (State.upToDate).
const agendaLimit = 2000

// agendaSteps is how much one tick carries out for all of them together: after
// a long time down each account has many periods to catch up with.
const agendaSteps = 8000

// stepsLimit is how much is carried out for one account at once: a system that
// was down for a year catches up with its cycles in several visits.
const stepsLimit = 64

// due makes sure that the account is seen to at a moment or earlier.
func (s *State) due(i slab.Index, at instant.Instant) {
	a := s.accounts.At(i)
	if at == 0 || a.place != 0 && a.Due <= at {
		return
	}
	s.touchAccount(i)
	s.appoint(i, at)
}

// appoint puts an account into the agenda or moves it there.
func (s *State) appoint(i slab.Index, at instant.Instant) {
	a := s.accounts.At(i)
	a.Due = at
	if a.place == 0 {
		s.agenda.heap = append(s.agenda.heap, appointment{})
		a.place = uint32(len(s.agenda.heap))
	}
	at0 := int(a.place) - 1
	s.agenda.heap[at0] = appointment{at, a.Number, i}
	s.sink(s.rise(at0))
}

// cancel takes an account out of the agenda.
func (s *State) cancel(i slab.Index) {
	a := s.accounts.At(i)
	if a.place == 0 {
		return
	}
	at, last := int(a.place)-1, len(s.agenda.heap)-1
	a.Due, a.place = 0, 0
	moved := s.agenda.heap[last]
	s.agenda.heap = s.agenda.heap[:last]
	if at < last {
		s.put(at, moved)
		s.sink(s.rise(at))
	}
}

func (s *State) put(at int, p appointment) {
	s.agenda.heap[at] = p
	s.accounts.At(p.index).place = uint32(at + 1)
}

func (s *State) rise(at int) int {
	p := s.agenda.heap[at]
	for at > 0 {
		above := (at - 1) / 2
		if !p.before(&s.agenda.heap[above]) {
			break
		}
		s.put(at, s.agenda.heap[above])
		at = above
	}
	s.put(at, p)
	return at
}

func (s *State) sink(at int) {
	h := s.agenda.heap
	p := h[at]
	for {
		below := 2*at + 1
		if below >= len(h) {
			break
		}
		if below+1 < len(h) && h[below+1].before(&h[below]) {
			below++
		}
		if !h[below].before(&p) {
			break
		}
		s.put(at, h[below])
		at = below
	}
	s.put(at, p)
}

// anyDue reports whether an account's moment has come.
func (a *agenda) anyDue(now instant.Instant) bool { return len(a.heap) > 0 && a.heap[0].due <= now }

// Behind reports whether accounts are due that the last tick had to leave.
func (s *State) Behind(now instant.Instant) bool { return s.agenda.anyDue(now) }

// keepAppointments sees to the accounts whose moment has come, the earliest
// first, as many as one tick may.
func (s *State) keepAppointments() {
	for n, steps := 0, 0; n < agendaLimit && steps < agendaSteps && s.agenda.anyDue(s.now); n++ {
		if i := s.agenda.heap[0].index; !s.finishClosing(i) {
			steps += s.bringUp(i)
		}
	}
}

// upToDate sees to an account before anything else is decided about it: what
// was due by now has happened, however long the queue of the agenda is.
func (s *State) upToDate(i slab.Index) {
	if a := s.accounts.At(i); a.place != 0 && a.Due <= s.now {
		s.bringUp(i)
	}
}

// step is one thing that time brings about, and when.
type step struct {
	at  instant.Instant // zero is never
	run func(s *State, account, what slab.Index)
	// what is the subscriber, the bucket or the subscription it happens to.
	what slab.Index
}

// earlier keeps the earlier of two steps; at the same moment the one found
// first.
func (p *step) earlier(o step) {
	if o.at != 0 && (p.at == 0 || o.at < p.at) {
		*p = o
	}
}

// earliest is the next thing that time will bring about for an account.
func (s *State) earliest(i slab.Index) (next step) {
	s.nextMove(i, &next)
	s.nextRenewal(i, &next)
	s.nextExpiry(i, &next)
	s.nextDebt(i, &next)
	return next
}

// bringUp carries out what is due for an account, in the order of the moments,
// and appoints the next. It returns how much that was.
func (s *State) bringUp(i slab.Index) (steps int) {
	s.touchAccount(i)
	s.cancel(i)
	next := s.earliest(i)
	for ; next.at != 0 && next.at <= s.now && steps < stepsLimit; steps++ {
		next.run(s, i, next.what)
		next = s.earliest(i)
	}
	a := s.accounts.At(i)
	a.lingers = s.lingering(i)
	s.due(i, next.at)
	if s.closable(a) {
		s.due(i, s.now) // a tick removes it: who brings an account up to date goes on to use it
	}
	s.warn(i)
	return steps
}

// lingering reports whether a bucket whose time has passed is still there.
func (s *State) lingering(i slab.Index) bool {
	for b := s.accounts.At(i).Buckets; b != 0; b = s.book.Buckets.At(b).Next {
		if until := s.book.Buckets.At(b).Until; until != 0 && until <= s.now {
			return true
		}
	}
	return false
}

// reschedule appoints an account for what a command brought about.
func (s *State) reschedule(i slab.Index) {
	next := s.earliest(i)
	s.due(i, next.at)
}

// nextExpiry finds the bucket that ends first. One that only waits for what is
// reserved or recorded on it has no moment: the end of the session is.
func (s *State) nextExpiry(i slab.Index, next *step) {
	a := s.accounts.At(i)
	for b := a.Buckets; b != 0; b = s.book.Buckets.At(b).Next {
		bucket := s.book.Buckets.At(b)
		if bucket.Until == 0 || next.at != 0 && bucket.Until >= next.at {
			continue
		}
		if bucket.Until <= s.now && bucket.Remaining == bucket.Reserved && (bucket.Reserved > 0 || s.moved(a, b)) {
			continue
		}
		next.earlier(step{at: bucket.Until, run: (*State).expireBucket, what: b})
	}
}
