package gy

import (
	"container/heap"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gyro/charging"
	"gyro/charging/usage"
	"gyro/internal/instant"
)

// clockwork is virtual time: what is to happen, in order.
type clockwork struct {
	now   instant.Instant
	queue appointments
	last  uint64
}

type appointment struct {
	at    instant.Instant
	order uint64 // of two at one moment the one that was made first
	do    func()
}

type appointments []appointment

func (q appointments) Len() int { return len(q) }
func (q appointments) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].order < q[j].order
}
func (q appointments) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *appointments) Push(x any)   { *q = append(*q, x.(appointment)) }
func (q *appointments) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	*q = (*q)[:last]
	return x
}

// in has something happen after a while.
func (c *clockwork) in(d instant.Span, do func()) {
	c.last++
	heap.Push(&c.queue, appointment{c.now.Add(max(d, 0)), c.last, do})
}

// run lets time pass.
func (c *clockwork) run(until instant.Instant) {
	for len(c.queue) > 0 && c.queue[0].at <= until {
		next := heap.Pop(&c.queue).(appointment)
		c.now = next.at
		next.do()
	}
	c.now = until
}

// shelf keeps checkpoints in memory.
type shelf map[string][]byte

func (s shelf) Set(key, value []byte) { s[string(key)] = slices.Clone(value) }
func (s shelf) Delete(key []byte)     { delete(s, string(key)) }

func (s shelf) Scan(lo, hi []byte, fn func(key, value []byte) error) error {
	var keys []string
	for key := range s {
		if key >= string(lo) && key < string(hi) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		if err := fn([]byte(key), s[key]); err != nil {
			return err
		}
	}
	return nil
}

// shard is the core as its engine drives it: requests that come together are a batch, which is journalled, stamped with
// one time, applied and answered.
type dayShard struct {
	t       *testing.T
	clock   *clockwork
	state   *charging.State
	shelf   shelf
	journal [][]byte
	batch   []byte
	waiting []waiting
	notify  func(*charging.Notice)
	applied func() // after each batch
	refuses bool   // the pipeline is full
}

// waiting is who waits for a command's outcome.
type waiting struct {
	ticket charging.Ticket
	told   func(*charging.Outcome)
}

func newDayShard(t *testing.T, clock *clockwork) *dayShard {
	return &dayShard{t: t, clock: clock, state: charging.NewState(), shelf: shelf{}}
}

// Submit implements Submitter.
func (s *dayShard) Submit(c *charging.CreditControl, t charging.Ticket) bool {
	if s.refuses {
		return false
	}
	s.add(charging.AppendCreditControl(nil, c), waiting{ticket: t})
	return true
}

// do submits a command of the office.
func (s *dayShard) do(kind charging.Kind, v any, told func(*charging.Outcome)) {
	body, err := charging.AppendCommand(nil, kind, v)
	if err != nil {
		s.t.Fatal(err)
	}
	s.add(body, waiting{told: told})
}

// collecting is how long a batch stays open.
const collecting = 3

func (s *dayShard) add(command []byte, w waiting) {
	if len(s.waiting) == 0 {
		s.batch = make([]byte, charging.HeaderSize)
		s.clock.in(collecting, s.flush)
	}
	var start int
	s.batch, start = charging.BeginCommand(s.batch)
	s.batch = append(s.batch, command...)
	charging.EndCommand(s.batch, start)
	s.waiting = append(s.waiting, w)
}

// flush applies the open batch.
func (s *dayShard) flush() {
	if len(s.waiting) == 0 {
		return
	}
	h := charging.Header{
		Origin: 1, Sequence: uint64(len(s.journal)) + 1, Time: s.clock.now,
		CheckIndex: s.state.Index(), CheckDigest: s.state.Digest(), Count: uint32(len(s.waiting)),
	}
	h.Put(s.batch)
	s.journal = append(s.journal, s.batch)
	if err := s.state.Apply(uint64(len(s.journal)), s.batch, s); err != nil {
		s.t.Fatal(err)
	}
	waited := s.waiting
	s.batch, s.waiting = nil, nil
	for n := range waited {
		if to := waited[n].ticket.To; to != nil {
			to.Flush()
		}
	}
	s.applied()
}

// CreditControl implements charging.Receiver.
func (s *dayShard) CreditControl(n int, request *charging.CreditControl, o *charging.Outcome) {
	t := &s.waiting[n].ticket
	t.To.Answer(t, request, o)
}

// Command implements charging.Receiver.
func (s *dayShard) Command(n int, _ charging.Kind, o *charging.Outcome) {
	if told := s.waiting[n].told; told != nil {
		told(o)
	}
}

