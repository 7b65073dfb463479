package charging

import (
	"gyro/balance"
	"gyro/charging/usage"
	"gyro/internal/ident"
	"gyro/internal/money"
	"gyro/internal/slab"
)

// transferName is what fees of transfers are called in the ledger.
const transferName = "transfer"

// transfer moves money between two accounts: both sides or neither, for it is
// one command. Each account's chain has a record of its side; between them the
// money is in transit, for no longer than the command lasts. On two shards it
// would be two commands with one key, and the money would stay in transit
// until the receiver's shard has taken it or sent it back.
func (s *State) transfer(c *Transfer, o *Outcome) {
	k := keyed{account: c.From, key: c.Key, reason: c.Reason, digest: c.Digest, currency: c.Currency}
	s.once(KindTransfer, k, o, func(from slab.Index) {
		to := s.receiverOf(c)
		switch {
		case to == 0:
			o.refuse(AccountUnknown, "account %q does not exist", c.To)
			return
		case to == from:
			o.refuse(Invalid, "account %q is both sender and receiver", c.From)
			return
		case s.accounts.At(to).Currency != c.Currency:
			o.refuse(CurrencyMismatch, "account %q is kept in %s, not %s", c.To, s.accounts.At(to).Currency, c.Currency)
			return
		case !s.transferable(from, c, o) || !s.room(s.accounts.At(to), c.Amount, o):
			return
		}
		o.Record = s.send(from, to, c)
	})
}

// receiverOf finds the account that a transfer goes to, as it is by now.
func (s *State) receiverOf(c *Transfer) slab.Index {
	if i := s.findAccount([]byte(c.To)); i != 0 {
		s.touchAccount(i)
		s.upToDate(i)
	}
	return s.findAccount([]byte(c.To))
}

// transferable reports whether the sender may and can send that much.
func (s *State) transferable(from slab.Index, c *Transfer, o *Outcome) bool {
	a, m := s.accounts.At(from), &s.settings.Money
	p := s.inPurse(a)
	if s.now >= p.DayEnds {
		p.Transfers, p.Sent = 0, 0
	}
	free := unreserved(s.mainOf(a))
	switch {
	case c.Amount <= 0 || c.Amount > balance.MaxAmount:
		o.refuse(Invalid, "a transfer must be above zero and at most %s", money.Amount(balance.MaxAmount))
	case c.Amount < m.TransferLeast:
		o.refuse(TransferRefused, "the least transfer is %s %s", m.TransferLeast, a.Currency)
	case m.TransferMost > 0 && c.Amount > m.TransferMost:
		o.refuse(TransferRefused, "the highest transfer is %s %s", m.TransferMost, a.Currency)
	case p.Loan > 0 || a.Excess > 0:
		o.refuse(TransferRefused, "account %q owes %s %s; it sends nothing until that is settled", c.From, p.Loan+a.Excess, a.Currency)
	case m.TransferDayCount > 0 && p.Transfers >= uint64(m.TransferDayCount):
		o.Until = p.DayEnds
		o.refuse(TransferRefused, "account %q has sent %d transfers today, the most there are; the next is possible at %s", c.From, p.Transfers, o.Until)
	case m.TransferDayAmount > 0 && c.Amount > m.TransferDayAmount-min(p.Sent, m.TransferDayAmount):
		o.Until = s.dayEnds(a)
		o.refuse(TransferRefused, "account %q has sent %s of %s %s a day; what is above is possible from %s", c.From, p.Sent, m.TransferDayAmount, a.Currency, o.Until)
	case c.Amount > free-m.TransferFee: // no overflow: both are far below the range
		o.refuse(InsufficientBalance, "only %s %s of account %q can be sent, and the fee is %s; what is reserved, bonus or credit cannot",
			free, a.Currency, c.From, m.TransferFee)
	default:
		return true
	}
	return false
}

// send books both sides and returns the sender's record.
func (s *State) send(from, to slab.Index, c *Transfer) (record uint64) {
	a, fee := s.accounts.At(from), s.settings.Money.TransferFee
	main, transit := s.mainOf(a), balance.LedgerAccount{Class: balance.Transit}
	postings := []balance.Posting{{From: bucketSide(main), To: transit, Amount: int64(c.Amount), Denomination: main.Denomination}}
	if fee > 0 {
		postings = append(postings, balance.Posting{
			From: bucketSide(main), To: balance.LedgerAccount{Class: balance.Revenue, Name: ident.NameOf(transferName)},
			Amount: int64(fee), Denomination: main.Denomination,
		})
	}
	main.Remaining -= int64(c.Amount + fee)
	s.operation(a, usage.Record{
		Kind: usage.Transfer, Cause: usage.Requested, SessionID: []byte(c.Key), Reason: []byte(c.Reason),
		Other: s.accounts.At(to).id(), Charged: fee,
	}, postings...)
	record = a.LastRecord
	p := s.purse(a)
	if s.now >= p.DayEnds {
		p.DayEnds, p.Transfers, p.Sent = s.dayEnds(a), 0, 0
	}
	p.Transfers++
	p.Sent += c.Amount
	s.receive(to, &income{kind: usage.Transfer, from: transit, amount: c.Amount, key: c.Key, reason: c.Reason, other: a.id()})
	s.reschedule(to)
	s.warn(to)
	return record
}
