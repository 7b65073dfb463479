package tmf

import (
	"context"

	"github.com/uptrace/bun"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/billing/dunning"
	"gyro/billing/ledger"
	"gyro/billing/payment"
	"gyro/billing/payment/provider"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// receivables are the endpoints of open items and payments that TM Forum has no resource for.
type receivables struct {
	payments *payment.Service
	dunning  *dunning.Service
}

const (
	paymentsPath    = "/office/v1/payments/{id}"
	receivablesPath = "/office/v1/receivables/{invoice}"
)

// amountOf is an optional amount of a body: as many decimals as the core has.
type amountBody struct {
	Invoice string       `json:"invoice,omitempty"`
	Amount  rest.Decimal `json:"amount,omitempty"`
}

type reasonBody struct {
	Reason string `json:"reason"`
}

type disputeBody struct {
	Amount rest.Decimal `json:"amount"`
	Reason string       `json:"reason"`
}

type disputeView struct {
	ID      string       `json:"id"`
	Invoice string       `json:"invoice"`
	Account string       `json:"account"`
	Amount  rest.Decimal `json:"amount"`
	Reason  string       `json:"reason"`
	State   string       `json:"state"`
}

func viewDispute(d *ledger.Dispute) disputeView {
	return disputeView{rest.ID(d.ID), rest.ID(d.InvoiceID), rest.ID(d.Account), rest.Decimal(d.Amount), d.Reason, d.State}
}

type verdictBody struct {
	Upheld bool `json:"upheld"`
}

type reconcileBody struct {
	Since  rest.Time `json:"since,omitzero"`
	Repair bool      `json:"repair,omitempty"`
}

type receivableView struct {
	Invoice  string       `json:"invoice"`
	Number   string       `json:"number"`
	Account  string       `json:"account"`
	Currency string       `json:"currency"`
	Total    rest.Decimal `json:"total"`
	Open     rest.Decimal `json:"open"`
	Disputed rest.Decimal `json:"disputed"`
	IssuedOn string       `json:"issuedOn"`
	DueOn    string       `json:"dueOn"`
}

func viewReceivable(r *ledger.Receivable) receivableView {
	return receivableView{rest.ID(r.InvoiceID), r.Number, rest.ID(r.Account), r.Currency, rest.Decimal(r.Total), rest.Decimal(r.Open), rest.Decimal(r.Disputed), r.IssuedOn, r.DueOn}
}

type creditView struct {
	ID       string       `json:"id"`
	Source   string       `json:"source"`
	SourceID string       `json:"sourceId"`
	Currency string       `json:"currency"`
	Amount   rest.Decimal `json:"amount"`
	Open     rest.Decimal `json:"open"`
	On       string       `json:"on"`
}

type openItemsView struct {
	Account     string           `json:"account"`
	Receivables []receivableView `json:"receivables"`
	Credits     []creditView     `json:"credits"`
}

type allocationView struct {
	ID       string       `json:"id"`
	Payment  string       `json:"payment,omitempty"`
	Invoice  string       `json:"invoice"`
	Amount   rest.Decimal `json:"amount"`
	Currency string       `json:"currency"`
}

func viewAllocation(a *ledger.Allocation) allocationView {
	v := allocationView{ID: rest.ID(a.ID), Invoice: rest.ID(a.InvoiceID), Amount: rest.Decimal(a.Amount), Currency: a.Currency}
	if a.PaymentID != 0 {
		v.Payment = rest.ID(a.PaymentID)
	}
	return v
}

type receiptView struct {
	Payment     string           `json:"payment"`
	Account     string           `json:"account"`
	Method      string           `json:"method"`
	Amount      rest.Decimal     `json:"amount"`
	Currency    string           `json:"currency"`
	ReceivedOn  string           `json:"receivedOn"`
	Allocations []allocationView `json:"allocations"`
	Unallocated rest.Decimal     `json:"unallocated"`
}

// reading makes an endpoint that shows something of one snapshot.
func reading[V any](roles access.Roles, path, summary string, parameters []rest.Parameter, get func(ctx context.Context, q bun.IDB, c *rest.Call) (V, error)) rest.Endpoint {
	var zero V
	return rest.Endpoint{
		Method: "GET", Path: path, Roles: roles, Summary: summary, Answer: zero, Parameters: parameters,
		Do: func(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
			var v V
			err := c.DB().Read(ctx, func(ctx context.Context, q bun.IDB) (err error) {
				v, err = get(ctx, q, c)
				return err
			})
			return rest.OK(v), err
		},
	}
}

// nothing is a body or an answer that has none.
type nothing struct{}

// writing makes an endpoint that changes something in one transaction.
func writing[B, V any](method string, roles access.Roles, path, summary string, do func(ctx context.Context, tx *database.Tx, c *rest.Call, in B) (V, error)) rest.Endpoint {
	var body B
	var zero V
	e := rest.Endpoint{Method: method, Path: path, Roles: roles, Summary: summary}
	_, noBody := any(body).(nothing)
	_, noAnswer := any(zero).(nothing)
	if !noBody {
		e.Body = body
	}
	if noAnswer {
		e.Status = 204
	} else {
		e.Answer = zero
	}
	e.Do = func(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
		var in B
		if !noBody {
			if err := c.Decode(&in); err != nil {
				return nil, err
			}
		}
		return c.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
			v, err := do(ctx, tx, c, in)
			if noAnswer {
				return rest.NoContent(), err
			}
			return rest.OK(v), err
		})
	}
	return e
}

