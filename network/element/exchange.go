package element

import (
	"errors"
	"fmt"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
)

// An exchange is one CCR and its answers. A CCR that is repeated, by choice or because its connection broke, is one exchange
// of several transmissions: same bytes, same End-to-End identifier, another Hop-by-Hop.
type exchange struct {
	session  *session
	request  request
	frame    []byte
	endToEnd uint32
	number   uint32

	sent        int    // transmissions so far
	outstanding int    // of those: neither answered nor given up
	queued      bool   // waits in the element's queue of transmissions
	duplicate   bool   // is to be transmitted once more
	first       []byte // the first answer
	answer      *answer
}

// A transmission is a CCR on the wire.
type transmission struct {
	exchange *exchange
	hopByHop uint32
	at       time.Time
}

// begin builds the session's next CCR and transmits it.
func (e *Element) begin(s *session, now time.Time) {
	req := s.plan(now, &e.o)
	x := &exchange{session: s, request: req, endToEnd: e.nextEndToEnd(), number: s.number}
	message := s.message(e.dict, &e.o, req, now, 0, x.endToEnd)
	frame, err := message.Serialize()
	if err != nil { // every AVP is built here with data, so this is a bug
		panic("element: serialise CCR: " + err.Error())
	}
	x.frame = frame
	for i := range req.usages {
		u := &req.usages[i]
		u.record()
		if u.consumed || req.kind == eventRequest {
			e.report.Used.add(u.service.unit, u.units)
		}
		if u.reason == reasonRatingCondition {
			e.report.AccessChanges++
		}
	}
	s.pending = x
	s.number++
	s.ccrs++
	e.count(req.kind)
	if e.rng.IntN(maxPermille) < e.o.RetransmitPermille {
		x.duplicate = true
	}
	e.transmit(x, now)
	// One in four repetitions overtakes the answer, as that of an impatient client does; the others follow it.
	if x.duplicate && e.rng.IntN(4) == 0 {
		e.enqueue(x)
	}
}

func (e *Element) count(kind requestType) {
	e.report.CCRTotal++
	switch kind {
	case initialRequest:
		e.report.CCRInitial++
	case updateRequest:
		e.report.CCRUpdate++
	case terminationRequest:
		e.report.CCRTerminate++
	case eventRequest:
		e.report.CCREvent++
	}
}

// transmit sends a CCR, with the T flag unless it is the first time.
func (e *Element) transmit(x *exchange, now time.Time) {
	repeated := x.sent > 0
	if repeated {
		e.report.Retransmissions++
		x.duplicate = false
	}
	t := &transmission{exchange: x, hopByHop: e.nextHopByHop(), at: now}
	e.inFlight[t.hopByHop] = t
	e.sentOrder.push(t)
	e.sentThisSecond++
	x.sent++
	x.outstanding++
	e.link.send(retransmission(x.frame, t.hopByHop, repeated))
}

// nextHopByHop leaves out identifiers in flight, and 0, which some servers (those on go-diameter among them) do not return.
func (e *Element) nextHopByHop() uint32 {
	for {
		e.hopByHop++
		if _, taken := e.inFlight[e.hopByHop]; !taken && e.hopByHop != 0 {
			return e.hopByHop
		}
	}
}

func (e *Element) nextEndToEnd() uint32 {
	if e.endToEnd++; e.endToEnd == 0 {
		e.endToEnd++
	}
	return e.endToEnd
}

// enqueue puts an exchange in line for a further transmission.
func (e *Element) enqueue(x *exchange) {
	if !x.queued {
		x.queued = true
		e.repeats.push(x)
	}
}

// receiveAnswer takes a Credit-Control-Answer.
func (e *Element) receiveAnswer(h header, frame []byte, at time.Time) {
	t, ok := e.inFlight[h.hopByHop]
	if !ok {
		e.report.AnswersUnmatched++
		return
	}
	delete(e.inFlight, h.hopByHop)
	x := t.exchange
	x.outstanding--
	e.report.AnswersTotal++
	e.report.Latency.Observe(uint64(max(at.Sub(t.at), 0) / time.Microsecond))
	a, err := e.checkAnswer(x, h, frame)
	if err != nil {
		e.report.AnswersMalformed++
		e.complain("malformed answer", x, err)
	}
	e.report.AnswersByResult[a.result]++
	if a.result == resultSuccess {
		e.report.Answers2001++
	}
	switch {
	case x.first == nil:
		x.first, x.answer = frame, a
		if x.duplicate {
			e.enqueue(x)
		}
	case a.notDelivered():
		// The other copy has its answer; this one never reached the application.
	case x.answer.notDelivered():
		x.first, x.answer = frame, a
	case !sameAnswer(x.first, frame):
		e.report.AnswerMismatches++
		e.complain("retransmission answered differently", x, nil)
	}
	e.settleIfDone(x, at)
}

