package repository

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"

	"gyro/internal/simulator"
)

// Model says what a repository keeps.
type Model struct {
	// Name is the process that is simulated, such as hss.
	Name string
	// Before and After enclose a subscriber's identity in its URI:
	// Before/{ueId}After, where After may be empty. Before alone is the list.
	Before, After string
	// Check reads a document strictly and returns it in its one canonical form,
	// with the identities that no two subscribers may share.
	Check func(imsi string, document []byte) (canonical []byte, unique []string, err error)
}

// keptAnswers is how many request identifiers are remembered. A request comes
// again within minutes; at 200 changes a second this is a quarter of an hour.
const keptAnswers = 200_000

// Repository is the state of a simulated element.
type Repository struct {
	model Model
	log   *simulator.Log

	mu       sync.Mutex
	kept     map[string]entry    // by IMSI
	owners   map[string]string   // unique identity to IMSI
	answers  map[string]answered // by request identifier
	order    []string            // request identifiers, the oldest first, from head
	head     int
	applied  uint64
	repeated uint64
}

type entry struct {
	document []byte
	unique   []string
}

// answered is what a request identifier brought about.
type answered struct {
	Method      string
	Fingerprint uint64
	Status      int
	Document    []byte
}

// record is a line of the log.
type record struct {
	IMSI string `json:"imsi,omitempty"`
	// Document is what the subscriber has from now on; none: it is gone.
	Document json.RawMessage `json:"document,omitempty"`
	// The request identifier and what it was answered with. Answer is only in
	// records without an IMSI; elsewhere it is the document.
	Request     string          `json:"request,omitempty"`
	Method      string          `json:"method,omitempty"`
	Fingerprint uint64          `json:"fingerprint,omitempty"`
	Status      int             `json:"status,omitempty"`
	Answer      json.RawMessage `json:"answer,omitempty"`
}

// Open opens or makes a repository in the file at path.
func Open(model Model, path string) (*Repository, error) {
	r := &Repository{model: model, kept: map[string]entry{}, owners: map[string]string{}, answers: map[string]answered{}}
	log, err := simulator.OpenLog(path, model.Name, r.replay)
	if err != nil {
		return nil, err
	}
	r.log = log
	if live := len(r.kept) + len(r.answers); log.Records() > 2*live+1000 {
		if err := log.Rewrite(r.snapshot); err != nil {
			_ = log.Close()
			return nil, err
		}
	}
	return r, nil
}

// Close releases the file.
func (r *Repository) Close() error { return r.log.Close() }

func (r *Repository) replay(line []byte) error {
	var c record
	if err := json.Unmarshal(line, &c); err != nil {
		return err
	}
	if c.IMSI != "" {
		if c.Document == nil {
			r.remove(c.IMSI)
		} else {
			canonical, unique, err := r.model.Check(c.IMSI, c.Document)
			if err != nil {
				return err
			}
			r.put(c.IMSI, entry{canonical, unique})
		}
	}
	if c.Request != "" {
		if c.IMSI != "" {
			c.Answer = c.Document
		}
		r.remember(c.Request, answered{c.Method, c.Fingerprint, c.Status, c.Answer})
	}
	return nil
}

// snapshot yields the records that make the present state.
func (r *Repository) snapshot(yield func(any) bool) {
	for _, imsi := range slices.Sorted(maps.Keys(r.kept)) {
		if !yield(record{IMSI: imsi, Document: r.kept[imsi].document}) {
			return
		}
	}
	for _, id := range r.order[r.head:] {
		a := r.answers[id]
		if !yield(record{Request: id, Method: a.Method, Fingerprint: a.Fingerprint, Status: a.Status, Answer: a.Document}) {
			return
		}
	}
}

func (r *Repository) put(imsi string, e entry) {
	r.remove(imsi)
	r.kept[imsi] = e
	for _, u := range e.unique {
		r.owners[u] = imsi
	}
}

func (r *Repository) remove(imsi string) {
	for _, u := range r.kept[imsi].unique {
		delete(r.owners, u)
	}
	delete(r.kept, imsi)
}

func (r *Repository) remember(id string, a answered) {
	if _, known := r.answers[id]; !known {
		r.order = append(r.order, id)
	}
	r.answers[id] = a
	if len(r.order)-r.head > keptAnswers {
		delete(r.answers, r.order[r.head])
		r.order[r.head] = ""
		r.head++
	}
	if r.head > keptAnswers {
		r.order, r.head = slices.Clone(r.order[r.head:]), 0
	}
}

