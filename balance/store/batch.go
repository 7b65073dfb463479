package store

import (
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// retainedBatchBytes is the largest buffer a Batch keeps for its next use: a
// checkpoint of 100,000 accounts. Larger ones are given back.
const retainedBatchBytes = 64 << 20

// Batch collects the changes of one checkpoint. It is not safe for concurrent
// use. After Commit it is empty and can be filled again.
type Batch struct {
	b *pebble.Batch
	n int
	// lost is set while the batch is being written and stays set if that
	// fails: Pebble may hold on to it, so it must not return to Pebble's pool.
	lost bool
}

// NewBatch returns an empty batch. Close it when it is no longer needed.
func (s *Store) NewBatch() *Batch {
	return &Batch{b: s.db.NewBatch(pebble.WithMaxRetainedSizeBytes(retainedBatchBytes))}
}

// Set stores value under key. Both are copied.
func (b *Batch) Set(key, value []byte) {
	checkKey(key)
	op := b.b.SetDeferred(len(key), len(value)+crcSize)
	copy(op.Key, key)
	copy(op.Value, value)
	binary.LittleEndian.PutUint32(op.Value[len(value):], checksum(key, value))
	mustFinish(op.Finish())
	b.n++
}

// Delete removes key, if it is there.
func (b *Batch) Delete(key []byte) {
	checkKey(key)
	op := b.b.DeleteDeferred(len(key))
	copy(op.Key, key)
	mustFinish(op.Finish())
	b.n++
}

// DeleteRange removes all keys from lo up to, not including, hi.
func (b *Batch) DeleteRange(lo, hi []byte) {
	checkKey(lo)
	checkKey(hi)
	op := b.b.DeleteRangeDeferred(len(lo), len(hi))
	copy(op.Key, lo)
	copy(op.Value, hi)
	mustFinish(op.Finish())
	b.n++
}

// Len is the number of changes collected.
func (b *Batch) Len() int { return b.n }

// Bytes is the encoded size of the changes collected.
func (b *Batch) Bytes() int { return b.b.Len() }

// Reset drops what was collected and keeps the buffer.
func (b *Batch) Reset() {
	b.b.Reset()
	b.n = 0
}

// Close gives the buffer back. The batch must not be used afterwards.
func (b *Batch) Close() error {
	if b.lost {
		return nil
	}
	return b.b.Close()
}

// checkKey panics on a key that would collide with the store's own records: a
// bug of the caller's, never the outcome of data.
func checkKey(key []byte) {
	if len(key) == 0 || key[0] == ownPrefix {
		panic(fmt.Sprintf("store: key %x is empty or begins with the store's own prefix", key))
	}
}

// mustFinish panics: finishing an operation fails only on an indexed batch.
func mustFinish(err error) {
	if err != nil {
		panic(fmt.Sprintf("store: %v", err))
	}
}
