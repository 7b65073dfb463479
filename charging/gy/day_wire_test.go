package gy

import (
	"encoding/binary"
	"slices"

	"gyro/charging"
	"gyro/charging/diameter"
	"gyro/internal/instant"
)

// maker is a kind of gateway and how it writes its requests.
type maker struct {
	profile  string
	host     string
	realm    string
	context  string
	relayed  bool // it is reached through a relay
	parallel bool // an update for each rating group, without waiting for the others
	head     func(g *dayGateway, r *dayRequest, b []byte) []byte
	tail     func(g *dayGateway, r *dayRequest, b []byte) []byte
	service  func(p *dayPart, b []byte) []byte
}

var makers = []*maker{
	{profile: "strict", host: "pgw.strict.example", realm: "strict.example", context: "32251@3gpp.org", head: plainHead, service: plainService},
	{profile: "lenient", host: "ggsn.lenient.example", realm: "lenient.example", context: "lenient.32251@3gpp.org", relayed: true, head: plainHead, service: totalService},
	{profile: "open5gs", host: "smf.localdomain", realm: "localdomain", context: "32251@3gpp.org", head: plainHead, tail: open5gsTail, service: open5gsService},
	{profile: "kamailio", host: "scscf.ims.example", realm: "ims.example", context: "ext.01.001.8.32260@3gpp.org", head: kamailioHead, tail: kamailioTail, service: kamailioService},
	{profile: "staros", host: "0006-diamproxy.pgw01", realm: "epc.mnc001.mcc001.3gppnetwork.org", context: "6.32251@3gpp.org", relayed: true, parallel: true, head: plainHead, service: starosService},
	{profile: "lenient", host: "smsc.example", realm: "example", context: "32274@3gpp.org", head: plainHead, tail: smscTail, service: smscService},
}

// dayPart is one Multiple-Services-Credit-Control of a request, as its gateway means it.
type dayPart struct {
	quota         *dayQuota
	before, after uint64 // units used, around a tariff change
	reports       bool
	split         bool // at a tariff change
	asks          bool
	wants         uint64 // how many units, 0 for what the server gives
	reason        uint32 // of the report
}

// key names a rating group; 0 is none.
func (p *dayPart) key() uint32 { return p.quota.group }

func group(b []byte, c diameter.Code, members func([]byte) []byte) []byte {
	b, start := diameter.BeginGroup(b, c)
	b = members(b)
	diameter.EndGroup(b, start)
	return b
}

func octets64(b []byte, c diameter.Code, n uint64) []byte { return diameter.AppendUint64(b, c, n) }

// encode writes a request without its hop-by-hop identifier.
func (g *dayGateway) encode(r *dayRequest) []byte {
	b := diameter.AppendHeader(nil, diameter.FlagRequest|diameter.FlagProxiable, diameter.CmdCreditControl, diameter.AppCreditControl, 0, r.endToEnd)
	b = diameter.AppendString(b, diameter.AVPSessionID, r.id)
	b = g.head(g, r, b)
	b = diameter.AppendUint32(b, diameter.AVPCCRequestType, uint32(r.kind))
	b = diameter.AppendUint32(b, diameter.AVPCCRequestNumber, r.number)
	if r.kind == charging.Termination {
		b = diameter.AppendUint32(b, diameter.AVPTerminationCause, 1)
	}
	for n := range r.parts {
		p := &r.parts[n]
		b = group(b, diameter.AVPMultipleServicesCreditControl, func(b []byte) []byte { return g.service(p, b) })
	}
	if g.tail != nil {
		b = g.tail(g, r, b)
	}
	diameter.FinishMessage(b, 0)
	return b
}

func (g *dayGateway) origin(b []byte) []byte {
	b = diameter.AppendString(b, diameter.AVPOriginHost, g.host)
	return diameter.AppendString(b, diameter.AVPOriginRealm, g.realm)
}

// plainHead is what RFC 8506 asks for.
func plainHead(g *dayGateway, r *dayRequest, b []byte) []byte {
	b = g.origin(b)
	b = diameter.AppendString(b, diameter.AVPDestinationRealm, testRealm)
	b = diameter.AppendUint32(b, diameter.AVPAuthApplicationID, diameter.AppCreditControl)
	b = diameter.AppendString(b, diameter.AVPServiceContextID, g.context)
	if g.relayed {
		b = diameter.AppendUint32(b, diameter.AVPOriginStateID, g.stateID)
	}
	b = subscription(b, 0, r.who.msisdn)
	if r.kind != charging.Event {
		b = subscription(b, 1, r.who.imsi)
		indicator := uint32(1)
		if g.profile == "open5gs" {
			indicator = 0 // although it has one
		}
		b = diameter.AppendUint32(b, diameter.AVPMultipleServicesIndicator, indicator)
	}
	return b
}

func subscription(b []byte, kind uint32, value string) []byte {
	return group(b, diameter.AVPSubscriptionID, func(b []byte) []byte {
		b = diameter.AppendUint32(b, diameter.AVPSubscriptionIDType, kind)
		return diameter.AppendString(b, diameter.AVPSubscriptionIDData, value)
	})
}

