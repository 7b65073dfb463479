package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// The store's own keys. They sort before all others.
const ownPrefix = 0x00

var (
	keyFormat = []byte("\x00format") // uint32, little endian: formatVersion
	keyMeta   = []byte("\x00meta")   // Meta
)

// formatVersion is the version of the layout described in docs/formats/store.md.
const formatVersion = 1

// Meta says what the store's contents are the state at.
type Meta struct {
	// AppliedIndex is the journal index of the last command whose effects are
	// in the store; 0 before the first checkpoint.
	AppliedIndex uint64
	// JournalMeta is what the journal asked to be kept with the checkpoint. It
	// is handed back to the journal at the next start.
	JournalMeta []byte
}

// The meta record: applied index (8 bytes, little endian), then JournalMeta.
const metaHeaderSize = 8

func (m *Meta) encode() []byte {
	b := binary.LittleEndian.AppendUint64(nil, m.AppliedIndex)
	return append(b, m.JournalMeta...)
}

func decodeMeta(b []byte) (Meta, error) {
	if len(b) < metaHeaderSize {
		return Meta{}, fmt.Errorf("%w: the meta record has %d bytes", ErrCorrupt, len(b))
	}
	m := Meta{AppliedIndex: binary.LittleEndian.Uint64(b)}
	if len(b) > metaHeaderSize {
		m.JournalMeta = append([]byte(nil), b[metaHeaderSize:]...)
	}
	return m, nil
}

// Meta returns the metadata of the last checkpoint, zero before the first.
func (s *Store) Meta() (Meta, error) {
	value, ok, err := s.get(keyMeta)
	if err != nil || !ok {
		return Meta{}, err
	}
	return decodeMeta(value)
}

// checkFormat refuses a newer layout and marks an empty store as ours.
func (s *Store) checkFormat() error {
	value, ok, err := s.get(keyFormat)
	if err != nil {
		return err
	}
	if ok {
		if len(value) != 4 {
			return s.corrupt(keyFormat, "has %d bytes", len(value))
		}
		if v := binary.LittleEndian.Uint32(value); v != formatVersion {
			return fmt.Errorf("%w: %s has format %d, this binary knows up to %d; upgrade gyro",
				ErrNewerFormat, s.opts.Dir, v, formatVersion)
		}
		return nil
	}
	empty, err := s.empty()
	if err != nil {
		return err
	}
	if !empty {
		return fmt.Errorf("%w: %s has records but no format record; "+restoreAdvice, ErrCorrupt, s.opts.Dir)
	}
	if s.opts.ReadOnly {
		return nil
	}
	b := s.NewBatch()
	b.set(keyFormat, binary.LittleEndian.AppendUint32(nil, formatVersion))
	return errors.Join(s.commit(b), b.Close())
}

func (s *Store) empty() (bool, error) {
	iter, err := s.db.NewIter(nil)
	if err != nil {
		return false, s.readError(nil, err)
	}
	found := iter.First()
	if err := iter.Close(); err != nil {
		return false, s.readError(nil, err)
	}
	return !found, nil
}

// set writes one of the store's own records.
func (b *Batch) set(key, value []byte) {
	stored := binary.LittleEndian.AppendUint32(append([]byte(nil), value...), checksum(key, value))
	mustFinish(b.b.Set(key, stored, nil))
}

// get returns a copy of the value of any key, the store's own included.
func (s *Store) get(key []byte) ([]byte, bool, error) {
	stored, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, s.readError(key, err)
	}
	defer func() { _ = closer.Close() }()
	value, err := s.verified(key, stored)
	if err != nil {
		return nil, false, err
	}
	return append([]byte{}, value...), true, nil
}
