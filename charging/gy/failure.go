package gy

import (
	"strconv"

	"gyro/charging"
	"gyro/charging/diameter"
)

// appendFailures appends a Failed-AVP for every result that must say what it is about. They stand on the level of the
// command, where RFC 8506 section 3.2 has them, also for services: a client that knows Failed-AVP looks for it there.
func (a *answer) appendFailures(dst []byte) []byte {
	if a.outcome.Result != charging.Success {
		var first *charging.Service
		if len(a.request.Services) != 0 {
			first = &a.request.Services[0]
		}
		return a.appendFailure(dst, a.outcome.Result, first)
	}
	for i := range a.outcome.Services {
		// The outcome has a service for each of the request's, in the same order.
		if i < len(a.request.Services) {
			dst = a.appendFailure(dst, a.outcome.Services[i].Result, &a.request.Services[i])
		}
	}
	return dst
}

// appendFailure appends the Failed-AVP of one result; s is the service that it is about, nil if the request has none.
func (a *answer) appendFailure(dst []byte, r charging.Result, s *charging.Service) []byte {
	switch r {
	case charging.NoIdentity, charging.RatingFailed, charging.InvalidValue:
	default:
		return dst
	}
	dst, group := diameter.BeginGroup(dst, diameter.AVPFailedAVP)
	switch {
	case r == charging.NoIdentity:
		dst = diameter.AppendExample(dst, diameter.AVPSubscriptionID)
	case r == charging.RatingFailed:
		dst = a.appendUnrated(dst, s)
	case s == nil:
		// A request without units can only be out of range by its number.
		dst = diameter.AppendUint32(dst, diameter.AVPCCRequestNumber, a.request.Number)
	case s.Flags&charging.Requests != 0 || s.ReportCount == 0:
		dst = appendUnits(dst, diameter.AVPRequestedServiceUnit, &s.Requested)
	default:
		dst = appendUnits(dst, diameter.AVPUsedServiceUnit, &s.Reports[0].Units)
	}
	diameter.EndGroup(dst, group)
	return dst
}

// appendUnrated appends the AVP by which a service would have been found in the catalogue: its Rating-Group, or else
// its Service-Identifier, or else the service context.
func (a *answer) appendUnrated(dst []byte, s *charging.Service) []byte {
	switch {
	case s != nil && s.Flags&charging.HasRatingGroup != 0:
		return diameter.AppendUint32(dst, diameter.AVPRatingGroup, s.RatingGroup)
	case s != nil && s.Flags&charging.HasServiceID != 0:
		return diameter.AppendUint32(dst, diameter.AVPServiceIdentifier, s.ServiceID)
	case a.request.Context == 0:
		return diameter.AppendBytes(dst, diameter.AVPServiceContextID, nil)
	}
	var id [len("4294967295") + len(contextDomain)]byte
	b := append(strconv.AppendUint(id[:0], uint64(a.request.Context), 10), contextDomain...)
	return diameter.AppendBytes(dst, diameter.AVPServiceContextID, b)
}

// appendUnits appends units as the request had them.
func appendUnits(dst []byte, c diameter.Code, u *charging.Units) []byte {
	dst, group := diameter.BeginGroup(dst, c)
	if u.Has&charging.HasSeconds != 0 {
		dst = diameter.AppendUint32(dst, diameter.AVPCCTime, uint32(u.Seconds))
	}
	for _, count := range [...]struct {
		member charging.UnitSet
		code   diameter.Code
		units  uint64
	}{
		{charging.HasTotal, diameter.AVPCCTotalOctets, u.Total},
		{charging.HasInput, diameter.AVPCCInputOctets, u.Input},
		{charging.HasOutput, diameter.AVPCCOutputOctets, u.Output},
		{charging.HasEvents, diameter.AVPCCServiceSpecificUnits, u.Events},
	} {
		if u.Has&count.member != 0 {
			dst = diameter.AppendUint64(dst, count.code, count.units)
		}
	}
	if u.Has&charging.HasMoney != 0 {
		dst = appendMoney(dst, u)
	}
	diameter.EndGroup(dst, group)
	return dst
}

// appendMoney appends CC-Money as the request had it.
func appendMoney(dst []byte, u *charging.Units) []byte {
	dst, group := diameter.BeginGroup(dst, diameter.AVPCCMoney)
	dst = appendValue(dst, u.Money)
	if u.Has&charging.HasCurrency != 0 {
		dst = diameter.AppendUint32(dst, diameter.AVPCurrencyCode, uint32(u.Currency))
	}
	diameter.EndGroup(dst, group)
	return dst
}
