package journal_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"maps"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gyro/balance/store"
	"gyro/charging/journal"
)

// quiet drops what the packages under test log: the tests look at errors.
var quiet = slog.New(slog.DiscardHandler)

// history is what the outside world has seen across all restarts: which entry
// was applied at which index, and what was acknowledged to each client.
type history struct {
	mu       sync.Mutex
	applied  map[uint64][]byte // by index, the latest life's view
	acked    map[uint32]uint64 // by client, the last acknowledged sequence number
	ackCount int
	lastAck  uint64 // greatest acknowledged index
	faults   []error
}

func newHistory() *history {
	return &history{applied: map[uint64][]byte{}, acked: map[uint32]uint64{}}
}

func (h *history) fault(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.faults) < 10 {
		h.faults = append(h.faults, fmt.Errorf(format, args...))
	}
}

func (h *history) ack(client uint32, seq, index uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.acked[client] = max(h.acked[client], seq)
	h.lastAck = max(h.lastAck, index)
	h.ackCount++
}

// acknowledged returns a copy of what has been promised so far.
func (h *history) acknowledged() (byClient map[uint32]uint64, lastIndex uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.acked), h.lastAck
}

// machine counts the entries of each client. An entry is a client, a sequence
// number and padding; a client's numbers must come without gap or repetition,
// which is exactly-once and in order. It checkpoints what changed into a state
// store and chains a digest over everything it applied.
type machine struct {
	hist  *history
	state *store.Store
	batch *store.Batch

	last     map[uint32]uint64
	dirty    map[uint32]bool
	index    uint64
	digest   uint64
	replayed int
	ready    bool // Open has returned: what is applied now is no replay

	beforeWrite, afterWrite func()
}

const (
	clientPrefix = 0x01
	digestKey    = "\x02digest"
)

// loadMachine reads the machine's state and the journal metadata back.
func loadMachine(hist *history, state *store.Store) (*machine, []byte, error) {
	m := &machine{hist: hist, state: state, batch: state.NewBatch(), last: map[uint32]uint64{}, dirty: map[uint32]bool{}}
	meta, err := state.Meta()
	if err != nil {
		return nil, nil, err
	}
	m.index = meta.AppliedIndex
	err = state.Scan([]byte{clientPrefix}, []byte{clientPrefix + 1}, func(k, v []byte) error {
		m.last[binary.BigEndian.Uint32(k[1:])] = binary.BigEndian.Uint64(v)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if v, ok, err := state.Get([]byte(digestKey)); err != nil {
		return nil, nil, err
	} else if ok {
		m.digest = binary.BigEndian.Uint64(v)
	}
	return m, meta.JournalMeta, nil
}

func encodeCommand(client uint32, seq uint64, size int) []byte {
	b := make([]byte, max(size, 12))
	binary.BigEndian.PutUint32(b, client)
	binary.BigEndian.PutUint64(b[4:], seq)
	for i := 12; i < len(b); i++ {
		b[i] = byte(uint64(i)*31 + seq)
	}
	return b
}

func chainDigest(digest, index uint64, data []byte) uint64 {
	h := fnv.New64a()
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], digest)
	binary.BigEndian.PutUint64(b[8:], index)
	_, _ = h.Write(b[:])
	_, _ = h.Write(data)
	return h.Sum64()
}

func (m *machine) Apply(entries []journal.Entry) {
	for _, e := range entries {
		if e.Index <= m.index {
			m.hist.fault("entry %d applied after %d", e.Index, m.index)
		}
		client, seq := binary.BigEndian.Uint32(e.Data), binary.BigEndian.Uint64(e.Data[4:])
		if want := m.last[client] + 1; seq != want {
			m.hist.fault("client %d: number %d applied, %d expected (index %d)", client, seq, want, e.Index)
		}
		m.record(e)
		m.last[client], m.dirty[client] = seq, true
		m.index, m.digest = e.Index, chainDigest(m.digest, e.Index, e.Data)
		if !m.ready {
			m.replayed++
		}
	}
}

