package gy

import (
	"errors"
	"strings"
	"testing"

	"gyro/charging"
	"gyro/charging/diameter"
)

func TestEveryResultHasAResultCode(t *testing.T) {
	want := map[charging.Result]diameter.Result{
		charging.Success: 2001, charging.UnknownSession: 5002, charging.UserUnknown: 5030, charging.NoIdentity: 5031,
		charging.Contradiction: 5012, charging.RatingFailed: 5031, charging.CreditLimitReached: 4012,
		charging.ServiceDenied: 4010, charging.NotApplicable: 4011, charging.InvalidValue: 5004,
		charging.SessionExists: 5012, charging.TooManyGroups: 5012,
	}
	p := Lenient()
	for r := charging.Success; r <= charging.Invalid; r++ {
		code, ok := want[r]
		if !ok {
			code = 5012 // results of the API's commands, which no request comes to
		}
		if got := p.resultCode(r); got != code {
			t.Errorf("result %d: Result-Code %s, want %s", r, got, code)
		}
	}
	for _, r := range []charging.Result{0, charging.Invalid + 1, 255} {
		if got := p.resultCode(r); got != 5012 {
			t.Errorf("result %d, which does not exist: Result-Code %s", r, got)
		}
	}
	strict := Strict()
	if got := strict.resultCode(charging.NoIdentity); got != 5005 {
		t.Errorf("strict: Result-Code %s without an identity", got)
	}
}

func TestServiceContext(t *testing.T) {
	for id, want := range map[string]uint32{
		"32251@3gpp.org": 32251, "32260@3gpp.org": 32260, "32270@3gpp.org": 32270, "32274@3gpp.org": 32274,
		"ext.01.001.8.32260@3gpp.org": 32260, "8.32276@3GPP.ORG": 32276, "32299@3gpp.org": 32299,
		"": 0, "@3gpp.org": 0, "3225@3gpp.org": 0, "132251@3gpp.org": 0, "32251": 0, "32251@example.org": 0,
		"32300@3gpp.org": 0, "3225x@3gpp.org": 0, "32251@3gpp.org.example": 0, ".32251@3gpp.org": 32251,
	} {
		if got := serviceContext([]byte(id)); got != want {
			t.Errorf("%q: %d, want %d", id, got, want)
		}
	}
}

func TestProfileIsChosenByOriginHost(t *testing.T) {
	g := newGateway(t, &captured{}, Profile{}, map[string]Profile{"SMF.example": Strict()})
	for host, want := range map[string]string{
		"smf.example": "strict", "SMF.EXAMPLE": "strict", "smf.example2": "lenient", "": "lenient",
		strings.Repeat("a", 4000): "lenient",
	} {
		if got := g.profileOf([]byte(host)).Name; got != want {
			t.Errorf("%.20s: profile %s, want %s", host, got, want)
		}
	}
}

