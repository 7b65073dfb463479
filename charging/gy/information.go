package gy

import (
	"math"

	"gyro/charging"
	"gyro/charging/diameter"
)

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
	if r.root.has(atEquipment) {
		r.readEquipment(r.root.at(atEquipment))
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

// readPacketData reads PS-Information (TS 32.299). Other domains have it too, for where the subscriber is.
func (r *reader) readPacketData(group int) {
	location, serving := diameter.Root, diameter.Root
	for i, end := r.m.Members(group); i < end; i = r.m.Next(i) {
		switch r.m.At(i).Code {
		case diameter.AVPCalledStationID:
			r.command.APN = r.m.Data(i)
		case diameter.AVP3GPPUserLocationInfo:
			location = i
		case diameter.AVP3GPPSGSNMCCMNC:
			serving = i
		case diameter.AVP3GPPRATType:
			r.readRAT(i)
		case diameter.AVPQoSInformation:
			r.command.QCI = 0 // the bearer's, rather than that of one service on it
			r.readQoS(i)
		case diameter.AVPUserEquipmentInfo:
			r.readEquipment(i)
		case diameter.AVP3GPPIMEISV:
			r.setEquipment(r.m.Data(i))
		}
	}
	r.readServing(location, serving)
}

// readShortMessage reads SMS-Information (TS 32.299 section 7.2.211). Each Recipient-Info is a recipient. One that
// holds several addresses to be dialled stands for as many recipients; addresses of other types (IMSI, e-mail) are
// other names of the same one.
func (r *reader) readShortMessage(group int) refusal {
	var found recipients
	for i, end := r.m.Members(group); i < end; i = r.m.Next(i) {
		switch r.m.At(i).Code {
		case diameter.AVPRecipientInfo:
			before := found.dialled
			r.addRecipients(i, &found)
			found.count += max(1, found.dialled-before)
		case diameter.AVPOriginatorReceivedAddress, diameter.AVPOriginatorAddress:
			r.readOriginator(i)
		}
	}
	return r.setRecipients(group, &found)
}

// readMultimediaMessage reads MMS-Information (TS 32.299), which holds the addresses directly.
func (r *reader) readMultimediaMessage(group int) refusal {
	var found recipients
	r.addRecipients(group, &found)
	found.count = found.addresses
	if at := r.m.FindIn(group, diameter.AVPOriginatorAddress); at != diameter.Root {
		r.readOriginator(at)
	}
	return r.setRecipients(group, &found)
}

// readOriginator reads the sender of a message from a group with its address.
func (r *reader) readOriginator(group int) {
	if at := r.dialledIn(group); at != diameter.Root && r.command.Calling == nil {
		r.command.Calling = r.dialled(r.m.Data(at))
	}
}

// recipients is what a message says of them.
type recipients struct {
	count     int
	addresses int // Recipient-Address AVPs
	dialled   int // those that are dialled
	numbers   int // those whose numbers are kept: the first in Called, the others in Also
}

// addRecipients adds the Recipient-Addresses of a group.
func (r *reader) addRecipients(group int, to *recipients) {
	for i, end := r.m.Members(group); i < end; i = r.m.Next(i) {
		if r.m.At(i).Code != diameter.AVPRecipientAddress {
			continue
		}
		to.addresses++
		at := r.dialledIn(i)
		if at == diameter.Root {
			continue
		}
		to.dialled++
		number := r.dialled(r.m.Data(at))
		switch {
		case number == nil:
			continue
		case to.numbers == 0:
			r.command.Called = number
		case to.numbers <= charging.MaxAlso:
			r.also[to.numbers-1] = number
		}
		to.numbers++
	}
}

// dialledIn returns the Address-Data of a group whose Address-Type says that it is dialled, diameter.Root if there is
// none.
func (r *reader) dialledIn(group int) int {
	kind, data := r.m.FindIn(group, diameter.AVPAddressType), r.m.FindIn(group, diameter.AVPAddressData)
	if kind == diameter.Root || data == diameter.Root ||
		r.uint32(kind) != addressMSISDN && r.uint32(kind) != addressShortCode {
		return diameter.Root
	}
	return data
}

func (r *reader) setRecipients(group int, from *recipients) refusal {
	if from.count > math.MaxUint8 || from.numbers > 1+charging.MaxAlso {
		return tooMany(group)
	}
	r.command.Recipients = uint8(max(1, from.count))
	r.command.Also = r.also[:max(0, from.numbers-1)]
	return accepted
}
