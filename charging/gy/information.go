package gy

import (
	"bytes"
	"math"

	"gyro/charging/diameter"
)

// maxCalled is the longest called number in digits. E.164 allows 15; carrier selection and number portability
// prefixes may add to them. What is longer is no number.
const maxCalled = 32

// maxRole is the greatest Role-Of-Node (TS 32.299 section 7.2.177): B2BUA_ROLE of its earlier releases.
const maxRole = 3

// Values of Address-Type (TS 32.299) of addresses that are dialled.
const (
	addressMSISDN    = 1
	addressShortCode = 4
)

// readInformation reads what the request says of the service in the terms of its 3GPP domain.
func (r *reader) readInformation() refusal {
	if r.root.has(atCalledStation) {
		r.command.APN = r.m.Data(r.root.at(atCalledStation))
	}
	group := r.root.at(atInformation)
	if group == diameter.Root {
		return accepted
	}
	for i, end := r.m.Members(group); i < end; i = r.m.Next(i) {
		f := accepted
		switch r.m.At(i).Code {
		case diameter.AVPPSInformation:
			r.readPacketData(i)
		case diameter.AVPIMSInformation:
			f = r.readIMS(i)
		case diameter.AVPSMSInformation:
			f = r.readShortMessage(i)
		case diameter.AVPMMSInformation:
			f = r.readMultimediaMessage(i)
		}
		if !f.ok() {
			return f
		}
	}
	return accepted
}

// readPacketData reads PS-Information (TS 32.299).
func (r *reader) readPacketData(group int) {
	if at := r.m.FindIn(group, diameter.AVPCalledStationID); at != diameter.Root {
		r.command.APN = r.m.Data(at)
	}
}

// readIMS reads IMS-Information (TS 32.299 section 7.2.77). A message's recipient, if there is one, says more than
// the called party of the session that carried it.
func (r *reader) readIMS(group int) refusal {
	if at := r.m.FindIn(group, diameter.AVPRoleOfNode); at != diameter.Root {
		role := r.uint32(at)
		if role <= maxRole {
			r.command.Role = uint8(role)
		} else if r.profile.RefuseInvalid {
			return invalid(at)
		}
	}
	called := r.m.FindIn(group, diameter.AVPCalledPartyAddress)
	if called == diameter.Root {
		called = r.m.FindIn(group, diameter.AVPRequestedPartyAddress)
	}
	if called != diameter.Root && r.command.Called == nil {
		r.command.Called = r.dialled(r.m.Data(called))
	}
	return accepted
}

// readShortMessage reads SMS-Information (TS 32.299 section 7.2.211). Each Recipient-Info is a recipient. One that
// holds several addresses to be dialled stands for as many recipients; addresses of other types (IMSI, e-mail) are
// other names of the same one.
func (r *reader) readShortMessage(group int) refusal {
	var recipients recipients
	for i, end := r.m.Members(group); i < end; i = r.m.Next(i) {
		if r.m.At(i).Code == diameter.AVPRecipientInfo {
			before := recipients.dialled
			r.addRecipients(i, &recipients)
			recipients.count += max(1, recipients.dialled-before)
		}
	}
	return r.setRecipients(group, &recipients)
}

// readMultimediaMessage reads MMS-Information (TS 32.299), which holds the addresses directly.
func (r *reader) readMultimediaMessage(group int) refusal {
	var recipients recipients
	r.addRecipients(group, &recipients)
	recipients.count = recipients.addresses
	return r.setRecipients(group, &recipients)
}

// recipients is what a message says of them.
type recipients struct {
	count     int
	addresses int // Recipient-Address AVPs
	dialled   int // those that are dialled
	first     int // Address-Data of the first one that is dialled
}

// addRecipients adds the Recipient-Addresses of a group.
func (r *reader) addRecipients(group int, to *recipients) {
	for i, end := r.m.Members(group); i < end; i = r.m.Next(i) {
		if r.m.At(i).Code != diameter.AVPRecipientAddress {
			continue
		}
		to.addresses++
		kind, data := r.m.FindIn(i, diameter.AVPAddressType), r.m.FindIn(i, diameter.AVPAddressData)
		if kind == diameter.Root || data == diameter.Root ||
			r.uint32(kind) != addressMSISDN && r.uint32(kind) != addressShortCode {
			continue
		}
		if to.dialled == 0 {
			to.first = data
		}
		to.dialled++
	}
}

func (r *reader) setRecipients(group int, from *recipients) refusal {
	if from.count > math.MaxUint8 {
		return tooMany(group)
	}
	r.command.Recipients = uint8(max(1, from.count))
	if from.dialled != 0 {
		r.command.Called = r.dialled(r.m.Data(from.first))
	}
	return accepted
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
	n := 0
	for _, c := range address {
		switch {
		case '0' <= c && c <= '9' && n < maxCalled:
			r.called[n] = c
			n++
		case c == '-' || c == '.' || c == '(' || c == ')':
		default:
			return nil
		}
	}
	if n == 0 {
		return nil
	}
	return r.called[:n]
}
