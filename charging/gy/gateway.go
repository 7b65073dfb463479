package gy

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"

	"gyro/charging"
	"gyro/charging/diameter"
)

// Submitter is the charging core as this package needs it.
type Submitter interface {
	// Submit takes a request to be applied and answered through t.To, once and later. It has encoded the command
	// when it returns, so that the command and what it refers to may change afterwards; t.Extra stays as it is and
	// belongs to the ticket. False means that the core is overloaded: nothing has been applied, and t.To will not
	// be called. It is called from several goroutines and does not block.
	Submit(c *charging.CreditControl, t charging.Ticket) bool
}

// Options configure a Gateway.
type Options struct {
	// Core is where requests go. Required.
	Core Submitter
	// Identity is the Origin-Host and Origin-Realm of answers, the same as the Diameter server's. Required.
	Identity diameter.Identity
	// Default is the profile of peers that Profiles does not name. The zero value is Lenient.
	Default Profile
	// Profiles are the profiles by Origin-Host of the request: behind a Diameter agent, gateways of several makers
	// share one connection. Letter case makes no difference.
	Profiles map[string]Profile
	// Relays are the Origin-Hosts of peers that may send requests of other hosts: Diameter agents. Others speak for
	// themselves only.
	Relays []string
	// Notices are what the core wants of gateways unasked. Without it they are asked nothing.
	Notices *Notices
	// Logger gets what an operator should know of peers; without it nobody is told.
	Logger *slog.Logger
	// Limits are those of the Diameter server; a profile replaces their flag check for the peer's connections.
	Limits diameter.Limits
	// PeerRestarted is told that a gateway has lost its sessions (RFC 6733 section 8.16), so that the core may
	// release them. It is called from a connection's goroutine before any request of the restarted gateway. Required,
	// because reservations would otherwise stay until supervision ends.
	PeerRestarted func(originHost string)
	// Now returns monotonic nanoseconds of the clock by which the core measures its latency; it is read once for
	// all requests that arrive together. Without it tickets carry no time and the core has to look itself.
	Now func() int64
}

// Validate reports what is missing or out of range.
func (o *Options) Validate() error {
	switch {
	case o.Core == nil:
		return errors.New("gy: no core to submit requests to")
	case o.Identity.Host == "" || o.Identity.Realm == "":
		return errors.New("gy: Origin-Host and Origin-Realm of answers must be set")
	case o.PeerRestarted == nil:
		return errors.New("gy: no one to tell of restarted gateways")
	}
	if err := o.Limits.Validate(); err != nil {
		return fmt.Errorf("gy: %w", err)
	}
	if o.Default != (Profile{}) {
		if err := o.Default.Validate(); err != nil {
			return fmt.Errorf("gy: default: %w", err)
		}
	}
	for host, p := range o.Profiles {
		if len(host) == 0 || len(host) > maxHost {
			return fmt.Errorf("gy: profile %q for an Origin-Host of %d octets: must be 1 to %d", p.Name, len(host), maxHost)
		}
		if err := p.Validate(); err != nil {
			return fmt.Errorf("gy: %s: %w", host, err)
		}
	}
	return nil
}

// maxHost is the longest Origin-Host in octets: the longest domain name (RFC 1035 section 2.3.4).
const maxHost = 255

// Gateway is the Diameter handler of the credit-control application. One serves all connections.
type Gateway struct {
	options  Options
	fallback Profile
	profiles map[string]*Profile
	// origin is the part that all answers share: Origin-Host, Origin-Realm and Auth-Application-Id, encoded.
	origin   []byte
	shares   shares
	routes   routes
	relays   map[string]bool // in lower case
	counters counters
}

// Counters count messages since the Gateway was made.
type Counters struct {
	Submitted   uint64 // requests that became commands
	Answered    uint64 // outcomes that became answers
	Refused     uint64 // requests that were answered here because something is wrong with them
	Busy        uint64 // requests that the core was too busy for
	Unsolicited uint64 // answers to requests that were not sent, or that are late
	Spoofed     uint64 // refused because a peer that is no relay sent them for another host
}

type counters struct {
	submitted, answered, refused, busy, unsolicited, spoofed atomic.Uint64
}

var _ diameter.BatchHandler = (*Gateway)(nil)

