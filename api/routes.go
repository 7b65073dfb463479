package api

import (
	"bytes"
	"context"
	"encoding/json"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"
)

// route is one line of the table that says what there is and who may use it.
type route struct {
	method, path string
	scope        Scope
	serve        func(*Server, *request) error
	early        bool // served before the engine is started
	reading      bool // holds the whole state: one at a time
}

const (
	catalogsPath = "/charging/v1/catalogs"
	accountPath  = "/charging/v1/accounts/{account}"
)

// routes is the table. Whatever is not in it does not exist.
func routes() []route {
	const get, put, post, del = fasthttp.MethodGet, fasthttp.MethodPut, fasthttp.MethodPost, fasthttp.MethodDelete
	return []route{
		{method: get, path: "/healthz", scope: public, serve: (*Server).health, early: true},
		{method: get, path: "/readyz", scope: public, serve: (*Server).readiness, early: true},
		{method: get, path: "/metrics", scope: ScopeRead, serve: (*Server).metrics, early: true, reading: true},

		{method: get, path: accountPath, scope: ScopeRead, serve: (*Server).getAccount},
		{method: put, path: accountPath, scope: ScopeWrite, serve: (*Server).putAccount},
		{method: del, path: accountPath, scope: ScopeWrite, serve: (*Server).deleteAccount},
		{method: post, path: accountPath + "/top-ups", scope: ScopeWrite, serve: (*Server).topUp},
		{method: post, path: accountPath + "/adjustments", scope: ScopeWrite, serve: (*Server).adjust},
		{method: post, path: accountPath + "/settlements", scope: ScopeWrite, serve: (*Server).settle},
		{method: post, path: accountPath + "/transfers", scope: ScopeWrite, serve: (*Server).transfer},
		{method: post, path: accountPath + "/loans", scope: ScopeWrite, serve: (*Server).loan},
		{method: post, path: accountPath + "/loans/write-off", scope: ScopeWrite, serve: (*Server).writeOff},
		{method: post, path: accountPath + "/terms", scope: ScopeWrite, serve: (*Server).setTerms},
		{method: post, path: accountPath + "/subscribers", scope: ScopeWrite, serve: (*Server).addSubscriber},
		{method: post, path: accountPath + "/subscribers/remove", scope: ScopeWrite, serve: (*Server).removeSubscriber},
		{method: post, path: accountPath + "/subscriber-states", scope: ScopeWrite, serve: (*Server).setSubscriber},
		{method: post, path: accountPath + "/limits", scope: ScopeWrite, serve: (*Server).setLimits},
		{method: post, path: accountPath + "/subscriptions", scope: ScopeWrite, serve: (*Server).subscribe},
		{method: post, path: accountPath + "/subscriptions/end", scope: ScopeWrite, serve: (*Server).unsubscribe},
		{method: get, path: accountPath + "/postings", scope: ScopeRead, serve: (*Server).postings},

		{method: get, path: "/charging/v1/sessions", scope: ScopeRead, serve: (*Server).sessions, reading: true},
		{method: get, path: "/charging/v1/sessions/{session}", scope: ScopeRead, serve: (*Server).session},

		{method: get, path: catalogsPath, scope: ScopeRead, serve: (*Server).catalogs},
		{method: get, path: catalogsPath + "/{name}", scope: ScopeRead, serve: (*Server).catalog},
		{method: put, path: catalogsPath + "/{name}", scope: ScopeWrite, serve: (*Server).publish},
		{method: get, path: catalogsPath + "/{name}/versions/{version}/changes", scope: ScopeRead, serve: (*Server).changes},
		{method: get, path: catalogsPath + "/{name}/versions/{version}", scope: ScopeRead, serve: (*Server).catalog},

		{method: post, path: accountPath + "/redemptions", scope: ScopeWrite, serve: (*Server).redeem},
		{method: get, path: "/charging/v1/voucher-salt", scope: ScopeRead, serve: (*Server).voucherSalt},
		{method: get, path: batchesPath, scope: ScopeRead, serve: (*Server).voucherBatches},
		{method: get, path: batchesPath + "/{batch}", scope: ScopeRead, serve: (*Server).voucherBatch},
		{method: post, path: batchesPath + "/{batch}/parts", scope: ScopeWrite, serve: (*Server).addVouchers},
		{method: post, path: batchesPath + "/{batch}/block", scope: ScopeWrite, serve: (*Server).blockVouchers},

		{method: get, path: "/charging/v1/usage/{record}/explanation", scope: ScopeRead, serve: (*Server).explain},
		{method: get, path: "/charging/v1/usage", scope: ScopeRead, serve: (*Server).usage},
		{method: get, path: "/charging/v1/notices", scope: ScopeRead, serve: (*Server).notices},
		{method: get, path: "/charging/v1/books", scope: ScopeRead, serve: (*Server).books, reading: true},
	}
}

