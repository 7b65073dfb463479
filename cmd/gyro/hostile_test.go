package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/avp"
)

// TestHostileInput sends what no gateway sends, by each on a connection of its own. Whatever comes back, or the connection's
// end, has to come at once; no balance may change, and an honest gateway is served before, during and after.
func TestHostileInput(t *testing.T) {
	s := newSite(t, "")
	p := s.start()
	o := newOffice(t, p.http)
	o.open(1)
	honest := connectGateway(t, p.diameter)
	if code := resultOf(t, honest.ask(honest.ccr(ccr{session: "honest;1", kind: initial, asks: true}))); code != diam.Success {
		t.Fatalf("CCR-I: %d", code)
	}
	before := o.state("sub-0")
	if before.Reserved == "0.00" {
		t.Fatal("nothing is reserved, so nothing could be spoilt")
	}
	for name, attack := range attacks() {
		t.Run(name, func(t *testing.T) {
			g := dialGateway(t, p.diameter)
			g.host = "hostile.test.example"
			if !attack.stranger {
				g.send(g.cer())
				if code := resultOf(t, g.receive()); code != diam.Success {
					t.Fatalf("CEA %d", code)
				}
			}
			attack.against(t, g)
		})
		honest.send(honest.dwr())
		if code := resultOf(t, honest.receive()); code != diam.Success {
			t.Errorf("after %q: DWA %d", name, code)
		}
		if now := o.state("sub-0"); fmt.Sprint(now) != fmt.Sprint(before) {
			t.Fatalf("after %q the account is %+v, it was %+v", name, now, before)
		}
	}
	if code := resultOf(t, honest.ask(honest.ccr(ccr{session: "honest;1", kind: termination, number: 1, used: 1_000_000}))); code != diam.Success {
		t.Errorf("CCR-T: %d", code)
	}
	if now := o.state("sub-0"); now.Remaining != "499.99" || now.Reserved != "0.00" {
		t.Errorf("a megabyte at 0.01: the account is %+v", now)
	}
	_ = honest.conn.Close()
	p.stop()
	s.verify(s.dir)
}

// attack is one way to be hostile.
type attack struct {
	stranger bool // before the capabilities exchange
	against  func(t *testing.T, g *gateway)
}

func attacks() map[string]attack {
	return map[string]attack{
		"garbage before the CER":         {true, func(t *testing.T, g *gateway) { g.push(garbage(4096)); g.mustClose(t) }},
		"a CCR before the CER":           {true, func(t *testing.T, g *gateway) { g.push(g.ccr(spend())); g.mustClose(t) }},
		"a web browser":                  {true, func(t *testing.T, g *gateway) { g.push([]byte("GET / HTTP/1.1\r\nHost: ocs\r\n\r\n")); g.mustClose(t) }},
		"a CER cut short":                {true, func(_ *testing.T, g *gateway) { g.push(g.cer()[:60]); g.hangUp() }},
		"garbage":                        {false, func(t *testing.T, g *gateway) { g.push(garbage(64 << 10)); g.mustClose(t) }},
		"a CCR cut short":                {false, func(_ *testing.T, g *gateway) { g.push(g.ccr(spend())[:100]); g.hangUp() }},
		"a message of 16 MiB":            {false, func(t *testing.T, g *gateway) { g.push(header(1<<24-4, g.ccr(spend()))); g.mustClose(t) }},
		"a message of 0 octets":          {false, func(t *testing.T, g *gateway) { g.push(header(0, g.ccr(spend()))); g.mustClose(t) }},
		"an AVP longer than its message": {false, refusedWith(lengthened, invalidAVPLength)},
		"ten thousand services":          {false, tenThousandServices},
		"nested groups":                  {false, nestedGroups},
		"the same service twice":         {false, twice},
		"units of 2^64-1":                {false, refusedWith(func(g *gateway) []byte { return g.ccr(ccr{session: "x;1", kind: initial, asks: true, used: 1<<64 - 1}) }, diam.InvalidAVPValue)},
		"units of 2^63":                  {false, refusedWith(func(g *gateway) []byte { return g.ccr(ccr{session: "x;1", kind: initial, asks: true, used: 1 << 63}) }, diam.InvalidAVPValue)},
		"another gateway's name": {false, refusedWith(func(g *gateway) []byte {
			g.host = gatewayHost
			return g.ccr(ccr{session: "honest;1", kind: termination, number: 1, used: 5_000_000})
		}, diam.InvalidAVPValue)},
		"an update of nobody's session": {false, refusedWith(func(g *gateway) []byte { return g.ccr(ccr{session: "x;1", kind: update, number: 1, used: 5_000_000}) }, diam.UnknownSessionID)},
		"an unknown command":            {false, refusedWith(unknownCommand, diam.CommandUnsupported)},
		"an unknown application":        {false, refusedWith(unknownApplication, diam.ApplicationUnsupported)},
	}
}

// invalidAVPLength is DIAMETER_INVALID_AVP_LENGTH, RFC 6733 section 7.1.5.
const invalidAVPLength = 5014

// spend is a request that would cost money if it were taken.
func spend() ccr { return ccr{session: "x;1", kind: oneTime} }

