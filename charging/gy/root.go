package gy

import "gyro/charging/diameter"

// place names an AVP of a request's top level that matters to its meaning or to its grammar.
type place uint8

// The places. Up to lastOnce the grammar of RFC 8506 section 3.1 allows one AVP each.
const (
	nowhere place = iota
	atSessionID
	atOriginHost
	atOriginRealm
	atDestinationRealm
	atDestinationHost
	atApplicationID
	atContextID
	atRequestType
	atRequestNumber
	atSubSession
	atAction
	atUserName
	atIndicator
	atRequested
	atServiceID
	atRatingGroup
	atInformation
	atCalledStation
	atRefund
	atStateID
	atTimestamp
	atCause
	atMultiSession
	atCorrelation
	atEquipment

	atService // from here on any number
	atSubscription
	atSubscriptionExtension
	atUsed
	atProxyInfo
	atNotAllowed // AVPs that only answers may have
	places

	lastOnce = atEquipment
)

// placeOf holds the places of the AVPs of the IETF, by code.
var placeOf = [...]place{
	diameter.AVPSessionID:                     atSessionID,
	diameter.AVPOriginHost:                    atOriginHost,
	diameter.AVPOriginRealm:                   atOriginRealm,
	diameter.AVPDestinationRealm:              atDestinationRealm,
	diameter.AVPDestinationHost:               atDestinationHost,
	diameter.AVPAuthApplicationID:             atApplicationID,
	diameter.AVPServiceContextID:              atContextID,
	diameter.AVPCCRequestType:                 atRequestType,
	diameter.AVPCCRequestNumber:               atRequestNumber,
	diameter.AVPCCSubSessionID:                atSubSession,
	diameter.AVPRequestedAction:               atAction,
	diameter.AVPUserName:                      atUserName,
	diameter.AVPMultipleServicesIndicator:     atIndicator,
	diameter.AVPRequestedServiceUnit:          atRequested,
	diameter.AVPServiceIdentifier:             atServiceID,
	diameter.AVPRatingGroup:                   atRatingGroup,
	diameter.AVPCalledStationID:               atCalledStation,
	diameter.AVPOriginStateID:                 atStateID,
	diameter.AVPEventTimestamp:                atTimestamp,
	diameter.AVPTerminationCause:              atCause,
	diameter.AVPAcctMultiSessionID:            atMultiSession,
	diameter.AVPCCCorrelationID:               atCorrelation,
	diameter.AVPUserEquipmentInfo:             atEquipment,
	diameter.AVPMultipleServicesCreditControl: atService,
	diameter.AVPSubscriptionID:                atSubscription,
	diameter.AVPSubscriptionIDExtension:       atSubscriptionExtension,
	diameter.AVPUsedServiceUnit:               atUsed,
	diameter.AVPProxyInfo:                     atProxyInfo,

	diameter.AVPResultCode:                    atNotAllowed,
	diameter.AVPFailedAVP:                     atNotAllowed,
	diameter.AVPGrantedServiceUnit:            atNotAllowed,
	diameter.AVPCostInformation:               atNotAllowed,
	diameter.AVPCheckBalanceResult:            atNotAllowed,
	diameter.AVPFinalUnitIndication:           atNotAllowed,
	diameter.AVPCCSessionFailover:             atNotAllowed,
	diameter.AVPCreditControlFailureHandling:  atNotAllowed,
	diameter.AVPDirectDebitingFailureHandling: atNotAllowed,
}

// root is where the AVPs of a request's top level stand.
type root struct {
	first    [places]int32 // the index of the first AVP of each place, diameter.Root if there is none
	repeated int32         // the first AVP that occurs more often than the grammar allows
}

// find walks the top level of a request once.
func (r *root) find(m *diameter.Message) {
	r.repeated = diameter.Root
	for p := range r.first {
		r.first[p] = diameter.Root
	}
	for i, end := m.Members(diameter.Root); i < end; i = m.Next(i) {
		p := nowhere
		switch c := m.At(i).Code; {
		case c < diameter.Code(len(placeOf)):
			p = placeOf[c]
		case c == diameter.AVPServiceInformation:
			p = atInformation
		case c == diameter.AVPRefundInformation:
			p = atRefund
		}
		switch {
		case p == nowhere:
		case r.first[p] == diameter.Root:
			r.first[p] = int32(i)
		case p <= lastOnce && r.repeated == diameter.Root:
			r.repeated = int32(i)
		}
	}
}

// at returns the index of the first AVP of a place, diameter.Root if there is none.
func (r *root) at(p place) int { return int(r.first[p]) }

// has reports whether there is an AVP of a place.
func (r *root) has(p place) bool { return r.first[p] != diameter.Root }
