package charging

import (
	"gyro/balance"
	"gyro/charging/session"
	"gyro/charging/usage"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/rating"
)

// in returns the set's count in a denomination: octets are the total where it
// is present, and input plus output where it is not, never both.
func (u *Units) in(d balance.Denomination) uint64 {
	switch d {
	case balance.Octets:
		if u.Has&HasTotal != 0 {
			return u.Total
		}
		return plus(u.Input, u.Output)
	case balance.Seconds:
		return u.Seconds
	case balance.Events:
		return u.Events
	}
	return 0
}

// usedIn adds the reports up.
func (s *Service) usedIn(d balance.Denomination) uint64 {
	before, after := s.usedAround(d)
	return plus(before, after)
}

// usedAround adds the reports up, apart what was used before a tariff switch
// and what after it. What straddles it (UNIT_INDETERMINATE) counts as before,
// for that is the price that the customer began to use it at; so does what says
// nothing of a switch, which "means that no tariff change has occurred" (RFC
// 8506 section 8.27). Some gateways send the total in one report and
// the same octets again as input and output in another: where any report of a
// tariff period (Tariff-Change-Usage) has a total, only totals count in it.
func (s *Service) usedAround(d balance.Denomination) (before, after uint64) {
	for i := range s.ReportCount {
		r := &s.Reports[i]
		if d == balance.Octets && r.Has&HasTotal == 0 && s.hasTotal(r.TariffChange) {
			continue
		}
		if r.TariffChange == unitAfterTariffChange+1 {
			after = plus(after, r.in(d))
		} else {
			before = plus(before, r.in(d))
		}
	}
	return before, after
}

// reportsAfter reports whether anything was used after a tariff switch.
func (s *Service) reportsAfter() bool {
	for i := range s.ReportCount {
		if s.Reports[i].TariffChange == unitAfterTariffChange+1 {
			return true
		}
	}
	return false
}

func (s *Service) hasTotal(period uint8) bool {
	for i := range s.ReportCount {
		if s.Reports[i].TariffChange == period && s.Reports[i].Has&HasTotal != 0 {
			return true
		}
	}
	return false
}

// guessUnit is the denomination of usage that no tariff knows.
func (s *Service) guessUnit() balance.Denomination {
	has := UnitSet(0)
	for i := range s.ReportCount {
		has |= s.Reports[i].Has
	}
	switch {
	case has&(HasTotal|HasInput|HasOutput) != 0:
		return balance.Octets
	case has&HasSeconds != 0:
		return balance.Seconds
	}
	return balance.Events
}

// report charges what a gateway says was used. Usage within a grant is priced
// as it was granted; usage that nothing was granted for is priced as of now.
func (x *exchange) report(group *session.Group, sv *Service) Result {
	if group.Granted == 0 { // nothing was granted for it
		if _, refusal := x.match(group); !group.Matched {
			return x.unrated(group, sv, refusal)
		}
	}
	x.open(group)
	if group.Change != 0 && sv.reportsAfter() {
		return x.chargeAcross(group, sv)
	}
	used := sv.usedIn(group.Unit)
	if group.Free {
		group.Requests++
		group.RecordUsed = plus(group.RecordUsed, used)
		return Success
	}
	return x.charge(group, x.pin(group), used)
}

// unrated records usage that cannot be priced: it is never dropped silently.
func (x *exchange) unrated(group *session.Group, sv *Service, refusal rating.Refusal) Result {
	x.open(group)
	group.Unit, group.Unrated = sv.guessUnit(), true
	group.ServiceName = x.scratch.filter.match.ServiceID // where it is known but not rated
	group.Requests++
	group.RecordUsed = plus(group.RecordUsed, sv.usedIn(group.Unit))
	if refusal == rating.Matched {
		return ServiceDenied
	}
	return RatingFailed
}

// charge debits used units more of a group at a price: allowances first, then
// money, and what nothing pays for as excess.
func (x *exchange) charge(group *session.Group, price *rating.Price, used uint64) Result {
	billable, ok := price.Billable(plus(group.Used, used))
	if !ok {
		return InvalidValue
	}
	need := int64(billable - group.Billed)
	x.resume(group, price)
	x.taken, x.carried = 0, 0
	// Unless even the whole could be booked, nothing is taken.
	most, ok := x.costOf(group, price, uint64(need))
	if !ok || most > balance.MaxAmount || x.account.Excess > balance.MaxAmount {
		return Overflow
	}
	taken := x.debit(group, group.Unit, need)
	rated := uint64(need - taken)
	cost, _ := x.costOf(group, price, rated)
	paid := x.debit(group, x.account.Denomination(), cost)
	x.owe(group, money.Amount(cost-paid))

	group.Requests++
	group.Used += used
	group.Billed = billable
	group.Rated += rated
	if rated > 0 {
		group.Charged, _ = price.Cost(group.Rated)
		group.Facts.Setup = group.Facts.Setup || !group.SetupTaken
		group.SetupTaken = true
	}
	group.Facts.Ahead -= x.carried
	x.count(group, used, rated, money.Amount(cost))
	if refundable, ok := x.account.Refundable.Add(money.Amount(cost)); ok {
		x.account.Refundable = refundable
	}
	group.RecordUsed += used
	group.RecordBilled += uint64(need)
	group.RecordRated += rated
	return Success
}

