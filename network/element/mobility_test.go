package element

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/avp"
)

// TestPacked writes networks as TS 24.008 does, the second with an MNC of three digits.
func TestPacked(t *testing.T) {
	for network, want := range map[string][]byte{
		"00101": {0x00, 0xf1, 0x10}, "310260": {0x13, 0x00, 0x62}, "20801": {0x02, 0xf8, 0x10},
	} {
		if got := packed(network); !bytes.Equal(got, want) {
			t.Errorf("%s is %x, want %x", network, got, want)
		}
	}
}

// informed returns an AVP of 3GPP in the PS-Information of a request.
func informed(m *diam.Message, code uint32) *diam.AVP {
	for _, information := range m.AVP {
		if information.Code != avp.ServiceInformation {
			continue
		}
		for _, part := range children(children(information)[0]) {
			if part.Code == code && part.VendorID == vendor3GPP {
				return part
			}
		}
	}
	return nil
}

// TestMobility has gateways roam and change their radio access: a session stays in one network, and a changed access is
// reported at once where the server asks for it, and only there.
func TestMobility(t *testing.T) {
	for _, watches := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			server := newOCS(t)
			server.watches, server.grants[Octets] = watches, 1<<16
			networks, accesses := map[string]string{}, map[byte]int{}
			last, reported := map[string]byte{}, 0
			server.decide = func(c *ccr) reply {
				network, access := textOf(informed(c.m, avp.TGPPSGSNMCCMNC)), textOf(informed(c.m, avp.TGPPRATType))[0]
				if before, known := networks[c.session]; known && before != network {
					t.Errorf("%s went from %s to %s", c.session, before, network)
				}
				location := textOf(informed(c.m, avp.TGPPUserLocationInfo))
				if location[1:4] != string(packed(network)) || location[6:9] != string(packed(network)) {
					t.Errorf("location %x in %s", location, network)
				}
				for _, u := range c.units {
					if u.reason == reasonRatingCondition {
						reported++
						if before := last[c.session]; before == access {
							t.Errorf("%v reports a change to the access %d that it had", c, access)
						}
					}
				}
				networks[c.session], last[c.session] = network, access
				accesses[access]++
				return reply{}
			}
			opts := server.options(PGW)
			opts.Style, opts.For, opts.Access, opts.AccessPermille = FullPGW, 5*time.Second, []int{6, 10, 3}, 300
			opts.RoamingPermille, opts.Visited = 300, []string{"20801", "310260"}
			report, lines, err := run(t.Context(), t, opts)
			if err != nil {
				t.Fatal(err)
			}
			server.checkUsage(lines)
			where := map[string]int{}
			for _, network := range networks {
				where[network]++
			}
			abroad := where["20801"] + where["310260"]
			if len(where) != 3 || where[homeNetwork] < abroad || abroad < len(networks)/5 {
				t.Errorf("sessions by network: %v", where)
			}
			if report.Roaming != uint64(abroad) || report.AccessChanges != uint64(reported) {
				t.Errorf("the element counts %d roaming sessions, %d reports; want %d, %d", report.Roaming, report.AccessChanges, abroad, reported)
			}
			if len(accesses) != 3 || (reported > 100) != watches || !watches && reported > 0 {
				t.Errorf("requests by access %v, %d of them because of a change", accesses, reported)
			}
		})
	}
}

// TestPatience leads every subscriber to a portal with its first quota. Nobody asks again before the patience ends, but for one
// whom the server tells of credit: that one goes on at once.
func TestPatience(t *testing.T) {
	bubble(t, func(t *testing.T) {
		server := newOCS(t)
		server.final, server.grants[Octets] = finalRedirect, 1<<10
		led, back, told := map[string]time.Time{}, 0, ""
		var wentOn time.Duration
		server.decide = func(c *ccr) reply {
			u := &ccrUnits{}
			if len(c.units) > 0 {
				u = &c.units[0]
			}
			switch at, waits := led[c.session]; {
			case c.kind == updateRequest && u.reported && !u.asks && u.reason != reasonFinal && u.reason != reasonHoldingTime:
				led[c.session] = time.Now()
				if told == "" {
					told = c.session
					time.AfterFunc(time.Second, func() {
						server.request(c.conn, diam.ReAuth, told, base(avp.ReAuthRequestType, enum(0)))
					})
				}
			case waits && c.kind == updateRequest:
				delete(led, c.session)
				switch {
				case c.session == told && wentOn == 0:
					wentOn = time.Since(at)
				case time.Since(at) < 4*time.Second:
					t.Errorf("%v asks again after %s", c, time.Since(at))
				default:
					back++
				}
			}
			return reply{}
		}
		opts := server.options(PGW)
		opts.Style, opts.RatingGroups, opts.For, opts.Patience = FullPGW, []uint32{10}, 30*time.Second, 4*time.Second
		report, lines, err := run(t.Context(), t, opts)
		if err != nil {
			t.Fatal(err)
		}
		server.checkUsage(lines)
		if wentOn < time.Second || wentOn > 1500*time.Millisecond || report.ReauthRequests != 1 || report.WentOn != 1 {
			t.Errorf("after the RAR it went on after %s", wentOn)
		}
		if back < 50 || report.Led < uint64(back)+1 || report.SessionsHanging != 0 || report.ElapsedMS > 32_000 {
			t.Errorf("%d came back, %d hang after %d ms", back, report.SessionsHanging, report.ElapsedMS)
		}
	})
}

// TestStarOSUnits holds the octets by direction against the total, before and after a tariff change.
func TestStarOSUnits(t *testing.T) {
	for name, u := range map[string]usage{
		"at once": {units: 1000, input: 100, output: 900},
		"split":   {units: 1000, input: 100, output: 900, split: true, afterSplit: 400},
		"late":    {units: 1000, input: 100, output: 900, split: true, afterSplit: 30},
		"voice":   {units: 60},
	} {
		u.service, u.consumed, u.reason = newTestService(), true, reasonFinal
		if name == "voice" {
			u.service.unit = Seconds
		}
		totals, directions := map[uint32]uint64{}, map[uint32]uint64{}
		for _, v := range children(starGateway{}.unitsOf(nil, updateRequest, []usage{u})[0]) {
			if v.Code != avp.UsedServiceUnit {
				continue
			}
			when, total, direction := uint32(9), uint64(0), uint64(0)
			for _, part := range children(v) {
				switch part.Code {
				case avp.TariffChangeUsage:
					when = uint32Of(part)
				case avp.CCTotalOctets:
					total += uint64Of(part)
				case avp.CCInputOctets, avp.CCOutputOctets:
					direction += uint64Of(part)
				}
			}
			if total > 0 && direction > 0 {
				t.Errorf("%s: total and directions in one Used-Service-Unit", name)
			}
			totals[when] += total
			directions[when] += direction
		}
		for when, total := range totals {
			if directions[when] != total {
				t.Errorf("%s: %v in all, %v by direction", name, totals, directions)
			}
		}
	}
}

// TestOptionsOfMobility names what cannot be simulated.
func TestOptionsOfMobility(t *testing.T) {
	for want, set := range map[string]func(*Options){
		"access 256":        func(o *Options) { o.Access = []int{256} },
		"visited \"262\"":   func(o *Options) { o.Visited = []string{"262"} },
		"name the networks": func(o *Options) { o.RoamingPermille = 1 },
		"patience -1s":      func(o *Options) { o.Patience = -time.Second },
	} {
		o := Options{Kind: PGW}
		set(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
