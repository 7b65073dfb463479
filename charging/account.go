package charging

import (
	"gyro/balance"
	"gyro/charging/usage"
	"gyro/internal/slab"

	"github.com/cespare/xxhash/v2"
)

// maxCycleDay is the last day of a month on which a billing cycle can begin.
const maxCycleDay = 28

func accountHash(id []byte) uint64 { return xxhash.Sum64(id) }

// putAccount creates an account or brings an existing one to the stated form.
// Everything is checked before anything changes.
func (s *State) putAccount(c *PutAccount, o *Outcome) {
	i := s.findAccount([]byte(c.Account))
	if !s.checkAccount(i, c, o) {
		return
	}
	if i != 0 {
		s.upToDate(i)
		i = s.findAccount([]byte(c.Account))
	}
	plan, offers, ok := s.findOffers(c, o)
	if !ok || !s.changeable(i, c, plan, offers, o) {
		return
	}
	subscribers, ok := s.checkSubscribers(i, c, o)
	if !ok {
		return
	}
	if i != 0 && !s.removable(i, subscribers, o) {
		return
	}
	isNew := i == 0
	if isNew {
		i = s.openAccount(c)
	}
	s.touchAccount(i)
	a := s.accounts.At(i)
	a.CycleDay = max(c.CycleDay, 1)
	if c.CreditLimit > a.CreditLimit {
		s.replenished(i)
	}
	a.CreditLimit, a.Kind, a.LowBalance = c.CreditLimit, balance.Kind(c.Kind), c.LowBalance
	main := s.mainOf(a)
	a.Overdrawn = max(0, main.Reserved-main.Remaining-int64(a.CreditLimit))
	s.setSubscribers(i, subscribers)
	before, had := a.Catalog, a.Offers
	s.setOffers(i, plan, offers)
	if a.Catalog != before || a.Offers != had {
		s.replanned(i)
	}
	s.reschedule(i)
	if isNew {
		a.Warned = s.warningOf(a) // it has not fallen that low, it begins there
	}
	s.warn(i)
	o.Currency = uint16(a.Currency)
	o.Amount = main.Remaining
}

// checkAccount refuses what an account cannot be, whatever it has; i is zero
// for one that is new.
func (s *State) checkAccount(i slab.Index, c *PutAccount, o *Outcome) bool {
	kind := balance.Kind(c.Kind)
	switch {
	case c.Account == "" || len(c.Account) > MaxAccountID || len(c.Offers) > MaxOffers ||
		len(c.Subscribers) > MaxSubscribers || !c.Currency.Valid() ||
		c.CreditLimit < 0 || c.CreditLimit > balance.MaxAmount || c.LowBalance < 0 || c.LowBalance > balance.MaxAmount:
		o.refuse(Invalid, "account %q: an identifier of 1 to %d octets, at most %d offers and %d subscribers, and a credit limit and a low balance from 0 are needed",
			c.Account, MaxAccountID, MaxOffers, MaxSubscribers)
	case kind < balance.Prepaid || kind > balance.Hybrid || kind == balance.Prepaid && c.CreditLimit > 0:
		o.refuse(Invalid, "account %q: a kind is needed, and a prepaid account has no credit limit; make it hybrid to give it one", c.Account)
	case i != 0 && s.accounts.At(i).Currency != c.Currency:
		o.refuse(CurrencyMismatch, "account %q is kept in %s; close it and open another to change the currency", c.Account, s.accounts.At(i).Currency)
	case c.CycleDay > maxCycleDay:
		o.refuse(Invalid, "account %q: the billing cycle begins on day 1 to %d of the month, which every month has, not %d", c.Account, maxCycleDay, c.CycleDay)
	default:
		return true
	}
	return false
}

func (s *State) openAccount(c *PutAccount) slab.Index {
	i, a := s.accounts.New()
	s.lastAccount++
	s.activity.Accounts++
	a.Number, a.Created, a.Currency = s.lastAccount, s.now, c.Currency
	a.IDLength = uint8(copy(a.ID[:], c.Account))
	s.byAccount.Insert(accountHash(a.id()), i)
	s.book.Open(&a.Account, balance.Bucket{
		Denomination: a.Denomination(), Priority: balance.MainPriority, Main: true, From: s.now,
	})
	return i
}

// operation books postings and writes them as a record of a balance operation.
func (s *State) operation(a *account, record usage.Record, postings ...balance.Posting) {
	record.Opened, record.Closed, record.Currency = s.now, s.now, a.Currency
	record.Postings = postings
	for n := range postings {
		s.book.Ledger.Post(&postings[n])
	}
	s.emit(a, &record)
}
