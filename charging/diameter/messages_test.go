package diameter

import "net/netip"

// Messages as peers send them, built with the encoder under test and pinned to their octets by the golden files.

const (
	testHost       = "ocs1.charging.example"
	testRealm      = "charging.example"
	gatewayHost    = "pgw01.epc.mnc001.mcc001.3gppnetwork.org"
	gatewayRealm   = "epc.mnc001.mcc001.3gppnetwork.org"
	gatewaySession = "pgw01.epc.mnc001.mcc001.3gppnetwork.org;3868192011;4711;gy-1"
)

var testIdentity = Identity{Host: testHost, Realm: testRealm, StateID: 1795300000}

func appendGateway(dst []byte) []byte {
	dst = AppendString(dst, AVPOriginHost, gatewayHost)
	return AppendString(dst, AVPOriginRealm, gatewayRealm)
}

// appendCER appends a CER that offers credit control inside Vendor-Specific-Application-Id, as Open5GS does.
func appendCER(dst []byte, stateID uint32) []byte {
	start := len(dst)
	dst = AppendHeader(dst, FlagRequest, CmdCapabilitiesExchange, AppBase, 0x11, 0x21)
	dst = appendGateway(dst)
	dst = AppendAddress(dst, AVPHostIPAddress, netip.MustParseAddr("192.0.2.10"))
	dst = AppendUint32(dst, AVPVendorID, 0)
	dst = AppendString(dst, AVPProductName, "freeDiameter")
	dst = AppendUint32(dst, AVPOriginStateID, stateID)
	dst = AppendUint32(dst, AVPSupportedVendorID, Vendor3GPP)
	dst, group := BeginGroup(dst, AVPVendorSpecificApplicationID)
	dst = AppendUint32(dst, AVPVendorID, Vendor3GPP)
	dst = AppendUint32(dst, AVPAuthApplicationID, AppCreditControl)
	EndGroup(dst, group)
	FinishMessage(dst, start)
	return dst
}

func appendDWR(dst []byte, hopByHop, stateID uint32) []byte {
	start := len(dst)
	dst = AppendHeader(dst, FlagRequest, CmdDeviceWatchdog, AppBase, hopByHop, hopByHop)
	dst = appendGateway(dst)
	dst = AppendUint32(dst, AVPOriginStateID, stateID)
	FinishMessage(dst, start)
	return dst
}

func appendDPR(dst []byte, hopByHop uint32) []byte {
	start := len(dst)
	dst = AppendHeader(dst, FlagRequest, CmdDisconnectPeer, AppBase, hopByHop, hopByHop)
	dst = appendGateway(dst)
	dst = AppendUint32(dst, AVPDisconnectCause, DisconnectRebooting)
	FinishMessage(dst, start)
	return dst
}

// appendSmallCCR appends the least CCR that is well formed.
func appendSmallCCR(dst []byte, hopByHop uint32) []byte {
	start := len(dst)
	dst = AppendHeader(dst, FlagRequest|FlagProxiable, CmdCreditControl, AppCreditControl, hopByHop, hopByHop)
	dst = AppendString(dst, AVPSessionID, gatewaySession)
	dst = appendGateway(dst)
	dst = AppendString(dst, AVPDestinationRealm, testRealm)
	dst = AppendUint32(dst, AVPAuthApplicationID, AppCreditControl)
	dst = AppendString(dst, AVPServiceContextID, "32251@3gpp.org")
	dst = AppendUint32(dst, AVPCCRequestType, 1)
	dst = AppendUint32(dst, AVPCCRequestNumber, hopByHop)
	FinishMessage(dst, start)
	return dst
}

// eventTime is 2026-11-23 08:00:00 UTC.
const eventTime = 1795420800

// appendCCRUpdate appends a CCR-U of a PGW: two subscription identities, three services with their usage, and
// PS-Information of TS 32.299 section 7.2.158.
func appendCCRUpdate(dst []byte) []byte {
	start := len(dst)
	dst = AppendHeader(dst, FlagRequest|FlagProxiable, CmdCreditControl, AppCreditControl, 0x0a0b0c0d, 0x5a5b5c5d)
	dst = AppendString(dst, AVPSessionID, gatewaySession)
	dst = appendGateway(dst)
	dst = AppendString(dst, AVPDestinationRealm, testRealm)
	dst = AppendString(dst, AVPDestinationHost, testHost)
	dst = AppendUint32(dst, AVPAuthApplicationID, AppCreditControl)
	dst = AppendString(dst, AVPServiceContextID, "32251@3gpp.org")
	dst = AppendUint32(dst, AVPCCRequestType, 2)
	dst = AppendUint32(dst, AVPCCRequestNumber, 7)
	dst = AppendUint32(dst, AVPOriginStateID, 1795000000)
	dst = AppendTime(dst, AVPEventTimestamp, eventTime)
	dst = appendSubscription(dst, 1, "001010123456789")
	dst = appendSubscription(dst, 0, "491701234567")
	dst = AppendUint32(dst, AVPMultipleServicesIndicator, 1)
	dst = appendService(dst, 100, 1, 52_428_800, 3_145_728)
	dst = appendService(dst, 200, 2, 1_048_576, 65_536)
	dst = appendService(dst, 300, 3, 10_485_760, 524_288)
	dst, equipment := BeginGroup(dst, AVPUserEquipmentInfo)
	dst = AppendUint32(dst, AVPUserEquipmentInfoType, 0)
	dst = AppendString(dst, AVPUserEquipmentInfoValue, "3534900698733190")
	EndGroup(dst, equipment)
	dst, service := BeginGroup(dst, AVPServiceInformation)
	dst = appendPSInformation(dst)
	EndGroup(dst, service)
	FinishMessage(dst, start)
	return dst
}

