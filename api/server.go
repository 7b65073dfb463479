package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"

	"github.com/fasthttp/router"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
)

// Server serves the charging API.
type Server struct {
	o        Options
	http     *fasthttp.Server
	registry *prometheus.Registry
	served   *prometheus.CounterVec
	ready    atomic.Bool
	shut     atomic.Bool

	working chan struct{} // one element a request that is worked on
	*Turns
}

// New prepares a server. It answers that it is not ready until SetReady.
func New(o Options) (*Server, error) {
	o.EnsureDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	s := &Server{o: o, working: make(chan struct{}, o.MaxRequests), Turns: o.Turns}
	if err := s.register(); err != nil {
		return nil, fmt.Errorf("api: metrics: %w", err)
	}
	s.http = &fasthttp.Server{
		Handler: s.router().Handler, ErrorHandler: s.malformed, HeaderReceived: s.bound,
		Name: "gyro", Logger: quietLogger{o.Logger},
		ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout, IdleTimeout: o.IdleTimeout,
		Concurrency: o.MaxConnections, MaxRequestBodySize: MaxBody, ReadBufferSize: maxHeader,
		DisablePreParseMultipartForm: true, SecureErrorLogMessage: true, NoDefaultContentType: true,
		CloseOnShutdown: true,
	}
	return s, nil
}

// SetReady tells whether requests can be served: the engine is started, and
// not yet about to stop. Until then only probes and metrics are answered.
func (s *Server) SetReady(ready bool) { s.ready.Store(ready) }

// Serve answers requests on l until Shutdown, then returns nil. It refuses an
// address that other machines reach without API keys or mutual TLS
// (ErrExposed), and closes l.
func (s *Server) Serve(l net.Listener) error {
	if err := s.o.checkExposure(l.Addr()); err != nil {
		return errors.Join(err, l.Close())
	}
	if s.o.TLS != nil {
		l = tls.NewListener(l, s.o.TLS)
	} else if !isLocal(l.Addr()) {
		s.o.Logger.Warn("API keys travel unencrypted; configure TLS, or a proxy that has it", "address", l.Addr().String())
	}
	if s.shut.Load() {
		return l.Close()
	}
	return s.http.Serve(l)
}

// Shutdown takes no more requests and waits for those taken, as long as ctx
// allows.
func (s *Server) Shutdown(ctx context.Context) error {
	s.SetReady(false)
	s.shut.Store(true)
	return s.http.ShutdownWithContext(ctx)
}

// router builds the dispatch from the table of routes.
func (s *Server) router() *router.Router {
	r := router.New()
	r.RedirectTrailingSlash, r.RedirectFixedPath, r.HandleOPTIONS = false, false, false
	r.NotFound = func(c *fasthttp.RequestCtx) {
		s.fail(c, refuse(fasthttp.StatusNotFound, "not_found", "there is no %q; the API is under /charging/v1/", c.Path()))
	}
	r.MethodNotAllowed = func(c *fasthttp.RequestCtx) {
		allowed := withoutOptions(c.Response.Header.Peek(fasthttp.HeaderAllow))
		s.fail(c, refuse(fasthttp.StatusMethodNotAllowed, "method_not_allowed", "%s is not possible on %q; use %s", c.Method(), c.Path(), allowed))
		c.Response.Header.Set(fasthttp.HeaderAllow, allowed)
	}
	for _, route := range routes() {
		r.Handle(route.method, route.path, s.serve(&route))
		if route.method == fasthttp.MethodGet {
			r.Handle(fasthttp.MethodHead, route.path, s.serve(&route))
		}
	}
	return r
}

// bound sets the limit of a request's body before it is read. Only whoever
// may publish a catalogue can make the server hold one.
func (s *Server) bound(h *fasthttp.RequestHeader) (c fasthttp.RequestConfig) {
	c.MaxRequestBodySize = MaxBody
	if !isPublication(h) {
		return c
	}
	if key, ok := s.o.authenticate(h); len(s.o.Keys) == 0 || (ok && key.allows(ScopeWrite)) {
		c.MaxRequestBodySize = MaxCatalog
	}
	return c
}

// malformed answers what could not be read as a request.
func (s *Server) malformed(c *fasthttp.RequestCtx, err error) {
	var (
		header  *fasthttp.ErrSmallBuffer
		network net.Error
	)
	switch {
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		limit := s.bound(&c.Request.Header).MaxRequestBodySize
		s.fail(c, refuse(fasthttp.StatusRequestEntityTooLarge, "body_too_large", "the body is larger than %d octets; send less", limit))
	case errors.As(err, &header):
		s.fail(c, refuse(fasthttp.StatusRequestHeaderFieldsTooLarge, "header_too_large", "the header is larger than %d octets; send less", maxHeader))
	case errors.As(err, &network) && network.Timeout():
		s.fail(c, refuse(fasthttp.StatusRequestTimeout, "request_timeout", "the request did not arrive within %v; send it again", s.o.ReadTimeout))
	default:
		s.fail(c, refuse(fasthttp.StatusBadRequest, "malformed_request", "this is not an HTTP/1.1 request"))
	}
}

// quietLogger has fasthttp's lines logged where they do not drown others.
type quietLogger struct{ *slog.Logger }

// Printf implements fasthttp.Logger.
func (l quietLogger) Printf(format string, args ...any) { l.Debug(fmt.Sprintf(format, args...)) }
