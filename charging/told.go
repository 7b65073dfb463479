package charging

import (
	"gyro/charging/session"
	"gyro/internal/money"
)

// Low-Balance-Indication (TS 32.299 section 7.2.77A) plus one.
const (
	notLowBalance = 1
	lowBalance    = 2
)

// tellClient adds to an outcome what the request's client wants to be told:
// how much money is left, whether that is little, and what a session that ends
// has charged. It must come after everything that the request moves.
func (s *State) tellClient(c *CreditControl, a *account, charged money.Amount, o *Outcome) {
	if c.Client&(WantsRemaining|WantsLowBalance) != 0 {
		left := s.book.Free(&a.Account, a.Denomination(), s.now, anyAllowance{})
		if c.Client&WantsRemaining != 0 {
			o.Remaining, o.HasRemaining, o.Currency = left, true, uint16(a.Currency)
		}
		if c.Client&WantsLowBalance != 0 {
			o.LowBalance = notLowBalance
			if left < int64(s.lowBalance(a)) {
				o.LowBalance = lowBalance
			}
		}
	}
	if c.Client&WantsCost != 0 && c.Type == Termination {
		o.Amount, o.Currency = int64(charged), uint16(a.Currency)
	}
}

// chargedBy is what a session has charged so far, in its closed records and in
// those that are open.
func (s *State) chargedBy(r *session.Session) money.Amount {
	sum := r.Charged
	for g := r.Groups; g != 0; g = s.sessions.Groups.At(g).Next {
		sum += s.sessions.Groups.At(g).RecordCharged
	}
	return sum
}
