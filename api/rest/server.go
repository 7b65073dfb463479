package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"

	"gyro/api/access"
	"gyro/internal/refusal"

	"github.com/fasthttp/router"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/uptrace/bun"
	"github.com/valyala/fasthttp"
)

// Server serves the API of the office.
type Server struct {
	o        Options
	table    []Endpoint
	http     *fasthttp.Server
	registry *prometheus.Registry
	metrics  metrics
	limits   *limits
	working  chan struct{} // one element a request that is worked on
	ready    atomic.Bool
	shut     atomic.Bool
	base     atomic.Pointer[string] // the public address
	outage   outage
}

// New prepares a server. It answers that it is not ready until SetReady.
func New(o Options) (*Server, error) {
	o.EnsureDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	s := &Server{o: o, working: make(chan struct{}, o.MaxRequests), limits: newLimits(o.Rate, o.StrangerRate)}
	s.base.Store(&o.PublicURL)
	for _, set := range append([]Set{s.probes(), s.describing()}, o.Sets...) {
		s.table = append(s.table, set.Endpoints()...)
	}
	if err := checkTable(s.table); err != nil {
		return nil, err
	}
	if err := s.register(); err != nil {
		return nil, fmt.Errorf("rest: metrics: %w", err)
	}
	s.http = &fasthttp.Server{
		Handler: s.router().Handler, ErrorHandler: s.malformed,
		Name: "gyro", Logger: quietLogger{o.Logger},
		ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout, IdleTimeout: o.IdleTimeout,
		Concurrency: o.MaxConnections, MaxRequestBodySize: MaxBody, ReadBufferSize: maxHeader,
		DisablePreParseMultipartForm: true, SecureErrorLogMessage: true, NoDefaultContentType: true,
		CloseOnShutdown: true,
	}
	return s, nil
}

// Table is all that the server serves.
func (s *Server) Table() []Endpoint { return s.table }

// Document returns an entity of an API as a client sees it, nil if the API has no such resource here: for those who tell
// others of it.
func (s *Server) Document(ctx context.Context, api int, resource, id string) (document any, err error) {
	for n := range s.table {
		d := s.table[n].resource
		if d == nil || d.API.Number != api || d.path != resource || d.Show == nil {
			continue
		}
		err := s.o.DB.Read(withBase(ctx, s.PublicURL()), func(ctx context.Context, db bun.IDB) (err error) {
			document, err = d.Show(ctx, db, id)
			return err
		})
		return document, err
	}
	return nil, nil //nolint:nilnil // nothing to show is no error
}

// checkTable refuses what nobody could reach.
func checkTable(table []Endpoint) error {
	seen := map[string]bool{}
	for n := range table {
		e := &table[n]
		at := e.Method + " " + e.Path
		switch {
		case seen[at]:
			return fmt.Errorf("rest: %s is there twice", at)
		case !e.Public && e.Roles == 0:
			return fmt.Errorf("rest: nobody may use %s: name its roles", at)
		case e.Public && e.Roles != 0:
			return fmt.Errorf("rest: %s is public, and has roles", at)
		case e.Do == nil || e.Summary == "":
			return fmt.Errorf("rest: %s has no function or no summary", at)
		}
		seen[at] = true
	}
	return nil
}

// SetReady tells whether requests can be served. Until then only probes, metrics and the description are answered.
func (s *Server) SetReady(ready bool) { s.ready.Store(ready) }

// Serve answers requests on l until Shutdown, then returns nil. It refuses an
// address that other machines reach without authentication and TLS (ErrExposed),
// and closes l.
func (s *Server) Serve(l net.Listener) error {
	if err := s.o.checkExposure(l.Addr()); err != nil {
		return errors.Join(err, l.Close())
	}
	scheme := "http"
	if s.o.TLS != nil {
		scheme, l = "https", tls.NewListener(l, s.o.TLS)
	}
	if s.o.PublicURL == "" {
		address := scheme + "://" + l.Addr().String()
		s.base.Store(&address)
	}
	if s.shut.Load() {
		return l.Close()
	}
	return s.http.Serve(l)
}

