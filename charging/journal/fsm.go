package journal

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// fsm stands between raft and the Machine.
type fsm struct {
	journal *Journal
	machine Machine
	entries []Entry // Apply's argument, reused
	results []any   // ApplyBatch's result, reused: raft reads it before the next call

	applied atomic.Uint64 // last command entry applied
	// sinceEntries and sinceBytes count commands applied since the last Capture.
	sinceEntries atomic.Uint64
	sinceBytes   atomic.Int64
	due          chan struct{} // a checkpoint is due
}

var _ raft.BatchingFSM = (*fsm)(nil)

// ApplyBatch hands the commands among the committed logs to the machine.
func (f *fsm) ApplyBatch(logs []*raft.Log) []any {
	f.results = f.results[:0]
	f.entries = f.entries[:0]
	var size int64
	for _, l := range logs {
		f.results = append(f.results, nil)
		if l.Type == raft.LogCommand {
			f.entries = append(f.entries, Entry{Index: l.Index, Data: l.Data})
			size += int64(len(l.Data))
		}
	}
	// After a failure nothing is applied, because to apply is to answer.
	if len(f.entries) == 0 || f.journal.failed.Load() {
		return f.results
	}
	f.machine.Apply(f.entries)
	f.applied.Store(f.entries[len(f.entries)-1].Index)
	for i := range f.entries {
		if p := f.journal.queue.pop(f.entries[i].Data); p != nil {
			p.index = f.entries[i].Index
			close(p.done)
		}
	}
	f.noteApplied(uint64(len(f.entries)), size)
	clear(f.entries)
	return f.results
}

func (f *fsm) noteApplied(entries uint64, size int64) {
	n, b := f.sinceEntries.Add(entries), f.sinceBytes.Add(size)
	if n >= f.journal.opts.CheckpointEntries || b >= f.journal.opts.CheckpointBytes {
		select {
		case f.due <- struct{}{}:
		default:
		}
	}
}

// Apply is raft's path for machines that take entries one by one.
func (f *fsm) Apply(l *raft.Log) any {
	f.ApplyBatch([]*raft.Log{l})
	return nil
}

// Snapshot captures a checkpoint. Raft calls it on the goroutine of ApplyBatch.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) {
	if f.journal.failed.Load() {
		return nil, ErrStopped
	}
	cp, err := f.machine.Capture()
	if err == nil && f.applied.Load() != 0 && cp.Index() != f.applied.Load() {
		err = fmt.Errorf("the machine captured index %d after applying %d", cp.Index(), f.applied.Load())
		cp.Release()
	}
	if err != nil {
		err = fmt.Errorf("journal: capture a checkpoint: %w", err)
		f.journal.fail(err)
		return nil, err
	}
	f.sinceEntries.Store(0)
	f.sinceBytes.Store(0)
	return &fsmSnapshot{journal: f.journal, checkpoint: cp, bytes: f.journal.log.bytes.Load()}, nil
}

// Restore would load a snapshot sent by a leader.
func (f *fsm) Restore(io.ReadCloser) error {
	return errors.New("journal: a group of one receives no snapshot")
}

type fsmSnapshot struct {
	journal    *Journal
	checkpoint Checkpoint
	bytes      int64 // of the log up to about the cut
	written    bool
}

// Persist writes the checkpoint into the state store.
func (s *fsmSnapshot) Persist(sink raft.SnapshotSink) error {
	cs, ok := sink.(*checkpointSink)
	if !ok {
		return fmt.Errorf("journal: unexpected sink %T", sink)
	}
	if s.checkpoint.Index() > cs.meta.index {
		err := fmt.Errorf("journal: the machine captured index %d, the checkpoint ends at %d", s.checkpoint.Index(), cs.meta.index)
		s.journal.fail(err)
		return err
	}
	if s.journal.failed.Load() {
		return ErrStopped
	}
	if err := s.checkpoint.Write(cs.meta.encode()); err != nil {
		err = fmt.Errorf("journal: write the checkpoint at %d: %w", cs.meta.index, err)
		s.journal.fail(err)
		return err
	}
	s.written = true
	s.journal.checkpoints.Add(1)
	s.journal.log.bytes.Add(-s.bytes)
	return sink.Close()
}

// Release gives the checkpoint back. A capture that was not written is missing
// from every later one, so unless the journal is closing it must end here.
func (s *fsmSnapshot) Release() {
	s.checkpoint.Release()
	if !s.written && s.journal.Err() == nil {
		s.journal.fail(errors.New("journal: a captured checkpoint was not written"))
	}
}

// runPolicy takes checkpoints when they are due. Raft's own policy looks only
// at the number of entries, at random times.
func (j *Journal) runPolicy() {
	defer close(j.policyDone)
	tick := time.NewTicker(j.opts.CheckpointInterval)
	defer tick.Stop()
	for {
		select {
		case <-j.stopped:
			return
		case leading := <-j.raft.Load().LeaderCh():
			// Nobody else can lead a group of one: it must have been refused its
			// own log.
			if !leading && j.Err() == nil {
				j.fail(raft.ErrLeadershipLost)
				return
			}
			continue
		case <-tick.C:
		case <-j.fsm.due:
		}
		start := time.Now()
		before := j.checkpoints.Load()
		if err := j.Checkpoint(); err != nil {
			if j.Err() == nil {
				j.fail(err)
			}
			return
		}
		if j.checkpoints.Load() != before {
			j.opts.Logger.Debug("journal checkpoint", "index", j.snaps.index(), "duration", time.Since(start))
		}
		// What was applied during a long checkpoint may have signalled again.
		tick.Reset(j.opts.CheckpointInterval)
	}
}
