package journal

import (
	"encoding/binary"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// SealedFormat returns a format record as a binary of that version writes it.
func SealedFormat(version uint32) []byte {
	return sealed(keyFormat, binary.LittleEndian.AppendUint32(nil, version))
}

// PebbleOptions are the log store's, for comparison in benchmarks.
func PebbleOptions(fs vfs.FS, logger *slog.Logger) *pebble.Options {
	return pebbleOptions(fs, logger, func(err error) { panic(err) })
}
