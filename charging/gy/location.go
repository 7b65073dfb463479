package gy

import (
	"math"

	"gyro/charging/diameter"
	"gyro/internal/ident"
)

// readRAT reads 3GPP-RAT-Type, an octet (TS 29.061 section 16.4.7.2). The core has it plus one, so that 255 cannot be
// said; nothing is assigned there.
func (r *reader) readRAT(i int) {
	if b := r.m.Data(i); len(b) == 1 && b[0] != math.MaxUint8 {
		r.command.RAT = b[0] + 1
	}
}

// readQoS reads the class of service in QoS-Information (TS 29.212), unless it is known already.
func (r *reader) readQoS(group int) {
	at := r.m.FindIn(group, diameter.AVPQoSClassIdentifier)
	if at == diameter.Root || r.command.QCI != 0 {
		return
	}
	if qci := r.uint32(at); qci <= math.MaxUint8 {
		r.command.QCI = uint8(qci)
	}
}

// readServing reads the network that serves the subscriber: that of the location or else that of the serving node.
func (r *reader) readServing(location, node int) {
	if location != diameter.Root {
		r.command.Serving = networkOf(r.m.Data(location))
	}
	if node != diameter.Root && r.command.Serving == 0 {
		if network, err := ident.ParsePLMN(r.m.Data(node)); err == nil && !network.IsCountry() {
			r.command.Serving = network
		}
	}
}

// Geographic location types of 3GPP-User-Location-Info (TS 29.061 section 16.4.7.2). All of them begin with the
// identity of the network: that of the cell, the area or the node.
const (
	locationRAI       = 2   // last of those of GERAN and UTRAN; 0 is CGI, 1 is SAI
	locationTAI       = 128 // first of those of EPS and 5GS
	locationNGRANNode = 139 // last: tracking area and node
)

// networkOf returns the network in a 3GPP-User-Location-Info, 0 if there is none: an octet of type, then MCC and MNC as
// TS 24.008 section 10.5.1.3 packs them, two digits an octet, the third digit of the MNC, or 15, in the middle. Of two
// identities in one location the first is the area's, where the subscriber is registered.
func networkOf(location []byte) ident.PLMN {
	if len(location) < 4 {
		return 0
	}
	if t := location[0]; t > locationRAI && (t < locationTAI || t > locationNGRANNode) {
		return 0
	}
	a, b, c := location[1], location[2], location[3]
	digits := [6]byte{a & 15, a >> 4, b & 15, c & 15, c >> 4, b >> 4}
	n := len(digits)
	if digits[5] == 15 {
		n--
	}
	for i := range digits[:n] {
		digits[i] += '0' // a nibble above 9 becomes no digit, which ParsePLMN refuses
	}
	network, err := ident.ParsePLMN(digits[:n])
	if err != nil {
		return 0
	}
	return network
}
