package charging

import (
	"encoding/binary"

	"gyro/balance"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/slab"
	"gyro/internal/wire"
)

// appendAccount encodes an account with its buckets and subscribers.
func (s *State) appendAccount(dst []byte, a *account) []byte {
	dst = append(dst, stateFormat, byte(a.Kind), a.CycleDay, flagsOf(a.Closing, a.lingers))
	dst = wire.AppendBytes(dst, a.id())
	for _, v := range [...]uint64{
		uint64(a.Currency), uint64(a.Created), a.LastRecord, a.Records, uint64(a.Catalog),
		uint64(a.CreditLimit), uint64(a.Excess), uint64(a.Overdrawn), uint64(a.LowBalance), uint64(a.Refundable),
		uint64(a.Due), uint64(a.LastSubscriber), uint64(len(a.offers())),
	} {
		dst = binary.AppendUvarint(dst, v)
	}
	for _, offer := range a.offers() {
		dst = binary.AppendUvarint(dst, uint64(offer))
	}
	dst = s.appendPurse(append(dst, byte(a.Warned)), a)
	for i := a.Buckets; i != 0; i = s.book.Buckets.At(i).Next {
		dst = s.appendBucket(append(dst, 1), s.book.Buckets.At(i))
	}
	dst = append(dst, 0)
	for who := a.Subscribers; who != 0; who = s.subscribers.At(who).Next {
		dst = s.appendSubscriber(append(dst, 1), s.subscribers.At(who))
	}
	dst = append(dst, 0)
	for k := a.Subscriptions; k != 0; k = s.subscriptions.At(k).Next {
		dst = appendSubscription(append(dst, 1), s.subscriptions.At(k))
	}
	return s.appendLimits(s.appendCounters(append(dst, 0), a), a)
}

// flagsOf packs flags into an octet, the first into bit 0.
func flagsOf(flags ...bool) (octet byte) {
	for bit, set := range flags {
		if set {
			octet |= 1 << bit
		}
	}
	return octet
}

// setFlags takes apart what flagsOf packed.
func setFlags(octet byte, flags ...*bool) {
	for bit, set := range flags {
		*set = octet&(1<<bit) != 0
	}
}

func (s *State) appendSubscriber(dst []byte, sub *subscriber) []byte {
	dst = append(dst, byte(sub.State), byte(sub.Then), flagsOf(sub.Held))
	dst = binary.AppendUvarint(dst, uint64(sub.Number))
	dst = binary.AppendUvarint(dst, uint64(sub.Until))
	dst = wire.AppendBytes(dst, sub.Equipment.octets())
	for i := sub.Identities; i != 0; i = s.identities.At(i).Next {
		id := s.identities.At(i)
		dst = append(dst, 1, byte(id.Kind))
		dst = wire.AppendBytes(dst, id.Bytes())
	}
	return append(dst, 0)
}

// appendBucket leaves Reserved out: it is the sum of the sessions' parts.
func (s *State) appendBucket(dst []byte, b *balance.Bucket) []byte {
	dst = append(dst, flagsOf(b.Main, b.Terms != 0))
	for _, v := range [...]uint64{b.ID, uint64(b.Denomination), uint64(b.Allowance), uint64(b.Owner)} {
		dst = binary.AppendUvarint(dst, v)
	}
	for _, v := range [...]int64{b.Remaining, b.Granted, int64(b.From), int64(b.Until), int64(b.Priority)} {
		dst = binary.AppendVarint(dst, v)
	}
	if b.Terms == 0 {
		return dst
	}
	t := s.book.TermsOf(b)
	dst = append(dst, t.Rolled)
	dst = binary.AppendUvarint(dst, t.Subscription)
	for _, v := range [...]int64{int64(t.Validity), t.Cap, t.Used, int64(t.Day)} {
		dst = binary.AppendVarint(dst, v)
	}
	return dst
}

func (r *reader) bucket() (b balance.Bucket, t balance.Terms) {
	var termed bool
	setFlags(r.Octet(), &b.Main, &termed)
	b.ID, b.Denomination = r.Uvarint(), balance.Denomination(r.Uvarint())
	b.Allowance, b.Owner = ident.Name(r.Uvarint()), uint32(r.Uvarint())
	b.Remaining, b.Granted = r.Varint(), r.Varint()
	b.From, b.Until = instant.Instant(r.Varint()), instant.Instant(r.Varint())
	b.Priority = int16(r.Varint())
	if termed {
		t.Rolled, t.Subscription, t.Validity = r.Octet(), r.Uvarint(), instant.Span(r.Varint())
		t.Cap, t.Used, t.Day = r.Varint(), r.Varint(), instant.Instant(r.Varint())
	}
	return b, t
}

