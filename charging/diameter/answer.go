package diameter

import "encoding/binary"

// Identity is how this server names itself to its peers.
type Identity struct {
	// Host is the Origin-Host: a fully qualified domain name, unique in the network.
	Host string
	// Realm is the Origin-Realm.
	Realm string
	// StateID is the Origin-State-Id: greater after every restart that loses sessions (RFC 6733 section 8.16).
	// 0 sends none.
	StateID uint32
}

// MaxFailedAVPBytes is the longest AVP that is copied into a Failed-AVP, in octets. Of a longer one only the header
// is sent, with the shortest data that its type allows: the peer knows what it sent, and an answer must not grow
// with the size of the attack.
const MaxFailedAVPBytes = 1024

// Failure names the AVP that a refusal is about. The zero Failure names none.
type Failure struct {
	what   failureKind
	avp    int32  // offending AVP, or the group that lacks one
	offset uint32 // of a malformed AVP
	code   Code   // of a missing AVP
}

type failureKind uint8

const (
	failureNone      failureKind = iota
	failureOffending             // an AVP to be copied
	failureMalformed             // an AVP whose length is wrong: only its header is known, if that
	failureMissing               // an AVP that should be there
)

// Offending returns the Failure of an AVP that is there and should not be, or not so.
func Offending(avp int) Failure { return Failure{what: failureOffending, avp: int32(avp)} }

// Missing returns the Failure of an AVP that a group lacks; the group Root means the message itself.
func Missing(group int, c Code) Failure {
	return Failure{what: failureMissing, avp: int32(group), code: c}
}

// Failure returns what AppendFailedAVP needs to name the AVP that was refused.
func (r Refusal) Failure() Failure {
	switch r.Reason {
	case RefusedAVPBits, RefusedUnknownAVP:
		return Offending(int(r.AVP))
	case RefusedAVPLength:
		if r.Whole {
			return Offending(int(r.AVP))
		}
		return Failure{what: failureMalformed, avp: Root, offset: r.Offset}
	}
	return Failure{}
}

// AppendFailedAVP appends Failed-AVP (RFC 6733 section 7.5) with a copy of the offending AVP, or with a zero-filled
// example of a missing one. If that AVP belongs to groups, they are repeated around it, empty but for the path that
// leads to it, so that the peer sees which of several alike is meant. Nothing is appended for the zero Failure.
func AppendFailedAVP(dst []byte, m *Message, f Failure) []byte {
	if f.what == failureNone {
		return dst
	}
	var starts [depthLimit + 1]int
	dst, starts[0] = BeginGroup(dst, AVPFailedAVP)
	open := 1
	inside, around := m.positionOf(f)
	limit := uint32(len(m.raw))
	for i := range around {
		if a := &m.avps[i]; a.Type == TypeGrouped && a.data <= inside && inside < a.end || i == int(f.avp) && f.what == failureMissing {
			starts[open] = len(dst)
			open++
			dst = appendHeaderOf(dst, a, 0)
			limit = a.end
		}
	}
	switch f.what {
	case failureOffending:
		dst = m.appendOffending(dst, int(f.avp))
	case failureMalformed:
		dst = appendMalformed(dst, m.raw[f.offset:limit])
	case failureMissing:
		dst = AppendExample(dst, f.code)
	}
	for open > 0 {
		open--
		EndGroup(dst, starts[open])
	}
	return dst
}

// positionOf returns the octet at which the failure stands and how many entries of the table may enclose it.
func (m *Message) positionOf(f Failure) (offset uint32, entries int) {
	switch {
	case f.what == failureMalformed:
		return f.offset, len(m.avps)
	case f.avp == Root:
		return 0, 0
	}
	return m.avps[f.avp].start, int(f.avp) + 1
}

// appendHeaderOf appends the header of an AVP as the peer sent it, for that many octets of data.
func appendHeaderOf(dst []byte, a *AVP, size int) []byte {
	word := uint64(a.Code.Number())<<32 | uint64(a.Flags)<<24
	if a.Flags&FlagVendor == 0 {
		return binary.BigEndian.AppendUint64(dst, word|uint64(size+avpHeader))
	}
	dst = binary.BigEndian.AppendUint64(dst, word|uint64(size+avpVendorHeader))
	return binary.BigEndian.AppendUint32(dst, a.Code.Vendor())
}

func (m *Message) appendOffending(dst []byte, i int) []byte {
	encoded := m.Encoded(i)
	if len(encoded) > MaxFailedAVPBytes {
		return appendExample(dst, &m.avps[i])
	}
	return AppendEncoded(dst, encoded)
}