func isPublication(h *fasthttp.RequestHeader) bool {
	return bytes.Equal(h.Method(), []byte(fasthttp.MethodPut)) && bytes.HasPrefix(h.RequestURI(), []byte(catalogsPath+"/"))
}

// request is one request at work.
type request struct {
	*fasthttp.RequestCtx
	ctx context.Context // until when the charging core may take
}

// serve makes a route's handler: who asks, may they, is there room; then the
// work, and what it came to.
func (s *Server) serve(route *route) fasthttp.RequestHandler {
	return func(c *fasthttp.RequestCtx) {
		actor, err := s.authorize(c, route.scope)
		if err == nil {
			err = s.admit(c, route)
		}
		if err != nil {
			s.fail(c, err)
		}
		s.served.WithLabelValues(string(c.Method()), route.path, strconv.Itoa(c.Response.StatusCode())).Inc()
		s.audit(c, route, actor)
	}
}

// admit works on a request if there is room for one more.
func (s *Server) admit(c *fasthttp.RequestCtx, route *route) (err error) {
	if !route.early && !s.ready.Load() {
		return notReady()
	}
	select {
	case s.working <- struct{}{}:
		defer func() { <-s.working }()
	default:
		return refuse(fasthttp.StatusServiceUnavailable, "busy", "%d requests are being worked on, the most there may be; try again", cap(s.working))
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.o.CommandTimeout)
	defer cancel()
	if route.reading {
		if err := s.reading.take(ctx); err != nil {
			return err
		}
		defer s.reading.give()
	}
	defer func() {
		if fault := recover(); fault != nil {
			s.o.Logger.Error("a request failed by a fault of the program", "path", string(c.Path()), "fault", fault, "stack", string(debug.Stack()))
			err = refuse(fasthttp.StatusInternalServerError, "internal", "the request met a fault of the program; the server's log says which")
		}
	}()
	return route.serve(s, &request{RequestCtx: c, ctx: ctx})
}

// audit logs who changed what; what was only read is of interest for debugging.
func (s *Server) audit(c *fasthttp.RequestCtx, route *route, actor string) {
	log := s.o.Logger.Debug
	if route.scope == ScopeWrite {
		log = s.o.Logger.Info
	}
	log("api", "actor", actor, "from", c.RemoteAddr().String(), "method", string(c.Method()), "path", string(c.Path()),
		"status", c.Response.StatusCode(), "idempotency_key", string(c.Request.Header.Peek(idempotencyKey)))
}

// fail answers with an error.
func (s *Server) fail(c *fasthttp.RequestCtx, err error) {
	p, internal := problemOf(err)
	if internal {
		s.o.Logger.Error("a request failed", "method", string(c.Method()), "path", string(c.Path()), "error", err)
	}
	c.Response.ResetBody()
	for _, header := range [...]string{fasthttp.HeaderETag, catalogVersion, replayedHeader} {
		c.Response.Header.Del(header)
	}
	if p.status == fasthttp.StatusServiceUnavailable {
		c.Response.Header.Set(fasthttp.HeaderRetryAfter, retryAfter)
	}
	writeJSON(c, p.status, p)
}

// answer writes v as the body.
func (r *request) answer(status int, v any) error {
	writeJSON(r.RequestCtx, status, v)
	return nil
}

func writeJSON(c *fasthttp.RequestCtx, status int, v any) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic("api: a body cannot be encoded: " + err.Error())
	}
	writeBody(c, status, "application/json", body.Bytes())
}

func writeBody(c *fasthttp.RequestCtx, status int, contentType string, body []byte) {
	c.SetStatusCode(status)
	c.SetContentType(contentType)
	c.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	c.Response.Header.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	c.SetBody(body)
}

// withoutOptions takes OPTIONS out of a list that the router makes: nothing
// here answers it.
func withoutOptions(allow []byte) string {
	return strings.TrimSuffix(strings.ReplaceAll(string(allow), "OPTIONS, ", ""), ", OPTIONS")
}

type statusBody struct {
	Status string `json:"status"`
}

// health says that the process lives and answers.
func (s *Server) health(r *request) error {
	return r.answer(fasthttp.StatusOK, statusBody{"ok"})
}

// readiness says whether requests are taken.
func (s *Server) readiness(r *request) error {
	if !s.ready.Load() {
		return notReady()
	}
	return r.answer(fasthttp.StatusOK, statusBody{"ready"})
}

func notReady() error {
	return refuse(fasthttp.StatusServiceUnavailable, "not_ready", "the charging engine is starting or stopping; try again")
}
