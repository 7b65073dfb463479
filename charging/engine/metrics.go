package engine

import (
	"math/bits"

	"gyro/charging"
)

const (
	// results is the size of a table by result, with room for new ones.
	results = 32
	// LatencyBuckets are powers of two of a microsecond, up to 34 seconds.
	LatencyBuckets = 26
	// BatchBuckets are powers of two of a command count.
	BatchBuckets = 14
)

// Metrics are the engine's counts since it started. They are kept beside the
// state and cost one addition a request.
type Metrics struct {
	// Answers counts answers by request type and result.
	Answers [charging.RequestTypes][results]uint64
	// Replayed counts answers to duplicates.
	Replayed uint64
	// Latency counts requests by the time from their arrival to their answer
	// being appended for sending; bucket k is below 2^k microseconds.
	Latency         [LatencyBuckets]uint64
	LatencySum      uint64 // microseconds
	Batches         uint64
	BatchSizes      [BatchBuckets]uint64 // bucket k: at most 2^k commands
	BatchBytes      uint64
	BatchedCommands uint64
}

// EachAnswer calls fn for every count of answers that is not zero.
func (m *Metrics) EachAnswer(fn func(charging.RequestType, charging.Result, uint64)) {
	for t := range m.Answers {
		for r, n := range m.Answers[t] {
			if n > 0 {
				fn(charging.RequestType(t), charging.Result(r), n)
			}
		}
	}
}

// Metrics returns a copy of the counts.
func (e *Engine) Metrics() Metrics {
	e.state.Lock()
	defer e.state.Unlock()
	return e.state.metrics
}

// observe adds the batch that was just applied to the metrics.
func (r *receiver) observe(now int64, size int) {
	m := &r.e.state.metrics
	m.Batches++
	m.BatchBytes += uint64(size)
	m.BatchedCommands += uint64(r.count)
	m.BatchSizes[min(bits.Len(uint(max(r.count-1, 0))), BatchBuckets-1)]++
	if r.b == nil {
		return
	}
	for t := range r.answered {
		for k, n := range r.answered[t] {
			m.Answers[t][k] += uint64(n)
		}
	}
	m.Replayed += uint64(r.replayed)
	r.answered, r.replayed = [charging.RequestTypes][results]uint32{}, 0
	for k := range r.b.tickets {
		if t := &r.b.tickets[k]; t.To != nil {
			us := uint64(max(now-t.Arrived, 0)) / 1000
			m.Latency[min(bits.Len64(us), LatencyBuckets-1)]++
			m.LatencySum += us
		}
	}
}
