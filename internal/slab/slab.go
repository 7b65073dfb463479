// Package slab keeps live state in chunks of pointer-free records addressed by
// index. The garbage collector does not look inside such chunks, so ten
// million accounts cost it nothing; a Go map of pointers would cost seconds.
package slab

// Index addresses a record; zero is "none", so a zeroed record points nowhere.
type Index uint32

const (
	chunkBits = 12
	chunkSize = 1 << chunkBits
	chunkMask = chunkSize - 1
)

// Slab is a growing set of records of T. T must hold no pointers. Pointers
// that At returns stay valid: chunks never move.
type Slab[T any] struct {
	chunks [][]T
	free   []Index
	next   Index
	live   int
}

// New returns a zeroed record and its index.
func (s *Slab[T]) New() (Index, *T) {
	s.live++
	if n := len(s.free); n > 0 {
		i := s.free[n-1]
		s.free = s.free[:n-1]
		return i, s.At(i)
	}
	if s.next == 0 {
		s.next = 1
	}
	i := s.next
	s.next++
	if int(i>>chunkBits) == len(s.chunks) {
		s.chunks = append(s.chunks, make([]T, chunkSize))
	}
	return i, s.At(i)
}

// At returns the record at i, which must have come from New.
func (s *Slab[T]) At(i Index) *T { return &s.chunks[i>>chunkBits][i&chunkMask] }

// Free zeroes the record at i and gives its index back.
func (s *Slab[T]) Free(i Index) {
	var zero T
	*s.At(i) = zero
	s.free = append(s.free, i)
	s.live--
}

// Len is the number of live records.
func (s *Slab[T]) Len() int { return s.live }

// Bound is one more than the highest index ever handed out; walking 1..Bound
// visits every record, freed ones as zero values.
func (s *Slab[T]) Bound() Index { return max(s.next, 1) }
