package simulator

import (
	"cmp"
	"container/heap"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"gyro/billing/payment/provider"
	shared "gyro/internal/simulator"
)

// Handler serves the provider's API.
func (p *Provider) Handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("POST /v1/charges", p.postCharge)
	m.HandleFunc("GET /v1/charges", p.listCharges)
	m.HandleFunc("GET /v1/charges/{id}", p.getCharge)
	m.HandleFunc("POST /v1/charges/{id}/refunds", p.postRefund)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		key := p.settings.APIKey
		p.mu.Unlock()
		if key != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+key)) == 0 {
			refuse(w, problem(http.StatusUnauthorized, "unauthorized", "the API key is missing or wrong"))
			return
		}
		m.ServeHTTP(w, r)
	})
}

// Subject is the token that a request is about.
func (p *Provider) Subject(r *http.Request, body []byte) string {
	var o order
	if json.Unmarshal(body, &o) == nil && o.Token != "" {
		return o.Token
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/charges/"), "/")
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.charges[id]; c != nil {
		return c.Token
	}
	return ""
}

func refuse(w http.ResponseWriter, err error) {
	var d provider.ErrorDocument
	status := http.StatusInternalServerError
	d.Error.Code, d.Error.Message = "internal", err.Error()
	if e, found := errors.AsType[*provider.Error](err); found {
		status, d.Error.Code, d.Error.Message = e.Status, e.Code, e.Message
	}
	shared.JSON(w, status, d)
}

// keyOf is the request's Idempotency-Key.
func keyOf(r *http.Request) (string, error) {
	key := r.Header.Get("Idempotency-Key")
	if key == "" || len(key) > maxText {
		return "", problem(http.StatusBadRequest, "idempotency_key_missing", "Idempotency-Key has 1 to 100 characters")
	}
	return key, nil
}

func (p *Provider) postCharge(w http.ResponseWriter, r *http.Request) {
	key, err := keyOf(r)
	if err != nil {
		refuse(w, err)
		return
	}
	var o order
	if err := shared.ReadJSON(r, &o); err != nil {
		refuse(w, problem(http.StatusBadRequest, "invalid_request", "token, amount, currency, reference and description are taken: "+err.Error()))
		return
	}
	c, silent, found, err := p.charge(key, &o)
	switch {
	case err != nil:
		refuse(w, err)
	case silent:
		<-r.Context().Done() // the client gives up, or the server stops
		panic(http.ErrAbortHandler)
	default:
		shared.JSON(w, made(found), c)
	}
}

func made(found bool) int {
	if found {
		return http.StatusOK
	}
	return http.StatusCreated
}

func (p *Provider) getCharge(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	p.mu.Lock()
	c := p.charges[id]
	p.mu.Unlock()
	if err := p.log.Barrier(); err != nil {
		refuse(w, err)
		return
	}
	if c == nil {
		refuse(w, unknown(id))
		return
	}
	shared.JSON(w, http.StatusOK, c)
}

func (p *Provider) postRefund(w http.ResponseWriter, r *http.Request) {
	key, err := keyOf(r)
	if err != nil {
		refuse(w, err)
		return
	}
	var o refundOrder
	if err := shared.ReadJSON(r, &o); err != nil {
		refuse(w, problem(http.StatusBadRequest, "invalid_request", err.Error()))
		return
	}
	refund, found, err := p.refund(key, r.PathValue("id"), &o)
	if err != nil {
		refuse(w, err)
		return
	}
	shared.JSON(w, made(found), refund)
}

// cursor is where a charge stands in the list.
func cursor(c *provider.ChargeDocument) string { return fmt.Sprintf("%016x.%s", c.Updated, c.ID) }

func (p *Provider) listCharges(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, since := 100, int64(0)
	for name, into := range map[string]func(int64) bool{
		"limit": func(n int64) bool { limit = int(n); return n >= 1 && n <= 1000 },
		"since": func(n int64) bool { since = n; return n >= 0 },
	} {
		text := q.Get(name)
		if text == "" {
			continue
		}
		if n, err := strconv.ParseInt(text, 10, 64); err != nil || !into(n) {
			refuse(w, problem(http.StatusBadRequest, "invalid_request", "limit is from 1 to 1000, since in milliseconds since 1970"))
			return
		}
	}
	after := q.Get("after")
	p.mu.Lock()
	var found []*provider.ChargeDocument
	for _, c := range p.charges {
		if c.Updated >= since && (after == "" || cursor(c) > after) {
			found = append(found, c)
		}
	}
	p.mu.Unlock()
	if err := p.log.Barrier(); err != nil {
		refuse(w, err)
		return
	}
	slices.SortFunc(found, func(a, b *provider.ChargeDocument) int { return cmp.Compare(cursor(a), cursor(b)) })
	page := provider.PageDocument{Charges: []provider.ChargeDocument{}}
	for k, c := range found {
		if k == limit {
			page.Next = cursor(found[k-1])
			break
		}
		page.Charges = append(page.Charges, *c)
	}
	shared.JSON(w, http.StatusOK, page)
}

// Admin serves what lies below /admin/ in addition to what every simulated process has there.
func (p *Provider) Admin() *http.ServeMux {
	m := http.NewServeMux()
	m.HandleFunc("GET /admin/settings", func(w http.ResponseWriter, _ *http.Request) { shared.JSON(w, http.StatusOK, p.shown()) })
	m.HandleFunc("PATCH /admin/settings", p.patchSettings)
	m.HandleFunc("GET /admin/events", p.listEvents)
	m.HandleFunc("POST /admin/charges/{id}/{what}", func(w http.ResponseWriter, r *http.Request) {
		c, err := p.intervene(r.PathValue("id"), r.PathValue("what"))
		if err != nil {
			refuse(w, err)
			return
		}
		shared.JSON(w, http.StatusOK, c)
	})
	return m
}

// shown is the settings without what is secret.
func (p *Provider) shown() Settings {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.settings
	s.Secrets, s.APIKey = nil, ""
	return s
}

// patchSettings changes the members that are given.
func (p *Provider) patchSettings(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	next := p.settings
	p.mu.Unlock()
	next.Secrets = slices.Clone(next.Secrets)
	err := shared.ReadJSON(r, &next)
	if err == nil {
		err = next.Validate()
	}
	if err != nil {
		refuse(w, problem(http.StatusBadRequest, "invalid_request", err.Error()))
		return
	}
	p.mu.Lock()
	p.settings = next
	now := p.now().UnixMilli()
	for k := range p.agenda { // what waited for another receiver waits no longer
		if a := &p.agenda[k]; a.task.event != "" && p.events[a.task.event].attempts > 0 {
			a.at = min(a.at, now)
		}
	}
	heap.Init(&p.agenda)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
	shared.JSON(w, http.StatusOK, p.shown())
}

// eventDocument shows how far an event has come.
type eventDocument struct {
	ID        string             `json:"id"`
	Type      provider.EventType `json:"type"`
	Charge    string             `json:"charge"`
	Attempts  int                `json:"attempts"`
	Copies    int                `json:"copies"`
	Arrived   int                `json:"arrived"`
	Delivered bool               `json:"delivered"`
}

func (p *Provider) listEvents(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	all := []eventDocument{}
	for _, id := range p.order {
		e := p.events[id]
		all = append(all, eventDocument{e.ID, e.kind, e.charge, e.attempts, e.Copies, e.arrived, e.Body == nil})
	}
	p.mu.Unlock()
	shared.JSON(w, http.StatusOK, map[string]any{"events": all})
}

// Statistics are figures for the admin endpoint.
func (p *Provider) Statistics() map[string]any {
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting := 0
	for _, e := range p.events {
		if e.Body != nil {
			waiting++
		}
	}
	states := map[provider.State]int{}
	for _, c := range p.charges {
		states[c.State]++
	}
	return map[string]any{"charges": states, "events": len(p.events), "events_waiting": waiting}
}
