// Package session keeps open credit-control sessions: what each rating group
// was granted and used, which answers may be asked for again, and until when
// the session is supervised. It is pure and free of pointers.
package session

import (
	"bytes"
	"cmp"
	"slices"

	"gyro/balance"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/slab"

	"github.com/cespare/xxhash/v2"
)

// StoredAnswers is how many answers a session keeps for duplicates. A gateway
// waits for an answer before it sends the next request of a session, but some
// send an update per rating group at once after a re-authorisation.
const StoredAnswers = 4

// Session is one open credit-control session (RFC 8506 section 4.1).
type Session struct {
	// Number counts sessions from 1; it never repeats.
	Number   uint64
	Sub      uint64 // CC-Sub-Session-Id
	Opened   instant.Instant
	Deadline instant.Instant // supervision (Tcc): released at this moment
	Charged  money.Amount    // in the records that are closed
	Answers  [StoredAnswers]Answer
	// Seen has bit k set when the request number Highest-k was answered; it is
	// zero before the first answer.
	Seen       uint64
	ID         slab.Ref // Session-Id
	APN        slab.Ref
	Called     slab.Ref
	Calling    slab.Ref
	Recipients slab.Ref // of a message to several: each number behind its length
	Identity   slab.Ref // the identity that named the subscriber, as kind:value
	Account    slab.Index
	Subscriber slab.Index
	// Member is the subscriber's number in its account and Life its state, kept
	// here too so that a request need not look at the subscriber.
	Member     uint32
	Groups     slab.Index // first rating group
	Next       slab.Index // the account's next open session
	Previous   slab.Index // and the one before, so that one of thousands is closed at once
	Host       uint32     // the gateway that spoke last, as the state numbers hosts
	Highest    uint32     // highest CC-Request-Number answered
	Context    uint32
	Serving    ident.PLMN // the network that serves the subscriber; 0 unknown
	GroupCount uint8
	NextAnswer uint8 // where in Answers the next one goes
	Role       uint8
	RAT        uint8 // 3GPP-RAT-Type plus one; 0 unknown
	QCI        uint8 // 0 unknown
	Life       uint8

	older, younger           slab.Index // in the order in which sessions were opened
	timerNext, timerPrevious slab.Index
	timerSlot                uint16

	// Touched and Written are the checkpoint epochs of the last change and of
	// the last writing; a session that was never written has Written 0.
	Touched, Written uint32
}

// Answer is a request that was answered, and the encoded outcome.
type Answer struct {
	Digest  uint64
	Outcome slab.Ref // zero: no answer here
	Number  uint32
}

// Group is one rating group (or service identifier) of a session: the pricing
// position of its current segment, its reservation, and what it moved since
// its record was opened.
type Group struct {
	// Reserved is the open reservation, Moved what was debited from each
	// bucket since the record was opened.
	Reserved, Moved balance.Parts

	// The position in the segment: a stretch of usage at one price.
	Used, Billed, Rated uint64
	Charged             money.Amount

	// Facts are of the open record, too.
	Facts Facts

	// The open record.
	Opened                          instant.Instant
	RecordUsed, RecordBilled        uint64
	RecordRated                     uint64
	RecordCharged, RecordExcess     money.Amount
	Granted                         uint64
	Validity                        instant.Span // Validity-Time of what is granted
	Next                            slab.Index
	RatingGroup, ServiceID          uint32
	Plan, Rate, Service, Zone       uint32
	ServiceName, Offer              ident.Name
	Requests                        uint32
	Unit                            balance.Denomination
	Change                          slab.Index      // the tariff switch within the quota, in Set.Changes
	InForce                         uint64          // calendars in force when the quota was granted
	Since                           instant.Instant // of the last grant or report
	HasRatingGroup, HasServiceID    bool
	Bare, Matched, Free, SetupTaken bool
	Unrated                         bool
	// Recipient is which of the session's Recipients the group is for, from 1; 0
	// where there are not several.
	Recipient uint8
	// Exhausted: the last answer granted nothing for want of credit, or was the
	// last quota. With credit again the gateway is to be asked to ask anew.
	Exhausted bool
}

// Change is a tariff switch within a quota (RFC 8506 section 6.2): what is used
// after it has another price or is paid by other allowances. All of the quota
// is reserved for after it as well as for before it, because how much is used
// when is not known before the report.
type Change struct {
	Reserved balance.Parts
	At       instant.Instant
	InForce  uint64 // calendars in force after it
	Rate     uint32 // of the price after it
	Rule     uint32 // and its rule
}

// MaxGroups is the most rating groups in one session.
const MaxGroups = 64

