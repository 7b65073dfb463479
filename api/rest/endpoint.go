package rest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"gyro/api/access"
	"gyro/internal/database"
	"gyro/internal/refusal"
	"gyro/internal/strictjson"

	"github.com/valyala/fasthttp"
)

// Set is what a Server serves: a Resource is one, and so is an Endpoint.
type Set interface {
	Endpoints() []Endpoint
}

// Endpoint is one line of the table that says what there is and who may use it.
// Whatever is not in the table does not exist.
type Endpoint struct {
	Method string
	// Path begins with a slash; parameters stand in braces: /office/v1/users/{name}.
	Path string
	// Roles are who may; an endpoint that nobody may use is refused by New. Public ones need no authentication.
	Roles  access.Roles
	Public bool
	// Signed ones are public, and prove who asks by a signature of the body, which Do checks: programs send them by the
	// hundred, so that they do not count among strangers.
	Signed bool
	// Summary says in one sentence what it does, for the page of the API.
	Summary string
	// Parameters are those of the query; others are refused.
	Parameters []Parameter
	// Body and Answer are values of the types that are read and written, for the description of the API; nil is none.
	Body, Answer any
	// Media are the content types that a body may have; none is application/json.
	Media []string
	// Status is that of success, 200 where it is not set.
	Status int
	// Own ones are about the one who asks: they are all that a user may use who must change his password first.
	Own bool
	// Early ones are served before SetReady: probes.
	Early bool
	// Do does it. What it refuses is a *refusal.Error; any other error is a fault of the server (500).
	Do func(ctx context.Context, c *Call) (*Answer, error)

	resource *Description // whose operation it is; nil for others
}

// Endpoints implements Set.
func (e Endpoint) Endpoints() []Endpoint { return []Endpoint{e} }

// Resource returns of which resource the endpoint is an operation, nil for others.
func (e *Endpoint) Resource() *Description { return e.resource }

// Parameter is one of a query.
type Parameter struct {
	Name  string
	About string
	Kind  Kind
	// Values are all that there can be, where they are few (states); others are refused.
	Values []string
}

// Answer is what a request is answered with.
type Answer struct {
	Status int // 0 is that of the endpoint
	// Body is written as JSON. Raw, where it is set, is written as it is, as ContentType says.
	Body        any
	Raw         []byte
	ContentType string
	Header      map[string]string
	cookies     []*fasthttp.Cookie
}

// OK answers with a body.
func OK(body any) *Answer { return &Answer{Status: fasthttp.StatusOK, Body: body} }

// Created answers with what is new, and where it is.
func Created(location string, body any) *Answer {
	return &Answer{Status: fasthttp.StatusCreated, Body: body, Header: map[string]string{fasthttp.HeaderLocation: location}}
}

// Accepted answers with what will be worked on, and where to look.
func Accepted(location string, body any) *Answer {
	return &Answer{Status: fasthttp.StatusAccepted, Body: body, Header: map[string]string{fasthttp.HeaderLocation: location}}
}

// NoContent answers that it is done.
func NoContent() *Answer { return &Answer{Status: fasthttp.StatusNoContent} }

// WithCookie adds a cookie to the answer.
func (a *Answer) WithCookie(c *fasthttp.Cookie) *Answer {
	a.cookies = append(a.cookies, c)
	return a
}

// Call is one request at work.
type Call struct {
	http      *fasthttp.RequestCtx
	server    *Server
	endpoint  *Endpoint
	principal access.Principal
	approval  access.Approval
	request   string // correlates the traces of the request
}

// Principal is who asks.
func (c *Call) Principal() access.Principal { return c.principal }

// prove finds out who the second person behind a request is: whoever the header X-Approver-Key proves, if the endpoint is
// for them, too.
func (c *Call) prove(ctx context.Context) error {
	secret := c.Header(ApproverHeader)
	if secret == "" || c.server.o.Access == nil || c.endpoint.Public {
		return nil
	}
	var approval access.Approval
	var err error
	if approvals, ok := c.server.o.Access.(access.Approvals); ok && access.IsApproval(secret) {
		approval, err = approvals.UseApproval(ctx, c.Actor(), secret, c.use())
	} else {
		approval.By, err = c.server.o.Access.Authenticate(ctx, access.Request{Authorization: "Bearer " + secret, Remote: c.Remote()})
	}
	if errors.Is(err, access.ErrUnauthenticated) {
		c.server.limits.stranger(c.Remote())
		return refusal.New(refusal.Forbidden, "approver_unknown", ApproverHeader, "it proves nobody: %v", err)
	}
	if err != nil {
		return err
	}
	p := &approval.By
	if !p.May(c.endpoint.Roles) || p.MustChange {
		return refusal.New(refusal.Forbidden, "approver_forbidden", ApproverHeader, "%s has the roles [%s]; who approves this must be one of %s", p.Name, p.Roles, c.endpoint.Roles)
	}
	c.approval = approval
	return nil
}

// use is what an approval must be for: this request, which may be sent again.
func (c *Call) use() access.Use {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s", c.principal.Name, c.Header(keyHeader), c.Body()))
	return access.Use{Method: string(c.http.Method()), Path: string(c.http.Path()), For: hex.EncodeToString(sum[:])}
}

