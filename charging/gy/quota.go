package gy

import (
	"math"

	"gyro/charging"
	"gyro/charging/diameter"
)

// appendService appends Multiple-Services-Credit-Control (RFC 8506 section 8.16), or its members on the level of the
// command if the request had its units there. Result-Code is then the command's, and the thresholds, the holding time and
// the triggers are not sent: TS 32.299 has them in Multiple-Services-Credit-Control alone, and a client that knows the grammar of the
// answer refuses it for a mandatory AVP that has no place there.
func (a *answer) appendService(dst []byte, s *charging.ServiceOutcome) []byte {
	if s.Flags&charging.OutcomeBare != 0 {
		return a.appendQuota(dst, s)
	}
	dst, group := diameter.BeginGroup(dst, diameter.AVPMultipleServicesCreditControl)
	if s.Flags&charging.OutcomeServiceID != 0 {
		dst = diameter.AppendUint32(dst, diameter.AVPServiceIdentifier, s.ServiceID)
	}
	if s.Flags&charging.OutcomeRatingGroup != 0 {
		dst = diameter.AppendUint32(dst, diameter.AVPRatingGroup, s.RatingGroup)
	}
	dst = diameter.AppendResult(dst, a.profile.resultCode(s.Result))
	dst = a.appendQuota(dst, s)
	if s.Threshold != 0 {
		dst = diameter.AppendUint32(dst, thresholdOf(s.Unit), s.Threshold)
	}
	if s.Holding != 0 {
		dst = diameter.AppendUint32(dst, diameter.AVPQuotaHoldingTime, s.Holding)
	}
	if s.Triggers != 0 && a.profile.Triggers {
		dst = appendTriggers(dst, s.Triggers)
	}
	diameter.EndGroup(dst, group)
	return dst
}

// appendQuota appends the grant and the terms on which RFC 8506 lets it be used.
func (a *answer) appendQuota(dst []byte, s *charging.ServiceOutcome) []byte {
	if s.Flags&charging.Grants != 0 {
		dst = appendGrant(dst, s)
	}
	if s.Validity != 0 {
		dst = diameter.AppendUint32(dst, diameter.AVPValidityTime, s.Validity)
	}
	if s.FinalUnit != charging.NoFinalUnit {
		dst = a.appendFinalUnit(dst, s)
	}
	return dst
}

// appendFinalUnit appends Final-Unit-Indication (RFC 8506 section 8.34). A client that cannot redirect or restrict is
// told to terminate, as it would have to by itself (section 5.6).
func (a *answer) appendFinalUnit(dst []byte, s *charging.ServiceOutcome) []byte {
	action, details := s.FinalUnit, s.Final
	if a.profile.FinalUnits == FinalUnitsTerminate || details == nil {
		action, details = charging.Terminate, nil
	}
	dst, group := diameter.BeginGroup(dst, diameter.AVPFinalUnitIndication)
	dst = diameter.AppendUint32(dst, diameter.AVPFinalUnitAction, uint32(action)-1)
	if details != nil {
		for _, rule := range details.FilterRules {
			dst = diameter.AppendString(dst, diameter.AVPRestrictionFilterRule, rule)
		}
		for _, list := range details.FilterIDs {
			dst = diameter.AppendString(dst, diameter.AVPFilterID, list)
		}
	}
	if action == charging.Redirect {
		var server int
		dst, server = diameter.BeginGroup(dst, diameter.AVPRedirectServer)
		dst = diameter.AppendUint32(dst, diameter.AVPRedirectAddressType, uint32(details.RedirectType))
		dst = diameter.AppendString(dst, diameter.AVPRedirectServerAddress, details.RedirectAddress)
		diameter.EndGroup(dst, server)
	}
	diameter.EndGroup(dst, group)
	return dst
}

// appendGrant appends Granted-Service-Unit (RFC 8506 section 8.17). CC-Time has 32 bits; 136 years do for a grant.
func appendGrant(dst []byte, s *charging.ServiceOutcome) []byte {
	dst, group := diameter.BeginGroup(dst, diameter.AVPGrantedServiceUnit)
	if s.TariffChange != 0 {
		dst = diameter.AppendTime(dst, diameter.AVPTariffTimeChange, s.TariffChange.Time().Unix())
	}
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

// Values of Trigger-Type (TS 32.299 section 7.2.236).
const (
	changeInSGSN        = 1
	changeInQoS         = 2
	changeInRAT         = 4
	changeInLocationMCC = 30
	changeInLocationMNC = 31
)

// appendTriggers appends Trigger with what the client is to report at once. For the serving network these are the serving
// node and the codes of country and network: CHANGE_IN_LOCATION would make it report every cell.
func appendTriggers(dst []byte, t charging.Triggers) []byte {
	dst, group := diameter.BeginGroup(dst, diameter.AVPTrigger)
	if t&charging.TriggerServing != 0 {
		for _, kind := range [...]uint32{changeInSGSN, changeInLocationMCC, changeInLocationMNC} {
			dst = diameter.AppendUint32(dst, diameter.AVPTriggerType, kind)
		}
	}
	if t&charging.TriggerQoS != 0 {
		dst = diameter.AppendUint32(dst, diameter.AVPTriggerType, changeInQoS)
	}
	if t&charging.TriggerRAT != 0 {
		dst = diameter.AppendUint32(dst, diameter.AVPTriggerType, changeInRAT)
	}
	diameter.EndGroup(dst, group)
	return dst
}
