package adapter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gyro/provisioning"
)

// Options say where an element is and how patient to be with it.
type Options struct {
	// Name is the word by which specifications call the element; the default is
	// hss or pcrf.
	Name string
	// URL is the element's base, such as http://127.0.0.1:8301.
	URL string
	// Timeout bounds one request; 0 is DefaultTimeout. Apply makes at most two:
	// the change, and reading back what came of it.
	Timeout time.Duration
	// Transport carries the requests; nil is a pool of its own.
	Transport http.RoundTripper
}

// DefaultTimeout is well above what an element needs (milliseconds), and short
// enough that a worker is soon free for another order.
const DefaultTimeout = 3 * time.Second

// The pool of connections of one element. 200 orders a second at 20 ms each keep
// four busy; a slow element is met by more, up to the bound that spares it.
const (
	idleConnections = 64
	mostConnections = 128
	idleTimeout     = 90 * time.Second
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

// element is what the adapters have in common.
type element struct {
	name, base string
	timeout    time.Duration
	http       *http.Client
}

func newElement(name string, o Options) (*element, error) {
	base, err := url.Parse(o.URL)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, fmt.Errorf("element %s: URL %q: write it as http://127.0.0.1:8301", name, o.URL)
	}
	e := &element{name: name, base: strings.TrimSuffix(o.URL, "/"), timeout: o.Timeout}
	if o.Name != "" {
		e.name = o.Name
	}
	if e.timeout == 0 {
		e.timeout = DefaultTimeout
	}
	transport := o.Transport
	if transport == nil {
		dialer := net.Dialer{Timeout: e.timeout, KeepAlive: 30 * time.Second}
		transport = &http.Transport{
			DialContext: dialer.DialContext, MaxIdleConnsPerHost: idleConnections, MaxConnsPerHost: mostConnections,
			IdleConnTimeout: idleTimeout, DisableCompression: true, TLSHandshakeTimeout: e.timeout,
		}
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	e.http = &http.Client{Transport: transport, CheckRedirect: stay}
	return e, nil
}

// Name implements provisioning.Element.
func (e *element) Name() string { return e.name }

// request is one request to an element.
type request struct {
	method, path string
	key          string
	onlyNew      bool // If-None-Match: *
	body         any  // nil: none
}

// answer is what an element said.
type answer struct {
	status int
	body   []byte
}

// errNoAnswer is wrapped by errors after which nobody knows whether the request was carried out.
var errNoAnswer = errors.New("no answer")

// send sends a request. An error means that no whole answer came.
func (e *element) send(ctx context.Context, r request) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	var body io.Reader
	if r.body != nil {
		data, err := json.Marshal(r.body)
		if err != nil {
			return answer{}, err
		}
		body = bytes.NewReader(data)
	}
	q, err := http.NewRequestWithContext(ctx, r.method, e.base+r.path, body)
	if err != nil {
		return answer{}, err
	}
	switch {
	case r.method == http.MethodPatch:
		q.Header.Set("Content-Type", "application/merge-patch+json")
	case r.body != nil:
		q.Header.Set("Content-Type", "application/json")
	}
	if r.key != "" {
		q.Header.Set("Idempotency-Key", r.key)
	}
	if r.onlyNew {
		q.Header.Set("If-None-Match", "*")
	}
	response, err := e.http.Do(q)
	if err != nil {
		return answer{}, fmt.Errorf("%w from %s: %w", errNoAnswer, e.base, reason(err))
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return answer{}, fmt.Errorf("%w from %s: it broke off: %w", errNoAnswer, e.base, err)
	}
	return answer{response.StatusCode, data}, nil
}

// reason leaves away what url.Error repeats.
func reason(err error) error {
	if wrapped, found := errors.AsType[*url.Error](err); found {
		return wrapped.Err
	}
	return err
}

// silence is the error for a request that got no answer.
func (e *element) silence(err error) error {
	return &provisioning.ElementError{Temporary: true, Code: "no_answer", Message: e.name + ": " + err.Error()}
}

// refusal is the error for an answer that says no.
func (e *element) refusal(a answer) error {
	var said struct {
		Detail string `json:"detail"`
		Cause  string `json:"cause"`
	}
	message := http.StatusText(a.status)
	if json.Unmarshal(a.body, &said) == nil && said.Detail != "" {
		message = said.Detail
	}
	code := strconv.Itoa(a.status)
	if said.Cause != "" {
		code += " " + said.Cause
	}
	return &provisioning.ElementError{Temporary: temporary(a.status), Code: code, Message: e.name + ": " + message}
}

// temporary reports whether a status passes by itself: the element is
// overloaded, away or broken. What it says of the request itself, or of our
// right to make it, a person must change.
func temporary(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return status >= http.StatusInternalServerError
}

// invalid is the error for an operation that no element could be asked for.
func (e *element) invalid(format string, args ...any) error {
	return &provisioning.ElementError{Code: "invalid_operation", Message: e.name + ": " + fmt.Sprintf(format, args...)}
}

// check holds an operation against what the interface promises.
func (e *element) check(op *provisioning.Operation) error {
	if !digits(op.IMSI) {
		return e.invalid("IMSI %q: 5 to 15 digits", op.IMSI)
	}
	if op.MSISDN != "" && !digits(op.MSISDN) {
		return e.invalid("MSISDN %q: 5 to 15 digits", op.MSISDN)
	}
	if op.Key == "" || len(op.Key) > 64 || strings.Trim(op.Key, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return e.invalid("key %q: 1 to 64 characters of a-z, 0-9 and -", op.Key)
	}
	return nil
}

func digits(s string) bool {
	return len(s) >= 5 && len(s) <= 15 && strings.Trim(s, "0123456789") == ""
}
