package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hashicorp/raft"
)

// Keys of the log store. Entries are described in entry.go; the other records
// have small values with a CRC-32C of key and value behind them.
var (
	keyFormat = []byte("mformat") // uint32: formatVersion
	keyCut    = []byte("mcut")    // cutSize bytes: where the log was cut
	// "s" and a name of raft's: its stable store (term and vote).
)

const (
	stablePrefix = 's'

	// formatVersion is the version of everything in the journal's directory.
	formatVersion = 1

	cutSize = 20 // index, term, chain value
)

// cut is the last entry deleted behind a checkpoint: what the first entry
// still in the log is chained to.
type cut struct {
	index uint64
	term  uint64
	chain uint32
}

// logStore is raft's LogStore and StableStore in one Pebble database.
//
// StoreLogs and tail deletion run on raft's main goroutine, deletion behind a
// checkpoint on its snapshot goroutine. GetLog runs on both and on a metrics
// goroutine.
type logStore struct {
	db   *pebble.DB
	dir  string
	fail func(error)
	// halted reports that the journal has failed and nothing may be written.
	halted func() bool
	mark   *mark
	// turn serialises writes outside Pebble, for the reason given at
	// Journal.turn.
	turn    chan struct{}
	onSync  func(SyncInfo)
	scratch *pebble.Batch // StoreLogs' batch, reused

	// headersOnly makes GetLog leave out the data of commands: NewRaft reads the
	// whole log once, only to look for configurations. Set ends it.
	headersOnly atomic.Bool

	mu    sync.Mutex // first, last, cut, chain
	first uint64     // 0 if the log is empty
	last  uint64     // 0 if the log is empty
	cut   cut
	chain uint32 // chain value of the last entry, or of the cut if the log is empty

	// bytes counts the stored bytes of all entries since the last cut; the
	// checkpointer takes off what it cut.
	bytes     atomic.Int64
	term      atomic.Uint64
	syncStart atomic.Int64 // Unix nanoseconds of the sync in progress, 0 if none

	stableMu sync.Mutex
	stable   map[string][]byte // everything in the stable store
}

var (
	_ raft.LogStore          = (*logStore)(nil)
	_ raft.StableStore       = (*logStore)(nil)
	_ raft.MonotonicLogStore = (*logStore)(nil)
)

// IsMonotonic tells raft that the log tolerates no gap: after a snapshot from
// another member it must be emptied.
func (s *logStore) IsMonotonic() bool { return true }

func (s *logStore) FirstIndex() (uint64, error) {
	first, _ := s.bounds()
	return first, nil
}

func (s *logStore) LastIndex() (uint64, error) {
	_, last := s.bounds()
	return last, nil
}

func (s *logStore) bounds() (first, last uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first, s.last
}

// end returns the last index ever stored and still known: the last entry's, or
// the cut's if the log is empty.
func (s *logStore) end() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.last, s.cut.index)
}

func (s *logStore) GetLog(index uint64, l *raft.Log) error {
	first, last := s.bounds()
	if index == 0 || index < first || index > last {
		return raft.ErrLogNotFound
	}
	var key [entryKeyLen]byte
	putEntryKey(key[:], index)
	value, closer, err := s.db.Get(key[:])
	if errors.Is(err, pebble.ErrNotFound) {
		if first, _ := s.bounds(); index < first {
			return raft.ErrLogNotFound // cut in the meantime
		}
		err = corruptf("entry %d is missing from %s, which holds %d to %d", index, s.dir, first, last)
	}
	if err != nil {
		err = s.readError(fmt.Sprintf("entry %d", index), err)
		s.fail(err)
		return err
	}
	defer func() { _ = closer.Close() }()
	e, err := decodeEntry(index, value)
	if err != nil {
		s.fail(err) // raft panics on what we return
		return err
	}
	e.toLog(index, l, !s.headersOnly.Load())
	return nil
}

