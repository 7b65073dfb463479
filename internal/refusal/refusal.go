// Package refusal holds the named outcomes with which the office declines a
// request: a kind that an edge turns into a status, a code for programs, the
// place and a message for people. An error that is no refusal is a fault of the
// environment or of the program.
package refusal

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says what the one who asked can do about a refusal.
type Kind uint8

// The kinds, and the HTTP status that the API gives them.
const (
	Invalid       Kind = iota + 1 // the request cannot be understood: correct it (400)
	Forbidden                     // somebody else may do it (403)
	NotFound                      // what it names is not there (404)
	Conflict                      // it contradicts the present state (409)
	Unprocessable                 // a rule of the business forbids it (422)
	Unavailable                   // not now: ask again later (503)
)

// Error is a refusal.
type Error struct {
	Kind Kind
	// Code is one word for programs, such as offering_retired.
	Code string
	// Field is the place in the request, such as orderItem[0].productOffering.id;
	// empty where the request as a whole is meant.
	Field string
	// Message says what was wrong, where, and what to do.
	Message string
}

// New makes a refusal; format and its arguments are the message.
func New(kind Kind, code, field, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Field: field, Message: fmt.Sprintf(format, args...)}
}

// Error implements error: the message, behind the field if it does not begin
// with it.
func (e *Error) Error() string {
	if e.Field == "" || strings.HasPrefix(e.Message, e.Field) {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// Of returns the refusal that err is or wraps, nil if there is none.
func Of(err error) *Error {
	e, _ := errors.AsType[*Error](err)
	return e
}

// Is reports whether err is a refusal with the given code.
func Is(err error, code string) bool {
	e := Of(err)
	return e != nil && e.Code == code
}
