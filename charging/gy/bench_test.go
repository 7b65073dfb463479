package gy

import (
	"testing"

	"gyro/charging"
	"gyro/charging/diameter"
)

// sink is a core that takes every request and keeps the ticket.
type sink struct {
	ticket charging.Ticket
	n      int
}

func (s *sink) Submit(_ *charging.CreditControl, t charging.Ticket) bool {
	s.n++
	s.ticket = t
	return true
}

// gatewayUpdate is the CCR-U of a PGW with three services.
const gatewayUpdate = `Session-Id pgw01.epc.mnc001.mcc001.3gppnetwork.org;3868192011;4711;gy-1
Origin-Host pgw01.epc.mnc001.mcc001.3gppnetwork.org
Origin-Realm epc.mnc001.mcc001.3gppnetwork.org
Destination-Realm charging.example
Destination-Host ocs1.charging.example
Auth-Application-Id 4
Service-Context-Id 32251@3gpp.org
CC-Request-Type 2
CC-Request-Number 7
Origin-State-Id 1795000000
Event-Timestamp 2026-11-23T08:00:00Z
Subscription-Id
  Subscription-Id-Type 1
  Subscription-Id-Data 001010123456789
Subscription-Id
  Subscription-Id-Type 0
  Subscription-Id-Data 491701234567
Multiple-Services-Indicator 1
*3 Multiple-Services-Credit-Control
  Requested-Service-Unit
  Used-Service-Unit
    Reporting-Reason 3
    CC-Time 1800
    CC-Total-Octets 55574528
    CC-Input-Octets 52428800
    CC-Output-Octets 3145728
  Service-Identifier 1
  Rating-Group 100
User-Equipment-Info
  User-Equipment-Info-Type 0
  User-Equipment-Info-Value 3534900698733190
Service-Information
  PS-Information
    TGPP-Charging-Id hex:00123456
    TGPP-PDP-Type 0
    PDP-Address 10.45.0.2
    QoS-Information
      QoS-Class-Identifier 9
      APN-Aggregate-Max-Bitrate-UL 50000000
      APN-Aggregate-Max-Bitrate-DL 150000000
      Allocation-Retention-Priority
        Priority-Level 8
        Pre-emption-Capability 1
        Pre-emption-Vulnerability 0
    SGSN-Address 192.0.2.20
    GGSN-Address 192.0.2.10
    Called-Station-Id internet.mnc001.mcc001.gprs
    TGPP-Selection-Mode 0
    TGPP-Charging-Characteristics 0800
    TGPP-SGSN-MCC-MNC 00101
    TGPP-NSAPI hex:35
    TGPP-MS-TimeZone hex:4000
    TGPP-User-Location-Info hex:8200f110000100f1100000c101
    TGPP-RAT-Type hex:06
`

// hotPath returns a connection that has served the update, and what answers it.
func hotPath(t testing.TB) (*connection, *recorder, *diameter.Message, *charging.Ticket, *charging.CreditControl, *charging.Outcome) {
	t.Helper()
	core := &sink{}
	out := &recorder{t: t}
	conn := relayed(newGateway(t, core, Profile{}, map[string]Profile{"other.example": Strict()}), out)
	m := parse(t, gatewayUpdate)
	conn.serve(m)
	if core.n != 1 {
		t.Fatalf("the update was refused: %s", decode(t, out.take()))
	}
	outcome := &charging.Outcome{Result: charging.Success, Type: charging.Update, Number: 7}
	for range 3 {
		outcome.Services = append(outcome.Services, charging.ServiceOutcome{
			Granted: 10 << 20, RatingGroup: 100, ServiceID: 1, Validity: 3600, Threshold: 1 << 20, Holding: 600,
			Result: charging.Success, FinalUnit: charging.Terminate,
			Flags: charging.Grants | charging.OutcomeRatingGroup | charging.OutcomeServiceID,
		})
	}
	return conn, out, m, &core.ticket, &conn.reader.command, outcome
}

func TestNothingIsAllocatedPerRequest(t *testing.T) {
	conn, out, m, ticket, command, outcome := hotPath(t)
	raw := m.Raw()
	if n := testing.AllocsPerRun(1000, func() {
		m.Parse(raw, diameter.Limits{})
		conn.serve(m)
		conn.servedBatch()
	}); n != 0 {
		t.Errorf("%v allocations for a request", n)
	}
	if n := testing.AllocsPerRun(1000, func() {
		out.buf = out.buf[:0]
		conn.Answer(ticket, command, outcome)
		conn.Flush()
	}); n != 0 {
		t.Errorf("%v allocations for an answer", n)
	}
}

// TestNothingIsAllocatedElsewhere covers the ways beside the hot path: events, identities and addresses that need
// normalising, failures, refusals.
func TestNothingIsAllocatedElsewhere(t *testing.T) {
	core := &sink{}
	out := &recorder{t: t}
	conn := relayed(newGateway(t, core, Strict(), nil), out)
	event := parse(t, `Session-Id s;1
Origin-Host smsc.example
Origin-Realm example
Auth-Application-Id 4
Service-Context-Id 6.32274@3gpp.org
CC-Request-Type 4
CC-Request-Number 1
Requested-Action 0
User-Name +491720000001
Requested-Service-Unit
  CC-Money
    Unit-Value
      Value-Digits 5
Service-Information
  SMS-Information
    Recipient-Info
      Recipient-Address
        Address-Type 1
        Address-Data tel:+49-172-1
`)
	refused := parse(t, "Session-Id s;1\nOrigin-Host a.example")
	conn.serve(event)
	if core.n != 1 {
		t.Fatalf("the event was refused: %s", decode(t, out.take()))
	}
	command := copyCommand(&conn.reader.command)
	outcomes := []charging.Outcome{
		{Result: charging.Success, Amount: 123456, Currency: 978, Services: []charging.ServiceOutcome{
			{Result: charging.Success, Flags: charging.OutcomeBare | charging.Grants, Granted: 1, Unit: charging.GrantEvents},
		}},
		{Result: charging.Success, Services: []charging.ServiceOutcome{{Result: charging.RatingFailed, Flags: charging.OutcomeBare}}},
		{Result: charging.Success, Services: []charging.ServiceOutcome{{Result: charging.InvalidValue, Flags: charging.OutcomeBare}}},
		{Result: charging.NoIdentity},
	}
	conn.serve(refused)
	if n := testing.AllocsPerRun(1000, func() {
		out.buf = out.buf[:0]
		conn.serve(event)
		conn.serve(refused)
		conn.servedBatch()
		for i := range outcomes {
			conn.Answer(&core.ticket, &command, &outcomes[i])
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkRequest maps a CCR-U of three services to a command; BenchmarkParseAndRequest has the codec's share, too.
func BenchmarkRequest(b *testing.B) {
	conn, _, m, _, _, _ := hotPath(b)
	b.SetBytes(int64(len(m.Raw())))
	b.ReportAllocs()
	for b.Loop() {
		conn.serve(m)
	}
}

func BenchmarkParseAndRequest(b *testing.B) {
	conn, _, m, _, _, _ := hotPath(b)
	raw := m.Raw()
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		m.Parse(raw, diameter.Limits{})
		conn.serve(m)
	}
}

// BenchmarkAnswer writes the CCA of three services.
func BenchmarkAnswer(b *testing.B) {
	conn, out, _, ticket, command, outcome := hotPath(b)
	conn.Answer(ticket, command, outcome)
	b.SetBytes(int64(len(out.buf)))
	b.ReportAllocs()
	for b.Loop() {
		out.buf = out.buf[:0]
		conn.Answer(ticket, command, outcome)
	}
}
