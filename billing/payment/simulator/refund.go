package simulator

import (
	"net/http"
	"slices"

	"gyro/billing/payment/provider"
)

// refundOrder is what a request for a refund says.
type refundOrder struct {
	Amount int64  `json:"amount"`
	Reason string `json:"reason"`
}

func problem(status int, code, message string) error {
	return &provider.Error{Status: status, Code: code, Message: message}
}

// refund returns money of a charge, or finds the refund that was made under the key.
func (p *Provider) refund(key, id string, o *refundOrder) (r *provider.RefundDocument, found bool, err error) {
	p.mu.Lock()
	r, durable, found, err := p.refundLocked(key, id, o)
	p.mu.Unlock()
	if err != nil {
		return nil, found, err
	}
	return r, found, durable()
}

func (p *Provider) refundLocked(key, id string, o *refundOrder) (*provider.RefundDocument, func() error, bool, error) {
	if of, known := p.refunds[key]; known {
		all := p.charges[of].Refunds
		r := &all[slices.IndexFunc(all, func(r provider.RefundDocument) bool { return r.Key == key })]
		if r.Charge != id || r.Amount != o.Amount || r.Reason != o.Reason {
			return nil, nil, true, reused(key)
		}
		return r, p.log.Barrier, true, nil
	}
	before := p.charges[id]
	switch {
	case before == nil:
		return nil, nil, false, unknown(id)
	case before.State != provider.Succeeded:
		return nil, nil, false, problem(http.StatusConflict, "charge_not_succeeded", "charge "+id+" is "+string(before.State)+": there is nothing to return")
	case before.Dispute == provider.DisputeOpened || before.Dispute == provider.DisputeLost:
		return nil, nil, false, problem(http.StatusConflict, "charge_disputed", "charge "+id+" is disputed: the payer has the money already")
	case o.Amount < 1 || o.Amount > before.Amount-before.Refunded:
		return nil, nil, false, problem(http.StatusUnprocessableEntity, "refund_too_large", "the refund is from 1 to what is left of the charge")
	case len(o.Reason) > maxText:
		return nil, nil, false, problem(http.StatusBadRequest, "invalid_request", "the reason has at most 100 characters")
	}
	c := change(before)
	r := provider.RefundDocument{
		ID: newID("re_"), Key: key, Charge: id, Amount: o.Amount, State: provider.Succeeded, Reason: o.Reason, Created: p.now().UnixMilli(),
	}
	c.Refunds = append(c.Refunds, r)
	c.Refunded += r.Amount
	return &r, p.commit(c, p.left(id), report{provider.RefundSucceeded, &r}), false, nil
}

func unknown(id string) error {
	return problem(http.StatusNotFound, "charge_unknown", "charge "+id+" is not known")
}

// left is the step that a charge has yet to make, nil if there is none.
func (p *Provider) left(id string) *step {
	if s, found := p.steps[id]; found {
		return &s
	}
	return nil
}

// intervene does by hand what a payer or a bank would do: succeed or decline
// what is pending, dispute, win or lose.
func (p *Provider) intervene(id, what string) (*provider.ChargeDocument, error) {
	p.mu.Lock()
	before := p.charges[id]
	if before == nil {
		p.mu.Unlock()
		return nil, unknown(id)
	}
	c := change(before)
	kind, follows := act(c, what)
	if !follows {
		p.mu.Unlock()
		return nil, problem(http.StatusConflict, "not_now", "charge "+id+" is "+string(before.State)+" "+string(before.Dispute)+": "+what+" does not follow")
	}
	durable := p.commit(c, nil, report{kind: kind})
	p.mu.Unlock()
	return c, durable()
}

// act changes a charge and returns the event that reports it, if it follows from the charge's state.
func act(c *provider.ChargeDocument, what string) (kind provider.EventType, follows bool) {
	switch {
	case what == "succeed" && c.State == provider.Pending:
		c.State = provider.Succeeded
		return provider.PaymentSucceeded, true
	case what == "decline" && c.State == provider.Pending:
		c.State, c.DeclineCode = provider.Declined, "card_declined"
		return provider.PaymentDeclined, true
	case what == "dispute" && c.State == provider.Succeeded && c.Dispute == provider.Undisputed:
		c.Dispute = provider.DisputeOpened
		return provider.DisputeOpen, true
	case what == "win" && c.Dispute == provider.DisputeOpened:
		c.Dispute = provider.DisputeWon
		return provider.DisputeIsWon, true
	case what == "lose" && c.Dispute == provider.DisputeOpened:
		c.Dispute = provider.DisputeLost
		return provider.DisputeIsLost, true
	}
	return "", false
}
