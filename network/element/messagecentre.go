package element

import (
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/avp"
)

// messageContext is the Service-Context-Id of SMS charging, 3GPP TS 32.274.
const messageContext = "32274@3gpp.org"

// messageCentre charges short messages: most at once (IEC: one CCR-E with DIRECT_DEBITING), some by reserving before the
// message is delivered and debiting after (ECUR: CCR-I and CCR-T).
type messageCentre struct{}

func (messageCentre) context() string { return messageContext }

func (messageCentre) sendsStateID() bool { return true }

// begin draws one recipient, for one message in eight two or three. The unit charged is one message to one recipient.
func (messageCentre) begin(s *session, o *Options, now time.Time) {
	f := &s.facts
	f.started, f.openWithin = now, true
	count := 1
	if s.rng.IntN(8) == 0 {
		count = 2 + s.rng.IntN(2)
	}
	for range count {
		f.recipients = append(f.recipients, o.drawParty(s.rng))
	}
	s.oneTime = s.rng.IntN(maxPermille) >= o.ECURPermille
	f.multipleServices = int32(s.rng.IntN(2))
	v := &service{unit: Events, demand: uint64(count), chunk: uint64(count)}
	if len(o.RatingGroups) > 0 {
		v.hasGroup, v.group = true, o.RatingGroups[0]
		f.multipleServices = 1 // a Rating-Group has its place in the MSCC alone
	}
	s.services = []*service{v}
}

func (messageCentre) identities(s *session) []*diam.AVP { return identitiesOf(s) }

func (messageCentre) command(s *session, t requestType, _ time.Time) []*diam.AVP {
	var out []*diam.AVP
	if t == eventRequest {
		out = append(out, base(avp.RequestedAction, enum(0))) // DIRECT_DEBITING
	}
	if s.facts.multipleServices == 1 && t != terminationRequest {
		out = append(out, base(avp.MultipleServicesIndicator, enum(1)))
	}
	return out
}

// unitsOf words half of the messages with units at command level (RFC 8506 s. 5.1) and half with an MSCC.
func (messageCentre) unitsOf(s *session, _ requestType, usages []usage) []*diam.AVP {
	if s.facts.multipleServices == 1 {
		return creditControls(usages, false, false)
	}
	var out []*diam.AVP
	for i := range usages {
		u := &usages[i]
		if u.asks {
			out = append(out, u.service.requestedUnits())
		}
		if u.consumed {
			out = append(out, u.usedUnits(false)...)
		}
	}
	return out
}

// Values of the SMS-Information, 3GPP TS 32.299.
const (
	nodeSMSC          = 3 // SMS-Node: SMS-SC
	messageSubmission = 0 // SM-Message-Type
	addressMSISDN     = 1 // Address-Type
)

func (messageCentre) information(s *session, _ requestType) *diam.AVP {
	parts := []*diam.AVP{
		tgpp(avp.SMSNode, enum(nodeSMSC)),
		tgpp(avp.SMSCAddress, address(10, 11, 0, 9)),
		tgpp(avp.SMMessageType, enum(messageSubmission)),
		tgpp(avp.OriginatorReceivedAddress, group(messageAddress(s.sub.msisdn)...)),
		tgpp(avp.NumberOfMessagesSent, u32(uint32(len(s.facts.recipients)))),
	}
	for _, number := range s.facts.recipients {
		parts = append(parts, tgpp(avp.RecipientInfo, group(tgpp(avp.RecipientAddress, group(messageAddress(number)...)))))
	}
	return tgpp(avp.ServiceInformation, group(tgpp(avp.SMSInformation, group(parts...))))
}

func messageAddress(number string) []*diam.AVP {
	return []*diam.AVP{tgpp(avp.AddressType, enum(addressMSISDN)), tgpp(avp.AddressData, text(number))}
}
