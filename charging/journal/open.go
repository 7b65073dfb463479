package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/record"
	"github.com/hashicorp/raft"

	"gyro/internal/datadir/failstop"
)

const (
	// logDir is the Pebble database inside Options.Dir.
	logDir = "log"

	// memberID and memberAddress name the one member. They are in the stored
	// configuration, so they are part of the format.
	memberID      = raft.ServerID("1")
	memberAddress = raft.ServerAddress("local")

	// maxGroup bounds the entries raft writes with one sync (maxGroup+1) and
	// hands to the machine at once. Groups are entries of a whole collected
	// batch each, so a handful is plenty; and a start may hold 128 times as many
	// replayed entries in memory before the machine has taken them.
	maxGroup = 16

	// electionTimeout is never waited for: Open starts the election at once.
	// The lease must stay above the scheduler's pauses; in a group of one it
	// cannot be lost, and checking it twice a second costs nothing.
	electionTimeout = time.Second
	leaderLease     = 500 * time.Millisecond
)

// Open opens the journal in o.Dir, creating it on the first start, verifies it
// from end to end, applies every entry behind the checkpoint o.Start to
// o.Machine and returns as the leader, ready for proposals.
//
// Errors wrap ErrCorrupt, ErrTruncated, ErrMismatch or ErrNewerFormat where the
// files are at fault; they were then left as they were found, but for what
// Pebble does when it opens its files.
func Open(o Options) (*Journal, error) {
	o.EnsureDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	start, err := decodeStartMeta(o.Start)
	if err != nil {
		return nil, err
	}
	j := &Journal{
		opts: o, turn: make(chan struct{}, 1), policyDone: make(chan struct{}),
		stopped: make(chan struct{}), broken: make(chan struct{}),
	}
	if err := j.openFiles(start); err != nil {
		return nil, err
	}
	if err := j.startRaft(start); err != nil {
		j.stop(err)
		close(j.policyDone)
		return nil, errors.Join(err, j.shutdown())
	}
	go j.runPolicy()
	return j, nil
}

// openFiles opens log and mark and proves that they are whole and belong to
// the checkpoint.
func (j *Journal) openFiles(start *startMeta) (err error) {
	o := &j.opts
	j.fs = failstop.New(o.FS, func(err error) { j.fail(fmt.Errorf("journal: %w", err)) })
	dir := o.FS.PathJoin(o.Dir, logDir)
	var db *pebble.DB
	returned := j.unlessBroken(func() {
		if err = failstop.MkdirSynced(j.fs, o.Dir); err == nil {
			db, err = pebble.Open(dir, pebbleOptions(j.fs, o.Logger, j.fail))
		}
	})
	if !returned {
		return j.Err()
	}
	if err != nil {
		if pebble.IsCorruptionError(err) || errors.Is(err, record.ErrUnexpectedEOF) {
			return corruptf("open %s: %w", dir, err)
		}
		return fmt.Errorf("journal: open %s: %w", dir, err)
	}
	s := &logStore{
		db: db, dir: dir, fail: j.fail, halted: j.failed.Load, onSync: o.OnSync,
		turn: make(chan struct{}, 1),
	}
	s.scratch = db.NewBatch(pebble.WithMaxRetainedSizeBytes(retainedBatchBytes))
	j.log = s
	defer func() {
		if err == nil || j.failed.Load() {
			return
		}
		if j.mark != nil {
			_ = j.mark.file.Close() // not close: it would write
		}
		err = errors.Join(err, s.close())
	}()

	fresh, err := s.loadMeta()
	if err != nil {
		return err
	}
	if !fresh {
		if err := s.verify(); err != nil {
			return err
		}
	}
	if !j.unlessBroken(func() { j.mark, err = openMark(j.fs, o.Dir, fresh, j.fail) }) {
		return j.Err()
	}
	if err != nil {
		return err
	}
	s.mark = j.mark
	if err := s.checkMark(j.mark.next); err != nil {
		return err
	}
	if err := s.checkStart(start); err != nil {
		return err
	}
	if err := j.settle(fresh); err != nil {
		return err
	}
	j.snaps = &snapshotStore{log: s, last: start}
	j.fsm = &fsm{journal: j, machine: o.Machine, due: make(chan struct{}, 1)}
	return nil
}

// settle does the first writes. They run on a goroutine of their own because a
// write that fails does not return.
func (j *Journal) settle(fresh bool) error {
	var err error
	returned := j.unlessBroken(func() {
		if fresh {
			if err = j.log.bootstrap(); err != nil {
				return
			}
		}
		// Move everything read back out of the write-ahead log, where rot goes
		// unnoticed by Pebble, into tables, where every block has a checksum.
		err = j.log.guard(j.log.db.Flush)
	})
	if !returned {
		return j.Err()
	}
	return err
}

