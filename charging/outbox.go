package charging

import (
	"encoding/binary"
	"slices"

	"gyro/charging/usage"

	"github.com/cespare/xxhash/v2"
)

// Outbox holds the records that left the core, in order, until a checkpoint
// has put them into the store. Records are kept in blocks, so that the store
// takes one key for hundreds of them.
type Outbox struct {
	blocks []*Block
	last   uint64 // sequence number of the newest record
}

// Block is a run of consecutive records, each behind its length.
type Block struct {
	Data   []byte
	First  uint64
	Count  uint32
	sealed bool // no record is added any more
}

// blockSize is when a block is full. A reader that wants one record reads a
// block, so it should not be much larger than a disk page cluster.
const blockSize = 64 << 10

// append numbers a record and adds it.
func (o *Outbox) append(record *usage.Record, digest *uint64) uint64 {
	o.last++
	record.Sequence = o.last
	n := len(o.blocks)
	if n == 0 || o.blocks[n-1].sealed || len(o.blocks[n-1].Data) >= blockSize {
		o.blocks = append(o.blocks, &Block{First: o.last, Data: make([]byte, 0, blockSize+4096)})
		n++
	}
	b := o.blocks[n-1]
	start := len(b.Data) + 4
	b.Data = record.Append(append(b.Data, 0, 0, 0, 0))
	binary.LittleEndian.PutUint32(b.Data[start-4:], uint32(len(b.Data)-start))
	b.Count++
	*digest = mix(*digest, xxhash.Sum64(b.Data[start:]))
	return o.last
}

// Last is the sequence number of the newest record.
func (o *Outbox) Last() uint64 { return o.last }

// seal closes the newest block and returns those that no checkpoint has.
func (o *Outbox) seal() []*Block {
	if n := len(o.blocks); n > 0 {
		o.blocks[n-1].sealed = true
	}
	return o.blocks
}

// drop forgets the blocks up to and including the given one: they are stored.
func (o *Outbox) drop(last *Block) {
	for n, b := range o.blocks {
		if b == last {
			o.blocks = append([]*Block(nil), o.blocks[n+1:]...)
			return
		}
	}
}

// Find returns the block in memory that holds a record, or nil: then the
// store has it, or it does not exist.
func (o *Outbox) Find(sequence uint64) *Block {
	for _, b := range slices.Backward(o.blocks) {
		if b.First <= sequence {
			if sequence < b.First+uint64(b.Count) {
				return b
			}
			return nil
		}
	}
	return nil
}

// EachRecord calls fn for the records of a block from a sequence number on,
// until fn returns false. The record is reused from call to call.
func EachRecord(block []byte, from uint64, record *usage.Record, fn func() bool) error {
	for len(block) > 0 {
		if len(block) < 4 {
			return usage.ErrRecord
		}
		size := int(binary.LittleEndian.Uint32(block))
		if size > len(block)-4 {
			return usage.ErrRecord
		}
		if err := record.Decode(block[4 : 4+size]); err != nil {
			return err
		}
		block = block[4+size:]
		if record.Sequence >= from && !fn() {
			return nil
		}
	}
	return nil
}
