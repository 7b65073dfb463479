package diameter

import (
	"bytes"
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/datatype"
	"github.com/fiorix/go-diameter/v4/diam/dict"
)

// go-diameter is the independent codec that ours is held against. It reads some messages wrongly, and these
// differences are known and asserted as such:
//
//   - A wrongly typed AVP inside a group leaves it with an AVP without data, on which it panics.
//   - An integer of the wrong length is read as zero, and what follows is looked for where an integer of the right
//     length would end.
//   - An Address of another family than IP, or an IPv4 address in IPv6 form, changes its length likewise.
//   - An AVP of an unknown vendor is taken for the AVP of the same code of another vendor.
//
// misread finds AVPs of the first three kinds by asking go-diameter's decoder of each type; it finds the last by the
// types that both dictionaries give.

// misread reports whether go-diameter is known to read some AVP of a message differently, and which.
func misread(m *Message) string {
	for i := range m.Count() {
		a := m.At(i)
		d, err := dict.Default.FindAVPWithVendor(m.AppID, a.Code.Number(), a.Code.Vendor())
		if d == nil {
			return fmt.Sprintf("%v is unknown to it: %v", a.Code, err)
		}
		if (d.Data.Type == datatype.GroupedType) != (a.Type == TypeGrouped) {
			return fmt.Sprintf("%v is of another type", a.Code)
		}
		if a.Type == TypeGrouped {
			continue
		}
		v, err := datatype.Decode(d.Data.Type, m.Data(i))
		if err != nil || v.Len() != a.Len() || !bytes.Equal(v.Serialize(), m.Data(i)) {
			return fmt.Sprintf("%v of %d octets is decoded as %v, %v", a.Code, a.Len(), v, err)
		}
	}
	return ""
}

// readForeign reads a message with go-diameter. A panic comes back as an error.
func readForeign(b []byte) (m *diam.Message, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return diam.ReadMessage(bytes.NewReader(b), dict.Default)
}

// compare holds go-diameter's reading of a message against ours.
func compare(m *Message) error {
	foreign, err := readForeign(m.Raw())
	if err != nil {
		return err
	}
	h := foreign.Header
	if h.CommandFlags != m.Flags || h.CommandCode != m.Command || h.ApplicationID != m.AppID || h.HopByHopID != m.HopByHop ||
		h.EndToEndID != m.EndToEnd || h.MessageLength != m.Length {
		return fmt.Errorf("header %v, ours %+v", h, m.Header)
	}
	return compareMembers(m, Root, foreign.AVP)
}

func compareMembers(m *Message, group int, foreign []*diam.AVP) error {
	n := 0
	for i, end := m.Members(group); i < end; i = m.Next(i) {
		a := m.At(i)
		if n == len(foreign) {
			return fmt.Errorf("go-diameter misses %v", a.Code)
		}
		f := foreign[n]
		n++
		if MakeCode(f.Code, f.VendorID) != a.Code || f.Flags != a.Flags {
			return fmt.Errorf("AVP %d: %d of vendor %d with %#x, ours %v with %#x", i, f.Code, f.VendorID, f.Flags, a.Code, a.Flags)
		}
		if members, grouped := f.Data.(*diam.GroupedAVP); grouped {
			if err := compareMembers(m, i, members.AVP); err != nil {
				return fmt.Errorf("%v: %w", a.Code, err)
			}
		} else if !bytes.Equal(f.Data.Serialize(), m.Data(i)) {
			return fmt.Errorf("%v: %x, ours %x", a.Code, f.Data.Serialize(), m.Data(i))
		}
	}
	if n != len(foreign) {
		return fmt.Errorf("go-diameter has %d AVPs more", len(foreign)-n)
	}
	return nil
}

