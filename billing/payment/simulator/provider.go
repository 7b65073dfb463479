package simulator

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"sync"
	"time"

	"gyro/billing/payment/provider"
	"gyro/internal/instant"
	"gyro/internal/money"
	shared "gyro/internal/simulator"
)

// Options are what a provider needs.
type Options struct {
	Path     string // of its file
	Settings Settings
	Now      func() time.Time
	Logger   *slog.Logger
}

// Provider is the state of a simulated provider.
type Provider struct {
	log    *shared.Log
	now    func() time.Time
	logger *slog.Logger
	client *http.Client
	wake   chan struct{}

	mu       sync.Mutex
	settings Settings
	charges  map[string]*provider.ChargeDocument // by id
	keys     map[string]string                   // key of a charge to its id
	refunds  map[string]string                   // key of a refund to its charge's id
	steps    map[string]step                     // what a charge has yet to go through
	events   map[string]*event                   // every event, by id
	order    []string                            // ids of events, the oldest first
	agenda   agenda
}

// step is what will happen to a charge.
type step struct {
	To  string `json:"to"` // decide, dispute
	Due int64  `json:"due"`
}

// event is a webhook.
type event struct {
	ID     string          `json:"id"`
	Body   json.RawMessage `json:"body,omitempty"` // until it is delivered
	Due    int64           `json:"due"`
	Copies int             `json:"copies"`

	kind     provider.EventType
	charge   string
	attempts int
	arrived  int
}

// record is a line of the log: whatever happened at once.
type record struct {
	Charge *provider.ChargeDocument `json:"charge,omitempty"`
	// Step is what is left to happen to the charge; none: nothing.
	Step   *step   `json:"step,omitempty"`
	Events []event `json:"events,omitempty"`
	// Delivered is the id of an event that arrived as often as it should.
	Delivered string `json:"delivered,omitempty"`
}

// webhookTimeout is how long a receiver may take.
const webhookTimeout = 10 * time.Second

// Open opens or makes a provider in its file.
func Open(o Options) (*Provider, error) {
	if err := o.Settings.Validate(); err != nil {
		return nil, err
	}
	p := &Provider{
		now: o.Now, logger: o.Logger, settings: o.Settings, client: &http.Client{Timeout: webhookTimeout}, wake: make(chan struct{}, 1),
		charges: map[string]*provider.ChargeDocument{}, keys: map[string]string{}, refunds: map[string]string{},
		steps: map[string]step{}, events: map[string]*event{},
	}
	p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	log, err := shared.OpenLog(o.Path, "payments", p.replay)
	if err != nil {
		return nil, err
	}
	p.log = log
	if live := len(p.charges) + len(p.events); log.Records() > 2*live+1000 {
		if err := log.Rewrite(p.snapshot); err != nil {
			_ = log.Close()
			return nil, err
		}
	}
	for id, s := range p.steps {
		p.agenda.add(s.Due, task{charge: id})
	}
	for _, id := range p.order {
		if e := p.events[id]; e.Body != nil {
			p.agenda.add(e.Due, task{event: id})
		}
	}
	return p, nil
}

// Close releases the file.
func (p *Provider) Close() error { return p.log.Close() }

func (p *Provider) replay(line []byte) error {
	var r record
	if err := json.Unmarshal(line, &r); err != nil {
		return err
	}
	if r.Charge != nil {
		p.keep(r.Charge, r.Step)
	}
	for k := range r.Events {
		if err := p.keepEvent(&r.Events[k]); err != nil {
			return err
		}
	}
	if e := p.events[r.Delivered]; e != nil {
		e.Body, e.arrived = nil, e.Copies
	}
	return nil
}

func (p *Provider) keep(c *provider.ChargeDocument, s *step) {
	p.charges[c.ID], p.keys[c.Key] = c, c.ID
	for k := range c.Refunds {
		p.refunds[c.Refunds[k].Key] = c.ID
	}
	if s == nil {
		delete(p.steps, c.ID)
	} else {
		p.steps[c.ID] = *s
	}
}

func (p *Provider) keepEvent(e *event) error {
	var d provider.EventDocument
	if err := json.Unmarshal(e.Body, &d); err != nil {
		return err
	}
	e.kind, e.charge = d.Type, d.Charge.ID
	p.events[e.ID] = e
	p.order = append(p.order, e.ID)
	return nil
}

// snapshot yields the records that make the present state. Events that arrived are left out: they happened.
func (p *Provider) snapshot(yield func(any) bool) {
	for id, c := range p.charges {
		r := record{Charge: c}
		if s, found := p.steps[id]; found {
			r.Step = &s
		}
		if !yield(r) {
			return
		}
	}
	for _, id := range p.order {
		if e := p.events[id]; e.Body != nil && !yield(record{Events: []event{*e}}) {
			return
		}
	}
}

