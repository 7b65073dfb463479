package api

import (
	"gyro/charging"
	"gyro/charging/usage"
)

// transferBody is what a transfer takes; the account in the path gives.
type transferBody struct {
	To string `json:"to"`
	moneyBody
}

func (s *Server) transfer(r *request) error {
	var body transferBody
	return s.move(r, &movement{charging.KindTransfer, usage.Transfer, &body, func(account, key string) (any, movementView, error) {
		amount, currency, err := body.money(paidDecimals)
		if err != nil {
			return nil, movementView{}, err
		}
		if body.To == "" {
			return nil, movementView{}, missing("to", "name the account that gets the money")
		}
		c := &charging.Transfer{From: account, To: body.To, Amount: amount, Currency: currency, Reason: body.Reason, Key: key}
		c.Digest = digestOf(*c)
		view := body.view(amount, currency)
		view.To = body.To
		return c, view, nil
	}})
}

func (s *Server) loan(r *request) error {
	var body moneyBody
	return s.move(r, &movement{charging.KindLoan, usage.Loan, &body, func(account, key string) (any, movementView, error) {
		amount, currency, err := body.money(paidDecimals)
		if err != nil {
			return nil, movementView{}, err
		}
		c := &charging.Loan{Account: account, Amount: amount, Currency: currency, Reason: body.Reason, Key: key}
		c.Digest = digestOf(*c)
		return c, body.view(amount, currency), nil
	}})
}

// writeOffBody gives up what is owed of a loan.
type writeOffBody struct {
	Currency string `json:"currency"`
	Reason   string `json:"reason"`
	approvalBody
}

func (s *Server) writeOff(r *request) error {
	var body writeOffBody
	return s.move(r, &movement{charging.KindLoan, usage.Adjustment, &body, func(account, key string) (any, movementView, error) {
		view := movementView{Reason: body.Reason}
		currency, err := parseCurrency(body.Currency, "use the account's, an ISO 4217 code such as EUR")
		if err != nil {
			return nil, view, err
		}
		if err := checkReason(body.Reason); err != nil {
			return nil, view, err
		}
		c := &charging.Loan{Account: account, Currency: currency, Reason: body.Reason, Key: key, WriteOff: true}
		if c.AskedBy, c.ApprovedBy, err = s.approval(r, &body.approvalBody); err != nil {
			return nil, view, err
		}
		c.Digest = digestOf(*c)
		return c, view, nil
	}})
}
