package charging

import (
	"bytes"
	"slices"

	"gyro/charging/session"
	"gyro/charging/usage"
	"gyro/internal/slab"
)

// NoticeKind is what a gateway is asked to do.
type NoticeKind uint8

// The notices.
const (
	Reauthorise NoticeKind = 1 // Re-Auth-Request (RFC 8506 section 5.5): report and ask again
	Abort       NoticeKind = 2 // Abort-Session-Request (RFC 6733 section 8.5): end the session
)

// Notice asks the gateway of an open session for something. It is no part of
// the state: one that is lost costs time, until Validity-Time or supervision
// run out, and never money.
type Notice struct {
	SessionID   []byte
	OriginHost  []byte // the gateway that spoke last in the session
	SubSession  uint64
	RatingGroup uint32 // meaningful when HasRatingGroup
	ServiceID   uint32 // meaningful when HasServiceID
	Kind        NoticeKind
	// HasRatingGroup limits a re-authorisation to one rating group; without it
	// every rating group of the session is meant.
	HasRatingGroup, HasServiceID bool
}

// notices are what gateways are to be told because of the command at hand.
// They are given to the receiver before the command's outcome, so that who
// waits for the outcome knows that they are under way.
type notices struct {
	list   []Notice
	octets []byte // what the list's slices point into
	// replenished are the accounts that got credit by the command.
	replenished []slab.Index
	// replanned are those whose offers changed.
	replanned []slab.Index
}

// notify asks the gateway of an open session for something. Without a group
// all rating groups are meant. It may be called anywhere in a command: what
// the notice says is copied.
func (s *State) notify(kind NoticeKind, r *session.Session, group *session.Group) {
	n := Notice{
		Kind: kind, SubSession: r.Sub,
		SessionID:  s.scratch.notices.keep(s.sessions.Octets.Get(r.ID)),
		OriginHost: s.scratch.notices.keep([]byte(s.hosts.names[r.Host])),
	}
	if group != nil {
		n.RatingGroup, n.HasRatingGroup = group.RatingGroup, group.HasRatingGroup
		n.ServiceID, n.HasServiceID = group.ServiceID, group.HasServiceID
	}
	s.scratch.notices.list = append(s.scratch.notices.list, n)
}

func (n *notices) keep(octets []byte) []byte {
	from := len(n.octets)
	n.octets = append(n.octets, octets...) // an earlier notice keeps the array that it was put in
	return n.octets[from:len(n.octets):len(n.octets)]
}

// replenished is to be called by everything that may give an account credit
// again: the gateways of those of its sessions that ran out of it are asked to
// report and ask anew (RFC 8506 section 5.5), at the end of the command.
func (s *State) replenished(i slab.Index) {
	if n := &s.scratch.notices; (s.accounts.At(i).Sessions != 0 || s.waits(s.accounts.At(i))) && !slices.Contains(n.replenished, i) {
		n.replenished = append(n.replenished, i)
	}
}

// replanned is to be called when the offers of an account changed: what its
// open sessions have quota for may have another price now, or be paid for by
// another allowance.
func (s *State) replanned(i slab.Index) {
	if n := &s.scratch.notices; s.accounts.At(i).Sessions != 0 && !slices.Contains(n.replanned, i) {
		n.replanned = append(n.replanned, i)
	}
}

// giveNotices gives the notices of a command to the receiver.
func (s *State) giveNotices(to Receiver) {
	n := &s.scratch.notices
	for done := 0; done < len(n.replenished); { // what is recovered replenishes as well
		i := n.replenished[done]
		done++
		s.recoverAll(i)
	}
	for _, i := range n.replanned {
		s.askAll(s.accounts.At(i), replanned)
	}
	for _, i := range n.replenished {
		if a := s.accounts.At(i); !slices.Contains(n.replanned, i) && s.hasCredit(a) {
			s.askAll(a, exhausted)
		}
	}
	for k := range n.list {
		to.Notice(&n.list[k])
	}
	n.list, n.octets = n.list[:0], n.octets[:0]
	n.replenished, n.replanned = n.replenished[:0], n.replanned[:0]
}

// hasCredit reports whether any bucket of an account could pay for something:
// a payment that debts swallowed is no reason to ask a gateway anything.
func (s *State) hasCredit(a *account) bool {
	for i := a.Buckets; i != 0; {
		b := s.book.Buckets.At(i)
		free := b.Remaining - b.Reserved
		if b.Main {
			free += int64(a.CreditLimit)
		}
		if free > 0 && b.Valid(s.now) {
			return true
		}
		i = b.Next
	}
	return false
}

// LostSession says that a gateway does not know a session any more: it
// answered a re-authorisation or an abort with DIAMETER_UNKNOWN_SESSION_ID.
type LostSession struct {
	SessionID  string `json:"session_id"`
	SubSession uint64 `json:"sub_session,omitempty"`
	// OriginHost is the gateway that says so. It speaks for its own sessions.
	OriginHost string `json:"origin_host"`
}

// sessionLost releases what a session that its gateway lost has reserved, and
// closes its record: no termination will come.
func (s *State) sessionLost(c *LostSession, o *Outcome) {
	id := []byte(c.SessionID)
	i := s.sessions.Find(id, c.SubSession, session.Hash(id, c.SubSession))
	if i == 0 || !bytes.Equal([]byte(s.hosts.names[s.sessions.Sessions.At(i).Host]), []byte(c.OriginHost)) {
		o.refuse(UnknownSession, "gateway %q has no open session %q", c.OriginHost, c.SessionID)
		return
	}
	s.closeSession(i, usage.Lost)
}
