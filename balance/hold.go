package balance

import (
	"gyro/internal/instant"
	"gyro/internal/slab"
)

// Held is an amount of a bucket that a trial set aside.
type Held struct {
	Bucket slab.Index
	Amount int64
}

// Hold sets aside up to want in the order of use, as a trial of several debits
// that are to be carried out together or not at all: unlike a reservation it
// may draw on any number of buckets, and it must be dropped in the same command.
// What it took is appended to held.
func (k *Book) Hold(a *Account, d Denomination, want int64, now instant.Instant, filter Filter, held []Held) ([]Held, int64) {
	left := want
	for i := a.Buckets; i != 0 && left > 0; {
		b := k.Buckets.At(i)
		if take := min(k.free(a, b, now), left); take > 0 && pays(b, d, now, filter) {
			b.Reserved += take
			left -= take
			held = append(held, Held{i, take})
		}
		i = b.Next
	}
	return held, want - left
}

// Drop ends a trial.
func (k *Book) Drop(held []Held) {
	for _, h := range held {
		k.Buckets.At(h.Bucket).Reserved -= h.Amount
	}
}
