package store

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"

	"gyro/internal/datadir/failstop"
)

var (
	// ErrCorrupt is wrapped by every error about stored bytes that are not what
	// was written.
	ErrCorrupt = errors.New("store: corrupt")
	// ErrNewerFormat is wrapped when the files were written by a newer version.
	ErrNewerFormat = errors.New("store: written by a newer gyro")
	// ErrReadOnly is returned by Commit on a store opened read-only.
	ErrReadOnly = errors.New("store: opened read-only")
	// ErrStopped wraps the write failure after which the store takes no more.
	ErrStopped = errors.New("store: stopped by an earlier write failure")
	// ErrBackwards is wrapped when a checkpoint would move the state back.
	ErrBackwards = errors.New("store: a checkpoint must not go backwards")
)

const restoreAdvice = "restore journal/ and state/ together from the same backup, or take the directory from another member"

// Options configures a Store. Dir is required, and Fatal unless ReadOnly.
type Options struct {
	// Dir is the store's own directory. It is created if missing, unless
	// ReadOnly.
	Dir string
	// FS is the file system Dir lives on; nil means the operating system's.
	FS vfs.FS
	// Logger receives what Pebble has to say, at quiet levels; nil means
	// slog.Default.
	Logger *slog.Logger
	// Fatal is called once, with the cause, when a write has failed. The
	// process must exit within a second: a file system that failed an fsync may
	// claim success for the next one with the data gone. It may be called from
	// any goroutine, with locks of Pebble held, so it must not call the store.
	Fatal func(error)
	// ReadOnly opens the files for inspection. Commit then fails.
	ReadOnly bool
}

// EnsureDefaults fills in what was left zero.
func (o *Options) EnsureDefaults() {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
}

// Validate reports every option that cannot work.
func (o *Options) Validate() error {
	var errs []error
	if o.Dir == "" {
		errs = append(errs, errors.New("store: Dir is empty"))
	}
	if o.Fatal == nil && !o.ReadOnly {
		errs = append(errs, errors.New("store: Fatal is nil; a store that cannot stop the process cannot be trusted"))
	}
	return errors.Join(errs...)
}

// Store is an open state store. Reads may run beside one another and beside
// Commit; only one goroutine commits at a time.
type Store struct {
	opts    Options
	fs      *failstop.FS
	db      *pebble.DB
	applied uint64 // AppliedIndex of the last checkpoint; Commit's own
	failed  atomic.Bool
	stopped chan struct{} // closed with failed
	cause   error         // why; written before stopped is closed
}

// Open opens the store in o.Dir, creating it on the first start.
func Open(o Options) (*Store, error) {
	o.EnsureDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	s := &Store{opts: o, stopped: make(chan struct{})}
	s.fs = failstop.New(o.FS, func(err error) { s.fail(fmt.Errorf("store: %w", err)) })
	err := s.run(func() (err error) {
		if !o.ReadOnly {
			if err := failstop.MkdirSynced(s.fs, o.Dir); err != nil {
				return err
			}
		}
		s.db, err = pebble.Open(o.Dir, s.pebbleOptions())
		return err
	})
	switch {
	case err == nil:
	case pebble.IsCorruptionError(err), errors.Is(err, record.ErrUnexpectedEOF):
		return nil, fmt.Errorf("%w: open %s: %w; "+restoreAdvice, ErrCorrupt, o.Dir, err)
	default:
		return nil, fmt.Errorf("store: open %s: %w", o.Dir, err)
	}
	if err := s.prepare(); err != nil {
		if s.failed.Load() {
			return nil, err
		}
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
}

func (s *Store) prepare() error {
	if err := s.checkFormat(); err != nil {
		return err
	}
	meta, err := s.Meta()
	if err != nil {
		return err
	}
	s.applied = meta.AppliedIndex
	if s.opts.ReadOnly {
		return nil
	}
	// Move what was read back out of the write-ahead log, where rot goes
	// unnoticed, into tables, where every block has a checksum.
	return s.guard(s.db.Flush)
}

// Commit makes the batch and meta durable in one atomic, synced write and
// empties the batch. After an error of the disk the store takes no more writes
// and Options.Fatal has been called.
func (s *Store) Commit(b *Batch, meta Meta) error {
	if s.opts.ReadOnly {
		return ErrReadOnly
	}
	if meta.AppliedIndex < s.applied {
		return fmt.Errorf("%w: it is at %d, the store at %d", ErrBackwards, meta.AppliedIndex, s.applied)
	}
	b.set(keyMeta, meta.encode())
	if err := s.commit(b); err != nil {
		return err
	}
	s.applied = meta.AppliedIndex
	b.Reset()
	return nil
}

// commit splits the commit into apply and sync wait, because this is the one
// way in which Pebble reports a failed sync to the writer: a plain synced
// commit calls Logger.Fatalf and, should that return, reports success.
func (s *Store) commit(b *Batch) error {
	if s.failed.Load() {
		return s.stopCause()
	}
	b.lost = true
	err := s.guard(func() error {
		if err := s.db.ApplyNoSyncWait(b.b, pebble.Sync); err != nil {
			return err
		}
		return b.b.SyncWait()
	})
	b.lost = err != nil
	return err
}

// guard runs a write. An error, and a panic of Pebble's, stop the store.
func (s *Store) guard(write func() error) error {
	err := s.run(write)
	if err == nil || s.failed.Load() {
		return err
	}
	s.fail(fmt.Errorf("store: write to %s failed: %w", s.opts.Dir, err))
	return s.stopCause()
}

// run runs f on a goroutine of its own, because a write that fails does not
// return.
func (s *Store) run(f func() error) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- fmt.Errorf("pebble: %v", r)
			}
		}()
		done <- f()
	}()
	select {
	case err := <-done:
		return err
	case <-s.stopped:
		return s.cause
	}
}