// taken returns who has one of the identities, if it is not imsi itself.
func (r *Repository) taken(imsi string, unique []string) (identity, owner string) {
	for _, u := range unique {
		if owner, found := r.owners[u]; found && owner != imsi {
			return u, owner
		}
	}
	return "", ""
}

// Statistics are figures for the admin endpoint.
func (r *Repository) Statistics() map[string]any {
	r.mu.Lock()
	defer r.mu.Unlock()
	return map[string]any{"subscribers": len(r.kept), "changes": r.applied, "repeated": r.repeated}
}

// refusal is an answer that changes nothing.
type refusal struct {
	status        int
	cause, detail string
}

func refuse(status int, cause, format string, args ...any) *refusal {
	return &refusal{status, cause, fmt.Sprintf(format, args...)}
}

// change is a request that writes.
type change struct {
	imsi, method, request string
	fingerprint           uint64
	body                  []byte
	onlyNew               bool // If-None-Match: *
}

// apply decides about a change, makes it and returns the answer, which may be
// given once durable returns.
func (r *Repository) apply(c *change) (a answered, durable func() error, refused *refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if before, known := r.answers[c.request]; known && c.request != "" {
		if before.Method != c.method || before.Fingerprint != c.fingerprint {
			return a, nil, refuse(http.StatusUnprocessableEntity, "IDEMPOTENCY_KEY_REUSED", "Idempotency-Key %s was used for another request", c.request)
		}
		r.repeated++
		return before, r.log.Barrier, nil
	}
	a = answered{Method: c.method, Fingerprint: c.fingerprint}
	var e entry
	switch c.method {
	case http.MethodDelete:
		refused = r.delete(c, &a)
	default:
		e, refused = r.write(c, &a)
	}
	if refused != nil {
		return a, nil, refused
	}
	line := record{IMSI: c.imsi, Document: e.document, Request: c.request}
	if c.request != "" {
		r.remember(c.request, a)
		line.Method, line.Fingerprint, line.Status = a.Method, a.Fingerprint, a.Status
	}
	r.applied++
	return a, r.log.Write(line), nil
}

func (r *Repository) delete(c *change, a *answered) *refusal {
	if _, found := r.kept[c.imsi]; !found {
		return r.unknown(c.imsi)
	}
	r.remove(c.imsi)
	a.Status = http.StatusNoContent
	return nil
}

func (r *Repository) write(c *change, a *answered) (entry, *refusal) {
	before, found := r.kept[c.imsi]
	body := c.body
	switch {
	case c.method == http.MethodPatch && !found:
		return entry{}, r.unknown(c.imsi)
	case c.method == http.MethodPatch:
		merged, err := mergePatch(before.document, body)
		if err != nil {
			return entry{}, refuse(http.StatusBadRequest, "INVALID_MSG_FORMAT", "the merge patch: %v", err)
		}
		body = merged
	case c.onlyNew && found:
		return entry{}, refuse(http.StatusPreconditionFailed, "SUBSCRIBER_EXISTS", "imsi-%s exists; leave If-None-Match away to replace it", c.imsi)
	}
	canonical, unique, err := r.model.Check(c.imsi, body)
	if err != nil {
		return entry{}, refuse(http.StatusBadRequest, "MANDATORY_IE_INCORRECT", "%v", err)
	}
	if identity, owner := r.taken(c.imsi, unique); owner != "" {
		return entry{}, refuse(http.StatusConflict, "IDENTITY_IN_USE", "%s belongs to imsi-%s; remove it there first", identity, owner)
	}
	r.put(c.imsi, entry{canonical, unique})
	a.Document, a.Status = canonical, http.StatusOK
	if !found {
		a.Status = http.StatusCreated
	}
	return r.kept[c.imsi], nil
}

func (r *Repository) unknown(imsi string) *refusal {
	return refuse(http.StatusNotFound, "USER_NOT_FOUND", "imsi-%s is not known", imsi)
}

// mergePatch applies an RFC 7396 merge patch to an object.
func mergePatch(document, patch []byte) ([]byte, error) {
	var target, changes map[string]json.RawMessage
	if err := json.Unmarshal(document, &target); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(patch, &changes); err != nil {
		return nil, err
	}
	if changes == nil {
		return nil, fmt.Errorf("is no object")
	}
	for name, value := range changes {
		old, isObject := target[name], len(value) > 0 && value[0] == '{'
		switch {
		case bytes.Equal(value, []byte("null")):
			delete(target, name)
		case isObject && len(old) > 0 && old[0] == '{':
			merged, err := mergePatch(old, value)
			if err != nil {
				return nil, err
			}
			target[name] = merged
		default:
			target[name] = value
		}
	}
	return json.Marshal(target)
}
