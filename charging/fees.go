package charging

import (
	"fmt"

	"gyro/balance"
	"gyro/charging/usage"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/rating"
)

// lowered is a fee after the promotion that takes most off it. A subscription
// takes part in those that its code named, and in those without a code that
// were open when it began.
func lowered(offer *rating.Offer, p *subscription, fee money.Amount, lowers func(*rating.Promotion) bool) money.Amount {
	var most money.Amount
	for k := range offer.Promotions {
		promotion := &offer.Promotions[k]
		if promotion.ID == p.Code && p.Code != 0 || promotion.Code == "" && promotion.Open(p.Began) {
			if lowers(promotion) {
				most = max(most, promotion.Off(fee))
			}
		}
	}
	return fee - most
}

// oneTimeFee is what the activation of an offer costs a subscription.
func oneTimeFee(offer *rating.Offer, p *subscription) money.Amount {
	return lowered(offer, p, offer.OneTime, func(promotion *rating.Promotion) bool { return promotion.OneTime })
}

// recurringFee is what a stretch of a subscription's period costs; whole is
// the length of a full period. Parts are in proportion to milliseconds, so that
// a cycle with a change of the clock is no dearer, rounded to the nearest
// millionth.
func recurringFee(offer *rating.Offer, p *subscription, part, whole instant.Span) money.Amount {
	fee := offer.Recurring.Amount
	if offer.Recurring.Prorated && part < whole {
		fee, _ = money.MulDiv(fee, uint64(max(part, 0)), uint64(whole), money.HalfUp) // at most fee
	}
	return lowered(offer, p, fee, func(promotion *rating.Promotion) bool { return promotion.Lowers(p.Fees) })
}

// times is a period several times over.
func times(p rating.Period, n uint16) rating.Period {
	return rating.Period{Days: p.Days * n, Months: p.Months * n}
}

// firstPeriod lays the first period of a subscription: prorated ones end with
// the account's billing cycle where that comes before a full period is over.
func firstPeriod(plan *rating.Plan, offer *rating.Offer, a *account, p *subscription, at instant.Instant) {
	p.From, p.Until, p.Anchor, p.Periods = at, 0, at, 1
	if offer.Recurring == nil {
		return
	}
	every := offer.Recurring.Every
	p.Until = plan.After(at, every)
	if !offer.Recurring.Prorated {
		return
	}
	from, until := plan.Cycle(at, a.cycleDay())
	if from < at && until < p.Until {
		p.Until, p.Anchor, p.Periods = until, until, 0
	}
}

// nextPeriod moves a subscription to its next period. Where a version of the
// catalogue has another period or time zone since, it is counted from the end of
// the one that was paid for.
func nextPeriod(plan *rating.Plan, offer *rating.Offer, p *subscription) {
	every := offer.Recurring.Every
	if uint32(max(every.Days, every.Months))*(uint32(p.Periods)+1) > 1<<16-1 || // 179 years of days
		plan.After(p.Anchor, times(every, p.Periods)) != p.Until {
		p.Anchor, p.Periods = p.Until, 0
	}
	p.From, p.Periods, p.Paid = p.Until, p.Periods+1, 0
	p.Until = plan.After(p.Anchor, times(every, p.Periods))
}

// lengths are the length of the period that runs, and that of a full one.
func lengths(plan *rating.Plan, offer *rating.Offer, a *account, p *subscription) (part, whole instant.Span) {
	part = p.Until.Sub(p.From)
	if p.Periods > 0 {
		return part, part
	}
	from, _ := plan.Cycle(p.From, a.cycleDay())
	return part, plan.After(from, offer.Recurring.Every).Sub(from)
}

// spendable is what of an account's own money, with its credit limit, can be
// spent.
func (s *State) spendable(a *account) money.Amount {
	main := s.mainOf(a)
	return money.Amount(main.Remaining-main.Reserved) + a.CreditLimit
}

// take books a fee from the account's own money to the revenue of the offer.
func (s *State) take(a *account, p *subscription, fee money.Amount, cause usage.Cause, key []byte, reason string) {
	if fee <= 0 {
		return
	}
	main := s.mainOf(a)
	main.Remaining -= int64(fee)
	s.fee(a, p, bucketSide(main), fee, cause, key, reason)
}

