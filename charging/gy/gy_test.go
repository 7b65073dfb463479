package gy

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"gyro/charging"
	"gyro/charging/diameter"
)

// captured is a core that keeps what it is given, as the engine does: a copy of the command.
type captured struct {
	command    charging.CreditControl
	ticket     charging.Ticket
	submitted  int
	overloaded bool
}

func (c *captured) Submit(command *charging.CreditControl, t charging.Ticket) bool {
	if c.overloaded {
		return false
	}
	c.submitted++
	c.command = copyCommand(command)
	c.ticket = t
	return true
}

func copyCommand(c *charging.CreditControl) charging.CreditControl {
	k := *c
	for _, b := range [...]*[]byte{&k.SessionID, &k.OriginHost, &k.APN, &k.Called, &k.Calling, &k.Equipment} {
		*b = append([]byte(nil), *b...)
	}
	k.Also = nil
	for _, number := range c.Also {
		k.Also = append(k.Also, append([]byte(nil), number...))
	}
	k.Identities = append(k.Identities[:0:0], c.Identities...)
	k.Services = append(k.Services[:0:0], c.Services...)
	return k
}

// recorder is the output of a connection. It is also held to the order of calls that diameter.Conn relies on.
type recorder struct {
	t       testing.TB
	buf     []byte
	locked  bool
	done    int
	flushes int

	unusable bool
	hopByHop uint32
}

func (r *recorder) Lock() []byte {
	if r.locked {
		r.t.Fatal("the output is locked twice")
	}
	r.locked = true
	return r.buf
}

func (r *recorder) Unlock(buf []byte) {
	if !r.locked {
		r.t.Fatal("the output is unlocked before it is locked")
	}
	r.locked, r.buf = false, buf
}

func (r *recorder) Flush()     { r.flushes++ }
func (r *recorder) Done(n int) { r.done += n }

func (r *recorder) Usable() bool { return !r.unusable }

func (r *recorder) NextHopByHop() uint32 { r.hopByHop++; return 0x0a000000 + r.hopByHop }

func (r *recorder) NextEndToEnd() uint32 { return 0x0b000000 + r.hopByHop }

// take returns what was appended since the last call.
func (r *recorder) take() []byte {
	b := append([]byte(nil), r.buf...)
	r.buf = r.buf[:0]
	return b
}

const (
	testHost  = "ocs1.charging.example"
	testRealm = "charging.example"
)

func newGateway(t testing.TB, core Submitter, defaults Profile, profiles map[string]Profile) *Gateway {
	t.Helper()
	g, err := New(Options{
		Core:          core,
		Identity:      diameter.Identity{Host: testHost, Realm: testRealm},
		Default:       defaults,
		Profiles:      profiles,
		PeerRestarted: func(string) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// relayed returns a connection over which requests of any host may come.
func relayed(g *Gateway, out output) *connection {
	c := newConnection(g, out, "dra.example")
	c.relay = true
	return c
}

// desk is a gateway, a connection and a core that remembers, for one file of scenarios.
type desk struct {
	core captured
	out  recorder
	conn *connection
	text map[string]string // what "define" has named
}

// TestScenarios runs testdata/gy; its README is the manual.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "../../testdata/gy", func(t *testing.T, path string) {
		if strings.HasSuffix(path, ".md") {
			return
		}
		d := &desk{text: map[string]string{}}
		var peers field
		var core dialogue
		datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
			d.out.t = t
			switch td.Cmd {
			case "define":
				d.text["@"+td.CmdArgs[0].Key] = td.Input
				return ""
			case "request":
				return d.request(t, td)
			case "outcome":
				return d.outcome(t, td)
			case "hex":
				d.outcome(t, td)
				return hex.Dump(d.out.take())
			}
			if td.Cmd == "wire" {
				return overWire(t, td, d.expand(t, td.Input))
			}
			if td.Cmd == "ask" {
				core.t, core.out.t = t, t
				return core.ask(td, d.expand(t, td.Input))
			}
			if shown, ok := core.run(t, td); ok {
				return shown
			}
			shown, ok := peers.run(t, td)
			if !ok {
				t.Fatalf("%s: unknown command %s", td.Pos, td.Cmd)
			}
			return shown
		})
	})
}

