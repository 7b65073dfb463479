package diameter

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Why a connection ended. PeerDown gets one of these, possibly wrapped.
var (
	ErrPeerClosed   = errors.New("the peer closed the connection")
	ErrDisconnected = errors.New("disconnected by DPR")
	ErrWatchdog     = errors.New("two watchdog periods without an answer")
	ErrSlowPeer     = errors.New("the peer does not read its answers")
	ErrFraming      = errors.New("message framing lost")
	ErrMalformed    = errors.New("too many malformed messages")
	ErrNotCER       = errors.New("the first message is not a CER")
	ErrHandshake    = errors.New("no CER in time")
	ErrRefused      = errors.New("capabilities exchange refused")
	ErrMadeRoom     = errors.New("no CER yet, and another connection needed the room")
	ErrServerClosed = errors.New("the server is closed")
)

// Conn is a connection of a peer. Its output buffer takes answers from any goroutine; its own goroutine writes
// what has been appended with one write per Flush, however many answers that are.
type Conn struct {
	server *Server
	nc     net.Conn
	peer   peerState

	address string // what the server counts it by; set before it is served, like arrival
	arrival uint64 // its number in the order of arrival

	// out is the output. buf collects answers while the writer is busy with the other buffer.
	out struct {
		sync.Mutex
		buf    []byte
		spare  []byte // the writer's, when it is not writing
		closed bool   // nothing more is sent
	}
	finishing atomic.Bool   // close once the output is written; nothing more is read
	wake      chan struct{} // one token: there is output, or the connection is closed
	down      chan struct{} // closed when the connection is

	closeOnce sync.Once
	reason    error // guarded by out; final once down is closed

	inFlight atomic.Int64
	draining atomic.Bool   // no new requests are served
	drained  chan struct{} // one token: inFlight has reached zero while draining
	gotDPA   chan struct{} // one token: the peer has answered our DPR

	hopByHop    atomic.Uint32
	lastReceive atomic.Int64 // when the last whole message came, in nanoseconds since the server's start
	watchdog    watchdog
	counters    connCounters
	attached    any
}

type connCounters struct {
	requests, answers, refused, malformed, bytesIn, bytesOut atomic.Uint64
}

func newConn(s *Server, nc net.Conn) *Conn {
	c := &Conn{
		server:  s,
		nc:      nc,
		wake:    make(chan struct{}, 1),
		down:    make(chan struct{}),
		drained: make(chan struct{}, 1),
		gotDPA:  make(chan struct{}, 1),
	}
	c.peer.limits = s.options.Limits
	c.hopByHop.Store(uint32(s.options.Rand()))
	return c
}

// Lock locks the connection's output and returns it to append answers to. Every Lock is followed by Unlock with the
// extended buffer. Appending to a connection that is down is allowed and has no effect.
func (c *Conn) Lock() []byte {
	c.out.Lock()
	return c.out.buf
}

// Unlock takes back the extended output. A peer so far behind that the output is over its limit is closed. Nothing
// is sent before Flush.
func (c *Conn) Unlock(buf []byte) {
	if c.out.closed {
		buf = buf[:0]
	}
	c.out.buf = buf
	over := len(buf) > c.server.options.OutputBytes
	c.out.Unlock()
	if over {
		c.close(fmt.Errorf("%w: %d octets are waiting", ErrSlowPeer, len(buf)))
	}
}

// Append appends to the output what f appends to its argument.
func (c *Conn) Append(f func(dst []byte) []byte) { c.Unlock(f(c.Lock())) }

// Flush sends everything appended so far. It does not wait.
func (c *Conn) Flush() {
	select {
	case c.wake <- struct{}{}:
	default: // the writer has a token already and will take the output with it
	}
}

// Done tells that n requests have got their answers appended. It pairs with ServeRequest, n times.
func (c *Conn) Done(n int) {
	c.counters.answers.Add(uint64(n))
	c.release(n)
}

// begin counts one more request in flight. False means that it must not be served: the connection is being drained
// or has too many already.
func (c *Conn) begin() bool {
	// Counted before draining is looked at, while awaitDrained does it the other way round: one of them sees the other.
	n := c.inFlight.Add(1)
	if n > int64(c.server.options.InFlight) || c.draining.Load() {
		c.release(1)
		return false
	}
	return true
}

func (c *Conn) release(n int) {
	left := c.inFlight.Add(-int64(n))
	if left < 0 {
		panic("diameter: Done for more requests than were served")
	}
	if left == 0 && c.draining.Load() {
		signal(c.drained)
	}
}

// signal leaves a token in a channel of capacity one.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// NextHopByHop returns a Hop-by-Hop Identifier for a request to the peer.
func (c *Conn) NextHopByHop() uint32 { return c.hopByHop.Add(1) }

// Server returns the server that accepted the connection.
func (c *Conn) Server() *Server { return c.server }

// OriginHost returns the peer's Origin-Host as its CER gave it. It is set when PeerUp is called.
func (c *Conn) OriginHost() string { return c.peer.host }

// OriginRealm returns the peer's Origin-Realm as its CER gave it.
func (c *Conn) OriginRealm() string { return c.peer.realm }

