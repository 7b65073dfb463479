package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"gyro/balance/store"
)

var quiet = slog.New(slog.DiscardHandler)

func open(t *testing.T, fs vfs.FS) *store.Store {
	t.Helper()
	s, err := store.Open(store.Options{Dir: "state", FS: fs, Logger: quiet, Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeStore(t *testing.T, s *store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func commit(t *testing.T, s *store.Store, b *store.Batch, index uint64) {
	t.Helper()
	if err := s.Commit(b, store.Meta{AppliedIndex: index, JournalMeta: fmt.Append(nil, "meta ", index)}); err != nil {
		t.Fatal(err)
	}
	if b.Len() != 0 {
		t.Fatalf("%d changes left after Commit", b.Len())
	}
}

func contents(t *testing.T, s *store.Store, lo, hi string) string {
	t.Helper()
	var got []string
	var top []byte
	if hi != "" {
		top = []byte(hi)
	}
	err := s.Scan([]byte(lo), top, func(k, v []byte) error {
		got = append(got, fmt.Sprintf("%s=%s", k, v))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(got, " ")
}

func TestCheckpoints(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, fs)
	if m, err := s.Meta(); err != nil || m.AppliedIndex != 0 || m.JournalMeta != nil {
		t.Fatalf("fresh store: %+v, %v", m, err)
	}
	b := s.NewBatch()
	for _, k := range []string{"a1", "a2", "a3", "b1", "b2"} {
		b.Set([]byte(k), []byte("1"))
	}
	b.Set([]byte("c"), nil)
	if b.Len() != 6 || b.Bytes() == 0 {
		t.Fatalf("Len %d, Bytes %d", b.Len(), b.Bytes())
	}
	commit(t, s, b, 10)
	b.Set([]byte("a2"), []byte("2"))
	b.Delete([]byte("a3"))
	b.Delete([]byte("never there"))
	b.DeleteRange([]byte("b"), []byte("b2"))
	commit(t, s, b, 20)
	commit(t, s, b, 20) // nothing new at the same index is no fault
	if err := s.Commit(b, store.Meta{AppliedIndex: 19}); !errors.Is(err, store.ErrBackwards) {
		t.Fatalf("a checkpoint at 19 after 20: %v", err)
	}
	b.Reset()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)

	s = open(t, fs)
	defer closeStore(t, s)
	if m, err := s.Meta(); err != nil || m.AppliedIndex != 20 || string(m.JournalMeta) != "meta 20" {
		t.Fatalf("meta %+v, %v", m, err)
	}
	if got, want := contents(t, s, "a", ""), "a1=1 a2=2 b2=1 c="; got != want {
		t.Fatalf("contents %q, want %q", got, want)
	}
	if got, want := contents(t, s, "a2", "c"), "a2=2 b2=1"; got != want {
		t.Fatalf("range %q, want %q", got, want)
	}
	if v, ok, err := s.Get([]byte("a2")); err != nil || !ok || string(v) != "2" {
		t.Fatalf("a2: %q %v %v", v, ok, err)
	}
	if v, ok, err := s.Get([]byte("c")); err != nil || !ok || len(v) != 0 {
		t.Fatalf("c: %q %v %v", v, ok, err)
	}
	if _, ok, err := s.Get([]byte("a3")); err != nil || ok {
		t.Fatalf("a3: %v %v", ok, err)
	}
	stop := errors.New("enough")
	if err := s.Scan([]byte("a"), nil, func(_, _ []byte) error { return stop }); !errors.Is(err, stop) {
		t.Fatalf("Scan stopped with %v", err)
	}
}

func TestSeekLE(t *testing.T) {
	s := open(t, vfs.NewMem())
	defer closeStore(t, s)
	b := s.NewBatch()
	key := func(seq uint64) []byte { return binary.BigEndian.AppendUint64([]byte{0x05}, seq) }
	for _, seq := range []uint64{0, 100, 250, 1 << 40} {
		b.Set(key(seq), strconv.AppendUint(nil, seq, 10))
	}
	b.Set([]byte{0x04, 0xff}, []byte("below the range"))
	b.Set([]byte{0x06}, []byte("above the range"))
	commit(t, s, b, 1)
	for _, c := range []struct{ seek, want uint64 }{{0, 0}, {99, 0}, {100, 100}, {101, 100}, {1<<40 - 1, 250}, {1 << 62, 1 << 40}} {
		k, v, ok, err := s.SeekLE(key(c.seek), key(0))
		if err != nil || !ok || !bytes.Equal(k, key(c.want)) || string(v) != strconv.FormatUint(c.want, 10) {
			t.Errorf("SeekLE(%d) = %x %q %v %v, want %d", c.seek, k, v, ok, err, c.want)
		}
	}
	if _, _, ok, err := s.SeekLE(key(99), key(50)); ok || err != nil {
		t.Errorf("SeekLE(99) from 50: %v, %v", ok, err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOwnKeysAreGuarded(t *testing.T) {
	s := open(t, vfs.NewMem())
	defer closeStore(t, s)
	b := s.NewBatch()
	for _, key := range [][]byte{nil, {0x00}, []byte("\x00meta")} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("key %x was taken", key)
				}
			}()
			b.Set(key, []byte("x"))
		}()
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

type silent struct{}

func (silent) Infof(string, ...any)      {}
func (silent) Errorf(string, ...any)     {}
func (silent) Fatalf(f string, _ ...any) { panic(f) }

// TestDamagedValue: a value that is not what was written is named and not
// served, whether a bit of it flipped or it belongs to another key.
func TestDamagedValue(t *testing.T) {
	for name, damage := range map[string]func(db *pebble.DB) error{
		"flipped bit": func(db *pebble.DB) error {
			v, closer, err := db.Get([]byte("balance"))
			if err != nil {
				return err
			}
			v = bytes.Clone(v)
			v[0] ^= 1
			return errors.Join(closer.Close(), db.Set([]byte("balance"), v, pebble.Sync))
		},
		"another key's value": func(db *pebble.DB) error {
			v, closer, err := db.Get([]byte("other"))
			if err != nil {
				return err
			}
			v = bytes.Clone(v)
			return errors.Join(closer.Close(), db.Set([]byte("balance"), v, pebble.Sync))
		},
		"cut short": func(db *pebble.DB) error { return db.Set([]byte("balance"), []byte("x"), pebble.Sync) },
	} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			s := open(t, fs)
			b := s.NewBatch()
			b.Set([]byte("balance"), []byte("100"))
			b.Set([]byte("other"), []byte("999"))
			commit(t, s, b, 1)
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			closeStore(t, s)
			db, err := pebble.Open("state", &pebble.Options{FS: fs, Logger: silent{}, FormatMajorVersion: pebble.FormatNewest})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(damage(db), db.Close()); err != nil {
				t.Fatal(err)
			}
			s = open(t, fs)
			defer closeStore(t, s)
			check := func(what string, err error) {
				if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), fmt.Sprintf("%x", "balance")) ||
					!strings.Contains(err.Error(), "state") {
					t.Errorf("%s: %v", what, err)
				}
			}
			_, _, err = s.Get([]byte("balance"))
			check("Get", err)
			check("Scan", s.Scan([]byte("a"), nil, func(_, _ []byte) error { return nil }))
			_, _, _, err = s.SeekLE([]byte("balance"), []byte("a"))
			check("SeekLE", err)
			if v, ok, err := s.Get([]byte("other")); err != nil || !ok || string(v) != "999" {
				t.Errorf("other: %q %v %v", v, ok, err)
			}
		})
	}
}

