package slab

// Table finds records by hash: an open-addressed array of words, each a 32-bit
// tag (the hash's upper half) and an index. It stores no keys; the caller
// compares the key inside the record, whose cache line it is about to need
// anyway. A word's home is a function of its tag, so the table grows, and
// closes the gap that a removal leaves, without looking at any record; there
// are no tombstones to pile up as sessions come and go.
type Table struct {
	words []uint64 // tag<<32 | index; 0 is empty, for no record has index 0
	live  int
}

// tableFirst is the initial size: 8 KiB, too small to matter, large enough
// that a test never sees more than a few growths.
const tableFirst = 1024

// Probe walks the candidates for one hash.
type Probe struct {
	words []uint64
	tag   uint64
	at    uint64
	found uint64
}

// Find begins a walk over the records that may have the hash:
//
//	for p := t.Find(h); p.Next(); { if key matches at p.Index() ... }
func (t *Table) Find(hash uint64) Probe {
	return Probe{words: t.words, tag: hash >> 32, at: hash>>32 - 1}
}

// Next moves to the next candidate and reports whether there is one.
func (p *Probe) Next() bool {
	if len(p.words) == 0 {
		return false
	}
	mask := uint64(len(p.words) - 1)
	for {
		p.at++
		w := p.words[p.at&mask]
		if w == 0 {
			return false
		}
		if w>>32 == p.tag {
			p.found = w
			return true
		}
	}
}

// Index is the candidate's record.
func (p *Probe) Index() Index { return Index(p.found) }

// Insert adds a record under a hash. The caller has made sure it is not there.
func (t *Table) Insert(hash uint64, i Index) {
	if (t.live+1)*3 > len(t.words)*2 {
		t.grow()
	}
	t.place(hash&^0xffffffff | uint64(i))
	t.live++
}

func (t *Table) place(w uint64) {
	mask := uint64(len(t.words) - 1)
	at := w >> 32 & mask
	for t.words[at] != 0 {
		at = (at + 1) & mask
	}
	t.words[at] = w
}

func (t *Table) grow() {
	old := t.words
	t.words = make([]uint64, max(2*len(old), tableFirst))
	for _, w := range old {
		if w != 0 {
			t.place(w)
		}
	}
}

// Remove takes a record out; it does nothing when the pair is not there.
func (t *Table) Remove(hash uint64, i Index) {
	if len(t.words) == 0 {
		return
	}
	w := hash&^0xffffffff | uint64(i)
	mask := uint64(len(t.words) - 1)
	at := hash >> 32 & mask
	for ; t.words[at] != w; at = (at + 1) & mask {
		if t.words[at] == 0 {
			return
		}
	}
	t.closeGap(at, mask)
	t.live--
}

// closeGap moves later words of the run back over the hole, unless that would
// put one before its home.
func (t *Table) closeGap(hole, mask uint64) {
	for at := (hole + 1) & mask; t.words[at] != 0; at = (at + 1) & mask {
		home := t.words[at] >> 32 & mask
		if (at-home)&mask >= (at-hole)&mask {
			t.words[hole] = t.words[at]
			hole = at
		}
	}
	t.words[hole] = 0
}

// Len is the number of records in the table.
func (t *Table) Len() int { return t.live }
