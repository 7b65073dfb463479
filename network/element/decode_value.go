package element

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/fiorix/go-diameter/v4/diam/datatype"
	"github.com/fiorix/go-diameter/v4/diam/dict"
)

// fixedSizes are the sizes in bytes of the types that have one.
var fixedSizes = map[datatype.TypeID]int{
	datatype.EnumeratedType: 4, datatype.Float32Type: 4, datatype.Float64Type: 8, datatype.IPv4Type: 4, datatype.IPv6Type: 16,
	datatype.Integer32Type: 4, datatype.Integer64Type: 8, datatype.TimeType: 4, datatype.Unsigned32Type: 4, datatype.Unsigned64Type: 8,
}

// formatValue shows the data of an AVP that is no group. If the data does not fit the type it is shown in hexadecimal, with the
// reason.
func formatValue(definition *dict.AVP, b []byte) (value, reason string) {
	if definition == nil {
		return hexValue(b), ""
	}
	if size, fixed := fixedSizes[definition.Data.Type]; fixed && len(b) != size {
		return hexValue(b), fmt.Sprintf("%s of %d bytes, want %d", definition.Data.TypeName, len(b), size)
	}
	switch definition.Data.Type {
	case datatype.EnumeratedType, datatype.Integer32Type:
		return formatNumber(definition, int64(int32(binary.BigEndian.Uint32(b)))), ""
	case datatype.Unsigned32Type:
		return formatNumber(definition, int64(binary.BigEndian.Uint32(b))), ""
	case datatype.Integer64Type:
		return strconv.FormatInt(int64(binary.BigEndian.Uint64(b)), 10), ""
	case datatype.Unsigned64Type:
		return strconv.FormatUint(binary.BigEndian.Uint64(b), 10), ""
	case datatype.Float32Type:
		return fmt.Sprint(math.Float32frombits(binary.BigEndian.Uint32(b))), ""
	case datatype.Float64Type:
		return fmt.Sprint(math.Float64frombits(binary.BigEndian.Uint64(b))), ""
	case datatype.TimeType:
		return diameterTime(binary.BigEndian.Uint32(b)).Format(time.RFC3339), ""
	case datatype.AddressType:
		return formatAddress(b)
	case datatype.IPv4Type, datatype.IPv6Type:
		ip, _ := netip.AddrFromSlice(b)
		return ip.String(), ""
	case datatype.OctetStringType, datatype.UnknownType:
		return formatOctets(b), ""
	default:
		return formatText(definition.Data.TypeName, b)
	}
}

// formatNumber puts a number in brackets behind its name, if it has one.
func formatNumber(definition *dict.AVP, n int64) string {
	for _, item := range definition.Data.Enum {
		if int64(item.Code) == n {
			return fmt.Sprintf("%s (%d)", item.Name, n)
		}
	}
	return strconv.FormatInt(n, 10)
}

// diameterTime turns seconds since 1900 into a time. Values with the highest bit clear are of the era from 7 February 2036 on
// (RFC 6733 s. 4.3.1, RFC 5905).
func diameterTime(seconds uint32) time.Time {
	const toUnix = 2_208_988_800 // seconds from 1900 to 1970
	n := int64(seconds) - toUnix
	if seconds>>31 == 0 {
		n += 1 << 32
	}
	return time.Unix(n, 0).UTC()
}

// formatAddress shows an Address (RFC 6733 s. 4.3.1): two bytes of address family, then the address.
func formatAddress(b []byte) (value, reason string) {
	if len(b) < 2 {
		return hexValue(b), fmt.Sprintf("Address of %d bytes, want at least 2", len(b))
	}
	family, data := binary.BigEndian.Uint16(b), b[2:]
	switch {
	case family == 1 && len(data) == 4, family == 2 && len(data) == 16:
		ip, _ := netip.AddrFromSlice(data)
		return ip.String(), ""
	case family == 1 || family == 2:
		return hexValue(b), fmt.Sprintf("Address of family %d with %d bytes", family, len(data))
	case family == 8 && printable(data): // E.164
		return "E.164 " + strconv.Quote(string(data)), ""
	default:
		return fmt.Sprintf("family %d %s", family, hexValue(data)), ""
	}
}

func formatText(typeName string, b []byte) (value, reason string) {
	if !utf8.Valid(b) {
		return hexValue(b), typeName + " is not valid UTF-8"
	}
	return strconv.Quote(string(b)), ""
}

// formatOctets shows octets as text when they are, because many OctetStrings hold digits or host names.
func formatOctets(b []byte) string {
	if len(b) > 1 && printable(b) {
		return strconv.Quote(string(b))
	}
	return hexValue(b)
}

func printable(b []byte) bool {
	return !strings.ContainsFunc(string(b), func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) })
}

func hexValue(b []byte) string {
	if len(b) == 0 {
		return "(empty)"
	}
	return "0x" + hex.EncodeToString(b)
}