// Actor is who asks, as the audit trail knows it.
func (c *Call) Actor() database.Actor {
	role := strings.Join((c.principal.Roles & c.endpoint.Roles).Names(), ",")
	if by := c.approval.By; by.Name != "" {
		role += ", approved by " + by.Name
		if by.Person != "" {
			role += " of " + by.Person
		}
	}
	name := c.principal.Name
	if name == "" {
		name = "anonymous"
	}
	return database.Actor{Name: name, Role: role, Via: "api", Request: c.request}
}

// DB is the server's database.
func (c *Call) DB() *database.DB { return c.server.o.DB }

// Param is a percent-decoded segment of the path.
func (c *Call) Param(name string) string {
	raw, _ := c.http.UserValue(name).(string)
	value, err := url.PathUnescape(raw)
	if err != nil {
		return raw
	}
	return value
}

// ID is a segment of the path that is a number of the database: NotFound if it is none.
func (c *Call) ID(name string) (int64, error) { return ParseID(c.Param(name)) }

// Query is the query, of which New made sure that it has only the endpoint's Parameters.
func (c *Call) Query() url.Values {
	values, _ := url.ParseQuery(string(c.http.URI().QueryString())) // checked before
	return values
}

// Limit reads the parameters limit, and after: a cursor that is a number, 0 at the beginning.
func (c *Call) Limit() (after int64, limit int, err error) {
	values, limit := c.Query(), DefaultLimit
	if list := values["limit"]; list != nil {
		if limit, err = number("limit", list, 1, MaxLimit); err != nil {
			return 0, 0, err
		}
	}
	if list := values["after"]; list != nil {
		after, err = strconv.ParseInt(list[0], 10, 64)
		if err != nil || after < 0 || len(list) > 1 {
			return 0, 0, invalidQuery("after", "%q is no cursor; use the value of next in the previous answer", strings.Join(list, ","))
		}
	}
	return after, limit, nil
}

// Header is a header of the request.
func (c *Call) Header(name string) string { return string(c.http.Request.Header.Peek(name)) }

// Body is the body as it was sent.
func (c *Call) Body() []byte { return c.http.PostBody() }

// Path is the path as it was asked for, without the query.
func (c *Call) Path() string { return string(c.http.Path()) }

// Cookie is a cookie of the request, "" if there is none.
func (c *Call) Cookie(name string) string { return string(c.http.Request.Header.Cookie(name)) }

// Secure reports whether the client speaks TLS, with this server or with the proxy in front of it.
func (c *Call) Secure() bool { return c.http.IsTLS() || c.server.o.BehindProxy }

// Remote is the address that the request came from. Behind a proxy it is the one that the proxy says it got the request
// from: the last of X-Forwarded-For, for those before it are the client's own words.
func (c *Call) Remote() string {
	if c.server.o.BehindProxy {
		forwarded := c.Header(fasthttp.HeaderXForwardedFor)
		last := strings.TrimSpace(forwarded[strings.LastIndexByte(forwarded, ',')+1:])
		if address, err := netip.ParseAddr(last); err == nil {
			return address.Unmap().String()
		}
	}
	return c.http.RemoteIP().String()
}

// Request is what correlates the traces of the request.
func (c *Call) Request() string { return c.request }

// Decode reads the body into v, strictly: see internal/strictjson.
func (c *Call) Decode(v any) error { return strict(strictjson.Decode(c.Body(), v)) }

// checkQuery refuses parameters that the endpoint does not have: a misspelt filter that is ignored shows too much.
func (c *Call) checkQuery() error {
	values, err := url.ParseQuery(string(c.http.URI().QueryString()))
	if err != nil {
		return invalidQuery("", "the query cannot be read: %v", err)
	}
	for _, name := range sortedKeys(values) {
		if !isText(name) || !isText(strings.Join(values[name], "")) {
			return invalidQuery(strings.ToValidUTF8(name, "?"), "it has octets that stand in no text; write UTF-8 without %%00")
		}
	}
	if c.endpoint.resource != nil && c.endpoint.resource.collection(c.endpoint) {
		return nil // parseQuery knows the filters, too
	}
	for _, name := range sortedKeys(values) {
		at := slices.IndexFunc(c.endpoint.Parameters, func(p Parameter) bool { return p.Name == name })
		if at < 0 {
			return invalidQuery(name, "there is no such parameter here; %s", c.endpoint.parameterNames())
		}
		if len(values[name]) != 1 {
			return invalidQuery(name, "it is there %d times; give it once", len(values[name]))
		}
		p := &c.endpoint.Parameters[at]
		filter := Filter{Kind: p.Kind, Values: p.Values}
		if _, err := filter.parse(name, values.Get(name)); err != nil {
			return err
		}
	}
	return nil
}

func (e *Endpoint) parameterNames() string {
	if len(e.Parameters) == 0 {
		return "leave it out"
	}
	names := make([]string, len(e.Parameters))
	for n := range e.Parameters {
		names[n] = e.Parameters[n].Name
	}
	return "use " + strings.Join(names, ", ")
}

// strict makes a refusal of what strictjson found.
func strict(err error) error {
	if err == nil {
		return nil
	}
	return refusal.New(refusal.Invalid, "invalid_json", "", "%v", err)
}

// encode writes v as JSON, HTML left as it is.
func encode(v any) (json.RawMessage, error) {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return json.RawMessage(strings.TrimSuffix(b.String(), "\n")), nil
}
