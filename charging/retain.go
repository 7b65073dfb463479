package charging

import (
	"encoding/binary"

	"gyro/charging/session"
	"gyro/internal/instant"
	"gyro/internal/wire"
)

// blobs puts retained answers into the store: they never change, so they are
// gathered in runs that are written once and deleted whole.
type blobs struct {
	open    []byte
	until   instant.Instant // when the last answer in open may go
	pending []blob          // complete, not written
	stored  []blob          // in the store, oldest first, without data
	last    uint64
}

type blob struct {
	data   []byte
	number uint64
	until  instant.Instant
}

// retainedBlobSize is when a run is complete: some hundreds of answers, so that
// the store takes one key for all of them.
const retainedBlobSize = 64 << 10

// keep remembers an answer and has it written at the next checkpoint.
func (s *State) keep(q session.Queue, key []byte, r session.Retained, outcome []byte) {
	s.memory.Keep(q, key, r, outcome)
	b := &s.retained
	b.until = max(b.until, r.Until)
	b.open = append(b.open, byte(q))
	for _, v := range [...]uint64{r.Digest, uint64(r.Until), r.Hash, r.Alias, uint64(r.AliasUntil), r.Sub, uint64(r.Number)} {
		b.open = binary.LittleEndian.AppendUint64(b.open, v)
	}
	b.open = wire.AppendBytes(b.open, key)
	b.open = wire.AppendBytes(b.open, outcome)
	if len(b.open) >= retainedBlobSize {
		b.seal()
	}
}

func (b *blobs) seal() {
	if len(b.open) == 0 {
		return
	}
	b.last++
	b.pending = append(b.pending, blob{data: b.open, number: b.last, until: b.until})
	b.open, b.until = nil, 0
}

// write puts new runs and deletes those whose last answer has expired.
func (b *blobs) write(now instant.Instant, w Writer) {
	b.seal()
	for _, p := range b.pending {
		value := binary.LittleEndian.AppendUint64(nil, uint64(p.until))
		w.Set(numbered(prefixRetained, p.number), append(value, p.data...))
		p.data = nil
		b.stored = append(b.stored, p)
	}
	b.pending = nil
	kept := b.stored[:0]
	for _, p := range b.stored {
		if p.until <= now {
			w.Delete(numbered(prefixRetained, p.number))
		} else {
			kept = append(kept, p)
		}
	}
	b.stored = kept
}

// readRetained puts the answers of a run back into memory.
func (s *State) readRetained(number uint64, value []byte) error {
	in := readerOf(value)
	until := instant.Instant(in.Uint64())
	s.retained.stored = append(s.retained.stored, blob{number: number, until: until})
	for len(in.Rest()) > 0 && !in.Failed() {
		q := session.Queue(in.Octet())
		r := session.Retained{
			Digest: in.Uint64(), Until: instant.Instant(in.Uint64()), Hash: in.Uint64(),
			Alias: in.Uint64(), AliasUntil: instant.Instant(in.Uint64()), Sub: in.Uint64(), Number: uint32(in.Uint64()),
		}
		key, outcome := in.Bytes(), in.Bytes()
		if in.Failed() || q > session.OfCommands {
			return ErrEncoding
		}
		if r.Until > s.now {
			s.memory.Keep(q, key, r, outcome)
		}
	}
	return in.err()
}
