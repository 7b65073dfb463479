package diameter

import "strconv"

// Code identifies an AVP: the IANA enterprise number of its vendor in the upper 32 bits (0 for AVPs of the IETF)
// and the AVP code of RFC 6733 section 4.1 in the lower 32. One value for both makes it impossible to compare a
// code and forget its vendor.
type Code uint64

// Vendor3GPP is the IANA enterprise number of 3GPP.
const Vendor3GPP = 10415

// tgpp is the vendor half of the codes of 3GPP.
const tgpp Code = Vendor3GPP << 32

// MakeCode returns the Code of an AVP code and its vendor; vendor 0 means none.
func MakeCode(code, vendor uint32) Code { return Code(vendor)<<32 | Code(code) }

// Number returns the AVP code without its vendor.
func (c Code) Number() uint32 { return uint32(c) }

// Vendor returns the IANA enterprise number, 0 for AVPs of the IETF.
func (c Code) Vendor() uint32 { return uint32(c >> 32) }

// String returns the name of a known AVP and its number, or vendor:number.
func (c Code) String() string {
	number := strconv.FormatUint(uint64(c.Number()), 10)
	if d, ok := Lookup(c); ok {
		return d.Name + "(" + number + ")"
	}
	return strconv.FormatUint(uint64(c.Vendor()), 10) + ":" + number
}

// Flags of an AVP (RFC 6733 section 4.1).
const (
	// FlagVendor is the V bit: a Vendor-Id follows the length.
	FlagVendor = 0x80
	// FlagMandatory is the M bit: a receiver that does not know the AVP must refuse the message.
	FlagMandatory = 0x40
	// FlagProtected is the P bit, reserved for end-to-end security; it is ignored.
	FlagProtected = 0x20
)

// Type is the format of an AVP's data (RFC 6733 sections 4.2 and 4.3).
type Type uint8

// The formats. TypeUnknown marks an AVP that the dictionary does not hold.
const (
	TypeUnknown Type = iota
	TypeOctetString
	TypeInteger32
	TypeInteger64
	TypeUnsigned32
	TypeUnsigned64
	TypeFloat32
	TypeFloat64
	TypeGrouped
	TypeAddress
	TypeTime
	TypeUTF8String
	TypeDiameterIdentity
	TypeDiameterURI
	TypeEnumerated
	TypeIPFilterRule
	typeLimit
)

// sizes are the data lengths of the formats of fixed length in octets; 0 means variable.
var sizes = [16]uint8{
	TypeInteger32:  4,
	TypeInteger64:  8,
	TypeUnsigned32: 4,
	TypeUnsigned64: 8,
	TypeFloat32:    4,
	TypeFloat64:    8,
	TypeTime:       4,
	TypeEnumerated: 4,
}

// minimumSizes are the shortest data in octets that each format allows. An Address holds a family and at least
// one octet of it; IPv4 is the example used for a missing one.
var minimumSizes = [16]uint8{
	TypeInteger32:  4,
	TypeInteger64:  8,
	TypeUnsigned32: 4,
	TypeUnsigned64: 8,
	TypeFloat32:    4,
	TypeFloat64:    8,
	TypeTime:       4,
	TypeEnumerated: 4,
	TypeAddress:    6,
}

// MandatoryRule says how the definition of an AVP restricts its M bit.
type MandatoryRule uint8

// The rules. The zero value leaves the choice to the sender.
const (
	MayM MandatoryRule = iota
	MustM
	MustNotM
)

// Definition is what the dictionary knows of one AVP.
type Definition struct {
	Code      Code
	Name      string
	Type      Type
	Mandatory MandatoryRule
}

// kind is what parsing holds the second word of an AVP header against: its flags (8 bits) and length (24 bits). An
// AVP agrees with its definition if (word^want)&mask is zero, one comparison for type, length and M bit together.
// The type stands in those bits of want that no mask covers: the reserved bits of the flags.
type kind struct {
	want, mask uint32
}

