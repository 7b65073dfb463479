package charging

import (
	"encoding/binary"
	"errors"
	"fmt"

	"gyro/internal/instant"
)

// Semantics is the version of the rules that turn commands into outcomes. A
// journal whose batches were made under another version must be checkpointed
// by the binary that made them before this one may go on.
const Semantics = 3

// Header of a batch. It has a fixed size, so that commands can be collected
// behind it before it is known.
type Header struct {
	Origin   uint64          // the process that proposed the batch
	Sequence uint64          // the batch among those of the process
	Time     instant.Instant // stamped once on the whole batch
	// CheckIndex and CheckDigest are a point of the past where the proposer
	// knew the state's digest; a state that had another one then has diverged.
	CheckIndex  uint64
	CheckDigest uint64
	Count       uint32 // commands
}

// HeaderSize is the room that a batch keeps for its header.
const HeaderSize = 48

const batchVersion = 1

// commandLength is the size of the length before each command.
const commandLength = 4

// Put writes the header to the first HeaderSize octets of a batch.
func (h *Header) Put(batch []byte) {
	batch[0] = batchVersion
	batch[1] = 0
	binary.LittleEndian.PutUint16(batch[2:], Semantics)
	binary.LittleEndian.PutUint32(batch[4:], h.Count)
	binary.LittleEndian.PutUint64(batch[8:], h.Origin)
	binary.LittleEndian.PutUint64(batch[16:], h.Sequence)
	binary.LittleEndian.PutUint64(batch[24:], uint64(h.Time))
	binary.LittleEndian.PutUint64(batch[32:], h.CheckIndex)
	binary.LittleEndian.PutUint64(batch[40:], h.CheckDigest)
}

// Errors of ReadHeader and Apply. They are for the environment: a damaged or
// foreign journal, or a bug. None of them can be answered to a client.
var (
	ErrBatch     = errors.New("malformed command batch")
	ErrSemantics = errors.New("command batch of another version of the charging rules")
	ErrOrder     = errors.New("command batch at or before the last one applied")
	ErrDiverged  = errors.New("this state differs from the one that the batch was made from")
)

// ReadHeader reads what Put wrote.
func ReadHeader(batch []byte) (Header, error) {
	if len(batch) < HeaderSize || batch[0] != batchVersion {
		return Header{}, ErrBatch
	}
	if v := binary.LittleEndian.Uint16(batch[2:]); v != Semantics {
		return Header{}, fmt.Errorf("%w: version %d, this program follows %d", ErrSemantics, v, Semantics)
	}
	return Header{
		Count:       binary.LittleEndian.Uint32(batch[4:]),
		Origin:      binary.LittleEndian.Uint64(batch[8:]),
		Sequence:    binary.LittleEndian.Uint64(batch[16:]),
		Time:        instant.Instant(binary.LittleEndian.Uint64(batch[24:])),
		CheckIndex:  binary.LittleEndian.Uint64(batch[32:]),
		CheckDigest: binary.LittleEndian.Uint64(batch[40:]),
	}, nil
}

// BeginCommand makes room for a command's length; EndCommand fills it in.
func BeginCommand(batch []byte) (extended []byte, start int) {
	return append(batch, 0, 0, 0, 0), len(batch)
}

// EndCommand completes the command begun at start.
func EndCommand(batch []byte, start int) {
	binary.LittleEndian.PutUint32(batch[start:], uint32(len(batch)-start-commandLength))
}

// digestRing remembers the digests after recent batches.
type digestRing struct {
	index  [digestWindow]uint64
	digest [digestWindow]uint64
}

// digestWindow is how far behind its own index a batch's check may lie; the
// engine has at most a handful of batches between proposal and application.
const digestWindow = 256

func (r *digestRing) note(index, digest uint64) {
	r.index[index%digestWindow], r.digest[index%digestWindow] = index, digest
}

// differs reports whether the digest after the batch at index is known to be
// another one.
func (r *digestRing) differs(index, digest uint64) bool {
	return index != 0 && r.index[index%digestWindow] == index && r.digest[index%digestWindow] != digest
}