// Endpoints implements rest.Set.
func (r receivables) Endpoints() []rest.Endpoint {
	const finance, look = access.Finance, access.Finance | access.Care
	list := []rest.Endpoint{
		r.webhook(), r.reconciliation(),
		reading(look, paymentsPath+"/receipt", "Shows what a settled payment was used for.", nil, r.receipt),
		writing("POST", finance, paymentsPath+"/allocations", "Uses what is left of a payment for an invoice, or, without one, all credit of its account, oldest first.",
			func(ctx context.Context, tx *database.Tx, c *rest.Call, in amountBody) (receiptView, error) {
				id, err := c.ID("id")
				if err != nil {
					return receiptView{}, err
				}
				invoice := int64(0)
				if in.Invoice != "" {
					if invoice, err = rest.ParseRef("invoice", in.Invoice); err != nil {
						return receiptView{}, err
					}
				}
				if err := r.payments.Allocate(ctx, tx, id, invoice, money.Amount(in.Amount)); err != nil {
					return receiptView{}, err
				}
				return r.receipt(ctx, tx, c)
			}),
		writing("DELETE", finance, "/office/v1/allocations/{id}", "Takes an allocation back: the invoice is open again, the money the customer's credit.",
			func(ctx context.Context, tx *database.Tx, c *rest.Call, _ nothing) (nothing, error) {
				id, err := c.ID("id")
				if err != nil {
					return nothing{}, err
				}
				return nothing{}, r.payments.Unallocate(ctx, tx, id)
			}),
		reading(look, "/office/v1/accounts/{id}/open-items", "Shows what an account owes and what credit it has.", nil, openItems),
		reading(look, receivablesPath, "Shows what is open of an invoice.", nil, func(ctx context.Context, q bun.IDB, c *rest.Call) (receivableView, error) {
			id, err := c.ID("invoice")
			if err != nil {
				return receivableView{}, err
			}
			row, err := ledger.GetReceivable(ctx, q, id)
			return viewReceivable(&row), err
		}),
	}
	list = append(list, r.items(finance, look)...)
	return append(list, events(r.payments)...)
}

