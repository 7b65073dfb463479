// Package engine runs a shard: it collects requests into batches, stamps each
// with one time, has it journalled, applies it when it is durable, and sends
// the answers. Nothing is answered before its batch is durable.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"gyro/charging"
	"gyro/internal/instant"
)

// Journal makes batches durable, in order. Append does not wait; when an
// entry is durable the journal calls Engine.Apply.
type Journal interface {
	Append(entry []byte) error
	// Checkpoint has Engine.Capture called and its checkpoint written.
	Checkpoint() error
	// Stopped is closed when nothing more is made durable.
	Stopped() <-chan struct{}
	Close() error
}

// Store keeps what checkpoints wrote.
type Store interface {
	charging.Reader
	// SeekLE returns the last key at or below key and not below lo.
	SeekLE(key, lo []byte) (found, value []byte, ok bool, err error)
}

// Options of an engine.
type Options struct {
	State  *charging.State
	Store  Store
	Logger *slog.Logger
	// Now is the wall clock, which stamps batches; Monotonic measures latency
	// in nanoseconds. They are the only places where time enters.
	Now       func() time.Time
	Monotonic func() int64
	// Origin distinguishes this process's batches from those of any other.
	Origin uint64
	// Notify, unless nil, is told what gateways are to be asked unasked. It is
	// called while the state is locked: it copies the notice and does not wait.
	Notify func(*charging.Notice)
	// Fatal ends the process: the state diverged or a batch cannot be read.
	Fatal func(error)
	// MaxBatchCommands and MaxBatchBytes bound a batch, and with it what waits:
	// a request that finds the collecting batch full is refused as too busy.
	MaxBatchCommands, MaxBatchBytes int
	// Idle keeps time from bringing anything about: sessions whose supervision
	// has run out stay open. It is for those who look at a state and leave it.
	Idle bool
	// Pipeline is how many batches may be on their way to the disk or into the
	// state while the next is collected.
	Pipeline int
}

// Defaults of Options, and why.
const (
	// DefaultMaxBatchCommands is 20 ms of work at 200,000 requests a second: a
	// request that would wait longer is better refused.
	DefaultMaxBatchCommands = 4096
	// DefaultMaxBatchBytes holds that many requests of the usual size several
	// times over, and one published catalogue.
	DefaultMaxBatchBytes = 7 << 20
	// DefaultPipeline lets one batch be applied while the next is synced.
	DefaultPipeline = 2
)

// EnsureDefaults fills in what was left zero.
func (o *Options) EnsureDefaults() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Monotonic == nil {
		start := time.Now()
		o.Monotonic = func() int64 { return int64(time.Since(start)) }
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.MaxBatchCommands == 0 {
		o.MaxBatchCommands = DefaultMaxBatchCommands
	}
	if o.MaxBatchBytes == 0 {
		o.MaxBatchBytes = DefaultMaxBatchBytes
	}
	if o.Pipeline == 0 {
		o.Pipeline = DefaultPipeline
	}
}

// Errors of Do.
var (
	ErrBusy    = errors.New("too many requests are waiting; try again")
	ErrStopped = errors.New("the charging engine has stopped; the outcome is known after its restart")
)

// Engine runs one shard.
type Engine struct {
	o       Options
	journal Journal

	state struct {
		sync.Mutex
		*charging.State
		metrics Metrics
	}

	inbox struct {
		sync.Mutex
		open   *batch
		number uint64   // of the open batch
		idle   []*batch // to be used again
		shut   bool
	}
	wake  chan struct{}
	slots chan struct{}
	done  chan struct{}
	stop  chan struct{}

	flight struct {
		sync.Mutex
		batches map[uint64]*batch
	}
	sequence uint64
	lastTime instant.Instant
	receiver receiver
	ending   sync.Once
}

// New prepares an engine; Start puts it to work on a journal that has called
// Apply for everything it holds.
func New(o Options) *Engine {
	o.EnsureDefaults()
	e := &Engine{
		o: o, wake: make(chan struct{}, 1), slots: make(chan struct{}, o.Pipeline),
		done: make(chan struct{}), stop: make(chan struct{}),
	}
	e.state.State = o.State
	e.flight.batches = map[uint64]*batch{}
	e.inbox.open = newBatch()
	e.receiver.e = e
	return e
}

