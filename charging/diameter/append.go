package diameter

import (
	"encoding/binary"
	"net/netip"
)

// avpHeader and avpVendorHeader are the lengths of an AVP header in octets, without and with a Vendor-Id.
const (
	avpHeader       = 8
	avpVendorHeader = 12
)

// maxLength is the greatest length that the 24-bit length fields of messages and AVPs hold, in octets.
const maxLength = 1<<24 - 1

// padding returns how many octets follow n octets of data up to the next multiple of four.
func padding(n int) int { return -n & 3 }

// AppendHeader starts a message. Its length is set by FinishMessage.
func AppendHeader(dst []byte, flags uint8, command, appID, hopByHop, endToEnd uint32) []byte {
	dst = binary.BigEndian.AppendUint32(dst, Version<<24)
	dst = binary.BigEndian.AppendUint32(dst, uint32(flags)<<24|command&0xffffff)
	dst = binary.BigEndian.AppendUint64(dst, uint64(appID)<<32|uint64(hopByHop))
	return binary.BigEndian.AppendUint32(dst, endToEnd)
}

// FinishMessage sets the length of the message that starts at dst[start] and ends at the end of dst. A message
// longer than 16 MiB cannot be expressed; the limits on messages are far below.
func FinishMessage(dst []byte, start int) { putLength(dst[start+1:], len(dst)-start) }

func putLength(b []byte, n int) {
	if n > maxLength {
		panic("diameter: message or group longer than 16777215 octets")
	}
	_ = b[2]
	b[0], b[1], b[2] = byte(n>>16), byte(n>>8), byte(n)
}

// FlagsOf returns the flags that this package sends an AVP with: V if it has a vendor, M unless the definition
// leaves it open or forbids it, and no M for an AVP that the dictionary does not hold.
func FlagsOf(c Code) uint8 {
	flags := uint8(0)
	if c.Vendor() != 0 {
		flags = FlagVendor
	}
	if kindOf(c).mandatory() {
		flags |= FlagMandatory
	}
	return flags
}

// appendAVPHeader appends the header of an AVP with that many octets of data.
func appendAVPHeader(dst []byte, c Code, size int) []byte {
	if size > maxLength-avpVendorHeader {
		panic("diameter: AVP longer than 16777215 octets")
	}
	if c < baseKindCount { // FlagsOf, with the M bit where it stands already
		mandatory := uint64(dictionary.base[c].want & kindMandatory)
		return binary.BigEndian.AppendUint64(dst, uint64(c)<<32|mandatory|uint64(size+avpHeader))
	}
	flags := uint64(FlagsOf(c))
	if c.Vendor() == 0 {
		return binary.BigEndian.AppendUint64(dst, uint64(c)<<32|flags<<24|uint64(size+avpHeader))
	}
	dst = binary.BigEndian.AppendUint64(dst, uint64(c.Number())<<32|flags<<24|uint64(size+avpVendorHeader))
	return binary.BigEndian.AppendUint32(dst, c.Vendor())
}

// AppendUint32 appends an AVP of type Unsigned32 or Enumerated.
func AppendUint32(dst []byte, c Code, v uint32) []byte {
	return binary.BigEndian.AppendUint32(appendAVPHeader(dst, c, 4), v)
}

// AppendUint64 appends an AVP of type Unsigned64.
func AppendUint64(dst []byte, c Code, v uint64) []byte {
	return binary.BigEndian.AppendUint64(appendAVPHeader(dst, c, 8), v)
}

// AppendInt32 appends an AVP of type Integer32 or Enumerated.
func AppendInt32(dst []byte, c Code, v int32) []byte { return AppendUint32(dst, c, uint32(v)) }

// AppendInt64 appends an AVP of type Integer64.
func AppendInt64(dst []byte, c Code, v int64) []byte { return AppendUint64(dst, c, uint64(v)) }

// AppendResult appends Result-Code.
func AppendResult(dst []byte, r Result) []byte { return AppendUint32(dst, AVPResultCode, uint32(r)) }

// AppendTime appends an AVP of type Time from Unix seconds. Times before 1968-01-20 or after 2104-02-26 cannot be
// expressed and wrap around.
func AppendTime(dst []byte, c Code, unixSeconds int64) []byte {
	return AppendUint32(dst, c, uint32(unixSeconds-ntpEra0))
}

// AppendBytes appends an AVP of any type from its data, padded to four octets.
func AppendBytes(dst []byte, c Code, v []byte) []byte {
	dst = append(appendAVPHeader(dst, c, len(v)), v...)
	return appendPadding(dst, len(v))
}

// AppendString appends an AVP of type UTF8String, DiameterIdentity or OctetString, padded to four octets.
func AppendString(dst []byte, c Code, v string) []byte {
	dst = append(appendAVPHeader(dst, c, len(v)), v...)
	return appendPadding(dst, len(v))
}

// AppendAddress appends an AVP of type Address that holds an IP address. An IPv4 address in IPv6 form is sent as
// IPv4.
func AppendAddress(dst []byte, c Code, a netip.Addr) []byte {
	a = a.Unmap()
	if a.Is4() {
		v := a.As4()
		dst = append(appendAVPHeader(dst, c, 6), 0, familyIPv4)
		return append(dst, v[0], v[1], v[2], v[3], 0, 0)
	}
	v := a.As16()
	dst = append(appendAVPHeader(dst, c, 18), 0, familyIPv6)
	return append(append(dst, v[:]...), 0, 0)
}

func appendPadding(dst []byte, size int) []byte {
	switch padding(size) {
	case 1:
		return append(dst, 0)
	case 2:
		return append(dst, 0, 0)
	case 3:
		return append(dst, 0, 0, 0)
	}
	return dst
}

// BeginGroup starts an AVP of type Grouped. Its members are appended next; EndGroup with the returned position
// closes it. Groups nest.
func BeginGroup(dst []byte, c Code) (extended []byte, start int) {
	start = len(dst)
	return appendAVPHeader(dst, c, 0), start
}

// EndGroup sets the length of the group that BeginGroup started at dst[start] and that ends at the end of dst.
func EndGroup(dst []byte, start int) { putLength(dst[start+5:], len(dst)-start) }

// AppendEncoded appends an AVP that is already encoded, such as Message.Encoded returns, and pads it to four octets.
func AppendEncoded(dst, avp []byte) []byte {
	return appendPadding(append(dst, avp...), len(avp))
}
