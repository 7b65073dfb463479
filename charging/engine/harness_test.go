package engine_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	_ "time/tzdata"

	"gyro/charging"
	"gyro/charging/engine"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// memoryStore is an engine.Store in memory.
type memoryStore struct {
	mu     sync.Mutex
	values map[string][]byte
}

func (m *memoryStore) Set(key, value []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[string(key)] = slices.Clone(value)
}

func (m *memoryStore) Delete(key []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.values, string(key))
}

func (m *memoryStore) sorted() (keys []string) {
	for key := range m.values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func (m *memoryStore) Scan(lo, hi []byte, fn func(key, value []byte) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range m.sorted() {
		if key >= string(lo) && key < string(hi) {
			if err := fn([]byte(key), m.values[key]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memoryStore) SeekLE(key, lo []byte) (found, value []byte, ok bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range slices.Backward(m.sorted()) {
		if k <= string(key) && k >= string(lo) {
			return []byte(k), slices.Clone(m.values[k]), true, nil
		}
	}
	return nil, nil, false, nil
}

// memoryJournal applies entries in order, from a goroutine of its own, as a
// journal does once they are durable.
type memoryJournal struct {
	engine  *engine.Engine
	store   *memoryStore
	entries chan []byte
	// gate is held where a test wants nothing to become durable.
	gate    sync.Mutex
	applied atomic.Uint64
	refuse  atomic.Pointer[error]
	// applying keeps checkpoints and batches apart, as a journal does.
	applying sync.Mutex
	idle     sync.WaitGroup
	stopped  chan struct{}
	stop     sync.Once
	log      [][]byte
}

func newJournal(e *engine.Engine, store *memoryStore) *memoryJournal {
	j := &memoryJournal{engine: e, store: store, entries: make(chan []byte, 16), stopped: make(chan struct{})}
	j.idle.Go(j.run)
	return j
}

func (j *memoryJournal) run() {
	for entry := range j.entries {
		durable := j.sync(entry)
		j.applying.Lock()
		j.log = append(j.log, durable)
		j.engine.Apply(j.applied.Add(1), durable)
		j.applying.Unlock()
	}
}

// sync waits for the gate.
func (j *memoryJournal) sync(entry []byte) []byte {
	j.gate.Lock()
	defer j.gate.Unlock()
	return slices.Clone(entry)
}

func (j *memoryJournal) Append(entry []byte) error {
	if err := j.refuse.Load(); err != nil {
		return *err
	}
	j.entries <- entry
	return nil
}

func (j *memoryJournal) Checkpoint() error {
	j.applying.Lock()
	c := j.engine.Capture(j.store)
	j.applying.Unlock()
	c.Fill()
	c.Stored()
	return nil
}

func (j *memoryJournal) Stopped() <-chan struct{} { return j.stopped }

func (j *memoryJournal) Close() error {
	j.stop.Do(func() {
		close(j.entries)
		j.idle.Wait()
		close(j.stopped)
	})
	return nil
}

const catalog = `
catalog: shop
currency: EUR
time_zone: UTC
services:
  - {name: data, context: 32251, rating_groups: [10], unit: octets, quota: {grant: 10MB, validity: 10m}}
offers:
  - {name: payg, kind: prepaid, rates: [{service: data, rules: [{price: {amount: 0.01, per: 1MB}}]}]}
`

// rig is an engine at work.
type rig struct {
	*engine.Engine
	journal *memoryJournal
	store   *memoryStore
	fatal   chan error
}

func start(t *testing.T, o engine.Options) *rig {
	t.Helper()
	r := &rig{store: &memoryStore{values: map[string][]byte{}}, fatal: make(chan error, 1)}
	o.State, o.Store, o.Origin = charging.NewState(), r.store, 7
	o.Fatal = func(err error) {
		select {
		case r.fatal <- err:
		default:
		}
	}
	r.Engine = engine.New(o)
	r.journal = newJournal(r.Engine, r.store)
	r.Start(r.journal)
	return r
}

// do carries a command out and expects success.
func (r *rig) do(t *testing.T, kind charging.Kind, command any) engine.Reply {
	t.Helper()
	reply, err := r.Do(t.Context(), kind, command)
	if err != nil || reply.Result != charging.Success {
		t.Fatalf("command %d: %+v, %v", kind, reply, err)
	}
	return reply
}

// open publishes the catalogue and opens accounts with ten euros each.
func (r *rig) open(t *testing.T, accounts int) {
	t.Helper()
	utc := instant.UTC()
	r.do(t, charging.KindPublish, charging.Publish{Name: "shop", Source: []byte(catalog), Zones: utc.Append(nil)})
	for k := range accounts {
		r.do(t, charging.KindPutAccount, charging.PutAccount{
			Account: account(k), Currency: money.EUR, Kind: 1, Offers: []string{"payg"},
			Subscribers: []charging.SubscriberSpec{{Identities: []charging.IdentitySpec{{Kind: ident.IMSI, Value: imsi(k)}}}},
		})
		r.do(t, charging.KindTopUp, topUp(k, "first", 10*money.Unit))
	}
}

func account(k int) string { return fmt.Sprintf("account-%d", k) }
func imsi(k int) string    { return fmt.Sprintf("26201%010d", k) }

func topUp(k int, key string, amount money.Amount) charging.MoveMoney {
	return charging.MoveMoney{Account: account(k), Amount: amount, Currency: money.EUR, Reason: "voucher", Key: key, Digest: uint64(amount)}
}

// request is a request of account k's session n with 1 MB used.
func request(t testing.TB, kind charging.RequestType, k, n int, number uint32) *charging.CreditControl {
	t.Helper()
	id, err := ident.New(ident.IMSI, []byte(imsi(k)))
	if err != nil {
		t.Fatal(err)
	}
	c := &charging.CreditControl{
		SessionID: fmt.Appendf(nil, "session-%d-%d", k, n), OriginHost: []byte("gateway"), Context: 32251, Type: kind, Number: number, Recipients: 1,
		Identities: []ident.Identity{id}, Services: []charging.Service{{Flags: charging.HasRatingGroup, RatingGroup: 10}},
	}
	if kind != charging.Termination {
		c.Services[0].Flags |= charging.Requests
	}
	if kind != charging.Initial {
		c.Services[0].ReportCount = 1
		c.Services[0].Reports[0].Units = charging.Units{Has: charging.HasTotal, Total: 1_000_000}
	}
	return c
}

// peer is a connection that counts its answers.
type peer struct {
	mu      sync.Mutex
	answers map[uint32]int // by End-to-End Identifier
	results map[charging.Result]int
	pending int
	flushes int
	arrived chan struct{}
}

func newPeer() *peer {
	return &peer{answers: map[uint32]int{}, results: map[charging.Result]int{}, arrived: make(chan struct{}, 1<<16)}
}

// Answer implements charging.Recipient.
func (p *peer) Answer(t *charging.Ticket, _ *charging.CreditControl, o *charging.Outcome) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers[t.EndToEnd]++
	p.results[o.Result]++
	p.pending++
	p.arrived <- struct{}{}
	return p.pending == 1
}

// Flush implements charging.Recipient.
func (p *peer) Flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending = 0
	p.flushes++
}
