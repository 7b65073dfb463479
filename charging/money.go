package charging

import (
	"gyro/balance"
	"gyro/charging/usage"
	"gyro/internal/ident"
	"gyro/internal/money"
	"gyro/internal/slab"
)

// mainOf is the account's own money.
func (s *State) mainOf(a *account) *balance.Bucket {
	return s.book.Buckets.At(s.book.Main(&a.Account))
}

// bucketSide is a bucket as a side of a posting.
func bucketSide(b *balance.Bucket) balance.LedgerAccount {
	return balance.LedgerAccount{Class: balance.CustomerBucket, Name: b.Allowance, Bucket: b.ID}
}

func (s *State) moveMoney(kind Kind, c *MoveMoney, o *Outcome) {
	k := keyed{account: c.Account, key: c.Key, reason: c.Reason, digest: c.Digest, currency: c.Currency}
	s.once(kind, k, o, func(i slab.Index) {
		switch kind {
		case KindAdjust:
			s.adjust(i, c, o)
		case KindSettle:
			s.settle(i, c, o)
		default:
			s.topUp(i, c, o)
		}
	})
}

// income is money that comes to an account, from the operator or from another
// account.
type income struct {
	kind   usage.Kind
	from   balance.LedgerAccount
	amount money.Amount
	key    string
	reason string
	other  []byte // the account that it comes from
}

// room reports whether an account's own money can take an amount more.
func (s *State) room(a *account, amount money.Amount, o *Outcome) bool {
	if s.mainOf(a).Remaining > balance.MaxAmount-int64(amount) {
		o.refuse(Overflow, "the balance would leave the range of an amount")
		return false
	}
	return true
}

// receive adds money to an account's own and settles from it what the account
// owes: first excess, which is usage that the operator has delivered, then the
// loan. It returns the record of the income.
func (s *State) receive(i slab.Index, in *income) (record uint64) {
	a := s.accounts.At(i)
	main := s.mainOf(a)
	var postings []balance.Posting
	settled := money.Amount(0)
	if in.amount > 0 {
		main.Remaining += int64(in.amount)
		postings = append(postings, balance.Posting{From: in.from, To: bucketSide(main), Amount: int64(in.amount), Denomination: main.Denomination})
		if settled = min(a.Excess, in.amount); settled > 0 {
			postings = append(postings, balance.Posting{
				From: bucketSide(main), To: balance.LedgerAccount{Class: balance.CustomerExcess},
				Amount: int64(settled), Denomination: main.Denomination,
			})
			main.Remaining -= int64(settled)
			a.Excess -= settled
		}
	}
	s.operation(a, usage.Record{
		Kind: in.kind, Cause: usage.Requested, SessionID: []byte(in.key), Reason: []byte(in.reason), Other: in.other,
	}, postings...)
	record = a.LastRecord
	s.repay(a, in.amount-settled, in.key)
	s.replenished(i)
	return record
}

// bonusPriority has a bonus used before the account's own money and behind
// every allowance.
const bonusPriority = balance.MainPriority - 1

// giveBonus gives an account the bucket of a bonus.
func (s *State) giveBonus(a *account, bonus *Bonus, key string) {
	bucket := balance.Bucket{
		Denomination: a.Denomination(), Priority: bonusPriority,
		Remaining: int64(bonus.Amount), Granted: int64(bonus.Amount), From: s.now,
	}
	if bonus.Days > 0 {
		bucket.Until = s.now.Add(days(bonus.Days))
	}
	to := s.book.Buckets.At(s.book.Open(&a.Account, bucket))
	s.operation(a, usage.Record{Kind: usage.Grant, Cause: usage.Requested, SessionID: []byte(key), Reason: []byte(bonus.Promotion)}, balance.Posting{
		From: balance.LedgerAccount{Class: balance.Granted, Name: ident.NameOf(bonus.Promotion)}, To: bucketSide(to),
		Amount: to.Remaining, Denomination: to.Denomination,
	})
}

