package diameter

import (
	"bytes"
	"net"
	"testing"
)

// seeds are messages that are well formed and messages broken in the ways that matter, for the fuzz targets.
func seeds(f testing.TB) map[string][]byte {
	list := map[string][]byte{}
	for _, name := range []string{
		"cer", "cea", "cea-no-application", "cea-unknown-peer", "dwr", "dwa", "dpr", "dpa",
		"ccr-update", "cca-update", "cca-unable-to-deliver", "cca-avp-unsupported", "cca-missing-in-service",
	} {
		list[name] = readGolden(f, name)
	}
	for name, inside := range map[string][]byte{
		"length zero":       rawAVP(432, 0, FlagMandatory, 0),
		"beyond the end":    rawAVP(432, 0, FlagMandatory, 99, 0, 0, 0, 1),
		"wrong size":        rawAVP(432, 0, FlagMandatory, 9, 1),
		"vendor zero":       rawAVP(432, 0, FlagVendor|FlagMandatory, 16, 0, 0, 0, 1),
		"unknown vendor":    rawAVP(432, 9, FlagVendor, 16, 0, 0, 0, 1),
		"group in group":    rawAVP(456, 0, FlagMandatory, 24, rawAVP(431, 0, FlagMandatory, 16, rawAVP(413, 0, FlagMandatory, 8)...)...),
		"group overlapping": rawAVP(456, 0, FlagMandatory, 24, rawAVP(431, 0, FlagMandatory, 24)...),
		"half a header":     {0, 0, 1, 0xb0},
		"broken Proxy-Info": rawAVP(284, 0, FlagMandatory, 20, rawAVP(280, 0, FlagMandatory, 99, 'a', 'b', 'c', 'd')...),
		"unending groups":   bytes.Repeat(rawAVP(284, 0, FlagMandatory, 8000), 1000),
	} {
		list[name] = message(func(dst []byte) []byte { return append(dst, inside...) })
	}
	return list
}

// FuzzParse parses anything: it must not panic, nor leave its bounds, and what it accepts must mean the same after
// it has been encoded again.
func FuzzParse(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b)
		f.Add(append(bytes.Clone(b), b...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m Message
		refusal := m.Parse(b, Limits{})
		checkTable(t, &m)
		if len(b) >= HeaderLength {
			checkRefusalAnswer(t, &m, refusal)
		}
		if !refusal.OK() && !refusal.Whole {
			return
		}
		again := encodeAgain(&m)
		var n Message
		if r := n.Parse(again, Limits{}); r.Reason != refusal.Reason || r.AVP != refusal.AVP {
			t.Fatalf("%v became %v", refusal, r)
		}
		if n.Count() != m.Count() || n.Header.Flags != m.Header.Flags {
			t.Fatalf("%d AVPs became %d", m.Count(), n.Count())
		}
		for i := range m.Count() {
			a, b := m.At(i), n.At(i)
			if a.Code != b.Code || a.Flags != b.Flags || a.Depth != b.Depth || a.next != b.next || a.Type != TypeGrouped && !bytes.Equal(m.Data(i), n.Data(i)) {
				t.Fatalf("AVP %d: %+v became %+v", i, a, b)
			}
		}
		if third := encodeAgain(&n); !bytes.Equal(third, again) {
			t.Fatalf("encoding is not stable:\n%x\n%x", again, third)
		}
	})
}

// FuzzServe has an open connection serve anything: what it answers must be whole, well-formed messages, never more of
// them than there were requests, and what it takes must be whole messages.
func FuzzServe(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b)
		f.Add(append(bytes.Clone(b), b...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := openBatch(t, newRecorder())
		used, err := r.serve(b)
		if err != nil || used > len(b) || used%4 != 0 {
			t.Fatalf("%d of %d octets served, %v", used, len(b), err)
		}
		out := r.conn.Lock()
		defer r.conn.Unlock(out)
		answers := 0
		for rest := out; len(rest) != 0; answers++ {
			n := int(parseHeader(rest).Length)
			var m Message
			if n < HeaderLength || n > len(rest) {
				t.Fatalf("an answer of %d octets of %d", n, len(rest))
			}
			if refusal := m.Parse(rest[:n], Limits{MessageBytes: 1 << 20, AVPs: 1024}); !refusal.OK() && !refusal.Whole || m.IsRequest() {
				t.Fatalf("an answer has %v, flags %#x", refusal, m.Flags)
			}
			rest = rest[n:]
		}
		if answers > len(b)/HeaderLength {
			t.Fatalf("%d answers to %d octets", answers, len(b))
		}
	})
}