func (s *logStore) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// StoreLogs writes the group as one batch with one sync.
func (s *logStore) StoreLogs(logs []*raft.Log) error {
	if len(logs) == 0 {
		return nil
	}
	s.mu.Lock()
	next, chain := max(s.last, s.cut.index)+1, s.chain
	s.mu.Unlock()

	b := s.scratch
	b.Reset()
	var size int64
	for i, l := range logs {
		if l.Index != next+uint64(i) {
			err := fmt.Errorf("journal: entry %d offered to a log that ends at %d", l.Index, next+uint64(i)-1)
			s.fail(err)
			return err
		}
		n := entrySize(l)
		op := b.SetDeferred(entryKeyLen, n)
		putEntryKey(op.Key, l.Index)
		chain = encodeEntry(op.Value, l, chain)
		if err := op.Finish(); err != nil {
			return err
		}
		size += int64(n)
	}
	batchBytes := b.Len()
	start := time.Now()
	if err := s.commitSync(b, start); err != nil {
		return err
	}

	end := logs[len(logs)-1]
	s.mu.Lock()
	if s.first == 0 {
		s.first = logs[0].Index
	}
	s.last, s.chain = end.Index, chain
	s.mu.Unlock()
	s.bytes.Add(size)
	s.mark.advance(end.Index, end.Term, chain)
	if s.onSync != nil {
		s.onSync(SyncInfo{Entries: len(logs), Bytes: batchBytes, Duration: time.Since(start)})
	}
	return nil
}

// commitSync makes the batch durable or ends the journal.
//
// It splits the commit into apply and sync wait, because this is the one way
// in which Pebble reports a failed sync to the writer: a plain synced commit
// calls Logger.Fatalf and, should that return, reports success.
func (s *logStore) commitSync(b *pebble.Batch, start time.Time) error {
	s.syncStart.Store(start.UnixNano())
	defer s.syncStart.Store(0)
	return s.guard(func() error {
		if err := s.db.ApplyNoSyncWait(b, pebble.Sync); err != nil {
			return err
		}
		return b.SyncWait()
	})
}

// guard runs a write. An error, and a panic of Pebble's (which it raises when
// an earlier write to the write-ahead log has failed), end the journal.
func (s *logStore) guard(write func() error) (err error) {
	if s.halted() {
		return ErrStopped
	}
	s.turn <- struct{}{}
	defer func() {
		<-s.turn
		if r := recover(); r != nil {
			err = fmt.Errorf("pebble: %v", r)
		}
		if err != nil {
			err = fmt.Errorf("journal: write to %s failed: %w", s.dir, err)
			s.fail(err)
		}
	}()
	return write()
}

func (s *logStore) syncRunning() time.Duration {
	start := s.syncStart.Load()
	if start == 0 {
		return 0
	}
	return time.Since(time.Unix(0, start))
}

// DeleteRange deletes the entries lo to hi: the log's beginning behind a
// checkpoint, or its end where another member's leader contradicts it.
func (s *logStore) DeleteRange(lo, hi uint64) error {
	first, last := s.bounds()
	if first == 0 || lo > hi || hi < first {
		return nil
	}
	lo, hi = max(lo, first), min(hi, last)
	switch {
	case lo == first:
		return s.deleteHead(hi)
	case hi == last:
		return s.deleteTail(lo)
	default:
		return fmt.Errorf("journal: entries %d to %d lie inside the log %d to %d and cannot be deleted", lo, hi, first, last)
	}
}

