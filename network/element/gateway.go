package element

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/avp"
	"github.com/fiorix/go-diameter/v4/diam/datatype"
)

// packetContext is the Service-Context-Id of packet switched charging, 3GPP TS 32.251.
const packetContext = "32251@3gpp.org"

// servingArea is the tracking area (TAC) of every simulated bearer.
const servingArea = 1

// open5GSRequest is what Open5GS's SMF asks for in every request, whatever it was granted before.
const open5GSRequest = 1_000_000

// openGateway words requests as Open5GS's SMF does: one MSCC without Rating-Group, Multiple-Services-Indicator 0, a
// Requested-Service-Unit in every request (the CCR-T too), used input and output octets and time but no total.
type openGateway struct{}

// fullGateway words requests as a full PGW does: several rating groups, quotas asked for with an empty
// Requested-Service-Unit, total octets with a Reporting-Reason, Origin-State-Id, user equipment.
type fullGateway struct{}

// starGateway words used units as StarOS does: the total in one Used-Service-Unit, input and output in another.
type starGateway struct{ fullGateway }

func (openGateway) context() string { return packetContext }
func (fullGateway) context() string { return packetContext }

func (openGateway) sendsStateID() bool { return false }
func (fullGateway) sendsStateID() bool { return true }

// drawDemand draws log-uniformly from the 8 octaves below limit, so that short and long sessions are equally common.
func drawDemand(rng *rand.Rand, limit uint64) uint64 {
	top := bits.Len64(limit) - 1
	octave := uint64(1) << (top - 8 + rng.IntN(8))
	return min(octave+rng.Uint64N(octave), limit)
}

func beginBearer(s *session, o *Options, now time.Time) {
	s.facts.apn = o.APN
	s.facts.chargingID = s.rng.Uint32() | 1
	s.facts.cell = s.rng.Uint32N(1 << 20)
	s.facts.started = now
	s.place(o)
	binary.BigEndian.PutUint32(s.facts.ueAddress[:], 10<<24|45<<16|s.rng.Uint32N(1<<16))
}

func (openGateway) begin(s *session, o *Options, now time.Time) {
	beginBearer(s, o, now)
	s.facts.openWithin = true
	s.services = []*service{{unit: Octets, demand: drawDemand(s.rng, o.MaxDemandOctets), chunk: open5GSRequest}}
}

// begin draws one to three rating groups. A quarter of the sessions asks for no quota before its first packet.
func (fullGateway) begin(s *session, o *Options, now time.Time) {
	beginBearer(s, o, now)
	s.facts.openWithin = s.rng.IntN(4) != 0
	count := 1 + s.rng.IntN(min(3, len(o.RatingGroups)))
	for _, i := range s.rng.Perm(len(o.RatingGroups))[:count] {
		s.services = append(s.services, &service{
			hasGroup: true, group: o.RatingGroups[i], unit: Octets, demand: drawDemand(s.rng, o.MaxDemandOctets),
		})
	}
}

func identitiesOf(s *session) []*diam.AVP {
	return []*diam.AVP{subscription(subscriptionIMSI, s.sub.imsi), subscription(subscriptionE164, s.sub.msisdn)}
}

func (openGateway) identities(s *session) []*diam.AVP { return identitiesOf(s) }

func (fullGateway) identities(s *session) []*diam.AVP {
	return append([]*diam.AVP{base(avp.UserName, text(s.sub.imsi+"@nai.epc.mnc001.mcc001.3gppnetwork.org"))},
		append(identitiesOf(s), userEquipment(s))...)
}

// userEquipment is an IMEISV; 35 is the reporting body of the first digits. A subscriber keeps its device.
func userEquipment(s *session) *diam.AVP {
	return optional(avp.UserEquipmentInfo, group(
		optional(avp.UserEquipmentInfoType, enum(0)),
		optional(avp.UserEquipmentInfoValue, datatype.OctetString("35"+s.sub.imsi[max(len(s.sub.imsi)-12, 0):]+"01")),
	))
}

func (openGateway) command(_ *session, t requestType, _ time.Time) []*diam.AVP {
	out := []*diam.AVP{
		base(avp.RequestedAction, enum(0)),
		tgpp(avp.AoCRequestType, enum(1)), // AoC_FULL
	}
	if t == initialRequest {
		out = append(out, base(avp.MultipleServicesIndicator, enum(0)))
	}
	return out
}

func (fullGateway) command(_ *session, t requestType, _ time.Time) []*diam.AVP {
	if t == initialRequest {
		return []*diam.AVP{base(avp.MultipleServicesIndicator, enum(1))}
	}
	return nil
}

func (openGateway) unitsOf(_ *session, t requestType, usages []usage) []*diam.AVP {
	var out []*diam.AVP
	for i := range usages {
		u := &usages[i]
		mscc := []*diam.AVP{base(avp.RequestedServiceUnit, group(base(avp.CCTotalOctets, u64(open5GSRequest))))}
		if t != initialRequest {
			mscc = append(mscc, base(avp.UsedServiceUnit, group(
				base(avp.CCTime, u32(uint32(u.seconds))),
				base(avp.CCInputOctets, u64(u.input)),
				base(avp.CCOutputOctets, u64(u.output)),
			)))
			if reason := u.reason; reason != reasonNone {
				mscc = append(mscc, tgpp(avp.ReportingReason, enum(int32(reason))))
			}
		}
		mscc = append(mscc, tgpp(avp.QoSInformation, group(
			tgpp(avp.QoSClassIdentifier, enum(9)),
			tgppOptional(avp.AllocationRetentionPriority, group(
				tgppOptional(avp.PriorityLevel, u32(8)),
				tgppOptional(avp.PreemptionCapability, enum(1)),
				tgppOptional(avp.PreemptionVulnerability, enum(1)),
			)),
		)))
		out = append(out, base(avp.MultipleServicesCreditControl, group(mscc...)))
	}
	return out
}

