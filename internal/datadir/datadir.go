// Package datadir owns the layout of a data directory: who may open it, which
// format it has and where its parts are.
//
//	FORMAT    one line, "gyro-data <version>"
//	LOCK      locked by the one process that uses the directory; holds its pid
//	STATE-ID  the number of the last start: the Origin-State-Id
//	journal/  charging/journal: the log
//	state/    balance/store: balances, sessions, outbox
package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	// FormatVersion is the layout this binary writes and the newest it reads.
	FormatVersion = 1

	// DefaultMinFree is the free space below which a start makes no sense: one
	// memtable of the journal.
	DefaultMinFree = 64 << 20

	formatFile   = "FORMAT"
	formatPrefix = "gyro-data "
	lockFile     = "LOCK"

	// formatLineMax bounds what is read of a FORMAT file: a file that is longer
	// is not ours.
	formatLineMax = 64
)

var (
	// ErrInUse is wrapped when another process has the directory open.
	ErrInUse = errors.New("data directory is in use")
	// ErrNewerFormat is wrapped when a newer version wrote the directory.
	ErrNewerFormat = errors.New("written by a newer gyro")
	// ErrNotOurs is wrapped when the directory holds something else.
	ErrNotOurs = errors.New("not a gyro data directory")
	// ErrMissing is wrapped when there is no directory and none was to be created.
	ErrMissing = errors.New("no data directory")
	// ErrDiskFull is wrapped when too little space is free to start.
	ErrDiskFull = errors.New("too little free space")
)

// officeFolder is what an office keeps below a data directory.
const officeFolder = "office"

// Options says how to open a data directory.
type Options struct {
	// Create makes the directory if it does not exist or is empty.
	Create bool
	// MinFree is the free space required, in bytes; 0 means DefaultMinFree.
	MinFree uint64
}

// Dir is an open data directory, locked for this process.
type Dir struct {
	path string
	lock *os.File
}

// Open locks the directory at path and checks that this binary may use it. It
// changes nothing in a directory it refuses.
func Open(path string, o Options) (_ *Dir, err error) {
	if o.MinFree == 0 {
		o.MinFree = DefaultMinFree
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	fresh, err := inspect(path, o.Create)
	if err != nil {
		return nil, err
	}
	if fresh {
		if err := mkdirSynced(path); err != nil {
			return nil, fmt.Errorf("data directory %s: create: %w", path, err)
		}
	}
	d := &Dir{path: path}
	if d.lock, err = lock(path); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = d.lock.Close()
		}
	}()
	// Another process may have been first between the look and the lock.
	if fresh, err = inspect(path, o.Create); err != nil {
		return nil, err
	}
	if err := checkFree(path, o.MinFree); err != nil {
		return nil, err
	}
	if err := d.prepare(fresh); err != nil {
		return nil, fmt.Errorf("data directory %s: %w", path, err)
	}
	return d, nil
}

// Journal is the directory of the journal.
func (d *Dir) Journal() string { return filepath.Join(d.path, "journal") }

// State is the directory of the state store.
func (d *Dir) State() string { return filepath.Join(d.path, "state") }

// Free returns the bytes free for this process on the directory's disk.
func (d *Dir) Free() (uint64, error) { return free(d.path) }

// Close gives the directory up. The LOCK file stays, as on a crash; only the
// lock on it counts.
func (d *Dir) Close() error { return d.lock.Close() }

