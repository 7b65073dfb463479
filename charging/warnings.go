package charging

import (
	"strconv"

	"gyro/charging/usage"
	"gyro/internal/money"
	"gyro/internal/slab"
)

// warned is what an account has been warned of: the number of steps of its
// credit limit that are used, and whether its money is low.
type warned uint8

// moneyIsLow is the warning of an account without credit limit; the bits below
// it count steps.
const moneyIsLow warned = 1 << 7

// ownMoney is what an account has to pay for anything: its own money and
// bonuses, reserved or not, without credit.
func (s *State) ownMoney(a *account) (sum money.Amount) {
	for i := a.Buckets; i != 0; {
		b := s.book.Buckets.At(i)
		if b.Allowance == 0 && b.Denomination == a.Denomination() && b.Valid(s.now) {
			sum += money.Amount(b.Remaining)
		}
		i = b.Next
	}
	return sum
}

// lowBalance is the money below which an account's is low: its own threshold,
// or else that of the settings. Zero is never.
func (s *State) lowBalance(a *account) money.Amount {
	if a.LowBalance != 0 {
		return a.LowBalance
	}
	return s.settings.Money.LowBalance
}

// warningOf is what an account is to be warned of as its money is now: what is
// used, not what is reserved, for much of that comes back.
func (s *State) warningOf(a *account) (w warned) {
	own := money.Amount(0)
	low := s.lowBalance(a)
	if low > 0 {
		own = s.ownMoney(a)
	}
	if a.CreditLimit > 0 {
		used := -s.mainOf(a).Remaining
		for _, percent := range s.settings.Money.CreditWarnings {
			if percent != 0 && used >= percentOf(int64(a.CreditLimit), percent) {
				w++
			}
		}
	}
	if low > 0 && own+a.CreditLimit < low {
		w |= moneyIsLow
	}
	return w
}

// percentOf is a part of an amount, without leaving its range.
func percentOf(amount int64, percent uint8) int64 {
	return amount/100*int64(percent) + amount%100*int64(percent)/100
}

// warn records each warning that an account's money has come to since it was
// last looked at, once: the next time is when the money has recovered and
// falls again. It is called when a command has changed the money of an
// account, which has been announced.
func (s *State) warn(i slab.Index) {
	a := s.accounts.At(i)
	before := a.Warned
	if a.CreditLimit == 0 && s.lowBalance(a) == 0 && before == 0 {
		return
	}
	now := s.warningOf(a)
	if before == now {
		return
	}
	a.Warned = now
	for step := before &^ moneyIsLow; step < now&^moneyIsLow; step++ {
		s.notice(a, "credit-used-"+strconv.Itoa(int(s.stepAt(int(step))))+"%")
	}
	if now&^before&moneyIsLow != 0 {
		s.notice(a, "low-balance")
	}
}

// stepAt is the n-th step of the settings in percent.
func (s *State) stepAt(n int) uint8 {
	for _, percent := range s.settings.Money.CreditWarnings {
		if percent == 0 {
			continue
		}
		if n == 0 {
			return percent
		}
		n--
	}
	return 0
}

// notice writes a record that moves nothing.
func (s *State) notice(a *account, reason string) {
	s.operation(a, usage.Record{Kind: usage.Notice, Cause: usage.Crossed, Reason: []byte(reason)})
}
