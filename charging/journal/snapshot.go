package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/hashicorp/raft"
)

// startMeta is what a checkpoint says about the log: the journalMeta of
// Checkpoint.Write.
//
//	offset  size  field
//	0       4     layout version, metaVersion
//	4       8     index of the last entry covered
//	12      8     its term
//	20      4     its chain value
//	24      8     index of the entry that set the configuration
//	32      ...   the configuration in raft's encoding
//
// Integers are little endian. The state store guards it with its own CRC.
type startMeta struct {
	index         uint64
	term          uint64
	chain         uint32
	configIndex   uint64
	configuration raft.Configuration
}

const (
	metaVersion    = 1
	metaHeaderSize = 32
)

func (m *startMeta) encode() []byte {
	b := binary.LittleEndian.AppendUint32(nil, metaVersion)
	b = binary.LittleEndian.AppendUint64(b, m.index)
	b = binary.LittleEndian.AppendUint64(b, m.term)
	b = binary.LittleEndian.AppendUint32(b, m.chain)
	b = binary.LittleEndian.AppendUint64(b, m.configIndex)
	return append(b, raft.EncodeConfiguration(m.configuration)...)
}

// decodeStartMeta returns nil for empty input: there has been no checkpoint.
func decodeStartMeta(b []byte) (m *startMeta, err error) {
	if len(b) == 0 {
		return nil, nil
	}
	if len(b) <= metaHeaderSize {
		return nil, corruptf("the journal metadata in the state store has %d bytes", len(b))
	}
	if v := binary.LittleEndian.Uint32(b); v != metaVersion {
		return nil, fmt.Errorf("%w: journal metadata %d in the state store, this binary knows %d; upgrade gyro",
			ErrNewerFormat, v, metaVersion)
	}
	m = &startMeta{
		index:       binary.LittleEndian.Uint64(b[4:]),
		term:        binary.LittleEndian.Uint64(b[12:]),
		chain:       binary.LittleEndian.Uint32(b[20:]),
		configIndex: binary.LittleEndian.Uint64(b[24:]),
	}
	defer func() {
		// raft.DecodeConfiguration panics on bytes that are none.
		if r := recover(); r != nil {
			m, err = nil, corruptf("the raft configuration in the state store is unreadable: %v", r)
		}
	}()
	m.configuration = raft.DecodeConfiguration(b[metaHeaderSize:])
	return m, nil
}

// snapshotStore presents the state store's checkpoint to raft as its one
// snapshot. With Config.NoSnapshotRestoreOnStart raft takes index, term and
// configuration from it and begins to apply behind it; the contents are never
// read back, because the machine starts from the state store itself.
type snapshotStore struct {
	log *logStore

	mu   sync.Mutex
	last *startMeta // nil before the first checkpoint
}

func (s *snapshotStore) index() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		return 0
	}
	return s.last.index
}

// Create begins a checkpoint at index.
func (s *snapshotStore) Create(_ raft.SnapshotVersion, index, term uint64, configuration raft.Configuration,
	configurationIndex uint64, _ raft.Transport,
) (raft.SnapshotSink, error) {
	c, err := s.log.cutAt(index)
	if err != nil {
		return nil, err
	}
	if c.term != term {
		return nil, fmt.Errorf("journal: checkpoint at %d of term %d, the log says term %d", index, term, c.term)
	}
	return &checkpointSink{store: s, meta: startMeta{
		index: index, term: term, chain: c.chain,
		configIndex: configurationIndex, configuration: configuration,
	}}, nil
}

// List returns the last checkpoint.
func (s *snapshotStore) List() ([]*raft.SnapshotMeta, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		return nil, nil
	}
	return []*raft.SnapshotMeta{s.last.snapshotMeta()}, nil
}

// Open would send the snapshot to a member that fell behind. A group of one has
// none.
func (s *snapshotStore) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	return nil, nil, fmt.Errorf("journal: checkpoint %s lives in the state store and cannot be opened as a stream", id)
}

func (m *startMeta) id() string { return fmt.Sprintf("%d-%d", m.term, m.index) }

func (m *startMeta) snapshotMeta() *raft.SnapshotMeta {
	return &raft.SnapshotMeta{
		Version: raft.SnapshotVersionMax, ID: m.id(), Index: m.index, Term: m.term,
		Configuration: m.configuration, ConfigurationIndex: m.configIndex,
	}
}

// checkpointSink carries the metadata from Create to Persist; no byte of state
// goes through it.
type checkpointSink struct {
	store *snapshotStore
	meta  startMeta
}

func (s *checkpointSink) ID() string    { return s.meta.id() }
func (s *checkpointSink) Cancel() error { return nil }

func (s *checkpointSink) Write([]byte) (int, error) {
	return 0, errors.New("journal: a checkpoint is written to the state store, not to raft")
}

// Close is called after the checkpoint is durable in the state store.
func (s *checkpointSink) Close() error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.last = &s.meta
	return nil
}
