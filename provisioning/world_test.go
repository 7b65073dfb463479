package provisioning

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"gyro/api/apitest"
	"gyro/api/client"
	"gyro/catalog"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/provisioning/pool"
)

var (
	sales   = database.Actor{Name: "sam", Role: "sales", Via: "test"}
	network = database.Actor{Name: "nina", Role: "network", Via: "test"}
)

// world is the office's orders between a database, a real charging core behind its API, and elements that do as they are
// told.
type world struct {
	*Service
	t        testing.TB
	db       *database.DB
	core     *apitest.Server
	way      *cuttable
	elements map[string]*scripted
	overdue  map[int64]money.Amount
	inDebt   map[int64]bool
}

// profile is what a scripted element knows of a subscriber.
type profile struct {
	MSISDN, Profile string
	Attributes      map[string]string
	Suspended       bool
}

// scripted is an element whose answers a test decides. It is idempotent as Element demands.
type scripted struct {
	name string

	mu     sync.Mutex
	known  map[string]profile
	done   map[string]bool // keys
	calls  []string
	script []behaviour
	decide func(op Operation) behaviour // instead of the script
}

// behaviour is how an element meets operations.
type behaviour struct {
	only  OperationKind // "" is every kind
	times int           // how often; 0 is until told otherwise
	err   *ElementError // the answer; nil is none: nobody hears of it
	does  bool          // carries the operation out all the same
}

func newScripted(name string) *scripted {
	return &scripted{name: name, known: map[string]profile{}, done: map[string]bool{}}
}

func (e *scripted) Name() string { return e.name }

func (e *scripted) Apply(_ context.Context, op Operation) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = append(e.calls, fmt.Sprintf("%s %s %s", e.name, op.Kind, op.Key))
	b, found := e.next(op)
	if found && !b.does {
		return b.err
	}
	if err := e.carryOut(op); err != nil {
		return err
	}
	if found && b.err != nil {
		return b.err
	}
	return nil
}

func (e *scripted) next(op Operation) (b behaviour, found bool) {
	if e.decide != nil {
		b = e.decide(op)
		return b, b.err != nil
	}
	for k := range e.script {
		if b = e.script[k]; b.only != "" && b.only != op.Kind {
			continue
		}
		if b.times > 0 {
			if e.script[k].times--; e.script[k].times == 0 {
				e.script = slices.Delete(e.script, k, k+1)
			}
		}
		return b, true
	}
	return b, false
}

func (e *scripted) carryOut(op Operation) error {
	if e.done[op.Key] {
		return nil
	}
	p, there := e.known[op.IMSI]
	if !there && op.Kind != OperationCreate && op.Kind != OperationDelete {
		return &ElementError{Code: "404", Message: "no such subscriber"}
	}
	switch op.Kind {
	case OperationCreate:
		p = profile{op.MSISDN, op.Profile, maps.Clone(op.Attributes), false}
	case OperationModify:
		p.MSISDN, p.Profile, p.Attributes = op.MSISDN, op.Profile, maps.Clone(op.Attributes)
	case OperationSuspend:
		p.Suspended = true
	case OperationResume:
		p.Suspended = false
	case OperationDelete:
	}
	if op.Kind == OperationDelete {
		delete(e.known, op.IMSI)
	} else {
		e.known[op.IMSI] = p
	}
	e.done[op.Key] = true
	return nil
}

