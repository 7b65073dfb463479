package rating

import (
	"strings"

	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// Request is what a credit-control request says about one service.
type Request struct {
	// Context is the number in Service-Context-Id: 32251 packet data, 32260
	// IMS, 32274 SMS, 32270 MMS; 0 when there is none.
	Context uint32
	// RatingGroup and ServiceID are Rating-Group and Service-Identifier
	// (RFC 8506 sections 8.29 and 8.28), where present.
	RatingGroup, ServiceID       uint32
	HasRatingGroup, HasServiceID bool
	// APN is Called-Station-Id as sent; it may be empty. Letter case and an
	// operator identifier (.mncNNN.mccNNN.gprs) make no difference.
	APN []byte
	// Called and Calling are the E.164 numbers of the called party or recipient
	// and of the calling party, digits without "+"; they may be empty.
	Called, Calling []byte
	// Serving is the network that serves the subscriber; 0 is unknown.
	Serving ident.PLMN
	// RAT is 3GPP-RAT-Type (TS 29.061 section 16.4.7.2) plus one; 0 is unknown.
	RAT uint8
	// QCI is QoS-Class-Identifier (TS 29.212 section 5.3.17); 0 is unknown.
	QCI uint8
	// OnNet is whether the called party is a subscriber of this operator.
	OnNet bool
	// Counters are what the subscriber and the account have used; nil stands
	// for counters at zero.
	Counters Counters
	// CycleDay is the day of the month on which the account's billing cycle
	// begins, 1 to 28; 0 counts as 1. It says when counters begin again.
	CycleDay uint8
	// Role is Node-Role (TS 32.299): 0 originating, 1 terminating, 2 proxy, 3 B2BUA.
	Role uint8
	// At is the moment whose tariff applies.
	At instant.Instant
	// Offers are the subscriber's offers, in order: the first that has a rate
	// for the service decides.
	Offers []ident.Name
}

// Match is how a plan classifies a request. Its indices are only meaningful to
// the plan that made it.
type Match struct {
	Service   uint32     // index for ServiceAt
	ServiceID ident.Name // its short name
	Offer     ident.Name // the offer that decided
	Zone      uint32     // of the called number: index for ZoneAt, 0 for none
	Visited   uint32     // of the serving network: index for ZoneAt, 0 for none
	Rule      uint32     // index for RuleAt
	Rate      uint32     // index for Price
	Unit      Unit
	Treatment Treatment
	// Until is the earliest moment at which time makes the same request match
	// otherwise: a calendar changes, or counters begin again at zero. 0 means
	// never. It is exact within Horizon; what is further away is announced as
	// Horizon itself, at which moment the request has to be classified again.
	Until instant.Instant
	// Left is how many units may be used until a counter makes the same request
	// match otherwise; 0 is any number. A grant is cut there.
	Left uint64
	// LeftMoney is, likewise, what the usage may cost until a counter of money
	// does; 0 is any amount.
	LeftMoney money.Amount
	// InForce has a bit for each calendar of the plan that is in force at At.
	// Allowances that ask for calendars go by it; Until covers those, too.
	InForce uint64
	// Depends says on what else of the request the choice of rule, or of the
	// allowances that pay, depends: what a gateway has to report at once when it
	// changes.
	Depends Dependence
}

// Dependence is a set of properties of a request that can change in a session.
type Dependence uint8

// What the choice of a rule can depend on.
const (
	DependsRAT     Dependence = 1 << iota // Request.RAT
	DependsServing                        // Request.Serving
	DependsQCI                            // Request.QCI
)

// String lists them by the words of catalogues, "nothing" for none.
func (d Dependence) String() string {
	var words []string
	for k, word := range []string{"rat", "visited", "qci"} {
		if d>>k&1 != 0 {
			words = append(words, word)
		}
	}
	if words == nil {
		return "nothing"
	}
	return strings.Join(words, ", ")
}

// Horizon is how far ahead Until looks for a switch of tariff: longer than any
// quota lives, so that what lies behind it cannot matter to a grant.
const Horizon = 31 * instant.Day

// Treatment says what happens to usage.
type Treatment uint8

// The treatments.
const (
	Charged Treatment = iota // at a price
	Free                     // not charged: Result-Code 4011
	Denied                   // not served: Result-Code 4010
)

// String returns the word that catalogues use.
func (t Treatment) String() string {
	switch t {
	case Charged:
		return "charge"
	case Free:
		return "free"
	case Denied:
		return "deny"
	}
	return "unknown"
}

// Refusal says why a request has no price. It never means a price of zero.
type Refusal uint8

// The outcomes of Classify.
const (
	Matched   Refusal = iota
	NoService         // no service of the catalogue recognises the request
	NoTariff          // the service is known, but no rule applies: Result-Code 5031
)

// String names the outcome.
func (r Refusal) String() string {
	switch r {
	case Matched:
		return "matched"
	case NoService:
		return "no-service"
	case NoTariff:
		return "no-tariff"
	}
	return "unknown"
}

// Classify finds the service, the offer, the zone and the first rule that
// applies to r, and fills m. After NoTariff the service of m is set, and the
// offer if one had a rate for it; Until says when a rule may begin to apply.
func (p *Plan) Classify(r *Request, m *Match) Refusal {
	*m = Match{}
	service, ok := p.recognise(r)
	if !ok {
		return NoService
	}
	m.Service = service
	m.ServiceID = p.services[service].ID
	m.Unit = p.services[service].Unit
	m.Zone, m.Visited = p.prefixes.zone(r.Called), p.visited(r.Serving)
	rate, offer := p.rateFor(r.Offers, service)
	if rate == nil {
		return NoTariff
	}
	m.Offer = offer
	s := situation{request: r, zone: m.Zone, visited: m.Visited}
	if rate.calling {
		s.calling = p.prefixes.zone(r.Calling)
	}
	rule := p.choose(rate, &s, m)
	if rule == noRule {
		return NoTariff
	}
	m.Rule = rule
	m.Rate = p.rules[rule].Rate
	m.Treatment = p.rules[rule].Treatment
	if rate.counted {
		p.left(rate, &s, m)
	}
	return Matched
}

// rateFor returns the rate of the first offer that has one for the service.
func (p *Plan) rateFor(offers []ident.Name, service uint32) (*rate, ident.Name) {
	for _, name := range offers {
		offer, ok := p.offerIndex.find(uint64(name))
		if !ok {
			continue
		}
		if k := p.rateAt[int(offer)*len(p.services)+int(service)]; k != 0 {
			return &p.rates[k], name
		}
	}
	return nil, 0
}
