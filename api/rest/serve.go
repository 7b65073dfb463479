package rest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gyro/api/access"
	"gyro/internal/database"
	"gyro/internal/refusal"

	"github.com/valyala/fasthttp"
)

// Names of headers and cookies.
const (
	correlationHeader = "X-Correlation-ID"
	// SessionCookie holds a session, CSRFHeader the token that must come with it.
	SessionCookie = "gyro_session"
	CSRFHeader    = "X-CSRF-Token"
	// ApproverHeader has the key or token of a second person.
	ApproverHeader = "X-Approver-Key"
	// retryAfter is how many seconds to wait where there was no room, retryLater where the database is down.
	retryAfter = "1"
	retryLater = "5"
)

// serve works on one request: who asks, may they, is there room; then the work, and what it came to.
func (s *Server) serve(c *fasthttp.RequestCtx, e *Endpoint) {
	began := time.Now()
	call := &Call{http: c, server: s, endpoint: e, request: correlation(c)}
	c.Response.Header.Set(correlationHeader, call.request)
	answer, err := s.work(c, call)
	if err == nil {
		err = s.write(c, call, answer)
	}
	if err != nil {
		s.refuse(c, call, err)
	}
	status := c.Response.StatusCode()
	s.metrics.served(e, string(c.Method()), status, time.Since(began))
	s.accessLog(c, call, status, time.Since(began))
}

// accessLog leaves one line a request; probes and what was only read are of interest for debugging.
func (s *Server) accessLog(c *fasthttp.RequestCtx, call *Call, status int, took time.Duration) {
	log := s.o.Logger.Info
	if c.IsGet() || c.IsHead() {
		log = s.o.Logger.Debug
	}
	log("office", "principal", call.principal.Name, "via", string(call.principal.Via), "from", call.Remote(),
		"method", string(c.Method()), "path", string(c.Path()), "route", call.endpoint.Path, "status", status,
		"bytes", len(c.Response.Body()), "took_ms", float64(took.Microseconds())/1000, "request", call.request)
}

// correlation is what the client calls the request, or a name that the server gives it.
func correlation(c *fasthttp.RequestCtx) string {
	if sent := c.Request.Header.Peek(correlationHeader); len(sent) > 0 && len(sent) <= 64 && isWord(sent) {
		return string(sent)
	}
	var random [12]byte
	rand.Read(random[:]) // never fails: the process ends if it would
	return hex.EncodeToString(random[:])
}

func isWord(b []byte) bool {
	for _, c := range b {
		if letter := (c|0x20 >= 'a' && c|0x20 <= 'z') || (c >= '0' && c <= '9'); !letter && strings.IndexByte("._-", c) < 0 {
			return false
		}
	}
	return true
}

// work finds out who asks, whether they may, and does what they want.
func (s *Server) work(c *fasthttp.RequestCtx, call *Call) (answer *Answer, err error) {
	e := call.endpoint
	if !e.Early && !s.ready.Load() {
		return nil, notReady()
	}
	select {
	case s.working <- struct{}{}:
		defer func() { <-s.working }()
	default:
		return nil, fail(fasthttp.StatusServiceUnavailable, "busy", "%d requests are being worked on, the most there may be; try again", cap(s.working))
	}
	ctx, cancel := context.WithTimeout(withBase(context.Background(), s.PublicURL()), s.o.RequestTimeout)
	defer cancel()
	defer func() {
		if fault := recover(); fault != nil {
			s.o.Logger.Error("a request failed by a fault of the program", "request", call.request, "path", string(c.Path()), "fault", fault, "stack", string(debug.Stack()))
			answer, err = nil, fail(fasthttp.StatusInternalServerError, "internal", "the request met a fault of the program; the server's log says which")
		}
	}()
	ctx = access.WithCorrelation(ctx, call.request)
	if err := s.authorize(ctx, c, call); err != nil {
		return nil, err
	}
	if err := call.check(); err != nil {
		return nil, err
	}
	if err := call.prove(ctx); err != nil {
		return nil, err
	}
	ctx = access.WithApproval(access.WithPrincipal(ctx, call.principal), call.approval, s.o.ApprovalAbove)
	ctx, replays := database.WithReplays(ctx)
	if answer, err = e.Do(ctx, call); err == nil && answer != nil && replays.Found() {
		answer.tellReplay()
	}
	return answer, usedKey(err, call.Header(keyHeader))
}

