package gy

import "gyro/charging/diameter"

const (
	// imeiDigits is the length of an IMEI without its check digit (TS 23.003 section 6.2.1): what it has in common with
	// the IMEISV of the same equipment, and names it.
	imeiDigits = 14
	// packedIMEI is the length of an IMEI or IMEISV with two digits an octet.
	packedIMEI = 8
	// equipmentIMEISV is the User-Equipment-Info-Type (RFC 8506 section 8.50) of both.
	equipmentIMEISV = 0
)

// readEquipment reads User-Equipment-Info { type, value }. Identities that are no IMEI do not matter.
func (r *reader) readEquipment(group int) {
	kind := r.m.FindIn(group, diameter.AVPUserEquipmentInfoType)
	value := r.m.FindIn(group, diameter.AVPUserEquipmentInfoValue)
	if value == diameter.Root || kind != diameter.Root && r.uint32(kind) != equipmentIMEISV {
		return
	}
	r.setEquipment(r.m.Data(value))
}

// setEquipment takes an IMEI or IMEISV in digits or packed. Gateways send 14 to 16 digits, and Kamailio 17 octets, the
// last of which belongs to nothing; the first 14 are the same in all of them.
func (r *reader) setEquipment(value []byte) {
	switch {
	case r.command.Equipment != nil:
	case len(value) >= imeiDigits && digitsOnly(value[:imeiDigits]):
		r.command.Equipment = value[:imeiDigits]
	case len(value) == packedIMEI:
		for i := range r.imei {
			r.imei[i] = '0' + value[i/2]>>(4*(i%2))&15
		}
		if digitsOnly(r.imei[:]) {
			r.command.Equipment = r.imei[:]
		}
	}
}
