package charging

import (
	"encoding/binary"

	"gyro/balance"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// purse is what the rarer operations on an account's balance remember. Most
// accounts have none.
type purse struct {
	// Loan is what the account owes for a loan, the fee included; it was taken
	// at Taken and is to be paid back by Due, if that is not zero.
	Loan       money.Amount
	Taken, Due instant.Instant

	// Guesses wrong voucher codes were tried since GuessesSince; nothing is
	// redeemed until LockedUntil.
	GuessesSince, LockedUntil instant.Instant
	Guesses                   uint64

	// Sent was sent in Transfers transfers of the day that ends at DayEnds.
	DayEnds   instant.Instant
	Transfers uint64
	Sent      money.Amount
}

// purse returns the account's purse to be changed; the account has been
// announced.
func (s *State) purse(a *account) *purse {
	if a.Purse == 0 {
		a.Purse, _ = s.purses.New()
	}
	return s.purses.At(a.Purse)
}

// inPurse is what an account's purse holds, nothing where it has none.
func (s *State) inPurse(a *account) purse {
	if a.Purse == 0 {
		return purse{}
	}
	return *s.purses.At(a.Purse)
}

func (s *State) dropPurse(a *account) {
	if a.Purse != 0 {
		s.purses.Free(a.Purse)
		a.Purse = 0
	}
}

// appendPurse encodes the account's purse behind an octet 1, or an octet 0.
func (s *State) appendPurse(dst []byte, a *account) []byte {
	p := s.inPurse(a)
	if p == (purse{}) {
		return append(dst, 0)
	}
	dst = append(dst, 1)
	for _, v := range p.numbers() {
		dst = binary.AppendUvarint(dst, v)
	}
	return dst
}

// numbers are the purse's in the order in which they are stored.
func (p *purse) numbers() [9]uint64 {
	return [9]uint64{
		uint64(p.Loan), uint64(p.Taken), uint64(p.Due), uint64(p.GuessesSince), uint64(p.LockedUntil), p.Guesses,
		uint64(p.DayEnds), p.Transfers, uint64(p.Sent),
	}
}

func (l *loader) readPurse(in *reader, a *account) {
	if in.Octet() == 0 {
		return
	}
	p := l.purse(a)
	p.Loan, p.Taken, p.Due = money.Amount(in.Uvarint()), instant.Instant(in.Uvarint()), instant.Instant(in.Uvarint())
	p.GuessesSince, p.LockedUntil, p.Guesses = instant.Instant(in.Uvarint()), instant.Instant(in.Uvarint()), in.Uvarint()
	p.DayEnds, p.Transfers, p.Sent = instant.Instant(in.Uvarint()), in.Uvarint(), money.Amount(in.Uvarint())
}

// dayEnds is the end of the day in the time zone of the account's catalogue,
// in UTC without one.
func (s *State) dayEnds(a *account) instant.Instant {
	if plan, number := s.catalogs.current(a.Catalog); number != 0 {
		_, until := plan.Day(s.now)
		return until
	}
	return s.now - s.now%instant.Instant(instant.Day) + instant.Instant(instant.Day)
}

// unreserved is the account's own money that it may give away: neither reserved
// nor credit.
func unreserved(main *balance.Bucket) money.Amount {
	return money.Amount(max(main.Remaining-main.Reserved, 0))
}

// showPurse puts the purse into a view of the account.
func (s *State) showPurse(a *account, v *AccountView) {
	p := s.inPurse(a)
	v.LowBalance, v.Loan, v.LoanTaken, v.LoanDue = s.lowBalance(a), p.Loan, p.Taken, p.Due
	if s.now < p.LockedUntil {
		v.RedeemLocked = p.LockedUntil
	}
}