// authorize finds out who asks and whether the endpoint is for them.
func (s *Server) authorize(ctx context.Context, c *fasthttp.RequestCtx, call *Call) (err error) {
	e, remote := call.endpoint, call.Remote()
	if e.Public {
		if !e.Early && !e.Signed && !s.limits.stranger(remote) {
			return tooMany("your address")
		}
		return nil
	}
	authenticator := s.o.Access
	if authenticator == nil {
		if err := checkHost(c); err != nil {
			return err
		}
		authenticator = nobody{}
	}
	if s.limits.barred(remote) {
		return tooMany("your address, which proved nothing before")
	}
	if call.principal, err = authenticator.Authenticate(ctx, call.identification()); err != nil {
		if errors.Is(err, access.ErrUnauthenticated) {
			s.limits.stranger(remote)
		}
		return err
	}
	if !s.limits.principal(call.principal.Name) {
		return tooMany(call.principal.Name)
	}
	if !call.principal.May(e.Roles) {
		return fail(fasthttp.StatusForbidden, "forbidden", "%s has the roles [%s]; %s %s is for %s", call.principal.Name, call.principal.Roles, e.Method, e.Path, e.Roles)
	}
	if call.principal.MustChange && !e.Own {
		return fail(fasthttp.StatusForbidden, "password_change_needed", "somebody else chose the password of %s; change it first: POST /office/v1/me/password", call.principal.Name)
	}
	return nil
}

func tooMany(who string) error {
	return fail(fasthttp.StatusTooManyRequests, "too_many_requests", "too many requests of %s; wait a second", who)
}

func notReady() error {
	return fail(fasthttp.StatusServiceUnavailable, "not_ready", "the office is starting or stopping; try again")
}

// identification is what a request says of who sends it.
func (c *Call) identification() access.Request {
	h := &c.http.Request.Header
	scheme := "http://"
	if c.Secure() {
		scheme = "https://"
	}
	return access.Request{
		Authorization: string(h.Peek(fasthttp.HeaderAuthorization)), APIKey: string(h.Peek("X-API-Key")),
		Session: string(h.Cookie(SessionCookie)), CSRF: string(h.Peek(CSRFHeader)), Changes: !c.http.IsGet() && !c.http.IsHead(),
		Origin: string(h.Peek(fasthttp.HeaderOrigin)), SiteFetch: string(h.Peek("Sec-Fetch-Site")), Host: scheme + string(c.http.Host()),
		Remote: c.Remote(),
	}
}

// checkHost refuses requests that a web page sent here by giving its own name the address of this machine (DNS rebinding).
// It matters only where loopback is all that protects.
func checkHost(c *fasthttp.RequestCtx) error {
	host := string(c.Host())
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	address, err := netip.ParseAddr(host)
	if host == "localhost" || (err == nil && address.IsLoopback()) || c.LocalAddr().Network() == "unix" {
		return nil
	}
	return fail(fasthttp.StatusMisdirectedRequest, "misdirected", "without authentication only requests to localhost are served, not to %q; use http://127.0.0.1", host)
}

// check refuses what no endpoint reads.
func (c *Call) check() error {
	if c.endpoint.Path == nowhere {
		return nil // its query and its body are not what is wrong with it
	}
	if err := c.checkPath(); err != nil {
		return err
	}
	if err := c.checkQuery(); err != nil {
		return err
	}
	media := c.endpoint.Media
	if media == nil {
		media = []string{jsonType}
	}
	switch {
	case c.endpoint.Body == nil && len(c.Body()) > 0:
		return fail(fasthttp.StatusBadRequest, "unexpected_body", "%s %s has no body; leave it out", c.endpoint.Method, c.endpoint.Path)
	case c.endpoint.Body == nil:
		return nil
	}
	return c.checkContentType(media)
}

