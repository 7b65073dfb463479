package charging

import (
	"gyro/balance"
	"gyro/charging/session"
	"gyro/charging/usage"
	"gyro/internal/ident"
	"gyro/internal/money"
	"gyro/internal/slab"

	"github.com/cespare/xxhash/v2"
)

// idempotent carries a balance command out once per key.
func (s *State) idempotent(kind Kind, c *MoveMoney, o *Outcome, carryOut func(slab.Index, *MoveMoney, *Outcome)) {
	if len(c.Key) > MaxKey || len(c.Account) > MaxAccountID || len(c.Reason) > MaxKey {
		o.refuse(Invalid, "the idempotency key and the reason have at most %d octets, the account's identifier at most %d", MaxKey, MaxAccountID)
		return
	}
	s.scratch.key = commandKey(s.scratch.key[:0], kind, c.Account, c.Key)
	hash := xxhash.Sum64(s.scratch.key) ^ commandSpace
	if kept := s.memory.Find(hash, s.scratch.key, 0, s.now); kept != nil {
		if kept.Digest != c.Digest {
			o.refuse(Contradiction, "idempotency key %q was used for another request; take a new key", c.Key)
			return
		}
		s.replay(o, s.memory.Outcome(kept))
		return
	}
	i := s.findAccount([]byte(c.Account))
	switch {
	case i == 0:
		o.refuse(AccountUnknown, "account %q does not exist", c.Account)
		return
	case s.accounts.At(i).Currency != c.Currency:
		o.refuse(CurrencyMismatch, "account %q is kept in %s, not %s", c.Account, s.accounts.At(i).Currency, c.Currency)
		return
	}
	s.touchAccount(i)
	s.upToDate(i)
	carryOut(i, c, o)
	if o.Result != Success {
		return // a refusal changed nothing: the key may be used again
	}
	if c.Amount > 0 {
		s.replenished(i)
	}
	a := s.accounts.At(i)
	o.Record, o.Currency = a.LastRecord, uint16(a.Currency)
	o.Amount = s.book.Buckets.At(s.book.Main(&a.Account)).Remaining
	s.scratch.encoded = appendOutcome(s.scratch.encoded[:0], o)
	s.keep(session.OfCommands, s.scratch.key, session.Retained{
		Digest: c.Digest, Until: s.now.Add(s.settings.CommandRetention), Hash: hash,
	}, s.scratch.encoded)
}

// topUp adds money; what the account owes for excess is settled from it first.
func (s *State) topUp(i slab.Index, c *MoveMoney, o *Outcome) {
	a := s.accounts.At(i)
	if c.Amount <= 0 || c.Amount > balance.MaxAmount {
		o.refuse(Invalid, "a top-up must be above zero and at most %s; use an adjustment to take money back", money.Amount(balance.MaxAmount))
		return
	}
	main := s.book.Buckets.At(s.book.Main(&a.Account))
	if main.Remaining > balance.MaxAmount-int64(c.Amount) {
		o.refuse(Overflow, "the balance would leave the range of an amount")
		return
	}
	bucket := balance.LedgerAccount{Class: balance.CustomerBucket, Bucket: main.ID}
	postings := []balance.Posting{{
		From: balance.LedgerAccount{Class: balance.Funding, Name: ident.NameOf(c.Reason)}, To: bucket,
		Amount: int64(c.Amount), Denomination: main.Denomination,
	}}
	main.Remaining += int64(c.Amount)
	if settled := min(a.Excess, c.Amount); settled > 0 {
		postings = append(postings, balance.Posting{
			From: bucket, To: balance.LedgerAccount{Class: balance.CustomerExcess},
			Amount: int64(settled), Denomination: main.Denomination,
		})
		main.Remaining -= int64(settled)
		a.Excess -= settled
	}
	s.operation(a, usage.Record{
		Kind: usage.TopUp, Cause: usage.Requested, SessionID: []byte(c.Key), Reason: []byte(c.Reason),
	}, postings...)
}

// adjust adds or takes money for a reason that a person states.
func (s *State) adjust(i slab.Index, c *MoveMoney, o *Outcome) {
	a := s.accounts.At(i)
	main := s.book.Buckets.At(s.book.Main(&a.Account))
	free := main.Remaining - main.Reserved + int64(a.CreditLimit)
	switch {
	case c.Amount == 0 || c.Amount > balance.MaxAmount || c.Amount < -balance.MaxAmount:
		o.refuse(Invalid, "an adjustment must be an amount other than zero, of at most %s", money.Amount(balance.MaxAmount))
		return
	case c.Amount < 0 && int64(-c.Amount) > free:
		o.refuse(InsufficientBalance, "only %s %s of account %q is free", money.Amount(max(free, 0)), a.Currency, c.Account)
		return
	case c.Amount > 0 && main.Remaining > balance.MaxAmount-int64(c.Amount):
		o.refuse(Overflow, "the balance would leave the range of an amount")
		return
	}
	p := balance.Posting{
		From:   balance.LedgerAccount{Class: balance.Adjustments, Name: ident.NameOf(c.Reason)},
		To:     balance.LedgerAccount{Class: balance.CustomerBucket, Bucket: main.ID},
		Amount: int64(c.Amount), Denomination: main.Denomination,
	}
	if c.Amount < 0 {
		p.From, p.To, p.Amount = p.To, p.From, -p.Amount
	}
	main.Remaining += int64(c.Amount)
	s.operation(a, usage.Record{
		Kind: usage.Adjustment, Cause: usage.Requested, SessionID: []byte(c.Key), Reason: []byte(c.Reason),
	}, p)
}
