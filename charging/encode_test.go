package charging

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"gyro/internal/ident"
	"gyro/internal/instant"
)

func drawUnits(t *rapid.T, name string) (u Units) {
	u.Has = UnitSet(rapid.Uint8Range(0, 127).Draw(t, name))
	draw := func(has UnitSet, n *uint64) {
		if u.Has&has != 0 {
			*n = rapid.Uint64().Draw(t, name)
		}
	}
	draw(HasSeconds, &u.Seconds)
	draw(HasTotal, &u.Total)
	draw(HasInput, &u.Input)
	draw(HasOutput, &u.Output)
	draw(HasEvents, &u.Events)
	if u.Has&HasMoney != 0 {
		u.Money = rapid.Int64().Draw(t, name)
	}
	if u.Has&HasCurrency != 0 {
		u.Currency = rapid.Uint16().Draw(t, name)
	}
	return u
}

func drawRequest(t *rapid.T) *CreditControl {
	octets := func(name string, n int) []byte { return rapid.SliceOfN(rapid.Byte(), 0, n).Draw(t, name) }
	c := &CreditControl{
		SessionID: octets("session", 60), OriginHost: octets("host", 40), APN: octets("apn", 40), Called: octets("called", 20),
		Calling: octets("calling", 20), Equipment: octets("equipment", 14), Also: [][]byte{},
		Serving: ident.PLMN(rapid.Uint32().Draw(t, "serving")), RAT: rapid.Byte().Draw(t, "rat"), QCI: rapid.Byte().Draw(t, "qci"),
		Client:   Client(rapid.Byte().Draw(t, "client")),
		Services: []Service{}, Identities: []ident.Identity{}, SubSession: rapid.Uint64().Draw(t, "sub"),
		EndToEnd: rapid.Uint32().Draw(t, "end-to-end"), Number: rapid.Uint32().Draw(t, "number"), Context: rapid.Uint32().Draw(t, "context"),
		Type: RequestType(rapid.Byte().Draw(t, "type")), Action: RequestedAction(rapid.Byte().Draw(t, "action")),
		Role: rapid.Byte().Draw(t, "role"), Recipients: rapid.Byte().Draw(t, "recipients"),
	}
	for range rapid.IntRange(0, 4).Draw(t, "also") {
		c.Also = append(c.Also, octets("recipient", 15))
	}
	for range rapid.IntRange(0, MaxIdentities).Draw(t, "identities") {
		id := ident.Identity{Kind: ident.Kind(rapid.Byte().Draw(t, "kind"))}
		id.Len = uint8(copy(id.Octet[:], octets("identity", ident.MaxIdentity)))
		c.Identities = append(c.Identities, id)
	}
	for range rapid.IntRange(0, 3).Draw(t, "services") {
		s := Service{Flags: ServiceFlags(rapid.Uint8Range(0, 15).Draw(t, "flags")), Reason: rapid.Byte().Draw(t, "reason")}
		if s.Flags&HasRatingGroup != 0 {
			s.RatingGroup = rapid.Uint32().Draw(t, "rg")
		}
		if s.Flags&HasServiceID != 0 {
			s.ServiceID = rapid.Uint32().Draw(t, "sid")
		}
		if s.Flags&Requests != 0 {
			s.Requested = drawUnits(t, "requested")
		}
		s.ReportCount = rapid.Uint8Range(0, MaxReports).Draw(t, "reports")
		for k := range s.ReportCount {
			s.Reports[k] = Report{drawUnits(t, "used"), rapid.Byte().Draw(t, "why"), rapid.Byte().Draw(t, "change")}
		}
		c.Services = append(c.Services, s)
	}
	return c
}

func TestCreditControlRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawRequest(t)
		encoded := AppendCreditControl(nil, want)
		got := CreditControl{Services: make([]Service, 2), Identities: make([]ident.Identity, 1), Also: make([][]byte, 1)}
		if Kind(encoded[0]) != KindCreditControl {
			t.Fatalf("kind %d", encoded[0])
		}
		if err := got.decode(encoded[1:]); err != nil {
			t.Fatal(err)
		}
		for _, b := range []*[]byte{&got.SessionID, &got.OriginHost, &got.APN, &got.Called} {
			if len(*b) == 0 {
				*b = []byte{}
			}
		}
		if !reflect.DeepEqual(&got, want) {
			t.Fatalf("decoded\n%+v\nwant\n%+v", got, *want)
		}
		cut := rapid.IntRange(1, len(encoded)-1).Draw(t, "cut")
		if got.decode(encoded[1:cut]) == nil {
			t.Fatalf("the first %d of %d octets are taken for a request", cut, len(encoded))
		}
	})
}

// TestDigestIsOfTheBody: what may differ in a retransmission does not change
// the digest, everything else does.
func TestDigestIsOfTheBody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawRequest(t)
		AppendCreditControl(nil, c)
		digest := c.Digest
		c.EndToEnd++
		c.SessionID, c.OriginHost = []byte("another"), []byte("the other half")
		AppendCreditControl(nil, c)
		if c.Digest != digest {
			t.Fatal("the End-to-End Identifier, the session or the host changes the digest")
		}
		c.Role++
		AppendCreditControl(nil, c)
		if c.Digest == digest {
			t.Fatal("the body does not change the digest")
		}
	})
}

func TestOutcomeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Outcome{
			Services: []ServiceOutcome{}, Record: rapid.Uint64().Draw(t, "record"), Amount: rapid.Int64().Draw(t, "amount"),
			Number: rapid.Uint32().Draw(t, "number"), Currency: rapid.Uint16().Draw(t, "currency"), Type: RequestType(rapid.Byte().Draw(t, "type")),
			Action: RequestedAction(rapid.Byte().Draw(t, "action")), Result: Result(rapid.Byte().Draw(t, "result")),
			CheckBalance: rapid.Byte().Draw(t, "check"), LowBalance: rapid.Uint8Range(0, 2).Draw(t, "low"),
			HasRemaining: rapid.Bool().Draw(t, "has remaining"),
		}
		if want.HasRemaining {
			want.Remaining = rapid.Int64().Draw(t, "remaining")
		}
		for range rapid.IntRange(0, MaxServices).Draw(t, "services") {
			n := rapid.Uint32()
			want.Services = append(want.Services, ServiceOutcome{
				Granted: rapid.Uint64().Draw(t, "granted"), RatingGroup: n.Draw(t, "rg"), ServiceID: n.Draw(t, "sid"), Validity: n.Draw(t, "validity"),
				Threshold: n.Draw(t, "threshold"), Holding: n.Draw(t, "holding"), Result: Result(rapid.Byte().Draw(t, "so")),
				Flags: OutcomeFlags(rapid.Byte().Draw(t, "flags")), Unit: GrantUnit(rapid.Uint8Range(0, 2).Draw(t, "unit")),
				FinalUnit: FinalUnitAction(rapid.Uint8Range(0, 3).Draw(t, "final")), Triggers: Triggers(rapid.Uint8Range(0, 7).Draw(t, "triggers")),
				TariffChange: instant.Instant(rapid.Int64().Draw(t, "change")),
			})
			if so := &want.Services[len(want.Services)-1]; so.FinalUnit > Terminate {
				so.FinalAt = FinalRef{n.Draw(t, "publication"), n.Draw(t, "at"), rapid.Bool().Draw(t, "allowance")}
			}
		}
		got := Outcome{Services: make([]ServiceOutcome, 1), Detail: "left over", Replayed: true}
		if err := got.decode(appendOutcome(nil, &want)); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("decoded\n%+v\nwant\n%+v", got, want)
		}
	})
}

func TestHeaderRoundTrip(t *testing.T) {
	want := Header{Origin: 1, Sequence: 2, Time: 3, CheckIndex: 4, CheckDigest: 5, Count: 6}
	batch := make([]byte, HeaderSize)
	want.Put(batch)
	if got, err := ReadHeader(batch); err != nil || got != want {
		t.Fatalf("%+v, %v", got, err)
	}
}
