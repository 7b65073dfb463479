package gy

import (
	"gyro/charging"
	"gyro/charging/diameter"
)

// answer is what writing a Credit-Control-Answer goes by.
type answer struct {
	profile *Profile
	request *charging.CreditControl
	outcome *charging.Outcome
	result  charging.Result // of the command
}

// appendAnswer appends the Credit-Control-Answer for an outcome (RFC 8506 section 3.2).
func (g *Gateway) appendAnswer(dst []byte, t *charging.Ticket, request *charging.CreditControl, o *charging.Outcome) []byte {
	a := answer{profile: g.profileOf(request.OriginHost), request: request, outcome: o, result: commandResult(request, o)}
	start := len(dst)
	dst = diameter.AppendHeader(dst, t.Flags&diameter.FlagProxiable, diameter.CmdCreditControl,
		diameter.AppCreditControl, t.HopByHop, t.EndToEnd)
	dst = diameter.AppendBytes(dst, diameter.AVPSessionID, request.SessionID)
	dst = diameter.AppendResult(dst, a.profile.resultCode(a.result))
	dst = append(dst, g.origin...)
	dst = diameter.AppendUint32(dst, diameter.AVPCCRequestType, uint32(request.Type))
	dst = diameter.AppendUint32(dst, diameter.AVPCCRequestNumber, request.Number)
	if request.SubSession != 0 {
		dst = diameter.AppendUint64(dst, diameter.AVPCCSubSessionID, request.SubSession)
	}
	dst = a.appendHandling(dst)
	for i := range o.Services {
		dst = a.appendService(dst, &o.Services[i])
	}
	dst = a.appendMoney(dst)
	dst = append(dst, t.Extra...)
	dst = a.appendFailures(dst)
	diameter.FinishMessage(dst, start)
	return dst
}

// appendHandling appends what the client is to do when answers fail to come.
func (a *answer) appendHandling(dst []byte) []byte {
	p := a.profile
	switch {
	case a.result != charging.Success || a.request.Type == charging.Termination:
		return dst
	case a.request.Type == charging.Event:
		if p.DirectDebiting != DirectDebitingAbsent && a.request.Action == charging.DirectDebiting {
			dst = diameter.AppendUint32(dst, diameter.AVPDirectDebitingFailureHandling, uint32(p.DirectDebiting)-1)
		}
		return dst
	}
	if p.SessionFailover != FailoverAbsent {
		dst = diameter.AppendUint32(dst, diameter.AVPCCSessionFailover, uint32(p.SessionFailover)-1)
	}
	if p.FailureHandling != FailureHandlingAbsent {
		dst = diameter.AppendUint32(dst, diameter.AVPCreditControlFailureHandling, uint32(p.FailureHandling)-1)
	}
	return dst
}