func (fullGateway) unitsOf(_ *session, _ requestType, usages []usage) []*diam.AVP {
	return creditControls(usages, true, false)
}

func (starGateway) unitsOf(_ *session, _ requestType, usages []usage) []*diam.AVP {
	return creditControls(usages, true, true)
}

// creditControls words usages as TS 32.299 does: one MSCC each, used units in the granted unit, split at a tariff change. With
// apart, input and output octets follow in Used-Service-Units of their own.
func creditControls(usages []usage, withReason, apart bool) []*diam.AVP {
	var out []*diam.AVP
	for i := range usages {
		u := &usages[i]
		var mscc []*diam.AVP
		if u.asks {
			mscc = append(mscc, u.service.requestedUnits())
		}
		if u.consumed {
			mscc = append(mscc, u.usedUnits(withReason)...)
			if apart {
				mscc = append(mscc, u.directions()...)
			}
		}
		if u.service.hasGroup {
			mscc = append(mscc, base(avp.RatingGroup, u32(u.service.group)))
		}
		if withReason && u.reason.inMSCC() {
			mscc = append(mscc, tgpp(avp.ReportingReason, enum(int32(u.reason))))
		}
		out = append(out, base(avp.MultipleServicesCreditControl, group(mscc...)))
	}
	return out
}

// Tariff-Change-Usage values, RFC 8506 s. 8.27.
const (
	beforeTariffChange = 0
	afterTariffChange  = 1
)

func (u *usage) usedUnits(withReason bool) []*diam.AVP {
	one := func(n uint64, more ...*diam.AVP) *diam.AVP {
		parts := append([]*diam.AVP{unitAVP(u.service.unit, n)}, more...)
		if withReason && u.reason != reasonNone && !u.reason.inMSCC() {
			parts = append(parts, tgpp(avp.ReportingReason, enum(int32(u.reason))))
		}
		return base(avp.UsedServiceUnit, group(parts...))
	}
	if !u.split {
		return []*diam.AVP{one(u.units)}
	}
	return []*diam.AVP{
		one(u.units-u.afterSplit, base(avp.TariffChangeUsage, enum(beforeTariffChange))),
		one(u.afterSplit, base(avp.TariffChangeUsage, enum(afterTariffChange))),
	}
}

// directions are the input and output octets of a usage, before and after a tariff change.
func (u *usage) directions() []*diam.AVP {
	one := func(input, output uint64, more ...*diam.AVP) *diam.AVP {
		return base(avp.UsedServiceUnit, group(append([]*diam.AVP{base(avp.CCInputOctets, u64(input)), base(avp.CCOutputOctets, u64(output))}, more...)...))
	}
	if u.service.unit != Octets {
		return nil
	}
	if !u.split {
		return []*diam.AVP{one(u.input, u.output)}
	}
	late := min(u.input, u.afterSplit)
	return []*diam.AVP{
		one(u.input-late, u.units-u.afterSplit-(u.input-late), base(avp.TariffChangeUsage, enum(beforeTariffChange))),
		one(late, u.afterSplit-late, base(avp.TariffChangeUsage, enum(afterTariffChange))),
	}
}

// information of Open5GS carries the user equipment, which a full PGW has at command level.
func (openGateway) information(s *session, _ requestType) *diam.AVP {
	return packetInformation(s, userEquipment(s))
}

func (fullGateway) information(s *session, _ requestType) *diam.AVP { return packetInformation(s) }

// packetInformation is the PS-Information of a bearer.
func packetInformation(s *session, more ...*diam.AVP) *diam.AVP {
	var charging [4]byte
	binary.BigEndian.PutUint32(charging[:], s.facts.chargingID)
	a := s.facts.ueAddress
	parts := []*diam.AVP{
		tgppOptional(avp.TGPPChargingID, octets(charging[:]...)),
		tgppOptional(avp.TGPPPDPType, enum(0)),
		tgpp(avp.PDPAddress, address(a[0], a[1], a[2], a[3])),
		tgpp(avp.SGSNAddress, address(10, 11, 0, 5)),
		tgpp(avp.GGSNAddress, address(10, 11, 0, 3)),
		base(avp.CalledStationID, text(s.facts.apn)),
		tgppOptional(avp.TGPPSelectionMode, text("0")),
		tgppOptional(avp.TGPPChargingCharacteristics, text("0800")),
		tgppOptional(avp.TGPPGGSNMCCMNC, text(homeNetwork)),
		tgppOptional(avp.TGPPSGSNMCCMNC, text(s.facts.serving)),
		tgppOptional(avp.TGPPIMSIMCCMNC, text(s.sub.imsi[:min(5, len(s.sub.imsi))])),
		tgppOptional(avp.TGPPNSAPI, octets('5')),
		tgppOptional(avp.TGPPMSTimeZone, octets(0x40, 0x00)), // UTC+1 in quarters of an hour, semi-octets swapped
		tgppOptional(avp.TGPPUserLocationInfo, userLocation(s.facts.serving, s.facts.cell)),
		tgppOptional(avp.TGPPRATType, octets(byte(s.facts.access))),
	}
	return tgpp(avp.ServiceInformation, group(tgpp(avp.PSInformation, group(append(parts, more...)...))))
}
