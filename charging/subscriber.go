package charging

import (
	"gyro/charging/session"
	"gyro/charging/usage"
	"gyro/internal/instant"
	"gyro/internal/slab"
)

// SubscriberState is where a subscriber is in its life. Its number is part of
// the state's format.
type SubscriberState uint8

// The states, in the order in which time leads through them.
const (
	Ordered         SubscriberState = 1 // known, not in use yet
	Active          SubscriberState = 2
	SuspendedOneWay SubscriberState = 3 // receives and does not originate
	SuspendedTwoWay SubscriberState = 4 // neither
	Grace           SubscriberState = 5 // kept so that it can come back; nothing else
	Terminated      SubscriberState = 6 // over: nothing, and no way back
)

// asked is what a request wants of a subscriber.
type asked uint8

const (
	// originating is service that the subscriber begins: a data session, a call
	// made, a message sent.
	originating asked = 1 << iota
	// receiving is a call or message to the subscriber: Role-Of-Node terminating
	// in IMS, SMS or MMS (TS 32.299 section 7.2.154).
	receiving
	// asking uses nothing: a refund, an enquiry about balance or price.
	asking
)

// lives is what a subscriber may do in each state, and where time leads it.
// docs/operations/subscribers.md shows the same table.
var lives = [...]struct {
	word string
	may  asked
	next SubscriberState
}{
	0:               {word: "unknown"},
	Ordered:         {word: "ordered", may: asking, next: Terminated},
	Active:          {word: "active", may: originating | receiving | asking, next: SuspendedOneWay},
	SuspendedOneWay: {word: "suspended-one-way", may: receiving | asking, next: SuspendedTwoWay},
	SuspendedTwoWay: {word: "suspended-two-way", may: asking, next: Grace},
	Grace:           {word: "grace", may: asking, next: Terminated},
	Terminated:      {word: "terminated"},
}

// String is the state's name in the API and in records.
func (s SubscriberState) String() string {
	if int(s) >= len(lives) {
		s = 0
	}
	return lives[s].word
}

// ParseSubscriberState is the inverse of SubscriberState.String; ok is false
// for another word.
func ParseSubscriberState(word string) (SubscriberState, bool) {
	for state := Ordered; state <= Terminated; state++ {
		if lives[state].word == word {
			return state, true
		}
	}
	return 0, false
}

// LifeCycle is the operator's policy for subscribers: how long each state
// lasts before time leads to the next; 0 is for ever.
type LifeCycle struct {
	Ordered         instant.Span `json:"ordered_ms"`
	Active          instant.Span `json:"active_ms"`
	SuspendedOneWay instant.Span `json:"suspended_one_way_ms"`
	SuspendedTwoWay instant.Span `json:"suspended_two_way_ms"`
	Grace           instant.Span `json:"grace_ms"`
	// ByHand keeps ordered subscribers from becoming active by their first use.
	ByHand bool `json:"activate_by_hand"`
}

// lasts is how long a state lasts by policy.
func (l *LifeCycle) lasts(state SubscriberState) instant.Span {
	switch state {
	case Ordered:
		return l.Ordered
	case Active:
		return l.Active
	case SuspendedOneWay:
		return l.SuspendedOneWay
	case SuspendedTwoWay:
		return l.SuspendedTwoWay
	case Grace:
		return l.Grace
	case Terminated:
	}
	return 0
}

// maxStay bounds how long a state can last by policy: ten years.
const maxStay = 3660 * instant.Day

func (l *LifeCycle) valid() bool {
	for state := Ordered; state <= Grace; state++ {
		if span := l.lasts(state); span < 0 || span > maxStay || span > 0 && span < instant.Second {
			return false
		}
	}
	return true
}

// whatIsAsked tells what a request wants of the subscriber.
func (c *CreditControl) whatIsAsked() asked {
	if c.Type == Event && c.Action != DirectDebiting {
		return asking
	}
	return askedIn(c.Context, c.Role)
}

// askedIn is what usage in a service context is, by the role of the node that
// reports it.
func askedIn(context uint32, role uint8) asked {
	const terminating = 1 // Role-Of-Node
	if role == terminating && (context == contextIMS || context == contextSMS || context == contextMMS) {
		return receiving
	}
	return originating
}

