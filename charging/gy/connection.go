package gy

import (
	"strings"
	"sync/atomic"

	"gyro/charging"
	"gyro/charging/diameter"
)

// output is the connection that answers go to, satisfied by diameter.Conn.
type output interface {
	Lock() []byte
	Unlock(buf []byte)
	Flush()
	Done(n int)
	// Usable reports whether a request may be sent to the peer.
	Usable() bool
	NextHopByHop() uint32
	NextEndToEnd() uint32
}

var _ output = (*diameter.Conn)(nil)

// proxyInfoChunk is how many octets are allocated at once for the Proxy-Info of requests in flight. A Proxy-Info is
// some 60 octets, so that one allocation serves tens of requests; chunks live as long as a ticket refers to them.
const proxyInfoChunk = 4 << 10

// connection is what the Gateway keeps for a connection. Answer and Flush are called by the core's
// goroutines and use the output and the mark beside it only; all else belongs to the goroutine that reads the
// connection.
type connection struct {
	gateway *Gateway
	out     output
	share   *charging.Share // the peer's, nil in tests without one
	reader  reader
	peer    string // Origin-Host of the peer's CER, in lower case
	relay   bool   // it may send requests of others
	warned  bool   // that it did without being one

	// Of the last request: its Origin-Host as it is spelled, whether that is the peer's, and the way back.
	spelled []byte
	direct  bool
	speaker *route

	proxyInfo []byte // the rest of the current chunk
	arrived   int64  // when the current batch of requests arrived
	inBatch   bool   // arrived is set
	refused   bool   // refusals wait for a flush

	unsent atomic.Bool // answers wait for a flush that has been asked for
}

var _ charging.Recipient = (*connection)(nil)

func newConnection(g *Gateway, out output, peer string) *connection {
	peer = strings.ToLower(peer)
	return &connection{gateway: g, out: out, peer: peer, relay: g.relays[peer]}
}

// serve submits a request or refuses it.
func (c *connection) serve(m *diameter.Message) {
	if m.Command != diameter.CmdCreditControl {
		c.refuse(m, refuse(diameter.ResultCommandUnsupported))
		return
	}
	if r := c.reader.read(c.gateway, m); !r.ok() {
		c.refuse(m, r)
		return
	}
	if r := c.enter(m); !r.ok() {
		c.refuse(m, r)
		return
	}
	ticket := charging.Ticket{
		To:       c,
		From:     c.share,
		Extra:    c.keepProxyInfo(m),
		Arrived:  c.now(),
		HopByHop: m.HopByHop,
		EndToEnd: m.EndToEnd,
		Flags:    m.Flags,
	}
	// Counted before the core may answer, so that answers never outnumber what was submitted.
	c.gateway.counters.submitted.Add(1)
	if !c.gateway.options.Core.Submit(&c.reader.command, ticket) {
		c.gateway.counters.submitted.Add(^uint64(0))
		c.gateway.counters.busy.Add(1)
		c.answerRefusal(m, refuse(diameter.ResultTooBusy))
	}
}

// now returns the arrival time of the requests that were read together.
func (c *connection) now() int64 {
	if !c.inBatch && c.gateway.options.Now != nil {
		c.inBatch, c.arrived = true, c.gateway.options.Now()
	}
	return c.arrived
}

func (c *connection) servedBatch() {
	c.inBatch = false
	if c.refused {
		c.refused = false
		c.out.Flush()
	}
}

func (c *connection) refuse(m *diameter.Message, r refusal) {
	c.gateway.counters.refused.Add(1)
	c.answerRefusal(m, r)
}

// answerRefusal appends the answer to a request that does not become a command.
func (c *connection) answerRefusal(m *diameter.Message, r refusal) {
	buf := c.out.Lock()
	buf = diameter.AppendErrorAnswer(buf, m, &c.gateway.options.Identity, r.result, r.failure,
		diameter.AVPCCRequestType, diameter.AVPCCRequestNumber)
	c.out.Unlock(buf)
	c.out.Done(1)
	c.refused = true
}

// keepProxyInfo returns a copy of the request's Proxy-Info AVPs that outlives the message, nil if it has none.
func (c *connection) keepProxyInfo(m *diameter.Message) []byte {
	if !c.reader.root.has(atProxyInfo) {
		return nil
	}
	before := c.proxyInfo
	kept := diameter.AppendProxyInfo(before, m)
	if cap(kept) != cap(before) {
		// What is left of the chunk was too small, and append has moved all to a slice of its own.
		c.proxyInfo = make([]byte, 0, proxyInfoChunk)
		return kept
	}
	c.proxyInfo = kept[len(kept):]
	return kept[:len(kept):len(kept)]
}

// Answer appends the Credit-Control-Answer for an outcome. It asks for a flush unless one has been asked for since the
// last: that one will send this answer, too, so that a batch of a thousand answers flushes once.
func (c *connection) Answer(t *charging.Ticket, request *charging.CreditControl, outcome *charging.Outcome) (flush bool) {
	buf := c.out.Lock()
	buf = c.gateway.appendAnswer(buf, t, request, outcome)
	c.gateway.counters.answered.Add(1) // before another shard's flush takes the answer along
	c.out.Unlock(buf)
	c.out.Done(1)
	return !c.unsent.Swap(true)
}

// Flush sends what Answer appended. The mark is cleared first: an answer that comes in between asks for another flush,
// which at worst sends nothing.
func (c *connection) Flush() {
	c.unsent.Store(false)
	c.out.Flush()
}