// loadMeta reads everything but the entries. fresh means that the database has
// never been written.
func (s *logStore) loadMeta() (fresh bool, err error) {
	format, err := s.getSealed(keyFormat)
	if errors.Is(err, pebble.ErrNotFound) {
		return s.checkEmpty()
	}
	if err != nil {
		return false, err
	}
	if len(format) != 4 {
		return false, corruptf("the format record of %s has %d bytes", s.dir, len(format))
	}
	if v := binary.LittleEndian.Uint32(format); v != formatVersion {
		return false, fmt.Errorf("%w: %s has format %d, this binary knows up to %d; upgrade gyro",
			ErrNewerFormat, s.dir, v, formatVersion)
	}
	stored, err := s.getSealed(keyCut)
	switch {
	case err == nil:
		if s.cut, err = decodeCut(stored); err != nil {
			return false, err
		}
	case !errors.Is(err, pebble.ErrNotFound):
		return false, err
	}
	s.chain = s.cut.chain
	return false, s.loadStable()
}

// checkEmpty refuses a database that has records but no format record.
func (s *logStore) checkEmpty() (bool, error) {
	iter, err := s.db.NewIter(nil)
	if err != nil {
		return false, s.readError("the first record", err)
	}
	found := iter.First()
	if err := iter.Close(); err != nil {
		return false, s.readError("the first record", err)
	}
	if found {
		return false, corruptf("%s has records but no format record", s.dir)
	}
	s.stable = make(map[string][]byte)
	return true, nil
}

func (s *logStore) getSealed(key []byte) ([]byte, error) {
	stored, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, err
	}
	if err != nil {
		return nil, s.readError(fmt.Sprintf("record %q", key), err)
	}
	defer func() { _ = closer.Close() }()
	return unsealed(key, stored)
}

// verify reads every entry and proves that they follow each other without a
// gap, from the cut to the end, each with the chain value of the one before.
func (s *logStore) verify() error {
	iter, err := s.db.NewIter(&pebble.IterOptions{
		LowerBound: []byte{entryPrefix},
		UpperBound: []byte{entryPrefix + 1},
	})
	if err != nil {
		return s.readError("the entries", err)
	}
	err = s.verifyEntries(iter)
	if cerr := iter.Close(); err == nil && cerr != nil {
		return s.readError("the entries", cerr)
	}
	return err
}

func (s *logStore) verifyEntries(iter *pebble.Iterator) error {
	next, chain := s.cut.index+1, s.cut.chain
	for valid := iter.First(); valid; valid = iter.Next() {
		key := iter.Key()
		if len(key) != entryKeyLen {
			return corruptf("%s has an entry key of %d bytes", s.dir, len(key))
		}
		index := binary.BigEndian.Uint64(key[1:])
		if index != next {
			return truncatedf("%s has entry %d where %d should be", s.dir, index, next)
		}
		value, err := iter.ValueAndErr()
		if err != nil {
			return s.readError(fmt.Sprintf("entry %d", index), err)
		}
		e, err := decodeEntry(index, value)
		if err != nil {
			return fmt.Errorf("%s: %w", s.dir, err)
		}
		if e.prev != chain {
			return corruptf("%s: entry %d follows chain value %08x, the entry before it has %08x", s.dir, index, e.prev, chain)
		}
		if s.first == 0 {
			s.first = index
		}
		s.last, chain = index, e.chain
		s.bytes.Add(int64(len(value)))
		next++
	}
	s.chain = chain
	return nil
}

// checkMark proves that the log reaches its high-water mark.
func (s *logStore) checkMark(m markValue) error {
	end := s.end()
	if m.index > end {
		return truncatedf("the log in %s ends at entry %d, but entry %d (term %d) was durable: entries %d to %d are lost",
			s.dir, end, m.index, m.term, end+1, m.index)
	}
	if m.index < s.cut.index || m.index == 0 {
		return nil // the entry the mark names was cut since
	}
	c, err := s.cutAt(m.index)
	if err != nil {
		return err
	}
	if c.chain != m.chain || c.term != m.term {
		return corruptf("entry %d of %s (term %d, chain value %08x) is not the one the high-water mark names (term %d, %08x)",
			m.index, s.dir, c.term, c.chain, m.term, m.chain)
	}
	return nil
}

