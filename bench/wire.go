package bench

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"gyro/charging/diameter"
)

// The gateway that the benchmark plays.
const (
	gatewayHost  = "pgw1.bench.example"
	gatewayRealm = "bench.example"
)

// session is one subscriber's data session: its CCR-Update, encoded once, in
// which only the numbers change.
type session struct {
	update []byte
	number uint32
	at     int // of CC-Request-Number's value in update
}

// usedOctets and the size of the grant make a steady state: each update
// reports what the last one was granted.
const usedOctets = 1_000_000

func appendCER(dst []byte) []byte {
	start := len(dst)
	dst = diameter.AppendHeader(dst, diameter.FlagRequest, diameter.CmdCapabilitiesExchange, diameter.AppBase, 1, 1)
	dst = appendOrigin(dst)
	dst = diameter.AppendAddress(dst, diameter.AVPHostIPAddress, netip.MustParseAddr("127.0.0.1"))
	dst = diameter.AppendUint32(dst, diameter.AVPVendorID, 10415)
	dst = diameter.AppendString(dst, diameter.AVPProductName, "gyro-bench")
	dst = diameter.AppendUint32(dst, diameter.AVPAuthApplicationID, diameter.AppCreditControl)
	diameter.FinishMessage(dst, start)
	return dst
}

func appendOrigin(dst []byte) []byte {
	dst = diameter.AppendString(dst, diameter.AVPOriginHost, gatewayHost)
	return diameter.AppendString(dst, diameter.AVPOriginRealm, gatewayRealm)
}

// CC-Request-Type of the requests that the benchmark sends.
const (
	ccrInitial uint32 = 1
	ccrUpdate  uint32 = 2
)

// appendCCR appends a request as a PGW sends it, with PS-Information and a
// CC-Request-Number of 0, whose place it returns. All but the first of a
// session report usage.
func appendCCR(dst []byte, index int, kind uint32, realm string) (_ []byte, numberAt int) {
	start := len(dst)
	dst = diameter.AppendHeader(dst, diameter.FlagRequest|diameter.FlagProxiable, diameter.CmdCreditControl,
		diameter.AppCreditControl, uint32(index), uint32(index))
	dst = diameter.AppendString(dst, diameter.AVPSessionID, fmt.Sprintf("%s;1795420800;%010d;gy", gatewayHost, index))
	dst = appendOrigin(dst)
	dst = diameter.AppendString(dst, diameter.AVPDestinationRealm, realm)
	dst = diameter.AppendUint32(dst, diameter.AVPAuthApplicationID, diameter.AppCreditControl)
	dst = diameter.AppendString(dst, diameter.AVPServiceContextID, "32251@3gpp.org")
	dst = diameter.AppendUint32(dst, diameter.AVPCCRequestType, kind)
	dst = diameter.AppendUint32(dst, diameter.AVPCCRequestNumber, 0)
	numberAt = len(dst) - 4 - start
	dst = diameter.AppendUint32(dst, diameter.AVPOriginStateID, 1795420800)
	dst = diameter.AppendTime(dst, diameter.AVPEventTimestamp, 1795420800)
	dst = appendSubscription(dst, 1, imsi(index))
	dst = appendSubscription(dst, 0, msisdn(index))
	dst = diameter.AppendString(dst, diameter.AVPUserName, imsi(index)+"@nai.epc.mnc001.mcc001.3gppnetwork.org")
	dst = diameter.AppendString(dst, diameter.AVPRouteRecord, "dra1.bench.example")
	dst = diameter.AppendUint32(dst, diameter.AVPMultipleServicesIndicator, 1)
	dst = appendService(dst, kind != ccrInitial)
	dst, equipment := diameter.BeginGroup(dst, diameter.AVPUserEquipmentInfo)
	dst = diameter.AppendUint32(dst, diameter.AVPUserEquipmentInfoType, 0)
	dst = diameter.AppendString(dst, diameter.AVPUserEquipmentInfoValue, "3534900698733190")
	diameter.EndGroup(dst, equipment)
	dst, information := diameter.BeginGroup(dst, diameter.AVPServiceInformation)
	dst = appendPSInformation(dst)
	diameter.EndGroup(dst, information)
	diameter.FinishMessage(dst, start)
	return dst, numberAt
}

func imsi(index int) string   { return fmt.Sprintf("00101%010d", index) }
func msisdn(index int) string { return fmt.Sprintf("49172%07d", index) }

func appendSubscription(dst []byte, kind uint32, data string) []byte {
	dst, group := diameter.BeginGroup(dst, diameter.AVPSubscriptionID)
	dst = diameter.AppendUint32(dst, diameter.AVPSubscriptionIDType, kind)
	dst = diameter.AppendString(dst, diameter.AVPSubscriptionIDData, data)
	diameter.EndGroup(dst, group)
	return dst
}

