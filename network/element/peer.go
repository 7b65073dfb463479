package element

import (
	"errors"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/avp"
)

// watchdogJitter is the range in which RFC 3539 s. 3.4.1 wants Tw to vary: +-2 s.
const watchdogJitter = 2 * time.Second

func (e *Element) handleEvent(event linkEvent) {
	switch event.kind {
	case linkUp:
		e.link, e.leavingAt, e.lastHeard, e.watchdogAt = event.link, time.Time{}, event.at, time.Time{}
		if e.everUp {
			e.report.Reconnects++
		}
		e.everUp, e.lastFailure, e.silence = true, "", e.drawWatchdog()
		e.o.Logger.Info("connected", "server", event.link.conn.RemoteAddr())
	case linkFrame:
		if event.link == e.link {
			e.lastHeard, e.watchdogAt = event.at, time.Time{}
			e.receive(event.frame, event.at)
		}
	case linkDown:
		if event.link == e.link {
			e.link = nil
			if e.phase == disconnecting || !e.leavingAt.IsZero() {
				e.o.Logger.Info("disconnected") // one of the two said so by DPR; who closed first does not matter
			} else {
				e.o.Logger.Info("connection lost", "error", event.err)
			}
			e.interrupt()
		}
	case linkFailed:
		e.fail(event.err)
	}
}

// fail counts a failed attempt to connect. The first refusal by a server that was never reached before is final: it is a matter
// of configuration. Everything else may pass.
func (e *Element) fail(err error) {
	e.report.ConnectFailures++
	if reason := err.Error(); reason != e.lastFailure {
		e.lastFailure = reason
		e.o.Logger.Warn("no connection, will keep trying", "error", err)
	}
	var refused *RefusedError
	if !e.everUp && errors.As(err, &refused) {
		e.runErr, e.phase = refused, finished
	}
}

func (e *Element) receive(frame []byte, at time.Time) {
	h := parseHeader(frame)
	switch {
	case !h.request() && h.command == diam.CreditControl:
		e.receiveAnswer(h, frame, at)
	case !h.request() && h.command == diam.DisconnectPeer:
		e.link.close()
	case !h.request(): // a DWA has done its work by being heard
	case h.command == diam.DeviceWatchdog:
		e.answer(h, resultSuccess, "", nil)
	case h.command == diam.DisconnectPeer:
		// The peer closes after the DPA; what is in flight may still be answered until then.
		e.answer(h, resultSuccess, "", nil)
		e.leavingAt = at
	case h.command == diam.ReAuth && h.app == creditControl:
		e.receiveReauth(h, frame)
	case h.command == diam.AbortSession && h.app == creditControl:
		e.receiveAbort(h, frame)
	default:
		e.answer(h, diam.CommandUnsupported, "", nil)
	}
}

// sessionRequest is what an element reads of an RAR or ASR.
type sessionRequest struct {
	sessionID string
	group     *uint32
}

func (e *Element) parseSessionRequest(frame []byte) (sessionRequest, error) {
	m, err := decodeMessage(e.dict, frame)
	if err != nil {
		return sessionRequest{}, err
	}
	var r sessionRequest
	for _, v := range m.AVP {
		switch {
		case v.VendorID == 0 && v.Code == avp.SessionID:
			r.sessionID = textOf(v)
		case v.VendorID == 0 && v.Code == avp.RatingGroup:
			n := uint32Of(v)
			r.group = &n
		}
	}
	if r.sessionID == "" {
		return r, errors.New("request without Session-Id")
	}
	return r, nil
}

// receiveReauth answers an RAR with 2002, which promises a CCR-U (RFC 8506 s. 5.5), and puts the session in front.
func (e *Element) receiveReauth(h header, frame []byte) {
	e.report.ReauthRequests++
	r, err := e.parseSessionRequest(frame)
	if err != nil {
		e.answer(h, diam.MissingAVP, r.sessionID, err)
		return
	}
	s := e.sessions[r.sessionID]
	if s == nil || s.state != sessionOpen {
		e.answer(h, resultUnknownSession, r.sessionID, nil)
		return
	}
	e.answer(h, resultLimitedSuccess, r.sessionID, nil)
	if s.reauth && (s.reauthGroup == nil || r.group == nil || *s.reauthGroup != *r.group) {
		r.group = nil // two RARs before one CCR-U: report everything
	}
	s.reauth, s.reauthGroup = true, r.group
	e.urgent.push(s)
}

