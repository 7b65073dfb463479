package diameter

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// peerEntry is what the server knows of an Origin-Host, over all its connections and between them.
type peerEntry struct {
	stateID atomic.Uint32 // latest Origin-State-Id, 0 if it never sent one
	conns   []*Conn       // guarded by Server.mu; oldest first

	restarts restartBudget // guarded by Server.mu
}

// restartBudget bounds how often a peer's restarts are acted on: each costs the handler a look through all sessions, so
// that a peer whose Origin-State-Id grew with every message would occupy the server. A restart that is passed over is
// covered by the next one that is not, which releases everything from before it, and by the sessions' supervision.
type restartBudget struct {
	spent   int           // restarts acted on that have not been regained
	counted time.Duration // when spent was last brought up to date, since the server's start
}

// take spends one restart. False means that there were too many.
func (b *restartBudget) take(now time.Duration) bool {
	if regained := int((now - b.counted) / restartRefill); regained > 0 {
		b.spent = max(b.spent-regained, 0)
		b.counted += time.Duration(regained) * restartRefill
	}
	if b.spent == restartBurst {
		return false
	}
	b.spent++
	return true
}

// PeerInfo describes a connection of a peer.
type PeerInfo struct {
	OriginHost    string
	OriginRealm   string
	Address       string
	ProductName   string
	OriginStateID uint32 // 0 if the peer sends none
	Since         time.Time
	Suspect       bool // a DWR is unanswered for longer than Tw
	InFlight      int  // requests taken and not yet answered
	Requests      uint64
	Answers       uint64 // given by the application
	Refused       uint64 // requests answered with an error by the base protocol
	Malformed     uint64
	BytesIn       uint64
	BytesOut      uint64
}

// Peers lists the connections of all peers, by Origin-Host and then by age.
func (s *Server) Peers() []PeerInfo {
	s.mu.Lock()
	var list []PeerInfo
	for _, entry := range s.peers {
		for _, c := range entry.conns {
			if c.peer.open.Load() {
				list = append(list, c.Info())
			}
		}
	}
	s.mu.Unlock()
	slices.SortStableFunc(list, func(a, b PeerInfo) int {
		return cmp.Or(strings.Compare(a.OriginHost, b.OriginHost), a.Since.Compare(b.Since))
	})
	return list
}

// Info describes the connection.
func (c *Conn) Info() PeerInfo {
	info := PeerInfo{
		OriginHost:  c.peer.host,
		OriginRealm: c.peer.realm,
		Address:     c.nc.RemoteAddr().String(),
		ProductName: c.peer.product,
		Since:       c.peer.since,
		Suspect:     c.watchdog.suspect(),
		InFlight:    int(c.inFlight.Load()),
		Requests:    c.counters.requests.Load(),
		Answers:     c.counters.answers.Load(),
		Refused:     c.counters.refused.Load(),
		Malformed:   c.counters.malformed.Load(),
		BytesIn:     c.counters.bytesIn.Load(),
		BytesOut:    c.counters.bytesOut.Load(),
	}
	if c.peer.entry != nil {
		info.OriginStateID = c.peer.entry.stateID.Load()
	}
	return info
}

// Lookup returns the best connection to a peer for a request of ours: the newest that is neither suspect nor being
// disconnected, else the newest, or nil if the peer is not connected. The newest is the one least likely to be
// half-open.
func (s *Server) Lookup(originHost string) *Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry := s.peers[strings.ToLower(originHost)]
	if entry == nil {
		return nil
	}
	var newest *Conn
	for _, c := range slices.Backward(entry.conns) {
		switch {
		case !c.peer.open.Load(): // its CEA is not yet in the output
		case !c.watchdog.suspect() && !c.draining.Load():
			return c
		case newest == nil:
			newest = c
		}
	}
	return newest
}

// knows reports whether a peer may connect.
func (s *Server) knows(originHost string) bool {
	return s.options.AllowUnknownPeers || slices.ContainsFunc(s.options.KnownPeers, func(known string) bool {
		return strings.EqualFold(known, originHost)
	})
}

// admit finds or makes the peer's entry. A peer may have several connections at once: gateways keep one per blade,
// and a new one often comes before the old one is known to be dead, so RFC 6733's election between two connections
// of one peer, meant for peers that dial each other, is not held.
func (s *Server) admit(c *Conn, o offer) Result {
	s.mu.Lock()
	key := strings.ToLower(o.host)
	entry := s.peers[key]
	if entry == nil {
		if len(s.peers) >= rememberedPeers && !s.evictPeer() {
			s.mu.Unlock()
			return ResultTooBusy
		}
		entry = &peerEntry{}
		s.peers[key] = entry
	}
	c.peer.entry = entry
	if !c.peer.open.Load() {
		// Listed before it is open, lest the entry be evicted in between.
		c.peer.admitted = true
		c.peer.host, c.peer.realm, c.peer.product, c.peer.since = o.host, o.realm, o.product, s.options.Now()
		entry.conns = append(entry.conns, c)
	}
	s.mu.Unlock()
	c.peer.stateID = o.stateID
	s.changeState(c, o.stateID)
	return ResultSuccess
}

// evictPeer forgets one peer that is not connected. Any will do: the bound is reached only by peers that are allowed
// to connect without being known.
func (s *Server) evictPeer() bool {
	for key, entry := range s.peers {
		if len(entry.conns) == 0 {
			delete(s.peers, key)
			return true
		}
	}
	return false
}

// noteState takes the Origin-State-Id of a message on an open connection. Only a greater one than this connection has
// shown means a restart: RFC 6733 section 8.16 lets it grow only, and a lower one stands in a message that was
// delayed.
func (s *Server) noteState(c *Conn, id uint32) {
	if id <= c.peer.stateID {
		return
	}
	c.peer.stateID = id
	s.changeState(c, id)
}

// changeState records the peer's latest Origin-State-Id and tells the handler if it was another before.
func (s *Server) changeState(c *Conn, id uint32) {
	if id == 0 {
		return
	}
	old := c.peer.entry.stateID.Swap(id)
	if old == 0 || old == id {
		return
	}
	s.mu.Lock()
	taken := c.peer.entry.restarts.take(s.elapsed())
	s.mu.Unlock()
	if !taken {
		s.counters.restartsPassedOver.Add(1)
		s.options.Logger.Debug("diameter peer restarts too often: its sessions are left to supervision", "origin_host", c.peer.host, "new_state_id", id)
		return
	}
	s.options.Logger.Warn("diameter peer restarted", "origin_host", c.peer.host, "old_state_id", old, "new_state_id", id)
	s.handler.PeerRestarted(c.peer.host, old, id)
}

// peerUp announces a connection whose CER is accepted.
func (s *Server) peerUp(c *Conn) {
	c.peer.open.Store(true)
	s.options.Logger.Info("diameter peer up", "origin_host", c.peer.host, "origin_realm", c.peer.realm,
		"address", c.nc.RemoteAddr(), "product", c.peer.product)
	s.handler.PeerUp(c)
	c.startWatchdog()
}

// peerDown announces that a connection is gone.
func (s *Server) peerDown(c *Conn) {
	s.mu.Lock()
	entry := c.peer.entry
	entry.conns = slices.DeleteFunc(entry.conns, func(other *Conn) bool { return other == c })
	s.mu.Unlock()
	level := slog.LevelWarn
	if downExpected(c.reason) {
		level = slog.LevelInfo
	}
	s.options.Logger.Log(context.Background(), level, "diameter peer down",
		"origin_host", c.peer.host, "address", c.nc.RemoteAddr(), "reason", c.reason)
	s.handler.PeerDown(c, c.reason)
}
