package failstop_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"gyro/internal/datadir/failstop"
)

// TestFirstFailureIsTheLast: the failed operation does not return, its cause is
// told once, and no later write reaches the disk or returns.
func TestFirstFailureIsTheLast(t *testing.T) {
	mem := vfs.NewMem()
	fail := false
	told := make(chan error, 10)
	fs := failstop.New(errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if fail && op.Kind == errorfs.OpFileSync {
			return syscall.EIO
		}
		return nil
	})), func(err error) { told <- err })
	f, err := fs.Create("a", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("before")); err != nil {
		t.Fatal(err)
	}
	fail = true
	returned := make(chan string, 10)
	go func() {
		_ = f.Sync()
		returned <- "sync"
	}()
	if err := <-told; !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "sync a") {
		t.Fatalf("told %v", err)
	}
	started := make(chan struct{})
	go func() {
		close(started)
		_, _ = f.Write([]byte("after"))
		returned <- "write"
	}()
	<-started
	info, err := mem.Stat("a")
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() != int64(len("before")) || len(returned) != 0 || len(told) != 0 {
		t.Fatalf("size %d, returned %d, told again %d", info.Size(), len(returned), len(told))
	}
}

// TestStopped: a Stop from elsewhere blocks writes, for good.
func TestStopped(t *testing.T) {
	fs := failstop.New(vfs.NewMem(), func(err error) { t.Error(err) })
	f, err := fs.Create("a", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	fs.Stop()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := fs.Stat("a"); err != nil {
		t.Fatalf("reading still works: %v", err)
	}
}

// TestMkdirSynced: the directory and its new parents survive a power failure.
func TestMkdirSynced(t *testing.T) {
	mem := vfs.NewCrashableMem()
	if err := failstop.MkdirSynced(mem, "a/b/c"); err != nil {
		t.Fatal(err)
	}
	after := mem.CrashClone(vfs.CrashCloneCfg{})
	if info, err := after.Stat("a/b/c"); err != nil || !info.IsDir() {
		t.Fatal(err)
	}
}
