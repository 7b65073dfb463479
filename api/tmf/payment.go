package tmf

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/uptrace/bun"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/billing/ledger"
	"gyro/billing/payment"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"
)

// methodDocument is how a payment is made: its name is provider, bank_transfer or
// cash, its id the provider's token, which is never shown.
type methodDocument struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name"`
	Type string `json:"@type,omitempty"`
}

type paymentItem struct {
	Item        rest.Ref    `json:"item"`
	TotalAmount *rest.Money `json:"totalAmount,omitempty"`
}

// paymentDocument is TMF676's Payment.
type paymentDocument struct {
	rest.Entity
	Account           rest.Ref       `json:"account"`
	PaymentMethod     methodDocument `json:"paymentMethod"`
	TotalAmount       *rest.Money    `json:"totalAmount,omitempty"`
	Description       string         `json:"description,omitempty"`
	CorrelatorID      string         `json:"correlatorId,omitempty"`
	AuthorizationCode string         `json:"authorizationCode,omitempty"`
	Name              string         `json:"name,omitempty"`
	PaymentDate       rest.Time      `json:"paymentDate,omitzero"`
	PaymentItem       []paymentItem  `json:"paymentItem,omitempty"`
	Status            string         `json:"status,omitempty"`
	// StatusReason is why a payment failed, in the provider's word.
	StatusReason string    `json:"statusReason,omitempty"`
	StatusDate   rest.Time `json:"statusDate,omitzero"`
}

// payments is TMF676's Payment.
func payments(s *payment.Service) rest.Set {
	return rest.Resource[paymentDocument]{
		API: rest.TMF676, Path: "payment", Type: "Payment",
		About: "Money that a customer paid or means to pay: through the provider, by bank transfer or in cash.",
		Roles: rest.Roles{Read: access.Finance | access.Care, Create: access.Finance | access.Care}, NeedsKey: true,
		Key: "p.id",
		Filters: []rest.Filter{
			{Attribute: "account.id", Column: "p.billing_account_id", Kind: rest.Number},
			{Attribute: "status", Column: "p.state", Values: []string{"initiated", "pending", "settled", "failed"}},
			{Attribute: "paymentDate", Column: "p.created_at", Kind: rest.Instant, Sort: true},
			{Attribute: "correlatorId", Column: "p.key"},
		},
		ReadOnly: []string{"status", "statusReason", "statusDate", "authorizationCode", "name"},
		List: func(ctx context.Context, db bun.IDB, q *rest.Query) ([]paymentDocument, int, error) {
			var rows []payment.Payment
			total, err := q.Page(ctx, db.NewSelect().Model(&rows))
			documents := make([]paymentDocument, 0, len(rows))
			for k := range rows {
				documents = append(documents, viewPayment(ctx, &rows[k]))
			}
			return documents, total, err
		},
		Get: func(ctx context.Context, db bun.IDB, id string) (paymentDocument, error) {
			n, err := rest.ParseID(id)
			if err != nil {
				return paymentDocument{}, err
			}
			p, err := payment.Get(ctx, db, n)
			return viewPayment(ctx, &p), err
		},
		Create: func(ctx context.Context, tx *database.Tx, in paymentDocument) (paymentDocument, error) {
			r, err := in.request()
			if err != nil {
				return paymentDocument{}, err
			}
			p, err := s.Take(ctx, tx, r)
			return viewPayment(ctx, &p), err
		},
	}
}

// request reads a POST. The correlatorId, where there is one, is the payment's key:
// it makes it once whoever sends it, and not only within one Idempotency-Key.
func (d *paymentDocument) request() (payment.Request, error) {
	account, err := rest.ParseRef("account.id", d.Account.ID)
	if err != nil {
		return payment.Request{}, err
	}
	amount, currency, err := d.TotalAmount.Amount("totalAmount")
	if err != nil {
		return payment.Request{}, err
	}
	r := payment.Request{
		Account: account, Method: payment.Method(d.PaymentMethod.Name), Amount: amount, Currency: currency.String(), Token: d.PaymentMethod.ID,
		Description: d.Description, Key: d.CorrelatorID,
	}
	if r.Key == "" {
		r.Key = "api-" + rand.Text()
	}
	if d.PaymentDate != 0 {
		r.ReceivedOn = ledger.Day(instant.Instant(d.PaymentDate))
	}
	switch {
	case len(d.PaymentItem) > 1:
		return r, refusal.New(refusal.Invalid, "invalid_value", "paymentItem", "there are %d; name one bill, or none: the oldest is paid first", len(d.PaymentItem))
	case len(d.PaymentItem) == 1:
		r.InvoiceID, err = rest.ParseRef("paymentItem[0].item.id", d.PaymentItem[0].Item.ID)
	}
	return r, err
}

func viewPayment(ctx context.Context, p *payment.Payment) paymentDocument {
	d := paymentDocument{
		Entity:      rest.Entity{ID: rest.ID(p.ID)},
		Account:     debtorRef(ctx, p.Account),
		TotalAmount: rest.MoneyOf(p.Amount, p.Currency), Description: p.Description, CorrelatorID: p.Key, AuthorizationCode: p.Provider, Name: p.Name(),
		PaymentMethod: methodDocument{Name: string(p.Method), Type: "PaymentMethod"},
		PaymentDate:   rest.Time(p.CreatedAt), Status: string(p.State), StatusReason: p.Failure, StatusDate: rest.Time(max(p.CreatedAt, p.SettledAt)),
	}
	if p.InvoiceID != 0 {
		d.PaymentItem = []paymentItem{{Item: rest.Ref{ID: rest.ID(p.InvoiceID), Href: rest.Href(ctx, rest.TMF678, "customerBill", rest.ID(p.InvoiceID)), ReferredType: "CustomerBill"}}}
	}
	return d
}