// PublicURL is the address under which clients know the server; before Serve it may not be known, and is "".
func (s *Server) PublicURL() string { return *s.base.Load() }

// Shutdown takes no more requests and waits for those taken, as long as ctx allows.
func (s *Server) Shutdown(ctx context.Context) error {
	s.SetReady(false)
	s.shut.Store(true)
	return s.http.ShutdownWithContext(ctx)
}

// nowhere is the path of requests that no endpoint is for, in logs and metrics.
const nowhere = "unknown"

// router builds the dispatch from the table.
func (s *Server) router() *router.Router {
	r := router.New()
	r.RedirectTrailingSlash, r.RedirectFixedPath, r.HandleOPTIONS = false, false, false
	r.NotFound = func(c *fasthttp.RequestCtx) {
		s.serve(c, &Endpoint{Path: nowhere, Public: true, Early: true, Do: func(context.Context, *Call) (*Answer, error) {
			return nil, refusal.New(refusal.NotFound, "not_found", "", "there is no %q; /api/docs shows what there is", c.Path())
		}})
	}
	r.MethodNotAllowed = func(c *fasthttp.RequestCtx) {
		allowed := withoutOptions(c.Response.Header.Peek(fasthttp.HeaderAllow))
		s.serve(c, &Endpoint{Path: nowhere, Public: true, Early: true, Do: func(context.Context, *Call) (*Answer, error) {
			return nil, fail(fasthttp.StatusMethodNotAllowed, "method_not_allowed", "%s is not possible on %q; use %s", c.Method(), c.Path(), allowed)
		}})
		c.Response.Header.Set(fasthttp.HeaderAllow, allowed)
	}
	for n := range s.table {
		e := &s.table[n]
		handler := func(c *fasthttp.RequestCtx) { s.serve(c, e) }
		r.Handle(e.Method, e.Path, handler)
		if e.Method == fasthttp.MethodGet {
			r.Handle(fasthttp.MethodHead, e.Path, handler)
		}
	}
	return r
}

// withoutOptions takes OPTIONS out of a list that the router makes: nothing here answers it.
func withoutOptions(allow []byte) string {
	return strings.TrimSuffix(strings.ReplaceAll(string(allow), "OPTIONS, ", ""), ", OPTIONS")
}

// malformed answers what could not be read as a request.
func (s *Server) malformed(c *fasthttp.RequestCtx, err error) {
	var (
		header  *fasthttp.ErrSmallBuffer
		network net.Error
	)
	switch {
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		err = fail(fasthttp.StatusRequestEntityTooLarge, "body_too_large", "the body is larger than %d octets; send less", MaxBody)
	case errors.As(err, &header):
		err = fail(fasthttp.StatusRequestHeaderFieldsTooLarge, "header_too_large", "the header is larger than %d octets; send less", maxHeader)
	case errors.As(err, &network) && network.Timeout():
		err = fail(fasthttp.StatusRequestTimeout, "request_timeout", "the request did not arrive within %v; send it again", s.o.ReadTimeout)
	default:
		err = refusal.New(refusal.Invalid, "malformed_request", "", "this is not an HTTP/1.1 request")
	}
	call := &Call{http: c, server: s, request: correlation(c)}
	c.Response.Header.Set(correlationHeader, call.request)
	s.refuse(c, call, err)
}

// quietLogger has fasthttp's lines logged where they do not drown others.
type quietLogger struct{ *slog.Logger }

// Printf implements fasthttp.Logger.
func (l quietLogger) Printf(format string, args ...any) { l.Debug(fmt.Sprintf(format, args...)) }

var _ access.Authenticator = nobody{}

// nobody authenticates where only this machine is served: everyone there is the administrator.
type nobody struct{}

// Authenticate implements access.Authenticator.
func (nobody) Authenticate(context.Context, access.Request) (access.Principal, error) {
	return access.Principal{Name: "local", Roles: access.Anyone, Via: access.ViaLoopback}, nil
}