// notDelivered reports whether the answer is a protocol error (RFC 6733 s. 7.1.3), for example too busy, of a copy that was
// not processed: it says nothing of what became of the request, and may differ from copy to copy.
func (a *answer) notDelivered() bool { return a.result >= 3000 && a.result < 4000 }

// checkAnswer decodes an answer and holds it against its request. With an error the answer is empty but for what could be
// read, which the session takes as a refusal.
func (e *Element) checkAnswer(x *exchange, h header, frame []byte) (*answer, error) {
	a, err := parseAnswer(e.dict, frame)
	if err == nil {
		err = x.contradiction(h, a)
	}
	if a == nil {
		a = &answer{}
	}
	return a, err
}

// contradiction says what in an answer does not belong to its request (RFC 6733 s. 6.2, RFC 8506 s. 3.2); nil if nothing.
func (x *exchange) contradiction(h header, a *answer) error {
	switch {
	case h.endToEnd != x.endToEnd:
		return fmt.Errorf("End-to-End %#x, want %#x", h.endToEnd, x.endToEnd)
	case h.app != creditControl:
		return fmt.Errorf("application %d, want %d", h.app, creditControl)
	case h.flags&diam.RetransmittedFlag != 0:
		return errors.New("answer with the T flag")
	case a.sessionID != x.session.id:
		return fmt.Errorf("Session-Id %q, want %q", a.sessionID, x.session.id)
	case a.result == 0:
		return errors.New("answer without Result-Code")
	case h.flags&diam.ErrorFlag != 0:
		return nil // the answer-message grammar has no credit-control AVPs
	case a.ccType != uint32(x.request.kind) || a.ccNumber != x.number:
		return fmt.Errorf("CC-Request-Type %d number %d, want %d and %d", a.ccType, a.ccNumber, x.request.kind, x.number)
	default:
		return nil
	}
}

// settleIfDone ends an exchange that has its answer and expects no other.
func (e *Element) settleIfDone(x *exchange, now time.Time) {
	if x.outstanding > 0 || x.queued || x.first == nil {
		return
	}
	e.finish(x, x.answer, now)
}

// expire gives up transmissions that have waited for Tx.
func (e *Element) expire(now time.Time) {
	for {
		t, ok := e.sentOrder.peek()
		if !ok {
			return
		}
		if e.inFlight[t.hopByHop] != t {
			e.sentOrder.pop() // answered
			continue
		}
		if now.Sub(t.at) < e.o.Tx {
			return
		}
		e.sentOrder.pop()
		delete(e.inFlight, t.hopByHop)
		e.report.Timeouts++
		x := t.exchange
		x.outstanding--
		if x.outstanding > 0 || x.queued {
			continue
		}
		if x.first == nil {
			e.finish(x, nil, now)
		} else {
			e.settleIfDone(x, now)
		}
	}
}

// interrupt puts every exchange whose transmission was lost with the connection in line for another, in their order.
func (e *Element) interrupt() {
	for {
		t, ok := e.sentOrder.pop()
		if !ok {
			return
		}
		if e.inFlight[t.hopByHop] != t {
			continue
		}
		delete(e.inFlight, t.hopByHop)
		t.exchange.outstanding--
		e.enqueue(t.exchange)
	}
}

// finish hands an exchange's answer to its session; nil: there was none.
func (e *Element) finish(x *exchange, a *answer, now time.Time) {
	s := x.session
	s.pending = nil
	opened := s.state == sessionNew
	granted := s.handle(x.request, a, now, e.o.Patience, func(cause uint32) { e.report.RefusalsByCause[cause]++ })
	e.report.Granted.merge(granted)
	e.countPortal(x, granted, now)
	if opened && s.state == sessionClosed && a != nil && !a.success() {
		e.report.SessionsRefused++
	}
	if s.state == sessionClosed {
		e.forget(s)
		return
	}
	e.deadlines.set(s)
	if !s.waiting(now) {
		e.makeReady(s)
	}
}

// countPortal counts whom an answer leads to a portal, and who comes back from one with credit.
func (e *Element) countPortal(x *exchange, granted Units, now time.Time) {
	if x.request.regain && granted != (Units{}) {
		e.report.WentOn++
	}
	for i := range x.request.usages {
		if v := x.request.usages[i].service; v.alive() && now.Before(v.waits) {
			e.report.Led++
		}
	}
}
