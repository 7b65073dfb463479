package gy

import (
	"encoding/binary"
	"fmt"
	"slices"

	"gyro/charging"
	"gyro/charging/diameter"
	"gyro/internal/instant"
)

// dayGateway is a gateway of a maker: its connection, and the requests that it waits for answers to.
type dayGateway struct {
	*maker
	w        *day
	conn     *connection // nil while it is away
	out      *recorder
	stateID  uint32
	hopByHop uint32
	endToEnd uint32
	started  int
	sent     map[uint32]*dayRequest // by hop-by-hop identifier
	open     []*dayRequest          // without an answer, oldest first
	sessions []*daySession
}

// dayRequest is a Credit-Control-Request, however often it is sent.
type dayRequest struct {
	g          *dayGateway
	s          *daySession // nil for an event
	who        *daySubscriber
	kind       charging.RequestType
	id         string
	number     uint32
	parts      []dayPart
	recipients []string
	octets     []byte
	endToEnd   uint32
	attempts   int
	over       *connection
	done       bool // answered, or given up
	then       func(*dayAnswer)

	// What became of it at the server, for the books.
	accepted   bool
	acceptedAt instant.Instant
	answer     []byte
}

const (
	dayTx       = 10 * instant.Second // Tx of RFC 8506 section 13
	dayAttempts = 4
)

// connect opens a connection.
func (g *dayGateway) connect() {
	g.out = &recorder{t: g.w.t}
	peer := g.host
	if g.relayed {
		peer = "dra.example"
	}
	g.conn = newConnection(g.w.server, g.out, peer)
	g.w.server.up(g.conn, g.realm)
	for _, r := range slices.Clone(g.open) {
		g.transmit(r) // over a new connection: with the T bit
	}
}

// disconnect loses the connection, and the answers that are under way.
func (g *dayGateway) disconnect() {
	if g.conn == nil {
		return
	}
	g.out.unusable = true
	g.w.server.down(g.conn)
	g.conn = nil
	g.w.count("reconnects")
}

// restart loses all sessions: no termination will come.
func (g *dayGateway) restart() {
	g.disconnect()
	for _, r := range g.open {
		r.done = true
	}
	for _, s := range g.sessions {
		s.gone = true
	}
	g.open, g.sessions = nil, nil
	g.stateID++
	g.w.count("restarts " + g.profile)
	g.w.clock.in(g.w.dice.span(instant.Second, instant.Minute), func() {
		if !g.relayed {
			g.w.server.PeerRestarted(g.host, g.stateID-1, g.stateID)
		}
		g.connect()
	})
}

// send sends a new request.
func (g *dayGateway) send(r *dayRequest) {
	g.endToEnd++
	r.g, r.endToEnd = g, g.endToEnd
	r.octets = g.encode(r)
	g.open = append(g.open, r)
	g.w.count("requests " + g.profile)
	g.transmit(r)
}

// transmit sends a request, for the first time or again.
func (g *dayGateway) transmit(r *dayRequest) {
	if g.conn == nil {
		return // once it is connected again
	}
	g.hopByHop++
	b := slices.Clone(r.octets)
	binary.BigEndian.PutUint32(b[12:], g.hopByHop)
	if r.attempts++; r.attempts > 1 {
		g.w.count("retransmissions")
		if r.over != g.conn || g.w.dice.chance(300) {
			b[4] |= diameter.FlagRetransmitted
			g.w.count("retransmissions with T")
		}
	}
	r.over = g.conn
	g.sent[g.hopByHop] = r
	g.arrive(b, g.w.dice.span(2, 200))
	if g.w.dice.chance(5) { // the network has it twice
		g.arrive(b, g.w.dice.span(2, 5000))
	}
	attempt := r.attempts
	g.w.clock.in(dayTx, func() {
		switch {
		case r.done || r.attempts != attempt || g.conn == nil:
		case attempt >= dayAttempts:
			g.w.count("given up")
			g.settle(r)
			if r.s != nil {
				r.s.gone = true // it ends without a word
			}
		default:
			g.transmit(r)
		}
	})
}

// arrive has a request come to the server, unless it is lost.
func (g *dayGateway) arrive(b []byte, after instant.Span) {
	if g.w.dice.chance(6) {
		g.w.count("lost requests")
		return
	}
	over := g.conn
	g.w.clock.in(after, func() {
		if over != g.conn {
			return
		}
		var m diameter.Message
		if r := m.Parse(slices.Clone(b), diameter.Limits{Flags: g.w.profiles[g.host].Flags}); !r.OK() {
			g.w.t.Fatalf("%s: the codec refuses a request: %s", g.host, r)
		}
		over.serve(&m)
		over.servedBatch()
		g.harvest()
	})
}

// harvest takes what the server has sent.
func (g *dayGateway) harvest() {
	for _, b := range messages(g.out.take()) {
		var m diameter.Message
		if r := m.Parse(b, diameter.Limits{}); !r.OK() {
			g.w.t.Fatalf("%s: the codec refuses what the server sends: %s", g.host, r)
		}
		over := g.conn
		if m.IsRequest() {
			g.w.clock.in(g.w.dice.span(1, 100), func() {
				if over == g.conn {
					g.asked(b)
				}
			})
			continue
		}
		r := g.sent[m.HopByHop]
		if r == nil || r.endToEnd != m.EndToEnd {
			g.w.t.Fatalf("%s: an answer to nothing", g.host)
		}
		a := readAnswer(&m)
		g.w.books.answered(r, b, &a)
		if g.w.dice.chance(6) {
			g.w.count("lost answers")
			continue
		}
		g.w.clock.in(g.w.dice.span(2, 200), func() {
			if over == g.conn {
				g.receive(r, &a)
			}
		})
	}
}

