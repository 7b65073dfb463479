package diameter

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"
)

// peerState is what a connection knows of its peer.
type peerState struct {
	// Set by the CER, under Server.mu, and constant from then on.
	admitted bool // the CER was good, and the fields below are set
	host     string
	realm    string
	product  string
	since    time.Time
	entry    *peerEntry
	// The reader's own.
	limits  Limits
	stateID uint32      // greatest Origin-State-Id seen on this connection
	leaving bool        // a DPR has come
	open    atomic.Bool // the capabilities exchange has succeeded
}

// readLoop reads until the connection is down. It owns the connection's read buffer, message view and counters of
// the batch; it is the only goroutine that calls the handler for this connection.
func (c *Conn) readLoop() {
	defer c.server.group.Done()
	reason := c.read()
	if errors.Is(reason, errTLS) && !errors.Is(reason, io.EOF) { // who only looks whether the port is open is no gateway
		c.server.options.Logger.Warn("diameter peer refused", "address", c.nc.RemoteAddr(), "error", reason)
	}
	c.close(reason)
	c.server.forget(c)
	if c.peer.open.Load() {
		c.server.peerDown(c)
	}
}

// read returns why reading ended.
func (c *Conn) read() error {
	if err := c.handshakeTLS(); err != nil {
		return err
	}
	r := batch{conn: c, malformed: c.server.options.MalformedBurst, refilled: c.server.elapsed()}
	buf := make([]byte, DefaultInputBytes)
	filled := 0
	for {
		n, err := c.nc.Read(buf[filled:])
		c.counters.bytesIn.Add(uint64(n))
		filled += n
		if n != 0 && !c.finishing.Load() {
			used, problem := r.serve(buf[:filled])
			if problem != nil {
				return problem
			}
			filled = copy(buf, buf[used:filled])
		}
		if c.finishing.Load() {
			filled = 0 // what still comes is read only to let the last answer arrive
		}
		if err != nil {
			return c.readError(err)
		}
	}
}

func (c *Conn) readError(err error) error {
	switch {
	case c.peer.leaving:
		return ErrDisconnected
	case !c.peer.open.Load() && errors.Is(err, os.ErrDeadlineExceeded):
		return ErrHandshake
	case errors.Is(err, io.EOF):
		return ErrPeerClosed
	}
	return fmt.Errorf("read: %w", err)
}

// errTLS is why a peer of a TLS listener never came to its CER. The operator of the gateway sees as little of the reason as
// a TLS alert tells, so the log has it.
var errTLS = errors.New("TLS handshake")

// handshakeTLS bounds everything up to the CER and, on a TLS connection, performs the TLS handshake.
func (c *Conn) handshakeTLS() error {
	timeout := c.server.options.HandshakeTimeout
	if err := c.nc.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return fmt.Errorf("set read deadline: %w", err)
	}
	t, ok := c.nc.(*tls.Conn)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := t.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("%w: %w", errTLS, err)
	}
	return nil
}

// batch serves the messages that one read returned.
type batch struct {
	conn      *Conn
	message   Message
	malformed int           // malformed messages still allowed
	refilled  time.Duration // when malformed was last refilled
	answered  bool          // the reader itself has appended answers
	served    bool          // the handler has been given messages
	requests  uint64
	refused   uint64
}

// serve handles every whole message in b and returns how many octets they are.
func (r *batch) serve(b []byte) (used int, err error) {
	for err == nil && len(b)-used >= HeaderLength && !r.conn.finishing.Load() {
		var n int
		n, err = r.frame(b[used:])
		if n == 0 || err != nil {
			break
		}
		err = r.dispatch(r.message.Parse(b[used:used+n], r.conn.peer.limits))
		used += n
	}
	r.end(used)
	return used, err
}

// frame returns the length of the message at the start of b, which has at least a header, or 0 if it is not whole
// yet. Where the length cannot be right, nothing that follows can be found.
func (r *batch) frame(b []byte) (int, error) {
	word := binary.BigEndian.Uint32(b)
	n := int(word & kindLength)
	if word>>24 != Version && !r.conn.peer.open.Load() {
		return 0, ErrNotCER
	}
	if n < HeaderLength || n%4 != 0 || n > r.conn.server.options.Limits.MessageBytes {
		r.message.Parse(b[:HeaderLength], Limits{})
		if r.conn.peer.open.Load() && r.message.IsRequest() {
			r.refuse(ResultInvalidMessageLength, Failure{})
		}
		r.conn.finish(fmt.Errorf("%w: a message of %d octets", ErrFraming, n))
		return 0, nil
	}
	if n > len(b) {
		return 0, nil
	}
	return n, nil
}

