package charging

import (
	"gyro/balance"
	"gyro/charging/usage"
	"gyro/internal/ident"
	"gyro/internal/money"
	"gyro/internal/slab"
)

// loanName is what fees of loans are called in the ledger.
const loanName = "loan"

func (s *State) loan(c *Loan, o *Outcome) {
	k := keyed{account: c.Account, key: c.Key, reason: c.Reason, digest: c.Digest, currency: c.Currency}
	s.once(KindLoan, k, o, func(i slab.Index) {
		if c.WriteOff {
			s.writeOff(i, c, o)
			return
		}
		s.lend(i, c, o)
	})
}

// lend gives an account money in advance.
func (s *State) lend(i slab.Index, c *Loan, o *Outcome) {
	a, m := s.accounts.At(i), &s.settings.Money
	p := s.inPurse(a)
	money := s.ownMoney(a)
	switch {
	case c.Amount <= 0:
		o.refuse(Invalid, "a loan must be above zero")
	case m.LoanMost == 0:
		o.refuse(LoanRefused, "no loans are given; the setting charging.loan.most allows them")
	case a.Kind != balance.Prepaid:
		o.refuse(LoanRefused, "account %q is %s; only prepaid accounts get loans, others have a credit limit", c.Account, a.Kind)
	case p.Loan > 0:
		o.refuse(LoanRefused, "account %q owes %s %s of a loan; the next is possible when that is paid back", c.Account, p.Loan, a.Currency)
	case a.Excess > 0:
		o.refuse(LoanRefused, "account %q owes %s %s for usage beyond its balance; a top-up settles that first", c.Account, a.Excess, a.Currency)
	case money >= m.LoanBelow:
		o.refuse(LoanRefused, "account %q has %s %s; a loan is for less than %s", c.Account, money, a.Currency, m.LoanBelow)
	case c.Amount > m.LoanMost:
		o.refuse(LoanRefused, "the highest loan is %s %s", m.LoanMost, a.Currency)
	case !s.room(a, c.Amount, o):
	default:
		o.Record = s.payOut(i, c)
	}
}

// payOut books a loan and its fee.
func (s *State) payOut(i slab.Index, c *Loan) (record uint64) {
	a, m := s.accounts.At(i), &s.settings.Money
	main, owed := s.mainOf(a), balance.LedgerAccount{Class: balance.CustomerLoan}
	postings := []balance.Posting{{From: owed, To: bucketSide(main), Amount: int64(c.Amount), Denomination: main.Denomination}}
	if m.LoanFee > 0 {
		postings = append(postings, balance.Posting{
			From: owed, To: balance.LedgerAccount{Class: balance.Revenue, Name: ident.NameOf(loanName)},
			Amount: int64(m.LoanFee), Denomination: main.Denomination,
		})
	}
	main.Remaining += int64(c.Amount)
	p := s.purse(a)
	p.Loan, p.Taken, p.Due = c.Amount+m.LoanFee, s.now, 0
	if m.LoanTerm > 0 {
		p.Due = s.now.Add(m.LoanTerm)
	}
	s.operation(a, usage.Record{
		Kind: usage.Loan, Cause: usage.Requested, SessionID: []byte(c.Key), Reason: []byte(c.Reason), Charged: m.LoanFee,
	}, postings...)
	record = a.LastRecord
	s.replenished(i)
	return record
}

// repay pays back what came into an account as far as it owes a loan. The
// account has the money, and nothing of it is reserved yet.
func (s *State) repay(a *account, came money.Amount, key string) {
	if a.Purse == 0 || came <= 0 {
		return
	}
	p, main := s.purse(a), s.mainOf(a)
	paid := min(p.Loan, came)
	if paid == 0 {
		return
	}
	main.Remaining -= int64(paid)
	p.settle(paid)
	s.operation(a, usage.Record{Kind: usage.Repayment, Cause: usage.Requested, SessionID: []byte(key)}, balance.Posting{
		From: bucketSide(main), To: balance.LedgerAccount{Class: balance.CustomerLoan}, Amount: int64(paid), Denomination: main.Denomination,
	})
}

// settle takes an amount off the loan.
func (p *purse) settle(amount money.Amount) {
	if p.Loan -= amount; p.Loan == 0 {
		p.Taken, p.Due = 0, 0
	}
}

// writeOff gives up what an account owes of a loan. Nothing does so by itself:
// a person states the reason, and above the threshold another one approves.
func (s *State) writeOff(i slab.Index, c *Loan, o *Outcome) {
	a := s.accounts.At(i)
	owed := s.inPurse(a).Loan
	switch {
	case owed == 0:
		o.refuse(LoanRefused, "account %q owes nothing of a loan", c.Account)
	case c.Reason == "":
		o.refuse(Invalid, "a loan is written off for a reason; name it")
	case !s.approved(owed, c.AskedBy, c.ApprovedBy, o):
	default:
		s.purse(a).settle(owed)
		s.operation(a, usage.Record{
			Kind: usage.Adjustment, Cause: usage.Requested, SessionID: []byte(c.Key), Reason: []byte(c.Reason),
			AskedBy: []byte(c.AskedBy), ApprovedBy: []byte(c.ApprovedBy),
		}, balance.Posting{
			From: balance.LedgerAccount{Class: balance.Adjustments, Name: ident.NameOf(c.Reason)},
			To:   balance.LedgerAccount{Class: balance.CustomerLoan}, Amount: int64(owed), Denomination: a.Denomination(),
		})
		o.Record = a.LastRecord
	}
}

// nextDebt finds when a loan becomes overdue.
func (s *State) nextDebt(i slab.Index, next *step) {
	next.earlier(step{at: s.inPurse(s.accounts.At(i)).Due, run: (*State).overdue})
}

// overdue records that a loan was not paid back within its term. It is owed all
// the same.
func (s *State) overdue(i, _ slab.Index) {
	a := s.accounts.At(i)
	s.purse(a).Due = 0
	s.notice(a, "loan-overdue")
}
