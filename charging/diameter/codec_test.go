package diameter

import (
	"bytes"
	"encoding/binary"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// parse parses a message that must be well formed.
func parse(t testing.TB, b []byte) *Message {
	t.Helper()
	m := &Message{}
	if r := m.Parse(b, Limits{}); !r.OK() {
		t.Fatalf("parse: %v\n%x", r, b)
	}
	return m
}

// message returns a CCR that holds what body appends.
func message(body func(dst []byte) []byte) []byte {
	dst := AppendHeader(nil, FlagRequest|FlagProxiable, CmdCreditControl, AppCreditControl, 1, 2)
	dst = body(dst)
	FinishMessage(dst, 0)
	return dst
}

// rawAVP returns one AVP with flags and length as given, right or wrong.
func rawAVP(code, vendor uint32, flags uint8, length int, data ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, code)
	b = binary.BigEndian.AppendUint32(b, uint32(flags)<<24|uint32(length))
	if flags&FlagVendor != 0 {
		b = binary.BigEndian.AppendUint32(b, vendor)
	}
	return appendPadding(append(b, data...), len(data))
}

func TestRoundTrip(t *testing.T) {
	address4, address6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	b := message(func(dst []byte) []byte {
		dst = AppendString(dst, AVPSessionID, "a;1;2")
		dst = AppendUint32(dst, AVPRatingGroup, math.MaxUint32)
		dst = AppendUint64(dst, AVPCCTotalOctets, math.MaxUint64)
		dst = AppendInt32(dst, AVPExponent, math.MinInt32)
		dst = AppendInt64(dst, AVPValueDigits, math.MinInt64)
		dst = AppendTime(dst, AVPEventTimestamp, eventTime)
		dst = AppendAddress(dst, AVPSGSNAddress, address4)
		dst = AppendAddress(dst, AVPGGSNAddress, address6)
		dst = AppendBytes(dst, AVP3GPPUserLocationInfo, []byte{1, 2, 3, 4, 5})
		return AppendResult(dst, ResultCreditLimitReached)
	})
	m := parse(t, b)
	if m.Command != CmdCreditControl || m.AppID != AppCreditControl || m.HopByHop != 1 || m.EndToEnd != 2 ||
		!m.IsRequest() || m.IsError() || m.IsRetransmitted() || int(m.Length) != len(b) {
		t.Errorf("header %+v", m.Header)
	}
	if v := string(m.Data(m.Find(AVPSessionID))); v != "a;1;2" {
		t.Errorf("Session-Id %q", v)
	}
	if v, ok := m.Uint32(m.Find(AVPRatingGroup)); !ok || v != math.MaxUint32 {
		t.Errorf("Rating-Group %d %t", v, ok)
	}
	if v, ok := m.Uint64(m.Find(AVPCCTotalOctets)); !ok || v != math.MaxUint64 {
		t.Errorf("CC-Total-Octets %d %t", v, ok)
	}
	if v, ok := m.Int32(m.Find(AVPExponent)); !ok || v != math.MinInt32 {
		t.Errorf("Exponent %d %t", v, ok)
	}
	if v, ok := m.Int64(m.Find(AVPValueDigits)); !ok || v != math.MinInt64 {
		t.Errorf("Value-Digits %d %t", v, ok)
	}
	if v, ok := m.Time(m.Find(AVPEventTimestamp)); !ok || v != eventTime {
		t.Errorf("Event-Timestamp %d %t", v, ok)
	}
	if v, ok := m.Addr(m.Find(AVPSGSNAddress)); !ok || v != address4 {
		t.Errorf("SGSN-Address %v %t", v, ok)
	}
	if v, ok := m.Addr(m.Find(AVPGGSNAddress)); !ok || v != address6 {
		t.Errorf("GGSN-Address %v %t", v, ok)
	}
	if v := m.Data(m.Find(AVP3GPPUserLocationInfo)); !bytes.Equal(v, []byte{1, 2, 3, 4, 5}) {
		t.Errorf("3GPP-User-Location-Info %x", v)
	}
	if i := m.Find(AVPUserName); i != Root {
		t.Errorf("User-Name found at %d", i)
	}
	for i := range m.Count() {
		if _, ok := m.Uint32(i); ok != (m.At(i).Len() == 4) {
			t.Errorf("%v of %d octets read as 32 bits: %t", m.At(i).Code, m.At(i).Len(), ok)
		}
	}
}

