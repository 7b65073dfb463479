package charging

import (
	"encoding/binary"

	"gyro/balance"
	"gyro/charging/session"
	"gyro/charging/usage"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/wire"
	"gyro/rating"
)

// requestOf is what the rating is told of a group's usage at a moment.
func (x *exchange) requestOf(plan *rating.Plan, group *session.Group, at instant.Instant) rating.Request {
	octets, r := &x.sessions.Octets, x.session
	called := x.calledOf(r, group)
	return rating.Request{
		Context: r.Context, RatingGroup: group.RatingGroup, ServiceID: group.ServiceID,
		HasRatingGroup: group.HasRatingGroup, HasServiceID: group.HasServiceID,
		APN: octets.Get(r.APN), Called: called, Calling: octets.Get(r.Calling),
		Serving: r.Serving, RAT: r.RAT, QCI: r.QCI, Role: r.Role, OnNet: x.onNet(called),
		Counters: x.countersFor(plan, at), CycleDay: x.account.cycleDay(), At: at, Offers: x.offersFor(x.account, r.Subscriber),
	}
}

// onNet reports whether a number is that of a subscriber of this operator. A
// number that was ported away is on none of its accounts any more.
func (s *State) onNet(called []byte) bool {
	if len(called) == 0 || len(called) > ident.MaxIdentity {
		return false
	}
	id := ident.Identity{Kind: ident.E164}
	id.Len = uint8(copy(id.Octet[:], called))
	return s.findIdentity(&id) != 0
}

// classified notes how the usage of a group's record was classified. A record
// that has begun keeps what it began with.
func (x *exchange) classified(group *session.Group, plan *rating.Plan, m *rating.Match, at instant.Instant) {
	if begun(group) {
		return
	}
	f, r := &group.Facts, x.session
	x.sessions.Octets.Free(f.Said)
	f.Said = 0
	f.At, f.Rule, f.Visited = at, m.Rule, m.Visited
	f.Serving, f.RAT, f.QCI = r.Serving, r.RAT, r.QCI
	f.OnNet = x.onNet(x.calledOf(r, group))
	x.seen(group, plan)
}

// begun reports whether a group's open record has anything in it.
func begun(group *session.Group) bool {
	return group.RecordUsed != 0 || group.RecordBilled != 0 || group.RecordCharged != 0 || group.Moved.Bucket[0] != 0
}

// resume prepares a record for usage that is about to be charged. A record is
// of a stretch of the price's tiers without a gap: where another session that
// goes by the same counter was charged meanwhile, or the counter began again, a
// new one is begun.
func (x *exchange) resume(group *session.Group, price *rating.Price) {
	position, _ := x.position(group, price)
	if begun(group) && group.Facts.Position+group.RecordRated != position {
		x.closeRecord(x.session, group, usage.Partial)
		group.Opened = x.now
	}
	if !begun(group) {
		group.Facts.Position = position
	}
}

// why encodes what a group's record was decided from.
func (s *State) why(r *session.Session, group *session.Group, a *account, postings []balance.Posting) []byte {
	octets, f, was := &s.sessions.Octets, &group.Facts, s.saidOf(r, group)
	w := usage.Why{
		At: f.At, APN: was.apn, Calling: was.calling, Seen: octets.Get(f.Seen), Offers: s.offersFor(a, r.Subscriber),
		Serving: f.Serving, Rule: f.Rule, Zone: group.Zone, Visited: f.Visited, RAT: f.RAT, QCI: f.QCI, Role: r.Role,
		UsedBefore: group.Used - min(group.Used, group.RecordUsed), BilledBefore: group.Billed - min(group.Billed, group.RecordBilled),
		Position: f.Position, Ahead: f.Ahead, Left: s.scratch.left[:0],
	}
	if f.OnNet {
		w.Flags |= usage.OnNet
	}
	if f.Setup {
		w.Flags |= usage.Setup
	}
	if group.Matched && !group.Free {
		if _, by := s.catalogs.plan(group.Plan).Price(group.Rate).Counter(); by {
			w.Flags |= usage.ByCounter
		}
	}
	for n := range postings {
		w.Left = append(w.Left, s.leftIn(a, postings[n].From.Bucket+postings[n].To.Bucket))
	}
	s.scratch.why = w.Append(s.scratch.why[:0])
	return s.scratch.why
}

// leftIn is what a bucket of an account holds; a debt for excess has none.
func (s *State) leftIn(a *account, bucket uint64) int64 {
	for i := a.Buckets; i != 0 && bucket != 0; i = s.book.Buckets.At(i).Next {
		if b := s.book.Buckets.At(i); b.ID == bucket {
			return b.Remaining
		}
	}
	return 0
}

// goOn makes the next record of a group go on where the last one ended.
func goOn(group *session.Group) {
	group.Facts.Position += group.RecordRated
	group.Facts.Ahead, group.Facts.Setup = 0, false
}

// appendFacts encodes the facts of a group.
func (s *State) appendFacts(dst []byte, f *session.Facts) []byte {
	flags := byte(0)
	if f.OnNet {
		flags |= 1
	}
	if f.Setup {
		flags |= 2
	}
	dst = append(dst, flags, f.RAT, f.QCI)
	for _, v := range [...]uint64{uint64(f.At), f.Position, uint64(f.Rule), uint64(f.Visited), uint64(f.Serving)} {
		dst = binary.AppendUvarint(dst, v)
	}
	dst = binary.AppendVarint(dst, int64(f.Ahead))
	dst = wire.AppendBytes(dst, s.sessions.Octets.Get(f.Seen))
	return wire.AppendBytes(dst, s.sessions.Octets.Get(f.Said))
}

// facts reads what appendFacts wrote.
func (l *loader) facts(in *reader) (f session.Facts) {
	flags := in.Octet()
	f.OnNet, f.Setup = flags&1 != 0, flags&2 != 0
	f.RAT, f.QCI = in.Octet(), in.Octet()
	f.At, f.Position = instant.Instant(in.Uvarint()), in.Uvarint()
	f.Rule, f.Visited, f.Serving = uint32(in.Uvarint()), uint32(in.Uvarint()), ident.PLMN(in.Uvarint())
	f.Ahead = money.Amount(in.Varint())
	if seen := in.Bytes(); len(seen) > 0 {
		f.Seen = l.sessions.Octets.Put(seen)
	}
	if said := in.Bytes(); len(said) > 0 {
		f.Said = l.sessions.Octets.Put(said)
	}
	return f
}
