package diameter

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// recorder is a Handler that records its calls and, unless it holds them, answers requests at once.
type recorder struct {
	mu       sync.Mutex
	events   []string
	held     []heldRequest
	hold     bool
	requests int
	answers  []Result
	batches  int
	changed  chan struct{}
	onUp     func(c *Conn)
	// answer appends what requests are answered.
	answer func(dst []byte, request *Header) []byte
}

type heldRequest struct {
	conn   *Conn
	header Header
}

func newRecorder() *recorder {
	return &recorder{changed: make(chan struct{}, 1), answer: appendCCAUpdate}
}

func (r *recorder) note(f func()) {
	r.mu.Lock()
	f()
	r.mu.Unlock()
	signal(r.changed)
}

func (r *recorder) ServeRequest(c *Conn, m *Message) {
	r.note(func() {
		r.requests++
		if r.hold {
			r.held = append(r.held, heldRequest{c, m.Header})
		}
	})
	if r.hold {
		return
	}
	c.Append(func(dst []byte) []byte { return r.answer(dst, &m.Header) })
	c.Done(1)
}

func (r *recorder) ServedBatch(c *Conn) {
	r.note(func() { r.batches++ })
	c.Flush()
}

func (r *recorder) ServeAnswer(_ *Conn, m *Message) {
	r.note(func() { r.answers = append(r.answers, resultOf(m)) })
}

func (r *recorder) PeerUp(c *Conn) {
	if r.onUp != nil {
		r.onUp(c)
	}
	r.note(func() { r.events = append(r.events, "up "+c.OriginHost()) })
}

func (r *recorder) PeerDown(c *Conn, reason error) {
	for errors.Unwrap(reason) != nil {
		reason = errors.Unwrap(reason)
	}
	r.note(func() { r.events = append(r.events, "down "+c.OriginHost()+": "+reason.Error()) })
}

func (r *recorder) PeerRestarted(host string, before, after uint32) {
	r.note(func() { r.events = append(r.events, fmt.Sprintf("restarted %s %d %d", host, before, after)) })
}

// answerHeld answers the requests held so far, each connection with one flush.
func (r *recorder) answerHeld() {
	r.mu.Lock()
	held := r.held
	r.held = nil
	r.mu.Unlock()
	for _, h := range held {
		h.conn.Append(func(dst []byte) []byte { return r.answer(dst, &h.header) })
		h.conn.Done(1)
	}
	for _, h := range held {
		h.conn.Flush()
	}
}

// await waits until the recorder's state satisfies the condition.
func (r *recorder) await(t testing.TB, what string, condition func() bool) {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		r.mu.Lock()
		ok := condition()
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-r.changed:
		case <-timeout.C:
			t.Fatalf("waited in vain for %s; %s", what, r.state())
		}
	}
}

// log returns what has happened to connections so far.
func (r *recorder) log() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// served returns how many requests have come so far.
func (r *recorder) served() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests
}

func (r *recorder) state() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprintf("events %q, %d requests, answers %v", r.events, r.requests, r.answers)
}

func (r *recorder) awaitEvent(t testing.TB, event string) {
	t.Helper()
	r.await(t, event, func() bool { return slices.Contains(r.events, event) })
}

// patience bounds what a test on real connections waits for; it is only reached by a test that fails.
const patience = time.Minute

func testOptions() Options {
	return Options{
		Identity:          testIdentity,
		AllowUnknownPeers: true,
		Logger:            slog.New(slog.DiscardHandler),
	}
}

// start serves on a loopback port until the test ends and returns its address.
func start(t testing.TB, options Options, h Handler) (*Server, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return startOn(t, options, h, l), l.Addr().String()
}

func startOn(t testing.TB, options Options, h Handler, l net.Listener) *Server {
	t.Helper()
	s, err := NewServer(options, h)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-served; !errors.Is(err, ErrServerClosed) {
			t.Errorf("Serve returned %v", err)
		}
	})
	return s
}

// client is a peer that sends octets as told and reads whole messages.
type client struct {
	t    testing.TB
	conn net.Conn
}

func dial(t testing.TB, address string) *client {
	t.Helper()
	d := net.Dialer{Timeout: patience}
	nc, err := d.DialContext(context.Background(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, nc)
}

func newClient(t testing.TB, nc net.Conn) *client {
	t.Cleanup(func() { _ = nc.Close() })
	return &client{t, nc}
}

// connect dials and exchanges capabilities.
func connect(t testing.TB, address string) *client {
	t.Helper()
	c := dial(t, address)
	c.handshake(1000)
	return c
}

func (c *client) handshake(stateID uint32) {
	c.t.Helper()
	c.send(appendCER(nil, stateID))
	if a := c.receive(); a.Command != CmdCapabilitiesExchange || resultOf(a) != ResultSuccess {
		c.t.Fatalf("CEA: command %d, result %v", a.Command, resultOf(a))
	}
}

func (c *client) send(b []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) tryReceive() (*Message, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(10 * time.Minute)); err != nil {
		return nil, err
	}
	header := make([]byte, HeaderLength)
	if _, err := io.ReadFull(c.conn, header); err != nil {
		return nil, err
	}
	b := make([]byte, int(binary.BigEndian.Uint32(header)&0xffffff))
	copy(b, header)
	if _, err := io.ReadFull(c.conn, b[HeaderLength:]); err != nil {
		return nil, err
	}
	m := &Message{}
	if r := m.Parse(b, Limits{}); !r.OK() {
		return nil, fmt.Errorf("the server sent a message with %v", r)
	}
	return m, nil
}

func (c *client) receive() *Message {
	c.t.Helper()
	m, err := c.tryReceive()
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

// expectClosed expects no further message.
func (c *client) expectClosed() {
	c.t.Helper()
	if m, err := c.tryReceive(); err == nil {
		c.t.Fatalf("a message with command %d and result %v instead of the end", m.Command, resultOf(m))
	}
}