// commit makes a changed copy of a charge the present one and reports it. p.mu
// is held; durable waits.
func (p *Provider) commit(c *provider.ChargeDocument, s *step, reports ...report) (durable func() error) {
	now := p.now().UnixMilli()
	r := record{Charge: c, Step: s}
	c.Updated = now
	if len(reports) == 0 {
		c.Version++
	}
	for _, what := range reports {
		c.Version++
		d := provider.EventDocument{ID: fmt.Sprintf("evt_%s_%d", c.ID[len("ch_"):], c.Version), Type: what.kind, Created: now, Charge: *c, Refund: what.refund}
		body, err := json.Marshal(d)
		if err != nil {
			return func() error { return err }
		}
		e := event{ID: d.ID, Body: body, Copies: 1, Due: now + time.Duration(p.settings.Delay).Milliseconds()}
		if p.settings.falls(p.settings.Duplicate, "duplicate", d.ID) {
			e.Copies = 2
		}
		if p.settings.falls(p.settings.Shuffle, "shuffle", d.ID) {
			e.Due += time.Duration(p.settings.ShuffleBy).Milliseconds()
		}
		r.Events = append(r.Events, e)
	}
	p.keep(c, s)
	if s != nil {
		p.agenda.add(s.Due, task{charge: c.ID})
	}
	for k := range r.Events {
		e := r.Events[k]
		if err := p.keepEvent(&e); err != nil {
			return func() error { return err }
		}
		p.agenda.add(e.Due, task{event: e.ID})
	}
	durable = p.log.Write(r)
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return durable
}

// report is an event to be made of a change.
type report struct {
	kind   provider.EventType
	refund *provider.RefundDocument
}

// change returns a copy of a charge to be changed: what is kept is never written into, as it may be on its way out.
func change(c *provider.ChargeDocument) *provider.ChargeDocument {
	next := *c
	next.Refunds = append([]provider.RefundDocument(nil), c.Refunds...)
	return &next
}

// newID returns a name that nobody has.
func newID(prefix string) string {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails, as its documentation says
	return prefix + hex.EncodeToString(b[:])
}

// order is what a request for a charge says.
type order struct {
	Token       string `json:"token"`
	Amount      int64  `json:"amount"`
	Currency    string `json:"currency"`
	Reference   string `json:"reference"`
	Description string `json:"description"`
}

// maxText bounds references and descriptions.
const maxText = 100

func (o *order) check() error {
	if err := provider.CheckToken(o.Token); err != nil {
		return err
	}
	invalid := func(format string, args ...any) error {
		return &provider.Error{Status: http.StatusBadRequest, Code: "invalid_request", Message: fmt.Sprintf(format, args...)}
	}
	if o.Amount < 1 || o.Amount > math.MaxInt32 {
		return invalid("amount is %d: an integer of the currency's minor unit, from 1 to %d", o.Amount, math.MaxInt32)
	}
	if _, err := money.ParseCurrency(o.Currency); err != nil {
		return invalid("currency: %v", err)
	}
	if len(o.Reference) > maxText || len(o.Description) > maxText {
		return invalid("reference and description have at most %d characters each", maxText)
	}
	return nil
}

// charge takes a charge, or finds the one that was taken under the key. silent
// charges are to get no answer.
func (p *Provider) charge(key string, o *order) (c *provider.ChargeDocument, silent, found bool, err error) {
	if err := o.check(); err != nil {
		return nil, false, false, err
	}
	f := fateOf(o.Token)
	p.mu.Lock()
	if id, known := p.keys[key]; known {
		c = p.charges[id]
		p.mu.Unlock()
		if (order{c.Token, c.Amount, c.Currency, c.Reference, c.Description}) != *o {
			return nil, false, true, reused(key)
		}
		return c, f.silent, true, p.log.Barrier()
	}
	now := p.now().UnixMilli()
	c = &provider.ChargeDocument{
		ID: newID("ch_"), Key: key, Token: o.Token, Amount: o.Amount, Currency: o.Currency, Reference: o.Reference,
		Description: o.Description, State: provider.Pending, Created: now,
	}
	var durable func() error
	switch {
	case f.silent:
		durable = p.commit(c, nil)
	case f.late || p.settings.falls(p.settings.Pending, "pending", key):
		durable = p.commit(c, &step{To: "decide", Due: now + time.Duration(p.settings.Late).Milliseconds()}, report{kind: provider.PaymentPending})
	default:
		durable = p.decide(c)
	}
	p.mu.Unlock()
	return c, f.silent, false, durable()
}

func reused(key string) error {
	return &provider.Error{Status: http.StatusUnprocessableEntity, Code: "idempotency_key_reused", Message: "Idempotency-Key " + key + " was used for another request"}
}

// decide ends a pending charge as its token has it. p.mu is held.
func (p *Provider) decide(c *provider.ChargeDocument) (durable func() error) {
	f := fateOf(c.Token)
	c.State, c.DeclineCode = f.decided(), f.code
	if f.code != "" {
		return p.commit(c, nil, report{kind: provider.PaymentDeclined})
	}
	var next *step
	if f.disputed {
		next = &step{To: "dispute", Due: p.now().UnixMilli() + time.Duration(p.settings.Late).Milliseconds()}
	}
	return p.commit(c, next, report{kind: provider.PaymentSucceeded})
}

// take does the step that is due for a charge.
func (p *Provider) take(id string, now instant.Instant) {
	p.mu.Lock()
	s, found := p.steps[id]
	if !found || s.Due > int64(now) {
		p.mu.Unlock()
		return
	}
	c := change(p.charges[id])
	var durable func() error
	switch s.To {
	case "decide":
		durable = p.decide(c)
	default:
		c.Dispute = provider.DisputeOpened
		durable = p.commit(c, nil, report{kind: provider.DisputeOpen})
	}
	p.mu.Unlock()
	if err := durable(); err != nil {
		p.logger.Error("a change is not durable", "error", err)
	}
}
