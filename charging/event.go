package charging

import (
	"encoding/binary"

	"gyro/balance"
	"gyro/charging/session"
	"gyro/charging/usage"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/slab"
	"gyro/rating"

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
	group := &x.scratch.group
	x.sessions.Octets.Free(group.Facts.Seen)
	*group = session.Group{
		RatingGroup: sv.RatingGroup, HasRatingGroup: sv.Flags&HasRatingGroup != 0,
		ServiceID: sv.ServiceID, HasServiceID: sv.Flags&HasServiceID != 0,
	}
	plan, refusal := x.match(group)
	if refusal != rating.Matched {
		so.Result = RatingFailed
		return
	}
	m := &x.scratch.filter.match
	units := x.unitsOf(sv, group.Unit)
	switch {
	case m.Treatment == rating.Denied:
		so.Result = ServiceDenied
	case !x.payable(sv, group.Unit):
		so.Result = InvalidValue
	case m.Treatment == rating.Free && sv.Requested.Has&HasMoney == 0:
		x.freeEvent(group, units, o, so)
	case x.request.Action == RefundAccount:
		so.Result = x.refund(group, plan.Price(m.Rate), sv, units, o)
	case x.request.Action == PriceEnquiry:
		cost, ok := x.costOf(group, plan.Price(m.Rate), billableOf(plan.Price(m.Rate), units))
		sum, fits := money.Amount(o.Amount).Add(money.Amount(cost))
		if !ok || !fits {
			so.Result = InvalidValue
			return
		}
		o.Amount = int64(sum)
	default:
		x.debitEvent(group, plan.Price(m.Rate), units, m, o, so)
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

// billableOf is MaxUnits and more, which no price accepts, where rounding up
// leaves the range.
func billableOf(p *rating.Price, units uint64) uint64 {
	billable, ok := p.Billable(units)
	if !ok {
		return rating.MaxUnits + 1
	}
	return billable
}

// unitsOf is how many units an event is for: those it names, or one for each
// recipient.
func (x *exchange) unitsOf(sv *Service, d balance.Denomination) uint64 {
	if units := sv.Requested.in(d); units > 0 {
		return units
	}
	return uint64(max(x.request.Recipients, 1))
}

func (x *exchange) freeEvent(group *session.Group, units uint64, o *Outcome, so *ServiceOutcome) {
	switch x.request.Action {
	case DirectDebiting:
		so.Result = NotApplicable
		group.Opened, group.Requests, group.RecordUsed = x.now, 1, units
		x.closeRecord(x.session, group, usage.Ended)
	case CheckBalance:
		o.CheckBalance = max(o.CheckBalance, enoughCredit)
	case PriceEnquiry, RefundAccount:
	}
}

// Check-Balance-Result (RFC 8506 section 8.6) plus one.
const (
	enoughCredit = 1
	noCredit     = 2
)

// debitEvent takes the price of an event, all of it or nothing; for
// CHECK_BALANCE it only finds out whether it could.
func (x *exchange) debitEvent(group *session.Group, price *rating.Price, units uint64, m *rating.Match, o *Outcome, so *ServiceOutcome) {
	x.bound = x.boundOf(group)
	enough := units <= x.bound.units && x.affords(group, price, units)
	if x.request.Action == CheckBalance {
		o.CheckBalance = max(o.CheckBalance, enoughCredit)
		if !enough {
			o.CheckBalance = noCredit
		}
		return
	}
	if !enough {
		so.Result = CreditLimitReached
		return
	}
	group.Opened = x.now
	so.Result = x.charge(group, x.pin(group), units)
	o.Amount += int64(group.Charged)
	if group.SetupTaken {
		o.Amount += int64(price.Setup())
	}
	if so.Result == Success {
		so.Granted, so.Unit = units, GrantUnit(m.Unit)
		so.Flags |= Grants
	}
	x.closeRecord(x.session, group, usage.Ended)
}

// affords reports whether the account can pay for an event, with however many
// buckets: it is debited in the same step, so nothing need be reserved.
func (x *exchange) affords(group *session.Group, price *rating.Price, units uint64) bool {
	billable, ok := price.Billable(units)
	if !ok {
		return false
	}
	cost, ok := x.costOf(group, price, billable-min(billable, uint64(x.free(group, group.Unit))))
	return ok && cost <= x.free(group, x.account.Denomination())
}

// refund returns what an event cost (REFUND_ACCOUNT). Units go back to an
// allowance that pays for the service and has given at least as many; what
// none has given is refunded in money, at today's price or as the request says.
func (x *exchange) refund(group *session.Group, price *rating.Price, sv *Service, units uint64, o *Outcome) Result {
	to, value, d := x.book.Main(&x.account.Account), sv.Requested.Money, x.account.Denomination()
	if sv.Requested.Has&HasMoney == 0 {
		billable, ok := price.Billable(units)
		if !ok {
			return InvalidValue
		}
		if i := x.spentAllowance(group, int64(billable)); i != 0 {
			to, value, d = i, int64(billable), group.Unit
		} else if value, ok = x.costOf(group, price, billable); !ok {
			return InvalidValue
		}
	}
	if value < 0 || value > balance.MaxAmount {
		return InvalidValue
	}
	if value == 0 {
		return Success
	}
	if x.book.Buckets.At(to).Remaining > balance.MaxAmount-value {
		return Overflow
	}
	bucket := x.book.Buckets.At(to)
	bucket.Remaining += value
	x.post(usage.Refund, group, units, balance.Posting{
		From:   destination(group, d),
		To:     balance.LedgerAccount{Class: balance.CustomerBucket, Name: bucket.Allowance, Bucket: bucket.ID},
		Amount: value, Denomination: d,
	})
	if d.IsMoney() {
		o.Amount += value
	}
	return Success
}

func (x *exchange) spentAllowance(group *session.Group, units int64) slab.Index {
	for i := x.account.Buckets; i != 0; {
		b := x.book.Buckets.At(i)
		if b.Denomination == group.Unit && b.Valid(x.now) && b.Granted-b.Remaining >= units &&
			x.scratch.filter.Pays(b) {
			return i
		}
		i = b.Next
	}
	return 0
}

// post books one posting and writes the record it is in.
func (x *exchange) post(kind usage.Kind, group *session.Group, units uint64, p balance.Posting) {
	x.book.Ledger.Post(&p)
	octets := &x.sessions.Octets
	record := &x.scratch.record
	*record = usage.Record{
		Kind: kind, Cause: usage.Ended, Opened: x.now, Closed: x.now,
		SessionID: octets.Get(x.session.ID), SubSession: x.session.Sub, Subscriber: octets.Get(x.session.Identity),
		Called: octets.Get(x.session.Called), Context: x.session.Context,
		RatingGroup: group.RatingGroup, ServiceID: group.ServiceID, Used: units, Requests: 1,
		Plan: group.Plan, Rate: group.Rate, Service: group.ServiceName, Offer: group.Offer,
		Unit: group.Unit, Currency: x.account.Currency, Flags: recordFlags(group),
		Postings: append(x.scratch.postings[:0], p),
	}
	record.Why = x.why(x.session, group, x.account, record.Postings)
	if p.Denomination.IsMoney() {
		record.Charged = -money.Amount(p.Amount)
	}
	x.emit(x.account, record)
}