// TestTimeEras pins the origin of Time to the two dates that RFC 6733 section 4.3.1 and RFC 5905 name.
func TestTimeEras(t *testing.T) {
	for _, c := range []struct {
		wire uint32
		date string
	}{
		{0x80000000, "1968-01-20T03:14:08Z"},
		{2208988800, "1970-01-01T00:00:00Z"},
		{0xffffffff, "2036-02-07T06:28:15Z"},
		{0x00000000, "2036-02-07T06:28:16Z"},
		{0x7fffffff, "2104-02-26T09:42:23Z"},
	} {
		b := message(func(dst []byte) []byte { return AppendUint32(dst, AVPEventTimestamp, c.wire) })
		got, ok := parse(t, b).Time(0)
		if date := time.Unix(got, 0).UTC().Format(time.RFC3339); !ok || date != c.date {
			t.Errorf("%#08x is %s, want %s", c.wire, date, c.date)
		}
		if again := message(func(dst []byte) []byte { return AppendTime(dst, AVPEventTimestamp, got) }); !bytes.Equal(again, b) {
			t.Errorf("%s encodes to %x, want %x", c.date, again, b)
		}
	}
}

func TestWalkOfGroups(t *testing.T) {
	m := parse(t, appendCCRUpdate(nil))
	var groups []uint32
	for i := m.Find(AVPMultipleServicesCreditControl); i != Root; i = m.FindNext(i, m.Count()) {
		rg, ok := m.Uint32(m.FindIn(i, AVPRatingGroup))
		if !ok {
			t.Fatal("no Rating-Group")
		}
		groups = append(groups, rg)
		used := m.FindIn(i, AVPUsedServiceUnit)
		if total, _ := m.Uint64(m.FindIn(used, AVPCCTotalOctets)); total == 0 {
			t.Errorf("no CC-Total-Octets for %d", rg)
		}
	}
	if len(groups) != 3 || groups[0] != 100 || groups[1] != 200 || groups[2] != 300 {
		t.Errorf("rating groups %v", groups)
	}
	ps := m.FindIn(m.Find(AVPServiceInformation), AVPPSInformation)
	arp := m.FindIn(m.FindIn(ps, AVPQoSInformation), AVPAllocationRetentionPriority)
	if d := m.At(arp).Depth; d != 3 {
		t.Errorf("Allocation-Retention-Priority at depth %d", d)
	}
	var names []string
	for i, end := m.Members(arp); i < end; i = m.Next(i) {
		names = append(names, m.At(i).Code.String())
	}
	if got := strings.Join(names, " "); got != "Priority-Level(1046) Pre-emption-Capability(1047) Pre-emption-Vulnerability(1048)" {
		t.Errorf("members %s", got)
	}
	empty := m.FindIn(m.Find(AVPMultipleServicesCreditControl), AVPRequestedServiceUnit)
	if first, end := m.Members(empty); first != end {
		t.Errorf("members of an empty group: %d to %d", first, end)
	}
	if _, end := m.Members(m.Find(AVPSessionID)); end != m.Find(AVPSessionID)+1 {
		t.Error("an AVP that is not grouped has members")
	}
}

