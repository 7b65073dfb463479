package journal_test

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"gyro/charging/journal"
)

// applied counts what reaches the machine after a failure.
type applied struct {
	*machine
	failed *atomic.Bool
	late   atomic.Int64
}

func (a *applied) Apply(entries []journal.Entry) {
	if a.failed.Load() {
		a.late.Add(int64(len(entries)))
	}
	a.machine.Apply(entries)
}

// TestFailedSyncStops: after the first failed sync or write of the log Fatal is
// called once, no proposal is acknowledged and nothing is applied, although the
// disk works again at once.
func TestFailedSyncStops(t *testing.T) {
	for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
		for _, kind := range []errorfs.OpKind{errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileWriteAt} {
			file := ".log"
			if kind == errorfs.OpFileWriteAt {
				file = "high-water"
			}
			if kind == errorfs.OpFileSync {
				continue // the log is synced by SyncData
			}
			t.Run(fmt.Sprintf("%v/%d", cause, kind), func(t *testing.T) { failedSyncStops(t, cause, kind, file) })
		}
	}
}

func failedSyncStops(t *testing.T, cause error, kind errorfs.OpKind, file string) {
	mem, hist := vfs.NewCrashableMem(), newHistory()
	var armed, failed atomic.Bool
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == kind && strings.HasSuffix(op.Path, file) && strings.Contains(op.Path, "journal/") &&
			armed.CompareAndSwap(true, false) {
			failed.Store(true)
			return cause
		}
		return nil
	}))
	var a *applied
	n, err := openNode(fs, hist, func(o *journal.Options, m *machine) {
		a = &applied{machine: m, failed: &failed}
		o.Machine = a
	})
	if err != nil {
		t.Fatal(err)
	}
	n.propose(t, 1, 20)
	armed.Store(true)
	var acked, refused int
	for seq := uint64(21); refused == 0 && seq < 1000; seq++ {
		switch err := n.journal.Propose(encodeCommand(1, seq, 500)).Wait(); {
		case err == nil:
			acked++
			hist.ack(1, seq, 0)
		case errors.Is(err, journal.ErrStopped) && errors.Is(err, cause):
			refused++
		default:
			t.Fatalf("entry %d: %v", seq, err)
		}
	}
	if refused == 0 {
		t.Fatal("the failure was not reported")
	}
	// A failed mark is noticed beside the commits, a failed log by the commit.
	if kind != errorfs.OpFileWriteAt && acked > 0 {
		t.Fatalf("%d entries were acknowledged after the failure", acked)
	}
	if err := <-n.fatal; !errors.Is(err, cause) {
		t.Fatalf("Fatal was told %v", err)
	}
	for range 10 {
		if err := n.journal.Propose(encodeCommand(1, 1000, 500)).Wait(); !errors.Is(err, journal.ErrStopped) {
			t.Fatalf("after the failure: %v", err)
		}
	}
	if err := n.journal.Close(); !errors.Is(err, cause) {
		t.Fatalf("Close: %v", err)
	}
	if len(n.fatal) != 0 {
		t.Fatalf("Fatal was called again: %v", <-n.fatal)
	}
	if kind != errorfs.OpFileWriteAt && a.late.Load() != 0 {
		t.Fatalf("%d entries were applied after the failure", a.late.Load())
	}
	// What was acknowledged is there after a power failure.
	promised, _ := hist.acknowledged()
	again := mustOpen(t, mem.CrashClone(vfs.CrashCloneCfg{}), hist, nil)
	if lost := hist.check(again.machine, promised); lost != 0 {
		t.Fatalf("%d acknowledged entries are lost", lost)
	}
	if err := again.close(); err != nil {
		t.Fatal(err)
	}
}

