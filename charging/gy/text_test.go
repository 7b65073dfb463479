package gy

import (
	"encoding/hex"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/avp"
	"github.com/fiorix/go-diameter/v4/diam/datatype"
	"github.com/fiorix/go-diameter/v4/diam/dict"

	"gyro/charging/diameter"
)

// Requests are written, and answers read, with go-diameter and its dictionary, so that an error of our own codec or
// dictionary cannot hide behind itself.

// encode builds a message from lines of AVPs, "Name value", where members of a group are indented by two more spaces
// than the group. Values are numbers, text, addresses, times in RFC 3339 or "hex:" and octets. An AVP that go-diameter
// does not know is written "#code" or "#vendor:code", with "hex:" octets, "text:" or, if it is a group, with nothing.
// A "*n" before the name repeats the AVP.
func encode(t testing.TB, flags uint8, command uint32, text string) []byte {
	t.Helper()
	m := diam.NewMessage(command, flags, diameter.AppCreditControl, 0x01020304, 0x05060708, dict.Default)
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for _, a := range encodeAVPs(t, &lines, 0) {
		m.AddAVP(a)
	}
	b, err := m.Serialize()
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return b
}

// encodeAVPs takes the lines at a depth.
func encodeAVPs(t testing.TB, lines *[]string, depth int) []*diam.AVP {
	t.Helper()
	var avps []*diam.AVP
	for len(*lines) > 0 {
		line := (*lines)[0]
		trimmed := strings.TrimLeft(line, " ")
		if len(line)-len(trimmed) < 2*depth {
			break
		}
		*lines = (*lines)[1:]
		if trimmed == "" {
			continue
		}
		repeat := 1
		if counted, rest, ok := strings.Cut(trimmed, " "); ok && counted[0] == '*' {
			repeat = number[int](t, counted[1:])
			trimmed = rest
		}
		name, value, _ := strings.Cut(trimmed, " ")
		a := encodeAVP(t, name, value, encodeAVPs(t, lines, depth+1))
		for range repeat {
			avps = append(avps, a)
		}
	}
	return avps
}

func encodeAVP(t testing.TB, name, value string, members []*diam.AVP) *diam.AVP {
	t.Helper()
	code, vendor, flags, kind := describe(t, name)
	if raw, ok := strings.CutPrefix(value, "hex:"); ok {
		octets, err := hex.DecodeString(raw)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return diam.NewAVP(code, flags, vendor, datatype.OctetString(octets))
	}
	if text, ok := strings.CutPrefix(value, "text:"); ok {
		return diam.NewAVP(code, flags, vendor, datatype.OctetString(text))
	}
	if value == "" && (kind == datatype.GroupedType || name[0] == '#') {
		return diam.NewAVP(code, flags, vendor, &diam.GroupedAVP{AVP: members})
	}
	return diam.NewAVP(code, flags, vendor, encodeValue(t, name, value, kind))
}

func describe(t testing.TB, name string) (code uint32, vendor uint32, flags uint8, kind datatype.TypeID) {
	t.Helper()
	if raw, ok := strings.CutPrefix(name, "#!"); ok {
		code, vendor, flags, kind = describe(t, "#"+raw)
		return code, vendor, flags | avp.Mbit, kind
	}
	if raw, ok := strings.CutPrefix(name, "#"); ok {
		if v, c, ok := strings.Cut(raw, ":"); ok {
			return number[uint32](t, c), number[uint32](t, v), avp.Vbit, datatype.UnknownType
		}
		return number[uint32](t, raw), 0, 0, datatype.UnknownType
	}
	d, err := dict.Default.FindAVP(diameter.AppCreditControl, name)
	if err != nil {
		t.Fatalf("no AVP %q: %v", name, err)
	}
	if strings.Contains(d.Must, "M") {
		flags |= avp.Mbit
	}
	if d.VendorID != 0 {
		flags |= avp.Vbit
	}
	return d.Code, d.VendorID, flags, d.Data.Type
}

