package provider

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
	"regexp"
	"strconv"
	"strings"
	"time"

	"gyro/internal/money"
)

// Options say where a provider is.
type Options struct {
	// Name is what payments are filed under; empty is simulator.
	Name string
	// URL is the provider's base, such as http://127.0.0.1:8303.
	URL string
	// APIKey is sent as bearer token; empty sends none.
	APIKey string
	// Timeout bounds a request; 0 is DefaultTimeout.
	Timeout time.Duration
	// Transport carries the requests; nil is a pool of its own.
	Transport http.RoundTripper
}

// DefaultTimeout is what a card network may take before the provider itself
// gives up.
const DefaultTimeout = 10 * time.Second

// Client is a Provider behind HTTP.
type Client struct {
	o    Options
	http *http.Client
}

// The bounds of a client's pool and of what it reads.
const (
	connections = 32
	idleTimeout = 90 * time.Second
	maxAnswer   = 16 << 20
)

// NewClient returns a client.
func NewClient(o Options) (*Client, error) {
	base, err := url.Parse(o.URL)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, fmt.Errorf("payment provider URL %q: write it as http://127.0.0.1:8303", o.URL)
	}
	o.URL = strings.TrimSuffix(o.URL, "/")
	if o.Name == "" {
		o.Name = "simulator"
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Transport == nil {
		dialer := net.Dialer{Timeout: o.Timeout}
		o.Transport = &http.Transport{
			DialContext: dialer.DialContext, MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections,
			IdleConnTimeout: idleTimeout, TLSHandshakeTimeout: o.Timeout,
		}
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{o: o, http: &http.Client{Transport: o.Transport, CheckRedirect: stay}}, nil
}

// Name implements Provider.
func (c *Client) Name() string { return c.o.Name }

var keyForm = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,100}$`)

// invalid is an error of the request that no provider need be asked about.
func invalid(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// payable converts an amount that is to be moved.
func payable(a money.Amount, c money.Currency) (int64, error) {
	n, err := ToMinor(a, c)
	switch {
	case err != nil:
		return 0, invalid("amount_invalid", "%v", err)
	case n < 1:
		return 0, invalid("amount_invalid", "%s %s: an amount to be paid is positive", a, c)
	}
	return n, nil
}

// Charge implements Provider.
func (c *Client) Charge(ctx context.Context, r ChargeRequest) (Charge, error) {
	if err := CheckToken(r.Token); err != nil {
		return Charge{}, err
	}
	amount, err := payable(r.Amount, r.Currency)
	if err != nil {
		return Charge{}, err
	}
	var d ChargeDocument
	body := map[string]any{"token": r.Token, "amount": amount, "currency": r.Currency.String(), "reference": r.Reference, "description": r.Description}
	if err := c.do(ctx, http.MethodPost, "/v1/charges", r.Key, body, &d); err != nil {
		return Charge{}, err
	}
	if d.Amount != amount || d.Currency != r.Currency.String() {
		return Charge{}, invalid("answer_contradicts", "asked for %d %s, charge %s is of %d %s", amount, r.Currency, d.ID, d.Amount, d.Currency)
	}
	return told(&d)
}

// Refund implements Provider. The provider knows the charge's currency; an
// amount that it could not pay is refused by the charge's own exponent.
func (c *Client) Refund(ctx context.Context, r RefundRequest) (Refund, error) {
	charge, err := c.Fetch(ctx, r.Charge)
	if err != nil {
		return Refund{}, err
	}
	amount, err := payable(r.Amount, charge.Currency)
	if err != nil {
		return Refund{}, err
	}
	var d RefundDocument
	path := "/v1/charges/" + url.PathEscape(r.Charge) + "/refunds"
	if err := c.do(ctx, http.MethodPost, path, r.Key, map[string]any{"amount": amount, "reason": r.Reason}, &d); err != nil {
		return Refund{}, err
	}
	if d.Amount != amount || d.Charge != r.Charge {
		return Refund{}, invalid("answer_contradicts", "asked to return %d of %s, refund %s is of %d of %s", amount, r.Charge, d.ID, d.Amount, d.Charge)
	}
	refund, err := d.refund(charge.Currency)
	if err != nil {
		return Refund{}, invalid("answer_malformed", "%v", err)
	}
	return refund, nil
}

// Fetch implements Provider.
func (c *Client) Fetch(ctx context.Context, reference string) (Charge, error) {
	if reference == "" {
		return Charge{}, invalid("reference_missing", "a charge is fetched by the provider's reference")
	}
	var d ChargeDocument
	if err := c.do(ctx, http.MethodGet, "/v1/charges/"+url.PathEscape(reference), "", nil, &d); err != nil {
		return Charge{}, err
	}
	return told(&d)
}

// List implements Provider.
func (c *Client) List(ctx context.Context, r ListRequest) (Page, error) {
	q := url.Values{}
	if r.Since != 0 {
		q.Set("since", strconv.FormatInt(int64(r.Since), 10))
	}
	if r.After != "" {
		q.Set("after", r.After)
	}
	if r.Limit != 0 {
		q.Set("limit", strconv.Itoa(r.Limit))
	}
	var d PageDocument
	if err := c.do(ctx, http.MethodGet, "/v1/charges?"+q.Encode(), "", nil, &d); err != nil {
		return Page{}, err
	}
	page := Page{Next: d.Next}
	for k := range d.Charges {
		charge, err := told(&d.Charges[k])
		if err != nil {
			return Page{}, err
		}
		page.Charges = append(page.Charges, charge)
	}
	return page, nil
}

// told is a charge as an answer has it.
func told(d *ChargeDocument) (Charge, error) {
	c, err := d.charge()
	if err != nil {
		return Charge{}, invalid("answer_malformed", "%v", err)
	}
	return c, nil
}

// do sends a request and reads its answer. Requests with a body need a key.
func (c *Client) do(ctx context.Context, method, path, key string, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	q, err := c.build(ctx, method, path, key, body)
	if err != nil {
		return err
	}
	response, err := c.http.Do(q)
	if err != nil {
		if wrapped, found := errors.AsType[*url.Error](err); found {
			err = wrapped.Err // the URL is known
		}
		return &Error{Temporary: true, Code: "no_answer", Message: c.o.URL + ": " + err.Error()}
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return &Error{Temporary: true, Code: "no_answer", Message: c.o.URL + ": the answer broke off: " + err.Error()}
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return refusal(response.StatusCode, data)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return &Error{Temporary: true, Status: response.StatusCode, Code: "no_answer", Message: c.o.URL + " answered with something else than JSON; is it the provider?"}
	}
	return nil
}

func (c *Client) build(ctx context.Context, method, path, key string, body any) (*http.Request, error) {
	var data []byte
	if body != nil {
		if !keyForm.MatchString(key) {
			return nil, invalid("key_malformed", "key %q: 1 to 100 characters of A-Z, a-z, 0-9, . _ : and -", key)
		}
		var err error
		if data, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	q, err := http.NewRequestWithContext(ctx, method, c.o.URL+path, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
		q.Header.Set("Idempotency-Key", key)
	}
	if c.o.APIKey != "" {
		q.Header.Set("Authorization", "Bearer "+c.o.APIKey)
	}
	return q, nil
}

// refusal is the error for an answer of another status than 2xx. Temporary are
// overload and faults of the provider; of what it says about the request
// nothing changes by asking again.
func refusal(status int, body []byte) error {
	e := &Error{Status: status, Code: strconv.Itoa(status), Message: http.StatusText(status)}
	var d ErrorDocument
	if json.Unmarshal(body, &d) == nil && d.Error.Code != "" {
		e.Code, e.Message = d.Error.Code, d.Error.Message
	}
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		e.Temporary = true
	default:
		e.Temporary = status >= http.StatusInternalServerError && status != http.StatusNotImplemented
	}
	return e
}
