package diameter

import (
	"bytes"
	"io"
	"testing"
)

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

// instant answers every request at once from a prepared answer: what remains is the cost of the base protocol.
type instant struct {
	recorder
	answer []byte
}

func (h *instant) ServeRequest(c *Conn, m *Message) {
	dst := c.Lock()
	start := len(dst)
	dst = append(dst, h.answer...)
	copy(dst[start+12:start+20], m.Raw()[12:20])
	c.Unlock(dst)
	c.Done(1)
}

func (h *instant) ServedBatch(c *Conn) { c.Unlock(c.Lock()[:0]) }

// BenchmarkServe serves reads of 52 CCRs each: framing, parsing, routing and accounting, without the network.
func BenchmarkServe(b *testing.B) {
	one := appendCCRUpdate(nil)
	read := bytes.Repeat(one, DefaultInputBytes/len(one))
	r := openBatch(b, &instant{answer: appendCCAUpdate(nil, &Header{})})
	b.ReportAllocs()
	for b.Loop() {
		if used, err := r.serve(read); used != len(read) || err != nil {
			b.Fatal(used, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*(len(read)/len(one))), "ns/message")
}

// BenchmarkConnection pipelines CCRs over loopback TCP, 256 in flight on one connection: the client's share of the
// processors is included, so it is an upper bound.
func BenchmarkConnection(b *testing.B) {
	const inFlight = 256
	_, address := start(b, testOptions(), &flushing{instant{answer: appendCCAUpdate(nil, &Header{})}})
	c := connect(b, address)
	burst := bytes.Repeat(appendCCRUpdate(nil), inFlight)
	answers := make([]byte, inFlight*len(appendCCAUpdate(nil, &Header{})))
	b.ReportAllocs()
	for b.Loop() {
		c.send(burst)
		if _, err := io.ReadFull(c.conn, answers); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*inFlight), "ns/message")
}

// flushing sends the answers of a batch with one flush.
type flushing struct{ instant }

func (*flushing) ServedBatch(c *Conn) { c.Flush() }