// end sends what the reader has answered itself and tells the handler that the batch is over.
func (r *batch) end(used int) {
	c := r.conn
	if used != 0 {
		c.lastReceive.Store(int64(c.server.elapsed()))
	}
	if r.served && c.server.batchHandler != nil {
		c.server.batchHandler.ServedBatch(c)
	}
	if r.answered {
		c.Flush()
	}
	if r.requests != 0 {
		c.counters.requests.Add(r.requests)
	}
	if r.refused != 0 {
		c.counters.refused.Add(r.refused)
	}
	r.answered, r.served, r.requests, r.refused = false, false, 0, 0
}

// dispatch handles one message. An error ends the connection.
func (r *batch) dispatch(refusal Refusal) error {
	m := &r.message
	if !r.conn.peer.open.Load() {
		if !m.IsRequest() || m.Command != CmdCapabilitiesExchange {
			return ErrNotCER
		}
		r.capabilities(refusal)
		return nil
	}
	if !refusal.OK() && !refusal.Whole && !r.countMalformed() {
		r.conn.finish(ErrMalformed) // finish, not close: the answers given so far are still sent
		return nil
	}
	if !m.IsRequest() {
		r.answer(refusal)
		return nil
	}
	r.requests++
	r.request(refusal)
	return nil
}

// countMalformed takes one from the budget of malformed messages, which refills with time. False means that none is
// left.
func (r *batch) countMalformed() bool {
	c := r.conn
	c.counters.malformed.Add(1)
	now := c.server.elapsed()
	if regained := int((now - r.refilled) / malformedRefill); regained > 0 {
		r.malformed = min(r.malformed+regained, c.server.options.MalformedBurst)
		r.refilled += time.Duration(regained) * malformedRefill
	}
	if r.malformed == 0 {
		return false
	}
	r.malformed--
	return true
}

// answer takes an answer to one of our requests.
func (r *batch) answer(refusal Refusal) {
	m, c := &r.message, r.conn
	switch {
	case m.AppID == AppBase && m.Command == CmdDeviceWatchdog:
		// That something was received is all that the watchdog wants to know.
	case m.AppID == AppBase && m.Command == CmdDisconnectPeer:
		signal(c.gotDPA)
	case m.AppID != AppBase && (refusal.OK() || refusal.Whole):
		r.served = true
		c.server.handler.ServeAnswer(c, m)
	}
}

// request takes a request, in the order of checks of RFC 6733: what it is, whether it is for us, whether it is well
// formed, whether it can be served now.
func (r *batch) request(refusal Refusal) {
	m, c := &r.message, r.conn
	if refusal.Reason == RefusedVersion || refusal.Reason == RefusedHeaderBits {
		r.refuse(refusal.Result(), Failure{})
		return
	}
	command, result := c.server.command(m.AppID, m.Command)
	if result != ResultSuccess {
		r.refuse(result, Failure{})
		return
	}
	if command == nil {
		r.baseRequest(refusal)
		return
	}
	if result := r.route(); result != ResultSuccess {
		r.refuse(result, Failure{})
		return
	}
	if !refusal.OK() {
		r.refuse(refusal.Result(), refusal.Failure(), command.Echo...)
		return
	}
	if !c.begin() {
		r.refuse(ResultTooBusy, Failure{})
		return
	}
	r.served = true
	c.server.handler.ServeRequest(c, m)
}

// refuse appends the answer that refuses the message.
func (r *batch) refuse(result Result, f Failure, echo ...Code) {
	c := r.conn
	c.Unlock(AppendErrorAnswer(c.Lock(), &r.message, &c.server.options.Identity, result, f, echo...))
	r.answered = true
	r.refused++
}

// route walks the top level once for what the base protocol wants of an application's request: whether it is
// addressed to this server, and whether its sender, if that is the peer itself, has restarted.
func (r *batch) route() Result {
	m, c := &r.message, r.conn
	result := ResultSuccess
	fromPeer := false
	for i := 0; i < len(m.avps); i = int(m.avps[i].next) {
		switch m.avps[i].Code {
		case AVPDestinationRealm:
			if !c.server.realms.holds(m.Data(i)) {
				return ResultRealmNotServed
			}
		case AVPDestinationHost:
			if !c.server.hosts.holds(m.Data(i)) {
				result = ResultUnableToDeliver
			}
		case AVPOriginHost:
			fromPeer = string(m.Data(i)) == c.peer.host
		case AVPOriginStateID:
			if id, ok := m.Uint32(i); ok && fromPeer {
				c.server.noteState(c, id)
			}
		}
	}
	return result
}

// names is a small set of domain names, compared without regard to case (RFC 6733 section 4.3.1).
type names []string

func (n names) holds(name []byte) bool {
	for _, s := range n {
		if string(name) == s || equalFold(name, s) {
			return true
		}
	}
	return false
}

// equalFold compares ASCII names without regard to case. Those of package bytes and strings want both of one type, and
// a conversion of more than 32 octets allocates.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i, c := range b {
		if lower(c) != lower(s[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