// appendService asks for the server's default quota; used says whether it
// reports the last one.
func appendService(dst []byte, used bool) []byte {
	dst, group := diameter.BeginGroup(dst, diameter.AVPMultipleServicesCreditControl)
	dst, requested := diameter.BeginGroup(dst, diameter.AVPRequestedServiceUnit)
	diameter.EndGroup(dst, requested)
	if used {
		var report int
		dst, report = diameter.BeginGroup(dst, diameter.AVPUsedServiceUnit)
		dst = diameter.AppendUint32(dst, diameter.AVPCCTime, 600)
		dst = diameter.AppendUint64(dst, diameter.AVPCCTotalOctets, usedOctets)
		dst = diameter.AppendUint64(dst, diameter.AVPCCInputOctets, usedOctets/10)
		dst = diameter.AppendUint64(dst, diameter.AVPCCOutputOctets, usedOctets-usedOctets/10)
		diameter.EndGroup(dst, report)
	}
	dst = diameter.AppendUint32(dst, diameter.AVPRatingGroup, 10)
	dst, qos := diameter.BeginGroup(dst, diameter.AVPQoSInformation)
	dst = diameter.AppendUint32(dst, diameter.AVPQoSClassIdentifier, 9)
	dst = diameter.AppendUint32(dst, diameter.AVPAPNAggregateMaxBitrateUL, 50_000_000)
	dst = diameter.AppendUint32(dst, diameter.AVPAPNAggregateMaxBitrateDL, 150_000_000)
	diameter.EndGroup(dst, qos)
	diameter.EndGroup(dst, group)
	return dst
}

func appendPSInformation(dst []byte) []byte {
	dst, ps := diameter.BeginGroup(dst, diameter.AVPPSInformation)
	dst = diameter.AppendBytes(dst, diameter.AVP3GPPChargingID, []byte{0x00, 0x12, 0x34, 0x56})
	dst = diameter.AppendUint32(dst, diameter.AVP3GPPPDPType, 0)
	dst = diameter.AppendAddress(dst, diameter.AVPPDPAddress, netip.MustParseAddr("10.45.0.2"))
	dst, qos := diameter.BeginGroup(dst, diameter.AVPQoSInformation)
	dst = diameter.AppendUint32(dst, diameter.AVPQoSClassIdentifier, 9)
	dst = diameter.AppendUint32(dst, diameter.AVPAPNAggregateMaxBitrateUL, 50_000_000)
	dst = diameter.AppendUint32(dst, diameter.AVPAPNAggregateMaxBitrateDL, 150_000_000)
	dst, priority := diameter.BeginGroup(dst, diameter.AVPAllocationRetentionPriority)
	dst = diameter.AppendUint32(dst, diameter.AVPPriorityLevel, 8)
	dst = diameter.AppendUint32(dst, diameter.AVPPreEmptionCapability, 1)
	dst = diameter.AppendUint32(dst, diameter.AVPPreEmptionVulnerability, 0)
	diameter.EndGroup(dst, priority)
	diameter.EndGroup(dst, qos)
	dst = diameter.AppendAddress(dst, diameter.AVPSGSNAddress, netip.MustParseAddr("192.0.2.20"))
	dst = diameter.AppendAddress(dst, diameter.AVPGGSNAddress, netip.MustParseAddr("192.0.2.10"))
	dst = diameter.AppendAddress(dst, diameter.AVPSGWAddress, netip.MustParseAddr("192.0.2.30"))
	dst = diameter.AppendAddress(dst, diameter.AVPCGAddress, netip.MustParseAddr("192.0.2.40"))
	dst = diameter.AppendUint32(dst, diameter.AVPServingNodeType, 2)
	dst = diameter.AppendUint32(dst, diameter.AVPPDNConnectionChargingID, 0x123456)
	dst = diameter.AppendString(dst, diameter.AVP3GPPIMSIMCCMNC, "00101")
	dst = diameter.AppendUint32(dst, diameter.AVPDynamicAddressFlag, 1)
	dst = diameter.AppendTime(dst, diameter.AVPStartTime, 1795420800)
	dst = diameter.AppendString(dst, diameter.AVPCalledStationID, "internet.mnc001.mcc001.gprs")
	dst = diameter.AppendString(dst, diameter.AVP3GPPSelectionMode, "0")
	dst = diameter.AppendString(dst, diameter.AVP3GPPChargingCharacteristics, "0800")
	dst = diameter.AppendString(dst, diameter.AVP3GPPGGSNMCCMNC, "00101")
	dst = diameter.AppendString(dst, diameter.AVP3GPPSGSNMCCMNC, "00101")
	dst = diameter.AppendBytes(dst, diameter.AVP3GPPNSAPI, []byte("5"))
	dst = diameter.AppendBytes(dst, diameter.AVP3GPPMSTimeZone, []byte{0x40, 0x00})
	dst = diameter.AppendBytes(dst, diameter.AVP3GPPUserLocationInfo, []byte{0x82, 0x00, 0xf1, 0x10, 0x00, 0x01, 0x00, 0xf1, 0x10, 0x00, 0x00, 0xc1, 0x01})
	dst = diameter.AppendBytes(dst, diameter.AVP3GPPRATType, []byte{6})
	diameter.EndGroup(dst, ps)
	return dst
}

func newSession(index int, realm string) session {
	update, at := appendCCR(nil, index, ccrUpdate, realm)
	return session{update: update, at: at}
}

// appendNext appends the session's next update.
func (s *session) appendNext(dst []byte, endToEnd uint32) []byte {
	s.number++
	binary.BigEndian.PutUint32(s.update[s.at:], s.number)
	binary.BigEndian.PutUint32(s.update[16:], endToEnd)
	return append(dst, s.update...)
}

// succeeded reports whether a CCA has Result-Code 2001 and a quota: in our
// answers the Result-Code follows the Session-Id, and only a grant makes an
// answer as long as the first one.
func succeeded(answer []byte, length int) bool {
	if len(answer) != length {
		return false
	}
	id := int(binary.BigEndian.Uint32(answer[24:]) & 0xffffff)
	at := 20 + (id+3)&^3
	return binary.BigEndian.Uint32(answer[at:]) == 268 && binary.BigEndian.Uint32(answer[at+8:]) == 2001
}