// request serves one request and shows the command or the refusal.
func (d *desk) request(t *testing.T, td *datadriven.TestData) string {
	profile := Lenient()
	flags := uint8(diameter.FlagRequest | diameter.FlagProxiable)
	command := diameter.CmdCreditControl
	d.core = captured{overloaded: td.HasArg("overloaded")}
	for _, arg := range td.CmdArgs {
		switch arg.Key {
		case "profile":
			var err error
			if profile, err = ProfileNamed(arg.Vals[0]); err != nil {
				t.Fatal(err)
			}
		case "set":
			values := map[string]string{}
			for _, v := range arg.Vals {
				key, value, _ := strings.Cut(v, ":")
				values[key] = value
			}
			var err error
			if profile, err = profile.Derive("custom", values); err != nil {
				t.Fatal(err)
			}
		case "flags":
			flags = diameter.FlagRequest
			if strings.Contains(arg.Vals[0], "P") {
				flags |= diameter.FlagProxiable
			}
			if strings.Contains(arg.Vals[0], "T") {
				flags |= diameter.FlagRetransmitted
			}
		case "command":
			arg.Scan(t, 0, &command)
		}
	}
	d.out.take()
	d.out = recorder{t: t}
	d.conn = relayed(newGateway(t, &d.core, profile, nil), &d.out)
	if arg, ok := td.Arg("peer"); ok {
		d.conn.peer, d.conn.relay = arg.SingleVal(t), td.HasArg("relay")
	}
	var m diameter.Message
	b := encode(t, flags, command, d.expand(t, td.Input))
	if r := m.Parse(b, diameter.Limits{}); !r.OK() {
		t.Fatalf("%s: the codec refuses the request: %s", td.Pos, r)
	}
	d.conn.serve(&m)
	d.conn.servedBatch()
	answered := d.out.take()
	for i := range b {
		b[i] = 0xff // the message is the connection's again
	}
	switch {
	case d.core.submitted == 1 && len(answered) == 0 && d.out.done == 0:
		return showCommand(&d.core.command, &d.core.ticket)
	case d.core.submitted == 0 && d.out.done == 1 && d.out.flushes == 1:
		return decode(t, answered)
	}
	t.Fatalf("%s: %d commands, %d octets of answers for %d requests, %d flushes",
		td.Pos, d.core.submitted, len(answered), d.out.done, d.out.flushes)
	return ""
}

// expand puts defined text where its name stands on a line of its own.
func (d *desk) expand(t *testing.T, text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "@") {
			defined, ok := d.text[line]
			if !ok {
				t.Fatalf("%s is not defined", line)
			}
			lines[i] = defined
		}
	}
	return strings.Join(lines, "\n")
}

// outcome answers the last request.
func (d *desk) outcome(t *testing.T, td *datadriven.TestData) string {
	if d.core.submitted != 1 {
		t.Fatalf("%s: there is no command to answer", td.Pos)
	}
	o := readOutcome(t, td.Input)
	o.Type, o.Number, o.Action = d.core.command.Type, d.core.command.Number, d.core.command.Action
	if !d.conn.Answer(&d.core.ticket, &d.core.command, &o) {
		t.Fatal("an answer asks for no flush")
	}
	d.conn.Flush()
	if td.Cmd == "hex" {
		return ""
	}
	return decode(t, d.out.take())
}

