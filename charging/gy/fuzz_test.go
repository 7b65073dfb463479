package gy

import (
	"encoding/binary"
	"testing"

	"gyro/charging"
	"gyro/charging/diameter"
	"gyro/internal/ident"
)

// FuzzRequest gives the gateway octets behind a valid header, and mutated requests. Whatever they are, each is either
// refused by the codec, or becomes exactly one command within the limits, or gets exactly one answer; and every answer
// is well formed.
func FuzzRequest(f *testing.F) {
	f.Add(false, []byte(nil))
	for _, text := range fuzzSeeds {
		f.Add(false, encode(f, diameter.FlagRequest, diameter.CmdCreditControl, text)[diameter.HeaderLength:])
	}
	update := encode(f, diameter.FlagRequest, diameter.CmdCreditControl, gatewayUpdate)
	f.Add(true, []byte{0, 100, 0xff, 1, 0x20, 3})
	f.Fuzz(func(t *testing.T, mutate bool, data []byte) {
		b := diameter.AppendHeader(nil, diameter.FlagRequest, diameter.CmdCreditControl, diameter.AppCreditControl, 1, 2)
		if mutate {
			b = append(b, update[diameter.HeaderLength:]...)
			// Each three octets change one: where, and to what.
			for ; len(data) >= 3; data = data[3:] {
				at := int(binary.BigEndian.Uint16(data))
				b[diameter.HeaderLength+at%(len(b)-diameter.HeaderLength)] = data[2]
			}
		} else {
			b = append(b, data...)
			b = b[:len(b)&^3]
		}
		diameter.FinishMessage(b, 0)
		for _, profile := range []Profile{Lenient(), Strict()} {
			fuzzOne(t, b, profile)
		}
	})
}

// fuzzSeeds have what gatewayUpdate lacks.
var fuzzSeeds = []string{
	"Session-Id s\nOrigin-Host h\nCC-Request-Type 1\nCC-Request-Number 0\nUser-Name 001010000000001",
	`Session-Id s
Origin-Host h
Service-Context-Id ext.32274@3gpp.org
CC-Request-Type 4
CC-Request-Number 0
Requested-Action 1
Refund-Information hex:0100000000001312d003d2
Subscription-Id
  Subscription-Id-Type 2
  Subscription-Id-Data sip:+491720000001@ims.example;user=phone
Proxy-Info
  Proxy-Host p
  Proxy-State s
Service-Information
  SMS-Information
    Recipient-Info
      Recipient-Address
        Address-Type 1
        Address-Data +49-172-1`,
	`Session-Id s
Origin-Host h
CC-Request-Type 4
CC-Request-Number 0
Requested-Action 0
User-Name tel:+49172000000
Requested-Service-Unit
  CC-Money
    Unit-Value
      Value-Digits -9223372036854775808
      Exponent -2147483648
    Currency-Code 978`,
	`Session-Id s
Origin-Host h
CC-Request-Type 3
CC-Request-Number 4294967295
CC-Sub-Session-Id 18446744073709551615
Used-Service-Unit
  CC-Total-Octets 18446744073709551615
Service-Information
  IMS-Information
    Role-Of-Node 1
    Called-Party-Address sip:%2b49@x`,
}

func fuzzOne(t *testing.T, b []byte, profile Profile) {
	t.Helper()
	core, out := &captured{}, &recorder{t: t}
	conn := relayed(newGateway(t, core, profile, nil), out)
	var m diameter.Message
	if r := m.Parse(b, diameter.Limits{}); !r.OK() {
		return // the server answers or closes
	}
	conn.serve(&m)
	conn.servedBatch()
	answered := out.take()
	switch {
	case core.submitted == 1 && len(answered) == 0 && out.done == 0 && out.flushes == 0:
		checkBounds(t, &core.command)
		for i := range b {
			b[i] ^= 0xff
		}
		fuzzAnswer(t, conn, out, core)
		for i := range b {
			b[i] ^= 0xff
		}
	case core.submitted == 0 && out.done == 1 && out.flushes == 1:
		checkAnswer(t, answered)
	default:
		t.Fatalf("%d commands, %d octets of answer, %d requests done, %d flushes", core.submitted, len(answered), out.done, out.flushes)
	}
}