// openBatch returns the reader's state of an open connection that nothing reads or writes.
func openBatch(t testing.TB, h Handler) *batch {
	t.Helper()
	options := testOptions()
	options.DisconnectTimeout = 1
	s, err := NewServer(options, h)
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	c := newConn(s, far)
	if result := s.admit(c, offer{host: gatewayHost, realm: gatewayRealm, stateID: 1000}); result != ResultSuccess {
		t.Fatal(result)
	}
	c.peer.open.Store(true)
	return &batch{conn: c, malformed: options.EnsureDefaults().MalformedBurst}
}

// checkTable checks that every entry lies in the message, inside its group, and before the next.
func checkTable(t *testing.T, m *Message) {
	t.Helper()
	if m.Count() > DefaultAVPs {
		t.Fatalf("%d AVPs", m.Count())
	}
	for i := range m.Count() {
		a := m.At(i)
		if a.start < HeaderLength || a.data < a.start+avpHeader || a.end < a.data || int(a.end) > len(m.Raw()) {
			t.Fatalf("AVP %d stands at %d, %d, %d of %d octets", i, a.start, a.data, a.end, len(m.Raw()))
		}
		if int(a.next) <= i || int(a.next) > m.Count() || a.Depth > DefaultDepth {
			t.Fatalf("AVP %d: next %d of %d, depth %d", i, a.next, m.Count(), a.Depth)
		}
		for j, end := m.Members(i); j < end; j = m.Next(j) {
			if b := m.At(j); b.Depth != a.Depth+1 || b.start < a.data || b.end > a.end {
				t.Fatalf("member %d of %d: %+v in %+v", j, i, b, a)
			}
		}
	}
}

// checkRefusalAnswer checks that the answer to any message, however broken, is itself well formed and bounded.
func checkRefusalAnswer(t *testing.T, m *Message, refusal Refusal) {
	t.Helper()
	answer := AppendErrorAnswer(nil, m, &testIdentity, refusal.Result(), refusal.Failure(), AVPCCRequestType, AVPCCRequestNumber)
	if len(answer) > len(m.Raw())+MaxFailedAVPBytes+1024 {
		t.Fatalf("%d octets are answered with %d", len(m.Raw()), len(answer))
	}
	var a Message
	// What is repeated of the request keeps its flags, so it may be refused for them, but the framing must hold.
	if r := a.Parse(answer, Limits{MessageBytes: 1 << 20, AVPs: 1024}); !r.OK() && !r.Whole {
		t.Fatalf("the answer to %v has %v\n%x", refusal, r, answer)
	}
	if i := a.Find(AVPFailedAVP); i != Root {
		checkFailedAVP(t, &a, i)
	}
}

// checkFailedAVP checks that the contents of our Failed-AVP, which the parser does not look into, are AVPs.
func checkFailedAVP(t *testing.T, a *Message, i int) {
	t.Helper()
	inside := message(func(dst []byte) []byte { return append(dst, a.Data(i)...) })
	var m Message
	if r := m.Parse(inside, Limits{Depth: depthLimit}); !r.OK() && !r.Whole {
		t.Fatalf("Failed-AVP holds %v\n%x", r, a.Data(i))
	}
}

// encodeAgain encodes a message from its table.
func encodeAgain(m *Message) []byte {
	dst := AppendHeader(nil, m.Flags, m.Command, m.AppID, m.HopByHop, m.EndToEnd)
	dst = encodeMembers(dst, m, Root)
	FinishMessage(dst, 0)
	return dst
}

func encodeMembers(dst []byte, m *Message, group int) []byte {
	for i, end := m.Members(group); i < end; i = m.Next(i) {
		a := m.At(i)
		start := len(dst)
		if a.Type != TypeGrouped {
			dst = appendHeaderOf(dst, a, a.Len())
			dst = appendPadding(append(dst, m.Data(i)...), a.Len())
			continue
		}
		dst = encodeMembers(appendHeaderOf(dst, a, 0), m, i)
		EndGroup(dst, start)
	}
	return dst
}
