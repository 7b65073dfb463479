package journal_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"gyro/charging/journal"
)

func clone(fs *vfs.MemFS) *vfs.MemFS { return fs.CrashClone(vfs.CrashCloneCfg{}) }

// TestRestartLoops: many starts, with and without checkpoints in between, keep
// the state and need no longer log than what came since the last checkpoint.
func TestRestartLoops(t *testing.T) {
	fs, hist := vfs.NewCrashableMem(), newHistory()
	var digest uint64
	for life := range 12 {
		n := mustOpen(t, fs, hist, nil)
		if n.machine.digest != digest {
			t.Fatalf("life %d: digest %x after the restart, %x before", life, n.machine.digest, digest)
		}
		if want := 20 * (life % 3); n.machine.replayed != want {
			t.Fatalf("life %d: %d entries replayed, want %d", life, n.machine.replayed, want)
		}
		n.propose(t, 7, 20)
		if life%3 == 2 {
			if err := n.journal.Checkpoint(); err != nil {
				t.Fatal(err)
			}
			if s := n.journal.Stats(); s.FirstIndex != 0 || s.CheckpointIndex != s.LastIndex || s.LogBytes != 0 {
				t.Fatalf("the log is not cut behind the checkpoint: %+v", s)
			}
		}
		digest = n.machine.digest
		if err := n.close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(hist.faults) > 0 {
		t.Fatal(hist.faults)
	}
}

// TestCrashAroundCheckpoint takes the power away right before and right after
// the checkpoint is durable; after it, the log still holds entries the state
// store already has, and they must not be applied again.
func TestCrashAroundCheckpoint(t *testing.T) {
	fs, hist := vfs.NewCrashableMem(), newHistory()
	var before, after *vfs.MemFS
	n := mustOpen(t, fs, hist, func(_ *journal.Options, m *machine) {
		m.beforeWrite = func() { before = clone(fs) }
		m.afterWrite = func() { after = clone(fs) }
	})
	n.propose(t, 1, 50)
	want := n.machine.digest
	if err := n.journal.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	if err := n.close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		fs       *vfs.MemFS
		replayed int
	}{"before the write": {before, 50}, "before the cut": {after, 0}} {
		n := mustOpen(t, c.fs, hist, nil)
		if n.machine.replayed != c.replayed || n.machine.digest != want {
			t.Errorf("%s: %d entries replayed, want %d; digest %x, want %x", name, n.machine.replayed, c.replayed, n.machine.digest, want)
		}
		if name == "before the cut" && n.journal.Stats().FirstIndex != 1 {
			t.Errorf("%s: the log begins at %d, the crash was meant to keep it", name, n.journal.Stats().FirstIndex)
		}
		n.propose(t, 1, 5)
		if err := n.close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(hist.faults) > 0 {
		t.Fatal(hist.faults)
	}
}

// edit opens the journal's log store behind its back.
func edit(t *testing.T, fs vfs.FS, change func(db *pebble.DB) error) {
	t.Helper()
	db, err := pebble.Open("data/journal/log", &pebble.Options{FS: fs, Logger: silent{}, FormatMajorVersion: pebble.FormatNewest})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(change(db), db.Close()); err != nil {
		t.Fatal(err)
	}
}

type silent struct{}

func (silent) Infof(string, ...any)      {}
func (silent) Errorf(string, ...any)     {}
func (silent) Fatalf(f string, a ...any) { panic(f) }

func keyOf(index uint64) []byte { return binary.BigEndian.AppendUint64([]byte{'e'}, index) }

// written returns a file system with a journal of 30 entries, closed cleanly.
func written(t *testing.T) (fs *vfs.MemFS, hist *history, last uint64) {
	t.Helper()
	fs, hist = vfs.NewCrashableMem(), newHistory()
	n := mustOpen(t, fs, hist, nil)
	n.propose(t, 3, 30)
	last = n.journal.Stats().LastIndex
	if err := n.close(); err != nil {
		t.Fatal(err)
	}
	return fs, hist, last
}

// TestDamageIsRefused damages a closed journal in ways its database does not
// notice, and looks at what Open says.
func TestDamageIsRefused(t *testing.T) {
	fs, _, last := written(t)
	get := func(db *pebble.DB, index uint64) []byte {
		v, closer, err := db.Get(keyOf(index))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = closer.Close() }()
		return bytes.Clone(v)
	}
	for _, c := range []struct {
		name   string
		change func(db *pebble.DB) error
		want   error
		says   string
	}{
		{"flipped bit in an entry's data", func(db *pebble.DB) error {
			v := get(db, 9)
			v[len(v)-1] ^= 0x10
			return db.Set(keyOf(9), v, pebble.Sync)
		}, journal.ErrCorrupt, "entry 9"},
		{"flipped bit in an entry's version", func(db *pebble.DB) error {
			v := get(db, 9)
			v[0] ^= 0x02
			return db.Set(keyOf(9), v, pebble.Sync)
		}, journal.ErrCorrupt, "entry 9"},
		{"last entry gone", func(db *pebble.DB) error {
			return db.Delete(keyOf(last), pebble.Sync)
		}, journal.ErrTruncated, "are lost"},
		{"entry in the middle gone", func(db *pebble.DB) error {
			return db.Delete(keyOf(12), pebble.Sync)
		}, journal.ErrTruncated, "has entry 13 where 12 should be"},
		{"first entries gone", func(db *pebble.DB) error {
			return db.DeleteRange(keyOf(1), keyOf(5), pebble.Sync)
		}, journal.ErrTruncated, "has entry 5 where 1 should be"},
		{"entry moved to another index", func(db *pebble.DB) error {
			return db.Set(keyOf(12), get(db, 13), pebble.Sync)
		}, journal.ErrCorrupt, "entry 12"},
		{"everything gone", func(db *pebble.DB) error {
			return db.DeleteRange([]byte{0}, []byte{0xff}, pebble.Sync)
		}, journal.ErrTruncated, "ends at entry 0"},
		{"newer format", func(db *pebble.DB) error {
			return db.Set([]byte("mformat"), journal.SealedFormat(2), pebble.Sync)
		}, journal.ErrNewerFormat, "upgrade gyro"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fs := clone(fs)
			edit(t, fs, c.change)
			before := fingerprint(t, fs)
			n, err := openNode(fs, newHistory(), nil)
			if err == nil {
				_ = n.close()
				t.Fatal("the damage was not noticed")
			}
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want %v and %q", err, c.want, c.says)
			}
			if after := fingerprint(t, fs); after != before {
				t.Errorf("the refused journal was changed:\n%s\n%s", before, after)
			}
		})
	}
}