// Start begins to take requests.
func (e *Engine) Start(j Journal) {
	e.journal = j
	go e.collect()
	if !e.o.Idle {
		go e.ticker()
	}
}

// Submit takes a credit-control request into the next batch. The request is
// copied. It reports false, and takes nothing, when too many wait already or
// the engine is stopping.
func (e *Engine) Submit(request *charging.CreditControl, t charging.Ticket) bool {
	e.inbox.Lock()
	b := e.inbox.open
	if e.inbox.shut || b.full(&e.o) || t.From != nil && !b.turn(t.From, e.inbox.number, &e.o) {
		e.inbox.Unlock()
		return false
	}
	var start int
	b.data, start = charging.BeginCommand(b.data)
	b.data = charging.AppendCreditControl(b.data, request)
	charging.EndCommand(b.data, start)
	if t.From != nil {
		t.From.Commands++
		t.From.Octets += len(b.data) - start
	}
	if t.Arrived == 0 {
		t.Arrived = b.arrived(e.o.Monotonic)
	}
	b.tickets = append(b.tickets, t)
	e.inbox.Unlock()
	e.nudge()
	return true
}

// Reply is the outcome of a command given to Do.
type Reply struct {
	Detail   string
	Record   uint64
	Amount   int64
	Currency uint16
	Result   charging.Result
	Replayed bool
}

// Do carries out a command other than a credit-control request, and returns
// when its outcome is durable. After an error from ctx the command may still
// be carried out.
func (e *Engine) Do(ctx context.Context, kind charging.Kind, command any) (Reply, error) {
	body, err := charging.AppendCommand(nil, kind, command)
	if err != nil {
		return Reply{}, err
	}
	if len(body) > e.o.MaxBatchBytes {
		return Reply{}, fmt.Errorf("the command has %d octets, at most %d fit", len(body), e.o.MaxBatchBytes)
	}
	reply := make(chan Reply, 1)
	e.inbox.Lock()
	b := e.inbox.open
	if e.inbox.shut {
		e.inbox.Unlock()
		return Reply{}, ErrStopped
	}
	if b.full(&e.o) || len(b.data)+len(body) > e.o.MaxBatchBytes+charging.HeaderSize {
		e.inbox.Unlock()
		return Reply{}, ErrBusy
	}
	var start int
	b.data, start = charging.BeginCommand(b.data)
	b.data = append(b.data, body...)
	charging.EndCommand(b.data, start)
	b.waiters = append(b.waiters, waiter{len(b.tickets), reply})
	b.tickets = append(b.tickets, charging.Ticket{})
	e.inbox.Unlock()
	e.nudge()
	select {
	case r := <-reply:
		return r, nil
	case <-ctx.Done():
		return Reply{}, ctx.Err()
	case <-e.journal.Stopped():
		select {
		case r := <-reply:
			return r, nil
		default:
			return Reply{}, ErrStopped
		}
	}
}

func (e *Engine) nudge() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// collect hands batches to the journal: as many as are waiting at a time, and
// the next as soon as the pipeline has room. It never waits for more to come.
func (e *Engine) collect() {
	defer close(e.done)
	for {
		select {
		case <-e.wake:
		case <-e.stop:
			return
		}
		select {
		case e.slots <- struct{}{}:
		case <-e.stop:
			return
		case <-e.journal.Stopped():
			return
		}
		b := e.take()
		if b == nil {
			<-e.slots
			continue
		}
		e.stamp(b)
		e.flight.Lock()
		e.flight.batches[b.sequence] = b
		e.flight.Unlock()
		if err := e.journal.Append(b.data); err != nil {
			e.o.Fatal(fmt.Errorf("journal: %w", err))
			return
		}
	}
}

// take closes the open batch, or returns nil when it is empty.
func (e *Engine) take() *batch {
	e.inbox.Lock()
	defer e.inbox.Unlock()
	b := e.inbox.open
	if len(b.tickets) == 0 {
		return nil
	}
	e.inbox.number++
	if n := len(e.inbox.idle); n > 0 {
		e.inbox.open = e.inbox.idle[n-1]
		e.inbox.idle = e.inbox.idle[:n-1]
	} else {
		e.inbox.open = newBatch()
	}
	return b
}

