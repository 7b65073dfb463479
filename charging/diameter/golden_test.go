package diameter

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rewriting reports whether the tests were asked to write what the code produces now; then read the difference. The flag is
// datadriven's.
func rewriting() bool { return flag.Lookup("rewrite").Value.String() == "true" }

// goldenFolder holds messages as hexadecimal octets, one AVP a line, with the AVP's name and value as a comment.
const goldenFolder = "../../testdata/diameter"

// TestGolden pins the octets of the messages that this package builds, and of the CCR-U and CCA that the tests use.
func TestGolden(t *testing.T) {
	options := Options{Identity: testIdentity, AllowUnknownPeers: true}
	s, err := NewServer(options, &recorder{})
	if err != nil {
		t.Fatal(err)
	}
	local := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 3868}
	cer, dwr, dpr, ccr := parse(t, appendCER(nil, 100)), parse(t, appendDWR(nil, 0x31, 100)), parse(t, appendDPR(nil, 0x41)), parse(t, appendCCRUpdate(nil))
	origin := &s.options.Identity
	unknown := message(func(dst []byte) []byte {
		dst = AppendString(dst, AVPSessionID, gatewaySession)
		dst = AppendUint32(dst, AVPCCRequestType, 1)
		dst = AppendUint32(dst, AVPCCRequestNumber, 0)
		return append(dst, rawAVP(999, 0, FlagMandatory, 11, 'a', 'b', 'c')...)
	})
	var refusedCCR Message
	refusal := refusedCCR.Parse(unknown, Limits{})
	for name, b := range map[string][]byte{
		"cer":                    cer.Raw(),
		"cea":                    s.appendCEA(nil, cer, ResultSuccess, local),
		"cea-no-application":     s.appendCEA(nil, cer, ResultNoCommonApplication, local),
		"cea-unknown-peer":       AppendErrorAnswer(nil, cer, origin, ResultUnknownPeer, Failure{}),
		"dwr":                    dwr.Raw(),
		"dwa":                    s.appendDWA(nil, &dwr.Header),
		"dpr":                    dpr.Raw(),
		"dpa":                    s.appendDPA(nil, &dpr.Header),
		"ccr-update":             ccr.Raw(),
		"cca-update":             appendCCAUpdate(nil, &ccr.Header),
		"cca-unable-to-deliver":  AppendErrorAnswer(nil, ccr, origin, ResultUnableToDeliver, Failure{}),
		"cca-avp-unsupported":    AppendErrorAnswer(nil, &refusedCCR, origin, refusal.Result(), refusal.Failure(), AVPCCRequestType, AVPCCRequestNumber),
		"cca-missing-in-service": AppendErrorAnswer(nil, ccr, origin, ResultMissingAVP, Missing(ccr.Find(AVPMultipleServicesCreditControl), AVPRatingGroup), AVPCCRequestType, AVPCCRequestNumber),
	} {
		golden(t, name, b)
	}
}

func golden(t *testing.T, name string, b []byte) {
	t.Helper()
	if rewriting() {
		if err := os.WriteFile(goldenPath(name), []byte(describe(t, b)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := readGolden(t, name); !bytes.Equal(b, want) {
		t.Errorf("%s\n got %x\nwant %x", name, b, want)
	}
}

func goldenPath(name string) string { return filepath.Join(goldenFolder, name+".hex") }

func readGolden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(goldenPath(name))
	if err != nil {
		t.Fatalf("%v (run with -rewrite to create it)", err)
	}
	return readHex(t, string(text))
}

// readHex returns the octets of a golden file: what follows a # does not count.
func readHex(t testing.TB, text string) []byte {
	t.Helper()
	var digits strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// describe writes a message one AVP a line.
func describe(t testing.TB, b []byte) string {
	t.Helper()
	m := parse(t, b)
	var w strings.Builder
	fmt.Fprintf(&w, "%x # version 1, %d octets\n", b[:4], m.Length)
	fmt.Fprintf(&w, "%x # flags %s, command %d\n", b[4:8], flagNames(m.Flags), m.Command)
	fmt.Fprintf(&w, "%x # application %d\n%x # hop-by-hop\n%x # end-to-end\n", b[8:12], m.AppID, b[12:16], b[16:20])
	for i := range m.Count() {
		a := m.At(i)
		indent := strings.Repeat("  ", int(a.Depth))
		header, data := b[a.start:a.data], b[a.data:(a.end+3)&^3]
		if a.Type == TypeGrouped {
			fmt.Fprintf(&w, "%s%x # %v\n", indent, header, a.Code)
			continue
		}
		fmt.Fprintf(&w, "%s%x %x # %v %s\n", indent, header, data, a.Code, value(m, i))
	}
	return w.String()
}

func flagNames(flags uint8) string {
	names := ""
	for i, name := range []string{"R", "P", "E", "T"} {
		if flags&(0x80>>i) != 0 {
			names += name
		}
	}
	if names == "" {
		return "none"
	}
	return names
}

func value(m *Message, i int) string {
	switch m.At(i).Type {
	case TypeUnsigned32, TypeEnumerated:
		v, _ := m.Uint32(i)
		return fmt.Sprint(v)
	case TypeUnsigned64:
		v, _ := m.Uint64(i)
		return fmt.Sprint(v)
	case TypeTime:
		v, _ := m.Time(i)
		return fmt.Sprint(v, " s")
	case TypeAddress:
		v, _ := m.Addr(i)
		return v.String()
	case TypeUTF8String, TypeDiameterIdentity:
		return fmt.Sprintf("%q", m.Data(i))
	}
	return fmt.Sprintf("(%d octets)", m.At(i).Len())
}
