package element

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/avp"
)

// voiceContext is the Service-Context-Id of IMS charging, 3GPP TS 32.260.
const voiceContext = "32260@3gpp.org"

// imsDomain is the home network domain of TS 23.003 for the test network.
const imsDomain = "ims.mnc001.mcc001.3gppnetwork.org"

// destinationDigits is the length to which a destination given as a prefix is completed: that of most numbers with country
// code.
const destinationDigits = 12

// voiceChunk is the amount of talking time a call server asks for when it names one.
const voiceChunk = 60

// callServer words requests as an IMS application server (or Kamailio's ims_charging) does: one MSCC in CC-Time,
// IMS-Information with the parties of the call, and a report of 0 or 1 second right after pick-up.
type callServer struct{}

func (callServer) context() string { return voiceContext }

func (callServer) sendsStateID() bool { return true }

// drawCallSeconds draws a call's length: one in twelve is never picked up, the others have a geometric length in steps of 10 s
// (mean 110 s), capped at 2 h, with uniform seconds inside the step.
func drawCallSeconds(rng *rand.Rand) (seconds uint64, answered bool) {
	if rng.IntN(12) == 0 {
		return 0, false
	}
	steps := uint64(0)
	for steps < 720 && rng.IntN(11) != 0 {
		steps++
	}
	return steps*10 + 1 + rng.Uint64N(10), true
}

// drawDestination draws one of the configured numbers and completes it when it is a prefix.
func drawDestination(rng *rand.Rand, numbers []string) string {
	number, pattern := strings.CutSuffix(numbers[rng.IntN(len(numbers))], "*")
	for pattern && len(number) < destinationDigits {
		number += string(rune('0' + rng.IntN(10)))
	}
	return number
}

// drawParty draws the other party of a call or message: a number elsewhere, or another of the subscribers.
func (o *Options) drawParty(rng *rand.Rand) string {
	if o.OnNetPermille > 0 && rng.IntN(maxPermille) < o.OnNetPermille {
		return o.subscriber(rng.Uint64N(uint64(o.Subscribers))).msisdn
	}
	return drawDestination(rng, o.Destinations)
}

// partyURI names a number as tel: or as sip: URI with user=phone (RFC 3966, RFC 3261).
func partyURI(number string, sip bool) string {
	if sip {
		return "sip:+" + number + "@" + imsDomain + ";user=phone"
	}
	return "tel:+" + number
}

func (callServer) begin(s *session, o *Options, now time.Time) {
	f := &s.facts
	f.started, f.openWithin = now, true
	f.callID = fmt.Sprintf("%016x@%s", s.rng.Uint64(), imsDomain)
	f.multipleServices = int32(s.rng.IntN(3)) - 1 // -1: left out
	f.terminating = s.rng.IntN(maxPermille) < o.TerminatingPermille
	own := partyURI(s.sub.msisdn, s.rng.IntN(2) == 0)
	other := partyURI(o.drawParty(s.rng), s.rng.IntN(2) == 0)
	f.callingParty, f.called = own, other
	if f.terminating {
		f.callingParty, f.called = other, own
	}
	v := &service{unit: Seconds}
	v.demand, f.answered = drawCallSeconds(s.rng)
	if s.rng.IntN(2) == 0 {
		v.chunk = voiceChunk
	}
	if len(o.RatingGroups) > 0 {
		v.hasGroup, v.group = true, o.RatingGroups[0]
	}
	s.services = []*service{v}
}

func (callServer) identities(s *session) []*diam.AVP {
	return []*diam.AVP{
		subscription(subscriptionE164, s.sub.msisdn),
		subscription(subscriptionSIPURI, "sip:+"+s.sub.msisdn+"@"+imsDomain),
	}
}

func (callServer) command(s *session, t requestType, _ time.Time) []*diam.AVP {
	if t == initialRequest && s.facts.multipleServices >= 0 {
		return []*diam.AVP{base(avp.MultipleServicesIndicator, enum(s.facts.multipleServices))}
	}
	return nil
}

func (callServer) unitsOf(_ *session, _ requestType, usages []usage) []*diam.AVP {
	return creditControls(usages, false, false)
}

func (callServer) information(s *session, t requestType) *diam.AVP {
	role := int32(0) // ORIGINATING_ROLE
	if s.facts.terminating {
		role = 1
	}
	method := map[requestType]string{initialRequest: "INVITE", updateRequest: "UPDATE", terminationRequest: "BYE"}[t]
	return tgpp(avp.ServiceInformation, group(tgpp(avp.IMSInformation, group(
		tgpp(avp.EventType, group(tgpp(avp.SIPMethod, text(method)))),
		tgpp(avp.RoleOfNode, enum(role)),
		tgpp(avp.NodeFunctionality, enum(6)), // AS
		tgpp(avp.UserSessionID, text(s.facts.callID)),
		tgpp(avp.CallingPartyAddress, text(s.facts.callingParty)),
		tgpp(avp.CalledPartyAddress, text(s.facts.called)),
		tgpp(avp.TimeStamps, group(tgpp(avp.SIPRequestTimestamp, timestamp(s.facts.started)))),
	))))
}
