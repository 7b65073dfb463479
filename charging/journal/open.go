package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
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
)

// Open opens the journal in o.Dir, creating it on the first start, verifies it
// from end to end, applies every entry behind the checkpoint o.Start to
// o.Machine and returns as the leader, ready for proposals.
//
// Errors wrap ErrCorrupt, ErrTruncated, ErrMismatch or ErrNewerFormat where the
// files are at fault; no byte of them was then changed. ErrStopped means that a
// write failed and Options.Fatal has been called.
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
	if err := j.startRaft(); err != nil {
		j.stop(err)
		close(j.policyDone)
		return nil, errors.Join(err, j.shutdown())
	}
	go j.runPolicy()
	return j, nil
}

// openFiles proves that log and mark are whole and belong to the checkpoint, and
// only then opens them for writing: Pebble, when it opens a database for
// writing, deletes what it could not read.
func (j *Journal) openFiles(start *startMeta) error {
	o := &j.opts
	j.fs = failstop.New(o.FS, func(err error) { j.fail(fmt.Errorf("journal: %w", err)) })
	s := &logStore{
		dir: o.FS.PathJoin(o.Dir, logDir), turn: make(chan struct{}, 1),
		fail: j.fail, halted: j.failed.Load, onSync: o.OnSync,
	}
	j.log = s
	seen, err := j.inspect(start)
	if err != nil {
		return err
	}
	j.snaps = &snapshotStore{log: s, last: start}
	j.fsm = &fsm{journal: j, machine: o.Machine, due: make(chan struct{}, 1)}
	return j.openForWriting(seen)
}

// openForWriting runs on a goroutine of its own because a write that fails does
// not return.
func (j *Journal) openForWriting(seen inspection) error {
	o, s := &j.opts, j.log
	return j.unlessBroken(func() (err error) {
		if err := failstop.MkdirSynced(j.fs, o.Dir); err != nil {
			return fmt.Errorf("journal: create %s: %w", o.Dir, err)
		}
		if s.db, err = pebble.Open(s.dir, pebbleOptions(j.fs, o.Logger, j.fail)); err != nil {
			return s.openError(err)
		}
		s.scratch = s.db.NewBatch(pebble.WithMaxRetainedSizeBytes(retainedBatchBytes))
		if j.mark, err = openMark(j.fs, o.Dir, seen.mark, seen.marked, j.fail); err != nil {
			return errors.Join(err, s.close())
		}
		s.mark = j.mark
		if err := j.settle(seen.fresh); err != nil {
			return errors.Join(err, j.mark.file.Close(), s.close())
		}
		return nil
	})
}

// settle does the first writes.
func (j *Journal) settle(fresh bool) error {
	if fresh {
		if err := j.log.bootstrap(); err != nil {
			return err
		}
	}
	// Move everything read back out of the write-ahead log, where rot goes
	// unnoticed by Pebble, into tables, where every block has a checksum.
	return j.log.guard(j.log.db.Flush)
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