func TestRefusals(t *testing.T) {
	whole := message(func(dst []byte) []byte { return AppendUint32(dst, AVPRatingGroup, 1) })
	patch := func(at int, v byte) []byte {
		b := bytes.Clone(whole)
		b[at] = v
		return b
	}
	group := func(inside []byte) []byte {
		return message(func(dst []byte) []byte {
			dst, g := BeginGroup(dst, AVPMultipleServicesCreditControl)
			dst = append(dst, inside...)
			EndGroup(dst, g)
			return dst
		})
	}
	top := func(b []byte) []byte { return message(func(dst []byte) []byte { return append(dst, b...) }) }
	nested := func(depth int) []byte {
		return message(func(dst []byte) []byte {
			var starts []int
			for range depth {
				var g int
				dst, g = BeginGroup(dst, AVPProxyInfo)
				starts = append(starts, g)
			}
			for _, g := range starts {
				EndGroup(dst, g)
			}
			return dst
		})
	}
	many := func(n int) []byte {
		return message(func(dst []byte) []byte {
			for range n {
				dst = AppendUint32(dst, AVPRatingGroup, 1)
			}
			return dst
		})
	}
	for _, c := range []struct {
		name   string
		b      []byte
		reason Reason
		result Result
		offset uint32
		whole  bool
	}{
		{"well formed", whole, RefusedNot, ResultSuccess, 0, false},
		{"no AVPs", message(func(dst []byte) []byte { return dst }), RefusedNot, ResultSuccess, 0, false},
		{"short", whole[:19], RefusedShort, ResultInvalidMessageLength, 0, false},
		{"empty", nil, RefusedShort, ResultInvalidMessageLength, 0, false},
		{"version", patch(0, 2), RefusedVersion, ResultUnsupportedVersion, 0, false},
		{"length too long", patch(3, whole[3]+4), RefusedMessageLength, ResultInvalidMessageLength, 0, false},
		{"length too short", patch(3, whole[3]-4), RefusedMessageLength, ResultInvalidMessageLength, 0, false},
		{"request with E", patch(4, FlagRequest|FlagError), RefusedHeaderBits, ResultInvalidHeaderBits, 0, true},
		{"request with T", patch(4, FlagRequest|FlagRetransmitted), RefusedNot, ResultSuccess, 0, false},
		{"reserved header bits", patch(4, FlagRequest|0x0f), RefusedNot, ResultSuccess, 0, false},
		{"AVP length 0", top(rawAVP(432, 0, FlagMandatory, 0, 0, 0, 0, 1)), RefusedAVPLength, ResultInvalidAVPLength, 20, false},
		{"AVP length below header", top(rawAVP(432, 0, FlagMandatory, 7, 0, 0, 0, 1)), RefusedAVPLength, ResultInvalidAVPLength, 20, false},
		{"vendor AVP length below header", top(rawAVP(874, Vendor3GPP, FlagVendor|FlagMandatory, 11)), RefusedAVPLength, ResultInvalidAVPLength, 20, false},
		{"AVP beyond the message", top(rawAVP(432, 0, FlagMandatory, 16, 0, 0, 0, 1)), RefusedAVPLength, ResultInvalidAVPLength, 20, false},
		{"AVP of 16 MiB", top(rawAVP(432, 0, FlagMandatory, maxLength, 0, 0, 0, 1)), RefusedAVPLength, ResultInvalidAVPLength, 20, false},
		{"AVP beyond its group", group(rawAVP(432, 0, FlagMandatory, 16, 0, 0, 0, 1)), RefusedAVPLength, ResultInvalidAVPLength, 28, false},
		{"half an AVP header", top([]byte{0, 0, 1, 0xb0}), RefusedAVPLength, ResultInvalidAVPLength, 20, false},
		{"V bit without room for a vendor", top(rawAVP(874, 0, FlagMandatory, 8)[:8]), RefusedUnknownAVP, ResultAVPUnsupported, 20, true},
		{"half a vendor AVP header", top([]byte{0, 0, 3, 0x6a, 0xc0, 0, 0, 12}), RefusedAVPLength, ResultInvalidAVPLength, 20, false},
		{"u32 of 8 octets", top(rawAVP(432, 0, FlagMandatory, 16, 0, 0, 0, 0, 0, 0, 0, 1)), RefusedAVPLength, ResultInvalidAVPLength, 20, true},
		{"u64 of 4 octets in a group", group(rawAVP(421, 0, FlagMandatory, 12, 0, 0, 0, 1)), RefusedAVPLength, ResultInvalidAVPLength, 28, true},
		{"vendor u32 of 1 octet", top(rawAVP(872, Vendor3GPP, FlagVendor|FlagMandatory, 13, 4)), RefusedAVPLength, ResultInvalidAVPLength, 20, true},
		{"unknown with M", top(rawAVP(99999, 0, FlagMandatory, 8)), RefusedUnknownAVP, ResultAVPUnsupported, 20, true},
		{"unknown with M in a group", group(rawAVP(999, 0, FlagMandatory, 8)), RefusedUnknownAVP, ResultAVPUnsupported, 28, true},
		{"unknown 3GPP with M", top(rawAVP(4999, Vendor3GPP, FlagVendor|FlagMandatory, 12)), RefusedUnknownAVP, ResultAVPUnsupported, 20, true},
		{"unknown vendor with M", top(rawAVP(432, 9, FlagVendor|FlagMandatory, 16, 0, 0, 0, 1)), RefusedUnknownAVP, ResultAVPUnsupported, 20, true},
		{"unknown without M", top(rawAVP(99999, 0, 0, 8)), RefusedNot, ResultSuccess, 0, false},
		{"unknown vendor without M", group(rawAVP(1, 9, FlagVendor, 13, 1)), RefusedNot, ResultSuccess, 0, false},
		{"vendor zero", top(rawAVP(432, 0, FlagVendor|FlagMandatory, 16, 0, 0, 0, 1)), RefusedAVPBits, ResultInvalidAVPBits, 20, true},
		{"vendor zero without M", top(rawAVP(432, 0, FlagVendor, 16, 0, 0, 0, 1)), RefusedAVPBits, ResultInvalidAVPBits, 20, true},
		{"must M without", top(rawAVP(432, 0, 0, 12, 0, 0, 0, 1)), RefusedAVPBits, ResultInvalidAVPBits, 20, true},
		{"P and reserved bits", top(rawAVP(432, 0, FlagMandatory|FlagProtected|0x1f, 12, 0, 0, 0, 1)), RefusedNot, ResultSuccess, 0, false},
		{"depth 8", nested(8), RefusedNot, ResultSuccess, 0, false},
		{"depth 9", nested(9), RefusedDepth, ResultUnableToComply, 20 + 8*8, false},
		{"depth 5000", nested(5000), RefusedDepth, ResultUnableToComply, 20 + 8*8, false},
		{"512 AVPs", many(512), RefusedNot, ResultSuccess, 0, false},
		{"513 AVPs", many(513), RefusedAVPCount, ResultUnableToComply, 20 + 512*12, false},
		{"65 KiB", many(5500), RefusedMessageLength, ResultInvalidMessageLength, 0, false},
	} {
		var m Message
		r := m.Parse(c.b, Limits{})
		if r.Reason != c.reason || r.Result() != c.result || r.Offset != c.offset || r.Whole != c.whole {
			t.Errorf("%s: %v (whole %t), want %v at %d (whole %t)", c.name, r, r.Whole, c.reason, c.offset, c.whole)
		}
	}
}