// Set is all open sessions.
type Set struct {
	Sessions  slab.Slab[Session]
	Groups    slab.Slab[Group]
	Changes   slab.Slab[Change]
	Octets    slab.Arena
	Deadlines Deadlines
	table     slab.Table
	order     order
	// LastNumber is the highest session number given.
	LastNumber uint64
}

// Hash is the place of a session's key in tables.
func Hash(id []byte, sub uint64) uint64 {
	return xxhash.Sum64(id) + sub*0x9e3779b97f4a7c15
}

// Find returns the open session with the given key, or zero.
func (s *Set) Find(id []byte, sub, hash uint64) slab.Index {
	for p := s.table.Find(hash); p.Next(); {
		if r := s.Sessions.At(p.Index()); r.Sub == sub && bytes.Equal(s.Octets.Get(r.ID), id) {
			return p.Index()
		}
	}
	return 0
}

// Open adds a session. Its number, when zero, is assigned.
func (s *Set) Open(id []byte, sub uint64, number uint64) (slab.Index, *Session) {
	if number == 0 {
		s.LastNumber++
		number = s.LastNumber
	}
	i, r := s.Sessions.New()
	r.Number, r.Sub, r.ID = number, sub, s.Octets.Put(id)
	s.table.Insert(Hash(id, sub), i)
	s.enqueue(i)
	return i, r
}

// Close forgets a session and its rating groups. Reservations must have been
// released and records written, and Schedule called.
func (s *Set) Close(i slab.Index) {
	r := s.Sessions.At(i)
	s.unschedule(r)
	s.dequeue(i)
	s.table.Remove(Hash(s.Octets.Get(r.ID), r.Sub), i)
	for g := r.Groups; g != 0; {
		next := s.Groups.At(g).Next
		s.forget(&s.Groups.At(g).Facts)
		s.Groups.Free(g)
		g = next
	}
	for k := range r.Answers {
		s.Octets.Free(r.Answers[k].Outcome)
	}
	s.Octets.Free(r.ID)
	s.Octets.Free(r.APN)
	s.Octets.Free(r.Called)
	s.Octets.Free(r.Recipients)
	s.Octets.Free(r.Calling)
	s.Octets.Free(r.Identity)
	s.Sessions.Free(i)
}

// Group returns the session's group with the given key, or zero.
func (s *Set) Group(r *Session, key *Group) slab.Index {
	for g := r.Groups; g != 0; {
		group := s.Groups.At(g)
		if group.RatingGroup == key.RatingGroup && group.ServiceID == key.ServiceID &&
			group.HasRatingGroup == key.HasRatingGroup && group.HasServiceID == key.HasServiceID && group.Recipient == key.Recipient {
			return g
		}
		g = group.Next
	}
	return 0
}

// AddGroup appends a group to a session; ok is false at MaxGroups.
func (s *Set) AddGroup(r *Session, group Group) (i slab.Index, ok bool) {
	if r.GroupCount == MaxGroups {
		return 0, false
	}
	i, record := s.Groups.New()
	*record = group
	record.Next = 0
	link := &r.Groups
	for *link != 0 {
		link = &s.Groups.At(*link).Next
	}
	*link = i
	r.GroupCount++
	return i, true
}

// EndGroup forgets all of a group but that its setup fee was taken. Nothing may
// be reserved for it, and its record must have been written.
func (s *Set) EndGroup(g *Group) {
	s.forget(&g.Facts)
	*g = Group{
		RatingGroup: g.RatingGroup, HasRatingGroup: g.HasRatingGroup, ServiceID: g.ServiceID, HasServiceID: g.HasServiceID,
		Bare: g.Bare, Recipient: g.Recipient, SetupTaken: true, Next: g.Next,
	}
}

// Ended reports whether the group was closed by EndGroup and it did not come back.
func (g *Group) Ended() bool { return g.SetupTaken && !g.Matched }

// RemoveGroup takes a group out of its session.
func (s *Set) RemoveGroup(r *Session, i slab.Index) {
	for link := &r.Groups; *link != 0; link = &s.Groups.At(*link).Next {
		if *link == i {
			*link = s.Groups.At(i).Next
			s.forget(&s.Groups.At(i).Facts)
			s.Groups.Free(i)
			r.GroupCount--
			return
		}
	}
}

// SortByNumber puts sessions in the order in which they were opened.
func (s *Set) SortByNumber(sessions []slab.Index) {
	slices.SortFunc(sessions, func(a, b slab.Index) int {
		return cmp.Compare(s.Sessions.At(a).Number, s.Sessions.At(b).Number)
	})
}
