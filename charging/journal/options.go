package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// DefaultCheckpointEntries bounds the entries replayed at a start: at the
	// 20-100 us an 80 KB batch takes to apply, 64 Ki entries are some seconds.
	DefaultCheckpointEntries = 64 << 10

	// DefaultCheckpointBytes bounds the log on disk and the bytes replayed at a
	// start. 512 MiB is 4-8 memtables, so a checkpoint covers whole files, and
	// reads back in about a second.
	DefaultCheckpointBytes = 512 << 20

	// DefaultCheckpointInterval bounds how long an idle system keeps a log that
	// a start would have to replay.
	DefaultCheckpointInterval = time.Minute

	// DefaultMaxEntryBytes is the largest entry Propose takes. The collector
	// writes entries of 10-100 KB; 8 MiB leaves room for a published catalogue
	// and stays far below the 32 MiB from which Pebble leaves its memtable path.
	DefaultMaxEntryBytes = 8 << 20

	// maxMaxEntryBytes keeps a single entry below half a memtable.
	maxMaxEntryBytes = memTableBytes/2 - 1<<20

	// startTimeout bounds the election of the group of one, which takes two
	// synced writes. A disk that needs longer is not fit to charge on. Replay is
	// not covered: it takes what it takes.
	startTimeout = 30 * time.Second
)

// Options configures a Journal. Dir, Machine and Fatal are required.
type Options struct {
	// Dir is the journal's own directory. It is created if missing.
	Dir string
	// FS is the file system Dir lives on; nil means the operating system's.
	FS vfs.FS
	// Logger receives what raft and Pebble have to say, at quiet levels; nil
	// means slog.Default.
	Logger *slog.Logger

	// Start is the journalMeta of the last durable checkpoint, as the state
	// store returned it; empty if there has never been one.
	Start []byte
	// Machine is what the entries are applied to. At Open it must be in the
	// state of the checkpoint Start belongs to.
	Machine Machine

	// Fatal is called once, with the cause, when the journal can no longer
	// promise durability. The process must exit within a second and must not
	// touch the files again; Fatal may simply exit. It may be called from any
	// goroutine, with locks of Pebble held, so it must not call the journal.
	Fatal func(error)

	// OnSync, if set, is told about every group written to the log, on raft's
	// main goroutine: it must be quick.
	OnSync func(SyncInfo)

	// CheckpointEntries, CheckpointBytes and CheckpointInterval trigger a
	// checkpoint when that many command entries or bytes were applied since the
	// last one, or when that time has passed and anything was applied. Zero
	// means the default.
	CheckpointEntries  uint64
	CheckpointBytes    int64
	CheckpointInterval time.Duration

	// MaxEntryBytes is the largest entry Propose takes. Zero means the default.
	MaxEntryBytes int
}

// SyncInfo describes one group of entries made durable by one sync.
type SyncInfo struct {
	Entries  int           // entries in the group
	Bytes    int           // bytes of the batch as written to the write-ahead log
	Duration time.Duration // from the batch's commit to the return of its sync
}

// EnsureDefaults fills in what was left zero.
func (o *Options) EnsureDefaults() {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.CheckpointEntries == 0 {
		o.CheckpointEntries = DefaultCheckpointEntries
	}
	if o.CheckpointBytes == 0 {
		o.CheckpointBytes = DefaultCheckpointBytes
	}
	if o.CheckpointInterval == 0 {
		o.CheckpointInterval = DefaultCheckpointInterval
	}
	if o.MaxEntryBytes == 0 {
		o.MaxEntryBytes = DefaultMaxEntryBytes
	}
}

// Validate reports every option that cannot work.
func (o *Options) Validate() error {
	var errs []error
	if o.Dir == "" {
		errs = append(errs, errors.New("journal: Dir is empty"))
	}
	if o.Machine == nil {
		errs = append(errs, errors.New("journal: Machine is nil"))
	}
	if o.Fatal == nil {
		errs = append(errs, errors.New("journal: Fatal is nil; a journal that cannot stop the process cannot be trusted"))
	}
	if o.CheckpointBytes < 0 {
		errs = append(errs, fmt.Errorf("journal: CheckpointBytes %d is negative", o.CheckpointBytes))
	}
	if o.CheckpointInterval < 0 {
		errs = append(errs, fmt.Errorf("journal: CheckpointInterval %v is negative", o.CheckpointInterval))
	}
	if o.MaxEntryBytes < 1 || o.MaxEntryBytes > maxMaxEntryBytes {
		errs = append(errs, fmt.Errorf("journal: MaxEntryBytes %d is outside 1..%d", o.MaxEntryBytes, maxMaxEntryBytes))
	}
	return errors.Join(errs...)
}