// TestForeignParts: state store, log and mark of different histories are not
// taken for one.
func TestForeignParts(t *testing.T) {
	older := vfs.NewCrashableMem()
	hist := newHistory()
	n := mustOpen(t, older, hist, nil)
	n.propose(t, 1, 10)
	if err := n.journal.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	snapshot := clone(older) // a backup: state at the first checkpoint
	n.propose(t, 1, 10)
	if err := n.journal.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	n.propose(t, 1, 10)
	if err := n.close(); err != nil {
		t.Fatal(err)
	}
	copyDir := func(from vfs.FS, to *vfs.MemFS, dir string) {
		if err := to.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if ok, err := vfs.Clone(from, to, dir, dir, vfs.CloneSync); err != nil || !ok {
			t.Fatalf("copy %s: %v, %v", dir, ok, err)
		}
	}
	for _, c := range []struct {
		name string
		make func() *vfs.MemFS
		want error
	}{
		{"state from the backup, journal of today", func() *vfs.MemFS {
			fs := clone(older)
			copyDir(snapshot, fs, "data/state")
			return fs
		}, journal.ErrMismatch},
		{"journal from the backup, state of today", func() *vfs.MemFS {
			fs := clone(older)
			copyDir(snapshot, fs, "data/journal")
			return fs
		}, journal.ErrMismatch},
		{"state gone", func() *vfs.MemFS {
			fs := clone(older)
			_ = fs.RemoveAll("data/state")
			return fs
		}, journal.ErrMismatch},
		{"journal gone", func() *vfs.MemFS {
			fs := clone(older)
			_ = fs.RemoveAll("data/journal")
			return fs
		}, journal.ErrMismatch},
		{"log from the backup under the mark of today", func() *vfs.MemFS {
			fs := clone(older)
			copyDir(snapshot, fs, "data/journal/log")
			return fs
		}, journal.ErrTruncated},
		{"mark gone", func() *vfs.MemFS {
			fs := clone(older)
			_ = fs.Remove("data/journal/high-water")
			return fs
		}, journal.ErrTruncated},
		{"both from the backup", func() *vfs.MemFS { return clone(snapshot) }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := openNode(c.make(), newHistory(), nil)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if err == nil {
				if err := n.close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestUnmarkedTailIsKept: entries above the mark are whole, only not yet
// marked, and are applied.
func TestUnmarkedTailIsKept(t *testing.T) {
	fs, hist, _ := written(t)
	old := clone(fs)
	n := mustOpen(t, fs, hist, nil)
	n.propose(t, 3, 10)
	if err := n.close(); err != nil {
		t.Fatal(err)
	}
	if ok, err := vfs.Clone(old, fs, "data/journal/high-water", "data/journal/high-water", vfs.CloneSync); err != nil || !ok {
		t.Fatal(ok, err)
	}
	n = mustOpen(t, fs, hist, nil)
	if n.machine.last[3] != 40 {
		t.Fatalf("%d entries, want 40", n.machine.last[3])
	}
	if err := n.close(); err != nil {
		t.Fatal(err)
	}
}

// TestBadStartMeta: metadata that is not the journal's is refused, not decoded.
func TestBadStartMeta(t *testing.T) {
	for _, c := range []struct {
		meta []byte
		want error
	}{
		{[]byte{1, 0, 0, 0}, journal.ErrCorrupt},
		{append([]byte{1, 0, 0, 0}, make([]byte, 40)...), nil},
		{append([]byte{9, 0, 0, 0}, make([]byte, 40)...), journal.ErrNewerFormat},
	} {
		_, err := journal.Open(journal.Options{
			Dir: "j", FS: vfs.NewMem(), Logger: quiet, Start: c.meta,
			Machine: &machine{}, Fatal: func(err error) { t.Error(err) },
		})
		if err == nil || (c.want != nil && !errors.Is(err, c.want)) {
			t.Errorf("meta %x: got %v, want %v", c.meta, err, c.want)
		}
	}
}

// TestProposeLimits: what the journal does not take is refused with nothing
// written.
func TestProposeLimits(t *testing.T) {
	fs := vfs.NewMem()
	n := mustOpen(t, fs, newHistory(), func(o *journal.Options, _ *machine) { o.MaxEntryBytes = 1000 })
	before := n.journal.Stats().LastIndex
	if err := n.journal.Propose(nil).Wait(); !errors.Is(err, journal.ErrEmptyEntry) {
		t.Errorf("empty entry: %v", err)
	}
	large := n.journal.Propose(make([]byte, 1001))
	for _, err := range []error{large.Refused(), large.Wait()} {
		if !errors.Is(err, journal.ErrEntryTooLarge) {
			t.Errorf("large entry: %v", err)
		}
	}
	if after := n.journal.Stats().LastIndex; after != before {
		t.Errorf("the log grew from %d to %d", before, after)
	}
	n.propose(t, 1, 3)
	if err := n.close(); err != nil {
		t.Fatal(err)
	}
	if err := n.journal.Propose([]byte("late")).Wait(); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