func appendSubscription(dst []byte, kind uint32, data string) []byte {
	dst, group := BeginGroup(dst, AVPSubscriptionID)
	dst = AppendUint32(dst, AVPSubscriptionIDType, kind)
	dst = AppendString(dst, AVPSubscriptionIDData, data)
	EndGroup(dst, group)
	return dst
}

func appendService(dst []byte, ratingGroup, service uint32, input, output uint64) []byte {
	dst, group := BeginGroup(dst, AVPMultipleServicesCreditControl)
	dst, requested := BeginGroup(dst, AVPRequestedServiceUnit)
	EndGroup(dst, requested)
	dst, used := BeginGroup(dst, AVPUsedServiceUnit)
	dst = AppendUint32(dst, AVPReportingReason, 3)
	dst = AppendUint32(dst, AVPCCTime, 1800)
	dst = AppendUint64(dst, AVPCCTotalOctets, input+output)
	dst = AppendUint64(dst, AVPCCInputOctets, input)
	dst = AppendUint64(dst, AVPCCOutputOctets, output)
	EndGroup(dst, used)
	dst = AppendUint32(dst, AVPServiceIdentifier, service)
	dst = AppendUint32(dst, AVPRatingGroup, ratingGroup)
	EndGroup(dst, group)
	return dst
}

func appendPSInformation(dst []byte) []byte {
	dst, ps := BeginGroup(dst, AVPPSInformation)
	dst = AppendBytes(dst, AVP3GPPChargingID, []byte{0x00, 0x12, 0x34, 0x56})
	dst = AppendUint32(dst, AVP3GPPPDPType, 0)
	dst = AppendAddress(dst, AVPPDPAddress, netip.MustParseAddr("10.45.0.2"))
	dst, qos := BeginGroup(dst, AVPQoSInformation)
	dst = AppendUint32(dst, AVPQoSClassIdentifier, 9)
	dst = AppendUint32(dst, AVPAPNAggregateMaxBitrateUL, 50_000_000)
	dst = AppendUint32(dst, AVPAPNAggregateMaxBitrateDL, 150_000_000)
	dst, priority := BeginGroup(dst, AVPAllocationRetentionPriority)
	dst = AppendUint32(dst, AVPPriorityLevel, 8)
	dst = AppendUint32(dst, AVPPreEmptionCapability, 1)
	dst = AppendUint32(dst, AVPPreEmptionVulnerability, 0)
	EndGroup(dst, priority)
	EndGroup(dst, qos)
	dst = AppendAddress(dst, AVPSGSNAddress, netip.MustParseAddr("192.0.2.20"))
	dst = AppendAddress(dst, AVPGGSNAddress, netip.MustParseAddr("192.0.2.10"))
	dst = AppendString(dst, AVPCalledStationID, "internet.mnc001.mcc001.gprs")
	dst = AppendString(dst, AVP3GPPSelectionMode, "0")
	dst = AppendString(dst, AVP3GPPChargingCharacteristics, "0800")
	dst = AppendString(dst, AVP3GPPGGSNMCCMNC, "00101")
	dst = AppendString(dst, AVP3GPPSGSNMCCMNC, "00101")
	dst = AppendBytes(dst, AVP3GPPNSAPI, []byte("5"))
	dst = AppendBytes(dst, AVP3GPPMSTimeZone, []byte{0x40, 0x00})
	dst = AppendBytes(dst, AVP3GPPUserLocationInfo, []byte{0x82, 0x00, 0xf1, 0x10, 0x00, 0x01, 0x00, 0xf1, 0x10, 0x00, 0x00, 0xc1, 0x01})
	dst = AppendBytes(dst, AVP3GPPRATType, []byte{6})
	EndGroup(dst, ps)
	return dst
}

// appendCCAUpdate appends the CCA that grants what appendCCRUpdate asks for.
func appendCCAUpdate(dst []byte, request *Header) []byte {
	start := len(dst)
	dst = AppendAnswerHeader(dst, request)
	dst = AppendString(dst, AVPSessionID, gatewaySession)
	dst = AppendResult(dst, ResultSuccess)
	dst = AppendString(dst, AVPOriginHost, testHost)
	dst = AppendString(dst, AVPOriginRealm, testRealm)
	dst = AppendUint32(dst, AVPAuthApplicationID, AppCreditControl)
	dst = AppendUint32(dst, AVPCCRequestType, 2)
	dst = AppendUint32(dst, AVPCCRequestNumber, 7)
	dst, group := BeginGroup(dst, AVPMultipleServicesCreditControl)
	dst, granted := BeginGroup(dst, AVPGrantedServiceUnit)
	dst = AppendUint64(dst, AVPCCTotalOctets, 10<<20)
	EndGroup(dst, granted)
	dst = AppendUint32(dst, AVPRatingGroup, 100)
	dst = AppendUint32(dst, AVPValidityTime, 3600)
	dst = AppendResult(dst, ResultSuccess)
	dst = AppendUint32(dst, AVPVolumeQuotaThreshold, 1<<20)
	EndGroup(dst, group)
	FinishMessage(dst, start)
	return dst
}
