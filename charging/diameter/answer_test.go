package diameter

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// refused returns the parsed answer that refuses a request with what its parsing found.
func refused(t *testing.T, b []byte, echo ...Code) *Message {
	t.Helper()
	var m Message
	r := m.Parse(b, Limits{})
	if r.OK() {
		t.Fatal("the request is well formed")
	}
	return parse(t, AppendErrorAnswer(nil, &m, &testIdentity, r.Result(), r.Failure(), echo...))
}

func resultOf(m *Message) Result {
	v, _ := m.Uint32(m.Find(AVPResultCode))
	return Result(v)
}

// codes lists the top-level AVPs of a message.
func codes(m *Message) []Code {
	var list []Code
	for i, end := m.Members(Root); i < end; i = m.Next(i) {
		list = append(list, m.At(i).Code)
	}
	return list
}

func proxied(dst []byte, host string, state ...byte) []byte {
	dst, g := BeginGroup(dst, AVPProxyInfo)
	dst = AppendString(dst, AVPProxyHost, host)
	dst = AppendBytes(dst, AVPProxyState, state)
	EndGroup(dst, g)
	return dst
}

func TestErrorAnswerOfProtocolError(t *testing.T) {
	request := appendSmallCCR(nil, 77)
	request[4] |= FlagRetransmitted
	request = proxied(request, "dra1.example", 1, 2, 3)
	request = proxied(request, "dra2.example", 4)
	FinishMessage(request, 0)
	m := parse(t, request)
	a := parse(t, AppendErrorAnswer(nil, m, &testIdentity, ResultUnableToDeliver, Failure{}, AVPCCRequestType))
	if a.Flags != FlagProxiable|FlagError || a.HopByHop != 77 || a.EndToEnd != 77 || a.Command != CmdCreditControl || a.AppID != AppCreditControl {
		t.Errorf("header %+v", a.Header)
	}
	want := []Code{AVPSessionID, AVPResultCode, AVPOriginHost, AVPOriginRealm, AVPOriginStateID, AVPProxyInfo, AVPProxyInfo}
	if got := codes(a); !equalCodes(got, want) {
		t.Errorf("AVPs %v, want %v", got, want)
	}
	if !bytes.Equal(a.Raw()[len(a.Raw())-80:], request[len(request)-80:]) {
		t.Error("Proxy-Info is not repeated as it came, in its order")
	}
}

func TestErrorAnswerOfPermanentFailure(t *testing.T) {
	m := parse(t, appendSmallCCR(nil, 77))
	a := parse(t, AppendErrorAnswer(nil, m, &testIdentity, ResultUnableToComply, Failure{}, AVPCCRequestType, AVPCCRequestNumber))
	if a.Flags != FlagProxiable {
		t.Errorf("flags %#x", a.Flags)
	}
	want := []Code{AVPSessionID, AVPResultCode, AVPOriginHost, AVPOriginRealm, AVPAuthApplicationID, AVPCCRequestType, AVPCCRequestNumber, AVPOriginStateID}
	if got := codes(a); !equalCodes(got, want) {
		t.Errorf("AVPs %v, want %v", got, want)
	}
}

