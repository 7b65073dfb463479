// Package client speaks to the charging API of a running gyro: JSON over HTTP
// with a key, and errors in the words of the server.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// Client sends requests to one server.
type Client struct {
	// Server is the base URL, such as http://127.0.0.1:8080.
	Server string
	// Key is the API key; empty sends none.
	Key string
	// HTTP does the work; nil is a client with Timeout.
	HTTP *http.Client
}

// Timeout bounds one request: longer than the server waits for its core, so
// that the server's own words about a time-out arrive.
const Timeout = 30 * time.Second

// maxAnswer bounds what is read of an answer: a page of records is below it.
const maxAnswer = 64 << 20

// Problem is an error that the server answered with.
type Problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	// Field is the place in the request, where the office says one; Message begins with it.
	Field   string   `json:"field"`
	Details []Detail `json:"details"`
	Status  int      `json:"-"`
}

// Detail is one of several things that are wrong with a request.
type Detail struct {
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Key    string `json:"key"`
	Reason string `json:"reason"`
	Remedy string `json:"remedy"`
}

// Error implements error.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Message)
	for _, d := range p.Details {
		if strings.Contains(p.Message, d.Reason) {
			continue // the message says it already
		}
		b.WriteString("\n  ")
		if d.Line > 0 {
			fmt.Fprintf(&b, "line %d: ", d.Line)
		}
		if d.Key != "" {
			b.WriteString(d.Key + ": ")
		}
		b.WriteString(d.Reason)
		if d.Remedy != "" {
			b.WriteString("; " + d.Remedy)
		}
	}
	return b.String()
}

// The methods that the API has.
const (
	Get    = http.MethodGet
	Put    = http.MethodPut
	Post   = http.MethodPost
	Patch  = http.MethodPatch
	Delete = http.MethodDelete
)

// Request is one request of the API.
type Request struct {
	Method string
	// Path is below the server's base URL, its variable parts escaped (Path).
	Path  string
	Query url.Values
	// Body is sent as JSON; a RawBody as it is.
	Body any
	// IdempotencyKey makes a movement safe to repeat.
	IdempotencyKey string
	// ApproverKey is the API key of who approves what Client.Key asks for.
	ApproverKey string
}

// RawBody is a body that is JSON or YAML already.
type RawBody struct {
	ContentType string
	Data        []byte
}

// Path joins the parts of a path, each escaped.
func Path(parts ...string) string {
	var b strings.Builder
	for _, part := range parts {
		b.WriteString("/" + url.PathEscape(part))
	}
	return b.String()
}

// Do sends a request and returns the answer's body: JSON, or nothing.
func (c *Client) Do(ctx context.Context, r *Request) (json.RawMessage, error) {
	a, err := c.exchange(ctx, r)
	if err != nil {
		return nil, err
	}
	return a.body, nil
}

// answer is what the server said to a request that it carried out.
type answer struct {
	status int
	header http.Header
	body   json.RawMessage
}

// exchange sends a request and returns the answer to it.
func (c *Client) exchange(ctx context.Context, r *Request) (*answer, error) {
	request, err := c.build(ctx, r)
	if err != nil {
		return nil, err
	}
	using := c.HTTP
	if using == nil {
		using = &http.Client{Timeout: Timeout, CheckRedirect: stay}
	}
	response, err := using.Do(request)
	if err != nil {
		if wrapped, found := errors.AsType[*url.Error](err); found {
			err = wrapped.Err
		}
		return nil, &Unanswered{fmt.Errorf("no answer from %s: %w; is gyro up running there?", c.Server, err)}
	}
	defer func() { _ = response.Body.Close() }() // only read
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, &Unanswered{fmt.Errorf("the answer of %s broke off: %w", c.Server, err)}
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return nil, problemOf(response, body)
	}
	return &answer{response.StatusCode, response.Header, body}, nil
}

// stay does not follow redirections: the API has none, a change that is repeated as a GET looks done when it is not, and
// keys belong to the server that the user named.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (c *Client) build(ctx context.Context, r *Request) (*http.Request, error) {
	base, err := url.Parse(c.Server)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, fmt.Errorf("server %q is no URL; write it as http://127.0.0.1:8080", c.Server)
	}
	if base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("server %q has more than an address and a path; write it as http://127.0.0.1:8080", base.Redacted())
	}
	if strings.ContainsFunc(c.Key+r.ApproverKey, unicode.IsControl) {
		return nil, errors.New("the API key has characters that no key has; give it on one line, as gyro config api-key printed it")
	}
	target := strings.TrimSuffix(c.Server, "/") + r.Path
	if len(r.Query) > 0 {
		target += "?" + r.Query.Encode()
	}
	contentType, data, err := encode(r.Body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, target, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if c.Key != "" {
		request.Header.Set("Authorization", "Bearer "+c.Key)
	}
	if r.ApproverKey != "" {
		request.Header.Set("Approver-Key", r.ApproverKey)
		request.Header.Set("X-Approver-Key", r.ApproverKey) // as the office calls it
	}
	if r.IdempotencyKey != "" {
		request.Header.Set("Idempotency-Key", r.IdempotencyKey)
	}
	return request, nil
}

func encode(body any) (contentType string, data []byte, err error) {
	switch b := body.(type) {
	case nil:
		return "", nil, nil
	case RawBody:
		return b.ContentType, b.Data, nil
	}
	data, err = json.Marshal(body)
	return "application/json", data, err
}

// problemOf reads an error; a proxy's page becomes one as well.
func problemOf(response *http.Response, body []byte) error {
	p := &Problem{}
	if err := json.Unmarshal(body, p); err != nil || p.Message == "" {
		p = &Problem{Message: fmt.Sprintf("%s answered %s, and not in the words of gyro; is it a proxy?", response.Request.URL.Host, response.Status)}
		if to := response.Header.Get("Location"); to != "" {
			p.Message = fmt.Sprintf("%s sends its clients on to %q; if that is the server, name it", response.Request.URL.Host, to)
		}
	}
	p.Status = response.StatusCode
	return p
}