// settle ends the wait for an answer.
func (g *dayGateway) settle(r *dayRequest) {
	r.done = true
	g.open = slices.DeleteFunc(g.open, func(other *dayRequest) bool { return other == r })
}

func (g *dayGateway) receive(r *dayRequest, a *dayAnswer) {
	if r.done {
		return
	}
	if a.result == diameter.ResultTooBusy {
		g.w.count("too busy")
		attempt := r.attempts
		g.w.clock.in(g.w.dice.span(instant.Second, 3*instant.Second), func() {
			if !r.done && r.attempts == attempt {
				g.transmit(r)
			}
		})
		return
	}
	g.settle(r)
	if g.w.dice.chance(10) && g.conn != nil { // a copy that was on its way for minutes, but not longer than answers are kept
		late := slices.Clone(r.octets)
		g.hopByHop++
		binary.BigEndian.PutUint32(late[12:], g.hopByHop)
		late[4] |= diameter.FlagRetransmitted
		g.sent[g.hopByHop] = r
		g.arrive(late, g.w.dice.span(30*instant.Second, 4*instant.Minute))
	}
	if r.then != nil {
		r.then(a)
	}
}

// asked is what the server wants of a session: a Re-Auth-Request or an Abort-Session-Request.
func (g *dayGateway) asked(b []byte) {
	var m diameter.Message
	if r := m.Parse(b, diameter.Limits{}); !r.OK() {
		g.w.t.Fatal(r)
	}
	id := string(m.Data(m.Find(diameter.AVPSessionID)))
	name := map[uint32]string{diameter.CmdReAuth: "RAR", diameter.CmdAbortSession: "ASR"}[m.Command]
	g.w.count(name + " " + g.profile)
	n := slices.IndexFunc(g.sessions, func(s *daySession) bool { return s.id == id && !s.gone })
	result := diameter.ResultLimitedSuccess
	switch {
	case n < 0 || g.w.dice.chance(20):
		result = diameter.ResultUnknownSessionID
		g.w.count("lost sessions")
	case g.w.dice.chance(50):
		g.w.count("unanswered " + name)
		return
	}
	answer := diameter.AppendHeader(nil, diameter.FlagProxiable, m.Command, diameter.AppCreditControl, m.HopByHop, m.EndToEnd)
	answer = diameter.AppendString(answer, diameter.AVPSessionID, id)
	answer = diameter.AppendResult(answer, result)
	answer = g.origin(answer)
	diameter.FinishMessage(answer, 0)
	var parsed diameter.Message
	if r := parsed.Parse(answer, diameter.Limits{}); !r.OK() {
		g.w.t.Fatal(r)
	}
	g.w.server.serveAnswer(g.conn, &parsed)
	switch {
	case n < 0:
	case result == diameter.ResultUnknownSessionID:
		g.sessions[n].gone = true
	case m.Command == diameter.CmdAbortSession:
		g.sessions[n].terminate()
	default:
		g.sessions[n].reauthorise()
	}
}

// begin opens a session of a subscriber.
func (g *dayGateway) begin(who *daySubscriber) {
	if g.conn == nil {
		return
	}
	g.started++
	s := &daySession{
		g: g, who: who, id: fmt.Sprintf("%s;%d;%d", g.host, g.stateID, g.started),
		ends: g.w.clock.now.Add(g.w.dice.span(instant.Minute, longest)),
	}
	g.sessions = append(g.sessions, s)
	g.w.count("sessions " + g.profile)
	s.open()
}

// message sends a message to several recipients.
func (g *dayGateway) message(who *daySubscriber) {
	if g.conn == nil {
		return
	}
	g.started++
	r := &dayRequest{who: who, kind: charging.Event, id: fmt.Sprintf("%s;%d;%d", g.host, g.stateID, g.started)}
	for range g.w.dice.between(1, 5) {
		r.recipients = append(r.recipients, fmt.Sprintf("4917%08d", g.w.dice.IntN(1e8)))
	}
	if g.w.dice.chance(300) {
		g.reserve(r)
		return
	}
	g.send(r)
}

// reserve sends the message as a session: reserved before it is delivered, debited for those who got it.
func (g *dayGateway) reserve(r *dayRequest) {
	q := &dayQuota{group: messageGroup}
	r.kind = charging.Initial
	r.parts = []dayPart{{quota: q, asks: true, wants: uint64(len(r.recipients))}}
	r.then = func(a *dayAnswer) {
		if a.result != diameter.ResultSuccess {
			return
		}
		g.w.count("messages reserved")
		last := &dayRequest{who: r.who, kind: charging.Termination, id: r.id, number: 1, recipients: r.recipients}
		if grant, _ := a.of(messageGroup); grant.grants {
			delivered := uint64(g.w.dice.between(0, int64(len(r.recipients))))
			last.parts = []dayPart{{quota: q, before: delivered, reports: true, reason: reasonFinal}}
		}
		g.w.clock.in(g.w.dice.span(instant.Second, 20*instant.Second), func() { g.send(last) })
	}
	g.send(r)
}
