package journal

import "encoding/binary"

// SealedFormat returns a format record as a binary of that version writes it.
func SealedFormat(version uint32) []byte {
	return sealed(keyFormat, binary.LittleEndian.AppendUint32(nil, version))
}