func encodeValue(t testing.TB, name, value string, kind datatype.TypeID) datatype.Type {
	t.Helper()
	switch kind {
	case datatype.Unsigned32Type:
		return datatype.Unsigned32(number[uint32](t, value))
	case datatype.Unsigned64Type:
		return datatype.Unsigned64(number[uint64](t, value))
	case datatype.Integer32Type:
		return datatype.Integer32(number[int32](t, value))
	case datatype.Integer64Type:
		return datatype.Integer64(number[int64](t, value))
	case datatype.EnumeratedType:
		return datatype.Enumerated(number[int32](t, value))
	case datatype.AddressType:
		ip := net.ParseIP(value)
		if ip4 := ip.To4(); ip4 != nil {
			ip = ip4
		}
		return datatype.Address(ip)
	case datatype.TimeType:
		at, err := time.Parse(time.RFC3339, value)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return datatype.Time(at)
	case datatype.UTF8StringType:
		return datatype.UTF8String(value)
	case datatype.DiameterIdentityType:
		return datatype.DiameterIdentity(value)
	case datatype.OctetStringType:
		return datatype.OctetString(value)
	}
	t.Fatalf("%s: no text form for type %d", name, kind)
	return nil
}

func number[T int | uint32 | uint64 | int32 | int64](t testing.TB, s string) T {
	t.Helper()
	if v, err := strconv.ParseUint(s, 10, 64); err == nil {
		return T(v)
	}
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatalf("%q is no number", s)
	}
	return T(v)
}

// decode shows an answer as a tree.
func decode(t testing.TB, b []byte) string {
	t.Helper()
	m, err := diam.ReadMessage(strings.NewReader(string(b)), dict.Default)
	if err != nil {
		t.Fatalf("go-diameter cannot read the answer %x: %v", b, err)
	}
	if int(m.Header.MessageLength) != len(b) {
		t.Fatalf("the answer says it has %d octets and has %d", m.Header.MessageLength, len(b))
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%d%s hop-by-hop=%#x end-to-end=%#x\n", m.Header.CommandCode, flagNames(m.Header.CommandFlags),
		m.Header.HopByHopID, m.Header.EndToEndID)
	decodeAVPs(&out, m.AVP, 1)
	return out.String()
}

func flagNames(flags uint8) string {
	names := ""
	for _, f := range [...]struct {
		bit  uint8
		name string
	}{
		{diameter.FlagRequest, " R"}, {diameter.FlagProxiable, " P"}, {diameter.FlagError, " E"}, {diameter.FlagRetransmitted, " T"},
	} {
		if flags&f.bit != 0 {
			names += f.name
		}
	}
	return names
}

func decodeAVPs(out *strings.Builder, avps []*diam.AVP, depth int) {
	for _, a := range avps {
		name := fmt.Sprintf("#%d:%d", a.VendorID, a.Code)
		if d, err := dict.Default.FindAVPWithVendor(diameter.AppCreditControl, a.Code, a.VendorID); err == nil {
			name = d.Name
		}
		mandatory := ""
		if a.Flags&avp.Mbit == 0 {
			mandatory = " (no M)"
		}
		fmt.Fprintf(out, "%s%s%s", strings.Repeat("  ", depth), name, mandatory)
		group, ok := a.Data.(*diam.GroupedAVP)
		if ok {
			out.WriteByte('\n')
			decodeAVPs(out, group.AVP, depth+1)
			continue
		}
		fmt.Fprintf(out, " %s\n", showValue(a.Data))
	}
}

func showValue(v datatype.Type) string {
	switch v := v.(type) {
	case datatype.Unsigned32:
		return strconv.FormatUint(uint64(v), 10)
	case datatype.Unsigned64:
		return strconv.FormatUint(uint64(v), 10)
	case datatype.Integer32:
		return strconv.FormatInt(int64(v), 10)
	case datatype.Integer64:
		return strconv.FormatInt(int64(v), 10)
	case datatype.Enumerated:
		return strconv.FormatInt(int64(v), 10)
	case datatype.UTF8String:
		return showText(string(v))
	case datatype.DiameterIdentity:
		return showText(string(v))
	case datatype.OctetString:
		return "hex:" + hex.EncodeToString([]byte(v))
	}
	return v.String()
}

// showText shortens texts that are long on purpose.
func showText(s string) string {
	const shown = 80
	if len(s) <= shown {
		return strconv.Quote(s)
	}
	return fmt.Sprintf("%q... (%d octets)", s[:shown], len(s))
}