// stopCause returns why the store has stopped, once that is known.
func (s *Store) stopCause() error {
	<-s.stopped
	return s.cause
}

func (s *Store) fail(err error) {
	if !s.failed.CompareAndSwap(false, true) {
		<-s.stopped
		return
	}
	s.fs.Stop()
	s.cause = fmt.Errorf("%w: %w", ErrStopped, err)
	close(s.stopped)
	s.opts.Logger.Error("the state store stops", "error", err)
	if s.opts.Fatal != nil {
		s.opts.Fatal(err)
	}
}

// Get returns a copy of the value under key; ok is false if there is none.
func (s *Store) Get(key []byte) (value []byte, ok bool, err error) {
	checkKey(key)
	return s.get(key)
}

// Scan calls fn for every key from lo up to, not including, hi, in order; a nil
// hi means to the end. Key and value are valid only during the call. An error of
// fn ends the scan and is returned as it is. The scan sees the store as it was
// when it began.
func (s *Store) Scan(lo, hi []byte, fn func(key, value []byte) error) error {
	checkKey(lo)
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lo, UpperBound: hi})
	if err != nil {
		return s.readError(lo, err)
	}
	for valid := iter.First(); valid; valid = iter.Next() {
		stored, err := iter.ValueAndErr()
		if err != nil {
			return errors.Join(s.readError(iter.Key(), err), iter.Close())
		}
		value, err := s.verified(iter.Key(), stored)
		if err == nil {
			err = fn(iter.Key(), value)
		}
		if err != nil {
			return errors.Join(err, iter.Close())
		}
	}
	if err := iter.Close(); err != nil {
		return s.readError(lo, err)
	}
	return nil
}

// SeekLE returns copies of the greatest key that is at least lo and at most
// key, and of its value; ok is false if there is none.
func (s *Store) SeekLE(key, lo []byte) (found, value []byte, ok bool, err error) {
	checkKey(lo)
	// The smallest key greater than key is key with a zero byte behind it.
	upper := append(bytes.Clone(key), 0)
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lo, UpperBound: upper})
	if err != nil {
		return nil, nil, false, s.readError(key, err)
	}
	if ok = iter.Last(); ok {
		var stored []byte
		found = bytes.Clone(iter.Key())
		if stored, err = iter.ValueAndErr(); err == nil {
			value, err = s.verified(found, stored)
			value = append([]byte{}, value...)
		} else {
			err = s.readError(found, err)
		}
	}
	if cerr := iter.Close(); err == nil && cerr != nil {
		err = s.readError(key, cerr)
	}
	if err != nil || !ok {
		return nil, nil, false, err
	}
	return found, value, true, nil
}

// DiskBytes is the size of the store's files.
func (s *Store) DiskBytes() uint64 { return s.db.Metrics().DiskSpaceUsage() }

// Close closes the files. After a write failure it leaves them to the end of
// the process: Pebble's own closing would touch them.
func (s *Store) Close() error {
	if s.failed.Load() {
		return s.stopCause()
	}
	return s.guard(s.db.Close)
}

func (s *Store) readError(key []byte, err error) error {
	if pebble.IsCorruptionError(err) {
		return fmt.Errorf("%w: key %x in %s: %w; "+restoreAdvice, ErrCorrupt, key, s.opts.Dir, err)
	}
	return fmt.Errorf("store: read key %x in %s: %w", key, s.opts.Dir, err)
}

func (s *Store) corrupt(key []byte, format string, args ...any) error {
	return fmt.Errorf("%w: key %x in %s %s; "+restoreAdvice, ErrCorrupt, key, s.opts.Dir, fmt.Sprintf(format, args...))
}
