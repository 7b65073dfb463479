package adapter

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"

	"gyro/provisioning"
)

// document is a subscriber's data as an element keeps them.
type document = map[string]any

// wish is what an operation wants of an element.
type wish struct {
	request
	// fields are what the document has when the wish is fulfilled, and nil where
	// there is to be no such member; gone means that there is no document.
	fields document
	gone   bool
	// imsi is whom it is about; status is the member that holds the state of service.
	imsi, status string
}

// apply carries out a wish.
func (e *element) apply(ctx context.Context, w *wish) error {
	a, err := e.send(ctx, w.request)
	if err != nil {
		// Carried out or not? If the element shows what was wanted it is done.
		if done, seen := e.readBack(ctx, w); seen == nil && done {
			return nil
		}
		return e.silence(err)
	}
	switch {
	case a.status >= 200 && a.status < 300:
		return e.believe(ctx, w, a)
	case a.status == http.StatusNotFound && w.gone && said(a) == userNotFound:
		return nil
	case a.status == http.StatusPreconditionFailed && w.onlyNew:
		return e.exists(ctx, w)
	}
	return e.refusal(a)
}

// believe takes an answer of success for what it says. One that shows another subscriber, or this one otherwise than was
// asked for, proves nothing: it may be the answer to another request on the same connection, or the element did something
// else. What it shows then, asked on a new connection, decides; if it is not what was wanted, people have to look.
func (e *element) believe(ctx context.Context, w *wish, a answer) error {
	said := w.contradiction(a.body)
	if said == "" {
		return nil
	}
	e.http.CloseIdleConnections()
	if done, err := e.readBack(ctx, w); err == nil && done {
		return nil
	}
	return &provisioning.ElementError{
		Code: strconv.Itoa(a.status) + " CONTRADICTION",
		Message: e.name + ": it says that it is done, and shows " + said + " for IMSI " + w.imsi +
			"; see what it did to whom, put it right there, and retry or complete",
	}
}

// contradiction is what an answer's body has otherwise than it was asked for, empty if nothing: of the members that say who a
// subscriber is and what service it has. Others an element may write in its own way.
func (w *wish) contradiction(body []byte) string {
	var shown document
	if json.Unmarshal(body, &shown) != nil {
		return "" // nothing that could contradict
	}
	if has, found := shown["imsi"]; found && has != w.imsi {
		return fmt.Sprintf("imsi %v", has)
	}
	for _, name := range []string{"msisdn", "profile", w.status} {
		has, found := shown[name]
		if wanted := w.fields[name]; found && wanted != nil && !reflect.DeepEqual(has, wanted) {
			return fmt.Sprintf("%s %v", name, has)
		}
	}
	return ""
}

// userNotFound is the cause (TS 29.504) that tells a subscriber who is not there from a wrong address.
const userNotFound = "USER_NOT_FOUND"

func said(a answer) string {
	var p struct {
		Cause string `json:"cause"`
	}
	if json.Unmarshal(a.body, &p) != nil {
		return ""
	}
	return p.Cause
}

// exists decides about a create of what is there already: under another key, from a time when keys were lost, or by
// somebody else. As described it is done; anything else is for people, as replacing it would take somebody's service away.
func (e *element) exists(ctx context.Context, w *wish) error {
	done, err := e.readBack(ctx, w)
	switch {
	case err != nil:
		return err
	case done:
		return nil
	}
	return &provisioning.ElementError{
		Code: "412 SUBSCRIBER_EXISTS", Message: e.name + ": the subscriber exists, and not as ordered; remove it there, or complete the task by hand",
	}
}

// readBack reports whether the element shows what was wanted.
func (e *element) readBack(ctx context.Context, w *wish) (bool, error) {
	a, err := e.send(ctx, request{method: http.MethodGet, path: w.path})
	switch {
	case err != nil:
		return false, e.silence(err)
	case a.status == http.StatusNotFound && said(a) == userNotFound:
		return w.gone, nil
	case a.status != http.StatusOK:
		return false, e.refusal(a)
	case w.gone:
		return false, nil
	}
	var shown document
	if err := json.Unmarshal(a.body, &shown); err != nil {
		return false, e.silence(err)
	}
	if has, found := shown["imsi"]; found && has != w.imsi {
		return false, nil // another's
	}
	return shows(shown, w.fields), nil
}

// shows reports whether a document has every wanted member, and none of those that are wanted away.
func shows(shown, wanted document) bool {
	for name, value := range wanted {
		have, found := shown[name]
		if found != (value != nil) || found && !reflect.DeepEqual(have, value) {
			return false
		}
	}
	return true
}

// plan turns an operation into a wish. described are the members that Profile
// and Attributes come to, nil where there is none; status is the member that
// holds the state of service.
func plan(op *provisioning.Operation, path string, described document, status string, granted, barred string) *wish {
	w := &wish{request: request{path: path, key: op.Key, method: http.MethodPatch}, fields: document{}, imsi: op.IMSI, status: status}
	switch op.Kind {
	case provisioning.OperationCreate:
		w.method, w.onlyNew = http.MethodPut, true
		described[status] = granted
		w.fields = described
		w.body = present(described)
		return w
	case provisioning.OperationModify:
		w.fields = described
		if op.MSISDN == "" {
			delete(w.fields, "msisdn") // it stays
		}
	case provisioning.OperationSuspend:
		w.fields[status] = barred
	case provisioning.OperationResume:
		w.fields[status] = granted
	case provisioning.OperationDelete:
		w.method, w.gone = http.MethodDelete, true
		return w
	}
	w.body = w.fields
	return w
}

// present is a document without its empty members.
func present(d document) document {
	has := document{}
	for name, value := range d {
		if value != nil {
			has[name] = value
		}
	}
	return has
}

// known reports whether a kind of operation is one that plan knows.
func known(kind provisioning.OperationKind) bool {
	switch kind {
	case provisioning.OperationCreate, provisioning.OperationModify, provisioning.OperationSuspend, provisioning.OperationResume, provisioning.OperationDelete:
		return true
	}
	return false
}

// text is a member that is a string; empty is none.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}
