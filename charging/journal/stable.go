package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// errNotFound has the text raft looks for.
var errNotFound = errors.New("not found")

// raftTermKey is the name under which raft keeps its term.
const raftTermKey = "CurrentTerm"

func stableKey(name []byte) []byte {
	return append([]byte{stablePrefix}, name...)
}

// Set stores a value of raft's durably. A value that is already there costs
// nothing: raft writes its term back at every start.
func (s *logStore) Set(name, value []byte) error {
	s.stableMu.Lock()
	defer s.stableMu.Unlock()
	if old, ok := s.stable[string(name)]; ok && bytes.Equal(old, value) {
		return nil
	}
	// The first thing raft changes after its look through the log is its term,
	// before it applies anything.
	s.headersOnly.Store(false)
	key := stableKey(name)
	b := s.db.NewBatch()
	if err := b.Set(key, sealed(key, value), nil); err != nil {
		return err
	}
	if err := s.commitSync(b, time.Now()); err != nil {
		return err
	}
	s.setStable(string(name), value)
	return b.Close()
}

func (s *logStore) setStable(name string, value []byte) {
	s.stable[name] = append([]byte(nil), value...)
	if name == raftTermKey && len(value) == 8 {
		s.term.Store(binary.BigEndian.Uint64(value))
	}
}

// Get returns a value of raft's.
func (s *logStore) Get(name []byte) ([]byte, error) {
	s.stableMu.Lock()
	defer s.stableMu.Unlock()
	value, ok := s.stable[string(name)]
	if !ok {
		return nil, errNotFound
	}
	return append([]byte(nil), value...), nil
}

// SetUint64 stores a number of raft's durably.
func (s *logStore) SetUint64(name []byte, value uint64) error {
	return s.Set(name, binary.BigEndian.AppendUint64(nil, value))
}

// GetUint64 returns a number of raft's.
func (s *logStore) GetUint64(name []byte) (uint64, error) {
	value, err := s.Get(name)
	if err != nil {
		return 0, err
	}
	if len(value) != 8 {
		return 0, corruptf("raft's %q has %d bytes, not 8", name, len(value))
	}
	return binary.BigEndian.Uint64(value), nil
}

// loadStable reads the whole stable store, a handful of records.
func (s *logStore) loadStable() error {
	iter, err := s.db.NewIter(&pebble.IterOptions{
		LowerBound: []byte{stablePrefix},
		UpperBound: []byte{stablePrefix + 1},
	})
	if err != nil {
		return s.readError("raft's records", err)
	}
	for valid := iter.First(); valid; valid = iter.Next() {
		value, err := unsealed(iter.Key(), iter.Value())
		if err != nil {
			return errors.Join(err, iter.Close())
		}
		s.setStable(string(iter.Key()[1:]), value)
	}
	if err := iter.Close(); err != nil {
		return s.readError("raft's records", err)
	}
	return nil
}
