package diameter

import (
	"slices"
	"testing"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/avp"
	"github.com/fiorix/go-diameter/v4/diam/datatype"
	"github.com/fiorix/go-diameter/v4/diam/dict"
	"github.com/fiorix/go-diameter/v4/diam/sm"
)

// These tests have the server talk to a peer of another make: the client of go-diameter, over loopback TCP.

func foreignSettings() *sm.Settings {
	return &sm.Settings{
		OriginHost:    gatewayHost,
		OriginRealm:   gatewayRealm,
		VendorID:      Vendor3GPP,
		ProductName:   "go-diameter",
		OriginStateID: 1000,
	}
}

// foreign connects a go-diameter client, whose handshake checks the CEA, and returns the answers it gets.
func foreign(t *testing.T, address string, watchdog time.Duration) (diam.Conn, chan *diam.Message) {
	t.Helper()
	answers := make(chan *diam.Message, 16)
	machine := sm.New(foreignSettings())
	for _, command := range []string{"CCA", "DPA", "RAA"} {
		machine.HandleFunc(command, func(_ diam.Conn, m *diam.Message) { answers <- m })
	}
	c := &sm.Client{
		Dict:             dict.Default,
		Handler:          machine,
		EnableWatchdog:   watchdog != 0,
		WatchdogInterval: watchdog,
		// go-diameter drops a DWA that comes before the goroutine that sent the DWR waits for it, so one in a few
		// hundred seems unanswered to it, however fast the server; it must ask again before it gives up.
		MaxRetransmits:     100,
		RetransmitInterval: 50 * time.Millisecond,
		AuthApplicationID: []*diam.AVP{
			diam.NewAVP(avp.AuthApplicationID, avp.Mbit, 0, datatype.Unsigned32(AppCreditControl)),
		},
	}
	conn, err := c.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn, answers
}

func take(t *testing.T, answers chan *diam.Message) *diam.Message {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case m := <-answers:
		return m
	case <-timeout.C:
		t.Fatal("no answer")
		return nil
	}
}

func foreignResult(t *testing.T, m *diam.Message) Result {
	t.Helper()
	a, err := m.FindAVP(avp.ResultCode, 0)
	if err != nil {
		t.Fatal(err)
	}
	return Result(a.Data.(datatype.Unsigned32))
}

// foreignCCR builds a CCR-U with go-diameter's encoder.
func foreignCCR(t *testing.T) *diam.Message {
	t.Helper()
	m := diam.NewRequest(diam.CreditControl, AppCreditControl, dict.Default)
	add := func(code any, flags uint8, vendor uint32, v datatype.Type) {
		if _, err := m.NewAVP(code, flags, vendor, v); err != nil {
			t.Fatal(err)
		}
	}
	add(avp.SessionID, avp.Mbit, 0, datatype.UTF8String(gatewaySession))
	add(avp.OriginHost, avp.Mbit, 0, datatype.DiameterIdentity(gatewayHost))
	add(avp.OriginRealm, avp.Mbit, 0, datatype.DiameterIdentity(gatewayRealm))
	add(avp.DestinationRealm, avp.Mbit, 0, datatype.DiameterIdentity(testRealm))
	add(avp.AuthApplicationID, avp.Mbit, 0, datatype.Unsigned32(AppCreditControl))
	add(avp.ServiceContextID, avp.Mbit, 0, datatype.UTF8String("32251@3gpp.org"))
	add(avp.CCRequestType, avp.Mbit, 0, datatype.Enumerated(2))
	add(avp.CCRequestNumber, avp.Mbit, 0, datatype.Unsigned32(7))
	add(avp.EventTimestamp, avp.Mbit, 0, datatype.Time(time.Unix(eventTime, 0)))
	add(avp.MultipleServicesCreditControl, avp.Mbit, 0, &diam.GroupedAVP{AVP: []*diam.AVP{
		diam.NewAVP(avp.RatingGroup, avp.Mbit, 0, datatype.Unsigned32(100)),
		diam.NewAVP(avp.UsedServiceUnit, avp.Mbit, 0, &diam.GroupedAVP{AVP: []*diam.AVP{
			diam.NewAVP(avp.CCTotalOctets, avp.Mbit, 0, datatype.Unsigned64(1<<40)),
		}}),
	}})
	add(avp.ServiceInformation, avp.Mbit|avp.Vbit, Vendor3GPP, &diam.GroupedAVP{AVP: []*diam.AVP{
		diam.NewAVP(avp.PSInformation, avp.Mbit|avp.Vbit, Vendor3GPP, &diam.GroupedAVP{AVP: []*diam.AVP{
			diam.NewAVP(avp.CalledStationID, avp.Mbit, 0, datatype.UTF8String("internet")),
		}}),
	}})
	return m
}