func named(p *dayPart, b []byte) []byte {
	return diameter.AppendUint32(b, diameter.AVPRatingGroup, p.key())
}

// used calls fn for each tariff period of a report, inside its Used-Service-Unit.
func used(p *dayPart, b []byte, fn func(b []byte, units uint64) []byte) []byte {
	if !p.reports {
		return b
	}
	for period, units := range []uint64{p.before, p.after} {
		if period == 1 && !p.split {
			break
		}
		b = group(b, diameter.AVPUsedServiceUnit, func(b []byte) []byte {
			if p.split {
				b = diameter.AppendUint32(b, diameter.AVPTariffChangeUsage, uint32(period))
			}
			return fn(b, units)
		})
	}
	return b
}

// parts of octets: what went up and what came down.
func inAndOut(b []byte, units uint64) []byte {
	b = octets64(b, diameter.AVPCCInputOctets, units/5)
	return octets64(b, diameter.AVPCCOutputOctets, units-units/5)
}

// plainService has the total beside its parts, which is one usage said twice.
func plainService(p *dayPart, b []byte) []byte {
	b = named(p, b)
	if p.asks {
		b = group(b, diameter.AVPRequestedServiceUnit, func(b []byte) []byte { return b })
	}
	b = used(p, b, func(b []byte, units uint64) []byte {
		return inAndOut(octets64(b, diameter.AVPCCTotalOctets, units), units)
	})
	if p.reports {
		b = diameter.AppendUint32(b, diameter.AVPReportingReason, p.reason)
	}
	return b
}

// totalService has the total only, and no reason unless it has to be told.
func totalService(p *dayPart, b []byte) []byte {
	b = used(p, b, func(b []byte, units uint64) []byte { return octets64(b, diameter.AVPCCTotalOctets, units) })
	if p.asks {
		b = group(b, diameter.AVPRequestedServiceUnit, func(b []byte) []byte { return b })
	}
	if p.reports && p.reason == charging.ReasonFinal {
		b = diameter.AppendUint32(b, diameter.AVPReportingReason, p.reason)
	}
	return named(p, b)
}

// starosService has the total in one Used-Service-Unit and the same octets, up and down, in another.
func starosService(p *dayPart, b []byte) []byte {
	b = named(p, b)
	if p.asks {
		b = group(b, diameter.AVPRequestedServiceUnit, func(b []byte) []byte { return b })
	}
	b = used(p, b, func(b []byte, units uint64) []byte { return octets64(b, diameter.AVPCCTotalOctets, units) })
	b = used(p, b, inAndOut)
	if p.reports {
		b = diameter.AppendUint32(b, diameter.AVPReportingReason, p.reason)
	}
	return b
}

// open5gsService names no rating group, always asks for a megabyte, and counts no total.
func open5gsService(p *dayPart, b []byte) []byte {
	if p.asks {
		b = group(b, diameter.AVPRequestedServiceUnit, func(b []byte) []byte { return octets64(b, diameter.AVPCCTotalOctets, 1_000_000) })
	}
	b = used(p, b, func(b []byte, units uint64) []byte {
		b = inAndOut(diameter.AppendUint32(b, diameter.AVPCCTime, 60), units)
		return diameter.AppendUint32(b, diameter.AVPReportingReason, p.reason)
	})
	return group(b, diameter.AVPQoSInformation, func(b []byte) []byte { return diameter.AppendUint32(b, diameter.AVPQoSClassIdentifier, 9) })
}

func open5gsTail(_ *dayGateway, _ *dayRequest, b []byte) []byte {
	b = diameter.AppendUint32(b, diameter.AVPRequestedAction, 0)
	b = diameter.AppendUint32(b, diameter.AVPAoCRequestType, 1)
	return group(b, diameter.AVPServiceInformation, func(b []byte) []byte {
		return group(b, diameter.AVPPSInformation, func(b []byte) []byte {
			return diameter.AppendString(b, diameter.AVPCalledStationID, "internet")
		})
	})
}

// kamailioHead has its names twice, and the application in a group only.
func kamailioHead(g *dayGateway, r *dayRequest, b []byte) []byte {
	b = g.origin(b)
	b = diameter.AppendString(b, diameter.AVPDestinationRealm, testRealm)
	b = group(b, diameter.AVPVendorSpecificApplicationID, func(b []byte) []byte {
		b = diameter.AppendUint32(b, diameter.AVPVendorID, 10415)
		return diameter.AppendUint32(b, diameter.AVPAuthApplicationID, diameter.AppCreditControl)
	})
	b = diameter.AppendUint32(b, diameter.AVPAccountingRecordType, 2)
	b = diameter.AppendUint32(b, diameter.AVPAccountingRecordNumber, r.number)
	b = g.origin(b)
	b = diameter.AppendString(b, diameter.AVPServiceContextID, g.context)
	return subscription(b, 2, "sip:+"+r.who.msisdn+"@ims.example")
}

