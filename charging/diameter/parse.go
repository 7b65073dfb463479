package diameter

import (
	"encoding/binary"
	"fmt"
)

const (
	// DefaultMessageBytes is the longest message accepted, in octets. A CCR-U of a gateway is 0.5 to 3 KB; one
	// with a hundred services stays below 32 KB. The bound keeps a connection's buffer at 64 KiB.
	DefaultMessageBytes = 64 << 10
	// DefaultAVPs is the greatest number of AVPs in a message, those inside groups included. A CCR-U with full
	// PS-Information and three services has about 90; each further service adds some 12.
	DefaultAVPs = 512
	// DefaultDepth is the deepest nesting of groups. TS 32.299 goes to 5 (Service-Information, PS-Information,
	// Service-Data-Container, QoS-Information, Allocation-Retention-Priority).
	DefaultDepth = 8
	// depthLimit is the greatest depth that can be configured: the parser keeps the open groups on the stack.
	depthLimit = 16
)

// FlagCheck says how strictly the flags of AVPs are held against their definitions.
type FlagCheck uint8

const (
	// FlagsStandard refuses an AVP of the IETF without the M bit that its definition demands. It tolerates a
	// stray M bit and any M bit of 3GPP AVPs: releases of TS 32.299 and TS 29.061 contradict each other there, and
	// gateways of all makers differ.
	FlagsStandard FlagCheck = iota
	// FlagsTolerant accepts any M bit.
	FlagsTolerant
	// FlagsStrict refuses every M bit that contradicts the definition.
	FlagsStrict
)

// Limits bound what Parse accepts. A zero field means its default.
type Limits struct {
	MessageBytes int // octets, at most 16777215
	AVPs         int
	Depth        int // at most 16
	Flags        FlagCheck
}

// withDefaults returns the limits with every field set that is not, and none beyond what the parser can hold.
func (l Limits) withDefaults() Limits {
	if l.MessageBytes <= 0 {
		l.MessageBytes = DefaultMessageBytes
	}
	if l.AVPs <= 0 {
		l.AVPs = DefaultAVPs
	}
	if l.Depth <= 0 {
		l.Depth = DefaultDepth
	}
	l.Depth = min(l.Depth, depthLimit)
	return l
}

// Validate reports a limit out of range.
func (l Limits) Validate() error {
	switch full := l.withDefaults(); {
	case l.MessageBytes < 0 || full.MessageBytes < HeaderLength || l.MessageBytes > maxLength:
		return fmt.Errorf("limit of %d octets a message: must be from %d to %d", l.MessageBytes, HeaderLength, maxLength)
	case l.AVPs < 0 || full.AVPs > full.MessageBytes/avpHeader:
		return fmt.Errorf("limit of %d AVPs a message: must be from 1 to %d, what %d octets can hold", l.AVPs, full.MessageBytes/avpHeader, full.MessageBytes)
	case l.Depth < 0 || l.Depth > depthLimit:
		return fmt.Errorf("limit of %d nested groups: must be from 1 to %d", l.Depth, depthLimit)
	}
	return nil
}

// Reason names why a message is refused.
type Reason uint8

// The reasons, in the order in which they are checked. RefusedNot is the zero value: the message is well formed.
const (
	RefusedNot           Reason = iota
	RefusedShort                // fewer octets than a header
	RefusedVersion              // version is not 1
	RefusedMessageLength        // length not a multiple of 4, below 20, over the limit, or not that of the octets given
	RefusedHeaderBits           // E bit in a request
	RefusedAVPLength            // an AVP reaches beyond its group or message, or has the wrong length for its type
	RefusedAVPCount             // more AVPs than the limit
	RefusedDepth                // groups nested deeper than the limit
	RefusedAVPBits              // flags of an AVP contradict its definition
	RefusedUnknownAVP           // an AVP with the M bit that the dictionary does not hold
	reasonLimit
)

var reasonNames = [reasonLimit]string{
	RefusedNot:           "none",
	RefusedShort:         "short message",
	RefusedVersion:       "unsupported version",
	RefusedMessageLength: "invalid message length",
	RefusedHeaderBits:    "invalid header bits",
	RefusedAVPLength:     "invalid AVP length",
	RefusedAVPCount:      "too many AVPs",
	RefusedDepth:         "groups nested too deep",
	RefusedAVPBits:       "invalid AVP bits",
	RefusedUnknownAVP:    "unknown mandatory AVP",
}

