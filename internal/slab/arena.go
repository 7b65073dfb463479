package slab

import "encoding/binary"

// Ref addresses a run of octets in an Arena; zero is "none".
type Ref uint32

// Arena keeps short runs of octets (session identifiers, stored answers) in
// size classes of a common granule, without pointers and without one
// allocation each.
type Arena struct {
	classes [arenaClasses]arenaClass
}

type arenaClass struct {
	chunks [][]byte
	free   []uint32
	next   uint32
}

const (
	arenaGranule = 32
	// MaxRun is the longest run an Arena keeps. It holds the longest
	// Session-Id accepted and the answer to a request with the most
	// Multiple-Services-Credit-Controls.
	MaxRun = 4096 - arenaHeader

	arenaHeader  = 2 // the run's length, before its octets
	arenaClasses = 16
	classShift   = 28
	offsetMask   = 1<<classShift - 1
	chunkRuns    = 1024
)

// classSize grows by about a third a class up to 512 octets and doubles after.
var classSize = [arenaClasses]int{32, 64, 96, 128, 160, 192, 256, 320, 384, 512, 768, 1024, 1536, 2048, 3072, 4096}

// classOf maps (length in granules) to a class.
var classOf = func() (table [4096/arenaGranule + 1]uint8) {
	class := 0
	for granules := range table {
		if granules*arenaGranule > classSize[class] {
			class++
		}
		table[granules] = uint8(class)
	}
	return table
}()

func classFor(n int) uint32 {
	return uint32(classOf[(n+arenaHeader+arenaGranule-1)/arenaGranule])
}

// Put stores a copy of b, at most MaxRun octets.
func (a *Arena) Put(b []byte) Ref {
	class := classFor(len(b))
	c := &a.classes[class]
	var offset uint32
	if n := len(c.free); n > 0 {
		offset = c.free[n-1]
		c.free = c.free[:n-1]
	} else {
		offset = c.next
		c.next++
		if int(offset/chunkRuns) == len(c.chunks) {
			c.chunks = append(c.chunks, make([]byte, chunkRuns*classSize[class]))
		}
	}
	run := c.run(offset, classSize[class])
	binary.LittleEndian.PutUint16(run, uint16(len(b)))
	copy(run[arenaHeader:], b)
	return Ref(class<<classShift|offset) + 1
}

func (c *arenaClass) run(offset uint32, size int) []byte {
	chunk := c.chunks[offset/chunkRuns]
	at := int(offset%chunkRuns) * size
	return chunk[at : at+size]
}

// Get returns the octets at r; they belong to the arena and may be changed in
// place but not grown. The zero Ref has none.
func (a *Arena) Get(r Ref) []byte {
	if r == 0 {
		return nil
	}
	class, offset := uint32(r-1)>>classShift, uint32(r-1)&offsetMask
	run := a.classes[class].run(offset, classSize[class])
	n := int(binary.LittleEndian.Uint16(run))
	return run[arenaHeader : arenaHeader+n : arenaHeader+n]
}

// Replace stores b in place of the run at r where it fits, and elsewhere otherwise.
func (a *Arena) Replace(r Ref, b []byte) Ref {
	if r != 0 {
		class, offset := uint32(r-1)>>classShift, uint32(r-1)&offsetMask
		if class == classFor(len(b)) {
			run := a.classes[class].run(offset, classSize[class])
			binary.LittleEndian.PutUint16(run, uint16(len(b)))
			copy(run[arenaHeader:], b)
			return r
		}
		a.Free(r)
	}
	return a.Put(b)
}

// Free gives the run at r back; the zero Ref is ignored.
func (a *Arena) Free(r Ref) {
	if r == 0 {
		return
	}
	class, offset := uint32(r-1)>>classShift, uint32(r-1)&offsetMask
	a.classes[class].free = append(a.classes[class].free, offset)
}
