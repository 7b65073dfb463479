package element

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/avp"
)

func newTestService() *service {
	return &service{hasGroup: true, group: 10, unit: Octets, demand: 10_000_000}
}

func grantOf1000() serviceAnswer {
	return serviceAnswer{result: 2001, grant: &grant{units: map[Unit]uint64{Octets: 1000}}, threshold: map[Unit]uint64{}}
}

// TestConsume walks through what a grant can ask of a gateway, over many drawn choices, with one rule for all: never more than was
// granted, and what a report says is what leaves the demand.
func TestConsume(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	for name, tt := range map[string]struct {
		answer  func() serviceAnswer
		demand  uint64
		later   time.Duration
		forced  bool
		reasons []reportingReason // all must occur, and no other
		check   func(v *service, u usage) bool
	}{
		"exhausted": {
			answer: grantOf1000, reasons: []reportingReason{reasonExhausted},
			check: func(v *service, u usage) bool { return u.units == 1000 && u.asks && v.state == serviceIdle },
		},
		"threshold": {
			answer: func() serviceAnswer {
				a := grantOf1000()
				a.threshold[Octets] = 100
				return a
			},
			reasons: []reportingReason{reasonThreshold},
			check:   func(_ *service, u usage) bool { return u.units == 900 && u.asks },
		},
		"holding time": {
			answer: func() serviceAnswer {
				a := grantOf1000()
				a.holding = time.Minute
				return a
			},
			reasons: []reportingReason{reasonExhausted, reasonHoldingTime},
			check:   func(_ *service, u usage) bool { return u.asks == (u.reason == reasonExhausted) },
		},
		"validity drawn": {
			answer: func() serviceAnswer {
				a := grantOf1000()
				a.validity = time.Hour
				return a
			},
			reasons: []reportingReason{reasonExhausted, reasonValidity},
			check:   func(_ *service, u usage) bool { return u.asks },
		},
		"validity passed": {
			answer: func() serviceAnswer {
				a := grantOf1000()
				a.validity = time.Minute
				return a
			},
			later: time.Minute, reasons: []reportingReason{reasonValidity},
			check: func(_ *service, u usage) bool { return u.asks },
		},
		"reauthorisation": {
			answer: grantOf1000, forced: true, reasons: []reportingReason{reasonReauthorisation},
			check: func(_ *service, u usage) bool { return u.asks },
		},
		"demand met": {
			answer: grantOf1000, demand: 300, reasons: []reportingReason{reasonFinal},
			check: func(v *service, u usage) bool { return u.units == 300 && !u.asks && v.end == EndFinished },
		},
		"terminate": {
			answer: func() serviceAnswer {
				a := grantOf1000()
				a.final = finalTerminate
				return a
			},
			reasons: []reportingReason{reasonFinal},
			check:   func(v *service, u usage) bool { return u.units == 1000 && !u.asks && v.end == EndFinalUnit },
		},
		"restrict": {
			answer: func() serviceAnswer {
				a := grantOf1000()
				a.final = finalRestrict
				return a
			},
			reasons: []reportingReason{reasonExhausted},
			check:   func(v *service, u usage) bool { return u.units == 1000 && !u.asks && v.state == serviceIdle },
		},
		"tariff change": {
			answer: func() serviceAnswer {
				a := grantOf1000()
				a.grant.tariff = now.Add(time.Second)
				return a
			},
			later: 2 * time.Second, reasons: []reportingReason{reasonExhausted},
			check: func(_ *service, u usage) bool { return u.split && u.afterSplit <= u.units },
		},
		"tariff change to come": {
			answer: func() serviceAnswer {
				a := grantOf1000()
				a.grant.tariff = now.Add(time.Hour)
				return a
			},
			reasons: []reportingReason{reasonExhausted},
			check:   func(_ *service, u usage) bool { return !u.split },
		},
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, 7))
			seen := map[reportingReason]int{}
			for range 500 {
				v := newTestService()
				if tt.demand > 0 {
					v.demand = tt.demand
				}
				before := v.demand
				if n := v.credit(tt.answer(), now); n != 1000 {
					t.Fatalf("granted %d", n)
				}
				forced := reasonNone
				if tt.forced {
					forced = reasonReauthorisation
				}
				u := v.consume(now.Add(tt.later), rng, &Options{}, forced)
				seen[u.reason]++
				if !u.consumed || u.units > 1000 || before-v.demand != u.units || u.input+u.output != u.units || v.granted != 0 {
					t.Fatalf("usage %+v, demand %d -> %d", u, before, v.demand)
				}
				if !tt.check(v, u) {
					t.Fatalf("usage %+v of %+v", u, v)
				}
			}
			for _, reason := range tt.reasons {
				if seen[reason] == 0 {
					t.Errorf("reason %d never occurred: %v", reason, seen)
				}
				delete(seen, reason)
			}
			if len(seen) > 0 {
				t.Errorf("other reasons %v", seen)
			}
		})
	}
}

// TestCreditOfAnotherUnit: a server may meter data by time, as long as nothing was reported in octets.
func TestCreditOfAnotherUnit(t *testing.T) {
	answer := serviceAnswer{result: 2001, grant: &grant{units: map[Unit]uint64{Seconds: 60}}}
	v := newTestService()
	if n := v.credit(answer, time.Unix(0, 0)); n != 60 || v.unit != Seconds || v.demand != 80 {
		t.Errorf("granted %d %s, demand %d", n, v.unit, v.demand)
	}
	v = newTestService()
	v.reported = 1
	if n := v.credit(answer, time.Unix(0, 0)); n != 0 || v.unit != Octets {
		t.Errorf("granted %d %s after octets were reported", n, v.unit)
	}
}

// TestUsedUnitsSplit checks the wording of a report over a tariff change and the places of Reporting-Reason.
func TestUsedUnitsSplit(t *testing.T) {
	u := usage{service: newTestService(), consumed: true, asks: true, units: 1000, afterSplit: 400, split: true, reason: reasonExhausted}
	mscc := children(creditControls([]usage{u}, true, false)[0])
	used := map[uint32]uint64{}
	for _, v := range mscc {
		switch v.Code {
		case avp.UsedServiceUnit:
			parts := map[uint32]*diam.AVP{}
			for _, part := range children(v) {
				parts[part.Code] = part
			}
			used[uint32Of(parts[avp.TariffChangeUsage])] = uint64Of(parts[avp.CCTotalOctets])
			if parts[avp.ReportingReason] == nil {
				t.Error("QUOTA_EXHAUSTED is missing in the Used-Service-Unit")
			}
		case avp.ReportingReason:
			t.Error("QUOTA_EXHAUSTED stands in the MSCC")
		}
	}
	if used[beforeTariffChange] != 600 || used[afterTariffChange] != 400 || len(used) != 2 {
		t.Errorf("used before and after the change: %v", used)
	}
}
