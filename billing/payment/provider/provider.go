package provider

import (
	"context"
	"errors"
	"fmt"

	"gyro/internal/instant"
	"gyro/internal/money"
)

// Provider takes payments. Its methods are called by many goroutines at once,
// return when ctx ends, and are safe to repeat: a request that comes again
// under its Key returns what the first one brought about. What the provider
// refuses comes back as an *Error; any other error is temporary.
//
// A payment that the payer's bank declines is no error: it is a Charge in state
// Declined.
type Provider interface {
	// Name is what payments are filed under, such as simulator.
	Name() string
	// Charge asks for money. The answer may be Pending; what has come of it is
	// told by a webhook, and by Fetch.
	Charge(ctx context.Context, r ChargeRequest) (Charge, error)
	// Refund returns all or part of a charge that succeeded.
	Refund(ctx context.Context, r RefundRequest) (Refund, error)
	// Fetch returns the charge with the provider's reference as it stands.
	Fetch(ctx context.Context, reference string) (Charge, error)
	// List returns charges in the order in which they last changed, so that
	// books can be compared with everything that the provider thinks happened.
	List(ctx context.Context, r ListRequest) (Page, error)
}

// ChargeRequest asks for money from the holder of a token.
type ChargeRequest struct {
	// Key names the request once and for all, such as payment-17: 1 to 100
	// characters of [A-Za-z0-9._:-].
	Key string
	// Token stands for a card or a SEPA mandate, such as tok_visa or mnd_17.
	Token string
	// Amount is positive and a whole number of the currency's minor unit.
	Amount   money.Amount
	Currency money.Currency
	// Reference is the office's own, handed back with everything about the
	// charge: at most 100 characters.
	Reference string
	// Description is what the payer reads on the statement.
	Description string
}

// State is where a charge or a refund stands.
type State string

// The states. Succeeded and Declined are final, but for disputes and refunds.
const (
	Pending   State = "pending"
	Succeeded State = "succeeded"
	Declined  State = "declined"
)

// Dispute is what became of a payer's objection (chargeback).
type Dispute string

// The stages of a dispute. Opened and Lost mean that the money is gone, Won
// that it came back.
const (
	Undisputed    Dispute = ""
	DisputeOpened Dispute = "opened"
	DisputeWon    Dispute = "won"
	DisputeLost   Dispute = "lost"
)

// Charge is a payment as the provider sees it.
type Charge struct {
	// ID is the provider's reference, unique for good.
	ID string
	// Key, Token, Amount, Currency, Reference are the request's.
	Key       string
	Token     string
	Amount    money.Amount
	Currency  money.Currency
	Reference string
	State     State
	// DeclineCode says why a charge was declined: card_declined,
	// insufficient_funds, mandate_revoked; empty otherwise.
	DeclineCode string
	// Refunded is the sum of the refunds that succeeded.
	Refunded money.Amount
	Dispute  Dispute
	Created  instant.Instant
	// Version grows with every change of the charge: of two reports about one
	// charge, the one with the higher version is the later, in whatever order
	// they arrive.
	Version int64
	Refunds []Refund
}

// RefundRequest returns money of a charge.
type RefundRequest struct {
	Key    string // as ChargeRequest.Key
	Charge string // the charge's ID
	// Amount is positive; all refunds of a charge together are at most its
	// amount.
	Amount money.Amount
	Reason string
}

// Refund is money on its way back.
type Refund struct {
	ID       string
	Key      string
	Charge   string
	Amount   money.Amount
	Currency money.Currency
	State    State
	Created  instant.Instant
}

// ListRequest asks for a page of charges.
type ListRequest struct {
	// Since leaves out what last changed before it; 0 is everything.
	Since instant.Instant
	// After is the Next of the page before; empty begins.
	After string
	// Limit is the size of a page, 1 to 1000; 0 is 100.
	Limit int
}

// Page is a part of a list. Next is empty on the last one.
type Page struct {
	Charges []Charge
	Next    string
}

// Error is a refusal by the provider, or its silence.
type Error struct {
	// Temporary means that the same request, under the same key, may succeed
	// later; it may also have been carried out already.
	Temporary bool
	// Status is the HTTP status, 0 if no answer came.
	Status int
	// Code is the provider's word for programs, such as card_number_refused;
	// no_answer and unreachable are the client's own. Message is for people.
	Code    string
	Message string
}

// Error implements error.
func (e *Error) Error() string {
	kind := "refused"
	if e.Temporary {
		kind = "not now"
	}
	return fmt.Sprintf("payment provider: %s (%s): %s", kind, e.Code, e.Message)
}

// Permanent reports whether err says that repeating the request is useless.
func Permanent(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && !refused.Temporary
}