// Service contexts in which a subscriber can be at the receiving end.
const (
	contextIMS = 32260
	contextMMS = 32270
	contextSMS = 32274
)

// barred reports whether a subscriber may not have what is asked.
func (s *State) barred(who slab.Index, what asked) bool {
	return lives[s.subscribers.At(who).State].may&what == 0
}

// barredIn is barred for the subscriber of a session and what the session is.
func barredIn(r *session.Session) bool { return lives[r.Life].may&askedIn(r.Context, r.Role) == 0 }

// admit decides whether a request may begin: the state of the subscriber's
// life and its device allow it. The first use makes an ordered one active.
func (s *State) admit(who slab.Index, c *CreditControl) bool {
	sub := s.subscribers.At(who)
	s.upToDate(sub.Account)
	if !sub.Equipment.allows(c.Equipment) {
		return false
	}
	what := c.whatIsAsked()
	if sub.State == Ordered && what != asking && !s.settings.LifeCycle.ByHand {
		s.touchAccount(sub.Account)
		s.become(who, Active, usage.FirstUse, nil, nil)
		s.reschedule(sub.Account)
	}
	return !s.barred(who, what)
}

// become moves a subscriber to a state, for as long as policy says, and records
// it. The account must have been touched.
func (s *State) become(who slab.Index, state SubscriberState, cause usage.Cause, key, reason []byte) {
	sub := s.subscribers.At(who)
	from := sub.State
	sub.State, sub.Then, sub.Held, sub.Until = state, 0, false, 0
	if span := s.settings.LifeCycle.lasts(state); span > 0 {
		sub.Until = s.now.Add(span)
	}
	a := s.accounts.At(sub.Account)
	words := from.String() + " to " + state.String()
	if len(reason) > 0 {
		words += ": " + string(reason)
	}
	s.operation(a, usage.Record{
		Kind: usage.LifeCycle, Cause: cause, SessionID: key, Reason: []byte(words),
		Subscriber: appendIdentity(nil, &s.identities.At(sub.Identities).Identity),
	})
	s.tellSessions(who, state)
	if state == Terminated {
		s.endOwn(who, cause)
	}
}

// tellSessions notes a subscriber's new state in its open sessions, and asks
// the gateways of those that it may no longer have to end them: by a
// termination, or else by supervision.
func (s *State) tellSessions(who slab.Index, state SubscriberState) {
	a := s.accounts.At(s.subscribers.At(who).Account)
	for i := a.Sessions; i != 0; i = s.sessions.Sessions.At(i).Next {
		r := s.sessions.Sessions.At(i)
		if r.Subscriber != who {
			continue
		}
		if r.Life = uint8(state); barredIn(r) {
			s.notify(Abort, r, nil)
		}
	}
}

// nextMove finds the subscriber that time moves first.
func (s *State) nextMove(i slab.Index, next *step) {
	for who := s.accounts.At(i).Subscribers; who != 0; who = s.subscribers.At(who).Next {
		next.earlier(step{at: s.subscribers.At(who).Until, run: (*State).move, what: who})
	}
}

// move leads a subscriber to its next state: the one that a command named for
// this moment, or the one that comes next in life.
func (s *State) move(_, who slab.Index) {
	sub := s.subscribers.At(who)
	to := sub.Then
	if to == 0 {
		to = lives[sub.State].next
	}
	s.become(who, to, usage.TimePassed, nil, nil)
}

// extend keeps the account's subscribers active for a span more, counted from
// the end of their validity or from now, and brings those back that only time has suspended: credit was bought. One
// that a command barred stays barred.
func (s *State) extend(i slab.Index, by instant.Span) {
	if by <= 0 {
		return
	}
	s.touchAccount(i)
	for who := s.accounts.At(i).Subscribers; who != 0; who = s.subscribers.At(who).Next {
		sub := s.subscribers.At(who)
		if sub.Held || sub.State == Ordered || sub.State == Terminated {
			continue
		}
		until := sub.Until
		if sub.State != Active {
			s.become(who, Active, usage.Requested, nil, []byte("extended"))
			until = s.now
		}
		if until != 0 {
			sub.Until = max(until, s.now).Add(by)
		}
	}
	s.reschedule(i)
}
