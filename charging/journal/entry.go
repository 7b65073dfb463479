package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/hashicorp/raft"
)

// A stored entry is keyed by entryPrefix and its index, big endian, and its
// value is a fixed header, the extensions and the data:
//
//	offset  size  field
//	0       1     layout version, entryVersion
//	1       1     raft log type (0 command, 1 no-op, 4 barrier, 5 configuration)
//	2       2     zero
//	4       4     chain value of this entry
//	8       4     chain value of the entry before it
//	12      4     length of the extensions
//	16      8     term
//	24      8     time appended, Unix nanoseconds, 0 if not known
//	32      ...   extensions, then data
//
// Integers are little endian. The chain value is the CRC-32C of the index (as
// in the key), bytes 0-3 and bytes 8 to the end: it covers the entry's whole
// content, its place and, through the previous chain value, all that came
// before it. A Pebble record that went missing in the middle, or a log put
// together from two histories, breaks the chain even where every single
// record is intact.
const (
	entryVersion    = 1
	entryHeaderSize = 32

	entryPrefix = 'e'
	entryKeyLen = 9
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func putEntryKey(dst []byte, index uint64) {
	dst[0] = entryPrefix
	binary.BigEndian.PutUint64(dst[1:], index)
}

func entryKey(index uint64) []byte {
	key := make([]byte, entryKeyLen)
	putEntryKey(key, index)
	return key
}

func entrySize(l *raft.Log) int {
	return entryHeaderSize + len(l.Extensions) + len(l.Data)
}

// chainOf computes the chain value of the stored entry at index.
func chainOf(index uint64, value []byte) uint32 {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], index)
	crc := crc32.Update(0, castagnoli, b[:])
	crc = crc32.Update(crc, castagnoli, value[:4])
	return crc32.Update(crc, castagnoli, value[8:])
}

// encodeEntry writes l into dst, which has entrySize(l) bytes, and returns its
// chain value.
func encodeEntry(dst []byte, l *raft.Log, prev uint32) uint32 {
	dst[0] = entryVersion
	dst[1] = byte(l.Type)
	dst[2], dst[3] = 0, 0
	binary.LittleEndian.PutUint32(dst[8:], prev)
	binary.LittleEndian.PutUint32(dst[12:], uint32(len(l.Extensions)))
	binary.LittleEndian.PutUint64(dst[16:], l.Term)
	var appended int64
	if !l.AppendedAt.IsZero() {
		appended = l.AppendedAt.UnixNano()
	}
	binary.LittleEndian.PutUint64(dst[24:], uint64(appended))
	n := copy(dst[entryHeaderSize:], l.Extensions)
	copy(dst[entryHeaderSize+n:], l.Data)
	chain := chainOf(l.Index, dst)
	binary.LittleEndian.PutUint32(dst[4:], chain)
	return chain
}

// storedEntry is a decoded view of a stored value; it aliases the value.
type storedEntry struct {
	typ        raft.LogType
	chain      uint32
	prev       uint32
	term       uint64
	appended   int64
	extensions []byte
	data       []byte
}

// decodeEntry verifies and decodes the value stored at index.
func decodeEntry(index uint64, value []byte) (storedEntry, error) {
	if len(value) < entryHeaderSize {
		return storedEntry{}, corruptf("entry %d has %d bytes, fewer than its header", index, len(value))
	}
	e := storedEntry{
		typ:      raft.LogType(value[1]),
		chain:    binary.LittleEndian.Uint32(value[4:]),
		prev:     binary.LittleEndian.Uint32(value[8:]),
		term:     binary.LittleEndian.Uint64(value[16:]),
		appended: int64(binary.LittleEndian.Uint64(value[24:])),
	}
	if got := chainOf(index, value); got != e.chain {
		return storedEntry{}, corruptf("entry %d: CRC-32C is %08x, stored %08x", index, got, e.chain)
	}
	// After the CRC, so that a flipped bit here does not read as a newer version.
	if value[0] != entryVersion {
		return storedEntry{}, fmt.Errorf("%w: entry %d has layout %d, this binary knows %d; upgrade gyro",
			ErrNewerFormat, index, value[0], entryVersion)
	}
	ext := binary.LittleEndian.Uint32(value[12:])
	if uint64(ext) > uint64(len(value)-entryHeaderSize) {
		return storedEntry{}, corruptf("entry %d: %d bytes of extensions in a value of %d", index, ext, len(value))
	}
	body := value[entryHeaderSize:]
	e.extensions, e.data = body[:ext:ext], body[ext:]
	return e, nil
}

// toLog copies the entry into l. Without withData a command's data is left out.
func (e *storedEntry) toLog(index uint64, l *raft.Log, withData bool) {
	*l = raft.Log{Index: index, Term: e.term, Type: e.typ}
	if e.appended != 0 {
		l.AppendedAt = time.Unix(0, e.appended)
	}
	if len(e.extensions) > 0 {
		l.Extensions = append([]byte(nil), e.extensions...)
	}
	if withData || e.typ != raft.LogCommand {
		l.Data = append([]byte(nil), e.data...)
	}
}
