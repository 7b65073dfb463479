package charging

import (
	"encoding/binary"

	"gyro/balance"
	"gyro/charging/session"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/slab"

	"github.com/cespare/xxhash/v2"
)

// Hash spaces of retained answers: two keys of different spaces never meet.
const (
	eventSpace   = 0x45564e54
	aliasSpace   = 0x414c4941
	commandSpace = 0x434f4d44
)

// aliasRetention is how long an End-to-End Identifier tells one event from the
// next: a client keeps it unique for 4 minutes, even across its restarts, and
// no longer (RFC 6733 section 3). The same message to the same recipient under
// the same identifier an hour later is another message.
const aliasRetention = 4 * instant.Minute

// event decides a one-time event (RFC 8506 section 6). It is recognised as a
// duplicate by (Session-Id, CC-Request-Number), and by (Origin-Host,
// End-to-End Identifier) with the same body, for some clients take a new
// Session-Id when they try again.
func (s *State) event(c *CreditControl, o *Outcome) {
	key := append(s.scratch.key[:0], c.SessionID...)
	key = binary.BigEndian.AppendUint32(append(key, 0), c.Number)
	s.scratch.key = key
	hash := xxhash.Sum64(key) ^ eventSpace
	alias := xxhash.Sum64(c.OriginHost) + uint64(c.EndToEnd)*0x9e3779b97f4a7c15 ^ aliasSpace
	if kept := s.memory.Find(hash, key, c.SubSession, s.now); kept != nil {
		if kept.Digest != c.Digest {
			o.Result = Contradiction
			return
		}
		s.replay(o, s.memory.Outcome(kept))
		return
	}
	if kept := s.memory.FindAlias(alias, c.Digest, s.now); kept != nil {
		s.replay(o, s.memory.Outcome(kept))
		o.Number = c.Number
		s.keepEvent(c, key, hash, 0, o) // for another try under the new Session-Id, whenever it comes
		return
	}
	who, named := s.subscriberOf(c, o)
	if who == 0 {
		return
	}
	s.oneTime(c, who, named, o)
	s.keepEvent(c, key, hash, alias, o)
}

func (s *State) keepEvent(c *CreditControl, key []byte, hash, alias uint64, o *Outcome) {
	s.scratch.encoded = appendOutcome(s.scratch.encoded[:0], o)
	s.keep(session.OfEvents, key, session.Retained{
		Digest: c.Digest, Until: s.now.Add(s.settings.EventRetention),
		Hash: hash, Alias: alias, AliasUntil: s.now.Add(aliasRetention), Sub: c.SubSession, Number: c.Number,
	}, s.scratch.encoded)
}

// oneTime carries an event out on a session of its own that lasts as long as
// the command, so that events and sessions are priced by the same code.
func (s *State) oneTime(c *CreditControl, who slab.Index, named *ident.Identity, o *Outcome) {
	owner := s.subscribers.At(who).Account
	s.touchAccount(owner)
	r := &s.scratch.event
	octets := &s.sessions.Octets
	*r = session.Session{
		Account: owner, Subscriber: who, Opened: s.now, Context: c.Context, Role: c.Role, Sub: c.SubSession,
		Serving: c.Serving, RAT: c.RAT, QCI: c.QCI,
		ID: octets.Put(c.SessionID), APN: octets.Put(c.APN), Called: octets.Put(c.Called), Calling: octets.Put(c.Calling),
		Identity: octets.Put(appendIdentity(nil, named)),
	}
	x := exchange{State: s, request: c, outcome: o, session: r, account: s.accounts.At(owner), owner: owner}
	s.scratch.filter.subscriber = s.subscribers.At(who).Number
	o.Currency = uint16(x.account.Currency)
	services := c.Services
	if len(services) == 0 {
		services = oneEvent[:]
	}
	for n := range services {
		o.Services = append(o.Services, ServiceOutcome{})
		x.oneTimeService(&services[n], o, &o.Services[n])
	}
	s.warn(owner)
	s.tellClient(c, x.account, 0, o)
	for _, ref := range [...]slab.Ref{r.ID, r.APN, r.Called, r.Calling, r.Identity} {
		octets.Free(ref)
	}
}

// oneEvent stands for the unit that a request without any asks for.
var oneEvent = [1]Service{{Flags: Bare | Requests}}

func (x *exchange) oneTimeService(sv *Service, o *Outcome, so *ServiceOutcome) {
	so.RatingGroup, so.ServiceID, so.Result = sv.RatingGroup, sv.ServiceID, Success
	so.Flags = outcomeFlags(sv.Flags)
	t := x.try(sv)
	so.Result = t.result
	switch {
	case t.result != Success:
	case x.request.Action == CheckBalance:
		if o.CheckBalance = max(o.CheckBalance, enoughCredit); !t.enough {
			o.CheckBalance = noCredit
		}
	case x.request.Action == PriceEnquiry:
		sum, fits := money.Amount(o.Amount).Add(t.price)
		if !fits || !t.priced {
			so.Result = InvalidValue
			return
		}
		o.Amount = int64(sum)
	case x.request.Action == DirectDebiting && !t.enough:
		so.Result = CreditLimitReached
	case x.request.Action == DirectDebiting && t.free:
		so.Result = NotApplicable
		x.eachRecipient(sv, x.debitOne(o, so))
	case x.request.Action == DirectDebiting:
		x.eachRecipient(sv, x.debitOne(o, so))
		so.Unit, so.Flags = GrantUnit(t.unit), so.Flags|Grants
	case !t.free || sv.Requested.Has&HasMoney != 0:
		so.Result = x.refundAll(sv, o)
	}
}

// payable reports whether an event's amount of money, if it names one, can be
// taken as it is. Only a refund is for an amount: what a service costs is the
// tariff's to say, and to debit its price where the gateway named another would
// be an answer to a question that nobody asked. An amount of another currency
// is never taken for the account's.
func (x *exchange) payable(sv *Service, d balance.Denomination) bool {
	has := sv.Requested.Has
	switch {
	case has&HasMoney == 0:
		return true
	case has&HasCurrency != 0 && money.Currency(sv.Requested.Currency) != x.account.Currency:
		return false
	}
	return x.request.Action == RefundAccount || sv.Requested.in(d) > 0
}

// Check-Balance-Result (RFC 8506 section 8.6) plus one.
const (
	enoughCredit = 1
	noCredit     = 2
)
