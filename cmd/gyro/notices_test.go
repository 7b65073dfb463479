package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/avp"
	"github.com/fiorix/go-diameter/v4/diam/datatype"
	"github.com/fiorix/go-diameter/v4/diam/dict"

	"gyro/bench"
	"gyro/charging"
	"gyro/internal/config"
	"gyro/internal/ident"
)

// read reads a message with go-diameter.
func read(t testing.TB, b []byte) *diam.Message {
	t.Helper()
	m, err := diam.ReadMessage(strings.NewReader(string(b)), dict.Default)
	if err != nil {
		t.Fatalf("go-diameter cannot read %x: %v", b, err)
	}
	return m
}

// text returns the values of AVPs of a message, by name, as go-diameter knows them.
func text(t testing.TB, m *diam.Message, names ...string) (values []string) {
	t.Helper()
	for _, name := range names {
		a, err := m.FindAVP(name, 0)
		if err != nil {
			t.Fatalf("%s: %v in %s", name, err, m)
		}
		switch v := a.Data.(type) {
		case datatype.UTF8String:
			values = append(values, string(v))
		case datatype.DiameterIdentity:
			values = append(values, string(v))
		case datatype.Unsigned32:
			values = append(values, strconv.FormatUint(uint64(v), 10))
		case datatype.Enumerated:
			values = append(values, strconv.Itoa(int(v)))
		default:
			t.Fatalf("%s: %v", name, a)
		}
	}
	return values
}

// expectRequest reads a request of the server's and holds it against the command and the AVPs that such a request has.
func (g *gateway) expectRequest(command uint32, session string) []byte {
	g.t.Helper()
	b := g.receive()
	if code, request := commandOf(b); code != command || !request {
		g.t.Fatalf("received command %d, request: %t; want request %d", code, request, command)
	}
	m := read(g.t, b)
	got := fmt.Sprint(text(g.t, m, "Session-Id", "Origin-Host", "Origin-Realm", "Destination-Realm", "Destination-Host", "Auth-Application-Id"))
	if want := fmt.Sprint([]string{session, "ocs.gyro.example", "gyro.example", gatewayRealm, g.host, "4"}); got != want {
		g.t.Fatalf("asked %s, want %s", got, want)
	}
	return b
}

// reply answers a request of the server's.
func (g *gateway) reply(request []byte, session string, result uint32) {
	g.t.Helper()
	code, _ := commandOf(request)
	m := g.message(code, diam.ProxiableFlag, 4)
	m.AddAVP(mandatory(avp.SessionID, datatype.UTF8String(session)))
	m.AddAVP(mandatory(avp.ResultCode, datatype.Unsigned32(result)))
	m.AddAVP(mandatory(avp.OriginHost, datatype.DiameterIdentity(g.host)))
	m.AddAVP(mandatory(avp.OriginRealm, datatype.DiameterIdentity(gatewayRealm)))
	b := g.octets(m)
	copy(b[12:20], request[12:20])
	g.send(b)
}

