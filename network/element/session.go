package element

import (
	"math/rand/v2"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
)

// CC-Request-Type values, RFC 8506 s. 8.3.
type requestType uint32

const (
	initialRequest     requestType = 1
	updateRequest      requestType = 2
	terminationRequest requestType = 3
	eventRequest       requestType = 4
)

// Result codes the elements treat specially.
const (
	resultSuccess        = 2001
	resultLimitedSuccess = 2002
	resultServiceDenied  = 4010 // END_USER_SERVICE_DENIED
	resultNotApplicable  = 4011 // CREDIT_CONTROL_NOT_APPLICABLE
	resultCreditLimit    = 4012
	resultUnknownSession = 5002
)

// maxSessionCCRs ends a session whose server grants so little that its demand would take for ever.
const maxSessionCCRs = 1000

type subscriber struct{ imsi, msisdn string }

type exchangeOutcome int

const (
	outcomeAccepted exchangeOutcome = iota
	outcomeRefused
	outcomeUnanswered
)

type sessionState int

const (
	sessionNew sessionState = iota
	sessionOpen
	sessionClosing // only a CCR-T may follow
	sessionClosed
)

// A session is one credit-control session, or one event, of an element.
type session struct {
	id       string
	seq      uint64
	sub      subscriber
	rng      *rand.Rand
	dialect  dialect
	facts    facts
	services []*service
	oneTime  bool // an event: one CCR-E

	state   sessionState
	number  uint32 // CC-Request-Number of the next CCR
	ccrs    uint64
	result  uint32 // last command level Result-Code
	end     string
	closed  bool   // the server knows that it is over
	learned string // Origin-Host of the server

	reauth      bool // an RAR is to be followed by a CCR-U
	reauthGroup *uint32
	aborted     bool
	stopped     bool
	lost        bool // a CCR stayed without an answer

	pending  *exchange
	queued   bool      // in the element's queue of ready sessions
	deadline time.Time // the earliest Validity-Time of its quotas
	heapAt   int       // place among the element's deadlines; -1: none
}

// facts are what a session is about and does not change, as drawn by its dialect.
type facts struct {
	apn        string
	chargingID uint32
	ueAddress  [4]byte
	cell       uint32
	serving    string // MCC and MNC of the network that serves
	access     int    // 3GPP-RAT-Type
	started    time.Time
	// of a call
	callID               string
	callingParty, called string
	terminating          bool
	answered             bool // the call is picked up
	multipleServices     int32
	// of a message
	recipients []string
	openWithin bool // pgw style: the CCR-I asks for quota
}

// A dialect words the requests of one kind and style of network element.
type dialect interface {
	// context is the Service-Context-Id.
	context() string
	// begin draws what the session is about and which services it wants.
	begin(s *session, o *Options, now time.Time)
	// identities are the Subscription-Id AVPs and others that name the subscriber.
	identities(s *session) []*diam.AVP
	// command adds the dialect's AVPs at command level, except units.
	command(s *session, t requestType, now time.Time) []*diam.AVP
	// unitsOf words usages as Multiple-Services-Credit-Control or as units at command level.
	unitsOf(s *session, t requestType, usages []usage) []*diam.AVP
	// information is the Service-Information.
	information(s *session, t requestType) *diam.AVP
	// sendsStateID says whether requests carry Origin-State-Id.
	sendsStateID() bool
}

// A request is the next CCR of a session before it is serialised.
type request struct {
	kind   requestType
	usages []usage
	regain bool // it asks for credit upon an RAR, for a subscriber who waits at a portal
}

// interrupted reports whether the session ends before it used what it wants.
func (s *session) interrupted() bool { return s.aborted || s.stopped || s.lost }

// mustTerminate reports whether the session's next CCR is its last.
func (s *session) mustTerminate() bool {
	if s.state == sessionClosing || s.interrupted() || s.ccrs >= maxSessionCCRs {
		return true
	}
	if s.reauth || s.pickup() {
		return false
	}
	for _, v := range s.services {
		if !v.satisfied() {
			return false
		}
	}
	return true
}

// pickup reports whether the call was just answered: call servers then report at once that charging starts.
func (s *session) pickup() bool {
	return s.facts.answered && s.number == 1 && len(s.services) == 1 && s.services[0].state == serviceQuota
}

// plan decides the session's next CCR. It consumes the quotas that the CCR reports.
func (s *session) plan(now time.Time, o *Options) request {
	switch {
	case s.state == sessionNew && s.oneTime:
		return request{kind: eventRequest, usages: s.planEvent()}
	case s.state == sessionNew:
		return request{kind: initialRequest, usages: s.planInitial()}
	case s.mustTerminate():
		return request{kind: terminationRequest, usages: s.planTermination(now)}
	default:
		regain := s.reauth && s.led(now)
		return request{kind: updateRequest, usages: s.planUpdate(now, o), regain: regain}
	}
}