func (l *loader) readAccount(number uint64, value []byte) error {
	in := readerOf(value)
	if in.Octet() != stateFormat {
		return ErrEncoding
	}
	i, a := l.accounts.New()
	a.Number, a.written, a.Kind, a.CycleDay = number, l.dirty.epoch, balance.Kind(in.Octet()), in.Octet()
	setFlags(in.Octet(), &a.Closing, &a.lingers)
	a.IDLength = uint8(copy(a.ID[:], in.Bytes()))
	a.Currency, a.Created = money.Currency(in.Uvarint()), instant.Instant(in.Uvarint())
	a.LastRecord, a.Records, a.Catalog = in.Uvarint(), in.Uvarint(), ident.Name(in.Uvarint())
	a.CreditLimit, a.Excess = money.Amount(in.Uvarint()), money.Amount(in.Uvarint())
	a.Overdrawn, a.LowBalance, a.Refundable = int64(in.Uvarint()), money.Amount(in.Uvarint()), money.Amount(in.Uvarint())
	due := instant.Instant(in.Uvarint())
	a.LastSubscriber = uint32(in.Uvarint())
	for n := range min(in.Uvarint(), MaxOffers) {
		a.Offers[n] = ident.Name(in.Uvarint())
	}
	a.Warned = warned(in.Octet())
	l.readPurse(&in, a)
	for in.Octet() == 1 && !in.Failed() {
		b, terms := in.bucket()
		l.buckets[b.ID] = l.book.OpenWith(&a.Account, b, terms)
	}
	link := &a.Subscribers
	for in.Octet() == 1 && !in.Failed() {
		*link = l.readSubscriber(&in, i)
		link = &l.subscribers.At(*link).Next
	}
	for in.Octet() == 1 && !in.Failed() {
		l.attachSubscription(a, in.subscription())
	}
	l.readCounters(&in, a)
	l.readLimits(&in, a)
	l.byAccount.Insert(accountHash(a.id()), i)
	l.catalogs.hold(a, 1)
	l.owners[number] = i
	if due != 0 {
		l.appoint(i, due)
	}
	return in.err()
}

func (l *loader) readSubscriber(in *reader, owner slab.Index) slab.Index {
	head := subscriber{State: SubscriberState(in.Octet()), Then: SubscriberState(in.Octet())}
	setFlags(in.Octet(), &head.Held)
	head.Number, head.Until = uint32(in.Uvarint()), instant.Instant(in.Uvarint())
	device, _ := equipmentOf(string(in.Bytes()))
	var ids []ident.Identity
	for in.Octet() == 1 && !in.Failed() {
		id := ident.Identity{Kind: ident.Kind(in.Octet())}
		id.Len = uint8(copy(id.Octet[:], in.Bytes()))
		ids = append(ids, id)
	}
	who := l.addSubscriber(owner, ids)
	sub := l.subscribers.At(who)
	sub.State, sub.Then, sub.Held, sub.Number, sub.Until = head.State, head.Then, head.Held, head.Number, head.Until
	sub.Equipment = device
	return who
}

func appendSubscription(dst []byte, p *subscription) []byte {
	dst = append(dst, byte(p.Status), p.Tries, flagsOf(p.Ends))
	for _, v := range [...]uint64{
		p.Number, uint64(p.Offer), uint64(p.Code), uint64(p.Then), uint64(p.ThenCode), uint64(p.Subscriber),
		uint64(p.Began), uint64(p.Committed), uint64(p.From), uint64(p.Until), uint64(p.Anchor), uint64(p.Periods), uint64(p.Fees),
		uint64(p.OneTime), uint64(p.Owed), uint64(p.Paid), uint64(p.Retry), uint64(p.Lapses),
	} {
		dst = binary.AppendUvarint(dst, v)
	}
	return dst
}

func (r *reader) subscription() (p subscription) {
	p.Status, p.Tries = SubscriptionStatus(r.Octet()), r.Octet()
	setFlags(r.Octet(), &p.Ends)
	p.Number, p.Offer, p.Code = r.Uvarint(), ident.Name(r.Uvarint()), ident.Name(r.Uvarint())
	p.Then, p.ThenCode, p.Subscriber = ident.Name(r.Uvarint()), ident.Name(r.Uvarint()), uint32(r.Uvarint())
	p.Began, p.Committed = instant.Instant(r.Uvarint()), instant.Instant(r.Uvarint())
	p.From, p.Until, p.Anchor = instant.Instant(r.Uvarint()), instant.Instant(r.Uvarint()), instant.Instant(r.Uvarint())
	p.Periods, p.Fees = uint16(r.Uvarint()), uint32(r.Uvarint())
	p.OneTime, p.Owed, p.Paid = money.Amount(r.Uvarint()), money.Amount(r.Uvarint()), money.Amount(r.Uvarint())
	p.Retry, p.Lapses = instant.Instant(r.Uvarint()), instant.Instant(r.Uvarint())
	return p
}