// TestDifferentialSeeds compares the messages that we build and that must be compared, not excused.
func TestDifferentialSeeds(t *testing.T) {
	for name, b := range seeds(t) {
		var m Message
		if r := m.Parse(b, Limits{}); !r.OK() {
			continue
		}
		why := misread(&m)
		switch name {
		case "unknown vendor": // taken for Rating-Group; it happens to read the same
		case "cca-avp-unsupported", "cca-missing-in-service":
			// Failed-AVP is opaque to us and a group to it.
		default:
			if why != "" {
				t.Errorf("%s is not comparable: %s", name, why)
			}
		}
		if why != "" {
			continue
		}
		if err := compare(&m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzDifferential reads whatever we accept with go-diameter, too.
func FuzzDifferential(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m Message
		if r := m.Parse(b, Limits{}); !r.OK() {
			return
		}
		if _, err := dict.Default.FindCommand(m.AppID, m.Command); err != nil || m.Count() == 0 {
			return // it reads no message without a dictionary entry
		}
		if why := misread(&m); why != "" {
			return
		}
		if err := compare(&m); err != nil {
			t.Fatalf("%v\n%x", err, b)
		}
	})
}

// TestForeignValues has go-diameter decode each type as we encode it, at the edges of its range.
func TestForeignValues(t *testing.T) {
	ip6 := netip.MustParseAddr("2001:db8::1")
	b := message(func(dst []byte) []byte {
		dst = AppendUint32(dst, AVPRatingGroup, math.MaxUint32)
		dst = AppendUint64(dst, AVPCCTotalOctets, math.MaxUint64)
		dst = AppendInt32(dst, AVPExponent, math.MinInt32)
		dst = AppendInt64(dst, AVPValueDigits, math.MinInt64)
		dst = AppendTime(dst, AVPEventTimestamp, eventTime)
		dst = AppendTime(dst, AVPTariffTimeChange, 2100000000) // 2036-07-18, in the second era
		dst = AppendAddress(dst, AVPSGSNAddress, netip.MustParseAddr("192.0.2.1"))
		dst = AppendAddress(dst, AVPGGSNAddress, ip6)
		dst = AppendString(dst, AVPServiceContextID, "32251@3gpp.org")
		return AppendUint32(dst, AVPCCRequestType, 4)
	})
	m, err := readForeign(b)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		datatype.Unsigned32(math.MaxUint32).String(),
		datatype.Unsigned64(math.MaxUint64).String(),
		datatype.Integer32(math.MinInt32).String(),
		datatype.Integer64(math.MinInt64).String(),
		datatype.Time(time.Unix(eventTime, 0)).String(),
		datatype.Time(time.Unix(2100000000, 0)).String(),
		datatype.Address{192, 0, 2, 1}.String(),
		datatype.Address(ip6.AsSlice()).String(),
		datatype.UTF8String("32251@3gpp.org").String(),
		datatype.Enumerated(4).String(),
	} {
		if got := m.AVP[i].Data.String(); got != want {
			t.Errorf("AVP %d: %s, want %s", m.AVP[i].Code, got, want)
		}
	}
}

// TestForeignEncoding reads what go-diameter encodes.
func TestForeignEncoding(t *testing.T) {
	b, err := foreignCCR(t).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	m := parse(t, b)
	service := m.Find(AVPMultipleServicesCreditControl)
	if v, ok := m.Uint64(m.FindIn(m.FindIn(service, AVPUsedServiceUnit), AVPCCTotalOctets)); !ok || v != 1<<40 {
		t.Errorf("CC-Total-Octets %d %t", v, ok)
	}
	if v, ok := m.Time(m.Find(AVPEventTimestamp)); !ok || v != eventTime {
		t.Errorf("Event-Timestamp %d %t", v, ok)
	}
	ps := m.FindIn(m.Find(AVPServiceInformation), AVPPSInformation)
	if v := string(m.Data(m.FindIn(ps, AVPCalledStationID))); v != "internet" {
		t.Errorf("Called-Station-Id %q", v)
	}
}

// TestForeignFaults shows the faults of go-diameter that misread excuses, and what we make of the same octets.
func TestForeignFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		avp   []byte
		wrong func(m *diam.Message, err error) bool
		ours  Reason
	}{
		{
			"an Address too short, inside a group: it panics",
			rawAVP(873, Vendor3GPP, FlagVendor|FlagMandatory, 28, rawAVP(1228, Vendor3GPP, FlagVendor|FlagMandatory, 13, 0)...),
			func(_ *diam.Message, err error) bool { return err != nil }, RefusedNot,
		},
		{
			"an Unsigned32 of one octet: it is read as 0",
			rawAVP(432, 0, FlagMandatory, 9, 7),
			func(m *diam.Message, err error) bool {
				return err == nil && m.AVP[0].Data.(datatype.Unsigned32) == 0
			}, RefusedAVPLength,
		},
		{
			"an IPv4 address in IPv6 form: it becomes another AVP",
			rawAVP(257, 0, FlagMandatory, 26, append([]byte{0, 2, 10: 0, 12: 0xff, 0xff}, 192, 0, 2, 1)...),
			func(m *diam.Message, err error) bool { return err != nil || m.AVP[0].Len() != 28 }, RefusedNot,
		},
	} {
		b := message(func(dst []byte) []byte { return append(dst, c.avp...) })
		var m Message
		if r := m.Parse(b, Limits{}); r.Reason != c.ours {
			t.Errorf("%s: ours is %v", c.name, r)
		}
		if misread(&m) == "" {
			t.Errorf("%s: not found by misread", c.name)
		}
		if foreign, err := readForeign(b); !c.wrong(foreign, err) {
			t.Errorf("%s: go-diameter reads it right by now, misread need not excuse it: %v, %v", c.name, foreign, err)
		}
	}
}
