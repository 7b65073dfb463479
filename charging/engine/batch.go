package engine

import (
	"gyro/charging"
)

// batch is commands on their way, and who waits for them.
type batch struct {
	data     []byte
	tickets  []charging.Ticket // one a command; without recipient where a waiter stands for it
	waiters  []waiter
	sequence uint64
	// clock is the time of the first arrival and of each sixteenth after it:
	// reading the clock for each request would cost more than what it measures.
	clock int64
}

type waiter struct {
	command int
	reply   chan Reply
}

func newBatch() *batch {
	return &batch{data: make([]byte, charging.HeaderSize, 256<<10)}
}

func (b *batch) reset() {
	b.data = b.data[:charging.HeaderSize]
	clear(b.tickets)
	b.tickets = b.tickets[:0]
	clear(b.waiters)
	b.waiters = b.waiters[:0]
}

func (b *batch) full(o *Options) bool {
	return len(b.tickets) >= o.MaxBatchCommands || len(b.data) >= o.MaxBatchBytes
}

// shareOfRest is how many times what is still free of the open batch one peer may have in it. What one flood leaves is so
// a fifth of the batch, what n floods leave is one part in 4n+1, and however many there are: whoever has less in the batch
// than four times what is free gets in. A fixed share for each peer would cut off the only gateway of a small operator
// and still let many floods together take everything.
const shareOfRest = 4

// turn reports whether a peer may put another command into the batch, which has the number given. It is called with the
// inbox locked.
func (b *batch) turn(s *charging.Share, number uint64, o *Options) bool {
	if s.Batch != number {
		*s = charging.Share{Batch: number}
	}
	return s.Commands < shareOfRest*(o.MaxBatchCommands-len(b.tickets)) && s.Octets < shareOfRest*(o.MaxBatchBytes-len(b.data))
}

func (b *batch) arrived(now func() int64) int64 {
	if len(b.tickets)%16 == 0 {
		b.clock = now()
	}
	return b.clock
}

// receiver answers the commands of one batch as they are applied.
type receiver struct {
	e     *Engine
	b     *batch // nil for a batch of another process: nobody waits
	flush []charging.Recipient
	next  int // waiter
	count int
	// answered counts by request type and result.
	answered [charging.RequestTypes][results]uint32
	replayed uint32
}

func (r *receiver) begin(b *batch) { r.b, r.next, r.count = b, 0, 0 }

// CreditControl implements charging.Receiver.
func (r *receiver) CreditControl(n int, request *charging.CreditControl, outcome *charging.Outcome) {
	r.count++
	if r.b == nil {
		return
	}
	r.answered[request.Type%charging.RequestTypes][outcome.Result%results]++
	if outcome.Replayed {
		r.replayed++
	}
	t := &r.b.tickets[n]
	if t.To != nil && t.To.Answer(t, request, outcome) {
		r.flush = append(r.flush, t.To)
	}
}

// Command implements charging.Receiver.
func (r *receiver) Command(n int, _ charging.Kind, outcome *charging.Outcome) {
	r.count++
	if r.b == nil || r.next == len(r.b.waiters) || r.b.waiters[r.next].command != n {
		return
	}
	r.b.waiters[r.next].reply <- Reply{
		Result: outcome.Result, Detail: outcome.Detail, Record: outcome.Record,
		Amount: outcome.Amount, Currency: outcome.Currency, Replayed: outcome.Replayed,
	}
	r.next++
}

// Notice implements charging.Receiver. Notices of batches that others made are
// theirs to send; those that a replay brings about were sent, or came to
// nothing, when the batch was first applied.
func (r *receiver) Notice(notice *charging.Notice) {
	if r.b != nil && r.e.o.Notify != nil {
		r.e.o.Notify(notice)
	}
}

// finish sends the answers: one write per connection.
func (r *receiver) finish() {
	for k, to := range r.flush {
		to.Flush()
		r.flush[k] = nil
	}
	r.flush, r.b = r.flush[:0], nil
}
