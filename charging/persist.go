package charging

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"gyro/balance"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/slab"
	"gyro/internal/wire"
)

// ErrState is returned for a store that does not hold a state of this version.
var ErrState = errors.New("unreadable charging state")

// appendAccount encodes an account with its subscribers and buckets.
func (s *State) appendAccount(dst []byte, a *account) []byte {
	dst = append(dst, stateFormat, byte(a.Kind))
	dst = wire.AppendBytes(dst, a.id())
	for _, v := range [...]uint64{
		uint64(a.Currency), uint64(a.Created), a.LastRecord, a.Records, uint64(a.Catalog),
		uint64(a.CreditLimit), uint64(a.Excess), uint64(a.Overdrawn), uint64(a.LowBalance), uint64(len(a.offers())),
	} {
		dst = binary.AppendUvarint(dst, v)
	}
	for _, offer := range a.offers() {
		dst = binary.AppendUvarint(dst, uint64(offer))
	}
	for i := a.Buckets; i != 0; i = s.book.Buckets.At(i).Next {
		dst = appendBucket(append(dst, 1), s.book.Buckets.At(i))
	}
	dst = append(dst, 0)
	for who := a.Subscribers; who != 0; who = s.subscribers.At(who).Next {
		dst = append(dst, 1)
		for i := s.subscribers.At(who).Identities; i != 0; i = s.identities.At(i).Next {
			id := s.identities.At(i)
			dst = append(dst, 1, byte(id.Kind))
			dst = wire.AppendBytes(dst, id.Bytes())
		}
		dst = append(dst, 0)
	}
	return s.appendCounters(append(dst, 0), a)
}

// appendBucket leaves Reserved out: it is the sum of the sessions' parts.
func appendBucket(dst []byte, b *balance.Bucket) []byte {
	main := byte(0)
	if b.Main {
		main = 1
	}
	dst = append(dst, main)
	dst = binary.AppendUvarint(dst, b.ID)
	dst = binary.AppendUvarint(dst, uint64(b.Denomination))
	dst = binary.AppendUvarint(dst, uint64(b.Allowance))
	for _, v := range [...]int64{b.Remaining, b.Granted, int64(b.From), int64(b.Until), int64(b.Priority)} {
		dst = binary.AppendVarint(dst, v)
	}
	return dst
}

func (r *reader) bucket() balance.Bucket {
	b := balance.Bucket{Main: r.Octet() == 1, ID: r.Uvarint()}
	b.Denomination, b.Allowance = balance.Denomination(r.Uvarint()), ident.Name(r.Uvarint())
	b.Remaining, b.Granted = r.Varint(), r.Varint()
	b.From, b.Until = instant.Instant(r.Varint()), instant.Instant(r.Varint())
	b.Priority = int16(r.Varint())
	return b
}

// loader restores a state from its store.
type loader struct {
	*State
	buckets map[uint64]slab.Index // by id
	owners  map[uint64]slab.Index // accounts by number
}

// Load reads the state that the last checkpoint wrote; an empty store is an
// empty state.
func Load(from Reader) (*State, error) {
	l := loader{State: NewState(), buckets: map[uint64]slab.Index{}, owners: map[uint64]slab.Index{}}
	for _, part := range []struct {
		prefix byte
		read   func(number uint64, value []byte) error
	}{
		{prefixMeta, func(_ uint64, value []byte) error { return l.readMeta(value) }},
		{prefixCatalog, l.readPublication},
		{prefixAccount, l.readAccount},
		{prefixSession, l.readSession},
		{prefixRetained, l.readRetained},
	} {
		err := from.Scan([]byte{part.prefix}, []byte{part.prefix + 1}, func(key, value []byte) error {
			number := uint64(0)
			if len(key) == numberedKeyLength {
				number = binary.BigEndian.Uint64(key[1:])
			}
			if err := part.read(number, value); err != nil {
				return fmt.Errorf("%w: record %q number %d: %w", ErrState, part.prefix, number, err)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	l.dirty.epoch++ // what was read is written; what changes from now on is not
	return l.State, nil
}

func (l *loader) readMeta(value []byte) error {
	var m meta
	if err := json.Unmarshal(value, &m); err != nil {
		return err
	}
	switch {
	case m.Format > stateFormat || m.Semantics > Semantics:
		return fmt.Errorf("written by a newer gyro (format %d, semantics %d); upgrade gyro", m.Format, m.Semantics)
	case m.Format < stateFormat || m.Semantics < Semantics:
		return fmt.Errorf("written by a gyro before the first release (format %d, semantics %d), which this one (format %d, semantics %d) does not read; start with another data directory",
			m.Format, m.Semantics, stateFormat, Semantics)
	}
	l.index, l.digest, l.now, l.settings = m.Index, m.Digest, m.Now, m.Settings
	l.lastAccount, l.book.LastBucket, l.sessions.LastNumber = m.LastAccount, m.LastBucket, m.LastSession
	l.outbox.last, l.retained.last = m.LastRecord, m.LastBlob
	l.catalogs.currents, l.counters = m.Currents, m.Counters
	l.sessions.Deadlines.Resume(m.Supervised)
	for _, total := range m.Totals {
		l.book.Ledger.Restore(total)
	}
	l.recent.note(l.index, l.digest)
	return nil
}

func (l *loader) readPublication(_ uint64, value []byte) error {
	p := &Publication{}
	if err := json.Unmarshal(value, p); err != nil {
		return err
	}
	if err := p.compile(); err != nil {
		return fmt.Errorf("catalogue %q version %d no longer compiles: %w", p.Name, p.Version, err)
	}
	l.catalogs.publications = append(l.catalogs.publications, p)
	return nil
}

func (l *loader) readAccount(number uint64, value []byte) error {
	in := readerOf(value)
	if in.Octet() != stateFormat {
		return ErrEncoding
	}
	i, a := l.accounts.New()
	a.Number, a.written, a.Kind = number, l.dirty.epoch, balance.Kind(in.Octet())
	a.IDLength = uint8(copy(a.ID[:], in.Bytes()))
	a.Currency, a.Created = money.Currency(in.Uvarint()), instant.Instant(in.Uvarint())
	a.LastRecord, a.Records, a.Catalog = in.Uvarint(), in.Uvarint(), ident.Name(in.Uvarint())
	a.CreditLimit, a.Excess = money.Amount(in.Uvarint()), money.Amount(in.Uvarint())
	a.Overdrawn, a.LowBalance = int64(in.Uvarint()), money.Amount(in.Uvarint())
	for n := range min(in.Uvarint(), MaxOffers) {
		a.Offers[n] = ident.Name(in.Uvarint())
	}
	for in.Octet() == 1 && !in.Failed() {
		b := in.bucket()
		l.buckets[b.ID] = l.book.Open(&a.Account, b)
	}
	link := &a.Subscribers
	for in.Octet() == 1 && !in.Failed() {
		*link = l.readSubscriber(&in, i)
		link = &l.subscribers.At(*link).Next
	}
	l.readCounters(&in, a)
	l.byAccount.Insert(accountHash(a.id()), i)
	l.catalogs.hold(a, 1)
	l.owners[number] = i
	return in.err()
}

func (l *loader) readSubscriber(in *reader, owner slab.Index) slab.Index {
	var ids []ident.Identity
	for in.Octet() == 1 && !in.Failed() {
		id := ident.Identity{Kind: ident.Kind(in.Octet())}
		id.Len = uint8(copy(id.Octet[:], in.Bytes()))
		ids = append(ids, id)
	}
	return l.addSubscriber(owner, ids)
}
