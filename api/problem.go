package api

import (
	"context"
	"errors"
	"fmt"

	"gyro/charging"
	"gyro/charging/engine"
	"gyro/rating"

	"github.com/valyala/fasthttp"
)

// problem is the one shape of every error: a code for programs, a message for
// people (what, where, what to do), and details where there are several.
type problem struct {
	Code    string   `json:"code"`
	Message string   `json:"message"`
	Details []detail `json:"details,omitempty"`
	status  int
}

// detail is one thing that is wrong with a body.
type detail struct {
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Key    string `json:"key,omitempty"` // path of keys to the value
	Reason string `json:"reason"`
	Remedy string `json:"remedy,omitempty"`
}

// Error implements error.
func (p *problem) Error() string { return p.Code + ": " + p.Message }

func refuse(status int, code, format string, args ...any) *problem {
	return &problem{Code: code, Message: fmt.Sprintf(format, args...), status: status}
}

// invalid refuses one value of a body.
func invalid(key, reason, remedy string) *problem {
	p := refuse(fasthttp.StatusUnprocessableEntity, "invalid_value", "%s: %s; %s", key, reason, remedy)
	p.Details = []detail{{Key: key, Reason: reason, Remedy: remedy}}
	return p
}

// badParameter refuses what the request line or a header says.
func badParameter(format string, args ...any) *problem {
	return refuse(fasthttp.StatusBadRequest, "invalid_parameter", format, args...)
}

// statusOf is the table from the outcomes of commands to HTTP. An outcome that
// no command of the API has is a bug of this package: known is false.
func statusOf(r charging.Result) (status int, code string, known bool) {
	const (
		notFound      = fasthttp.StatusNotFound
		conflict      = fasthttp.StatusConflict
		unprocessable = fasthttp.StatusUnprocessableEntity
	)
	switch r {
	case charging.Success:
		return fasthttp.StatusOK, "", true
	case charging.Contradiction:
		return conflict, "idempotency_key_reused", true
	case charging.InvalidValue:
		return unprocessable, "invalid_value", true
	case charging.AccountUnknown:
		return notFound, "account_unknown", true
	case charging.IdentityTaken:
		return conflict, "identity_taken", true
	case charging.CurrencyMismatch:
		return conflict, "currency_mismatch", true
	case charging.OfferUnknown:
		return unprocessable, "offer_unknown", true
	case charging.AccountBusy:
		return conflict, "account_busy", true
	case charging.AccountNotEmpty:
		return conflict, "account_not_empty", true
	case charging.Overflow:
		return unprocessable, "overflow", true
	case charging.CatalogInvalid:
		return unprocessable, "catalog_invalid", true
	case charging.InsufficientBalance:
		return conflict, "insufficient_balance", true
	case charging.SubscriberBusy:
		return conflict, "subscriber_busy", true
	case charging.Invalid:
		return unprocessable, "invalid", true
	case charging.VoucherUnknown:
		return notFound, "voucher_unknown", true
	case charging.VoucherUsed:
		return conflict, "voucher_used", true
	case charging.VoucherExpired:
		return conflict, "voucher_expired", true
	case charging.VoucherBlocked:
		return conflict, "voucher_blocked", true
	case charging.VoucherUnsuitable:
		return conflict, "voucher_unsuitable", true
	case charging.GuessesLocked:
		return fasthttp.StatusTooManyRequests, "guesses_locked", true
	case charging.TransferRefused:
		return conflict, "transfer_refused", true
	case charging.LoanRefused:
		return conflict, "loan_refused", true
	case charging.SettlementRefused:
		return conflict, "settlement_refused", true
	case charging.ApprovalNeeded:
		return fasthttp.StatusForbidden, "approval_needed", true
	case charging.UserUnknown:
		return notFound, "subscriber_unknown", true
	case charging.UnknownSession, charging.NoIdentity, charging.RatingFailed,
		charging.CreditLimitReached, charging.ServiceDenied, charging.NotApplicable,
		charging.SessionExists, charging.TooManyGroups:
		// Outcomes of credit-control requests.
	}
	return fasthttp.StatusInternalServerError, "unexpected_outcome", false
}

// refusal is the problem that a refused command is answered with, or nil.
func refusal(reply *engine.Reply) error {
	status, code, known := statusOf(reply.Result)
	switch {
	case reply.Result == charging.Success:
		return nil
	case !known:
		return refuse(status, code, "the charging core answered with outcome %d; this is a fault of gyro, report it", reply.Result)
	case reply.Result == charging.AccountUnknown:
		return unknownAccount(reply.Detail)
	case reply.Result == charging.ApprovalNeeded:
		return refuse(status, code, "%s; send the approver's API key in the header %s or, where there are no keys, asked_by and approved_by",
			reply.Detail, approverKey)
	}
	return refuse(status, code, "%s", reply.Detail)
}

func unknownAccount(what string) *problem {
	return refuse(fasthttp.StatusNotFound, "account_unknown", "%s; create it with PUT /charging/v1/accounts/{account}", what)
}

// goneAccount answers who wants to delete an account that is not there, which
// is also what the second of two such requests finds.
func goneAccount(what string) *problem {
	return refuse(fasthttp.StatusNotFound, "account_unknown", "%s; there is nothing to delete", what)
}

// retryAfter is how many seconds a client should wait that found the engine
// busy: a batch takes milliseconds, so the least that the header can say.
const retryAfter = "1"

// problemOf finds the answer to an error of a handler. What is not foreseen is
// the environment's; its words may tell a stranger too much and go to the log.
func problemOf(err error) (p *problem, internal bool) {
	switch {
	case errors.As(err, &p):
		return p, false
	case errors.Is(err, engine.ErrBusy):
		return refuse(fasthttp.StatusServiceUnavailable, "busy", "%v", err), false
	case errors.Is(err, engine.ErrStopped):
		return refuse(fasthttp.StatusServiceUnavailable, "stopped", "%v", err), false
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return refuse(fasthttp.StatusGatewayTimeout, "timeout", "the charging core did not answer in time and may still carry the request out; "+
			"send the same request again, with the same Idempotency-Key, to learn what became of it"), false
	}
	return refuse(fasthttp.StatusInternalServerError, "internal",
		"the request failed for a reason inside the server; its log says why"), true
}

// sourceProblem tells what is wrong in a catalogue, line by line.
func sourceProblem(errs rating.SourceErrors) *problem {
	p := refuse(fasthttp.StatusUnprocessableEntity, "catalog_invalid", "the catalogue has %s; nothing was published", counted(len(errs), "error"))
	for _, e := range errs {
		p.Details = append(p.Details, detail{Line: e.Line, Column: e.Column, Key: e.Key, Reason: e.Reason, Remedy: e.Remedy})
	}
	return p
}

// counted is a number and a noun in English.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