// String returns the reason in words.
func (r Reason) String() string { return reasonNames[r] }

// reasonResults are the Result-Codes of the reasons. Too many AVPs and too deep groups are no errors of the
// protocol but more than this server takes on: UNABLE_TO_COMPLY.
var reasonResults = [reasonLimit]Result{
	RefusedNot:           ResultSuccess,
	RefusedShort:         ResultInvalidMessageLength,
	RefusedVersion:       ResultUnsupportedVersion,
	RefusedMessageLength: ResultInvalidMessageLength,
	RefusedHeaderBits:    ResultInvalidHeaderBits,
	RefusedAVPLength:     ResultInvalidAVPLength,
	RefusedAVPCount:      ResultUnableToComply,
	RefusedDepth:         ResultUnableToComply,
	RefusedAVPBits:       ResultInvalidAVPBits,
	RefusedUnknownAVP:    ResultAVPUnsupported,
}

// Refusal is the outcome of parsing: the first thing wrong with a message. The zero Refusal means none.
type Refusal struct {
	Reason Reason
	// Whole says that the table holds the entire message in spite of the refusal: what is wrong is an AVP's
	// flags, its being unknown or the length of its value, not the framing.
	Whole bool
	// AVP is the index of the offending AVP, Root if it has none in the table because its length is wrong.
	AVP int32
	// Offset is where the offending AVP starts, in octets from the start of the message.
	Offset uint32
}

// OK reports that nothing is wrong.
func (r Refusal) OK() bool { return r.Reason == RefusedNot }

// Result returns the Result-Code to answer with; ResultSuccess if nothing is wrong.
func (r Refusal) Result() Result { return reasonResults[r.Reason] }

// String says what is wrong and where.
func (r Refusal) String() string {
	if r.OK() {
		return "well formed"
	}
	return fmt.Sprintf("%s at octet %d (Result-Code %d)", r.Reason, r.Offset, r.Result())
}

// Parse reads the message that b holds, exactly and entirely, into m. It refers to b and does not change it. What
// m held before is gone; nothing is allocated once m's table has the size of the limit.
//
// The header is set whenever b has 20 octets, also if the message is refused, so that it can be answered. Of
// several errors the first in the message is returned, except that broken framing overrides the others.
func (m *Message) Parse(b []byte, limits Limits) Refusal {
	limits = limits.withDefaults()
	m.raw, m.broken = b, 0
	m.avps = m.avps[:0]
	if len(b) < HeaderLength {
		m.Header = Header{}
		return Refusal{Reason: RefusedShort, AVP: Root}
	}
	m.readHeader(b)
	if r := m.checkHeader(limits); r != RefusedNot {
		return Refusal{Reason: r, AVP: Root}
	}
	if cap(m.avps) < limits.AVPs {
		m.avps = make([]AVP, 0, limits.AVPs)
	}
	m.refusal = Refusal{}
	if m.IsRequest() && m.IsError() {
		m.refusal = Refusal{Reason: RefusedHeaderBits, Whole: true, AVP: Root}
	}
	m.parseAVPs(&limits)
	return m.refusal
}

func (m *Message) readHeader(b []byte) {
	_ = b[HeaderLength-1]
	first, second := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	m.Header = Header{
		Version:  uint8(first >> 24),
		Length:   first & 0xffffff,
		Flags:    uint8(second >> 24),
		Command:  second & 0xffffff,
		AppID:    binary.BigEndian.Uint32(b[8:]),
		HopByHop: binary.BigEndian.Uint32(b[12:]),
		EndToEnd: binary.BigEndian.Uint32(b[16:]),
	}
}

func (m *Message) checkHeader(limits Limits) Reason {
	switch {
	case m.Version != Version:
		return RefusedVersion
	case int(m.Length) != len(m.raw) || m.Length%4 != 0 || int(m.Length) > limits.MessageBytes:
		return RefusedMessageLength
	}
	return RefusedNot
}