func (e *scripted) list() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var b strings.Builder
	for _, imsi := range slices.Sorted(maps.Keys(e.known)) {
		p := e.known[imsi]
		fmt.Fprintf(&b, "%s %s: %s %s", e.name, imsi, p.MSISDN, p.Profile)
		for _, name := range slices.Sorted(maps.Keys(p.Attributes)) {
			fmt.Fprintf(&b, " %s=%s", name, p.Attributes[name])
		}
		if p.Suspended {
			b.WriteString(" suspended")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// cuttable is the way to the real core; it can be cut, before or behind the core.
type cuttable struct {
	*client.Charging
	decide func(call string) (before, after bool)
	answer error // where it is cut; nil is errCut
}

var errCut = &client.Problem{Code: "timeout", Message: "the way to the core is cut", Status: 504}

func cut[T any](c *cuttable, name string, call func() (T, error)) (T, error) {
	before, after := false, false
	if c.decide != nil {
		before, after = c.decide(name)
	}
	var none T
	answer := cmp.Or[error](c.answer, errCut)
	if before {
		return none, answer
	}
	v, err := call()
	if after {
		return none, answer
	}
	return v, err
}

func (c *cuttable) AddSubscriber(ctx context.Context, account string, spec client.AccountSpec, subscriber client.SubscriberSpec) error {
	_, err := cut(c, "AddSubscriber", func() (any, error) { return nil, c.Charging.AddSubscriber(ctx, account, spec, subscriber) })
	return err
}

func (c *cuttable) RemoveSubscriber(ctx context.Context, account, subscriber string) error {
	_, err := cut(c, "RemoveSubscriber", func() (any, error) { return nil, c.Charging.RemoveSubscriber(ctx, account, subscriber) })
	return err
}

func (c *cuttable) SetSubscriberState(ctx context.Context, account, key string, s client.StateChange) error {
	_, err := cut(c, "SetSubscriberState", func() (any, error) { return nil, c.Charging.SetSubscriberState(ctx, account, key, s) })
	return err
}

func (c *cuttable) Subscribe(ctx context.Context, account, key string, s client.Subscription) (client.Subscribed, error) {
	return cut(c, "Subscribe", func() (client.Subscribed, error) { return c.Charging.Subscribe(ctx, account, key, s) })
}

func (c *cuttable) Unsubscribe(ctx context.Context, account, key string, end client.EndOfSubscription) (client.Subscribed, error) {
	return cut(c, "Unsubscribe", func() (client.Subscribed, error) { return c.Charging.Unsubscribe(ctx, account, key, end) })
}

// newWorld opens an office on a database, with the catalogue of the scripts in force and numbers to give out.
func newWorld(t *testing.T, dialect database.Dialect) *world {
	t.Helper()
	core := apitest.Start(t)
	db := dbtest.Open(t, dialect, dbtest.Clock(core.Clock))
	w := &world{
		t: t, db: db, core: core, way: &cuttable{Charging: core.Charging}, overdue: map[int64]money.Amount{}, inDebt: map[int64]bool{},
		elements: map[string]*scripted{"hss": newScripted("hss"), "pcrf": newScripted("pcrf")},
	}
	w.open()
	w.publish("../testdata/order/catalog.yaml")
	must(t, db.Write(t.Context(), network, func(ctx context.Context, tx *database.Tx) error {
		if err := pool.LoadNumbers(ctx, tx, pool.Default, "491700000000", 100); err != nil {
			return err
		}
		return pool.LoadCards(ctx, tx, pool.Default, "894901000000000000", "262011000000000", 100)
	}))
	return w
}

// open makes the service, as a process does when it starts.
func (w *world) open() {
	s, err := New(Options{
		DB: w.db, Customers: customer.New(w.db), Catalog: catalog.New(w.db, w.core.Charging), Core: w.way,
		Elements: []Element{w.elements["hss"], w.elements["pcrf"]},
		Overdue: func(_ context.Context, _ bun.IDB, account int64) (money.Amount, error) {
			return w.overdue[account], nil
		},
		InDebt: func(_ context.Context, _ bun.IDB, account int64) (bool, error) { return w.inDebt[account], nil },
		CycleEnd: func(a customer.BillingAccount, at instant.Instant) (instant.Instant, error) {
			t := at.Time()
			next := time.Date(t.Year(), t.Month(), a.CycleDay, 0, 0, 0, 0, time.UTC)
			if !next.After(t) {
				next = next.AddDate(0, 1, 0)
			}
			return instant.Of(next), nil
		},
	})
	must(w.t, err)
	w.Service = s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) publish(file string) {
	w.t.Helper()
	source, err := os.ReadFile(file)
	must(w.t, err)
	d, err := w.o.Catalog.Submit(w.t.Context(), sales, source, false)
	must(w.t, err)
	_, err = w.o.Catalog.Publish(w.t.Context(), sales, d.ID, 0)
	must(w.t, err)
	d, err = w.o.Catalog.Carry(w.t.Context(), d.ID)
	must(w.t, err)
	if d.Reason != "" {
		w.t.Fatal(d.Reason)
	}
}

// open a customer with one account.
func (w *world) customer(name string, kind customer.AccountKind, segment customer.Segment) int64 {
	w.t.Helper()
	limit := 100 * money.Unit
	if kind == customer.Prepaid {
		limit = 0
	}
	o, err := w.o.Customers.Open(w.t.Context(), sales, customer.Opening{
		Party:    customer.Party{Kind: customer.Individual, GivenName: name, FamilyName: "Test"},
		Customer: customer.Customer{Segment: segment},
		Account: customer.BillingAccount{
			Kind: kind, Currency: "EUR", TaxRegion: "DE", TimeZone: "UTC", CycleDay: 1, CreditLimit: limit, Delivery: customer.NoDelivery,
		},
	})
	must(w.t, err)
	return o.Account.ID
}

// due lists the orders that the workflow has to look at by now.
func (w *world) due() (ids []int64, next instant.Instant) {
	w.t.Helper()
	must(w.t, w.db.Read(w.t.Context(), func(ctx context.Context, q bun.IDB) error {
		var rows []Order
		err := q.NewSelect().Model(&rows).Column("id", "wake_at").Where("wake_at > 0").Order("wake_at", "id").Scan(ctx)
		for _, o := range rows {
			if o.WakeAt <= w.db.Now() {
				ids = append(ids, o.ID)
			} else if next == 0 {
				next = o.WakeAt
			}
		}
		return err
	}))
	return ids, next
}

// work drives all orders that are due, until none is.
func (w *world) work() {
	w.t.Helper()
	for range 1000 {
		ids, _ := w.due()
		if len(ids) == 0 {
			return
		}
		for _, id := range ids {
			if _, err := w.Drive(w.t.Context(), id); err != nil && !errors.Is(err, context.Canceled) {
				w.t.Fatal(err)
			}
		}
	}
	w.t.Fatal("the orders are driven for ever")
}

// wait lets time pass, and what it brings about happen at its moment.
func (w *world) wait(span instant.Span) {
	w.t.Helper()
	until := w.db.Now().Add(span)
	for {
		w.work()
		_, next := w.due()
		if next == 0 || next > until {
			w.core.Set(until)
			w.work()
			return
		}
		w.core.Set(next)
	}
}