func (e *Engine) stamp(b *batch) {
	e.sequence++
	b.sequence = e.sequence
	e.lastTime = max(e.lastTime, instant.Of(e.o.Now()))
	h := charging.Header{
		Origin: e.o.Origin, Sequence: b.sequence, Time: e.lastTime, Count: uint32(len(b.tickets)),
	}
	e.state.Lock()
	h.CheckIndex, h.CheckDigest = e.state.Index(), e.state.Digest()
	e.state.Unlock()
	h.Put(b.data)
}

// Apply is called by the journal, in order, for every entry that is durable.
func (e *Engine) Apply(index uint64, entry []byte) {
	h, err := charging.ReadHeader(entry)
	if err != nil {
		e.o.Fatal(fmt.Errorf("journal index %d: %w", index, err))
		return
	}
	b := e.landed(&h)
	r := &e.receiver
	r.begin(b)
	e.state.Lock()
	err = e.state.Apply(index, entry, r)
	r.observe(e.o.Monotonic(), len(entry))
	e.state.Unlock()
	if err != nil {
		e.o.Fatal(err)
		return
	}
	r.finish()
	if b != nil {
		e.recycle(b)
		<-e.slots
	}
}

// landed returns the batch of this process that an entry is, or nil.
func (e *Engine) landed(h *charging.Header) *batch {
	if h.Origin != e.o.Origin {
		return nil
	}
	e.flight.Lock()
	defer e.flight.Unlock()
	b := e.flight.batches[h.Sequence]
	delete(e.flight.batches, h.Sequence)
	return b
}

func (e *Engine) recycle(b *batch) {
	b.reset()
	e.inbox.Lock()
	if len(e.inbox.idle) <= e.o.Pipeline {
		e.inbox.idle = append(e.inbox.idle, b)
	}
	e.inbox.Unlock()
}

// View calls fn with the state to itself, between batches. fn must not keep
// references into the state and should be quick: charging waits.
func (e *Engine) View(fn func(*charging.State)) {
	e.state.Lock()
	defer e.state.Unlock()
	fn(e.state.State)
}

// tickInterval is how often time alone is looked at; supervision is meant in
// minutes.
const tickInterval = time.Second

// catchUpInterval is how soon the next tick follows one that left accounts
// behind, as after midnight when all renew: most of the time is the requests'.
const catchUpInterval = 50 * time.Millisecond

func (e *Engine) ticker() {
	timer := time.NewTicker(tickInterval)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-e.stop:
			return
		case <-e.journal.Stopped():
			return
		}
		e.state.Lock()
		due := e.state.NeedsTick(instant.Of(e.o.Now()))
		e.state.Unlock()
		if due {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			if _, err := e.Do(ctx, charging.KindTick, nil); err != nil && !errors.Is(err, ErrBusy) && !errors.Is(err, ErrStopped) {
				e.o.Logger.Warn("supervision timers could not be run", "error", err)
			}
			cancel()
		}
		e.state.Lock()
		interval := tickInterval
		if e.state.Behind(instant.Of(e.o.Now())) {
			interval = catchUpInterval
		}
		e.state.Unlock()
		timer.Reset(interval)
	}
}

// Stop takes no more requests, waits until those taken are answered, writes a
// checkpoint and closes the journal.
func (e *Engine) Stop() (err error) {
	e.ending.Do(func() {
		e.inbox.Lock()
		e.inbox.shut = true
		e.inbox.Unlock()
		e.nudge()
		e.drain()
		close(e.stop)
		<-e.done
		err = errors.Join(e.journal.Checkpoint(), e.journal.Close())
	})
	return err
}

// drain waits until nothing is open or in flight: it takes every slot of the
// pipeline, and again while anything was left to collect.
func (e *Engine) drain() {
	for {
		for n := range cap(e.slots) {
			select {
			case e.slots <- struct{}{}:
			case <-e.journal.Stopped():
				for range n {
					<-e.slots
				}
				return
			}
		}
		e.inbox.Lock()
		left := len(e.inbox.open.tickets)
		e.inbox.Unlock()
		for range cap(e.slots) {
			<-e.slots
		}
		if left == 0 {
			return
		}
		e.nudge()
	}
}
