package provisioning

import (
	"context"
	"errors"
	"fmt"
)

// Element is a network element that knows subscribers: subscriber data (HSS) or policy (PCRF). Adapters implement it
// over the element's own protocol; the workflow knows no protocol.
//
// Apply carries out one operation and returns nil once the element has confirmed it. It must be idempotent: an
// operation that comes again under its Key, after a crash or a lost answer, changes nothing further and succeeds. A
// create of what exists as described, and a delete of what is not there, succeed as well. What the element refuses
// comes back as an *ElementError; any other error is treated as temporary. Apply returns when ctx ends, with an error.
// It is called by many goroutines at once.
type Element interface {
	// Name is the word by which specifications and tasks call the element, such as hss or pcrf.
	Name() string
	Apply(ctx context.Context, op Operation) error
}

// OperationKind says what is to be done to a subscriber in an element.
type OperationKind string

// The kinds of operations.
const (
	OperationCreate  OperationKind = "create"
	OperationModify  OperationKind = "modify"  // Profile and Attributes replace what was there
	OperationSuspend OperationKind = "suspend" // data stays, service ends
	OperationResume  OperationKind = "resume"
	OperationDelete  OperationKind = "delete"
)

// Operation is one change of one subscriber in one element.
type Operation struct {
	// Key names the operation once and for all: it is the same however often a task is tried, and another for its
	// compensation. At most 64 characters of [a-z0-9-].
	Key  string
	Kind OperationKind
	// IMSI, MSISDN: digits alone. The IMSI is the subscriber's identity in the element and always set.
	IMSI   string
	MSISDN string
	// Profile is the element's own name for what the subscriber may do, given by the specification of the product;
	// empty for suspend, resume and delete.
	Profile string
	// Attributes are further values of the specification, by name; nil means none.
	Attributes map[string]string
}

// ElementError is an element's refusal, or its silence.
type ElementError struct {
	// Temporary means that the same operation may succeed later: the element is overloaded, away, or did not answer
	// in time, in which case it may have carried the operation out. Otherwise trying again is useless until a person
	// has changed something.
	Temporary bool
	// Code is the element's own code for programs, such as its HTTP status or Experimental-Result; Message is for people.
	Code    string
	Message string
}

// Error implements error.
func (e *ElementError) Error() string {
	kind := "refused"
	if e.Temporary {
		kind = "not now"
	}
	return fmt.Sprintf("%s (%s): %s", kind, e.Code, e.Message)
}

// Permanent reports whether err says that trying again is useless.
func Permanent(err error) bool {
	var refused *ElementError
	return errors.As(err, &refused) && !refused.Temporary
}