// debit takes up to want from the account's buckets for a group and posts it.
// When the record has no room for one more bucket it is closed as partial.
func (x *exchange) debit(group *session.Group, d balance.Denomination, want int64) (taken int64) {
	for taken < want {
		got := x.book.Debit(&x.account.Account, d, want-taken, x.now, &x.scratch.filter, &group.Reserved, &group.Moved)
		x.appointBegun()
		if got > 0 {
			x.book.Ledger.Post(&balance.Posting{
				From:   balance.LedgerAccount{Class: balance.CustomerBucket},
				To:     destination(group, d),
				Amount: got, Denomination: d,
			})
		}
		if d.IsMoney() {
			group.RecordCharged += money.Amount(got)
			x.taken += money.Amount(got)
		}
		taken += got
		if taken == want || group.Moved.Bucket[balance.MaxParts-1] == 0 {
			return taken // all of it, or nothing is left to take
		}
		group.Facts.Ahead += x.taken
		x.carried, x.taken = x.carried+x.taken, 0
		x.closeRecord(x.session, group, usage.Partial)
		group.Opened = x.now
	}
	return taken
}

func destination(group *session.Group, d balance.Denomination) balance.LedgerAccount {
	class := balance.Revenue
	if !d.IsMoney() {
		class = balance.Consumed
	}
	return balance.LedgerAccount{Class: class, Name: group.ServiceName}
}

// owe books what no bucket could pay.
func (x *exchange) owe(group *session.Group, excess money.Amount) {
	if excess <= 0 {
		return
	}
	x.activity.Excess++
	x.account.Excess += excess
	group.RecordExcess += excess
	group.RecordCharged += excess
	x.book.Ledger.Post(&balance.Posting{
		From:   balance.LedgerAccount{Class: balance.CustomerExcess},
		To:     destination(group, x.account.Denomination()),
		Amount: int64(excess), Denomination: x.account.Denomination(),
	})
}

// closeRecord writes what a group used and moved since its record was opened,
// and opens the next.
func (s *State) closeRecord(r *session.Session, group *session.Group, cause usage.Cause) {
	s.closeRecordAt(r, group, cause, s.now)
}

// closeRecordAt is closeRecord for usage that ended before now.
func (s *State) closeRecordAt(r *session.Session, group *session.Group, cause usage.Cause, at instant.Instant) {
	if group.RecordUsed == 0 && group.RecordCharged == 0 && group.Moved.Bucket[0] == 0 {
		return
	}
	a := s.accounts.At(r.Account)
	record, was := &s.scratch.record, s.saidOf(r, group)
	*record = usage.Record{
		Kind: kindOf(r), Cause: cause, Opened: group.Opened, Closed: at,
		SessionID: s.sessions.Octets.Get(r.ID), SubSession: r.Sub,
		Subscriber: s.sessions.Octets.Get(r.Identity), Called: was.called,
		RatingGroup: group.RatingGroup, ServiceID: group.ServiceID, Context: was.context,
		Used: group.RecordUsed, Billed: group.RecordBilled, Rated: group.RecordRated,
		Charged: group.RecordCharged, Excess: group.RecordExcess, Requests: group.Requests,
		Plan: group.Plan, Rate: group.Rate, Service: group.ServiceName, Offer: group.Offer,
		Unit: group.Unit, Currency: a.Currency, Flags: recordFlags(group),
	}
	record.Postings = s.postingsOf(group, a.Denomination())
	record.Why = s.why(r, group, a, record.Postings)
	s.emit(a, record)
	goOn(group)
	r.Charged += group.RecordCharged
	group.Opened, group.Requests = 0, 0
	group.RecordUsed, group.RecordBilled, group.RecordRated = 0, 0, 0
	group.RecordCharged, group.RecordExcess = 0, 0
	group.Moved = balance.Parts{}
}

// kindOf tells a session from the one that stands in for an event.
func kindOf(r *session.Session) usage.Kind {
	if r.Number == 0 {
		return usage.Event
	}
	return usage.Session
}

func recordFlags(group *session.Group) (f usage.Flags) {
	if group.HasRatingGroup {
		f |= usage.HasRatingGroup
	}
	if group.HasServiceID {
		f |= usage.HasServiceID
	}
	if group.Free {
		f |= usage.Free
	}
	if group.Unrated {
		f |= usage.Unrated
	}
	return f
}

// postingsOf names each bucket that the group's record drew on. The ledger's
// totals were moved when it did.
func (s *State) postingsOf(group *session.Group, currency balance.Denomination) []balance.Posting {
	postings := s.scratch.postings[:0]
	for n, i := range group.Moved.Bucket {
		if i == 0 {
			break
		}
		b := s.book.Buckets.At(i)
		postings = append(postings, balance.Posting{
			From:   bucketSide(b),
			To:     destination(group, b.Denomination),
			Amount: group.Moved.Amount[n], Denomination: b.Denomination,
		})
	}
	if group.RecordExcess > 0 {
		postings = append(postings, balance.Posting{
			From:   balance.LedgerAccount{Class: balance.CustomerExcess},
			To:     destination(group, currency),
			Amount: int64(group.RecordExcess), Denomination: currency,
		})
	}
	return postings
}

// emit numbers a record, appends it to the account's chain and the outbox, and
// mixes it into the digest.
func (s *State) emit(a *account, record *usage.Record) {
	record.Previous = a.LastRecord
	record.Account = a.id()
	a.LastRecord = s.outbox.append(record, &s.digest)
	a.Records++
}