func debtorRef(ctx context.Context, id int64) rest.Ref {
	return rest.Ref{ID: rest.ID(id), Href: rest.Href(ctx, rest.TMF666, "billingAccount", rest.ID(id)), ReferredType: "BillingAccount"}
}

// refundDocument is TMF676's Refund.
type refundDocument struct {
	rest.Entity
	Account       rest.Ref       `json:"account"`
	Payment       *rest.Ref      `json:"payment,omitempty"`
	PaymentMethod methodDocument `json:"paymentMethod"`
	TotalAmount   *rest.Money    `json:"totalAmount,omitempty"`
	Description   string         `json:"description,omitempty"` // the reason
	CorrelatorID  string         `json:"correlatorId,omitempty"`
	Name          string         `json:"name,omitempty"`
	RefundDate    rest.Time      `json:"refundDate,omitzero"`
	Status        string         `json:"status,omitempty"`
	StatusReason  string         `json:"statusReason,omitempty"` // why it failed
	StatusDate    rest.Time      `json:"statusDate,omitzero"`
}

// refunds is TMF676's Refund.
func refunds(s *payment.Service) rest.Set {
	return rest.Resource[refundDocument]{
		API: rest.TMF676, Path: "refund", Type: "Refund",
		About: "Money of a payment on its way back to the payer.",
		Roles: rest.Roles{Read: access.Finance | access.Care, Create: access.Finance}, NeedsKey: true,
		Key: "r.id",
		Filters: []rest.Filter{
			{Attribute: "account.id", Column: "r.billing_account_id", Kind: rest.Number},
			{Attribute: "payment.id", Column: "r.payment_id", Kind: rest.Number},
			{Attribute: "status", Column: "r.state", Values: []string{"requested", "funded", "settled", "failed"}},
		},
		ReadOnly: []string{"status", "statusReason", "statusDate", "name", "refundDate"},
		List: func(ctx context.Context, db bun.IDB, q *rest.Query) ([]refundDocument, int, error) {
			var rows []payment.Refund
			total, err := q.Page(ctx, db.NewSelect().Model(&rows))
			documents := make([]refundDocument, 0, len(rows))
			for k := range rows {
				d, err := viewRefund(ctx, db, &rows[k])
				if err != nil {
					return nil, 0, err
				}
				documents = append(documents, d)
			}
			return documents, total, err
		},
		Get: func(ctx context.Context, db bun.IDB, id string) (refundDocument, error) {
			n, err := rest.ParseID(id)
			if err != nil {
				return refundDocument{}, err
			}
			r, err := payment.GetRefund(ctx, db, n)
			if err != nil {
				return refundDocument{}, err
			}
			return viewRefund(ctx, db, &r)
		},
		Create: func(ctx context.Context, tx *database.Tx, in refundDocument) (refundDocument, error) {
			if in.Payment == nil {
				return refundDocument{}, refusal.New(refusal.Invalid, "invalid_value", "payment", `say which payment: {"id": "17"}`)
			}
			id, err := rest.ParseRef("payment.id", in.Payment.ID)
			if err != nil {
				return refundDocument{}, err
			}
			amount, _, err := in.TotalAmount.Amount("totalAmount")
			if err != nil {
				return refundDocument{}, err
			}
			if err := access.FourEyes(ctx, amount, in.TotalAmount.Unit); err != nil {
				return refundDocument{}, err
			}
			key := in.CorrelatorID
			if key == "" {
				key = "api-" + rand.Text()
			}
			p, err := payment.Get(ctx, tx, id)
			if err != nil {
				return refundDocument{}, err
			}
			if in.TotalAmount.Unit != p.Currency || (in.Account.ID != "" && in.Account.ID != rest.ID(p.Account)) {
				return refundDocument{}, refusal.New(refusal.Unprocessable, "refund_differs", "account", "%s is in %s, of account %d", p.Name(), p.Currency, p.Account)
			}
			r, err := s.Refund(ctx, tx, payment.RefundRequest{Payment: id, Amount: amount, Reason: in.Description, Key: key})
			if err != nil {
				return refundDocument{}, err
			}
			if r, err = payment.GetRefund(ctx, tx, r.ID); err != nil {
				return refundDocument{}, err
			}
			return viewRefund(ctx, tx, &r)
		},
	}
}

func viewRefund(ctx context.Context, q bun.IDB, r *payment.Refund) (refundDocument, error) {
	p, err := payment.Get(ctx, q, r.PaymentID)
	if err != nil {
		return refundDocument{}, fmt.Errorf("refund %d: %w", r.ID, err)
	}
	id := rest.ID(r.PaymentID)
	return refundDocument{
		Entity: rest.Entity{ID: rest.ID(r.ID)}, Account: debtorRef(ctx, r.Account),
		Payment:       &rest.Ref{ID: id, Href: rest.Href(ctx, rest.TMF676, "payment", id), Name: p.Name()},
		PaymentMethod: methodDocument{Name: string(p.Method), Type: "PaymentMethod"},
		TotalAmount:   rest.MoneyOf(r.Amount, r.Currency), Description: r.Reason, CorrelatorID: r.Key, Name: r.Name(),
		RefundDate: rest.Time(r.CreatedAt), Status: string(r.State), StatusReason: r.Failure, StatusDate: rest.Time(max(r.CreatedAt, r.SettledAt)),
	}, nil
}