// items are what is done to open items by hand.
func (r receivables) items(finance, look access.Roles) []rest.Endpoint {
	today := func(tx *database.Tx) string { return ledger.Day(tx.Now()) }
	after := func(ctx context.Context, tx *database.Tx, id int64, err error) (receivableView, error) {
		if err != nil {
			return receivableView{}, err
		}
		row, err := ledger.GetReceivable(ctx, tx, id)
		if err == nil {
			err = r.dunning.Lift(ctx, tx, row.Account)
		}
		return viewReceivable(&row), err
	}
	return []rest.Endpoint{
		writing("POST", finance, receivablesPath+"/write-off", "Gives up what is open of an invoice.",
			func(ctx context.Context, tx *database.Tx, c *rest.Call, in reasonBody) (receivableView, error) {
				id, err := c.ID("invoice")
				if err == nil {
					var given ledger.Allocation
					if given, err = ledger.WriteOff(ctx, tx, id, today(tx), in.Reason); err == nil {
						err = access.FourEyes(ctx, given.Amount, given.Currency)
					}
				}
				return after(ctx, tx, id, err)
			}),
		writing("POST", finance, receivablesPath+"/recovery", "Takes the write-off of an invoice back.",
			func(ctx context.Context, tx *database.Tx, c *rest.Call, _ nothing) (receivableView, error) {
				id, err := c.ID("invoice")
				if err == nil {
					err = recovered(ctx, tx, id, today(tx))
				}
				return after(ctx, tx, id, err)
			}),
		writing("POST", look, receivablesPath+"/disputes", "Notes a customer's objection: the amount is not dunned.",
			func(ctx context.Context, tx *database.Tx, c *rest.Call, in disputeBody) (disputeView, error) {
				id, err := c.ID("invoice")
				if err != nil {
					return disputeView{}, err
				}
				d, err := ledger.OpenDispute(ctx, tx, id, money.Amount(in.Amount), in.Reason)
				if err != nil {
					return disputeView{}, err
				}
				return viewDispute(&d), r.dunning.Lift(ctx, tx, d.Account)
			}),
		writing("POST", finance, "/office/v1/disputes/{id}/verdict", "Ends a dispute: upheld, a credit note follows; otherwise the amount is dunned again.",
			func(ctx context.Context, tx *database.Tx, c *rest.Call, in verdictBody) (disputeView, error) {
				id, err := c.ID("id")
				if err != nil {
					return disputeView{}, err
				}
				d, err := ledger.CloseDispute(ctx, tx, id, in.Upheld)
				return viewDispute(&d), err
			}),
	}
}

// recovered takes write-offs of an invoice back, of as much as one person may.
func recovered(ctx context.Context, tx *database.Tx, invoice int64, on string) error {
	before, err := ledger.GetReceivable(ctx, tx, invoice)
	if err != nil {
		return err
	}
	if err := ledger.Recover(ctx, tx, invoice, on); err != nil {
		return err
	}
	now, err := ledger.GetReceivable(ctx, tx, invoice)
	if err != nil {
		return err
	}
	return access.FourEyes(ctx, now.Open-before.Open, now.Currency)
}

func (r receivables) receipt(ctx context.Context, q bun.IDB, c *rest.Call) (receiptView, error) {
	id, err := c.ID("id")
	if err != nil {
		return receiptView{}, err
	}
	receipt, err := r.payments.Receipt(ctx, q, id)
	p := &receipt.Payment
	v := receiptView{
		Payment: rest.ID(p.ID), Account: rest.ID(p.Account), Method: string(p.Method), Amount: rest.Decimal(p.Amount), Currency: p.Currency,
		ReceivedOn: p.ReceivedOn, Allocations: []allocationView{}, Unallocated: rest.Decimal(receipt.Unallocated),
	}
	for k := range receipt.Allocations {
		v.Allocations = append(v.Allocations, viewAllocation(&receipt.Allocations[k]))
	}
	return v, err
}