// record compares a replayed entry with what was applied at its index before a
// crash: it must be the same if it was acknowledged.
func (m *machine) record(e journal.Entry) {
	h := m.hist
	h.mu.Lock()
	old, seen := h.applied[e.Index]
	acked := e.Index <= h.lastAck
	h.applied[e.Index] = bytes.Clone(e.Data)
	h.mu.Unlock()
	if seen && acked && !bytes.Equal(old, e.Data) {
		h.fault("entry %d changed after it was acknowledged", e.Index)
	}
}

type checkpoint struct {
	m      *machine
	index  uint64
	digest uint64
	last   map[uint32]uint64
}

func (m *machine) Capture() (journal.Checkpoint, error) {
	c := &checkpoint{m: m, index: m.index, digest: m.digest, last: map[uint32]uint64{}}
	for client := range m.dirty {
		c.last[client] = m.last[client]
	}
	clear(m.dirty)
	return c, nil
}

func (c *checkpoint) Index() uint64 { return c.index }
func (c *checkpoint) Release()      {}

func (c *checkpoint) Write(meta []byte) error {
	if c.m.beforeWrite != nil {
		c.m.beforeWrite()
	}
	b := c.m.batch
	for client, seq := range c.last {
		b.Set(binary.BigEndian.AppendUint32([]byte{clientPrefix}, client), binary.BigEndian.AppendUint64(nil, seq))
	}
	b.Set([]byte(digestKey), binary.BigEndian.AppendUint64(nil, c.digest))
	if err := c.m.state.Commit(b, store.Meta{AppliedIndex: c.index, JournalMeta: meta}); err != nil {
		return err
	}
	if c.m.afterWrite != nil {
		c.m.afterWrite()
	}
	return nil
}

// node is one life of a process: state store, machine and journal.
type node struct {
	state   *store.Store
	machine *machine
	journal *journal.Journal
	fatal   chan error
}

// openNode starts a life on fs. The options may be changed by tune.
func openNode(fs vfs.FS, hist *history, tune func(*journal.Options, *machine)) (*node, error) {
	n := &node{fatal: make(chan error, 16)}
	fatal := func(err error) { n.fatal <- err }
	state, err := store.Open(store.Options{Dir: "data/state", FS: fs, Logger: quiet, Fatal: fatal})
	if err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	n.state = state
	m, meta, err := loadMachine(hist, state)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("load state: %w", err), state.Close())
	}
	n.machine = m
	o := journal.Options{Dir: "data/journal", FS: fs, Logger: quiet, Start: meta, Machine: m, Fatal: fatal}
	if tune != nil {
		tune(&o, m)
	}
	if n.journal, err = journal.Open(o); err != nil {
		if errors.Is(err, journal.ErrStopped) {
			return nil, err
		}
		return nil, errors.Join(err, m.batch.Close(), state.Close())
	}
	m.ready = true
	return n, nil
}

// close ends the life. After a failure goroutines may still be at work on the
// batch and the store, as in a process about to exit: they are left alone.
func (n *node) close() error {
	if errors.Is(n.journal.Err(), journal.ErrStopped) {
		return n.journal.Close()
	}
	if err := n.journal.Close(); errors.Is(err, journal.ErrStopped) {
		return err
	}
	return errors.Join(n.journal.Close(), n.machine.batch.Close(), n.state.Close())
}

func mustOpen(t *testing.T, fs vfs.FS, hist *history, tune func(*journal.Options, *machine)) *node {
	t.Helper()
	n, err := openNode(fs, hist, tune)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// propose has client send count entries and waits for them.
func (n *node) propose(t *testing.T, client uint32, count int) {
	t.Helper()
	from := n.machine.last[client] // nothing of this client is in flight
	pending := make([]*journal.Pending, 0, count)
	for i := range count {
		pending = append(pending, n.journal.Propose(encodeCommand(client, from+uint64(i)+1, 300)))
	}
	for i, p := range pending {
		if err := p.Wait(); err != nil {
			t.Fatal(err)
		}
		n.machine.hist.ack(client, from+uint64(i)+1, p.Index())
	}
}

// check compares a restarted machine with what was promised.
func (h *history) check(m *machine, promised map[uint32]uint64) (lost int) {
	for client, seq := range promised {
		if have := m.last[client]; have < seq {
			lost += int(seq - have)
		}
	}
	return lost
}

func commandOf(data []byte) (client uint32, seq uint64) {
	return binary.BigEndian.Uint32(data), binary.BigEndian.Uint64(data[4:])
}