// bill books a fee of a service that was had: what the account's money does
// not pay is a debt, which the next top-up settles.
func (s *State) bill(a *account, p *subscription, fee money.Amount, cause usage.Cause, key []byte) {
	if fee <= 0 {
		return
	}
	paid := min(fee, max(s.spendable(a), 0))
	s.take(a, p, paid, cause, key, "recurring fee, billed behind")
	if debt := fee - paid; debt > 0 {
		a.Excess += debt
		s.fee(a, p, balance.LedgerAccount{Class: balance.CustomerExcess}, debt, cause, key, "recurring fee, billed behind and owed")
	}
}

func (s *State) fee(a *account, p *subscription, from balance.LedgerAccount, fee money.Amount, cause usage.Cause, key []byte, reason string) {
	s.operation(a, usage.Record{
		Kind: usage.Fee, Cause: cause, Offer: p.Offer, Charged: fee, SessionID: key, Reason: []byte(reason),
		Subscriber: s.identityOfNumber(a, p.Subscriber),
	}, balance.Posting{
		From: from, To: balance.LedgerAccount{Class: balance.Revenue, Name: p.Offer},
		Amount: int64(fee), Denomination: a.Denomination(),
	})
}

// returnFee returns a part of a fee to the account's own money.
func (s *State) returnFee(a *account, p *subscription, fee money.Amount, key []byte) {
	main := s.mainOf(a)
	if fee <= 0 || main.Remaining > balance.MaxAmount-int64(fee) {
		return
	}
	s.operation(a, usage.Record{
		Kind: usage.Fee, Cause: usage.Requested, Offer: p.Offer, Charged: -fee, SessionID: key,
		Reason: []byte("unused part of the recurring fee"), Subscriber: s.identityOfNumber(a, p.Subscriber),
	}, balance.Posting{
		From:   balance.LedgerAccount{Class: balance.Revenue, Name: p.Offer},
		To:     bucketSide(main),
		Amount: int64(fee), Denomination: a.Denomination(),
	})
	main.Remaining += int64(fee)
}

// identityOfNumber names a subscriber in records; nil for the whole account.
func (s *State) identityOfNumber(a *account, number uint32) []byte {
	if who := s.whoHas(a, number); number != 0 && who != 0 {
		return appendIdentity(nil, &s.identities.At(s.subscribers.At(who).Identities).Identity)
	}
	return nil
}

// turned records that a subscription's status changed.
func (s *State) turned(a *account, p *subscription, cause usage.Cause, key []byte, what string) {
	s.operation(a, usage.Record{
		Kind: usage.LifeCycle, Cause: cause, Offer: p.Offer, SessionID: key, Reason: []byte(what),
		Subscriber: s.identityOfNumber(a, p.Subscriber),
	})
}

// payFees takes what a subscription owes, all of it or nothing.
func (s *State) payFees(a *account, p *subscription, cause usage.Cause, key []byte) bool {
	due, fits := p.OneTime.Add(p.Owed)
	if !fits || due > max(s.spendable(a), 0) {
		return false
	}
	s.take(a, p, p.OneTime, cause, key, "one-time fee")
	words := fmt.Sprintf("recurring fee, period from %s", p.From)
	if _, offer := s.planOf(a, p.Offer); offer != nil && offer.Recurring != nil && offer.Recurring.Arrears {
		words = "recurring fee, billed behind"
	}
	s.take(a, p, p.Owed, cause, key, words)
	p.Paid, p.OneTime, p.Owed = p.Owed, 0, 0
	return true
}

// planOf is the account's catalogue as it is now with one of its offers.
func (s *State) planOf(a *account, offer ident.Name) (*rating.Plan, *rating.Offer) {
	plan, _ := s.catalogs.current(a.Catalog)
	if plan == nil {
		return nil, nil
	}
	if o, ok := plan.Offer(offer); ok {
		return plan, o
	}
	return plan, nil
}