// receiveAbort answers an ASR with 2001 and terminates the session (RFC 6733 s. 8.5).
func (e *Element) receiveAbort(h header, frame []byte) {
	e.report.AbortRequests++
	r, err := e.parseSessionRequest(frame)
	if err != nil {
		e.answer(h, diam.MissingAVP, r.sessionID, err)
		return
	}
	s := e.sessions[r.sessionID]
	if s == nil || s.oneTime {
		e.answer(h, resultUnknownSession, r.sessionID, nil)
		return
	}
	e.answer(h, resultSuccess, r.sessionID, nil)
	s.aborted = true
	e.urgent.push(s)
}

// answer replies to a request of the server. Protocol errors (3xxx) carry the E flag.
func (e *Element) answer(h header, result uint32, sessionID string, cause error) {
	if cause != nil {
		e.o.Logger.Warn("cannot serve request of the server", "command", h.command, "error", cause)
	}
	flags := h.flags & diam.ProxiableFlag
	if result/1000 == 3 {
		flags |= diam.ErrorFlag
	}
	m := newMessage(e.dict, h.command, flags, h.app, h.hopByHop, h.endToEnd)
	if sessionID != "" {
		m.AddAVP(base(avp.SessionID, text(sessionID)))
	}
	m.AddAVP(base(avp.ResultCode, u32(result)))
	e.sendControl(m)
}

// sendControl completes a message with the element's identity and sends it beside the pace.
func (e *Element) sendControl(m *diam.Message) {
	m.AddAVP(base(avp.OriginHost, identity(e.o.OriginHost)))
	m.AddAVP(base(avp.OriginRealm, identity(e.o.OriginRealm)))
	if e.o.sendsStateID() && m.Header.CommandCode == diam.DeviceWatchdog {
		m.AddAVP(base(avp.OriginStateID, u32(e.o.OriginStateID)))
	}
	frame, err := m.Serialize()
	if err != nil { // every AVP is built here with data, so this is a bug
		panic("element: serialise: " + err.Error())
	}
	e.link.send(frame)
}

// watch sends a DWR on a connection that has been silent for Tw and closes it when another Tw brings nothing (RFC 3539).
func (e *Element) watch(now time.Time) {
	if e.link == nil {
		return
	}
	switch {
	case !e.leavingAt.IsZero():
		if now.Sub(e.leavingAt) >= disconnectTimeout {
			e.link.close() // the peer that sent the DPR was to close
		}
	case !e.watchdogAt.IsZero():
		if now.Sub(e.watchdogAt) >= e.o.Watchdog {
			e.o.Logger.Warn("server answers no watchdog, closing the connection")
			e.link.close()
			e.watchdogAt = now // until the reader has seen it
		}
	case now.Sub(e.lastHeard) >= e.silence:
		m := newMessage(e.dict, diam.DeviceWatchdog, diam.RequestFlag, 0, e.nextHopByHop(), e.nextEndToEnd())
		e.sendControl(m)
		e.report.WatchdogsSent++
		e.watchdogAt, e.silence = now, e.drawWatchdog()
	}
}

func (e *Element) drawWatchdog() time.Duration {
	return e.o.Watchdog - watchdogJitter + time.Duration(e.rng.Int64N(int64(2*watchdogJitter)))
}

// Disconnect-Cause REBOOTING, RFC 6733 s. 5.4.3: the element may come back.
const disconnectRebooting = 0

func (e *Element) sendDisconnect() {
	m := newMessage(e.dict, diam.DisconnectPeer, diam.RequestFlag, 0, e.nextHopByHop(), e.nextEndToEnd())
	m.AddAVP(base(avp.DisconnectCause, enum(disconnectRebooting)))
	e.sendControl(m)
}