func TestForeignCreditControl(t *testing.T) {
	r := newRecorder()
	s, address := start(t, testOptions(), r)
	conn, answers := foreign(t, address, 0)
	if p := s.Peers(); len(p) != 1 || p[0].OriginHost != gatewayHost || p[0].ProductName != "go-diameter" || p[0].OriginStateID != 1000 {
		t.Errorf("%+v", p)
	}
	ccr := foreignCCR(t)
	if _, err := ccr.WriteTo(conn); err != nil {
		t.Fatal(err)
	}
	cca := take(t, answers)
	if cca.Header.HopByHopID != ccr.Header.HopByHopID || cca.Header.EndToEndID != ccr.Header.EndToEndID || foreignResult(t, cca) != ResultSuccess {
		t.Errorf("%v", cca)
	}
	granted, err := cca.FindAVPsWithPath([]any{avp.MultipleServicesCreditControl, avp.GrantedServiceUnit, avp.CCTotalOctets}, 0)
	if err != nil || len(granted) != 1 || granted[0].Data.(datatype.Unsigned64) != 10<<20 {
		t.Errorf("granted %v, %v", granted, err)
	}
}

func TestForeignRefusals(t *testing.T) {
	_, address := start(t, testOptions(), newRecorder())
	conn, answers := foreign(t, address, 0)
	// go-diameter knows no answer to an unknown command and closes on receiving one, so only an unknown application
	// can be tried here; TestRefusedRequests has the command.
	gx := diam.NewRequest(diam.CreditControl, diam.GX_CHARGING_CONTROL_APP_ID, dict.Default)
	if _, err := gx.NewAVP(avp.SessionID, avp.Mbit, 0, datatype.UTF8String("gx;1")); err != nil {
		t.Fatal(err)
	}
	if _, err := gx.WriteTo(conn); err != nil {
		t.Fatal(err)
	}
	a := take(t, answers)
	if foreignResult(t, a) != ResultApplicationUnsupported || a.Header.CommandFlags&diam.ErrorFlag == 0 ||
		a.AVP[0].Data.(datatype.UTF8String) != "gx;1" {
		t.Errorf("%v", a)
	}
	if _, err := foreignCCR(t).WriteTo(conn); err != nil {
		t.Fatal(err)
	}
	if a := take(t, answers); foreignResult(t, a) != ResultSuccess {
		t.Errorf("%v", a)
	}
}

// TestForeignWatchdogAndDisconnect lets go-diameter send DWRs, which it follows with a close if no DWA comes, and a DPR.
func TestForeignWatchdogAndDisconnect(t *testing.T) {
	r := newRecorder()
	s, address := start(t, testOptions(), r)
	conn, answers := foreign(t, address, 10*time.Millisecond)
	// Whatever the server has got besides our CCRs are DWRs. The client closes if they stay without DWAs.
	for sent := uint64(0); s.Peers()[0].Requests < sent+5; sent++ {
		if _, err := foreignCCR(t).WriteTo(conn); err != nil {
			t.Fatal(err)
		}
		if a := take(t, answers); foreignResult(t, a) != ResultSuccess {
			t.Errorf("%v", a)
		}
	}
	dpr := diam.NewRequest(diam.DisconnectPeer, AppBase, dict.Default)
	for _, a := range []*diam.AVP{
		diam.NewAVP(avp.OriginHost, avp.Mbit, 0, datatype.DiameterIdentity(gatewayHost)),
		diam.NewAVP(avp.OriginRealm, avp.Mbit, 0, datatype.DiameterIdentity(gatewayRealm)),
		diam.NewAVP(avp.DisconnectCause, avp.Mbit, 0, datatype.Enumerated(DisconnectDoNotWantToTalk)),
	} {
		dpr.AddAVP(a)
	}
	if _, err := dpr.WriteTo(conn); err != nil {
		t.Fatal(err)
	}
	if a := take(t, answers); a.Header.CommandCode != diam.DisconnectPeer || foreignResult(t, a) != ResultSuccess {
		t.Errorf("%v", a)
	}
	conn.Close()
	r.await(t, "the end", func() bool { return slices.Contains(r.events, "down "+gatewayHost+": disconnected by DPR") })
}