// TestFlagChecks goes through the three ways to hold M bits against their definitions.
func TestFlagChecks(t *testing.T) {
	top := func(b []byte) []byte { return message(func(dst []byte) []byte { return append(dst, b...) }) }
	ietfWithout := top(rawAVP(432, 0, 0, 12, 0, 0, 0, 1))
	tgppWithout := top(rawAVP(872, Vendor3GPP, FlagVendor, 16, 0, 0, 0, 1))
	ietfStray := top(rawAVP(269, 0, FlagMandatory, 9, 'x'))
	tgppStray := top(rawAVP(21, Vendor3GPP, FlagVendor|FlagMandatory, 13, 6))
	open := top(rawAVP(441, 0, FlagMandatory, 12, 0, 0, 0, 1))
	for _, c := range []struct {
		name                       string
		b                          []byte
		standard, tolerant, strict bool
	}{
		{"IETF without the M it must have", ietfWithout, false, true, false},
		{"3GPP without the M it must have", tgppWithout, true, true, false},
		{"IETF with an M it must not have", ietfStray, true, true, false},
		{"3GPP with an M it must not have", tgppStray, true, true, false},
		{"M left to the sender", open, true, true, true},
	} {
		for check, want := range map[FlagCheck]bool{FlagsStandard: c.standard, FlagsTolerant: c.tolerant, FlagsStrict: c.strict} {
			var m Message
			if r := m.Parse(c.b, Limits{Flags: check}); r.OK() != want || !want && r.Reason != RefusedAVPBits {
				t.Errorf("%s, check %d: %v", c.name, check, r)
			}
		}
	}
}

