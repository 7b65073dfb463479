package rating

import (
	"fmt"
	"strings"
)

// SourceError is one thing that is wrong in the source of a catalogue.
type SourceError struct {
	// Line and Column count from 1; both are 0 for an error in a Question.
	Line, Column int
	// Key is the path to the value, such as offers[0].rates[1].rules[0].price.per.
	// It is empty when the source as a whole is meant.
	Key string
	// Reason says what is wrong, Remedy what to write instead.
	Reason, Remedy string
}

// Error is LINE:COLUMN: KEY: reason; remedy.
func (e *SourceError) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		fmt.Fprintf(&b, "%d:%d: ", e.Line, e.Column)
	}
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Reason)
	if e.Remedy != "" {
		b.WriteString("; " + e.Remedy)
	}
	return b.String()
}

// before orders errors by their place in the source.
func (e *SourceError) before(o *SourceError) bool {
	return e.Line < o.Line || (e.Line == o.Line && e.Column < o.Column)
}

// SourceErrors is what Compile returns: at least one and at most MaxErrors
// errors, in the order of the source.
type SourceErrors []*SourceError

// Error puts each error on a line.
func (e SourceErrors) Error() string {
	lines := make([]string, len(e))
	for k, one := range e {
		lines[k] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find a *SourceError.
func (e SourceErrors) Unwrap() []error {
	list := make([]error, len(e))
	for k, one := range e {
		list[k] = one
	}
	return list
}
