package element

import (
	"encoding/binary"
	"net"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/avp"
	"github.com/fiorix/go-diameter/v4/diam/datatype"
)

// base builds an AVP of the IETF with the M flag.
func base(code uint32, data datatype.Type) *diam.AVP { return diam.NewAVP(code, avp.Mbit, 0, data) }

// optional builds an AVP of the IETF without the M flag.
func optional(code uint32, data datatype.Type) *diam.AVP { return diam.NewAVP(code, 0, 0, data) }

// tgpp builds an AVP of 3GPP with the flags V and M, as TS 32.299 wants for its own.
func tgpp(code uint32, data datatype.Type) *diam.AVP {
	return diam.NewAVP(code, avp.Vbit|avp.Mbit, vendor3GPP, data)
}

// tgppOptional builds an AVP of 3GPP that must not carry the M flag: those of TS 29.061 and of Gx.
func tgppOptional(code uint32, data datatype.Type) *diam.AVP {
	return diam.NewAVP(code, avp.Vbit, vendor3GPP, data)
}

func group(children ...*diam.AVP) *diam.GroupedAVP { return &diam.GroupedAVP{AVP: children} }

func u32(n uint32) datatype.Unsigned32 { return datatype.Unsigned32(n) }

func u64(n uint64) datatype.Unsigned64 { return datatype.Unsigned64(n) }

func enum(n int32) datatype.Enumerated { return datatype.Enumerated(n) }

func text(s string) datatype.UTF8String { return datatype.UTF8String(s) }

func octets(b ...byte) datatype.OctetString { return datatype.OctetString(b) }

func identity(s string) datatype.DiameterIdentity { return datatype.DiameterIdentity(s) }

func address(a, b, c, d byte) datatype.Address { return datatype.Address(net.IPv4(a, b, c, d).To4()) }

// timestamp is a Diameter Time (RFC 6733 s. 4.3.1) of the second of t.
func timestamp(t time.Time) datatype.Time { return datatype.Time(t) }

// Subscription-Id-Type values (RFC 8506 s. 8.47).
const (
	subscriptionE164   = 0
	subscriptionIMSI   = 1
	subscriptionSIPURI = 2
)

func subscription(kind int32, data string) *diam.AVP {
	return base(avp.SubscriptionID, group(
		base(avp.SubscriptionIDType, enum(kind)),
		base(avp.SubscriptionIDData, text(data)),
	))
}

// unitAVP is the AVP that carries units of a kind in a Granted-, Requested- or Used-Service-Unit.
func unitAVP(kind Unit, n uint64) *diam.AVP {
	switch kind {
	case Seconds:
		return base(avp.CCTime, u32(uint32(min(n, 1<<32-1))))
	case Events:
		return base(avp.CCServiceSpecificUnits, u64(n))
	default:
		return base(avp.CCTotalOctets, u64(n))
	}
}

// header is what an element reads of a Diameter header before the message is decoded, RFC 6733 s. 3.
type header struct {
	flags    byte
	command  uint32
	app      uint32
	hopByHop uint32
	endToEnd uint32
}

// parseHeader reads the header of a frame of at least 20 bytes.
func parseHeader(frame []byte) header {
	return header{
		flags:    frame[4],
		command:  binary.BigEndian.Uint32(frame[4:8]) & 0xffffff,
		app:      binary.BigEndian.Uint32(frame[8:12]),
		hopByHop: binary.BigEndian.Uint32(frame[12:16]),
		endToEnd: binary.BigEndian.Uint32(frame[16:20]),
	}
}

func (h header) request() bool { return h.flags&diam.RequestFlag != 0 }

// newMessage starts a message. diam.NewMessage replaces identifiers that are 0 by random numbers, which would spoil an answer
// to a request that used 0, so they are set afterwards.
func newMessage(d *Dictionary, command uint32, flags byte, app, hopByHop, endToEnd uint32) *diam.Message {
	m := diam.NewMessage(command, flags, app, hopByHop, endToEnd, d.parser)
	m.Header.HopByHopID, m.Header.EndToEndID = hopByHop, endToEnd
	return m
}

// retransmission copies a serialised request for sending it again: T flag, another Hop-by-Hop, all else the same.
func retransmission(frame []byte, hopByHop uint32, repeated bool) []byte {
	out := append([]byte(nil), frame...)
	if repeated {
		out[4] |= diam.RetransmittedFlag
	}
	binary.BigEndian.PutUint32(out[12:16], hopByHop)
	return out
}

// sameAnswer reports whether two answers are equal in all but the Hop-by-Hop identifier.
func sameAnswer(a, b []byte) bool {
	return len(a) == len(b) && string(a[:12]) == string(b[:12]) && string(a[16:]) == string(b[16:])
}
