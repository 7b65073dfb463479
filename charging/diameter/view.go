package diameter

import (
	"encoding/binary"
	"net/netip"
)

// HeaderLength is the length of a message header in octets (RFC 6733 section 3).
const HeaderLength = 20

// Version is the only version of the protocol.
const Version = 1

// Header is the header of a message.
type Header struct {
	Version  uint8
	Flags    uint8
	Length   uint32 // octets, header included
	Command  uint32
	AppID    uint32
	HopByHop uint32
	EndToEnd uint32
}

// IsRequest reports the R bit.
func (h *Header) IsRequest() bool { return h.Flags&FlagRequest != 0 }

// IsError reports the E bit.
func (h *Header) IsError() bool { return h.Flags&FlagError != 0 }

// IsRetransmitted reports the T bit.
func (h *Header) IsRetransmitted() bool { return h.Flags&FlagRetransmitted != 0 }

// AVP is one entry of a Message's table: where an AVP stands in the message, not a copy of it.
type AVP struct {
	Code  Code
	start uint32 // of the AVP header, from the start of the message
	data  uint32 // of the data
	end   uint32 // of the data; padding not included
	next  int32  // index after this AVP and everything inside it
	Flags uint8
	Depth uint8 // 0 for an AVP of the message itself
	Type  Type
}

// Len returns the length of the AVP's data in octets.
func (a *AVP) Len() int { return int(a.end - a.data) }

// Root stands for the message itself where a group is asked for, and for "no such AVP" where one is returned.
const Root = -1

// Message is a flat view of one message: its header and a table of all its AVPs, those inside groups included, in
// the order of the document. It refers to the parsed octets and is valid as long as they are. A Message is meant
// to be reused; parsing into one that has been used before allocates nothing.
//
// AVPs are named by their index in the table. The top level is walked with
//
//	for i, end := m.Members(diameter.Root); i < end; i = m.Next(i) { ... }
//
// and the members of a group at index g with m.Members(g) in the same way.
type Message struct {
	Header
	raw     []byte
	avps    []AVP
	refusal Refusal
	broken  uint32            // where the framing is lost, 0 if it is not
	open    [depthLimit]level // the parser's: the groups it is inside of
}

// Raw returns the octets of the whole message.
func (m *Message) Raw() []byte { return m.raw }

// Count returns the number of AVPs in the table, those inside groups included.
func (m *Message) Count() int { return len(m.avps) }

// At returns the table entry of AVP i.
func (m *Message) At(i int) *AVP { return &m.avps[i] }

// Next returns the index of the AVP that follows i on the same level, or the end that Members returned.
func (m *Message) Next(i int) int { return int(m.avps[i].next) }

// Members returns the index of the first member of a group and the index where its members end. The group Root
// means the message itself. An AVP that is not grouped has no members.
func (m *Message) Members(group int) (first, end int) {
	if group == Root {
		return 0, len(m.avps)
	}
	return group + 1, int(m.avps[group].next)
}

// Find returns the index of the first AVP with that code on the top level, or Root if there is none.
func (m *Message) Find(c Code) int { return m.FindIn(Root, c) }

// FindIn returns the index of the first AVP with that code among the members of a group, or Root if there is none.
// As Root also means the message, the group must be known to be there: FindIn(Find(x), y) without x looks for y on the
// top level.
func (m *Message) FindIn(group int, c Code) int {
	first, end := m.Members(group)
	for i := first; i < end; i = int(m.avps[i].next) {
		if m.avps[i].Code == c {
			return i
		}
	}
	return Root
}

// FindNext returns the index of the next AVP with the code of AVP i that follows it on the same level and before
// end, or Root if there is none.
func (m *Message) FindNext(i, end int) int {
	c := m.avps[i].Code
	for i = int(m.avps[i].next); i < end; i = int(m.avps[i].next) {
		if m.avps[i].Code == c {
			return i
		}
	}
	return Root
}

// Data returns the data of AVP i: part of the message, not a copy. For a group these are its members' octets, for Root
// there are none: Uint32 and the like of an AVP that was not found return false.
func (m *Message) Data(i int) []byte {
	if i == Root {
		return nil
	}
	a := &m.avps[i]
	return m.raw[a.data:a.end:a.end]
}

// Encoded returns AVP i as it stands in the message, header included and padding excluded.
func (m *Message) Encoded(i int) []byte {
	a := &m.avps[i]
	return m.raw[a.start:a.end:a.end]
}

// Offset returns where the header of AVP i starts, in octets from the start of the message.
func (m *Message) Offset(i int) int { return int(m.avps[i].start) }

// Uint32 returns the value of an Unsigned32 or Enumerated AVP; false means that its length is not 4.
func (m *Message) Uint32(i int) (uint32, bool) {
	b := m.Data(i)
	if len(b) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b), true
}

// Uint64 returns the value of an Unsigned64 AVP; false means that its length is not 8.
func (m *Message) Uint64(i int) (uint64, bool) {
	b := m.Data(i)
	if len(b) != 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(b), true
}

// Int32 returns the value of an Integer32 or Enumerated AVP; false means that its length is not 4.
func (m *Message) Int32(i int) (int32, bool) {
	v, ok := m.Uint32(i)
	return int32(v), ok
}

// Int64 returns the value of an Integer64 AVP; false means that its length is not 8.
func (m *Message) Int64(i int) (int64, bool) {
	v, ok := m.Uint64(i)
	return int64(v), ok
}

const (
	// ntpEra0 is 1900-01-01 00:00:00 UTC in Unix seconds, the origin of times whose first bit is set.
	ntpEra0 = -2208988800
	// ntpEra1 is 2036-02-07 06:28:16 UTC in Unix seconds, where 32 bits of seconds since 1900 start again.
	ntpEra1 = ntpEra0 + 1<<32
)

// Time returns the value of a Time AVP in Unix seconds, from 1968-01-20 to 2104-02-26: the first bit of the 32
// tells the era (RFC 6733 section 4.3.1, RFC 5905). False means that its length is not 4.
func (m *Message) Time(i int) (unixSeconds int64, ok bool) {
	v, ok := m.Uint32(i)
	if !ok {
		return 0, false
	}
	if v&(1<<31) != 0 {
		return int64(v) + ntpEra0, true
	}
	return int64(v) + ntpEra1, true
}

// Address families of an Address AVP (RFC 6733 section 4.3.1, IANA address family numbers).
const (
	familyIPv4 = 1
	familyIPv6 = 2
)

// Addr returns the value of an Address AVP that holds an IP address; false means another family or a wrong length.
func (m *Message) Addr(i int) (netip.Addr, bool) {
	b := m.Data(i)
	if len(b) < 2 {
		return netip.Addr{}, false
	}
	family := binary.BigEndian.Uint16(b)
	if family != familyIPv4 && family != familyIPv6 || family == familyIPv4 && len(b) != 6 || family == familyIPv6 && len(b) != 18 {
		return netip.Addr{}, false
	}
	return netip.AddrFromSlice(b[2:])
}
