package payment

import (
	"context"
	"fmt"
	"strconv"

	"github.com/uptrace/bun"

	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// Purpose is what a payment is for.
type Purpose string

// The purposes of payments.
const (
	Bills Purpose = "bills"  // of a postpaid account
	TopUp Purpose = "top_up" // of a prepaid account's balance in the charging core
)

// Method is how a payment is made.
type Method string

// The methods of payment.
const (
	ByProvider   Method = "provider"
	BankTransfer Method = "bank_transfer"
	CashInHand   Method = "cash"
)

// State is where a payment stands.
type State string

// The states of payments. A failed one may still be settled: see the package.
const (
	Initiated State = "initiated" // the provider has not been asked, or has not answered
	Pending   State = "pending"   // the provider waits for the payer's bank
	Settled   State = "settled"
	Failed    State = "failed"
)

// CoreState says whether a top-up has reached the charging core.
type CoreState string

// The states of a top-up in the core. Refused leaves the money as the
// customer's credit, to be refunded.
const (
	NoTopUp     CoreState = ""
	CoreWaiting CoreState = "waiting"
	CoreDone    CoreState = "done"
	CoreRefused CoreState = "refused"
)

// Payment is money that a customer pays, or means to.
type Payment struct {
	bun.BaseModel `bun:"table:payment,alias:p"`

	ID          int64           `bun:"id,pk"`
	Account     int64           `bun:"billing_account_id"`
	Purpose     Purpose         `bun:"purpose"`
	Method      Method          `bun:"method"`
	Amount      money.Amount    `bun:"amount"`
	Currency    string          `bun:"currency"`
	State       State           `bun:"state"`
	Key         string          `bun:"key"`
	InvoiceID   int64           `bun:"invoice_id,nullzero"`
	Token       string          `bun:"token"`
	Provider    string          `bun:"provider_reference,nullzero"`
	Description string          `bun:"description"`
	Failure     string          `bun:"failure"`
	Refunded    money.Amount    `bun:"refunded"` // with refunds that are on their way
	ChargedBack money.Amount    `bun:"charged_back"`
	Version     int64           `bun:"provider_version"`
	Core        CoreState       `bun:"core_state"`
	ReceivedOn  string          `bun:"received_on"`
	CreatedAt   instant.Instant `bun:"created_at"`
	SettledAt   instant.Instant `bun:"settled_at"`
}

// Name is what the payment is called in the books and at the provider.
func (p *Payment) Name() string { return nameOf(p.ID) }

func nameOf(id int64) string { return "payment-" + strconv.FormatInt(id, 10) }

// Refundable is what can still be given back.
func (p *Payment) Refundable() money.Amount { return p.Amount - p.Refunded - p.ChargedBack }

// RefundState is where a refund stands.
type RefundState string

// The states of refunds.
const (
	RefundRequested RefundState = "requested" // a top-up's: the core has not given the money back yet
	RefundFunded    RefundState = "funded"    // booked as payable, the provider is being asked
	RefundSettled   RefundState = "settled"
	RefundFailed    RefundState = "failed"
)

// Refund is money on its way back to the payer.
type Refund struct {
	bun.BaseModel `bun:"table:refund,alias:r"`

	ID        int64           `bun:"id,pk"`
	PaymentID int64           `bun:"payment_id"`
	Account   int64           `bun:"billing_account_id"`
	Amount    money.Amount    `bun:"amount"`
	Currency  string          `bun:"currency"`
	State     RefundState     `bun:"state"`
	Key       string          `bun:"key"`
	Provider  string          `bun:"provider_reference,nullzero"`
	Reason    string          `bun:"reason"`
	Failure   string          `bun:"failure"`
	CreatedAt instant.Instant `bun:"created_at"`
	SettledAt instant.Instant `bun:"settled_at"`
}

// Name is what the refund is called in the books and at the provider.
func (r *Refund) Name() string { return "refund-" + strconv.FormatInt(r.ID, 10) }

// Chargeback is a payment that the payer's bank took back.
type Chargeback struct {
	bun.BaseModel `bun:"table:chargeback,alias:cb"`

	ID         int64           `bun:"id,pk"`
	PaymentID  int64           `bun:"payment_id"`
	Account    int64           `bun:"billing_account_id"`
	Amount     money.Amount    `bun:"amount"`
	FromCredit money.Amount    `bun:"from_credit"`
	FromCore   money.Amount    `bun:"from_core"`
	FromLoss   money.Amount    `bun:"from_loss"`
	Currency   string          `bun:"currency"`
	State      string          `bun:"state"` // lost, won
	Core       CoreState       `bun:"core_state"`
	Version    int64           `bun:"provider_version"`
	CreatedAt  instant.Instant `bun:"created_at"`
}

// columns of the tables above, with NULL read as nothing.
const (
	paymentColumns = `id, billing_account_id, purpose, method, amount, currency, state, key, COALESCE(invoice_id, 0) AS invoice_id, token,
		COALESCE(provider_reference, '') AS provider_reference, description, failure, refunded, charged_back, provider_version, core_state, received_on, created_at, settled_at`
	refundColumns     = `id, payment_id, billing_account_id, amount, currency, state, key, COALESCE(provider_reference, '') AS provider_reference, reason, failure, created_at, settled_at`
	chargebackColumns = `id, payment_id, billing_account_id, amount, from_credit, from_core, from_loss, currency, state, core_state, provider_version, created_at`
)

// Get returns a payment.
func Get(ctx context.Context, q bun.IDB, id int64) (Payment, error) {
	p, err := findPayment(ctx, q, "id = ?", id)
	if err == nil && p == nil {
		return Payment{}, refusal.New(refusal.NotFound, "payment_unknown", "payment", "there is no payment %d", id)
	}
	if err != nil {
		return Payment{}, err
	}
	return *p, nil
}

// findPayment returns nil where there is none.
func findPayment(ctx context.Context, q bun.IDB, where string, args ...any) (*Payment, error) {
	var rows []Payment
	if err := q.NewRaw("SELECT "+paymentColumns+" FROM payment WHERE "+where, args...).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("payment: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil //nolint:nilnil // there is none
	}
	return &rows[0], nil
}

// GetRefund returns a refund.
func GetRefund(ctx context.Context, q bun.IDB, id int64) (Refund, error) {
	r, err := findRefund(ctx, q, "id = ?", id)
	if err == nil && r == nil {
		return Refund{}, refusal.New(refusal.NotFound, "refund_unknown", "refund", "there is no refund %d", id)
	}
	if err != nil {
		return Refund{}, err
	}
	return *r, nil
}

func findRefund(ctx context.Context, q bun.IDB, where string, args ...any) (*Refund, error) {
	var rows []Refund
	if err := q.NewRaw("SELECT "+refundColumns+" FROM refund WHERE "+where, args...).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("refund: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil //nolint:nilnil // there is none
	}
	return &rows[0], nil
}
