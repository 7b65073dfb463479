package charging

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"gyro/internal/slab"
)

// ErrState is returned for a store that does not hold a state of this version.
var ErrState = errors.New("unreadable charging state")

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
		{prefixBatch, l.readBatch},
		{prefixVouchers, l.readVouchers},
		{prefixRedeemed, l.readRedeemed},
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
	l.sessions.Walk(l.round.At)
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
	l.vouchers.salt = m.VoucherSalt
	l.lastSubscription, l.catalogs.scheduled = m.LastSubscription, m.Scheduled
	l.outbox.last, l.retained.last = m.LastRecord, m.LastBlob
	l.catalogs.currents, l.activity, l.round = m.Currents, m.Activity, m.Round
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
