package charging

import (
	"encoding/binary"

	"gyro/balance"
	"gyro/charging/session"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/slab"
	"gyro/internal/wire"
)

// appendSession encodes a session with its rating groups and stored answers.
// Buckets and the account are named by their lasting numbers.
func (s *State) appendSession(dst []byte, r *session.Session) []byte {
	octets := &s.sessions.Octets
	dst = append(dst, stateFormat, r.Role, r.RAT, r.QCI)
	for _, v := range [...]uint64{
		r.Sub, uint64(r.Opened), uint64(r.Deadline), s.accounts.At(r.Account).Number, uint64(r.Highest), uint64(r.Context),
		uint64(r.Charged), uint64(r.Serving),
	} {
		dst = binary.AppendUvarint(dst, v)
	}
	first := s.identities.At(s.subscribers.At(r.Subscriber).Identities)
	dst = append(dst, byte(first.Kind))
	dst = wire.AppendBytes(dst, first.Bytes())
	dst = wire.AppendBytes(dst, []byte(s.hosts.names[r.Host]))
	for _, ref := range [...]slab.Ref{r.ID, r.APN, r.Called, r.Calling, r.Identity, r.Recipients} {
		dst = wire.AppendBytes(dst, octets.Get(ref))
	}
	dst = binary.LittleEndian.AppendUint64(append(dst, r.NextAnswer), r.Seen)
	for k := range r.Answers {
		a := &r.Answers[k]
		dst = binary.LittleEndian.AppendUint64(dst, a.Digest)
		dst = binary.AppendUvarint(dst, uint64(a.Number))
		dst = wire.AppendBytes(dst, octets.Get(a.Outcome))
	}
	for g := r.Groups; g != 0; g = s.sessions.Groups.At(g).Next {
		dst = s.appendGroup(append(dst, 1), s.sessions.Groups.At(g))
	}
	return append(dst, 0)
}

func (s *State) appendGroup(dst []byte, g *session.Group) []byte {
	flags := uint64(0)
	for bit, set := range [...]bool{g.HasRatingGroup, g.HasServiceID, g.Bare, g.Matched, g.Free, g.SetupTaken, g.Unrated, g.Exhausted} {
		if set {
			flags |= 1 << bit
		}
	}
	dst = binary.AppendUvarint(dst, flags)
	for _, v := range [...]uint64{
		g.Used, g.Billed, g.Rated, uint64(g.Charged), uint64(g.Opened), g.RecordUsed, g.RecordBilled,
		g.RecordRated, uint64(g.RecordCharged), uint64(g.RecordExcess), g.Granted, uint64(g.RatingGroup),
		uint64(g.ServiceID), uint64(g.Plan), uint64(g.Rate), uint64(g.Service), uint64(g.Zone),
		uint64(g.ServiceName), uint64(g.Offer), uint64(g.Requests), uint64(g.Unit), uint64(g.Validity),
		g.InForce, uint64(g.Since), uint64(g.Recipient),
	} {
		dst = binary.AppendUvarint(dst, v)
	}
	dst = s.appendParts(s.appendParts(dst, &g.Reserved), &g.Moved)
	if g.Change == 0 {
		return s.appendFacts(append(dst, 0), &g.Facts)
	}
	change := s.sessions.Changes.At(g.Change)
	dst = binary.AppendUvarint(append(dst, 1), uint64(change.At))
	dst = binary.AppendUvarint(dst, change.InForce)
	dst = binary.AppendUvarint(dst, uint64(change.Rate))
	dst = binary.AppendUvarint(dst, uint64(change.Rule))
	return s.appendFacts(s.appendParts(dst, &change.Reserved), &g.Facts)
}

func (s *State) appendParts(dst []byte, parts *balance.Parts) []byte {
	for n, i := range parts.Bucket {
		if i == 0 {
			break
		}
		dst = binary.AppendUvarint(dst, s.book.Buckets.At(i).ID)
		dst = binary.AppendUvarint(dst, uint64(parts.Amount[n]))
	}
	return append(dst, 0)
}