// service returns the Result-Code of the first service of an answer, and what it grants in octets.
func serviceOf(t testing.TB, answer []byte) (result uint32, octets uint64) {
	t.Helper()
	m := read(t, answer)
	a, err := m.FindAVP(avp.MultipleServicesCreditControl, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, member := range a.Data.(*diam.GroupedAVP).AVP {
		switch member.Code {
		case avp.ResultCode:
			result = uint32(member.Data.(datatype.Unsigned32))
		case avp.GrantedServiceUnit:
			for _, unit := range member.Data.(*diam.GroupedAVP).AVP {
				if unit.Code == avp.CCTotalOctets {
					octets = uint64(unit.Data.(datatype.Unsigned64))
				}
			}
		}
	}
	return result, octets
}

// metric reads a metric, by its name and labels.
func (o *office) metric(name string) float64 {
	o.t.Helper()
	for line := range strings.Lines(string(o.must(http.MethodGet, "/metrics", "", nil, nil).body)) {
		shown, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil && shown == name {
			return v
		}
	}
	o.t.Fatalf("no metric %s", name)
	return 0
}

// exhaust opens a session of a subscriber without money and has its request for quota refused.
func (g *gateway) exhaust(session string, subscriber int) {
	g.t.Helper()
	answer := g.ask(g.ccr(ccr{session: session, kind: initial, asks: true, subscriber: subscriber}))
	if result, octets := serviceOf(g.t, answer); resultOf(g.t, answer) != diam.Success || result != 4012 || octets != 0 {
		g.t.Fatalf("without money: result %d, %d octets", result, octets)
	}
}

// poor opens accounts without money, sub-0 to sub-<n-1>.
func (o *office) poor(n int) {
	o.t.Helper()
	o.must(http.MethodPut, "/charging/v1/catalogs/demo", "application/yaml", bench.Catalog, nil)
	for i := range n {
		o.account(fmt.Sprintf("sub-%d", i), "prepaid", "0.00", `["payg"]`, i)
	}
}

// TestTopUpReauthorises: a session that ran out of money is told of a top-up, and its next request is granted quota. Over
// the connection it has by then; a gateway that lost the session has it closed; one that does not answer breaks nothing.
func TestTopUpReauthorises(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	p := s.start()
	o := newOffice(t, p.http)
	o.poor(3)
	g := connectGateway(t, p.diameter)
	g.exhaust("r;1", 0)
	o.topUp("sub-0", "1.00", "first")
	rar := g.expectRequest(diam.ReAuth, "r;1")
	if got := fmt.Sprint(text(t, read(t, rar), "Re-Auth-Request-Type", "Rating-Group")); got != "[0 10]" {
		t.Errorf("Re-Auth-Request-Type and Rating-Group are %s", got)
	}
	g.reply(rar, "r;1", diam.LimitedSuccess)
	answer := g.ask(g.ccr(ccr{session: "r;1", kind: update, number: 1, asks: true}))
	if result, octets := serviceOf(t, answer); result != diam.Success || octets == 0 {
		t.Fatalf("after the top-up: result %d, %d octets", result, octets)
	}
	eventually(t, "the answer is counted", func() bool {
		return o.metric(`gyro_notices_answered_total{kind="reauthorise",result="2002"}`) == 1
	})

	// Another session is without money when its gateway reconnects; the top-up finds it there.
	g.exhaust("r;2", 1)
	_ = g.conn.Close()
	g = connectGateway(t, p.diameter)
	o.topUp("sub-1", "1.00", "second")
	rar = g.expectRequest(diam.ReAuth, "r;2")
	g.reply(rar, "r;2", diam.UnknownSessionID)
	eventually(t, "the session that the gateway lost is closed", func() bool {
		return len(o.state("sub-1").OpenSessions) == 0
	})

	// No answer: it is counted, the session goes on.
	g.exhaust("r;3", 2)
	o.topUp("sub-2", "1.00", "third")
	g.expectRequest(diam.ReAuth, "r;3")
	eventually(t, "the missing answer is counted", func() bool {
		return o.metric(`gyro_notices_timed_out_total{kind="reauthorise"}`) == 1
	})
	answer = g.ask(g.ccr(ccr{session: "r;3", kind: update, number: 1, asks: true, subscriber: 2}))
	if result, octets := serviceOf(t, answer); result != diam.Success || octets == 0 {
		t.Fatalf("after the time-out: result %d, %d octets", result, octets)
	}
	if b := o.books(); !b.Balanced {
		t.Errorf("books: %+v", b)
	}
	p.kill()
	s.verify(s.dir)
}

// TestWayBackToGateways: a gateway that has only connected since the server's start is asked, and one behind a relay over
// the relay, by its own name.
func TestWayBackToGateways(t *testing.T) {
	t.Parallel()
	s := newSite(t, "diameter:\n  allow_unknown: true\n  peers: [{host: dra.test.example, relay: true}]\n")
	p := s.start()
	o := newOffice(t, p.http)
	o.poor(2)
	g := connectGateway(t, p.diameter)
	g.exhaust("w;1", 0)
	p.kill()
	p = s.start()
	o = newOffice(t, p.http)
	g = connectGateway(t, p.diameter)
	o.topUp("sub-0", "1.00", "first")
	g.reply(g.expectRequest(diam.ReAuth, "w;1"), "w;1", diam.LimitedSuccess)

	relay := dialGateway(t, p.diameter)
	relay.host = "dra.test.example"
	relay.send(relay.cer())
	if code := resultOf(t, relay.receive()); code != diam.Success {
		t.Fatalf("CEA %d", code)
	}
	relay.host = "pgw.behind.example"
	relay.exhaust("w;2", 1)
	o.topUp("sub-1", "1.00", "second")
	relay.reply(relay.expectRequest(diam.ReAuth, "w;2"), "w;2", diam.LimitedSuccess)
	eventually(t, "both answers are counted", func() bool {
		return o.metric(`gyro_notices_answered_total{kind="reauthorise",result="2002"}`) == 2
	})
}

// TestRestartsHaveGreaterStateIDs: the Origin-State-Id grows from start to start, however soon one follows the other.
func TestRestartsHaveGreaterStateIDs(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	last := uint64(0)
	for range 3 {
		p := s.start()
		g := dialGateway(t, p.diameter)
		g.send(g.cer())
		id, err := strconv.ParseUint(text(t, read(t, g.receive()), "Origin-State-Id")[0], 10, 32)
		if err != nil || id <= last {
			t.Errorf("Origin-State-Id %d after %d (%v)", id, last, err)
		}
		last = id
		p.kill()
	}
}

// TestPeerSpeaksForItself: a peer that uses another's name, with an Origin-State-Id that would release all its sessions, is
// refused and releases nothing; a relay may.
func TestPeerSpeaksForItself(t *testing.T) {
	t.Parallel()
	s := newSite(t, "diameter:\n  allow_unknown: true\n  peers: [{host: dra.test.example, relay: true}]\n")
	p := s.start()
	o := newOffice(t, p.http)
	o.open(1)
	g := connectGateway(t, p.diameter)
	if answer := g.ask(g.ccr(ccr{session: "v;1", kind: initial, asks: true})); resultOf(t, answer) != diam.Success {
		t.Fatalf("CCR-I: %x", answer)
	}
	state := mandatory(avp.OriginStateID, datatype.Unsigned32(4_000_000_000))
	for _, from := range []struct {
		peer   string
		result uint32
	}{{"mallory.test.example", diam.InvalidAVPValue}, {"dra.test.example", diam.Success}} {
		other := dialGateway(t, p.diameter)
		other.host = from.peer
		other.send(other.cer())
		other.receive()
		other.host = gatewayHost
		answer := other.ask(other.ccr(ccr{session: "v;1", kind: update, number: 1, services: []*diam.AVP{service(10, true, 0), state}}))
		if result := resultOf(t, answer); result != from.result {
			t.Errorf("%s: result %d, want %d", from.peer, result, from.result)
		}
	}
	if open := o.state("sub-0").OpenSessions; len(open) != 1 {
		t.Errorf("open sessions: %v", open)
	}
	if spoofed := o.metric("gyro_ccr_spoofed_total"); spoofed != 1 {
		t.Errorf("%v requests counted under another name", spoofed)
	}
}

// TestBarringAborts: when a subscriber is barred, the gateway is asked to end the session; its termination settles it.
func TestBarringAborts(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load("", nil, map[string]any{
		"data": t.TempDir() + "/data", "diameter.listen": freeAddress(t), "http.listen": freeAddress(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	n, err := startNode(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	o := newOffice(t, cfg.HTTP.Listen)
	o.open(1)
	g := connectGateway(t, cfg.Diameter.Listen)
	answer := g.ask(g.ccr(ccr{session: "b;1", kind: initial, asks: true}))
	if result, octets := serviceOf(t, answer); result != diam.Success || octets == 0 {
		t.Fatalf("CCR-I: result %d, %d octets", result, octets)
	}
	barred := charging.SetSubscriber{
		Account: "sub-0", Subscriber: charging.IdentitySpec{Kind: ident.IMSI, Value: strconv.Itoa(firstIMSI)},
		State: charging.SuspendedTwoWay, Reason: "fraud", Key: "bar",
	}
	if reply, err := n.core.engine.Do(t.Context(), charging.KindSetSubscriber, barred); err != nil || reply.Result != charging.Success {
		t.Fatalf("barring: %+v, %v", reply, err)
	}
	asr := g.expectRequest(diam.AbortSession, "b;1")
	g.reply(asr, "b;1", diam.Success)
	used := g.ask(g.ccr(ccr{session: "b;1", kind: termination, number: 1, used: 1_000_000}))
	if result := resultOf(t, used); result != diam.Success {
		t.Errorf("CCR-T: %d", result)
	}
	if s := o.state("sub-0"); len(s.OpenSessions) != 0 || s.Reserved != "0.00" || s.Remaining == "500.00" {
		t.Errorf("after the termination: %+v", s)
	}
	if again := g.ask(g.ccr(ccr{session: "b;2", kind: initial, asks: true})); resultOf(t, again) != 4010 {
		t.Errorf("a barred subscriber's CCR-I: %d", resultOf(t, again))
	}
	if answered := o.metric(`gyro_notices_answered_total{kind="abort",result="2001"}`); answered != 1 {
		t.Errorf("%v aborts answered", answered)
	}
	_ = g.conn.Close()
	if err := n.stop(); err != nil {
		t.Error(err)
	}
}