// inspect reports whether the directory is still to be made ours, without
// changing it.
func inspect(path string, create bool) (fresh bool, err error) {
	entries, err := os.ReadDir(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if !create {
			return false, fmt.Errorf("%w at %s; create one or choose another with --data", ErrMissing, path)
		}
		return true, nil
	case err != nil:
		return false, fmt.Errorf("data directory %s: %w", path, err)
	}
	version, err := readFormat(path)
	if err == nil {
		if version > FormatVersion {
			return false, fmt.Errorf("data directory %s: %w (format %d, this binary knows up to %d); upgrade gyro",
				path, ErrNewerFormat, version, FormatVersion)
		}
		return false, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	for _, e := range entries {
		// Of a start that was interrupted before FORMAT was written, or of an office that ran here alone.
		if name := e.Name(); name != lockFile && name != formatFile+".new" && name != officeFolder {
			return false, fmt.Errorf("%s: %w: it has no %s file but contains %q; choose an empty or new directory with --data",
				path, ErrNotOurs, formatFile, name)
		}
	}
	if !create {
		return false, fmt.Errorf("%w at %s: it is empty; create one or choose another with --data", ErrMissing, path)
	}
	return true, nil
}

func readFormat(path string) (int, error) {
	name := filepath.Join(path, formatFile)
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	if info.Size() > formatLineMax || !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%s: %w: %s is no format file", path, ErrNotOurs, name)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return 0, fmt.Errorf("data directory: %w", err)
	}
	number, ok := strings.CutPrefix(strings.TrimSuffix(string(b), "\n"), formatPrefix)
	version, err := strconv.Atoi(number)
	if !ok || err != nil || version < 1 {
		return 0, fmt.Errorf("%s: %w: %s reads %q, expected %q and a number", path, ErrNotOurs, name, b, formatPrefix)
	}
	return version, nil
}

// lock takes the lock of the directory or says who has it. The kernel releases
// it with the process, however that ends.
func lock(path string) (*os.File, error) {
	name := filepath.Join(path, lockFile)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("data directory %s is not writable: %w", path, err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	defer func() { _ = f.Close() }()
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("data directory %s: lock %s: %w", path, name, err)
	}
	owner := "another process"
	if b, err := os.ReadFile(name); err == nil {
		if pid, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
			owner = fmt.Sprintf("process %d", pid)
		}
	}
	return nil, &inUseError{path: path, owner: owner}
}

// inUseError reads as one sentence and is ErrInUse.
type inUseError struct{ path, owner string }

func (e *inUseError) Error() string {
	return fmt.Sprintf("data directory %s is in use by %s; stop it or choose another with --data", e.path, e.owner)
}

func (e *inUseError) Unwrap() error { return ErrInUse }

// prepare names the owner in the lock file, marks a fresh directory as ours and
// proves by that that the directory can be written.
func (d *Dir) prepare(fresh bool) error {
	pid := strconv.Itoa(os.Getpid()) + "\n"
	if err := d.lock.Truncate(0); err != nil {
		return fmt.Errorf("is not writable: %w", err)
	}
	if _, err := d.lock.WriteAt([]byte(pid), 0); err != nil {
		return fmt.Errorf("is not writable: %w", err)
	}
	// FORMAT first: with anything else in it and no FORMAT the directory would
	// be taken for somebody else's.
	if fresh {
		if err := d.writeFormat(); err != nil {
			return fmt.Errorf("is not writable: %w", err)
		}
	}
	for _, sub := range []string{d.Journal(), d.State()} {
		if err := os.MkdirAll(sub, 0o750); err != nil {
			return fmt.Errorf("is not writable: %w", err)
		}
	}
	return syncDir(d.path)
}

func (d *Dir) writeFormat() error {
	return d.replace(formatFile, fmt.Sprintf("%s%d\n", formatPrefix, FormatVersion))
}

// replace makes a file appear, or change, whole or not at all.
func (d *Dir) replace(file, text string) error {
	name := filepath.Join(d.path, file)
	f, err := os.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	return syncDir(d.path)
}

// mkdirSynced creates path and the parents it lacks, durably.
func mkdirSynced(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(path)
	if err := mkdirSynced(parent); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(parent)
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func checkFree(path string, minFree uint64) error {
	have, err := free(path)
	if err != nil {
		return err
	}
	if have < minFree {
		return fmt.Errorf("data directory %s: %w: %d MiB, at least %d MiB are needed to start; free some or choose another disk with --data",
			path, ErrDiskFull, have>>20, (minFree+1<<20-1)>>20)
	}
	return nil
}

// free leaves out what is reserved for the superuser.
func free(path string) (uint64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(path, &st); err != nil {
		return 0, fmt.Errorf("data directory %s: free space: %w", path, err)
	}
	return st.Bavail * uint64(st.Bsize), nil
}
