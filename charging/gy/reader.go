package gy

import (
	"gyro/charging"
	"gyro/charging/diameter"
	"gyro/internal/ident"
)

// reader turns one request after the other into a command, in the same memory. Byte slices of the command refer to
// the message it was read from.
type reader struct {
	m       *diameter.Message
	profile *Profile
	root    root
	command charging.CreditControl

	services   [charging.MaxServices]charging.Service
	identities [charging.MaxIdentities]ident.Identity
	also       [charging.MaxAlso][]byte
	digits     []byte           // where numbers are put together that do not stand in the message as they are
	imei       [imeiDigits]byte // likewise
	forwarding []byte           // the number of the party that diverts the call
}

// read reads a request. What is wrong with it is looked for in a fixed order: AVPs that are not allowed, repeated,
// missing, then values in the order of their meaning: session, type, service, subscriber, units.
func (r *reader) read(g *Gateway, m *diameter.Message) refusal {
	r.m = m
	r.root.find(m)
	r.profile = &g.fallback
	if r.root.has(atOriginHost) {
		r.profile = g.profileOf(m.Data(r.root.at(atOriginHost)))
	}
	r.digits, r.forwarding = r.digits[:0], nil
	r.command = charging.CreditControl{
		Client:     r.profile.client,
		Services:   r.services[:0],
		Identities: r.identities[:0],
		EndToEnd:   m.EndToEnd,
		Recipients: 1,
	}
	for _, step := range [...]func(*reader) refusal{
		(*reader).checkGrammar, (*reader).readSession, (*reader).readType, (*reader).readInformation,
		(*reader).readIdentities, (*reader).readServices,
	} {
		if f := step(r); !f.ok() {
			return f
		}
	}
	return accepted
}

// checkGrammar holds the top level against the grammar of RFC 8506 section 3.1. Destination-Realm and
// Destination-Host have been checked by the base protocol, whose answer depends on them.
func (r *reader) checkGrammar() refusal {
	p, root := r.profile, &r.root
	switch {
	case p.RefuseNotAllowed && root.has(atNotAllowed):
		return refusal{result: diameter.ResultAVPNotAllowed, failure: diameter.Offending(root.at(atNotAllowed))}
	case p.RefuseRepeated && root.repeated != diameter.Root:
		return tooMany(int(root.repeated))
	case !root.has(atSessionID):
		return missing(diameter.Root, diameter.AVPSessionID)
	case !root.has(atOriginHost):
		return missing(diameter.Root, diameter.AVPOriginHost)
	case p.RefuseMissing && !root.has(atOriginRealm):
		return missing(diameter.Root, diameter.AVPOriginRealm)
	case p.RefuseMissing && !root.has(atApplicationID):
		return missing(diameter.Root, diameter.AVPAuthApplicationID)
	case p.RefuseMissing && !root.has(atContextID):
		return missing(diameter.Root, diameter.AVPServiceContextID)
	case !root.has(atRequestType):
		return missing(diameter.Root, diameter.AVPCCRequestType)
	case !root.has(atRequestNumber):
		return missing(diameter.Root, diameter.AVPCCRequestNumber)
	}
	if at := root.at(atApplicationID); p.RefuseInvalid && at != diameter.Root && r.uint32(at) != diameter.AppCreditControl {
		return invalid(at)
	}
	return accepted
}

// readSession reads what identifies the session and its gateway.
func (r *reader) readSession() refusal {
	c, root := &r.command, &r.root
	c.SessionID = r.m.Data(root.at(atSessionID))
	if len(c.SessionID) == 0 || len(c.SessionID) > charging.MaxSessionID {
		return invalid(root.at(atSessionID))
	}
	c.OriginHost = r.m.Data(root.at(atOriginHost))
	if len(c.OriginHost) == 0 || len(c.OriginHost) > maxHost {
		return invalid(root.at(atOriginHost))
	}
	if root.has(atSubSession) {
		c.SubSession = r.uint64(root.at(atSubSession))
	}
	if root.has(atContextID) {
		c.Context = serviceContext(r.m.Data(root.at(atContextID)))
	}
	return accepted
}

// readType reads what the request is. Requested-Action says something about events only; Open5GS sends it always.
func (r *reader) readType() refusal {
	c, root := &r.command, &r.root
	kind := r.uint32(root.at(atRequestType))
	if kind < uint32(charging.Initial) || kind > uint32(charging.Event) {
		return invalid(root.at(atRequestType))
	}
	c.Type = charging.RequestType(kind)
	c.Number = r.uint32(root.at(atRequestNumber))
	if c.Type != charging.Event {
		return accepted
	}
	if !root.has(atAction) {
		return missing(diameter.Root, diameter.AVPRequestedAction)
	}
	action := r.uint32(root.at(atAction))
	if action > uint32(charging.PriceEnquiry) {
		return invalid(root.at(atAction))
	}
	c.Action = charging.RequestedAction(action)
	return accepted
}

// uint32 returns the value of AVP i, whose length parsing has held against its type.
func (r *reader) uint32(i int) uint32 {
	v, _ := r.m.Uint32(i)
	return v
}

// uint64 returns the value of AVP i, whose length parsing has held against its type.
func (r *reader) uint64(i int) uint64 {
	v, _ := r.m.Uint64(i)
	return v
}

// contextDomain ends the Service-Context-Ids that 3GPP defines (TS 32.299).
const contextDomain = "@3gpp.org"

// serviceContext returns the number in a Service-Context-Id of 3GPP: that of the charging specification, one of
// TS 32.200 to 32.299. It stands before the domain; an operator's extensions, MNC, MCC and release may precede it,
// separated by dots. Any other Service-Context-Id is 0.
func serviceContext(id []byte) uint32 {
	name := len(id) - len(contextDomain)
	if name < 0 || !equalFold(id[name:], contextDomain) {
		return 0
	}
	const length = len("32251")
	if name < length || name > length && id[name-length-1] != '.' {
		return 0
	}
	number := uint32(0)
	for _, c := range id[name-length : name] {
		if c < '0' || c > '9' {
			return 0
		}
		number = number*10 + uint32(c-'0')
	}
	if number < 32200 || number > 32299 {
		return 0
	}
	return number
}

// equalFold compares b with a string in lower-case ASCII, whatever the case of b.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