// garbage is octets without meaning, the same each time.
func garbage(n int) []byte {
	rng := rand.New(rand.NewPCG(6733, 8506))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// header gives a message another length.
func header(length uint32, b []byte) []byte {
	b = bytes.Clone(b)
	binary.BigEndian.PutUint32(b, 1<<24|length)
	return b
}

// push sends what the server may refuse to read to its end.
func (g *gateway) push(b []byte) { _, _ = g.conn.Write(b) }

// hangUp ends the connection in the middle of a message.
func (g *gateway) hangUp() { _ = g.conn.Close() }

// mustClose reads until the server closes the connection, which must not take longer than patience.
func (g *gateway) mustClose(t *testing.T) {
	t.Helper()
	for {
		if _, err := g.frame(); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the server keeps the connection")
			}
			return
		}
	}
}

// refusedWith sends a message that must be answered with a Result-Code on a connection that stays.
func refusedWith(message func(*gateway) []byte, want uint32) func(*testing.T, *gateway) {
	return func(t *testing.T, g *gateway) {
		if code := resultOf(t, g.ask(message(g))); code != want {
			t.Errorf("answered %d, want %d", code, want)
		}
		g.send(g.dwr())
		if code := resultOf(t, g.receive()); code != diam.Success {
			t.Errorf("the connection is of no use any more: DWA %d", code)
		}
	}
}

// lengthened gives the last AVP of a CCR a length that leads out of the message.
func lengthened(g *gateway) []byte {
	b := g.ccr(ccr{session: "x;1", kind: initial, asks: true})
	at := 20
	for next := at; next < len(b); {
		at = next
		next += (int(binary.BigEndian.Uint32(b[at+4:])&0xffffff) + 3) &^ 3
	}
	binary.BigEndian.PutUint32(b[at+4:], uint32(b[at+4])<<24|0xfffff0)
	return b
}

// tenThousandServices is as many Multiple-Services-Credit-Control AVPs as a message may be long for, and more.
func tenThousandServices(t *testing.T, g *gateway) {
	var services []*diam.AVP
	for n := range uint32(10_000) {
		services = append(services, service(n, true, 1000))
	}
	g.push(g.ccr(ccr{session: "x;1", kind: initial, services: services}))
	g.mustClose(t)
	// Those that fit 64 KiB are refused as one, with an answer.
	g = connectGateway(t, g.conn.RemoteAddr().String())
	answer := g.ask(g.ccr(ccr{session: "x;1", kind: initial, services: services[:1000]}))
	if code := resultOf(t, answer); code/1000 != 5 && code/1000 != 3 {
		t.Errorf("1000 services: %d", code)
	}
}

// nestedGroups is a Multiple-Services-Credit-Control in one in one, as deep as 60 KB allow.
func nestedGroups(t *testing.T, g *gateway) {
	bomb := []byte{}
	for len(bomb) < 60_000 {
		head := binary.BigEndian.AppendUint32(nil, avp.MultipleServicesCreditControl)
		bomb = append(binary.BigEndian.AppendUint32(head, 1<<30|uint32(len(bomb)+8)), bomb...)
	}
	b := g.ccr(ccr{session: "x;1", kind: initial, asks: true})
	b = append(b, bomb...)
	answer := g.ask(header(uint32(len(b)), b))
	if code := resultOf(t, answer); code/1000 != 5 && code/1000 != 3 {
		t.Errorf("answered %d", code)
	}
}

// twice asks for the same rating group twice in one request: it may be served once, and no more is reserved than for one.
func twice(t *testing.T, g *gateway) {
	o := ccr{session: "x;1", kind: update, number: 1, services: []*diam.AVP{service(10, true, 0), service(10, true, 0)}}
	if code := resultOf(t, g.ask(g.ccr(o))); code == diam.Success {
		t.Errorf("answered %d in a session that does not exist", code)
	}
}

func unknownCommand(g *gateway) []byte {
	b := g.ccr(spend())
	binary.BigEndian.PutUint32(b[4:], uint32(b[4])<<24|8_388_000)
	return b
}

func unknownApplication(g *gateway) []byte {
	b := g.ccr(spend())
	binary.BigEndian.PutUint32(b[8:], 16_777_000)
	return b
}

// TestUnknownPeer: where unknown gateways are not allowed, only those that are named may connect.
func TestUnknownPeer(t *testing.T) {
	t.Parallel()
	s := newSite(t, "diameter: {allow_unknown: \"false\", peers: [{host: PGW.test.example}]}")
	p := s.start()
	newOffice(t, p.http).open(1)
	stranger := dialGateway(t, p.diameter)
	stranger.host = "stranger.test.example"
	stranger.send(stranger.cer())
	if code := resultOf(t, stranger.receive()); code != diam.UnknownPeer {
		t.Errorf("CEA %d, want 3010", code)
	}
	stranger.push(stranger.ccr(spend()))
	stranger.mustClose(t)
	known := connectGateway(t, p.diameter)
	if code := resultOf(t, known.ask(known.ccr(spend()))); code != diam.Success {
		t.Errorf("CCR-E of a known gateway: %d", code)
	}
	if state := newOffice(t, p.http).state("sub-0"); state.Remaining != "499.91" {
		t.Errorf("the account has %s, want 499.91: one message", state.Remaining)
	}
}