// deleteHead is not synced: entries that reappear after a crash are behind the
// checkpoint and are not applied again. Pebble keeps the order of its writes,
// so the cut record and the deletion appear together and before later entries.
func (s *logStore) deleteHead(hi uint64) error {
	c, err := s.cutAt(hi)
	if err != nil {
		return err
	}
	b := s.db.NewBatch()
	defer func() { _ = b.Close() }()
	first, _ := s.bounds()
	if err := b.DeleteRange(entryKey(first), entryKey(hi+1), nil); err != nil {
		return err
	}
	if err := b.Set(keyCut, sealed(keyCut, c.encode()), nil); err != nil {
		return err
	}
	if err := s.guard(func() error { return b.Commit(pebble.NoSync) }); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = c
	if hi >= s.last {
		s.first, s.last = 0, 0
	} else {
		s.first = hi + 1
	}
	return nil
}

// deleteTail happens only to a follower, which a group of one never is. The
// mark is lowered first: a crash in between leaves a log above its mark.
func (s *logStore) deleteTail(lo uint64) error {
	c, err := s.cutAt(lo - 1)
	if err != nil {
		return err
	}
	if err := s.mark.lower(c.index, c.term, c.chain); err != nil {
		return err
	}
	b := s.db.NewBatch()
	defer func() { _ = b.Close() }()
	_, last := s.bounds()
	if err := b.DeleteRange(entryKey(lo), entryKey(last+1), nil); err != nil {
		return err
	}
	if err := s.commitSync(b, time.Now()); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last, s.chain = c.index, c.chain
	return nil
}

// cutAt reads what a cut behind index, which is in the log or is the present
// cut, would record.
func (s *logStore) cutAt(index uint64) (cut, error) {
	s.mu.Lock()
	present := s.cut
	s.mu.Unlock()
	if index == present.index {
		return present, nil
	}
	value, closer, err := s.db.Get(entryKey(index))
	if err != nil {
		return cut{}, s.readError(fmt.Sprintf("entry %d", index), err)
	}
	defer func() { _ = closer.Close() }()
	e, err := decodeEntry(index, value)
	if err != nil {
		return cut{}, err
	}
	return cut{index: index, term: e.term, chain: e.chain}, nil
}

// readError describes a failed read of the database.
func (s *logStore) readError(what string, err error) error {
	switch {
	case errors.Is(err, ErrCorrupt):
		return fmt.Errorf("%s: %w", s.dir, err)
	case pebble.IsCorruptionError(err):
		return corruptf("read %s of %s: %w", what, s.dir, err)
	default:
		return fmt.Errorf("journal: read %s of %s: %w", what, s.dir, err)
	}
}

func (c cut) encode() []byte {
	b := make([]byte, 0, cutSize)
	b = binary.LittleEndian.AppendUint64(b, c.index)
	b = binary.LittleEndian.AppendUint64(b, c.term)
	return binary.LittleEndian.AppendUint32(b, c.chain)
}

func decodeCut(b []byte) (cut, error) {
	if len(b) != cutSize {
		return cut{}, corruptf("the cut record has %d bytes, not %d", len(b), cutSize)
	}
	return cut{
		index: binary.LittleEndian.Uint64(b),
		term:  binary.LittleEndian.Uint64(b[8:]),
		chain: binary.LittleEndian.Uint32(b[16:]),
	}, nil
}

// sealed returns value followed by the CRC-32C of key and value.
func sealed(key, value []byte) []byte {
	crc := crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
	return binary.LittleEndian.AppendUint32(append([]byte(nil), value...), crc)
}

// unsealed checks and strips what sealed added.
func unsealed(key, stored []byte) ([]byte, error) {
	n := len(stored) - 4
	if n < 0 {
		return nil, corruptf("record %q has %d bytes", key, len(stored))
	}
	crc := crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, stored[:n])
	if want := binary.LittleEndian.Uint32(stored[n:]); crc != want {
		return nil, corruptf("record %q: CRC-32C is %08x, stored %08x", key, crc, want)
	}
	return append([]byte(nil), stored[:n]...), nil
}

func (s *logStore) diskBytes() uint64 { return s.db.Metrics().DiskSpaceUsage() }

func (s *logStore) close() error {
	return errors.Join(s.scratch.Close(), s.db.Close())
}
