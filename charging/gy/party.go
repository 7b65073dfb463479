package gy

import (
	"bytes"

	"gyro/charging/diameter"
	"gyro/internal/ident"
)

// maxCalled is the longest called number in digits. E.164 allows 15; carrier selection and number portability
// prefixes may add to them. What is longer is no number.
const maxCalled = 32

// Values of Role-Of-Node (TS 32.299 section 7.2.177).
const (
	roleOriginating = 0
	roleTerminating = 1
	// roleForwarding is that of the party that diverts a call; earlier releases have a proxy's under this number.
	roleForwarding = 2
	// maxRole is B2BUA_ROLE of earlier releases.
	maxRole = 3
)

// call is what IMS-Information says of who talks to whom.
type call struct {
	calling, called, requested, forwarding []byte // digits, nil for what is no number
}

// readIMS reads IMS-Information (TS 32.299 section 7.2.77). A message's recipient, if there is one, says more than
// the called party of the session that carried it.
func (r *reader) readIMS(group int) refusal {
	var c call
	for i, end := r.m.Members(group); i < end; i = r.m.Next(i) {
		switch r.m.At(i).Code {
		case diameter.AVPRoleOfNode:
			role := r.uint32(i)
			if role <= maxRole {
				r.command.Role = uint8(role)
			} else if r.profile.RefuseInvalid {
				return invalid(i)
			}
		case diameter.AVPCallingPartyAddress: // a SIP URI, a tel URI or one of each
			r.party(i, &c.calling)
		case diameter.AVPCalledPartyAddress:
			r.party(i, &c.called)
		case diameter.AVPRequestedPartyAddress:
			r.party(i, &c.requested)
		}
	}
	r.readSupplementary(&c)
	r.applyForwarding(&c)
	if c.called == nil {
		c.called = c.requested
	}
	if r.command.Called == nil {
		r.command.Called = c.called
	}
	if r.command.Calling == nil {
		r.command.Calling = c.calling
	}
	return accepted
}

// party takes the number of a party, unless an earlier AVP gave it.
func (r *reader) party(i int, number *[]byte) {
	if *number == nil {
		*number = r.dialled(r.m.Data(i))
	}
}

// readSupplementary finds the party that diverted the call, in MMTel-Information { Supplementary-Service {
// Number-Of-Diversions, Associated-Party-Address } } (TS 32.299, TS 32.275).
func (r *reader) readSupplementary(c *call) {
	group := r.m.FindIn(r.root.at(atInformation), diameter.AVPMMTelInformation)
	if group == diameter.Root {
		return
	}
	for i, end := r.m.Members(group); i < end; i = r.m.Next(i) {
		if r.m.At(i).Code != diameter.AVPSupplementaryService ||
			r.m.FindIn(i, diameter.AVPNumberOfDiversions) == diameter.Root {
			continue
		}
		if at := r.m.FindIn(i, diameter.AVPAssociatedPartyAddress); at != diameter.Root {
			r.party(at, &c.forwarding)
		}
	}
}

// applyForwarding turns the leg of a diverted call into what it is charged as: an originating one from the party that
// diverts it to the party it is diverted to. The caller pays for the way to the diverting party only. It is told by
// a party that diverts, of a supplementary service, or else by a requested one, that is not the one called, where the role
// is that of the terminating or of the forwarding side. On the originating side the two differ after every translation of
// a short or service number.
func (r *reader) applyForwarding(c *call) {
	if c.forwarding == nil {
		c.forwarding = c.requested
	}
	diverted := c.forwarding != nil && c.called != nil && !bytes.Equal(c.forwarding, c.called)
	if !diverted || r.command.Role != roleForwarding && r.command.Role != roleTerminating {
		return
	}
	r.command.Role = roleOriginating
	c.calling, r.forwarding = c.forwarding, c.forwarding
}

// chargedParty adds the party that diverts a call as the one to be charged, for a request that names nobody.
func (r *reader) chargedParty() {
	if r.forwarding == nil {
		return
	}
	if id, err := ident.New(ident.E164, r.forwarding); err == nil {
		r.addIdentity(&id)
	}
}

// dialled returns the digits of an address as the core rates them: without scheme, "+", parameters, domain and the
// visual separators of RFC 3966 section 3. It returns nil for an address that is not a number.
func (r *reader) dialled(address []byte) []byte {
	for _, scheme := range [...]string{"tel:", "sip:", "sips:"} {
		if len(address) >= len(scheme) && equalFold(address[:len(scheme)], scheme) {
			address = address[len(scheme):]
			break
		}
	}
	if i := bytes.IndexAny(address, "@;"); i >= 0 {
		address = address[:i]
	}
	address = trimPlus(address)
	if digitsOnly(address) && len(address) <= maxCalled {
		return address
	}
	start := len(r.digits)
	for _, c := range address {
		switch {
		case '0' <= c && c <= '9' && len(r.digits)-start < maxCalled:
			r.digits = append(r.digits, c)
		case c == '-' || c == '.' || c == '(' || c == ')':
		default:
			r.digits = r.digits[:start]
			return nil
		}
	}
	if len(r.digits) == start {
		return nil
	}
	return r.digits[start:len(r.digits):len(r.digits)]
}
