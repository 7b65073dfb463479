package balance

import (
	"gyro/internal/instant"
	"gyro/internal/slab"
)

// ReserveFullest is Reserve from the buckets that hold most, whatever their
// order of use: what parts has room for is then all that any of them could.
func (k *Book) ReserveFullest(a *Account, d Denomination, want int64, now instant.Instant, filter Filter, parts *Parts) int64 {
	left := want
	for left > 0 {
		fullest, most := slab.Index(0), int64(0)
		for i := a.Buckets; i != 0; i = k.Buckets.At(i).Next {
			if b := k.Buckets.At(i); k.free(a, b, now) > most && pays(b, d, now, filter) {
				fullest, most = i, k.free(a, b, now)
			}
		}
		take := min(most, left)
		if fullest == 0 || !parts.Add(fullest, take) {
			break
		}
		k.Buckets.At(fullest).Reserved += take
		left -= take
	}
	return want - left
}
