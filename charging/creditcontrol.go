package charging

import (
	"gyro/charging/session"
	"gyro/charging/usage"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/slab"
)

// creditControl decides a Credit-Control-Request (RFC 8506 sections 5 and 6).
func (s *State) creditControl(c *CreditControl, o *Outcome) {
	o.Type, o.Number, o.Action, o.Result = c.Type, c.Number, c.Action, Success
	if !c.bounded() {
		o.Result = InvalidValue
		return
	}
	if c.Type == Event {
		s.event(c, o)
		return
	}
	o.Action = 0
	hash := session.Hash(c.SessionID, c.SubSession)
	i := s.sessions.Find(c.SessionID, c.SubSession, hash)
	if i == 0 {
		s.withoutSession(c, hash, o)
		return
	}
	r := s.sessions.Sessions.At(i)
	switch known, stored := r.Answered(c.Number, c.Digest); {
	case known == session.Duplicate:
		s.replay(o, s.sessions.Octets.Get(stored))
	case known != session.Fresh:
		o.Result = Contradiction
	case c.Type == Initial:
		o.Result = SessionExists
	default:
		s.touchSession(i)
		s.touchAccount(r.Account)
		s.upToDate(r.Account)
		s.inSession(i, r, c, o)
	}
}

// replay answers a duplicate with the stored outcome.
func (s *State) replay(o *Outcome, stored []byte) {
	if err := o.decode(stored); err != nil {
		panic("charging: stored outcome cannot be read")
	}
	s.finals(o)
	o.Replayed = true
	s.activity.Duplicates++
}

// withoutSession decides a request whose session is not open: it opens one,
// or it is the duplicate of a termination, or it comes too late.
func (s *State) withoutSession(c *CreditControl, hash uint64, o *Outcome) {
	if kept := s.memory.Find(hash, c.SessionID, c.SubSession, s.now); kept != nil {
		switch {
		case kept.Number == c.Number && kept.Digest == c.Digest:
			s.replay(o, s.memory.Outcome(kept))
		case c.Type == Initial:
			o.Result = Contradiction // a terminated session never reopens
		default:
			o.Result = UnknownSession
		}
		return
	}
	if c.Type != Initial {
		o.Result = UnknownSession
		return
	}
	who, named := s.subscriberOf(c, o)
	if who == 0 {
		return
	}
	owner := s.subscribers.At(who).Account
	s.touchAccount(owner)
	i, r := s.sessions.Open(c.SessionID, c.SubSession, 0)
	s.activity.Sessions++
	r.Account, r.Subscriber, r.Host = owner, who, s.hosts.enter(c.OriginHost)
	r.Opened, r.Context, r.Role = s.now, c.Context, c.Role
	s.scratch.key = appendIdentity(s.scratch.key[:0], named)
	r.Identity = s.sessions.Octets.Put(s.scratch.key)
	s.link(i, r)
	s.touchSession(i)
	r.Deadline = s.now.Add(s.settings.Supervision)
	s.sessions.Schedule(i, s.now)
	s.inSession(i, r, c, o)
}

// subscriberOf returns the subscriber that a request names and the identity by
// which it does, or zero and the refusal in the outcome.
func (s *State) subscriberOf(c *CreditControl, o *Outcome) (slab.Index, *ident.Identity) {
	if len(c.Identities) == 0 {
		o.Result = NoIdentity
		return 0, nil
	}
	who, named := s.resolve(c.Identities)
	switch {
	case who == 0:
		o.Result = UserUnknown
	case !s.admit(who, c):
		o.Result = ServiceDenied
		return 0, nil
	}
	return who, named
}

// inSession debits what was used, grants what is wanted, and keeps the answer.
func (s *State) inSession(i slab.Index, r *session.Session, c *CreditControl, o *Outcome) {
	s.remember(r, c)
	x := exchange{State: s, request: c, outcome: o, session: r, account: s.accounts.At(r.Account), owner: r.Account}
	s.scratch.filter.subscriber = r.Member
	s.leave(r)
	for n := range c.Services {
		o.Services = append(o.Services, ServiceOutcome{})
		x.service(&c.Services[n], &o.Services[n])
	}
	s.enter(r)
	s.revisit(x.owner)
	s.warn(r.Account)
	if c.Type == Initial && refusedWhole(c, o) {
		s.closeSession(i, usage.Ended)
		s.tellClient(c, x.account, 0, o)
		return
	}
	if c.Type == Termination {
		charged := s.chargedBy(r)
		s.closeSession(i, usage.Ended)
		s.tellClient(c, x.account, charged, o)
		s.scratch.encoded = appendOutcome(s.scratch.encoded[:0], o)
		s.keep(session.OfSessions, c.SessionID, session.Retained{
			Digest: c.Digest, Until: s.now.Add(s.settings.SessionRetention), Number: c.Number,
			Hash: session.Hash(c.SessionID, c.SubSession), Sub: c.SubSession,
		}, s.scratch.encoded)
		return
	}
	s.tellClient(c, x.account, 0, o)
	s.sessions.Supervise(i, s.now.Add(s.supervision(r)), s.now)
	s.scratch.encoded = appendOutcome(s.scratch.encoded[:0], o)
	s.sessions.Store(r, c.Number, c.Digest, s.scratch.encoded)
}

// supervision is Tcc: at least twice the longest Validity-Time (RFC 8506
// section 13) of any quota that is out. The request at hand may be about one
// rating group while the gateway need not report another for a day.
func (s *State) supervision(r *session.Session) instant.Span {
	tcc := s.settings.Supervision
	for i := r.Groups; i != 0; {
		g := s.sessions.Groups.At(i)
		if g.Granted > 0 {
			tcc = max(tcc, 2*g.Validity)
		}
		i = g.Next
	}
	return tcc
}