// TestFramingOverridesContent has an unknown AVP first and broken framing after it.
func TestFramingOverridesContent(t *testing.T) {
	b := message(func(dst []byte) []byte {
		dst = append(dst, rawAVP(999, 0, FlagMandatory, 8)...)
		return append(dst, rawAVP(432, 0, FlagMandatory, 200, 0, 0, 0, 1)...)
	})
	var m Message
	if r := m.Parse(b, Limits{}); r.Reason != RefusedAVPLength || r.Whole || r.Offset != 28 || m.Count() != 1 {
		t.Errorf("%v, %d AVPs", r, m.Count())
	}
}

// TestMissingPaddingInGroup accepts a group that ends with its last member's data instead of its padding, as some
// clients send it.
func TestMissingPaddingInGroup(t *testing.T) {
	inside := rawAVP(444, 0, FlagMandatory, 13, '1', '2', '3', '4', '5')[:13]
	b := message(func(dst []byte) []byte {
		dst = append(dst, rawAVP(443, 0, FlagMandatory, 8+13, inside...)...)
		return AppendUint32(dst, AVPRatingGroup, 7)
	})
	m := parse(t, b)
	if got := string(m.Data(m.FindIn(m.Find(AVPSubscriptionID), AVPSubscriptionIDData))); got != "12345" {
		t.Errorf("Subscription-Id-Data %q", got)
	}
	if v, ok := m.Uint32(m.Find(AVPRatingGroup)); !ok || v != 7 {
		t.Errorf("what follows the group: %d %t", v, ok)
	}
}

// TestReuse parses a long message, a short and a refused one into the same Message: nothing of one shows in the next.
func TestReuse(t *testing.T) {
	var m Message
	long, short := appendCCRUpdate(nil), appendDWR(nil, 1, 2)
	if r := m.Parse(long, Limits{}); !r.OK() {
		t.Fatal(r)
	}
	if r := m.Parse(short, Limits{}); !r.OK() || m.Count() != 3 || m.Find(AVPSessionID) != Root {
		t.Errorf("%v, %d AVPs", r, m.Count())
	}
	if r := m.Parse(long[:40], Limits{}); r.OK() || m.Count() != 0 {
		t.Errorf("%v, %d AVPs", r, m.Count())
	}
}

func TestNoAllocation(t *testing.T) {
	raw := appendCCRUpdate(nil)
	var m Message
	m.Parse(raw, Limits{})
	if n := testing.AllocsPerRun(100, func() {
		if r := m.Parse(raw, Limits{}); !r.OK() {
			t.Fatal(r)
		}
	}); n != 0 {
		t.Errorf("parsing allocates %v times", n)
	}
	buf := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { buf = appendCCAUpdate(buf[:0], &m.Header) }); n != 0 {
		t.Errorf("encoding allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() { buf = appendCCRUpdate(buf[:0]) }); n != 0 {
		t.Errorf("encoding every format allocates %v times", n)
	}
	failure := Offending(m.FindIn(m.Find(AVPServiceInformation), AVPPSInformation))
	if n := testing.AllocsPerRun(100, func() {
		buf = AppendErrorAnswer(buf[:0], &m, &testIdentity, ResultInvalidAVPValue, failure, AVPCCRequestType, AVPCCRequestNumber)
	}); n != 0 {
		t.Errorf("refusing allocates %v times", n)
	}
}

func TestEncodePanicsBeyond24Bits(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an AVP of 16 MiB was encoded")
		}
	}()
	AppendBytes(nil, AVPClass, make([]byte, 1<<24))
}

func TestLimitsValidate(t *testing.T) {
	for _, l := range []Limits{{MessageBytes: 19}, {MessageBytes: 1 << 24}, {AVPs: -1}, {AVPs: 1 << 20}, {Depth: 17}, {Depth: -1}} {
		if l.Validate() == nil {
			t.Errorf("%+v is valid", l)
		}
	}
	if err := (Limits{}).Validate(); err != nil {
		t.Error(err)
	}
}