func (s *session) planEvent() []usage {
	var out []usage
	for _, v := range s.services {
		out = append(out, usage{service: v, asks: true, units: v.demand, reason: reasonNone})
	}
	return out
}

func (s *session) planInitial() []usage {
	if !s.facts.openWithin {
		return nil
	}
	var out []usage
	for _, v := range s.services {
		out = append(out, usage{service: v, asks: true, reason: reasonNone})
	}
	return out
}

func (s *session) planTermination(now time.Time) []usage {
	var out []usage
	for _, v := range s.services {
		if v.state == serviceQuota || len(s.services) == 1 {
			out = append(out, v.consumeAll(now, s.rng, s.interrupted()))
		}
		if v.end == "" {
			v.end = s.endOf()
		}
	}
	return out
}

// endOf names the end of a session that terminates now.
func (s *session) endOf() string {
	switch {
	case s.aborted:
		return EndAborted
	case s.lost:
		return EndUnanswered
	case s.stopped:
		return EndStopped
	case s.state == sessionClosing:
		return EndRefused
	default:
		return EndFinished
	}
}

// planUpdate reports the rating groups whose turn it is: those an RAR names, those whose quota expired, and otherwise one
// drawn at random that has something to say, together with some of the others.
func (s *session) planUpdate(now time.Time, o *Options) []usage {
	var out []usage
	if s.reauth {
		for _, v := range s.services {
			if s.reauthGroup == nil || v.hasGroup && v.group == *s.reauthGroup {
				s.revive(v)
				if v.alive() {
					out = append(out, v.consume(now, s.rng, o, reasonReauthorisation))
				}
			}
		}
		s.reauth, s.reauthGroup = false, nil
		return out
	}
	if s.pickup() {
		return []usage{s.planPickup(now)}
	}
	for _, v := range s.services {
		if v.expired(now) {
			out = append(out, v.consume(now, s.rng, o, reasonNone))
		}
	}
	if len(out) > 0 {
		return out
	}
	if out = s.planMove(now, o); len(out) > 0 {
		return out
	}
	var open []*service
	for _, v := range s.services {
		if v.alive() && !v.satisfied() && !now.Before(v.waits) {
			open = append(open, v)
		}
	}
	chosen := s.rng.IntN(len(open))
	for i, v := range open {
		if i == chosen || s.rng.IntN(4) == 0 {
			out = append(out, v.consume(now, s.rng, o, reasonNone))
		}
	}
	for _, v := range s.services { // a flow that ends while others go on closes its rating group alone
		if v.state == serviceQuota && v.satisfied() && s.rng.IntN(4) == 0 {
			out = append(out, v.consume(now, s.rng, o, reasonNone))
		}
	}
	return out
}

// planPickup reports 0 or 1 second right after pick-up.
func (s *session) planPickup(now time.Time) usage {
	v := s.services[0]
	u := usage{service: v, consumed: true, asks: true, reason: reasonNone, first: true}
	u.units = min(s.rng.Uint64N(2), v.granted, v.demand)
	v.account(&u, now, s.rng)
	return u
}

// revive lets a rating group that ran out of credit ask again after an RAR, which is how a server tells of a top-up.
func (s *session) revive(v *service) {
	if v.state == serviceEnded && v.result == resultCreditLimit && v.demand > 0 {
		v.state, v.end, v.asks = serviceIdle, "", 0
	}
}

// handle obeys the answer to the session's request; a nil answer means that none came. It returns what was granted by unit
// and calls refused with the result of every refused rating group.
func (s *session) handle(r request, a *answer, now time.Time, patience time.Duration, refused func(uint32)) Units {
	outcome := outcomeAccepted
	switch {
	case a == nil:
		outcome = outcomeUnanswered
	case !a.success():
		outcome = outcomeRefused
	}
	if a != nil {
		s.result = a.result
		if a.originHost != "" {
			s.learned = a.originHost
		}
	}
	var granted Units
	if r.kind == eventRequest {
		if a != nil && a.result == resultNotApplicable {
			outcome = outcomeAccepted // the service is rendered without charge
		}
		granted = s.handleEvent(r, a, outcome, refused)
	} else {
		fate := outcome
		if outcome == outcomeRefused && deducts(a.result) {
			fate = outcomeAccepted
		}
		for i := range r.usages {
			r.usages[i].settle(fate)
		}
		switch {
		case outcome != outcomeAccepted:
			s.fail(r.kind, a)
		case r.kind == terminationRequest:
			s.close(s.endOf(), true)
		default:
			s.state = sessionOpen
			granted = s.creditAll(r, a, now, patience, refused)
		}
	}
	s.deadline = s.earliestExpiry()
	return granted
}