// Notice implements charging.Receiver.
func (s *dayShard) Notice(n *charging.Notice) { s.notify(n) }

// deaf is who gets the answers when a journal is replayed: nobody.
type deaf struct{}

func (deaf) CreditControl(int, *charging.CreditControl, *charging.Outcome) {}
func (deaf) Command(int, charging.Kind, *charging.Outcome)                 {}
func (deaf) Notice(*charging.Notice)                                       {}

// checkpoint writes the state as it is, while the next batches are applied: stepping goes on in later slices.
func (s *dayShard) checkpoint() {
	running := s.state.Capture(s.shelf)
	last := running.LastBlock()
	var step func()
	step = func() {
		if !running.Step() {
			s.clock.in(1, step)
			return
		}
		running.Stored(last)
	}
	s.clock.in(1, step)
}

// crash throws the state away, and what was not journalled yet: the last checkpoint and the journal behind it have to give
// it back. It returns how many requests were lost.
func (s *dayShard) crash() (lost uint64) {
	for n := range s.waiting {
		if s.waiting[n].ticket.To != nil {
			lost++
		}
	}
	s.batch, s.waiting = nil, nil
	again, err := charging.Load(s.shelf)
	if err != nil {
		s.t.Fatalf("loading the checkpoint: %v", err)
	}
	from := again.Index()
	if from == 0 || from == uint64(len(s.journal)) {
		s.t.Fatalf("the checkpoint is at index %d of %d: the crash proves nothing", from, len(s.journal))
	}
	for n, batch := range s.journal[from:] {
		if err := again.Apply(from+uint64(n)+1, batch, deaf{}); err != nil {
			s.t.Fatalf("after the restart: %v", err)
		}
	}
	s.same(again, "restarted from a checkpoint")
	s.state = again
	return lost
}

// replay applies the whole journal to an empty shard.
func (s *dayShard) replay() *charging.State {
	again := charging.NewState()
	for n, batch := range s.journal {
		if err := again.Apply(uint64(n)+1, batch, deaf{}); err != nil {
			s.t.Fatalf("replay: %v", err)
		}
	}
	s.same(again, "replayed from nothing")
	return again
}

func (s *dayShard) same(other *charging.State, how string) {
	s.t.Helper()
	if other.Digest() != s.state.Digest() || other.Index() != s.state.Index() || other.LastRecord() != s.state.LastRecord() {
		s.t.Fatalf("%s at index %d: digest %x, %d records; it was index %d, digest %x, %d records", how, other.Index(), other.Digest(),
			other.LastRecord(), s.state.Index(), s.state.Digest(), s.state.LastRecord())
	}
}

// records calls fn for every record, wherever it is kept.
func (s *dayShard) records(fn func(*usage.Record)) {
	var record usage.Record
	blocks := s.shelved()
	for next := uint64(1); next <= s.state.LastRecord(); {
		block, ok := s.state.CopyBlock(next)
		if !ok {
			n, found := slices.BinarySearchFunc(blocks, string(charging.UsageKey(next)), strings.Compare)
			if !found {
				n--
			}
			block = s.shelf[blocks[n]]
		}
		was := next
		err := charging.EachRecord(block, next, &record, func() bool {
			fn(&record)
			next = record.Sequence + 1
			return true
		})
		if err != nil || next == was {
			s.t.Fatalf("record %d cannot be read: %v", next, err)
		}
	}
}

// shelved are the keys of the blocks of records that checkpoints wrote.
func (s *dayShard) shelved() (keys []string) {
	for key := range s.shelf {
		if key[0] == charging.UsageKey(0)[0] {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// closed checks the core's own invariants.
func (s *dayShard) closed(state *charging.State) {
	s.t.Helper()
	if problems := state.Verify().Problems; len(problems) > 0 {
		s.t.Fatalf("%v: the books do not hold:\n%s", s.clock.now, strings.Join(problems, "\n"))
	}
	tally := charging.NewTally()
	s.records(func(r *usage.Record) { tally.Add(r) })
	if problems := state.VerifyRecords(tally).Problems; len(problems) > 0 {
		s.t.Fatalf("%v: the records do not add up:\n%s", s.clock.now, strings.Join(problems, "\n"))
	}
}

// dice are all that is random in a day.
type dice struct{ *rand.Rand }

// chance is true so many times in a thousand.
func (d dice) chance(permille int) bool { return d.IntN(1000) < permille }

// between draws from both bounds and what lies between.
func (d dice) between(least, most int64) int64 { return least + d.Int64N(most-least+1) }

// span draws a span of time.
func (d dice) span(least, most instant.Span) instant.Span {
	return instant.Span(d.between(int64(least), int64(most)))
}
