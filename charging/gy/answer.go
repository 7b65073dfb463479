package gy

import (
	"math"

	"gyro/charging"
	"gyro/charging/diameter"
	"gyro/internal/money"
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
	if request.Type == charging.Event {
		dst = a.appendEvent(dst)
	}
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

// appendService appends Multiple-Services-Credit-Control (RFC 8506 section 8.16), or its members on the level of the
// command if the request had its units there. Result-Code is then the command's, and the thresholds and the holding time
// are not sent: TS 32.299 has them in Multiple-Services-Credit-Control alone, and a client that knows the grammar of the
// answer refuses it for a mandatory AVP that has no place there.
func (a *answer) appendService(dst []byte, s *charging.ServiceOutcome) []byte {
	if s.Flags&charging.OutcomeBare != 0 {
		return appendQuota(dst, s)
	}
	dst, group := diameter.BeginGroup(dst, diameter.AVPMultipleServicesCreditControl)
	if s.Flags&charging.OutcomeServiceID != 0 {
		dst = diameter.AppendUint32(dst, diameter.AVPServiceIdentifier, s.ServiceID)
	}
	if s.Flags&charging.OutcomeRatingGroup != 0 {
		dst = diameter.AppendUint32(dst, diameter.AVPRatingGroup, s.RatingGroup)
	}
	dst = diameter.AppendResult(dst, a.profile.resultCode(s.Result))
	dst = appendQuota(dst, s)
	if s.Threshold != 0 {
		dst = diameter.AppendUint32(dst, thresholdOf(s.Unit), s.Threshold)
	}
	if s.Holding != 0 {
		dst = diameter.AppendUint32(dst, diameter.AVPQuotaHoldingTime, s.Holding)
	}
	diameter.EndGroup(dst, group)
	return dst
}

// appendQuota appends the grant and the terms on which RFC 8506 lets it be used.
func appendQuota(dst []byte, s *charging.ServiceOutcome) []byte {
	if s.Flags&charging.Grants != 0 {
		dst = appendGrant(dst, s)
	}
	if s.Validity != 0 {
		dst = diameter.AppendUint32(dst, diameter.AVPValidityTime, s.Validity)
	}
	if s.FinalUnit != charging.NoFinalUnit {
		var group int
		dst, group = diameter.BeginGroup(dst, diameter.AVPFinalUnitIndication)
		dst = diameter.AppendUint32(dst, diameter.AVPFinalUnitAction, uint32(s.FinalUnit)-1)
		diameter.EndGroup(dst, group)
	}
	return dst
}

// appendGrant appends Granted-Service-Unit (RFC 8506 section 8.17). CC-Time has 32 bits; 136 years do for a grant.
func appendGrant(dst []byte, s *charging.ServiceOutcome) []byte {
	dst, group := diameter.BeginGroup(dst, diameter.AVPGrantedServiceUnit)
	switch s.Unit {
	case charging.GrantSeconds:
		dst = diameter.AppendUint32(dst, diameter.AVPCCTime, uint32(min(s.Granted, math.MaxUint32)))
	case charging.GrantEvents:
		dst = diameter.AppendUint64(dst, diameter.AVPCCServiceSpecificUnits, s.Granted)
	case charging.GrantOctets:
		dst = diameter.AppendUint64(dst, diameter.AVPCCTotalOctets, s.Granted)
	}
	diameter.EndGroup(dst, group)
	return dst
}

// thresholdOf returns the AVP that tells how much of a grant is left when the client reports (TS 32.299 section
// 7.2.229 for time, likewise for volume and units).
func thresholdOf(u charging.GrantUnit) diameter.Code {
	switch u {
	case charging.GrantSeconds:
		return diameter.AVPTimeQuotaThreshold
	case charging.GrantEvents:
		return diameter.AVPUnitQuotaThreshold
	case charging.GrantOctets:
	}
	return diameter.AVPVolumeQuotaThreshold
}

// appendEvent appends what an event asked for.
func (a *answer) appendEvent(dst []byte) []byte {
	o := a.outcome
	if o.CheckBalance != 0 {
		dst = diameter.AppendUint32(dst, diameter.AVPCheckBalanceResult, uint32(o.CheckBalance)-1)
	}
	if a.result != charging.Success || o.Currency == 0 {
		return dst
	}
	debit := a.request.Action == charging.DirectDebiting
	if a.request.Action == charging.PriceEnquiry || debit && a.profile.CostInformation {
		dst = appendCost(dst, o.Amount, o.Currency)
	}
	if debit && a.profile.RefundInformation && o.Amount != 0 {
		dst = appendRefundInformation(dst, o.Amount, o.Currency)
	}
	return dst
}

// appendCost appends Cost-Information (RFC 8506 section 8.7) for an amount in millionths.
func appendCost(dst []byte, millionths int64, currency uint16) []byte {
	dst, cost := diameter.BeginGroup(dst, diameter.AVPCostInformation)
	dst = appendValue(dst, millionths)
	dst = diameter.AppendUint32(dst, diameter.AVPCurrencyCode, uint32(currency))
	diameter.EndGroup(dst, cost)
	return dst
}

// appendValue appends Unit-Value { Value-Digits, Exponent } for an amount in millionths. The mantissa has no zeros at
// its end, so that clients which expect cents find them.
func appendValue(dst []byte, millionths int64) []byte {
	mantissa, exponent := millionths, int32(-money.Decimals)
	for exponent < 0 && mantissa%10 == 0 {
		mantissa /= 10
		exponent++
	}
	dst, value := diameter.BeginGroup(dst, diameter.AVPUnitValue)
	dst = diameter.AppendInt64(dst, diameter.AVPValueDigits, mantissa)
	dst = diameter.AppendInt32(dst, diameter.AVPExponent, exponent)
	diameter.EndGroup(dst, value)
	return dst
}
