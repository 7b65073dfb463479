package charging

import (
	"gyro/balance"
	"gyro/charging/usage"
	"gyro/internal/ident"
	"gyro/internal/money"
	"gyro/internal/slab"
)

// settle takes what an account owes off its money, because it has been billed
// elsewhere and is owed there from now on: nobody has paid anything. So it is
// no top-up: it prolongs nothing, brings no bonus, and pays no loan back.
//
// It takes the money towards zero and never beyond: a settlement of more than
// is owed would be a gift, which is an adjustment, with the approval that one
// needs. A negative settlement is that of a bill with more refunds than usage;
// it takes credit away, down to zero. Excess is owed like what is below zero,
// and is settled first, as a top-up does.
func (s *State) settle(i slab.Index, c *MoveMoney, o *Outcome) {
	a := s.accounts.At(i)
	main := s.mainOf(a)
	owed := a.Excess + money.Amount(max(-main.Remaining, 0))
	credit := money.Amount(max(min(main.Remaining, main.Remaining-main.Reserved+int64(a.CreditLimit)), 0))
	switch {
	case a.Kind == balance.Prepaid:
		o.refuse(SettlementRefused, "account %q is prepaid; what it uses is paid for and is not billed", c.Account)
	case c.Amount == 0 || c.Amount > balance.MaxAmount || c.Amount < -balance.MaxAmount:
		o.refuse(Invalid, "a settlement must be an amount other than zero, of at most %s", money.Amount(balance.MaxAmount))
	case c.Amount > owed:
		o.refuse(SettlementRefused, "account %q owes %s %s, and %s cannot be settled; compare what was billed with its usage", c.Account, owed, a.Currency, c.Amount)
	case -c.Amount > credit:
		o.refuse(SettlementRefused, "account %q has %s %s of credit, and %s cannot be settled; compare what was billed with its usage", c.Account, credit, a.Currency, c.Amount)
	default:
		s.bookSettlement(a, c)
		o.Record = a.LastRecord
		if c.Amount > 0 {
			s.replenished(i)
		}
	}
}

// bookSettlement moves the amount between the account and the funding that the
// reason names.
func (s *State) bookSettlement(a *account, c *MoveMoney) {
	main := s.mainOf(a)
	billed := balance.LedgerAccount{Class: balance.Funding, Name: ident.NameOf(c.Reason)}
	postings := make([]balance.Posting, 0, 2)
	post := func(from, to balance.LedgerAccount, amount money.Amount) {
		if amount > 0 {
			postings = append(postings, balance.Posting{From: from, To: to, Amount: int64(amount), Denomination: main.Denomination})
		}
	}
	excess := min(a.Excess, max(c.Amount, 0))
	post(billed, bucketSide(main), c.Amount)
	post(bucketSide(main), billed, -c.Amount)
	post(bucketSide(main), balance.LedgerAccount{Class: balance.CustomerExcess}, excess)
	main.Remaining += int64(c.Amount - excess)
	a.Excess -= excess
	s.operation(a, usage.Record{
		Kind: usage.Settlement, Cause: usage.Requested, SessionID: []byte(c.Key), Reason: []byte(c.Reason),
	}, postings...)
}
