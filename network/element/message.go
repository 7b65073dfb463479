package element

import (
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/avp"
)

// message builds the CCR of a request and counts its usages as reported.
func (s *session) message(d *Dictionary, o *Options, r request, now time.Time, hopByHop, endToEnd uint32) *diam.Message {
	m := newMessage(d, diam.CreditControl, diam.RequestFlag|diam.ProxiableFlag, creditControl, hopByHop, endToEnd)
	add := func(avps ...*diam.AVP) {
		for _, a := range avps {
			m.AddAVP(a)
		}
	}
	add(base(avp.SessionID, text(s.id)),
		base(avp.OriginHost, identity(o.OriginHost)),
		base(avp.OriginRealm, identity(o.OriginRealm)),
		base(avp.DestinationRealm, identity(o.DestinationRealm)),
		base(avp.AuthApplicationID, u32(creditControl)),
		base(avp.ServiceContextID, text(s.dialect.context())),
		base(avp.CCRequestType, enum(int32(r.kind))),
		base(avp.CCRequestNumber, u32(s.number)))
	if host := s.destinationHost(o); host != "" {
		add(base(avp.DestinationHost, identity(host)))
	}
	if s.dialect.sendsStateID() {
		add(base(avp.OriginStateID, u32(o.OriginStateID)))
	}
	add(base(avp.EventTimestamp, timestamp(now)))
	add(s.dialect.identities(s)...)
	add(s.dialect.command(s, r.kind, now)...)
	if r.kind == terminationRequest {
		add(base(avp.TerminationCause, enum(s.terminationCause())))
	}
	add(s.dialect.unitsOf(s, r.kind, r.usages)...)
	add(s.dialect.information(s, r.kind))
	return m
}

func (s *session) destinationHost(o *Options) string {
	if o.DestinationHost != "" {
		return o.DestinationHost
	}
	if _, learns := s.dialect.(openGateway); learns {
		return s.learned
	}
	return ""
}

// terminationCause is DIAMETER_LOGOUT, or DIAMETER_ADMINISTRATIVE after an ASR.
func (s *session) terminationCause() int32 {
	if s.aborted {
		return 4
	}
	return 1
}