// parseAVPs fills the table. It is one loop over all levels: entering a group pushes where the level around it ends,
// and reaching the group's end pops it. Recursion would cost a call and a copy of the state for each group. What the
// loop needs seldom lives in m, so that the rest stays in registers.
func (m *Message) parseAVPs(limits *Limits) {
	var (
		b     = m.raw
		avps  = m.avps[:limits.AVPs]
		depth = 0
		n     = 0
		pos   = uint32(HeaderLength)
		end   = uint32(len(b)) // of the innermost open group
	)
	for {
		for pos >= end {
			if depth == 0 {
				m.avps = avps[:n]
				return
			}
			depth--
			level := &m.open[depth&(depthLimit-1)]
			avps[level.group].next = int32(n)
			pos, end = (end+3)&^3, level.end
		}
		left := end - pos
		if n == len(avps) {
			m.breakOff(n, depth, RefusedAVPCount, Root, pos)
			return
		}
		if left < avpHeader {
			m.breakOff(n, depth, RefusedAVPLength, Root, pos)
			return
		}
		word := binary.BigEndian.Uint64(b[pos:])
		a := &avps[n]
		code, header, k := Code(word>>32), uint32(avpHeader), kind{mask: kindMandatory}
		if word&kindVendor == 0 {
			if code < baseKindCount {
				k = dictionary.base[code]
			}
		} else {
			header = avpVendorHeader
			if left < avpVendorHeader {
				m.breakOff(n, depth, RefusedAVPLength, Root, pos)
				return
			}
			vendor := binary.BigEndian.Uint32(b[pos+avpHeader:])
			if vendor == Vendor3GPP && code < tgppKindCount {
				k = dictionary.tgpp[code]
			} else if vendor == 0 {
				k = noVendorKind
			}
			code |= Code(vendor) << 32
		}
		length := uint32(word) & kindLength
		if length < header || length > left {
			m.breakOff(n, depth, RefusedAVPLength, Root, pos)
			return
		}
		// Field by field: a composite literal is built on the stack and copied, at twice the cost of the loop.
		a.Code = code
		a.start, a.data, a.end, a.next = pos, pos+header, pos+length, int32(n+1)
		a.Flags, a.Depth, a.Type = uint8(word>>24), uint8(depth), k.dataType()
		if (uint32(word)^k.want)&k.mask != 0 {
			m.disagree(k, uint32(word), code.Vendor(), n, limits.Flags)
		}
		n++
		if a.Type == TypeGrouped {
			if depth == limits.Depth {
				m.breakOff(n, depth, RefusedDepth, n-1, pos)
				return
			}
			level := &m.open[depth&(depthLimit-1)]
			level.group, level.end = int32(n-1), end
			depth++
			pos, end = pos+header, pos+length
			continue
		}
		pos = (pos + length + 3) &^ 3
	}
}

// level is a group that the parser is inside of: its index, and where the level around it ends.
type level struct {
	group int32
	end   uint32
}

// breakOff ends parsing where the framing is lost. The table keeps the n entries read so far, with the open groups
// closed, so that an answer can still echo what stands before the error.
func (m *Message) breakOff(n, depth int, reason Reason, avp int, offset uint32) {
	m.avps = m.avps[:n]
	for _, l := range m.open[:depth] {
		m.avps[l.group].next = int32(n)
	}
	m.broken = offset
	m.refusal = Refusal{Reason: reason, AVP: int32(avp), Offset: offset}
}

// disagree takes an AVP that does not agree with its definition; the first one that must be refused stands.
func (m *Message) disagree(k kind, word, vendor uint32, avp int, strictness FlagCheck) {
	if !m.refusal.OK() {
		return
	}
	if reason := k.check(word, vendor, strictness); reason != RefusedNot {
		m.refusal = Refusal{Reason: reason, Whole: true, AVP: int32(avp), Offset: m.avps[:avp+1][avp].start}
	}
}

// check names what is wrong with an AVP that does not agree with its kind; word is the second of its header.
func (k kind) check(word, vendor uint32, strictness FlagCheck) Reason {
	mandatory := word&kindMandatory != 0
	switch {
	case k == noVendorKind:
		return RefusedAVPBits // RFC 6733 section 4.1.1: a Vendor-Id must not be zero
	case k == unknownKind:
		return RefusedUnknownAVP
	case (word^k.want)&k.mask&kindLength != 0:
		return RefusedAVPLength
	case strictness == FlagsStrict, strictness == FlagsStandard && vendor == 0 && !mandatory:
		return RefusedAVPBits
	}
	return RefusedNot
}