func equalCodes(a, b []Code) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// TestFailedAVP holds the Failed-AVP of each kind of failure against the octets that RFC 6733 section 7.5 and the
// text of the Result-Codes ask for.
func TestFailedAVP(t *testing.T) {
	group := func(c Code, inside []byte) []byte {
		b, g := BeginGroup(nil, c)
		b = append(b, inside...)
		EndGroup(b, g)
		return b
	}
	top := func(b []byte) []byte { return message(func(dst []byte) []byte { return append(dst, b...) }) }
	unknown := rawAVP(999, 0, FlagMandatory, 11, 'a', 'b', 'c')
	second := append(group(AVPMultipleServicesCreditControl, AppendUint32(nil, AVPRatingGroup, 1)),
		group(AVPMultipleServicesCreditControl, append(AppendUint32(nil, AVPRatingGroup, 2), unknown...))...)
	large := rawAVP(999, 0, FlagMandatory, 8+2000, make([]byte, 2000)...)
	for _, c := range []struct {
		name   string
		b      []byte
		result Result
		want   []byte
	}{
		{"unknown", top(unknown), ResultAVPUnsupported, unknown},
		{"unknown in the second of two groups", top(second), ResultAVPUnsupported, group(AVPMultipleServicesCreditControl, unknown)},
		{"unknown and larger than is copied", top(large), ResultAVPUnsupported, rawAVP(999, 0, FlagMandatory, 8)},
		{"wrong size", top(rawAVP(432, 0, FlagMandatory, 9, 1)), ResultInvalidAVPLength, rawAVP(432, 0, FlagMandatory, 9, 1)},
		{"too long", top(rawAVP(432, 0, FlagMandatory, 99, 1)), ResultInvalidAVPLength, rawAVP(432, 0, FlagMandatory, 12, 0, 0, 0, 0)},
		{
			"too long in a group", top(group(AVPMultipleServicesCreditControl, rawAVP(421, 0, FlagMandatory, 99, 1, 2, 3, 4, 5, 6, 7, 8))),
			ResultInvalidAVPLength, group(AVPMultipleServicesCreditControl, rawAVP(421, 0, FlagMandatory, 16, 0, 0, 0, 0, 0, 0, 0, 0)),
		},
		{"too long group", top(rawAVP(456, 0, FlagMandatory, 99)), ResultInvalidAVPLength, rawAVP(456, 0, FlagMandatory, 8)},
		{
			"too long of a vendor", top(rawAVP(872, Vendor3GPP, FlagVendor|FlagMandatory, 99, 0, 0, 0, 1)),
			ResultInvalidAVPLength, rawAVP(872, Vendor3GPP, FlagVendor|FlagMandatory, 16, 0, 0, 0, 0),
		},
		{"length zero", top(rawAVP(432, 0, FlagMandatory, 0, 0, 0, 0, 1)), ResultInvalidAVPLength, rawAVP(432, 0, FlagMandatory, 12, 0, 0, 0, 0)},
		{"half a header", top([]byte{0, 0, 1, 0xb0}), ResultInvalidAVPLength, rawAVP(432, 0, 0, 12, 0, 0, 0, 0)},
		{"M bit", top(rawAVP(432, 0, 0, 12, 0, 0, 0, 5)), ResultInvalidAVPBits, rawAVP(432, 0, 0, 12, 0, 0, 0, 5)},
	} {
		a := refused(t, c.b)
		if got := resultOf(a); got != c.result || a.IsError() != c.result.IsProtocolError() {
			t.Errorf("%s: result %v, flags %#x", c.name, got, a.Flags)
		}
		if got := a.Data(a.Find(AVPFailedAVP)); !bytes.Equal(got, c.want) {
			t.Errorf("%s: Failed-AVP\n %x, want\n %x", c.name, got, c.want)
		}
	}
	for _, c := range []struct {
		name  string
		group Code
		lacks Code
		want  []byte
	}{
		{"a u32 of the message", 0, AVPCCRequestType, rawAVP(416, 0, FlagMandatory, 12, 0, 0, 0, 0)},
		{"a string of the message", 0, AVPServiceContextID, rawAVP(461, 0, FlagMandatory, 8)},
		{"an address", 0, AVPHostIPAddress, rawAVP(257, 0, FlagMandatory, 14, 0, 1, 0, 0, 0, 0)},
		{"an enumerated of 3GPP", 0, AVPReportingReason, rawAVP(872, Vendor3GPP, FlagVendor|FlagMandatory, 16, 0, 0, 0, 0)},
		{"a u32 of a group", AVPMultipleServicesCreditControl, AVPRatingGroup, group(AVPMultipleServicesCreditControl, rawAVP(432, 0, FlagMandatory, 12, 0, 0, 0, 0))},
	} {
		m := parse(t, appendCCRUpdate(nil))
		in := Root
		if c.group != 0 {
			in = m.Find(c.group)
		}
		failed := AppendFailedAVP(nil, m, Missing(in, c.lacks))
		if got := failed[avpHeader:]; !bytes.Equal(got, c.want) {
			t.Errorf("missing %s: Failed-AVP\n %x, want\n %x", c.name, got, c.want)
		}
	}
}

// TestEchoOfWrongAVP has a CC-Request-Type of the wrong length: repeating it outside Failed-AVP would make the answer
// itself malformed.
func TestEchoOfWrongAVP(t *testing.T) {
	b := message(func(dst []byte) []byte {
		dst = AppendString(dst, AVPSessionID, "s")
		return append(dst, rawAVP(416, 0, FlagMandatory, 9, 1)...)
	})
	a := refused(t, b, AVPCCRequestType)
	if a.Find(AVPCCRequestType) != Root {
		t.Error("the wrong AVP is repeated on the top level")
	}
	if a.Find(AVPFailedAVP) == Root || a.Find(AVPSessionID) != 0 {
		t.Errorf("AVPs %v", codes(a))
	}
}

// TestFailedAVPIsOpaque takes an answer whose Failed-AVP holds the malformed AVP that it reports.
func TestFailedAVPIsOpaque(t *testing.T) {
	dst := AppendHeader(nil, 0, CmdReAuth, AppCreditControl, 1, 1)
	dst = AppendResult(dst, ResultInvalidAVPLength)
	dst, g := BeginGroup(dst, AVPFailedAVP)
	dst = append(dst, rawAVP(432, 0, FlagMandatory, 999, 0, 0, 0, 0)...)
	EndGroup(dst, g)
	FinishMessage(dst, 0)
	m := parse(t, dst)
	if got := binary.BigEndian.Uint32(m.Data(m.Find(AVPFailedAVP))); got != 432 {
		t.Errorf("Failed-AVP holds AVP %d", got)
	}
}