// RemoteAddr returns the peer's network address.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// SetLimits replaces the limits for the connection's further messages. It is called in PeerUp, by handlers whose
// strictness depends on the peer. The bound on a message's octets stays the server's.
func (c *Conn) SetLimits(l Limits) {
	l = l.withDefaults()
	l.MessageBytes = min(l.MessageBytes, c.server.options.Limits.MessageBytes)
	c.peer.limits = l
}

// Attach keeps a value of the handler's with the connection. It is called in PeerUp.
func (c *Conn) Attach(v any) { c.attached = v }

// Attached returns the value that Attach was given.
func (c *Conn) Attached() any { return c.attached }

// Down returns a channel that is closed when the connection is.
func (c *Conn) Down() <-chan struct{} { return c.down }

// Disconnect ends the connection as RFC 6733 section 5.4 asks: no further requests are served, the answers in flight
// are awaited, then a DPR with the cause is sent and its DPA awaited. It returns when the connection is down, and so
// must not be called from the handler, which runs on the connection's reader.
func (c *Conn) Disconnect(cause uint32) {
	c.awaitDrained()
	hopByHop := c.NextHopByHop()
	endToEnd := c.server.NextEndToEnd()
	c.Append(func(dst []byte) []byte {
		start := len(dst)
		dst = AppendHeader(dst, FlagRequest, CmdDisconnectPeer, AppBase, hopByHop, endToEnd)
		dst = appendOrigin(dst, &c.server.options.Identity)
		dst = AppendUint32(dst, AVPDisconnectCause, cause)
		FinishMessage(dst, start)
		return dst
	})
	c.Flush()
	c.await(c.gotDPA, c.server.options.DisconnectTimeout)
	c.finish(ErrDisconnected)
	<-c.down
}

// disconnectOrClose disconnects an open peer and closes a connection that is none yet.
func (c *Conn) disconnectOrClose() {
	if !c.peer.open.Load() {
		c.close(ErrServerClosed)
		return
	}
	c.Disconnect(DisconnectRebooting)
}

// answerDPR waits for the answers in flight, sends the DPA and leaves it to the peer to close.
func (c *Conn) answerDPR(dpr Header) {
	defer c.server.group.Done()
	c.awaitDrained()
	c.Append(func(dst []byte) []byte { return c.server.appendDPA(dst, &dpr) })
	c.Flush()
	c.await(nil, c.server.options.DisconnectTimeout)
	c.finish(ErrDisconnected)
}

// awaitDrained stops serving requests and waits for the answers in flight, but not forever.
func (c *Conn) awaitDrained() {
	c.draining.Store(true)
	if c.inFlight.Load() != 0 {
		c.await(c.drained, c.server.options.DrainTimeout)
		signal(c.drained) // Disconnect and answerDPR may both be waiting
	}
}

// await waits for a token, for the end of the connection or for the timeout.
func (c *Conn) await(token <-chan struct{}, timeout time.Duration) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-token:
	case <-c.down:
	case <-timer.C:
	}
}

// finish closes the connection once its output is written.
func (c *Conn) finish(reason error) {
	c.out.Lock()
	if c.reason == nil {
		c.reason = reason
	}
	c.out.Unlock()
	c.finishing.Store(true)
	c.Flush()
}

// close closes the connection at once. The first reason stands.
func (c *Conn) close(reason error) {
	c.closeOnce.Do(func() {
		c.out.Lock()
		c.out.closed = true
		c.out.buf = c.out.buf[:0]
		if c.reason == nil {
			c.reason = reason
		}
		c.out.Unlock()
		c.watchdog.stop()
		_ = c.nc.Close() // an error here has no one to act on it: the connection is gone either way
		close(c.down)
	})
}

// writeLoop writes the output whenever it is flushed, until the connection is down.
func (c *Conn) writeLoop() {
	defer c.server.group.Done()
	for {
		select {
		case <-c.wake:
		case <-c.down:
			return
		}
		if !c.writeOutput() {
			return
		}
	}
}

// writeOutput writes what has been appended. False ends the writer.
func (c *Conn) writeOutput() bool {
	finish := c.finishing.Load() // before the output is taken: what was appended before finish is written
	c.out.Lock()
	buf := c.out.buf
	c.out.buf = c.out.spare[:0]
	c.out.spare = nil
	c.out.Unlock()
	if len(buf) != 0 {
		if err := c.write(buf); err != nil {
			c.close(err)
			return false
		}
	}
	c.out.Lock()
	if cap(buf) <= retainedOutputBytes {
		c.out.spare = buf
	}
	c.out.Unlock()
	if finish {
		c.linger()
		return false
	}
	return true
}

func (c *Conn) write(buf []byte) error {
	if err := c.nc.SetWriteDeadline(time.Now().Add(c.server.options.WriteTimeout)); err != nil {
		return fmt.Errorf("set write deadline: %w", err)
	}
	n, err := c.nc.Write(buf)
	c.counters.bytesOut.Add(uint64(n))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w: wrote %d of %d octets in %v", ErrSlowPeer, n, len(buf), c.server.options.WriteTimeout)
	}
	return fmt.Errorf("write: %w", err)
}

// linger ends the sending half of the connection and leaves the reader to wait for the peer's end.
func (c *Conn) linger() {
	c.out.Lock()
	c.out.closed = true
	c.out.Unlock()
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || c.nc.SetReadDeadline(time.Now().Add(lingerTimeout)) != nil {
		c.close(ErrDisconnected)
	}
}