// checkPath refuses what no text of the database can be: octets that are no UTF-8, and U+0000, which PostgreSQL does not keep.
func (c *Call) checkPath() (err error) {
	c.http.VisitUserValues(func(name []byte, _ any) {
		if err == nil && !isText(c.Param(string(name))) {
			err = refusal.New(refusal.Invalid, "invalid_path", string(name), "%q has octets that stand in no text; write UTF-8 without %%00", c.Param(string(name)))
		}
	})
	return err
}

// isText reports whether every database keeps a text as it is.
func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// checkContentType refuses bodies that say they are something else. It also keeps web pages out: a browser asks for
// permission before it sends a type that no form has.
func (c *Call) checkContentType(allowed []string) error {
	header := string(c.http.Request.Header.ContentType())
	media, parameters, err := mime.ParseMediaType(header)
	charset := parameters["charset"]
	if encoding := c.http.Request.Header.ContentEncoding(); len(encoding) > 0 {
		return fail(fasthttp.StatusUnsupportedMediaType, "unsupported_media_type", "Content-Encoding %q is not read; send the body as it is", encoding)
	}
	if err == nil && (charset == "" || strings.EqualFold(charset, "utf-8")) && slices.Contains(allowed, media) {
		return nil
	}
	return fail(fasthttp.StatusUnsupportedMediaType, "unsupported_media_type", "Content-Type %q is not read here; send %s", header, strings.Join(allowed, " or "))
}

// write sends an answer.
func (s *Server) write(c *fasthttp.RequestCtx, call *Call, a *Answer) error {
	body, contentType := a.Raw, a.ContentType
	if body == nil && a.Body != nil {
		encoded, err := encode(a.Body)
		if err != nil {
			return fmt.Errorf("encode the answer: %w", err)
		}
		body, contentType = append(encoded, '\n'), jsonType
	}
	status := a.Status
	if status == 0 {
		status = call.endpoint.status()
	}
	for name, value := range a.Header {
		c.Response.Header.Set(name, value)
	}
	for _, cookie := range a.cookies {
		c.Response.Header.SetCookie(cookie)
	}
	writeBody(c, status, contentType, body)
	return nil
}

// refuse answers with an error.
func (s *Server) refuse(c *fasthttp.RequestCtx, call *Call, err error) {
	status, body, internal := bodyOf(err)
	if internal {
		s.o.Logger.Error("a request failed", "request", call.request, "method", string(c.Method()), "path", string(c.Path()), "error", err)
	}
	if body.Code == databaseDown {
		s.outage.tell(s.o.Logger, time.Now(), err)
	}
	c.Response.ResetBody()
	switch status {
	case fasthttp.StatusServiceUnavailable, fasthttp.StatusTooManyRequests:
		wait := retryAfter
		if body.Code == databaseDown {
			wait = retryLater
		}
		c.Response.Header.Set(fasthttp.HeaderRetryAfter, wait)
	case fasthttp.StatusUnauthorized:
		c.Response.Header.Set(fasthttp.HeaderWWWAuthenticate, `Bearer realm="gyro"`)
	}
	if base := s.PublicURL(); base != "" {
		body.ReferenceError = base + "/api/docs#errors"
	}
	encoded, err := encode(body)
	if err != nil {
		encoded = []byte(`{"code":"internal","reason":"` + reasons[fasthttp.StatusInternalServerError] + `"}`)
	}
	writeBody(c, status, jsonType, append(bytes.TrimSpace(encoded), '\n'))
}

func writeBody(c *fasthttp.RequestCtx, status int, contentType string, body []byte) {
	c.SetStatusCode(status)
	if contentType != "" {
		c.SetContentType(contentType)
	}
	c.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	c.Response.Header.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	c.Response.Header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	c.SetBody(body)
	if c.IsHead() {
		c.Response.SkipBody = true
		c.Response.Header.SetContentLength(len(body))
	}
}

// statusText is a status as the metrics have it.
func statusText(status int) string { return strconv.Itoa(status) }
