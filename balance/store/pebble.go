package store

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"

	"gyro/internal/datadir/failstop"
)

const (
	// memTableBytes takes a checkpoint of some 100,000 accounts without a flush
	// in between; a batch over half of it bypasses the memtable, which is as
	// good.
	memTableBytes = 64 << 20

	// cacheBytes serves reads of the outbox and point look-ups of the office;
	// the live state does not come from here.
	cacheBytes = 64 << 20

	// bloomBits per key give 1 % false positives: look-ups of keys that are not
	// there cost no disk read.
	bloomBits = 10
)

func (s *Store) pebbleOptions() *pebble.Options {
	o := &pebble.Options{
		FS:                          s.fs,
		ReadOnly:                    s.opts.ReadOnly,
		ErrorIfNotExists:            s.opts.ReadOnly,
		FormatMajorVersion:          pebble.FormatNewest,
		MemTableSize:                memTableBytes,
		MemTableStopWritesThreshold: 4,
		CacheSize:                   cacheBytes,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       64,
		LBaseMaxBytes:               256 << 20,
		Logger:                      failstop.Logger{Log: s.opts.Logger, Fail: s.fail},
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(bloomBits)
	}
	o.EventListener = &pebble.EventListener{
		// A flush or compaction that failed is retried by Pebble for ever. A
		// disk that lost one write is not one to promise durability on.
		BackgroundError: func(err error) {
			s.fail(fmt.Errorf("store: background work in %s failed: %w", s.opts.Dir, err))
		},
		// The reader gets the error too and knows what it was looking for. The
		// default would stop here, in the reader.
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			s.opts.Logger.Error("state file is corrupt", "path", info.Path, "error", info.Details)
		},
		DiskSlow: func(info pebble.DiskSlowInfo) {
			s.opts.Logger.Warn("state store disk is slow", "path", info.Path, "operation", info.OpType.String(),
				"duration", info.Duration)
		},
	}
	return o
}
