// Package failstop makes the first failed write of a data directory the last
// one. Both databases of the directory, the journal's log and the state store,
// run on its file system.
//
// A file system that failed a write or an fsync may report success the next
// time with the data gone, so nothing may be retried; and Pebble does retry: it
// repeats a failed flush for ever, reports success for a commit whose sync
// failed if its logger's Fatalf returns, and panics with its locks in disorder
// when it cannot rotate a write-ahead log. Deciding below it, where the error
// first appears, leaves none of these paths: the cause is reported once, and the
// failed operation, like every write after it, never returns. The process ends.
package failstop

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// FS stops at the first failed write.
type FS struct {
	vfs.FS
	fail   func(error)
	failed atomic.Bool
}

// New wraps fs. fail is called at the first failed write, from the goroutine
// that wrote and with whatever locks it holds: it must not use the file system.
func New(fs vfs.FS, fail func(error)) *FS { return &FS{FS: fs, fail: fail} }

// Stop makes every write from now on block, for a failure found elsewhere.
func (fs *FS) Stop() { fs.failed.Store(true) }

// Unwrap returns the file system underneath.
func (fs *FS) Unwrap() vfs.FS { return fs.FS }

// before keeps a write from happening after a failure.
func (fs *FS) before() {
	if fs.failed.Load() {
		select {}
	}
}

// after returns nil, or reports a failed operation and does not return.
func (fs *FS) after(operation, name string, err error) error {
	if err == nil {
		return nil
	}
	if fs.failed.CompareAndSwap(false, true) {
		fs.fail(fmt.Errorf("%s %s: %w", operation, name, err))
	}
	select {}
}

func (fs *FS) wrap(operation, name string, f vfs.File, err error) (vfs.File, error) {
	if err := fs.after(operation, name, err); err != nil {
		return nil, err
	}
	return &file{File: f, fs: fs, name: name}, nil
}

// Create is vfs.FS.Create.
func (fs *FS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	fs.before()
	f, err := fs.FS.Create(name, category)
	return fs.wrap("create", name, f, err)
}

// OpenReadWrite is vfs.FS.OpenReadWrite.
func (fs *FS) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	fs.before()
	f, err := fs.FS.OpenReadWrite(name, category, opts...)
	return fs.wrap("open", name, f, err)
}

// OpenDir is vfs.FS.OpenDir; the directory's Sync is a write.
func (fs *FS) OpenDir(name string) (vfs.File, error) {
	f, err := fs.FS.OpenDir(name)
	return fs.wrap("open directory", name, f, err)
}

// ReuseForWrite is vfs.FS.ReuseForWrite.
func (fs *FS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	fs.before()
	f, err := fs.FS.ReuseForWrite(oldname, newname, category)
	return fs.wrap("reuse as", newname, f, err)
}

// Link is vfs.FS.Link.
func (fs *FS) Link(oldname, newname string) error {
	fs.before()
	return fs.after("link", newname, fs.FS.Link(oldname, newname))
}

// Rename is vfs.FS.Rename.
func (fs *FS) Rename(oldname, newname string) error {
	fs.before()
	return fs.after("rename to", newname, fs.FS.Rename(oldname, newname))
}

// MkdirAll is vfs.FS.MkdirAll.
func (fs *FS) MkdirAll(dir string, perm os.FileMode) error {
	fs.before()
	return fs.after("create directory", dir, fs.FS.MkdirAll(dir, perm))
}

// Remove is vfs.FS.Remove. Its failure costs space, not data, and is passed on.
func (fs *FS) Remove(name string) error {
	fs.before()
	return fs.FS.Remove(name)
}

type file struct {
	vfs.File
	fs   *FS
	name string
}

func (f *file) Write(p []byte) (int, error) {
	f.fs.before()
	n, err := f.File.Write(p)
	return n, f.fs.after("write", f.name, err)
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	f.fs.before()
	n, err := f.File.WriteAt(p, off)
	return n, f.fs.after("write", f.name, err)
}

func (f *file) Sync() error {
	f.fs.before()
	return f.fs.after("sync", f.name, f.File.Sync())
}

func (f *file) SyncData() error {
	f.fs.before()
	return f.fs.after("sync", f.name, f.File.SyncData())
}

func (f *file) SyncTo(length int64) (bool, error) {
	f.fs.before()
	full, err := f.File.SyncTo(length)
	return full, f.fs.after("sync", f.name, err)
}

// Close is passed on: what a close may fail to write was synced before, or
// nobody relies on it.
func (f *file) Close() error { return f.File.Close() }

// MkdirSynced creates dir and makes its name durable, and those of the parents
// it had to create. The name of a dir that is already there is synced as well:
// the process that created it may have been killed before it came to that.
func MkdirSynced(fs vfs.FS, dir string) error {
	parent := fs.PathDir(dir)
	if _, err := fs.Stat(dir); err != nil {
		if _, err := fs.Stat(parent); err != nil && parent != dir {
			if err := MkdirSynced(fs, parent); err != nil {
				return err
			}
		}
		if err := fs.MkdirAll(dir, 0o750); err != nil {
			return err
		}
	}
	return SyncDir(fs, parent)
}

// SyncDir makes the names in dir durable.
func SyncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Logger passes Pebble's messages to slog, quietly.
type Logger struct {
	Log *slog.Logger
	// Fail is called by Fatalf, which then never returns: Pebble goes on as if
	// nothing had happened when it does.
	Fail func(error)
}

// Infof logs at debug level: Pebble tells of every file.
func (l Logger) Infof(format string, args ...any) {
	l.Log.Debug("pebble: " + fmt.Sprintf(format, args...))
}

// Errorf logs an error.
func (l Logger) Errorf(format string, args ...any) {
	l.Log.Error("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf reports the failure and does not return.
func (l Logger) Fatalf(format string, args ...any) {
	l.Fail(fmt.Errorf(format, args...))
	select {}
}
