package element

import (
	"math/rand/v2"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/avp"
)

// Reporting-Reason values, 3GPP TS 32.299 s. 7.2.175.
type reportingReason int32

const (
	reasonThreshold       reportingReason = 0
	reasonHoldingTime     reportingReason = 1
	reasonFinal           reportingReason = 2
	reasonExhausted       reportingReason = 3
	reasonValidity        reportingReason = 4
	reasonRatingCondition reportingReason = 6
	reasonReauthorisation reportingReason = 7
	reasonNone            reportingReason = -1
)

// inMSCC reports whether a reason belongs into the Multiple-Services-Credit-Control; the others say why one kind of unit is
// reported and belong into the Used-Service-Unit.
func (r reportingReason) inMSCC() bool {
	return r != reasonNone && r != reasonThreshold && r != reasonExhausted
}

// octetsPerSecond converts between volume and time of a data service that is granted one and reports both: 1 Mbit/s.
const octetsPerSecond = 125_000

// maxAsks is how often a rating group asks for a quota it is neither given nor refused. A gateway that asked for ever would
// only load the server.
const maxAsks = 3

type serviceState int

const (
	serviceIdle  serviceState = iota // has no quota and wants one
	serviceQuota                     // consumes a quota
	serviceEnded                     // asks for no more
)

// A service is one rating group of a session: what it wants, was granted and used.
type service struct {
	hasGroup bool
	group    uint32
	unit     Unit
	demand   uint64 // units still wanted
	chunk    uint64 // units asked for in a Requested-Service-Unit; 0: leave the amount to the server

	state     serviceState
	granted   uint64 // the current quota
	threshold uint64
	final     finalAction
	expires   time.Time // of the current quota; zero: never
	holding   bool      // the server set a Quota-Holding-Time
	tariff    time.Time // Tariff-Time-Change of the current quota
	asks      int
	waits     time.Time // nothing is asked for before, while the subscriber looks at a portal; zero: at once
	// watchesAccess: a change of the radio access is to be reported at once.
	watchesAccess bool

	// What the usage log tells.
	totalGranted, reported, rejected, unanswered uint64
	input, output, seconds                       uint64
	ccrs                                         uint64
	result                                       uint32
	end                                          string
}

func (v *service) alive() bool { return v.state != serviceEnded }

// satisfied reports whether the service needs no further answer: the quota it holds covers all it wants.
func (v *service) satisfied() bool {
	return !v.alive() || v.demand == 0 || v.state == serviceQuota && v.demand <= v.granted
}

func (v *service) expired(now time.Time) bool {
	return v.state == serviceQuota && !v.expires.IsZero() && !now.Before(v.expires)
}

func (v *service) finish(end string) {
	v.state, v.granted, v.expires = serviceEnded, 0, time.Time{}
	if v.end == "" {
		v.end = end
	}
}

// A usage is what one CCR reports of one service.
type usage struct {
	service    *service
	consumed   bool // the CCR carries a Used-Service-Unit, perhaps of 0
	asks       bool // and a Requested-Service-Unit
	units      uint64
	afterSplit uint64 // of units: used after the tariff change
	split      bool
	input      uint64
	output     uint64
	seconds    uint64
	reason     reportingReason
	first      bool // the first report of the session
	led        bool // of final units that lead to a portal or restrict to it
}

// Shares, in 1 of n, in which a quota is reported before it is exhausted although nobody waits in simulated time.
const (
	validityShare = 8
	holdingShare  = 16
)

// consume uses up the service's quota in the way the grant allows and returns what is to be reported. The quota is gone
// afterwards, as RFC 8506 wants: every report gives back what it did not use. A reason forces a report at once.
func (v *service) consume(now time.Time, rng *rand.Rand, o *Options, forced reportingReason) usage {
	v.waits = time.Time{}
	u := usage{service: v, reason: reasonNone, asks: true}
	if v.state != serviceQuota {
		return u
	}
	u.consumed = true
	limit := min(v.granted, v.demand)
	partial := func(reason reportingReason) { u.units, u.reason = rng.Uint64N(limit+1), reason }
	switch {
	case forced != reasonNone:
		partial(forced)
	case v.expired(now):
		partial(reasonValidity)
	case v.demand <= v.granted:
		u.units, u.reason, u.asks = v.demand, reasonFinal, false
		v.finish(EndFinished)
	case v.final != notFinal:
		v.consumeFinal(&u)
	case !v.expires.IsZero() && rng.IntN(validityShare) == 0:
		partial(reasonValidity)
	case v.holding && rng.IntN(holdingShare) == 0:
		partial(reasonHoldingTime)
		u.asks = false
	case v.threshold > 0 && v.threshold < v.granted:
		u.units, u.reason = v.granted-v.threshold, reasonThreshold
	default:
		u.units, u.reason = v.granted, reasonExhausted
		if rng.IntN(maxPermille) < o.OverusePermille {
			u.units += rng.Uint64N(v.granted/10+1) + 1
		}
	}
	v.account(&u, now, rng)
	return u
}

