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

// Final reports whether an answer is the server's last word on a request: it read the request, and will say the same however
// often it is sent. Not final are, besides what is Temporary, the status codes that are about the sender and not about the
// request - a key that is not taken (401) or may not do it (403, also where a second person has to approve), a request that came
// too slowly (408) or with too many others (429) - as an operator mends these, errors of the server (5xx), and what is not in the
// server's words: a proxy's page says nothing about an account.
func Final(err error) bool {
	p, answered := errors.AsType[*Problem](err)
	if !answered || p.Code == "" || p.Status < http.StatusBadRequest || p.Status >= http.StatusInternalServerError {
		return false
	}
	switch p.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	}
	return true
}

// Refused reports whether the server answered with an error of this code, such
// as account_unknown: docs/operations/charging-api.md lists them.
func Refused(err error, code string) bool {
	p, answered := errors.AsType[*Problem](err)
	return answered && p.Code == code
}
