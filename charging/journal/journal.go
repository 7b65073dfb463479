package journal

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/hashicorp/raft"

	"gyro/internal/datadir/failstop"
)

// Journal is an open journal of which this process is the leader.
type Journal struct {
	opts  Options
	fs    *failstop.FS
	log   *logStore
	mark  *mark
	snaps *snapshotStore
	fsm   *fsm
	raft  atomic.Pointer[raft.Raft]

	// turn holds one token; who takes it may propose. It makes the order of the
	// queue the order in which raft numbers the entries. It is no mutex because
	// it is held while raft's queue is full: waiting for a channel is idle in the
	// eyes of testing/synctest, waiting for a mutex is not.
	turn  chan struct{}
	queue proposalQueue

	stopOnce sync.Once
	stopped  chan struct{} // closed when no proposal is acknowledged any more
	stopErr  error         // why; written before stopped is closed
	failed   atomic.Bool   // stopped by a failure: nothing may be applied or written
	broken   chan struct{} // closed with failed
	failure  error         // ErrStopped and the cause; written before broken is closed

	policyDone  chan struct{}
	closeOnce   sync.Once
	closeErr    error
	checkpoints atomic.Uint64
}

// Pending is a proposal on its way.
type Pending struct {
	data    []byte
	done    chan struct{} // closed when the entry has been applied
	err     error         // set at creation if the entry was never proposed
	index   uint64
	journal *Journal
}

// Wait returns nil once the entry is durable and Machine.Apply has returned for
// it. ErrStopped and ErrClosed mean that the outcome is unknown until the next
// Open; ErrEmptyEntry and ErrEntryTooLarge that nothing was written.
func (p *Pending) Wait() error {
	if p.err != nil {
		return p.err
	}
	select {
	case <-p.done:
		return nil
	case <-p.journal.stopped:
	}
	// The entry may have been applied just before the journal stopped.
	select {
	case <-p.done:
		return nil
	default:
		return p.journal.stopErr
	}
}

// Refused returns why the entry was not taken and nothing will be written
// (ErrEmptyEntry, ErrEntryTooLarge); nil when it is on its way.
func (p *Pending) Refused() error { return p.err }

// Applied is closed when Wait would return nil. It stays open (or is nil) for an
// entry that failed: select on Journal.Stopped as well.
func (p *Pending) Applied() <-chan struct{} { return p.done }

// Index is the entry's index in the log, valid once Wait has returned nil.
func (p *Pending) Index() uint64 { return p.index }

// Propose appends data to the log as one entry. It does not wait for the disk,
// so proposals pipeline: all that arrive while a group is being synced form the
// next group. Entries are numbered in the order of the Propose calls. Propose
// blocks while raft's queue (maxGroup entries) is full.
//
// data must stay untouched until Wait has returned or Machine.Apply was called
// with it: it is not copied before it is written.
func (j *Journal) Propose(data []byte) *Pending {
	p := &Pending{data: data, journal: j}
	switch {
	case len(data) == 0:
		p.err = ErrEmptyEntry
		return p
	case len(data) > j.opts.MaxEntryBytes:
		p.err = fmt.Errorf("%w: %d bytes, at most %d", ErrEntryTooLarge, len(data), j.opts.MaxEntryBytes)
		return p
	}
	p.done = make(chan struct{})
	j.turn <- struct{}{}
	j.queue.push(p)
	// The future is not needed: completion comes from the apply goroutine, and
	// in a group of one raft can refuse an entry only after a failure or a
	// Close, both of which close stopped.
	j.raft.Load().ApplyLog(raft.Log{Data: data}, 0)
	<-j.turn
	return p
}

// Stopped is closed when the journal has ended, by Close or by a failure.
func (j *Journal) Stopped() <-chan struct{} { return j.stopped }

// Err is why the journal has ended; nil while Stopped is open.
func (j *Journal) Err() error {
	select {
	case <-j.stopped:
		return j.stopErr
	default:
		return nil
	}
}

// Checkpoint takes a checkpoint now and returns when it is durable and the log
// is cut behind it. It does nothing if nothing was applied since the last one.
func (j *Journal) Checkpoint() error {
	if err := j.Err(); err != nil {
		return err
	}
	// Compared with what is durable, not with what was captured: a checkpoint
	// being written has captured, and must be waited for.
	if j.fsm.applied.Load() <= j.snaps.index() {
		return nil
	}
	err := j.unlessBroken(func() error { return j.raft.Load().Snapshot().Error() })
	switch {
	case err == nil, errors.Is(err, raft.ErrNothingNewToSnapshot):
		return nil
	case j.Err() != nil:
		return j.stopErr
	case errors.Is(err, raft.ErrRaftShutdown):
		return ErrClosed
	default:
		return fmt.Errorf("journal: checkpoint: %w", err)
	}
}