func (l *loader) readSession(number uint64, value []byte) error {
	in := readerOf(value)
	if in.Octet() != stateFormat {
		return ErrEncoding
	}
	role, rat, qci := in.Octet(), in.Octet(), in.Octet()
	sub, opened, deadline := in.Uvarint(), in.Uvarint(), in.Uvarint()
	owner, highest, context, charged := in.Uvarint(), in.Uvarint(), in.Uvarint(), money.Amount(in.Uvarint())
	serving := ident.PLMN(in.Uvarint())
	id := ident.Identity{Kind: ident.Kind(in.Octet())}
	id.Len = uint8(copy(id.Octet[:], in.Bytes()))
	host := in.Bytes()
	i, r := l.sessions.Open(in.Bytes(), sub, number)
	octets := &l.sessions.Octets
	r.APN, r.Called, r.Calling, r.Identity = octets.Put(in.Bytes()), octets.Put(in.Bytes()), octets.Put(in.Bytes()), octets.Put(in.Bytes())
	if recipients := in.Bytes(); len(recipients) > 0 {
		r.Recipients = octets.Put(recipients)
	}
	r.RAT, r.QCI, r.Serving = rat, qci, serving
	r.Charged = charged
	r.Role, r.Opened, r.Deadline = role, instant.Instant(opened), instant.Instant(deadline)
	r.Highest, r.Context, r.Host, r.Written = uint32(highest), uint32(context), l.hosts.enter(host), l.dirty.epoch
	r.NextAnswer, r.Seen = in.Octet()%session.StoredAnswers, in.Uint64()
	for k := range r.Answers {
		a := &r.Answers[k]
		a.Digest, a.Number = in.Uint64(), uint32(in.Uvarint())
		if outcome := in.Bytes(); len(outcome) > 0 {
			a.Outcome = octets.Put(outcome)
		}
	}
	account, known := l.owners[owner]
	r.Subscriber, _ = l.resolve([]ident.Identity{id})
	if in.Failed() || !known || r.Subscriber == 0 {
		return ErrEncoding
	}
	for in.Octet() == 1 && !in.Failed() {
		g, err := l.readGroup(&in)
		if err != nil {
			return err
		}
		l.sessions.AddGroup(r, g)
	}
	l.attach(i, r, account)
	return in.err()
}

// attach puts a restored session under its account and into the wheel.
func (l *loader) attach(i slab.Index, r *session.Session, account slab.Index) {
	r.Account = account
	l.link(i, r)
	l.enter(r)
	l.sessions.Schedule(i, l.now)
}

func (l *loader) readGroup(in *reader) (g session.Group, err error) {
	flags := in.Uvarint()
	for bit, set := range [...]*bool{&g.HasRatingGroup, &g.HasServiceID, &g.Bare, &g.Matched, &g.Free, &g.SetupTaken, &g.Unrated, &g.Exhausted} {
		*set = flags&(1<<bit) != 0
	}
	g.Used, g.Billed, g.Rated, g.Charged = in.Uvarint(), in.Uvarint(), in.Uvarint(), money.Amount(in.Uvarint())
	g.Opened = instant.Instant(in.Uvarint())
	g.RecordUsed, g.RecordBilled, g.RecordRated = in.Uvarint(), in.Uvarint(), in.Uvarint()
	g.RecordCharged, g.RecordExcess, g.Granted = money.Amount(in.Uvarint()), money.Amount(in.Uvarint()), in.Uvarint()
	g.RatingGroup, g.ServiceID = uint32(in.Uvarint()), uint32(in.Uvarint())
	g.Plan, g.Rate, g.Service, g.Zone = uint32(in.Uvarint()), uint32(in.Uvarint()), uint32(in.Uvarint()), uint32(in.Uvarint())
	g.ServiceName, g.Offer = ident.Name(in.Uvarint()), ident.Name(in.Uvarint())
	g.Requests, g.Unit, g.Validity = uint32(in.Uvarint()), balance.Denomination(in.Uvarint()), instant.Span(in.Uvarint())
	g.InForce, g.Since, g.Recipient = in.Uvarint(), instant.Instant(in.Uvarint()), uint8(in.Uvarint())
	whole := l.readParts(in, &g.Reserved, true) && l.readParts(in, &g.Moved, false)
	if in.Octet() == 1 {
		change := session.Change{At: instant.Instant(in.Uvarint()), InForce: in.Uvarint(), Rate: uint32(in.Uvarint()), Rule: uint32(in.Uvarint())}
		whole = whole && l.readParts(in, &change.Reserved, true)
		i, record := l.sessions.Changes.New()
		*record, g.Change = change, i
	}
	g.Facts = l.facts(in)
	if !whole || in.Failed() || int(g.Plan) > len(l.catalogs.publications) {
		return g, ErrEncoding
	}
	return g, nil
}

// readParts reads amounts on buckets; those that are reserved are so on the
// buckets, too.
func (l *loader) readParts(in *reader, parts *balance.Parts, reserved bool) bool {
	for id := in.Uvarint(); id != 0 && !in.Failed(); id = in.Uvarint() {
		bucket, known := l.buckets[id]
		amount := int64(in.Uvarint())
		if !known || !parts.Add(bucket, amount) {
			return false
		}
		if reserved {
			l.book.Buckets.At(bucket).Reserved += amount
		}
	}
	return true
}
