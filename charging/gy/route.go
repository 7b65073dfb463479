package gy

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gyro/charging/diameter"
)

const (
	// maxRoutes bounds the gateways whose way back is remembered: hundreds are a large network, and only relays can name
	// more than themselves.
	maxRoutes = 16 << 10
	// restartPause is how often a gateway behind a relay may say that it has restarted; each time all of its sessions
	// are looked at.
	restartPause = 10 * time.Second
)

// route is the way to a gateway: the connection over which its last request came.
type route struct {
	host    string                     // in lower case
	realm   atomic.Pointer[string]     // Origin-Realm, the Destination-Realm of requests to it
	via     atomic.Pointer[connection] // may be down
	stateID atomic.Uint32              // greatest Origin-State-Id behind a relay
	// restarted is when it last told that it had restarted, in nanoseconds of Options.Now.
	restarted atomic.Int64
}

// routes are the ways to all gateways, and the connections of all peers.
type routes struct {
	mu     sync.RWMutex
	byHost map[string]*route
	peers  map[string][]*connection // by the Origin-Host of the CER in lower case, oldest first
}

// find returns the route of a gateway, nil if there is none.
func (r *routes) find(host []byte) *route {
	if len(host) > maxHost {
		return nil
	}
	var lower [maxHost]byte
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.byHost[string(appendLower(lower[:0], host))]
}

// add returns the route of a gateway, which it makes if there is none and there is room.
func (r *routes) add(host []byte) *route {
	if found := r.find(host); found != nil {
		return found
	}
	lower := string(appendLower(nil, host))
	r.mu.Lock()
	defer r.mu.Unlock()
	if found := r.byHost[lower]; found != nil {
		return found
	}
	if len(r.byHost) >= maxRoutes && !r.forget() {
		return nil
	}
	if r.byHost == nil {
		r.byHost = map[string]*route{}
	}
	made := &route{host: lower}
	r.byHost[lower] = made
	return made
}

// forget removes a way that leads nowhere any more; any will do. The bound is reached only where unknown peers may
// connect, or behind relays.
func (r *routes) forget() bool {
	for host, to := range r.byHost {
		if last := to.via.Load(); last == nil || !last.out.Usable() {
			delete(r.byHost, host)
			return true
		}
	}
	return false
}

// up adds a connection of a peer, which is the way to the peer itself.
func (r *routes) up(c *connection, realm string) {
	if to := r.add([]byte(c.peer)); to != nil {
		to.pass(c, []byte(realm))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.peers == nil {
		r.peers = map[string][]*connection{}
	}
	r.peers[c.peer] = append(r.peers[c.peer], c)
}

// down removes a connection.
func (r *routes) down(c *connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	left := slices.DeleteFunc(r.peers[c.peer], func(other *connection) bool { return other == c })
	if len(left) == 0 {
		delete(r.peers, c.peer)
		return
	}
	r.peers[c.peer] = left
}

// connection returns the connection to use for a request to the gateway: the one its last request came over or, if that
// is gone, the newest of the same peer. It is nil while the peer is away.
func (r *routes) connection(to *route) *connection {
	last := to.via.Load()
	if last == nil || last.out.Usable() {
		return last
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, c := range slices.Backward(r.peers[last.peer]) {
		if c.out.Usable() {
			return c
		}
	}
	return nil
}

// pass notes that a request of the gateway came over a connection.
func (to *route) pass(c *connection, realm []byte) {
	if to.via.Load() != c {
		to.via.Store(c)
	}
	if known := to.realm.Load(); len(realm) != 0 && (known == nil || *known != string(realm)) {
		name := string(realm)
		to.realm.Store(&name)
	}
}

// enter holds the Origin-Host of a request against who sent it, and notes the way back. A peer that is no relay speaks
// for itself only: otherwise it could report usage into the sessions of any other gateway and, with an Origin-State-Id,
// release them all.
func (c *connection) enter(m *diameter.Message) refusal {
	if host := c.reader.command.OriginHost; c.speaker == nil || string(host) != string(c.spelled) {
		c.direct = equalFold(host, c.peer)
		if !c.direct && !c.relay {
			c.gateway.spoofed(c, host)
			return invalid(c.reader.root.at(atOriginHost))
		}
		c.speaker = c.gateway.routes.add(host)
		c.spelled = append(c.spelled[:0], host...)
		if c.speaker == nil {
			return accepted
		}
	}
	var realm []byte
	if at := c.reader.root.at(atOriginRealm); at != diameter.Root {
		realm = m.Data(at)
	}
	c.speaker.pass(c, realm)
	if at := c.reader.root.at(atStateID); !c.direct && at != diameter.Root {
		c.noteState(c.speaker, c.reader.command.OriginHost, c.reader.uint32(at))
	}
	return accepted
}

// noteState takes the Origin-State-Id of a gateway behind a relay; those of peers are the base protocol's. Only a
// greater one means a restart (RFC 6733 section 8.16).
func (c *connection) noteState(to *route, host []byte, id uint32) {
	known := to.stateID.Load()
	if id <= known || !to.stateID.CompareAndSwap(known, id) || known == 0 {
		return
	}
	now, last := c.now(), to.restarted.Load()
	if last != 0 && now-last < int64(restartPause) {
		return
	}
	to.restarted.Store(max(now, 1))
	c.gateway.options.PeerRestarted(string(host))
}

// spoofed counts a request under a name that is not the peer's, and logs the first of a connection.
func (g *Gateway) spoofed(c *connection, host []byte) {
	g.counters.spoofed.Add(1)
	if c.warned {
		return
	}
	c.warned = true
	g.options.Logger.Warn("a peer that is no relay sends requests of another host; if it is one, set relay in diameter.peers",
		"peer", c.peer, "origin_host", strings.ToValidUTF8(string(host), "?"))
}