// unlessBroken runs f and returns its error, or the failure if the journal
// fails before f returns: a write that fails does not return, and neither may
// what waits for it. What f sets may be used only if the error is not ErrStopped.
func (j *Journal) unlessBroken(f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-j.broken:
		return j.failure
	}
}

// Close stops the journal without a checkpoint; call Checkpoint first for a
// quick next start. Proposals not yet applied get ErrClosed. After a failure
// Close touches no file and returns the cause.
func (j *Journal) Close() error {
	j.closeOnce.Do(func() {
		j.stop(ErrClosed)
		j.closeErr = j.shutdown()
	})
	return j.closeErr
}

// shutdown ends all goroutines and closes the files, unless the journal has
// failed or fails meanwhile: goroutines then hang in the file system with
// Pebble's locks held, and are left to the end of the process with the files.
func (j *Journal) shutdown() error {
	if j.failed.Load() {
		<-j.broken
		return j.failure
	}
	return j.unlessBroken(func() error {
		<-j.policyDone
		var err error
		if r := j.raft.Load(); r != nil {
			err = r.Shutdown().Error()
		}
		return errors.Join(err, j.mark.close(), j.log.close())
	})
}

// stop ends acknowledgement with the given reason; the first reason stays.
func (j *Journal) stop(reason error) {
	j.stopOnce.Do(func() {
		j.stopErr = reason
		close(j.stopped)
	})
}

// fail ends the journal because of err: from here on nothing is applied,
// acknowledged or written.
func (j *Journal) fail(err error) {
	if !j.failed.CompareAndSwap(false, true) {
		return
	}
	j.fs.Stop()
	j.failure = fmt.Errorf("%w: %w", ErrStopped, err)
	j.stop(j.failure)
	close(j.broken)
	j.opts.Logger.Error("the journal stops", "error", err)
	j.opts.Fatal(err)
	// Only reached where Fatal does not end the process. Raft must not elect
	// itself again on a store that refuses every write: it would panic.
	if r := j.raft.Load(); r != nil {
		r.Shutdown()
	}
}

// Stats is a snapshot of the journal's counters.
type Stats struct {
	FirstIndex      uint64 // first entry in the log, 0 if it is empty
	LastIndex       uint64 // last durable entry, in the log or cut
	AppliedIndex    uint64 // last index applied, or covered by the checkpoint at the start
	CheckpointIndex uint64 // last index covered by a durable checkpoint
	MarkIndex       uint64 // last index covered by the high-water mark
	Term            uint64 // raft term; grows by one with each start

	LogBytes  int64  // bytes of entries the next start would have to read
	DiskBytes uint64 // bytes of files of the log store
	Pending   int    // proposals not yet applied

	Checkpoints uint64        // checkpoints taken since Open
	SyncRunning time.Duration // how long the sync in progress has been running, 0 if none
}

// Stats returns the current counters. It takes some microseconds.
func (j *Journal) Stats() Stats {
	s := Stats{
		AppliedIndex:    max(j.fsm.applied.Load(), j.snaps.index()),
		CheckpointIndex: j.snaps.index(),
		MarkIndex:       j.mark.durable(),
		Term:            j.log.term.Load(),
		LogBytes:        j.log.bytes.Load(),
		Pending:         j.queue.len(),
		Checkpoints:     j.checkpoints.Load(),
		SyncRunning:     j.log.syncRunning(),
	}
	s.FirstIndex, _ = j.log.bounds()
	s.LastIndex = j.log.end()
	if !j.failed.Load() && j.Err() == nil {
		s.DiskBytes = j.log.diskBytes()
	}
	return s
}

// proposalQueue holds proposals in log order until they are applied.
type proposalQueue struct {
	mu    sync.Mutex
	items []*Pending
	head  int
}

func (q *proposalQueue) push(p *Pending) {
	q.mu.Lock()
	if q.head > 0 && 2*q.head >= len(q.items) {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, p)
	q.mu.Unlock()
}

func (q *proposalQueue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items) - q.head
}

// pop removes and returns the first proposal if it is the one whose data this
// is, the very same bytes in memory: raft hands a live entry on without
// copying. Entries replayed from the log belong to no proposal.
func (q *proposalQueue) pop(data []byte) *Pending {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.head == len(q.items) || len(data) == 0 {
		return nil
	}
	p := q.items[q.head]
	if unsafe.SliceData(p.data) != unsafe.SliceData(data) || len(p.data) != len(data) {
		return nil
	}
	q.items[q.head] = nil
	q.head++
	return p
}
