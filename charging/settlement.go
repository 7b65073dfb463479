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
// What was billed is what was charged here, whatever else the account was given
// or has lost meanwhile. So the balance decides nothing: with an adjustment for
// goodwill beside the usage, the account has that credit left when the usage is
// settled. (It was refused beyond zero once, as a gift that needs approval; then
// no bill of an account with a credit could ever be settled. What was not used
// and is settled all the same shows in the books of both sides.) A negative
// settlement is that of a bill with more refunds than usage; what it takes
// beyond the credit limit is owed as excess. Excess is owed like what is below
// zero, and is settled first, as a top-up does.
func (s *State) settle(i slab.Index, c *MoveMoney, o *Outcome) {
	a := s.accounts.At(i)
	switch {
	case a.Kind == balance.Prepaid:
		o.refuse(SettlementRefused, "account %q is prepaid; what it uses is paid for and is not billed", c.Account)
	case c.Amount == 0 || c.Amount > balance.MaxAmount || c.Amount < -balance.MaxAmount:
		o.refuse(Invalid, "a settlement must be an amount other than zero, of at most %s", money.Amount(balance.MaxAmount))
	case a.Excess > balance.MaxAmount:
		o.refuse(Overflow, "what is owed for excess would leave the range of an amount")
	case s.room(a, c.Amount, o):
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
	owed := balance.LedgerAccount{Class: balance.CustomerExcess}
	excess := min(a.Excess, c.Amount)
	if c.Amount < 0 { // as much as is free is taken, the rest is owed
		free := money.Amount(max(main.Remaining-main.Reserved+int64(a.CreditLimit), 0))
		excess = min(free+c.Amount, 0)
	}
	post(billed, bucketSide(main), c.Amount)
	post(bucketSide(main), billed, excess-c.Amount)
	post(bucketSide(main), owed, excess)
	post(owed, billed, -excess)
	main.Remaining += int64(c.Amount - excess)
	a.Excess -= excess
	s.operation(a, usage.Record{
		Kind: usage.Settlement, Cause: usage.Requested, SessionID: []byte(c.Key), Reason: []byte(c.Reason),
	}, postings...)
}
