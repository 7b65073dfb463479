package journal

import (
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"gyro/internal/datadir/failstop"
)

const (
	// memTableBytes is large so that few flushes happen and the range deletions
	// behind a checkpoint cover whole files, which Pebble then drops without
	// rewriting them.
	memTableBytes = 64 << 20

	// memTableStop lets three full memtables wait for their flush before a
	// commit does: 256 MiB of memory at most.
	memTableStop = 4

	// cacheBytes is small: the log is read once, at a start.
	cacheBytes = 4 << 20

	// retainedBatchBytes is the largest batch buffer kept for the next group.
	retainedBatchBytes = 16 << 20
)

// pebbleOptions are tuned for large values appended in key order, read back
// once and deleted in ranges.
func pebbleOptions(fs vfs.FS, logger *slog.Logger, fail func(error)) *pebble.Options {
	o := &pebble.Options{
		FS: fs,
		// The newest format notices more damage in a write-ahead log that is
		// not the last one.
		FormatMajorVersion:          pebble.FormatNewest,
		MemTableSize:                memTableBytes,
		MemTableStopWritesThreshold: memTableStop,
		CacheSize:                   cacheBytes,
		// Files of level 0 never overlap (keys only grow) and are dropped
		// whole, so merging them early is work for nothing. Reads do not suffer:
		// they are sequential.
		L0CompactionThreshold:     32,
		L0CompactionFileThreshold: 1000,
		L0StopWritesThreshold:     4000,
		LBaseMaxBytes:             1 << 30,
		Logger: failstop.Logger{Log: logger, Fail: func(err error) {
			fail(fmt.Errorf("journal: log store: %w", err))
		}},
	}
	// Compression costs more CPU than the disk bandwidth it saves: a file lives
	// for one checkpoint.
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
	for i := range o.TargetFileSizes {
		o.TargetFileSizes[i] = memTableBytes
	}
	o.EventListener = &pebble.EventListener{
		// A flush or compaction that failed is retried by Pebble for ever. A
		// disk that lost one write is not one to promise durability on.
		BackgroundError: func(err error) { fail(fmt.Errorf("journal: background work of the log store failed: %w", err)) },
		// The reader gets the error too and knows what it was looking for. The
		// default would stop here, in the reader.
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			logger.Error("journal file is corrupt", "path", info.Path, "error", info.Details)
		},
		WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
			logger.Warn("journal writes stall", "reason", info.Reason)
		},
		DiskSlow: func(info pebble.DiskSlowInfo) {
			logger.Warn("journal disk is slow", "path", info.Path, "operation", info.OpType.String(), "duration", info.Duration)
		},
	}
	return o
}