const (
	kindTypeShift = 24
	kindTypeMask  = 0x1f
	kindMandatory = FlagMandatory << 24
	kindVendor    = FlagVendor << 24
	kindLength    = 1<<24 - 1
)

var (
	// unknownKind agrees with an AVP without the M bit: it may be ignored.
	unknownKind = kind{mask: kindMandatory}
	// noVendorKind agrees with nothing: a V bit with the Vendor-Id zero has no meaning.
	noVendorKind = kind{want: 0, mask: kindVendor}
)

func makeKind(c Code, t Type, rule MandatoryRule) kind {
	k := kind{want: uint32(t) << kindTypeShift}
	if size := uint32(sizes[t]); size != 0 {
		k.mask = kindLength
		k.want |= size + avpHeader
		if c.Vendor() != 0 {
			k.want += avpVendorHeader - avpHeader
		}
	}
	switch rule {
	case MustM:
		k.mask |= kindMandatory
		k.want |= kindMandatory
	case MustNotM:
		k.mask |= kindMandatory
	}
	return k
}

func (k kind) dataType() Type { return Type(k.want >> kindTypeShift & kindTypeMask) }

// fits reports whether data of that many octets can be of this kind.
func (k kind) fits(size int) bool {
	want := int(sizes[k.dataType()])
	return want == 0 || size == want
}

// mandatory returns whether AVPs of this kind are sent with the M bit.
func (k kind) mandatory() bool { return k.want&kindMandatory != 0 }

const (
	// baseKindCount covers the AVP codes of the IETF that a charging message uses; the greatest is 669.
	baseKindCount = 1024
	// tgppKindCount covers the AVP codes of 3GPP that TS 32.299 uses; the greatest is 4413.
	tgppKindCount = 4608
)

// dictionary is the static dictionary, built once from the definitions in the dictionary_*.go files and never
// changed: what parsing needs by code in arrays, the rest by name in a map.
var dictionary = buildDictionary()

type dictionaryTables struct {
	base   [baseKindCount]kind
	tgpp   [tgppKindCount]kind
	byCode map[Code]Definition
}

func buildDictionary() (t dictionaryTables) {
	t.byCode = map[Code]Definition{}
	for i := range t.base {
		t.base[i] = unknownKind
	}
	for i := range t.tgpp {
		t.tgpp[i] = unknownKind
	}
	for _, list := range [...][]Definition{
		baseDefinitions[:], creditControlDefinitions[:], accessDefinitions[:],
		tgppDefinitions[:], tgppChargingDefinitions[:], tgppLaterDefinitions[:],
	} {
		for _, d := range list {
			t.add(d)
		}
	}
	// A Failed-AVP holds AVPs that are wrong by definition; descending into it would refuse the message that
	// reports the error.
	t.base[AVPFailedAVP] = makeKind(AVPFailedAVP, TypeOctetString, MustM)
	return t
}

func (t *dictionaryTables) add(d Definition) {
	if _, twice := t.byCode[d.Code]; twice {
		panic("diameter: the dictionary defines " + d.Name + " twice")
	}
	t.byCode[d.Code] = d
	k := makeKind(d.Code, d.Type, d.Mandatory)
	if d.Code.Vendor() == Vendor3GPP {
		t.tgpp[d.Code.Number()] = k
		return
	}
	t.base[d.Code.Number()] = k
}

// Lookup returns the definition of a known AVP.
func Lookup(c Code) (Definition, bool) {
	d, ok := dictionary.byCode[c]
	return d, ok
}

// kindOf returns the kind of an AVP.
func kindOf(c Code) kind {
	number := c.Number()
	switch {
	case c.Vendor() == 0 && number < baseKindCount:
		return dictionary.base[number]
	case c.Vendor() == Vendor3GPP && number < tgppKindCount:
		return dictionary.tgpp[number]
	}
	return unknownKind
}