// refusedWhole reports whether an initial request that asked at the level of
// the command was refused there: then no session comes to be, and the client
// sends no termination (RFC 8506 section 7, client state PendingI). Nothing was
// debited, so a retransmission may be decided anew; where something was, for the
// request reported usage all the same, the session and its answer are kept.
func refusedWhole(c *CreditControl, o *Outcome) bool {
	for n := range c.Services {
		if c.Services[n].ReportCount > 0 {
			return false
		}
	}
	for n := range o.Services {
		if o.Services[n].Flags&OutcomeBare != 0 && o.Services[n].Result != Success {
			return true
		}
	}
	return false
}

// remember notes what later requests of the session may leave out.
func (s *State) remember(r *session.Session, c *CreditControl) {
	octets := &s.sessions.Octets
	s.keepSaid(r, c)
	if s.hosts.names[r.Host] != string(c.OriginHost) { // another half of the gateway took over
		s.hosts.leave(r.Host)
		r.Host = s.hosts.enter(c.OriginHost)
	}
	if len(c.APN) > 0 && string(octets.Get(r.APN)) != string(c.APN) {
		r.APN = octets.Replace(r.APN, c.APN)
	}
	if len(c.Called) > 0 && string(octets.Get(r.Called)) != string(c.Called) {
		r.Called = octets.Replace(r.Called, c.Called)
	}
	s.keepRecipients(r, c)
	if len(c.Calling) > 0 && string(octets.Get(r.Calling)) != string(c.Calling) {
		r.Calling = octets.Replace(r.Calling, c.Calling)
	}
	if c.Context != 0 {
		r.Context = c.Context
	}
	if c.Serving != 0 {
		r.Serving = c.Serving
	}
	if c.RAT != 0 {
		r.RAT = c.RAT
	}
	if c.QCI != 0 {
		r.QCI = c.QCI
	}
}

// closeSession releases every reservation, writes the open records and forgets
// the session.
func (s *State) closeSession(i slab.Index, cause usage.Cause) {
	r := s.sessions.Sessions.At(i)
	s.touchSession(i)
	s.touchAccount(r.Account)
	s.leave(r)
	for g := r.Groups; g != 0; {
		group := s.sessions.Groups.At(g)
		s.release(group)
		s.closeRecord(r, group, cause)
		g = group.Next
	}
	s.unlink(r)
	s.hosts.leave(r.Host)
	s.dirty.sessionClosed(r)
	if cause != usage.Ended {
		s.bury(r)
	}
	s.sessions.Close(i)
}

// link puts a session under its account and subscriber; unlink takes it away.
func (s *State) link(i slab.Index, r *session.Session) {
	a := s.accounts.At(r.Account)
	if a.Sessions != 0 {
		s.sessions.Sessions.At(a.Sessions).Previous = i
	}
	r.Next, r.Previous, a.Sessions = a.Sessions, 0, i
	a.OpenSessions++
	sub := s.subscribers.At(r.Subscriber)
	sub.OpenSessions++
	r.Member, r.Life = sub.Number, uint8(sub.State)
}

func (s *State) unlink(r *session.Session) {
	a := s.accounts.At(r.Account)
	if r.Next != 0 {
		s.sessions.Sessions.At(r.Next).Previous = r.Previous
	}
	if r.Previous != 0 {
		s.sessions.Sessions.At(r.Previous).Next = r.Next
	} else {
		a.Sessions = r.Next
	}
	a.OpenSessions--
	s.subscribers.At(r.Subscriber).OpenSessions--
	s.revisit(r.Account)
}

// bury keeps the last answer of a session that no termination ended, so that
// a late retransmission of its requests does not open it again and charge what
// was charged.
func (s *State) bury(r *session.Session) {
	id := s.sessions.Octets.Get(r.ID)
	if a := r.Last(); a != nil {
		s.keep(session.OfSessions, id, session.Retained{
			Digest: a.Digest, Until: s.now.Add(s.settings.SessionRetention), Number: a.Number,
			Hash: session.Hash(id, r.Sub), Sub: r.Sub,
		}, s.sessions.Octets.Get(a.Outcome))
	}
}

// expiryLimit bounds the sessions that one tick closes, so that a crowd of
// them does not hold requests up; the next tick goes on.
const expiryLimit = 10_000

// tick carries out what time alone brings about.
func (s *State) tick() {
	s.scratch.due = s.sessions.Due(s.now, expiryLimit, s.scratch.due[:0])
	for _, i := range s.scratch.due {
		s.activity.SupervisionExpired++
		s.closeSession(i, usage.Supervision)
	}
	s.memory.Forget(s.now, 10*expiryLimit)
	s.keepAppointments()
	s.walkRound()
}

// peerRestart releases the sessions of a gateway that lost them (a changed
// Origin-State-Id, RFC 6733 section 8.16) and that were opened before.
func (s *State) peerRestart(host []byte, before instant.Instant) (released int) {
	number, ok := s.hosts.index[string(host)]
	if !ok {
		return 0
	}
	due := s.scratch.due[:0]
	for i := slab.Index(1); len(due) < s.hosts.open[number] && i < s.sessions.Sessions.Bound(); i++ {
		r := s.sessions.Sessions.At(i)
		if r.Number != 0 && r.Host == number && r.Opened < before {
			due = append(due, i)
		}
	}
	s.sessions.SortByNumber(due)
	for _, i := range due {
		s.closeSession(i, usage.PeerRestart)
	}
	s.scratch.due = due
	return len(due)
}
