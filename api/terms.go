package api

import (
	"gyro/charging"

	"github.com/valyala/fasthttp"
)

// accountTerms is what changes of an account while its subscribers and offers
// are somebody else's matter: what is left out stays. Who keeps accounts
// elsewhere cannot do that with PUT, see memberBody.
type accountTerms struct {
	CreditLimit string `json:"credit_limit"`
	CycleDay    *int   `json:"cycle_day"`
}

// accountTermsView answers it.
type accountTermsView struct {
	Account string `json:"account"`
	Changed bool   `json:"changed"` // false: it was so already
}

// setTerms brings the terms of an account to what the request says. It says what
// is to be, as PUT does, and so needs no key.
func (s *Server) setTerms(r *request) error {
	var body accountTerms
	account, err := s.member(r, &body)
	if err != nil {
		return err
	}
	var view charging.AccountView
	known := false
	s.o.Engine.View(func(state *charging.State) { view, known = state.Account(account) })
	if !known {
		return accountUnknown(account)
	}
	command := &charging.SetTerms{Account: account, Currency: view.Currency}
	if body.CreditLimit != "" {
		limit, err := creditLimit(body.CreditLimit, view.Currency, view.Kind)
		if err != nil {
			return err
		}
		command.CreditLimit = &limit
	}
	if body.CycleDay != nil {
		if command.CycleDay, err = cycleDay(body.CycleDay); err != nil {
			return err
		}
	}
	reply, err := s.carryOut(r, charging.KindSetTerms, command)
	if err != nil {
		return err
	}
	return r.answer(fasthttp.StatusOK, accountTermsView{Account: account, Changed: reply.Record > 0})
}
