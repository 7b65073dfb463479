package store

import "encoding/binary"

// Sealed returns value as it is stored under key.
func Sealed(key, value []byte) []byte {
	return binary.LittleEndian.AppendUint32(append([]byte(nil), value...), checksum(key, value))
}
