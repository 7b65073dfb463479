package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"gyro/charging/diameter"
)

// connection keeps a fixed number of requests in flight on one TCP connection
// while a slice lasts: a closed loop.
type connection struct {
	net.Conn
	next     func(dst []byte) []byte // appends the next request
	window   int
	in, out  []byte
	filled   int // octets of in that are not read yet
	answers  int
	failures int
	expected int  // length of a good answer; 0 takes the first one's
	check    bool // a good answer is a grant, not just whole
	sent     []write
	latency  []int64 // nanoseconds, of the oldest answer in each read
}

// write is a number of requests that were sent together.
type write struct {
	requests int
	at       time.Time
}

func newConnection(c net.Conn, window int) *connection {
	return &connection{Conn: c, window: window, in: make([]byte, 256<<10)}
}

// run keeps the window full until the deadline, then waits for what is left.
func (c *connection) run(deadline time.Time) error {
	c.out = c.out[:0]
	for range c.window {
		c.out = c.next(c.out)
	}
	outstanding := c.window
	c.sent = c.sent[:0]
	if err := c.flush(outstanding); err != nil {
		return err
	}
	for outstanding > 0 {
		got, err := c.read()
		if err != nil {
			return err
		}
		if got > outstanding {
			return fmt.Errorf("%d answers to %d requests", got, outstanding)
		}
		now := time.Now()
		c.received(got, now)
		outstanding -= got
		if got > 0 && now.Before(deadline) {
			for range got {
				c.out = c.next(c.out)
			}
			outstanding += got
			if err := c.flush(got); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *connection) flush(requests int) error {
	c.sent = append(c.sent, write{requests, time.Now()})
	_, err := c.Write(c.out)
	c.out = c.out[:0]
	return err
}

// received notes the latency of answers, which come in the order of requests.
func (c *connection) received(answers int, now time.Time) {
	if answers > 0 {
		c.latency = append(c.latency, int64(now.Sub(c.sent[0].at)))
	}
	for answers > 0 {
		took := min(answers, c.sent[0].requests)
		answers -= took
		if c.sent[0].requests -= took; c.sent[0].requests == 0 {
			c.sent = c.sent[1:]
		}
	}
}

// stall bounds the wait for an answer; a server that says nothing for so long
// has lost a request.
const stall = 10 * time.Second

// read takes what has arrived and returns how many whole answers it was.
func (c *connection) read() (answers int, err error) {
	if err := c.SetReadDeadline(time.Now().Add(stall)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(c.in[c.filled:])
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the server closed the connection")
		}
		return 0, err
	}
	c.filled += n
	at := 0
	for c.filled-at >= 4 {
		length := int(binary.BigEndian.Uint32(c.in[at:]) & 0xffffff)
		if length < 20 || length > len(c.in) {
			return 0, fmt.Errorf("an answer of %d octets", length)
		}
		if c.filled-at < length {
			break
		}
		if c.in[at+4]&diameter.FlagRequest != 0 {
			return 0, fmt.Errorf("the server sent a request, command %d: it is about to stop", binary.BigEndian.Uint32(c.in[at+4:])&0xffffff)
		}
		if c.expected == 0 {
			c.expected = length
		}
		if c.check && !succeeded(c.in[at:at+length], c.expected) {
			c.failures++
		}
		at += length
		answers++
	}
	c.filled = copy(c.in, c.in[at:c.filled])
	c.answers += answers
	return answers, nil
}

// target is a server and the connections to it.
type target struct {
	name        string
	pid         int
	connections []*connection
	slices      []slice
}

// close ends the connections: a server that stops need not tell them.
func (t *target) close() {
	for _, c := range t.connections {
		_ = c.Close() // nothing is left to be sent
	}
}

// slice is what one turn of a target measured.
type slice struct {
	CPU     time.Duration // of the server
	Elapsed time.Duration
	Answers int
}

// perMessage is server CPU a message in nanoseconds.
func (s slice) perMessage() float64 { return float64(s.CPU) / float64(max(s.Answers, 1)) }

// measure runs one slice on all connections at once.
func (t *target) measure(length time.Duration) (slice, error) {
	before, err := cpuTime(t.pid)
	if err != nil {
		return slice{}, err
	}
	count := 0
	for _, c := range t.connections {
		count -= c.answers
	}
	begun := time.Now()
	errs := make([]error, len(t.connections))
	var all sync.WaitGroup
	for n, c := range t.connections {
		all.Go(func() { errs[n] = c.run(begun.Add(length)) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return slice{}, fmt.Errorf("%s: %w", t.name, err)
	}
	elapsed := time.Since(begun)
	after, err := cpuTime(t.pid)
	if err != nil {
		return slice{}, err
	}
	for _, c := range t.connections {
		count += c.answers
	}
	return slice{CPU: after - before, Elapsed: elapsed, Answers: count}, nil
}

func (t *target) failures() (n int) {
	for _, c := range t.connections {
		n += c.failures
	}
	return n
}

// cost is server CPU a message in nanoseconds: the slice with the least, and
// the median.
func (t *target) cost() (best, median float64) {
	costs := make([]float64, 0, len(t.slices))
	for _, s := range t.slices {
		costs = append(costs, s.perMessage())
	}
	slices.Sort(costs)
	return costs[0], costs[len(costs)/2]
}

// rate is messages a second: the best slice and the median.
func (t *target) rate() (best, median float64) {
	rates := make([]float64, 0, len(t.slices))
	for _, s := range t.slices {
		rates = append(rates, float64(s.Answers)/s.Elapsed.Seconds())
	}
	slices.Sort(rates)
	return rates[len(rates)-1], rates[len(rates)/2]
}

// latencies are the median and the 99th percentile of the time from a request
// to its answer, as the client saw it.
func (t *target) latencies() (p50, p99 time.Duration) {
	var all []int64
	for _, c := range t.connections {
		all = append(all, c.latency...)
	}
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	return time.Duration(all[len(all)/2]), time.Duration(all[len(all)*99/100])
}