// AppendExample appends an example of an AVP that is missing: as short as its definition allows and zero-filled (RFC 6733
// section 7.1.5, 5005). A group has the members that its grammar requires, for freeDiameter checks the groups inside
// Failed-AVP, too.
func AppendExample(dst []byte, c Code) []byte {
	start := len(dst)
	dst = appendExample(dst, &AVP{Code: c, Flags: FlagsOf(c)})
	if members := requiredMembers(c); len(members) != 0 {
		for _, member := range members {
			dst = AppendExample(dst, member)
		}
		EndGroup(dst, start)
	}
	return dst
}

// requiredMembers returns what the grammar of a group requires, of those groups whose absence is refused.
func requiredMembers(c Code) []Code {
	if c == AVPSubscriptionID {
		return []Code{AVPSubscriptionIDType, AVPSubscriptionIDData}
	}
	return nil
}

// appendExample appends an AVP with the shortest data that its type allows, all zero.
func appendExample(dst []byte, a *AVP) []byte {
	t := kindOf(a.Code).dataType()
	size := int(minimumSizes[t])
	dst = appendHeaderOf(dst, a, size)
	zeros := [8]byte{}
	if t == TypeAddress {
		zeros[1] = familyIPv4
	}
	return appendPadding(append(dst, zeros[:size]...), size)
}

// appendMalformed appends the AVP whose header b begins with, completed with zeros where its group or message ends too
// soon, with a length that holds and the shortest data that its type allows (RFC 6733 section 7.1.5, 5014).
func appendMalformed(dst, b []byte) []byte {
	var header [avpVendorHeader]byte
	copy(header[:], b)
	a := AVP{Code: Code(binary.BigEndian.Uint32(header[:])), Flags: header[4]}
	if a.Flags&FlagVendor != 0 {
		a.Code |= Code(binary.BigEndian.Uint32(header[avpHeader:])) << 32
	}
	return appendExample(dst, &a)
}

// AppendAnswerHeader starts the answer to a request: same command, application, Hop-by-Hop and End-to-End
// Identifier, the P bit kept and every other flag clear (RFC 6733 section 6.2). FinishMessage ends it.
func AppendAnswerHeader(dst []byte, request *Header) []byte {
	return AppendHeader(dst, request.Flags&FlagProxiable, request.Command, request.AppID, request.HopByHop, request.EndToEnd)
}

// AppendSessionID appends the request's Session-Id, which must come first in the answer, if it has one.
func AppendSessionID(dst []byte, request *Message) []byte {
	if i := request.Find(AVPSessionID); i != Root {
		dst = AppendEncoded(dst, request.Encoded(i))
	}
	return dst
}

// AppendProxyInfo appends every Proxy-Info of the request, unchanged and in order (RFC 6733 section 6.2). One whose
// inside is broken is left out, as it would break the answer.
func AppendProxyInfo(dst []byte, request *Message) []byte {
	for i, end := request.Members(Root); i < end; i = request.Next(i) {
		if a := &request.avps[i]; a.Code == AVPProxyInfo && (request.broken < a.start || request.broken >= a.end) {
			dst = AppendEncoded(dst, request.Encoded(i))
		}
	}
	return dst
}

// AppendErrorAnswer appends the whole answer that refuses a request. A result of class 3xxx sets the E bit and
// follows the answer-message grammar of RFC 6733 section 7.2; any other result follows the command's own grammar
// as far as the base protocol knows it: Auth-Application-Id is the header's application, and the request's first
// top-level AVP of each code in echo is repeated. The request may be one whose parsing was refused, provided that
// its header was read.
func AppendErrorAnswer(dst []byte, request *Message, id *Identity, r Result, f Failure, echo ...Code) []byte {
	start := len(dst)
	dst = AppendAnswerHeader(dst, &request.Header)
	if r.IsProtocolError() {
		dst[start+4] |= FlagError
	}
	dst = AppendSessionID(dst, request)
	dst = AppendResult(dst, r)
	dst = AppendString(dst, AVPOriginHost, id.Host)
	dst = AppendString(dst, AVPOriginRealm, id.Realm)
	if !r.IsProtocolError() {
		if request.AppID != AppBase {
			dst = AppendUint32(dst, AVPAuthApplicationID, request.AppID)
		}
		for _, c := range echo {
			// An AVP that is itself of the wrong length would make the answer as malformed as the request.
			if i := request.Find(c); i != Root && kindOf(c).fits(request.avps[i].Len()) {
				dst = AppendEncoded(dst, request.Encoded(i))
			}
		}
	}
	if id.StateID != 0 {
		dst = AppendUint32(dst, AVPOriginStateID, id.StateID)
	}
	dst = AppendFailedAVP(dst, request, f)
	dst = AppendProxyInfo(dst, request)
	FinishMessage(dst, start)
	return dst
}