// TestDictionary checks what the parser relies on: every type fits in its bits, and AVPs of credit control have the
// types that their standards give them.
func TestDictionary(t *testing.T) {
	if typeLimit > kindTypeMask {
		t.Error("a type does not fit in a kind")
	}
	if n := len(dictionary.byCode); n < 800 {
		t.Errorf("%d definitions", n)
	}
	names := map[string]Code{}
	for c, d := range dictionary.byCode {
		if c != d.Code || d.Name == "" || d.Type == TypeUnknown || d.Type >= typeLimit {
			t.Errorf("definition %+v", d)
		}
		if other, twice := names[d.Name]; twice && other.Vendor() == c.Vendor() {
			t.Errorf("%s is both %d and %d", d.Name, c.Number(), other.Number())
		}
		names[d.Name] = c
		if k := kindOf(c); c != AVPFailedAVP && k.dataType() != d.Type || k.mandatory() != (d.Mandatory == MustM) {
			t.Errorf("kind of %s", d.Name)
		}
	}
	for c, want := range map[Code]Definition{
		AVPMultipleServicesCreditControl: {Type: TypeGrouped, Mandatory: MustM},
		AVPCCTotalOctets:                 {Type: TypeUnsigned64, Mandatory: MustM},
		AVPValueDigits:                   {Type: TypeInteger64, Mandatory: MustM},
		AVPExponent:                      {Type: TypeInteger32, Mandatory: MustM},
		AVPTariffTimeChange:              {Type: TypeTime, Mandatory: MustM},
		AVPProductName:                   {Type: TypeUTF8String, Mandatory: MustNotM},
		AVPUserEquipmentInfo:             {Type: TypeGrouped, Mandatory: MayM},
		AVPServiceParameterInfo:          {Type: TypeGrouped, Mandatory: MayM},
		AVPPSInformation:                 {Type: TypeGrouped, Mandatory: MustM},
		AVPReportingReason:               {Type: TypeEnumerated, Mandatory: MustM},
		AVPQuotaHoldingTime:              {Type: TypeUnsigned32, Mandatory: MustM},
		AVPRefundInformation:             {Type: TypeOctetString, Mandatory: MustM},
		AVPAnnouncementInformation:       {Type: TypeGrouped, Mandatory: MustM},
		AVPLowBalanceIndication:          {Type: TypeEnumerated, Mandatory: MustM},
	} {
		if d, ok := Lookup(c); !ok || d.Type != want.Type || d.Mandatory != want.Mandatory {
			t.Errorf("%v is %+v, want %+v", c, d, want)
		}
	}
	if got := MakeCode(9, 1).String(); got != "1:9" {
		t.Errorf("an unknown AVP is called %s", got)
	}
}

// TestServeWithoutAllocation serves a read of many requests: with the network's own calls taken away, nothing is left
// to allocate.
func TestServeWithoutAllocation(t *testing.T) {
	read := bytes.Repeat(appendCCRUpdate(nil), 20)
	r := openBatch(t, &instant{answer: appendCCAUpdate(nil, &Header{})})
	serve := func() {
		if used, err := r.serve(read); used != len(read) || err != nil {
			t.Fatal(used, err)
		}
	}
	serve()
	if n := testing.AllocsPerRun(100, serve); n != 0 {
		t.Errorf("serving allocates %v times", n)
	}
}

func TestNames(t *testing.T) {
	long := "ocs-of-a-rather-long-name.charging.epc.mnc001.mcc001.3gppnetwork.org"
	n := names{testHost, long}
	same, other := []byte(strings.ToUpper(long)), []byte(long[1:])
	if !n.holds([]byte(testHost)) || !n.holds(same) || n.holds(other) || n.holds(nil) {
		t.Error("a name is not found, or a wrong one is")
	}
	if allocations := testing.AllocsPerRun(100, func() { n.holds(same) }); allocations != 0 {
		t.Errorf("comparing allocates %v times", allocations)
	}
}