// checkStart proves that the log continues the checkpoint in the state store.
func (s *logStore) checkStart(start *startMeta) error {
	if start == nil {
		if s.cut.index != 0 {
			return mismatchf("the log in %s begins behind entry %d, but the state store has no checkpoint", s.dir, s.cut.index)
		}
		return nil
	}
	switch end := s.end(); {
	case start.index < s.cut.index:
		return mismatchf("the log in %s begins behind entry %d, but the state store is only at %d", s.dir, s.cut.index, start.index)
	case start.index > end:
		return mismatchf("the log in %s ends at entry %d, but the state store is at %d", s.dir, end, start.index)
	}
	c, err := s.cutAt(start.index)
	if err != nil {
		return err
	}
	if c.chain != start.chain || c.term != start.term {
		return mismatchf("entry %d of %s has term %d and chain value %08x, the state store remembers term %d and %08x",
			start.index, s.dir, c.term, c.chain, start.term, start.chain)
	}
	return nil
}

// bootstrap writes the first entry, the configuration of one member, together
// with term and format in one batch: raft's own BootstrapCluster writes term
// and entry apart, and a crash between them leaves a member that never votes.
func (s *logStore) bootstrap() error {
	const term = 1
	entry := &raft.Log{
		Index: 1, Term: term, Type: raft.LogConfiguration,
		Data: raft.EncodeConfiguration(raft.Configuration{Servers: []raft.Server{
			{Suffrage: raft.Voter, ID: memberID, Address: memberAddress},
		}}),
	}
	value := make([]byte, entrySize(entry))
	chain := encodeEntry(value, entry, 0)
	termKey, termValue := stableKey([]byte(raftTermKey)), binary.BigEndian.AppendUint64(nil, term)

	b := s.db.NewBatch()
	err := errors.Join(
		b.Set(keyFormat, sealed(keyFormat, binary.LittleEndian.AppendUint32(nil, formatVersion)), nil),
		b.Set(termKey, sealed(termKey, termValue), nil),
		b.Set(entryKey(entry.Index), value, nil))
	if err != nil {
		return err
	}
	if err := s.commitSync(b, time.Now()); err != nil {
		return err
	}
	s.setStable(raftTermKey, termValue)
	s.first, s.last, s.chain = 1, 1, chain
	s.bytes.Store(int64(len(value)))
	return b.Close()
}

// startRaft starts the member, has it elected and waits for the replay.
func (j *Journal) startRaft(start *startMeta) error {
	configuration := raft.DefaultConfig()
	configuration.LocalID = memberID
	configuration.Logger = &raftLogger{logger: j.opts.Logger, name: "raft"}
	configuration.HeartbeatTimeout = electionTimeout
	configuration.ElectionTimeout = electionTimeout
	configuration.LeaderLeaseTimeout = leaderLease
	configuration.MaxAppendEntries = maxGroup
	configuration.BatchApplyCh = true
	configuration.NoSnapshotRestoreOnStart = true
	configuration.NoLegacyTelemetry = true
	// Everything behind a checkpoint is in the state store.
	configuration.TrailingLogs = 0
	// runPolicy decides when; raft's own timer must never fire.
	configuration.SnapshotInterval = math.MaxInt64 / 4
	configuration.SnapshotThreshold = math.MaxUint64

	_, transport := raft.NewInmemTransport(memberAddress)
	j.log.headersOnly.Store(true)
	r, err := raft.NewRaft(configuration, j.fsm, j.log, j.log, j.snaps, transport)
	if err != nil {
		return fmt.Errorf("journal: start raft: %w", err)
	}
	j.raft.Store(r)
	j.mark.start()
	// A shorter heartbeat timeout makes a follower look at its clock now, and
	// it has never heard of a leader: the election starts at once, and the
	// timeouts need not be unreasonably short for that.
	reload := r.ReloadableConfig()
	reload.HeartbeatTimeout = leaderLease
	if err := r.ReloadConfig(reload); err != nil {
		return fmt.Errorf("journal: start raft: %w", err)
	}
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	select {
	case <-r.LeaderCh():
	case <-j.stopped:
		return j.stopErr
	case <-timeout.C:
		return fmt.Errorf("journal: no leader after %v, the disk under %s takes no writes", startTimeout, j.opts.Dir)
	}
	return j.awaitReplay(r)
}

// awaitReplay waits until everything in the log has been applied.
func (j *Journal) awaitReplay(r *raft.Raft) error {
	replayed := make(chan error, 1)
	go func() { replayed <- r.Barrier(0).Error() }()
	select {
	case err := <-replayed:
		if err != nil {
			return fmt.Errorf("journal: replay: %w", err)
		}
		return j.Err()
	case <-j.stopped:
		return j.stopErr
	}
}