// topUp adds money, and a bonus where there is one.
func (s *State) topUp(i slab.Index, c *MoveMoney, o *Outcome) {
	a := s.accounts.At(i)
	if c.Amount <= 0 || c.Amount > balance.MaxAmount {
		o.refuse(Invalid, "a top-up must be above zero and at most %s; use an adjustment to take money back", money.Amount(balance.MaxAmount))
		return
	}
	if b := c.Bonus; b != nil && (b.Amount <= 0 || b.Amount > balance.MaxAmount || b.Promotion == "" || len(b.Promotion) > MaxKey) {
		o.refuse(Invalid, "a bonus needs an amount above zero and at most %s, and the promotion's name of 1 to %d octets", money.Amount(balance.MaxAmount), MaxKey)
		return
	}
	if !s.room(a, c.Amount, o) {
		return
	}
	o.Record = s.receive(i, &income{
		kind: usage.TopUp, from: balance.LedgerAccount{Class: balance.Funding, Name: ident.NameOf(c.Reason)},
		amount: c.Amount, key: c.Key, reason: c.Reason,
	})
	if c.Bonus != nil {
		s.giveBonus(a, c.Bonus, c.Key)
	}
	s.extend(i, days(c.ExtendsDays))
}

// approved reports whether a correction may be carried out: above the
// threshold of the settings a second person must have agreed.
func (s *State) approved(amount money.Amount, askedBy, approvedBy string, o *Outcome) bool {
	threshold := s.settings.Money.ApprovalAbove
	switch {
	case len(askedBy) > MaxKey || len(approvedBy) > MaxKey:
		o.refuse(Invalid, "who asked and who approved have at most %d octets", MaxKey)
	case threshold == 0 || max(amount, -amount) <= threshold:
		return true
	case askedBy == "" || approvedBy == "":
		o.refuse(ApprovalNeeded, "an adjustment of more than %s needs who asked for it and who approved it", threshold)
	case askedBy == approvedBy:
		o.refuse(ApprovalNeeded, "an adjustment of more than %s is approved by somebody other than %q, who asked for it", threshold, askedBy)
	default:
		return true
	}
	return false
}

// adjust adds or takes money for a reason that a person states.
func (s *State) adjust(i slab.Index, c *MoveMoney, o *Outcome) {
	a := s.accounts.At(i)
	main := s.mainOf(a)
	free := main.Remaining - main.Reserved + int64(a.CreditLimit)
	switch {
	case c.Amount == 0 || c.Amount > balance.MaxAmount || c.Amount < -balance.MaxAmount:
		o.refuse(Invalid, "an adjustment must be an amount other than zero, of at most %s", money.Amount(balance.MaxAmount))
		return
	case !s.approved(c.Amount, c.AskedBy, c.ApprovedBy, o):
		return
	case c.Amount < 0 && int64(-c.Amount) > free:
		o.refuse(InsufficientBalance, "only %s %s of account %q is free", money.Amount(max(free, 0)), a.Currency, c.Account)
		return
	case c.Amount > 0 && !s.room(a, c.Amount, o):
		return
	}
	p := balance.Posting{
		From:   balance.LedgerAccount{Class: balance.Adjustments, Name: ident.NameOf(c.Reason)},
		To:     bucketSide(main),
		Amount: int64(c.Amount), Denomination: main.Denomination,
	}
	if c.Amount < 0 {
		p.From, p.To, p.Amount = p.To, p.From, -p.Amount
	}
	main.Remaining += int64(c.Amount)
	s.operation(a, usage.Record{
		Kind: usage.Adjustment, Cause: usage.Requested, SessionID: []byte(c.Key), Reason: []byte(c.Reason),
		AskedBy: []byte(c.AskedBy), ApprovedBy: []byte(c.ApprovedBy),
	}, p)
	o.Record = a.LastRecord
	if c.Amount > 0 {
		s.replenished(i)
	}
}
