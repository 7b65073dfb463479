package client

import (
	"errors"
	"net/http"
)

// Unanswered is a request that no answer came to: the server cannot be reached,
// or the connection broke. What became of the request is open.
type Unanswered struct{ err error }

// Error implements error.
func (u *Unanswered) Error() string { return u.err.Error() }

// Unwrap is what happened.
func (u *Unanswered) Unwrap() error { return u.err }

// Temporary reports whether the same request, sent again later with the same
// idempotency key, may be answered: nobody answered, the server is starting,
// stopping or busy (503), the outcome is open (504), or a proxy cannot reach it
// (502). Any other error is a refusal, which repeating will not change.
func Temporary(err error) bool {
	if _, open := errors.AsType[*Unanswered](err); open {
		return true
	}
	p, answered := errors.AsType[*Problem](err)
	if !answered {
		return false
	}
	switch p.Status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// Refused reports whether the server answered with an error of this code, such
// as account_unknown: docs/operations/charging-api.md lists them.
func Refused(err error, code string) bool {
	p, answered := errors.AsType[*Problem](err)
	return answered && p.Code == code
}