// TestEveryOperationFails runs a fixed workload (start, entries, checkpoint,
// entries) and lets each write operation of it fail once, with EIO and ENOSPC,
// then takes the power away. Whatever the operation was, what had been
// acknowledged must be there.
func TestEveryOperationFails(t *testing.T) {
	workload := func(inject func(errorfs.Op) error) (mem *vfs.MemFS, hist *history, stopped bool) {
		mem, hist = vfs.NewCrashableMem(), newHistory()
		n, err := openNode(errorfs.Wrap(mem, errorfs.InjectorFunc(inject)), hist, nil)
		if err != nil {
			return mem, hist, true
		}
		seq := uint64(0)
		send := func(count int) {
			for range count {
				seq++
				p := n.journal.Propose(encodeCommand(1, seq, 400))
				if err := p.Wait(); err != nil {
					stopped = true
					return
				}
				hist.ack(1, seq, p.Index())
			}
		}
		send(5)
		if err := n.journal.Checkpoint(); err != nil {
			stopped = true
		}
		send(5)
		if err := n.close(); err != nil {
			stopped = true
		}
		return mem, hist, stopped
	}
	var operations atomic.Int64
	if _, _, stopped := workload(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			operations.Add(1)
		}
		return nil
	}); stopped {
		t.Fatal("the workload fails without a fault")
	}
	total, stops, acked := operations.Load(), 0, 0
	for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
		for target := range total {
			var count atomic.Int64
			var hit atomic.Value
			mem, hist, stopped := workload(func(op errorfs.Op) error {
				if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && count.Add(1)-1 == target {
					hit.Store(fmt.Sprintf("operation %d (kind %d on %s)", target, op.Kind, op.Path))
					return cause
				}
				return nil
			})
			if stopped {
				stops++
			}
			promised, _ := hist.acknowledged()
			acked += hist.ackCount
			n, err := openNode(mem.CrashClone(vfs.CrashCloneCfg{}), hist, nil)
			if err != nil {
				t.Fatalf("%v, %v: the restart is refused: %v", hit.Load(), cause, err)
			}
			if lost := hist.check(n.machine, promised); lost != 0 {
				t.Errorf("%v, %v: %d acknowledged entries are lost", hit.Load(), cause, lost)
			}
			if err := n.close(); err != nil {
				t.Fatal(err)
			}
			if len(hist.faults) > 0 {
				t.Fatalf("%v, %v: %v", hit.Load(), cause, hist.faults)
			}
		}
	}
	t.Logf("write operations %d, each failed with EIO and ENOSPC; stopped %d of %d runs; acknowledged %d, lost 0", total, stops, 2*total, acked)
}