// New returns a Gateway. It keeps no reference to the maps of the options.
func New(o Options) (*Gateway, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	g := &Gateway{options: o, fallback: o.Default, profiles: make(map[string]*Profile, len(o.Profiles))}
	if o.Default == (Profile{}) {
		g.fallback = Lenient()
	}
	g.fallback.client = g.fallback.capabilities()
	for host, p := range o.Profiles {
		lower := string(appendLower(nil, []byte(host)))
		if g.profiles[lower] != nil {
			return nil, fmt.Errorf("gy: two profiles for Origin-Host %s", lower)
		}
		p.client = p.capabilities()
		g.profiles[lower] = &p
	}
	g.options.Profiles = nil
	g.relays = make(map[string]bool, len(o.Relays))
	for _, host := range o.Relays {
		g.relays[strings.ToLower(host)] = true
	}
	if o.Notices != nil {
		o.Notices.gateway = g
	}
	if o.Logger == nil {
		g.options.Logger = slog.New(slog.DiscardHandler)
	}
	g.origin = diameter.AppendString(g.origin, diameter.AVPOriginHost, o.Identity.Host)
	g.origin = diameter.AppendString(g.origin, diameter.AVPOriginRealm, o.Identity.Realm)
	g.origin = diameter.AppendUint32(g.origin, diameter.AVPAuthApplicationID, diameter.AppCreditControl)
	return g, nil
}

// Counters returns the counts so far.
func (g *Gateway) Counters() Counters {
	return Counters{
		Submitted:   g.counters.submitted.Load(),
		Answered:    g.counters.answered.Load(),
		Refused:     g.counters.refused.Load(),
		Busy:        g.counters.busy.Load(),
		Unsolicited: g.counters.unsolicited.Load(),
		Spoofed:     g.counters.spoofed.Load(),
	}
}

// profileOf returns the profile for an Origin-Host.
func (g *Gateway) profileOf(host []byte) *Profile {
	if len(g.profiles) == 0 || len(host) > maxHost {
		return &g.fallback
	}
	var lower [maxHost]byte
	if p := g.profiles[string(appendLower(lower[:0], host))]; p != nil {
		return p
	}
	return &g.fallback
}

func appendLower(dst, b []byte) []byte {
	for _, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// PeerUp prepares a connection for requests.
func (g *Gateway) PeerUp(c *diameter.Conn) {
	limits := g.options.Limits
	if p := g.profileOf([]byte(c.OriginHost())); p.Flags != diameter.FlagsStandard {
		limits.Flags = p.Flags
	}
	c.SetLimits(limits)
	connection := newConnection(g, c, c.OriginHost())
	connection.share = g.shares.enter(c.OriginHost())
	c.Attach(connection)
	g.up(connection, c.OriginRealm())
}

// up makes a connection a way to its peer.
func (g *Gateway) up(c *connection, realm string) {
	g.routes.up(c, realm)
	if n := g.options.Notices; n != nil {
		n.nudge()
	}
}

// down ends a connection as a way to its peer: what waits for an answer on it is sent again.
func (g *Gateway) down(c *connection) {
	g.routes.down(c)
	if n := g.options.Notices; n != nil {
		n.lost(c)
	}
}

// PeerDown gives up the peer's share. Requests in flight stay with the core, whose answers a closed connection drops.
func (g *Gateway) PeerDown(c *diameter.Conn, _ error) {
	g.shares.leave(c.OriginHost())
	g.down(c.Attached().(*connection))
}

// PeerRestarted passes on that a gateway has lost its sessions.
func (g *Gateway) PeerRestarted(originHost string, _, _ uint32) { g.options.PeerRestarted(originHost) }

// ServeRequest submits or refuses a Credit-Control-Request.
func (g *Gateway) ServeRequest(c *diameter.Conn, m *diameter.Message) {
	c.Attached().(*connection).serve(m)
}

// ServeAnswer takes the answer to a notice, and counts one that belongs to no request.
func (g *Gateway) ServeAnswer(c *diameter.Conn, m *diameter.Message) {
	g.serveAnswer(c.Attached().(*connection), m)
}

func (g *Gateway) serveAnswer(c *connection, m *diameter.Message) {
	if n := g.options.Notices; n == nil || !n.answered(c, m) {
		g.counters.unsolicited.Add(1)
	}
}

// ServedBatch sends the refusals among the requests that arrived together.
func (g *Gateway) ServedBatch(c *diameter.Conn) { c.Attached().(*connection).servedBatch() }
