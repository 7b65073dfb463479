package access

import (
	"slices"
	"sync"

	"gyro/internal/instant"
)

// Limits of what is remembered of those who proved themselves.
const (
	// trustFor is how long a key or session that was read is good without another look into the database. A request asks it
	// for nothing then; what another process changes takes effect within this time, what this one changes at once.
	trustFor = 3 * instant.Second
	// unsettledFor is how long after a change began its key or user is read with every request: longer than the transaction
	// of the change can last, before the end of which others read what was.
	unsettledFor = instant.Minute
	// maxKnown bounds what is remembered, in secrets. It is far above what an office has at work.
	maxKnown = 10_000
)

// known is what was read of keys or sessions lately, by the hash of their secrets. Rows are remembered, not what they
// came to: whether one has expired is found out anew for every request. The zero value is empty.
type known[V any] struct {
	mu       sync.Mutex
	rows     map[string]knownRow[V]
	changing map[string]instant.Instant // until when a key, user, owner or hash is not remembered
}

type knownRow[V any] struct {
	of   []string // key and its owners, or user
	row  V
	read instant.Instant
}

// find returns what is remembered of a secret. A clock that was set back ends it.
func (k *known[V]) find(hash string, now instant.Instant) (row V, found bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r, found := k.rows[hash]
	if !found || now < r.read || now.Sub(r.read) >= trustFor {
		return row, false
	}
	return r.row, true
}

// keep remembers a row; read is a moment before it was read, of names what it came from.
func (k *known[V]) keep(hash string, row V, read instant.Instant, of ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, name := range append([]string{hash}, of...) {
		if k.changing[name] > read {
			return
		}
	}
	if k.rows == nil || len(k.rows) >= maxKnown {
		k.rows = map[string]knownRow[V]{}
	}
	k.rows[hash] = knownRow[V]{of, row, read}
}

// change forgets what is known of a key, user or owner, or behind one hash; the transaction that changes it calls it, and need
// not say how it ended.
func (k *known[V]) change(of string, now instant.Instant) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for hash := range k.rows {
		if slices.Contains(k.rows[hash].of, of) || hash == of {
			delete(k.rows, hash)
		}
	}
	for name, until := range k.changing {
		if until <= now {
			delete(k.changing, name)
		}
	}
	if k.changing == nil {
		k.changing = map[string]instant.Instant{}
	}
	k.changing[of] = now.Add(unsettledFor)
}

// attempts are the moments at which something was last tried, by hash. The zero value is empty.
type attempts struct {
	mu    sync.Mutex
	tried map[string]instant.Instant
}

// due reports whether it is to be tried, at most once in a while, and notes that it is. So many requests at once try once,
// and a disk that is full is not written to by each.
func (a *attempts) due(hash string, now instant.Instant, every instant.Span) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if last, found := a.tried[hash]; found && last <= now && now.Sub(last) < every {
		return false
	}
	if a.tried == nil || len(a.tried) >= maxKnown {
		a.tried = map[string]instant.Instant{}
	}
	a.tried[hash] = now
	return true
}
