package charging

import (
	"gyro/charging/usage"
	"gyro/internal/money"
	"gyro/internal/slab"
)

// deleteAccount removes an account; allowances that are left, of units or of
// money, are forfeited. The account's own money is not: it must be paid out by
// an adjustment first.
func (s *State) deleteAccount(c *DeleteAccount, o *Outcome) {
	i := s.findAccount([]byte(c.Account))
	if i == 0 {
		o.refuse(AccountUnknown, "account %q does not exist", c.Account)
		return
	}
	s.upToDate(i)
	a := s.accounts.At(i)
	if a.OpenSessions > 0 && !c.Abort {
		o.refuse(AccountBusy, "account %q has %d open sessions; end them first, or let the command abort them", c.Account, a.OpenSessions)
		return
	}
	if loan := s.inPurse(a).Loan; loan != 0 {
		o.refuse(AccountNotEmpty, "account %q owes %s %s of a loan; top it up, or write the loan off first", c.Account, loan, a.Currency)
		return
	}
	if !s.worthless(a) {
		remaining := s.mainOf(a).Remaining
		o.refuse(AccountNotEmpty, "account %q holds %s %s and owes %s; bring both to zero with an adjustment or a top-up first",
			c.Account, money.Amount(remaining), a.Currency, a.Excess)
		return
	}
	if p := s.billedBehind(a); p != nil {
		o.refuse(AccountNotEmpty, "offer %q of account %q is billed behind, and a fee is to come or unpaid; end it first", s.Label(p.Offer), c.Account)
		return
	}
	s.touchAccount(i)
	if a.OpenSessions == 0 {
		s.remove(i)
		return
	}
	o.Record = uint64(a.OpenSessions)
	if a.Closing {
		return
	}
	a.Closing = true
	for who := a.Subscribers; who != 0; who = s.subscribers.At(who).Next {
		if s.subscribers.At(who).State != Terminated {
			s.become(who, Terminated, usage.Requested, nil, []byte("account is closed"))
		}
	}
}

// worthless reports whether an account has neither money of its own nor debt.
func (s *State) worthless(a *account) bool {
	return s.mainOf(a).Remaining == 0 && a.Excess == 0 && s.inPurse(a).Loan == 0
}

// billedBehind is a subscription of the account whose running period is not
// billed yet, or one that is over is not paid; nil without any.
func (s *State) billedBehind(a *account) *subscription {
	for k := a.Subscriptions; k != 0; k = s.subscriptions.At(k).Next {
		p := s.subscriptions.At(k)
		if _, offer := s.planOf(a, p.Offer); offer != nil && offer.Recurring != nil && offer.Recurring.Arrears && (p.Status == Live || p.Owed > 0) {
			return p
		}
	}
	return nil
}

// remove takes an account without sessions, money and debt out of the state.
func (s *State) remove(i slab.Index) {
	a := s.accounts.At(i)
	for k := a.Subscriptions; k != 0; k = a.Subscriptions {
		s.dropSubscription(a, k)
	}
	for b := a.Buckets; b != 0; b = a.Buckets {
		s.forfeit(a, b, usage.Requested)
	}
	s.setSubscribers(i, nil)
	s.byAccount.Remove(accountHash(a.id()), i)
	s.catalogs.hold(a, -1)
	s.cancel(i)
	s.dirty.accountDeleted(a)
	s.forgetCounters(&a.Counters)
	s.dropPurse(a)
	s.accounts.Free(i)
}

// finishClosing removes an account whose last session has ended. One that came
// to owe something by those sessions stays, barred, until that is settled and
// the command is given again.
func (s *State) finishClosing(i slab.Index) (removed bool) {
	a := s.accounts.At(i)
	if !s.closable(a) {
		return false
	}
	s.touchAccount(i)
	s.remove(i)
	return true
}

func (s *State) closable(a *account) bool {
	return a.Closing && a.OpenSessions == 0 && s.worthless(a)
}
