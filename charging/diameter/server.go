package diameter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Server accepts connections of peers and serves the base protocol on them; requests of its applications go to its
// Handler.
type Server struct {
	options      Options
	handler      Handler
	batchHandler BatchHandler // nil if the handler is none
	hosts        names
	realms       names
	started      time.Time
	endToEnd     atomic.Uint32
	counters     serverCounters

	group sync.WaitGroup // readers, writers and their helpers

	mu        sync.Mutex
	closing   bool
	listeners map[net.Listener]struct{}
	conns     map[*Conn]struct{}
	addresses map[string]int // connections by IP address
	arrivals  uint64         // connections taken so far, which numbers them
	peers     map[string]*peerEntry
}

type serverCounters struct {
	accepted, overLimit, madeRoom, peersRefused, restartsPassedOver atomic.Uint64
}

// Counters are totals since the server's start.
type Counters struct {
	Accepted     uint64 // connections accepted
	OverLimit    uint64 // connections closed at once because there were too many
	MadeRoom     uint64 // connections closed before their CER because another one came
	PeersRefused uint64 // CERs answered with an error
	// RestartsPassedOver are changes of an Origin-State-Id that came too often to be acted on.
	RestartsPassedOver uint64
}

// NewServer returns a server with the options, whose defaults it sets, for the handler.
func NewServer(options Options, handler Handler) (*Server, error) {
	options = options.EnsureDefaults()
	if err := options.Validate(); err != nil {
		return nil, fmt.Errorf("diameter server options: %w", err)
	}
	if handler == nil {
		return nil, errors.New("diameter server: a handler is required")
	}
	s := &Server{
		options:   options,
		handler:   handler,
		hosts:     append(names{options.Identity.Host}, options.ServedHosts...),
		realms:    append(names{options.Identity.Realm}, options.ServedRealms...),
		started:   options.Now(),
		listeners: map[net.Listener]struct{}{},
		conns:     map[*Conn]struct{}{},
		addresses: map[string]int{},
		peers:     map[string]*peerEntry{},
	}
	s.batchHandler, _ = handler.(BatchHandler)
	// RFC 6733 section 3: the upper 12 bits from the clock, the lower 20 at random, so that the identifiers of
	// this run differ from those of the last for four minutes.
	s.endToEnd.Store(uint32(s.started.Unix())<<20 | uint32(options.Rand()&(1<<20-1)))
	return s, nil
}

// Identity returns how the server names itself, with the Origin-State-Id in use.
func (s *Server) Identity() Identity { return s.options.Identity }

// NextEndToEnd returns an End-to-End Identifier for a request of this server.
func (s *Server) NextEndToEnd() uint32 { return s.endToEnd.Add(1) }

// Counters returns the server's totals.
func (s *Server) Counters() Counters {
	return Counters{
		Accepted:     s.counters.accepted.Load(),
		OverLimit:    s.counters.overLimit.Load(),
		MadeRoom:     s.counters.madeRoom.Load(),
		PeersRefused: s.counters.peersRefused.Load(),

		RestartsPassedOver: s.counters.restartsPassedOver.Load(),
	}
}

// elapsed returns the time since the server's start.
func (s *Server) elapsed() time.Duration { return s.options.Now().Sub(s.started) }

// Serve accepts connections until the listener fails or the server is closed, which returns ErrServerClosed. It may
// be called for several listeners, plain and TLS.
func (s *Server) Serve(l net.Listener) error {
	if !s.track(l) {
		_ = l.Close()
		return ErrServerClosed
	}
	defer s.untrack(l)
	var pause time.Duration
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			s.accept(nc)
		case s.isClosing():
			return ErrServerClosed
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept: %w", err)
		default:
			// Out of file descriptors, most likely: it passes when a connection closes.
			pause = min(max(2*pause, acceptPauseMin), acceptPauseMax)
			s.options.Logger.Error("diameter accept failed", "error", err, "retry_after", pause)
			time.Sleep(pause)
		}
	}
}

// Pauses after a failed accept.
const (
	acceptPauseMin = 5 * time.Millisecond
	acceptPauseMax = time.Second
)

func (s *Server) track(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.listeners[l] = struct{}{}
	return true
}

func (s *Server) untrack(l net.Listener) {
	_ = l.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// accept starts serving a connection, unless there are too many.
func (s *Server) accept(nc net.Conn) {
	c := newConn(s, nc)
	s.mu.Lock()
	address := addressKey(nc)
	given, room := s.makeRoom(address)
	if !room {
		s.mu.Unlock()
		s.counters.overLimit.Add(1)
		_ = nc.Close() // before the CER there is nothing to say to it
		return
	}
	s.arrivals++
	c.address, c.arrival = address, s.arrivals
	s.conns[c] = struct{}{}
	s.addresses[address]++
	s.group.Add(2)
	s.mu.Unlock()
	if given != nil {
		s.counters.madeRoom.Add(1)
		given.close(ErrMadeRoom)
	}
	s.counters.accepted.Add(1)
	go c.readLoop()
	go c.writeLoop()
}

// addressKey is what connections are counted by: the peer's IP address.
func addressKey(nc net.Conn) string {
	if a, ok := addressOf(nc.RemoteAddr()); ok {
		return a.String()
	}
	return nc.RemoteAddr().String()
}

// forget ends the accounting of a connection that is down.
func (s *Server) forget(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.discount(c)
}

// discount stops counting a connection, once.
func (s *Server) discount(c *Conn) {
	if _, counted := s.conns[c]; !counted {
		return
	}
	delete(s.conns, c)
	if s.addresses[c.address]--; s.addresses[c.address] == 0 {
		delete(s.addresses, c.address)
	}
}

// makeRoom reports whether there is room for one more connection from an address. Where there is none, the oldest
// connection that has not shown its CER yet gives way, and is returned to be closed: who says nothing must not keep out who
// would, neither from behind the same address nor anywhere. Peers that are up never give way.
func (s *Server) makeRoom(address string) (given *Conn, room bool) {
	fromAddress := s.addresses[address] >= s.options.ConnectionsPerAddress
	switch {
	case s.closing:
		return nil, false
	case !fromAddress && len(s.conns) < s.options.Connections:
		return nil, true
	}
	for c := range s.conns {
		if !c.peer.admitted && (!fromAddress || c.address == address) && (given == nil || c.arrival < given.arrival) {
			given = c
		}
	}
	if given == nil {
		return nil, false
	}
	s.discount(given)
	return given, true
}

// Shutdown stops accepting and disconnects every peer: requests already taken are answered, then DPR with cause
// REBOOTING is sent and DPA awaited. It returns when all connections are down, or closes those that are left when
// the context ends and returns its error.
func (s *Server) Shutdown(ctx context.Context) error {
	for _, c := range s.stop() {
		s.group.Go(c.disconnectOrClose)
	}
	done := make(chan struct{})
	go func() {
		s.group.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		s.closeAll()
		<-done
		return fmt.Errorf("diameter shutdown: %w", ctx.Err())
	}
}

// Close closes the listeners and every connection at once and waits for their goroutines.
func (s *Server) Close() {
	s.stop()
	s.closeAll()
	s.group.Wait()
}

// stop closes the listeners and returns the connections.
func (s *Server) stop() []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	for l := range s.listeners {
		_ = l.Close() // Serve sees it in Accept
	}
	conns := make([]*Conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	return conns
}

func (s *Server) closeAll() {
	for _, c := range s.stop() {
		c.close(ErrServerClosed)
	}
}
