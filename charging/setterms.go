package charging

import "gyro/internal/money"

// SetTerms brings the terms of an account to what is stated, and leaves its subscribers, its offers and everything else as
// they are, for the reason that AddSubscriber has.
type SetTerms struct {
	Account  string         `json:"account"`
	Currency money.Currency `json:"currency"` // that the credit limit is in, the account's
	// CreditLimit is how far below zero the money may go; nil leaves it.
	CreditLimit *money.Amount `json:"credit_limit,omitempty"`
	CycleDay    uint8         `json:"cycle_day,omitempty"` // 1 to 28; 0 leaves it
}

// setTerms carries out SetTerms. The outcome's Record is 1 where something changed.
func (s *State) setTerms(c *SetTerms, o *Outcome) {
	form := s.presentForm(c.Account)
	if form == nil {
		o.refuse(AccountUnknown, "account %q does not exist", c.Account)
		return
	}
	limit, day := form.CreditLimit, max(form.CycleDay, 1)
	if c.CreditLimit != nil {
		form.CreditLimit = *c.CreditLimit
	}
	if c.CycleDay != 0 {
		form.CycleDay = c.CycleDay
	}
	if form.Currency != c.Currency {
		form.Currency = c.Currency // is refused
	} else if form.CreditLimit == limit && max(form.CycleDay, 1) == day {
		return
	}
	s.putChanged(form, o)
}