func TestNewerFormatAndForeignDatabase(t *testing.T) {
	for _, c := range []struct {
		name  string
		write func(db *pebble.DB) error
		want  error
	}{
		{"newer format", func(db *pebble.DB) error {
			return db.Set([]byte("\x00format"), store.Sealed([]byte("\x00format"), []byte{2, 0, 0, 0}), pebble.Sync)
		}, store.ErrNewerFormat},
		{"no format record", func(db *pebble.DB) error { return db.Set([]byte("x"), []byte("y"), pebble.Sync) }, store.ErrCorrupt},
	} {
		fs := vfs.NewMem()
		db, err := pebble.Open("state", &pebble.Options{FS: fs, Logger: silent{}, FormatMajorVersion: pebble.FormatNewest})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.write(db), db.Close()); err != nil {
			t.Fatal(err)
		}
		_, err = store.Open(store.Options{Dir: "state", FS: fs, Logger: quiet, Fatal: func(err error) { t.Error(err) }})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestReadOnly(t *testing.T) {
	fs := vfs.NewMem()
	if _, err := store.Open(store.Options{Dir: "state", FS: fs, Logger: quiet, ReadOnly: true}); err == nil {
		t.Fatal("a missing store was opened read-only")
	}
	s := open(t, fs)
	b := s.NewBatch()
	b.Set([]byte("k"), []byte("v"))
	commit(t, s, b, 3)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	ro, err := store.Open(store.Options{Dir: "state", FS: fs, Logger: quiet, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := contents(t, ro, "a", ""); got != "k=v" {
		t.Errorf("contents %q", got)
	}
	b = ro.NewBatch()
	if err := ro.Commit(b, store.Meta{AppliedIndex: 4}); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("Commit: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	closeStore(t, ro)
}

// TestFailedSyncStops: a checkpoint whose sync fails is reported, and nothing
// is written after it, although the disk works again.
func TestFailedSyncStops(t *testing.T) {
	for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
		mem := vfs.NewCrashableMem()
		var armed atomic.Bool
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind == errorfs.OpFileSyncData && armed.CompareAndSwap(true, false) {
				return cause
			}
			return nil
		}))
		fatal := make(chan error, 10)
		s, err := store.Open(store.Options{Dir: "state", FS: fs, Logger: quiet, Fatal: func(err error) { fatal <- err }})
		if err != nil {
			t.Fatal(err)
		}
		b := s.NewBatch()
		b.Set([]byte("k"), []byte("1"))
		commit(t, s, b, 1)
		armed.Store(true)
		b.Set([]byte("k"), []byte("2"))
		for range 2 {
			if err := s.Commit(b, store.Meta{AppliedIndex: 2}); !errors.Is(err, store.ErrStopped) || !errors.Is(err, cause) {
				t.Fatalf("Commit: %v", err)
			}
			b = s.NewBatch()
		}
		if err := <-fatal; !errors.Is(err, cause) || len(fatal) != 0 {
			t.Fatalf("Fatal: %v, and %d more", err, len(fatal))
		}
		if err := s.Close(); !errors.Is(err, store.ErrStopped) {
			t.Fatalf("Close: %v", err)
		}
		again := open(t, mem.CrashClone(vfs.CrashCloneCfg{}))
		if v, _, err := again.Get([]byte("k")); err != nil || string(v) != "1" {
			t.Fatalf("after the crash: %q, %v", v, err)
		}
		closeStore(t, again)
	}
}