// consumeFinal uses the final units up (RFC 8506 s. 5.6): with TERMINATE the service ends; with REDIRECT or RESTRICT_ACCESS
// it is reported without asking, and asks again at its next turn, when the subscriber may have topped up.
func (v *service) consumeFinal(u *usage) {
	u.units, u.reason, u.asks = v.granted, reasonExhausted, false
	if v.final == finalTerminate {
		u.reason = reasonFinal
		v.finish(EndFinalUnit)
		return
	}
	u.led = true
}

// consumeAll is the usage a CCR-T reports. A session that ends by itself has used all it wanted of its quota, one that is
// ended has used some.
func (v *service) consumeAll(now time.Time, rng *rand.Rand, interrupted bool) usage {
	u := usage{service: v, reason: reasonFinal, consumed: true}
	if v.state == serviceQuota {
		u.units = min(v.granted, v.demand)
		if interrupted {
			u.units = rng.Uint64N(u.units + 1)
		}
	}
	v.account(&u, now, rng)
	return u
}

// account books used units and gives the quota back.
func (v *service) account(u *usage, now time.Time, rng *rand.Rand) {
	v.demand -= min(u.units, v.demand)
	if !v.tariff.IsZero() && !now.Before(v.tariff) {
		u.split, u.afterSplit = true, rng.Uint64N(u.units+1)
	}
	switch v.unit {
	case Octets:
		u.input = u.units / (6 + rng.Uint64N(10)) // downlink dominates
		u.output = u.units - u.input
		u.seconds = (u.units + octetsPerSecond - 1) / octetsPerSecond
	case Seconds:
		u.seconds = u.units
		u.input = u.units * octetsPerSecond / 10
		u.output = u.units*octetsPerSecond - u.input
	}
	v.granted, v.expires, v.tariff, v.holding, v.threshold, v.final = 0, time.Time{}, time.Time{}, false, 0, notFinal
	if v.state == serviceQuota {
		v.state = serviceIdle
	}
	if v.state == serviceIdle && v.demand == 0 {
		v.finish(EndFinished)
	}
}

// credit obeys one service's part of an answer. It returns the units granted.
func (v *service) credit(a serviceAnswer, now time.Time) uint64 {
	if a.result != 0 {
		v.result = a.result
	}
	if !v.alive() {
		return 0
	}
	if a.result != 0 && a.result/1000 != 2 {
		v.refuse(a)
		return 0
	}
	units, ok := v.quotaOf(a.grant)
	if !ok || units == 0 {
		v.asks++
		if v.asks >= maxAsks {
			v.finish(EndRefused)
		}
		return 0
	}
	v.asks, v.state, v.granted, v.final = 0, serviceQuota, units, a.final
	v.threshold, v.holding, v.tariff = a.threshold[v.unit], a.holding > 0, a.grant.tariff
	v.watchesAccess = a.watchesAccess
	v.expires = time.Time{}
	if a.validity > 0 {
		v.expires = now.Add(a.validity)
	}
	v.totalGranted += units
	return units
}

// refuse ends the service, unless a final unit indication offers a way back to credit: then it asks once more. 4011 lets the
// service run without charging, which for the server is the same end.
func (v *service) refuse(a serviceAnswer) {
	if a.final.leads() {
		if v.asks++; v.asks < maxAsks {
			v.state = serviceIdle
			return
		}
	}
	if a.result == resultNotApplicable {
		v.finish(EndFinished)
		return
	}
	v.finish(EndRefused)
}

// quotaOf picks the units that meter the service. A server that meters data by time, or voice by volume, is followed as long
// as nothing was reported in the other unit.
func (v *service) quotaOf(g *grant) (uint64, bool) {
	if g == nil {
		return 0, false
	}
	if n, ok := g.units[v.unit]; ok {
		return n, true
	}
	if v.reported > 0 {
		return 0, false
	}
	if n, ok := g.units[Seconds]; ok && v.unit == Octets {
		v.unit, v.demand, v.chunk = Seconds, max(v.demand/octetsPerSecond, 1), 0
		return n, true
	}
	if n, ok := g.units[Octets]; ok && v.unit == Seconds {
		v.unit, v.demand, v.chunk = Octets, v.demand*octetsPerSecond, 0
		return n, true
	}
	return 0, false
}

// settle books a usage once the fate of its CCR is known.
func (u *usage) settle(outcome exchangeOutcome) {
	v := u.service
	switch outcome {
	case outcomeRefused:
		v.rejected += u.units
	case outcomeUnanswered:
		v.unanswered += u.units
	}
}

// record books a usage as reported, when its CCR is built.
func (u *usage) record() {
	v := u.service
	v.ccrs++
	v.reported += u.units
	v.seconds += u.seconds
	v.input += u.input
	v.output += u.output
}

// requestedUnits is the Requested-Service-Unit of a service: an amount, or empty to leave it to the server.
func (v *service) requestedUnits() *diam.AVP {
	if v.chunk == 0 {
		return base(avp.RequestedServiceUnit, group())
	}
	return base(avp.RequestedServiceUnit, group(unitAVP(v.unit, v.chunk)))
}
