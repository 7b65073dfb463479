package session

import (
	"bytes"

	"gyro/internal/instant"
	"gyro/internal/slab"
)

// Retained is one answered request whose session is gone or that never had
// one: a termination, an event, or a balance command of the API. It stays long
// enough for any retransmission of it to be recognised.
type Retained struct {
	Digest uint64 // of the request's body
	Until  instant.Instant
	Hash   uint64 // of the key
	Alias  uint64 // hash of a second key, or zero
	// AliasUntil is how long the second key holds; it may be used again sooner
	// than the first.
	AliasUntil instant.Instant
	Sub        uint64 // CC-Sub-Session-Id
	Key        slab.Ref
	Outcome    slab.Ref
	Number     uint32
	Next       slab.Index // the next one to be forgotten in its queue
}

// Queue is a retention class: what entered first is forgotten first, for all
// of its entries are kept equally long.
type Queue uint8

// The retention classes.
const (
	OfSessions Queue = iota
	OfEvents
	OfCommands
	queues
)

// Memory is every retained answer.
type Memory struct {
	records    slab.Slab[Retained]
	octets     slab.Arena
	table      slab.Table
	head, tail [queues]slab.Index
}

// Keep remembers an answer. key is what a duplicate repeats; alias, when not
// zero, is the hash of a second way to find it.
func (m *Memory) Keep(q Queue, key []byte, r Retained, outcome []byte) {
	r.Key, r.Outcome, r.Next = m.octets.Put(key), m.octets.Put(outcome), 0
	i, record := m.records.New()
	*record = r
	m.table.Insert(r.Hash, i)
	if r.Alias != 0 {
		m.table.Insert(r.Alias, i)
	}
	if m.tail[q] == 0 {
		m.head[q] = i
	} else {
		m.records.At(m.tail[q]).Next = i
	}
	m.tail[q] = i
}

// Find returns the retained answer with the given key, or nil. One whose
// retention has passed is not found, whether or not it was forgotten yet.
func (m *Memory) Find(hash uint64, key []byte, sub uint64, now instant.Instant) *Retained {
	for p := m.table.Find(hash); p.Next(); {
		r := m.records.At(p.Index())
		if r.Hash == hash && r.Sub == sub && now < r.Until && bytes.Equal(m.octets.Get(r.Key), key) {
			return r
		}
	}
	return nil
}

// FindAlias returns a retained answer by its second key and digest, or nil.
func (m *Memory) FindAlias(alias, digest uint64, now instant.Instant) *Retained {
	for p := m.table.Find(alias); p.Next(); {
		if r := m.records.At(p.Index()); r.Alias == alias && r.Digest == digest && now < r.AliasUntil && now < r.Until {
			return r
		}
	}
	return nil
}

// Outcome returns the encoded outcome of a retained answer.
func (m *Memory) Outcome(r *Retained) []byte { return m.octets.Get(r.Outcome) }

// Key returns the key of a retained answer.
func (m *Memory) Key(r *Retained) []byte { return m.octets.Get(r.Key) }

// AnyExpired reports whether Forget would forget anything.
func (m *Memory) AnyExpired(now instant.Instant) bool {
	for _, i := range m.head {
		if i != 0 && m.records.At(i).Until <= now {
			return true
		}
	}
	return false
}

// Forget drops up to limit answers whose retention has passed.
func (m *Memory) Forget(now instant.Instant, limit int) {
	for q := range m.head {
		for ; limit > 0; limit-- {
			i := m.head[q]
			if i == 0 || m.records.At(i).Until > now {
				break
			}
			m.drop(Queue(q), i)
		}
	}
}

func (m *Memory) drop(q Queue, i slab.Index) {
	r := m.records.At(i)
	m.head[q] = r.Next
	if r.Next == 0 {
		m.tail[q] = 0
	}
	m.table.Remove(r.Hash, i)
	if r.Alias != 0 {
		m.table.Remove(r.Alias, i)
	}
	m.octets.Free(r.Key)
	m.octets.Free(r.Outcome)
	m.records.Free(i)
}

// Len is the number of retained answers.
func (m *Memory) Len() int { return m.records.Len() }