func showCommand(c *charging.CreditControl, ticket *charging.Ticket) string {
	var out strings.Builder
	fmt.Fprintf(&out, "session %s", showText(string(c.SessionID)))
	if c.SubSession != 0 {
		fmt.Fprintf(&out, " sub=%d", c.SubSession)
	}
	fmt.Fprintf(&out, "\n%s number=%d from=%s context=%d", c.Type, c.Number, c.OriginHost, c.Context)
	if c.Type == charging.Event {
		fmt.Fprintf(&out, " action=%d", c.Action)
	}
	if c.Recipients != 1 {
		fmt.Fprintf(&out, " recipients=%d", c.Recipients)
	}
	if c.Role != 0 {
		fmt.Fprintf(&out, " role=%d", c.Role)
	}
	if len(c.APN) != 0 {
		fmt.Fprintf(&out, " apn=%s", c.APN)
	}
	if len(c.Called) != 0 {
		fmt.Fprintf(&out, " called=%s", c.Called)
	}
	if len(c.Also) != 0 {
		fmt.Fprintf(&out, " also=%s", bytes.Join(c.Also, []byte(",")))
	}
	if len(c.Calling) != 0 {
		fmt.Fprintf(&out, " calling=%s", c.Calling)
	}
	if len(c.Equipment) != 0 {
		fmt.Fprintf(&out, " imei=%s", c.Equipment)
	}
	if c.Serving != 0 {
		fmt.Fprintf(&out, " serving=%s", c.Serving)
	}
	if c.RAT != 0 {
		fmt.Fprintf(&out, " rat=%d", c.RAT-1)
	}
	if c.QCI != 0 {
		fmt.Fprintf(&out, " qci=%d", c.QCI)
	}
	if names := clientNames(c.Client); names != "" {
		fmt.Fprintf(&out, "\nclient%s", names)
	}
	out.WriteByte('\n')
	for _, id := range c.Identities {
		fmt.Fprintf(&out, "identity %s\n", id)
	}
	for i := range c.Services {
		showService(&out, &c.Services[i])
	}
	fmt.Fprintf(&out, "ticket%s hop-by-hop=%#x end-to-end=%#x", flagNames(ticket.Flags), ticket.HopByHop, ticket.EndToEnd)
	if c.EndToEnd != ticket.EndToEnd {
		out.WriteString(" (the command says otherwise)")
	}
	if len(ticket.Extra) != 0 {
		fmt.Fprintf(&out, " extra=%x", ticket.Extra)
	}
	out.WriteByte('\n')
	return out.String()
}

// clientNames says what the core is told of the client.
func clientNames(c charging.Client) (names string) {
	for _, b := range [...]struct {
		bit  charging.Client
		name string
	}{
		{charging.SplitsTariffChange, " splits-tariff-change"},
		{charging.WantsRemaining, " remaining"},
		{charging.WantsLowBalance, " low-balance"},
		{charging.WantsCost, " cost"},
	} {
		if c&b.bit != 0 {
			names += b.name
		}
	}
	return names
}

func showService(out *strings.Builder, s *charging.Service) {
	out.WriteString("service")
	if s.Flags&charging.Bare != 0 {
		out.WriteString(" bare")
	}
	if s.Flags&charging.HasRatingGroup != 0 {
		fmt.Fprintf(out, " rg=%d", s.RatingGroup)
	}
	if s.Flags&charging.HasServiceID != 0 {
		fmt.Fprintf(out, " id=%d", s.ServiceID)
	}
	if s.Reason != 0 {
		fmt.Fprintf(out, " reason=%d", s.Reason-1)
	}
	if s.Flags&charging.Requests != 0 {
		fmt.Fprintf(out, " requests=[%s]", showUnits(&s.Requested))
	}
	out.WriteByte('\n')
	for i := range s.ReportCount {
		r := &s.Reports[i]
		fmt.Fprintf(out, "  used=[%s]", showUnits(&r.Units))
		if r.Reason != 0 {
			fmt.Fprintf(out, " reason=%d", r.Reason-1)
		}
		if r.TariffChange != 0 {
			fmt.Fprintf(out, " tariff-change=%d", r.TariffChange-1)
		}
		out.WriteByte('\n')
	}
}

func showUnits(u *charging.Units) string {
	var shown []string
	for _, c := range [...]struct {
		member charging.UnitSet
		name   string
		value  any
	}{
		{charging.HasSeconds, "seconds", u.Seconds},
		{charging.HasTotal, "total", u.Total},
		{charging.HasInput, "input", u.Input},
		{charging.HasOutput, "output", u.Output},
		{charging.HasEvents, "events", u.Events},
		{charging.HasMoney, "money", u.Money},
		{charging.HasCurrency, "currency", u.Currency},
	} {
		if u.Has&c.member != 0 {
			shown = append(shown, fmt.Sprintf("%s=%d", c.name, c.value))
		}
	}
	return strings.Join(shown, " ")
}