// TestBitFlips flips bits all over a closed journal. Each flip is either
// refused, with no byte changed, or harmless; none makes an acknowledged entry disappear or change.
func TestBitFlips(t *testing.T) {
	seed := seedOf(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	base, hist, _ := written(t)
	promised, _ := hist.acknowledged()
	reference := mustOpen(t, clone(base), newHistory(), nil)
	digest := reference.machine.digest
	if err := reference.close(); err != nil {
		t.Fatal(err)
	}
	var flips, refused, harmless int
	for _, name := range journalFiles(t, base) {
		info, err := base.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		for offset := int64(0); offset < info.Size(); offset += 1 + rng.Int64N(400) {
			fs := clone(base)
			flip(t, fs, name, offset, byte(1)<<rng.IntN(8))
			flips++
			before := fingerprint(t, fs)
			n, err := openNode(fs, newHistory(), nil)
			if err != nil {
				refused++
				if after := fingerprint(t, fs); after != before {
					t.Errorf("%s, offset %d: the refused journal was changed:\n%s\n%s", name, offset, before, after)
				}
				continue
			}
			if lost := hist.check(n.machine, promised); lost != 0 || n.machine.digest != digest {
				t.Errorf("%s, offset %d: %d acknowledged entries lost silently", name, offset, lost)
			}
			harmless++
			if err := n.close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("flips %d: refused %d, without effect %d, silent losses 0", flips, refused, harmless)
	if refused < flips/4 {
		t.Errorf("only %d of %d flips were noticed: does the test hit the data?", refused, flips)
	}
}

func journalFiles(t *testing.T, fs vfs.FS) (names []string) {
	t.Helper()
	for _, dir := range []string{"data/journal", "data/journal/log"} {
		list, err := fs.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range list {
			path := fs.PathJoin(dir, name)
			info, err := fs.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if !info.IsDir() && info.Size() > 0 {
				names = append(names, path)
			}
		}
	}
	slices.Sort(names) // a MemFS lists in map order
	return names
}

// fingerprint describes every file of the journal.
func fingerprint(t *testing.T, fs vfs.FS) string {
	t.Helper()
	var b strings.Builder
	for _, name := range journalFiles(t, fs) {
		f, err := fs.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(f)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %d %08x\n", name, len(content), crc32.ChecksumIEEE(content))
	}
	return b.String()
}

func flip(t *testing.T, fs vfs.FS, name string, offset int64, mask byte) {
	t.Helper()
	f, err := fs.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, offset); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	b[0] ^= mask
	if _, err := f.WriteAt(b, offset); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestFailedCheckpointStops: a checkpoint that cannot be written ends the
// journal, because what it captured would be missing from the next one.
func TestFailedCheckpointStops(t *testing.T) {
	mem, hist := vfs.NewCrashableMem(), newHistory()
	var armed atomic.Bool
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if armed.Load() && strings.Contains(op.Path, "state/") && op.Kind == errorfs.OpFileSyncData {
			return syscall.EIO
		}
		return nil
	}))
	n := mustOpen(t, fs, hist, nil)
	n.propose(t, 1, 20)
	armed.Store(true)
	if err := n.journal.Checkpoint(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("Checkpoint: %v", err)
	}
	if err := n.journal.Propose(encodeCommand(1, 21, 100)).Wait(); !errors.Is(err, journal.ErrStopped) {
		t.Fatalf("after the failed checkpoint: %v", err)
	}
	if len(n.fatal) != 2 { // the store's and the journal's
		t.Fatalf("Fatal was called %d times", len(n.fatal))
	}
	again := mustOpen(t, mem.CrashClone(vfs.CrashCloneCfg{}), hist, nil)
	if again.machine.last[1] != 20 {
		t.Fatalf("%d entries, want 20", again.machine.last[1])
	}
	if err := again.close(); err != nil {
		t.Fatal(err)
	}
}

// TestRealDisk runs the journal on the operating system's file system, with
// proposals from several goroutines, checkpoints and restarts.
func TestRealDisk(t *testing.T) {
	t.Chdir(t.TempDir())
	const perLife = 60
	hist := newHistory()
	for life := range 3 {
		var syncs atomic.Int64
		start := time.Now()
		n := mustOpen(t, vfs.Default, hist, func(o *journal.Options, _ *machine) {
			o.CheckpointEntries = 100
			o.OnSync = func(s journal.SyncInfo) { syncs.Add(int64(s.Entries)) }
		})
		t.Logf("life %d: open in %v, %d entries replayed", life, time.Since(start).Round(time.Microsecond), n.machine.replayed)
		var wg sync.WaitGroup
		for c := range uint32(4) {
			from := uint64(life) * perLife
			wg.Go(func() {
				for i := range uint64(perLife) {
					p := n.journal.Propose(encodeCommand(c, from+i+1, 2000))
					if err := p.Wait(); err != nil {
						t.Error(err)
						return
					}
					hist.ack(c, from+i+1, p.Index())
				}
			})
		}
		wg.Wait()
		if got := syncs.Load(); got < 4*perLife {
			t.Errorf("OnSync was told of %d entries", got)
		}
		if err := n.close(); err != nil {
			t.Fatal(err)
		}
	}
	n := mustOpen(t, vfs.Default, hist, nil)
	promised, _ := hist.acknowledged()
	if lost := hist.check(n.machine, promised); lost != 0 || len(hist.faults) > 0 {
		t.Fatalf("%d acknowledged entries lost, faults %v", lost, hist.faults)
	}
	if err := n.close(); err != nil {
		t.Fatal(err)
	}
}
