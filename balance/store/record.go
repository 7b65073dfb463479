package store

import (
	"encoding/binary"
	"hash/crc32"
)

// crcSize is the length of the trailer behind every stored value: the CRC-32C
// of key and value, little endian.
const crcSize = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

// verified strips the trailer from a stored value after checking it. The result
// aliases stored.
func (s *Store) verified(key, stored []byte) ([]byte, error) {
	n := len(stored) - crcSize
	if n < 0 {
		return nil, s.corrupt(key, "has %d bytes, fewer than its checksum", len(stored))
	}
	want := binary.LittleEndian.Uint32(stored[n:])
	if got := checksum(key, stored[:n]); got != want {
		return nil, s.corrupt(key, "has CRC-32C %08x, stored %08x", got, want)
	}
	return stored[:n:n], nil
}
