package diameter

import "testing"

func BenchmarkParseCCRUpdate(b *testing.B) {
	raw := appendCCRUpdate(nil)
	var m Message
	if r := m.Parse(raw, Limits{}); !r.OK() {
		b.Fatal(r)
	}
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if r := m.Parse(raw, Limits{}); !r.OK() {
			b.Fatal(r)
		}
	}
	b.ReportMetric(float64(m.Count()), "AVPs")
}

func BenchmarkAppendCCAUpdate(b *testing.B) {
	request := Header{Flags: FlagRequest | FlagProxiable, Command: CmdCreditControl, AppID: AppCreditControl, HopByHop: 1, EndToEnd: 2}
	buf := make([]byte, 0, 1024)
	b.SetBytes(int64(len(appendCCAUpdate(nil, &request))))
	b.ReportAllocs()
	for b.Loop() {
		buf = appendCCAUpdate(buf[:0], &request)
	}
}