// checkBounds holds a command against the limits that the core relies on.
func checkBounds(t *testing.T, c *charging.CreditControl) {
	t.Helper()
	if len(c.SessionID) == 0 || len(c.SessionID) > charging.MaxSessionID || len(c.OriginHost) == 0 ||
		c.Type < charging.Initial || c.Type > charging.Event || c.Action > charging.PriceEnquiry ||
		c.Recipients == 0 || c.Role > maxRole || len(c.Identities) > charging.MaxIdentities || len(c.Services) > charging.MaxServices {
		t.Fatalf("command out of bounds: %+v", c)
	}
	if (c.Type == charging.Initial || c.Type == charging.Event) && len(c.Identities) == 0 {
		t.Fatal("a command for nobody")
	}
	if len(c.Called) != 0 && (len(c.Called) > maxCalled || !digitsOnly(c.Called)) {
		t.Fatalf("called %q", c.Called)
	}
	for i := range c.Identities {
		if id, err := ident.New(c.Identities[i].Kind, c.Identities[i].Bytes()); err != nil || id != c.Identities[i] {
			t.Fatalf("identity %s is not normal: %v", c.Identities[i], err)
		}
	}
	for i := range c.Services {
		s := &c.Services[i]
		checkUnits(t, &s.Requested)
		if s.ReportCount > charging.MaxReports {
			t.Fatalf("%d reports", s.ReportCount)
		}
		for k := range s.ReportCount {
			checkUnits(t, &s.Reports[k].Units)
		}
		if c.Type == charging.Event && (s.ReportCount != 0 || s.Flags&charging.Requests == 0) {
			t.Fatalf("an event for %+v", s)
		}
	}
}

func checkUnits(t *testing.T, u *charging.Units) {
	t.Helper()
	for _, v := range [...]struct {
		member charging.UnitSet
		count  uint64
	}{
		{charging.HasSeconds, u.Seconds},
		{charging.HasTotal, u.Total},
		{charging.HasInput, u.Input},
		{charging.HasOutput, u.Output},
		{charging.HasEvents, u.Events},
		{charging.HasMoney, uint64(u.Money)},
		{charging.HasCurrency, uint64(u.Currency)},
	} {
		if v.count > charging.MaxUnits || v.count != 0 && u.Has&v.member == 0 {
			t.Fatalf("units %+v", u)
		}
	}
}

// fuzzAnswer answers the command with every result, for the command as a whole and for each service.
func fuzzAnswer(t *testing.T, conn *connection, out *recorder, core *captured) {
	t.Helper()
	for result := charging.Success; result <= charging.Invalid; result++ {
		for _, whole := range []charging.Result{charging.Success, result} {
			o := charging.Outcome{Result: whole, Amount: -1 << 63, Currency: 978, CheckBalance: 2}
			for i := range core.command.Services {
				s := &core.command.Services[i]
				o.Services = append(o.Services, charging.ServiceOutcome{
					Result: result, RatingGroup: s.RatingGroup, ServiceID: s.ServiceID, Granted: 1<<64 - 1, Validity: 1,
					Threshold: 1, Holding: 1, FinalUnit: charging.Terminate, Unit: charging.GrantUnit(i % 3),
					Flags: charging.Grants | charging.OutcomeRatingGroup | charging.OutcomeServiceID,
				})
				if s.Flags&charging.Bare != 0 {
					o.Services[i].Flags |= charging.OutcomeBare
				}
			}
			conn.Answer(&core.ticket, &core.command, &o)
			checkAnswer(t, out.take())
		}
	}
}

// checkAnswer holds an answer against the codec at its strictest.
func checkAnswer(t *testing.T, b []byte) {
	t.Helper()
	var m diameter.Message
	if r := m.Parse(b, diameter.Limits{Flags: diameter.FlagsStrict}); !r.OK() {
		t.Fatalf("malformed answer: %s in %x", r, b)
	}
	if m.IsRequest() || m.Command != diameter.CmdCreditControl || m.HopByHop != 1 || m.EndToEnd != 2 ||
		m.Find(diameter.AVPResultCode) == diameter.Root {
		t.Fatalf("not an answer: %+v", m.Header)
	}
	if i := m.Find(diameter.AVPSessionID); i > 0 {
		t.Fatalf("Session-Id is AVP %d of the answer", i)
	}
}