// deducts reports whether a server that refuses a request of a session with this Result-Code has debited what the request
// reports as used all the same (RFC 8506 s. 9.1): what is refused is more service.
func deducts(result uint32) bool {
	return result == resultServiceDenied || result == resultCreditLimit
}

// fail handles a CCR of a session that was refused at command level, or not answered. A CCR-I that failed opened nothing; for
// the server to release what it holds, other sessions are ended by a CCR-T, unless it says that it knows none.
func (s *session) fail(kind requestType, a *answer) {
	if a == nil {
		s.lost = true
	}
	switch {
	case kind == terminationRequest, kind == initialRequest && a != nil, a != nil && a.result == resultUnknownSession:
		end := EndRefused
		if a == nil {
			end = EndUnanswered
		}
		s.close(end, a != nil)
	default:
		s.state = sessionClosing
		if a != nil {
			for _, v := range s.services {
				if v.alive() && v.state != serviceQuota {
					v.finish(EndRefused)
				}
			}
		}
	}
}

func (s *session) close(end string, known bool) {
	s.state, s.closed = sessionClosed, known
	if s.end == "" {
		s.end = end
	}
	for _, v := range s.services {
		if v.end == "" || !known {
			v.end = s.end
		}
	}
}

// creditAll hands each service of the request its part of the answer.
func (s *session) creditAll(r request, a *answer, now time.Time, patience time.Duration, refused func(uint32)) Units {
	var granted Units
	for i := range r.usages {
		v := r.usages[i].service
		part, found := a.partOf(v, len(s.services) == 1)
		if found && part.result != 0 && part.result/1000 != 2 {
			refused(part.result)
		}
		if !r.usages[i].asks && part.grant == nil {
			if found && part.result != 0 {
				v.result = part.result
			}
			if r.usages[i].led {
				v.wait(now, patience)
			}
			continue // reported without asking: no quota is expected, and none is held against the server
		}
		granted.add(v.unit, v.credit(part, now))
		if v.state == serviceIdle && part.final.leads() {
			v.wait(now, patience)
		}
	}
	return granted
}

// partOf finds the part of an answer that is about a service: by Rating-Group, or the only one there is for an element that
// sends none. A server may answer at command level instead.
func (a *answer) partOf(v *service, alone bool) (serviceAnswer, bool) {
	for _, part := range a.services {
		if v.hasGroup && part.hasGroup && part.group == v.group || !v.hasGroup && alone {
			return part, true
		}
	}
	if len(a.services) == 1 && alone && !a.services[0].hasGroup {
		return a.services[0], true
	}
	if len(a.services) == 0 && alone {
		part := a.command
		part.result = 0 // the command's, which is a success
		return part, true
	}
	return serviceAnswer{}, false
}

func (s *session) handleEvent(r request, a *answer, outcome exchangeOutcome, refused func(uint32)) Units {
	var granted Units
	end := EndFinished
	for i := range r.usages {
		u, partOutcome := &r.usages[i], outcome
		if a != nil && outcome == outcomeAccepted {
			part, found := a.partOf(u.service, len(s.services) == 1)
			if found && part.result != 0 && part.result/1000 != 2 {
				refused(part.result)
				if part.result != resultNotApplicable {
					partOutcome, end = outcomeRefused, EndRefused
				}
			}
			if found && part.result != 0 {
				u.service.result = part.result
			}
			if found && part.grant != nil {
				u.service.totalGranted += part.grant.units[u.service.unit]
				granted.add(u.service.unit, part.grant.units[u.service.unit])
			}
		}
		u.settle(partOutcome)
	}
	switch outcome {
	case outcomeRefused:
		end = EndRefused
	case outcomeUnanswered:
		end = EndUnanswered
	}
	s.close(end, a != nil)
	return granted
}

func (s *session) earliestExpiry() time.Time {
	var earliest time.Time
	if s.state != sessionOpen {
		return earliest
	}
	for _, v := range s.services {
		if v.state == serviceQuota && !v.expires.IsZero() && (earliest.IsZero() || v.expires.Before(earliest)) {
			earliest = v.expires
		}
		if v.state == serviceIdle && !v.waits.IsZero() && (earliest.IsZero() || v.waits.Before(earliest)) {
			earliest = v.waits
		}
	}
	return earliest
}
