package charging

// equipment is a device's identity, the digits of an IMEI without its check
// digit; empty is any device.
type equipment struct {
	length uint8
	octet  [imeiDigits]byte
}

// imeiDigits is what tells one device from another: the type allocation code
// and the serial number (TS 23.003 section 6.2). The check digit and, in an
// IMEISV, the software's version are no part of it.
const imeiDigits = 14

// equipmentOf reads an IMEI or IMEISV; ok is false for anything else. Nothing
// is any device.
func equipmentOf(text string) (e equipment, ok bool) {
	if text == "" {
		return e, true
	}
	if len(text) < imeiDigits || len(text) > imeiDigits+2 {
		return e, false
	}
	for _, digit := range []byte(text) {
		if digit < '0' || digit > '9' {
			return e, false
		}
	}
	e.length = uint8(copy(e.octet[:], text))
	return e, true
}

// allows reports whether a device may be used. A request that names none comes
// from a node that does not see the device, such as a message centre.
func (e *equipment) allows(device []byte) bool {
	return e.length == 0 || len(device) == 0 || string(device[:min(len(device), imeiDigits)]) == string(e.octet[:e.length])
}

func (e *equipment) octets() []byte { return e.octet[:e.length] }