// TestPowerFailures: after each of 40 power failures that keep 30 % of what was
// not synced, the store is exactly at one checkpoint, and not before the last
// one that Commit reported.
func TestPowerFailures(t *testing.T) {
	seed := rand.Uint64()
	if v := os.Getenv("GYRO_SEED"); v != "" {
		var err error
		if seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	defer func() {
		if t.Failed() {
			t.Logf("repeat with: GYRO_SEED=%d go test ./balance/store -run '^%s$'", seed, t.Name())
		}
	}()
	rng := rand.New(rand.NewPCG(seed, 0))
	mem := vfs.NewCrashableMem()
	var index, checkpoints uint64
	for range 40 {
		s := open(t, mem)
		var done atomic.Uint64
		meta, err := s.Meta()
		if err != nil {
			t.Fatal(err)
		}
		if meta.AppliedIndex < index {
			t.Fatalf("at %d after a power failure, %d was committed", meta.AppliedIndex, index)
		}
		// Every checkpoint writes its index to all of its accounts.
		n := 0
		err = s.Scan([]byte("account"), nil, func(k, v []byte) error {
			n++
			if got := binary.BigEndian.Uint64(v); got != meta.AppliedIndex {
				return fmt.Errorf("%s is at %d, the store at %d", k, got, meta.AppliedIndex)
			}
			return nil
		})
		if err != nil || (n != 200 && meta.AppliedIndex > 0) {
			t.Fatalf("%d accounts, %v", n, err)
		}
		stop := make(chan struct{})
		ended := make(chan error, 1)
		started := make(chan struct{})
		go func() {
			b := s.NewBatch()
			for i := meta.AppliedIndex + 1; ; i++ {
				for a := range 200 {
					b.Set(fmt.Append(nil, "account", a), append(binary.BigEndian.AppendUint64(nil, i), make([]byte, 100)...))
				}
				if err := s.Commit(b, store.Meta{AppliedIndex: i}); err != nil {
					ended <- err
					return
				}
				done.Store(i)
				if i == meta.AppliedIndex+3 {
					close(started)
				}
				select {
				case <-stop:
					ended <- b.Close()
					return
				default:
				}
			}
		}()
		<-started
		for range rng.IntN(20) { // some more commits, without a clock
			for seen := done.Load(); done.Load() == seen; {
				if len(ended) > 0 {
					break
				}
				runtime.Gosched()
			}
		}
		index = done.Load()
		mem = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 30, RNG: rng})
		close(stop)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		checkpoints += done.Load() - meta.AppliedIndex
		closeStore(t, s)
	}
	t.Logf("power failures 40, checkpoints %d, lost 0, torn 0", checkpoints)
}