func openItems(ctx context.Context, q bun.IDB, c *rest.Call) (openItemsView, error) {
	id, err := c.ID("id")
	if err != nil {
		return openItemsView{}, err
	}
	if _, err := currencyOf(ctx, q, id); err != nil {
		return openItemsView{}, err
	}
	open, err := ledger.OpenReceivables(ctx, q, id)
	if err != nil {
		return openItemsView{}, err
	}
	credits, err := ledger.OpenCredits(ctx, q, id)
	v := openItemsView{Account: rest.ID(id), Receivables: []receivableView{}, Credits: []creditView{}}
	for k := range open {
		v.Receivables = append(v.Receivables, viewReceivable(&open[k]))
	}
	for k := range credits {
		x := &credits[k]
		v.Credits = append(v.Credits, creditView{rest.ID(x.ID), string(x.Source), rest.ID(x.SourceID), x.Currency, rest.Decimal(x.Amount), rest.Decimal(x.Open), x.CreatedOn})
	}
	return v, err
}

// webhook takes the provider's reports in: who sends them is proved by their signature alone.
func (r receivables) webhook() rest.Endpoint {
	return rest.Endpoint{
		Method: "POST", Path: "/office/v1/payment-webhook", Public: true, Signed: true, Status: 204, Body: provider.EventDocument{},
		Summary: "Takes a report of the payment provider in, signed as " + provider.SignatureHeader + " says; 204 when it is durable.",
		Do: func(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
			return rest.NoContent(), r.payments.Receive(ctx, c.Header(provider.SignatureHeader), c.Body())
		},
	}
}

func (r receivables) reconciliation() rest.Endpoint {
	return rest.Endpoint{
		Method: "POST", Path: "/office/v1/payments/reconciliation", Roles: access.Finance, Body: reconcileBody{}, Answer: payment.Reconciliation{},
		Summary: "Compares the provider's list with the books, and takes in what was lost on the way, if it is asked to.",
		Do: performed(func(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
			var in reconcileBody
			if err := c.Decode(&in); err != nil {
				return nil, err
			}
			found, err := r.payments.Reconcile(ctx, instant.Instant(in.Since), in.Repair)
			if found.Differences == nil {
				found.Differences = []payment.Difference{}
			}
			return rest.OK(found), err
		}),
	}
}

type eventView struct {
	ID       string    `json:"id"`
	Event    string    `json:"event"`
	Type     string    `json:"type"`
	Charge   string    `json:"charge"`
	Received rest.Time `json:"received"`
	Outcome  string    `json:"outcome"`
	Note     string    `json:"note,omitempty"`
}

// events are the provider's reports, for those who look into what was parked.
func events(s *payment.Service) []rest.Endpoint {
	return []rest.Endpoint{
		reading(access.Finance, "/office/v1/payment-events", "Shows the provider's reports by a cursor, those with an outcome (applied, ignored, parked) alone if it is named.",
			append([]rest.Parameter{{Name: "outcome", Values: []string{"applied", "ignored", "parked"}}}, cursor...), func(ctx context.Context, q bun.IDB, c *rest.Call) (feed[eventView], error) {
				after, limit, err := c.Limit()
				if err != nil {
					return feed[eventView]{}, err
				}
				rows, err := payment.Events(ctx, q, c.Query().Get("outcome"), after, limit+1)
				return feedOf(rows, limit, func(e *payment.Event) eventView {
					return eventView{rest.ID(e.ID), e.EventID, e.Type, e.Subject, rest.Time(e.ReceivedAt), e.Outcome, e.Note}
				}, func(e *payment.Event) int64 { return e.ID }), err
			}),
		writing("POST", access.Finance, "/office/v1/payment-events/{id}/retry", "Takes a parked report in again.",
			func(ctx context.Context, tx *database.Tx, c *rest.Call, _ nothing) (nothing, error) {
				id, err := c.ID("id")
				if err != nil {
					return nothing{}, err
				}
				return nothing{}, s.Retry(ctx, tx, id)
			}),
	}
}