func TestOptionsAreValidated(t *testing.T) {
	good := func() Options {
		return Options{
			Core: &captured{}, Identity: diameter.Identity{Host: testHost, Realm: testRealm}, PeerRestarted: func(string) {},
		}
	}
	if _, err := New(good()); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Options){
		"no core":      func(o *Options) { o.Core = nil },
		"no host":      func(o *Options) { o.Identity.Host = "" },
		"no realm":     func(o *Options) { o.Identity.Realm = "" },
		"no restart":   func(o *Options) { o.PeerRestarted = nil },
		"limits":       func(o *Options) { o.Limits.Depth = 99 },
		"default":      func(o *Options) { o.Default = Profile{Name: "x"} },
		"host profile": func(o *Options) { o.Profiles = map[string]Profile{"a": {}} },
		"host":         func(o *Options) { o.Profiles = map[string]Profile{"": Strict()} },
		"twice":        func(o *Options) { o.Profiles = map[string]Profile{"a": Strict(), "A": Lenient()} },
	} {
		o := good()
		spoil(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for name, spoil := range map[string]func(*Profile){
		"failover":        func(p *Profile) { p.SessionFailover = 3 },
		"failure":         func(p *Profile) { p.FailureHandling = 4 },
		"direct debiting": func(p *Profile) { p.DirectDebiting = 3 },
		"flags":           func(p *Profile) { p.Flags = 3 },
		"currency":        func(p *Profile) { p.Currency = 1000 },
	} {
		p := Strict()
		spoil(&p)
		if err := p.Validate(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	p := Lenient()
	p.NoIdentity = 2001
	if err := p.Validate(); !errors.Is(err, ErrNoIdentityResult) {
		t.Errorf("result 2001 without an identity: %v", err)
	}
}

// TestProxyInfoOutlivesItsMessage sends more Proxy-Info than a chunk holds while all requests are in flight.
func TestProxyInfoOutlivesItsMessage(t *testing.T) {
	core := &captured{}
	out := &recorder{t: t}
	conn := relayed(newGateway(t, core, Profile{}, nil), out)
	var m diameter.Message
	var want [][]byte
	var tickets []charging.Ticket
	for i := range 3 * proxyInfoChunk / 64 {
		state := strings.Repeat(string(rune('a'+i%26)), 1+i%200)
		b := encode(t, diameter.FlagRequest, diameter.CmdCreditControl, `Session-Id s
Origin-Host h
CC-Request-Type 2
CC-Request-Number 1
Proxy-Info
  Proxy-Host p.example
  Proxy-State `+state)
		if r := m.Parse(b, diameter.Limits{}); !r.OK() {
			t.Fatal(r)
		}
		want = append(want, diameter.AppendProxyInfo(nil, &m))
		conn.serve(&m)
		tickets = append(tickets, core.ticket)
		clear(b)
	}
	for i := range tickets {
		if string(tickets[i].Extra) != string(want[i]) {
			t.Fatalf("request %d of %d: the Proxy-Info in flight has changed", i, len(tickets))
		}
	}
}

// TestBatches checks when refusals are sent and how often the clock is read.
func TestBatches(t *testing.T) {
	core := &captured{}
	now := int64(0)
	g, err := New(Options{
		Core: core, Identity: diameter.Identity{Host: testHost, Realm: testRealm}, PeerRestarted: func(string) {},
		Now: func() int64 { now += 1000; return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	out := &recorder{t: t}
	conn := relayed(g, out)
	good := parse(t, "Session-Id s\nOrigin-Host h\nCC-Request-Type 2\nCC-Request-Number 1")
	bad := parse(t, "Session-Id s\nOrigin-Host h\nCC-Request-Type 2")
	for batch := int64(1); batch <= 2; batch++ {
		for range 3 {
			conn.serve(good)
			if core.ticket.Arrived != 1000*batch {
				t.Fatalf("batch %d: a request arrived at %d", batch, core.ticket.Arrived)
			}
		}
		conn.servedBatch()
	}
	if out.flushes != 0 {
		t.Fatalf("%d flushes with nothing to send", out.flushes)
	}
	conn.serve(bad)
	conn.serve(bad)
	if out.flushes != 0 || out.done != 2 {
		t.Fatalf("%d flushes and %d answers before the end of the batch", out.flushes, out.done)
	}
	conn.servedBatch()
	conn.servedBatch()
	if out.flushes != 1 {
		t.Fatalf("%d flushes for one batch with refusals", out.flushes)
	}
	conn.Flush()
	if out.flushes != 2 {
		t.Fatal("a flush of the core's was not passed on")
	}
	if got, want := g.Counters(), (Counters{Submitted: 6, Refused: 2}); got != want {
		t.Fatalf("counters %+v, want %+v", got, want)
	}
	core.overloaded = true
	conn.serve(good)
	for range 2 {
		for n := range 3 {
			if flush := conn.Answer(&core.ticket, &core.command, &charging.Outcome{Result: charging.Success}); flush != (n == 0) {
				t.Fatalf("answer %d of a batch asks for a flush: %t", n, flush)
			}
		}
		conn.Flush()
	}
	g.serveAnswer(conn, good)
	if got, want := g.Counters(), (Counters{Submitted: 6, Answered: 6, Refused: 2, Busy: 1, Unsolicited: 1}); got != want {
		t.Fatalf("counters %+v, want %+v", got, want)
	}
}

// parse returns the parsed message of a request in text form.
func parse(t testing.TB, text string) *diameter.Message {
	t.Helper()
	m := new(diameter.Message)
	b := encode(t, diameter.FlagRequest|diameter.FlagProxiable, diameter.CmdCreditControl, text)
	if r := m.Parse(b, diameter.Limits{}); !r.OK() {
		t.Fatal(r)
	}
	return m
}