func kamailioService(p *dayPart, b []byte) []byte {
	if p.asks {
		b = group(b, diameter.AVPRequestedServiceUnit, func(b []byte) []byte { return diameter.AppendUint32(b, diameter.AVPCCTime, 60) })
	}
	b = used(p, b, func(b []byte, units uint64) []byte {
		return diameter.AppendUint32(b, diameter.AVPCCTime, uint32(units))
	})
	b = diameter.AppendUint32(b, diameter.AVPServiceIdentifier, 1000)
	return named(p, b)
}

func kamailioTail(_ *dayGateway, r *dayRequest, b []byte) []byte {
	return group(b, diameter.AVPServiceInformation, func(b []byte) []byte {
		return group(b, diameter.AVPIMSInformation, func(b []byte) []byte {
			b = diameter.AppendUint32(b, diameter.AVPRoleOfNode, 0)
			b = diameter.AppendString(b, diameter.AVPCallingPartyAddress, "sip:+"+r.who.msisdn+"@ims.example")
			return diameter.AppendString(b, diameter.AVPCalledPartyAddress, "tel:+4930-1234567;phone-context=ims.example")
		})
	})
}

// smscService reserves a message to each recipient, and reports those that were delivered.
func smscService(p *dayPart, b []byte) []byte {
	if p.asks {
		b = group(b, diameter.AVPRequestedServiceUnit, func(b []byte) []byte {
			return octets64(b, diameter.AVPCCServiceSpecificUnits, p.wants)
		})
	}
	b = used(p, b, func(b []byte, units uint64) []byte { return octets64(b, diameter.AVPCCServiceSpecificUnits, units) })
	return named(p, b)
}

// smscTail is a message to several recipients.
func smscTail(_ *dayGateway, r *dayRequest, b []byte) []byte {
	if r.kind == charging.Event {
		b = diameter.AppendUint32(b, diameter.AVPRequestedAction, uint32(charging.DirectDebiting))
	}
	return group(b, diameter.AVPServiceInformation, func(b []byte) []byte {
		return group(b, diameter.AVPSMSInformation, func(b []byte) []byte {
			for _, number := range r.recipients {
				b = group(b, diameter.AVPRecipientInfo, func(b []byte) []byte {
					return group(b, diameter.AVPRecipientAddress, func(b []byte) []byte {
						b = diameter.AppendUint32(b, diameter.AVPAddressType, 1)
						return diameter.AppendString(b, diameter.AVPAddressData, number)
					})
				})
			}
			return b
		})
	})
}

// dayAnswer is what a gateway reads in a Credit-Control-Answer.
type dayAnswer struct {
	result diameter.Result
	groups []dayGrant
}

// dayGrant is what it says of a rating group.
type dayGrant struct {
	key                          uint32
	result                       diameter.Result
	grants                       bool
	units                        uint64
	validity, threshold, holding uint32
	change                       instant.Instant
	final                        bool
	action                       uint32
}

// ntpToUnix is the time between the eras of Diameter's Time and of Unix, in seconds.
const ntpToUnix = 2208988800

func readAnswer(m *diameter.Message) (a dayAnswer) {
	number := func(group int, c diameter.Code) uint32 {
		at := m.FindIn(group, c)
		if at == diameter.Root {
			return 0
		}
		v, _ := m.Uint32(at)
		return v
	}
	a.result = diameter.Result(number(diameter.Root, diameter.AVPResultCode))
	_, end := m.Members(diameter.Root)
	for i := m.Find(diameter.AVPMultipleServicesCreditControl); i != diameter.Root; i = m.FindNext(i, end) {
		g := dayGrant{
			key: number(i, diameter.AVPRatingGroup), result: diameter.Result(number(i, diameter.AVPResultCode)),
			validity: number(i, diameter.AVPValidityTime), holding: number(i, diameter.AVPQuotaHoldingTime),
			threshold: number(i, diameter.AVPVolumeQuotaThreshold) + number(i, diameter.AVPTimeQuotaThreshold),
		}
		if at := m.FindIn(i, diameter.AVPGrantedServiceUnit); at != diameter.Root {
			g.grants, g.units = true, uint64(number(at, diameter.AVPCCTime))
			if total := m.FindIn(at, diameter.AVPCCTotalOctets); total != diameter.Root {
				g.units, _ = m.Uint64(total)
			}
			if at := m.FindIn(at, diameter.AVPTariffTimeChange); at != diameter.Root {
				g.change = instant.Instant((int64(binary.BigEndian.Uint32(m.Data(at))) - ntpToUnix) * 1000)
			}
		}
		if at := m.FindIn(i, diameter.AVPFinalUnitIndication); at != diameter.Root {
			g.final, g.action = true, number(at, diameter.AVPFinalUnitAction)
		}
		a.groups = append(a.groups, g)
	}
	return a
}

// of returns what an answer says of a rating group.
func (a *dayAnswer) of(key uint32) (dayGrant, bool) {
	n := slices.IndexFunc(a.groups, func(g dayGrant) bool { return g.key == key })
	if n < 0 {
		return dayGrant{}, false
	}
	return a.groups[n], true
}

// messages cuts octets into messages.
func messages(b []byte) (all [][]byte) {
	for len(b) > 0 {
		n := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		all = append(all, b[:n:n])
		b = b[n:]
	}
	return all
}
