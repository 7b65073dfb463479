package wire

import (
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"
)

func TestReaderReturnsWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, v := rapid.Uint64().Draw(t, "u"), rapid.Int64().Draw(t, "v")
		octets := rapid.SliceOf(rapid.Byte()).Draw(t, "octets")
		b := binary.AppendUvarint(nil, u)
		b = binary.AppendVarint(b, v)
		b = AppendBytes(b, octets)
		b = binary.LittleEndian.AppendUint32(b, uint32(u))
		b = append(binary.LittleEndian.AppendUint64(b, u), 7)
		r := NewReader(b)
		if r.Uvarint() != u || r.Varint() != v || string(r.Bytes()) != string(octets) ||
			r.Uint32() != uint32(u) || r.Uint64() != u || r.Octet() != 7 || !r.Whole() {
			t.Fatal("something came back differently")
		}
		short := NewReader(b[:rapid.IntRange(0, len(b)-1).Draw(t, "cut")])
		short.Uvarint()
		short.Varint()
		short.Bytes()
		short.Uint32()
		short.Uint64()
		short.Octet()
		if !short.Failed() || short.Whole() {
			t.Fatal("a cut went unnoticed")
		}
	})
}
