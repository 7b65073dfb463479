// Package wire reads and writes the octets of Gyro's own formats: fixed
// integers in little endian, varints as package encoding/binary has them, and
// octets behind their length.
package wire

import "encoding/binary"

// AppendBytes appends b behind its length.
func AppendBytes(dst, b []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

// Reader reads from the front of its octets and notes the first failure, so
// that decoding is a straight line with one check at its end. After a failure
// everything reads as zero or what happens to be there, and never panics.
type Reader struct {
	rest   []byte
	failed bool
}

// NewReader reads b; what Bytes returns points into it.
func NewReader(b []byte) Reader { return Reader{rest: b} }

// Rest is what has not been read.
func (r *Reader) Rest() []byte { return r.rest }

// Failed reports whether anything was missing.
func (r *Reader) Failed() bool { return r.failed }

// Whole reports whether nothing was missing and nothing is left over.
func (r *Reader) Whole() bool { return !r.failed && len(r.rest) == 0 }

// Octet reads one octet.
func (r *Reader) Octet() byte {
	if len(r.rest) == 0 {
		r.failed = true
		return 0
	}
	v := r.rest[0]
	r.rest = r.rest[1:]
	return v
}

// Uvarint reads an unsigned varint.
func (r *Reader) Uvarint() uint64 {
	if len(r.rest) > 0 && r.rest[0] < 0x80 {
		v := r.rest[0]
		r.rest = r.rest[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.failed = true
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// Varint reads a signed varint.
func (r *Reader) Varint() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.failed = true
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// Uint32 reads four octets.
func (r *Reader) Uint32() uint32 {
	if len(r.rest) < 4 {
		r.failed = true
		return 0
	}
	v := binary.LittleEndian.Uint32(r.rest)
	r.rest = r.rest[4:]
	return v
}

// Uint64 reads eight octets.
func (r *Reader) Uint64() uint64 {
	if len(r.rest) < 8 {
		r.failed = true
		return 0
	}
	v := binary.LittleEndian.Uint64(r.rest)
	r.rest = r.rest[8:]
	return v
}

// Bytes reads octets behind their length; they cannot be appended to in place.
func (r *Reader) Bytes() []byte {
	n := r.Uvarint()
	if n > uint64(len(r.rest)) {
		r.failed = true
		return nil
	}
	v := r.rest[:n:n]
	r.rest = r.rest[n:]
	return v
}
