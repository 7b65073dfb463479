package adapter_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"gyro/internal/simulator"
	"gyro/provisioning"
	"gyro/provisioning/adapter"
)

const (
	imsi   = "262011234567890"
	msisdn = "491701234567"
)

// kind is an adapter and what its element is to show.
type kind struct {
	name, path                    string
	open                          func(adapter.Options) (provisioning.Element, error)
	create, modify                map[string]string // attributes
	created, modified             map[string]any    // what the element shows
	status, granted, barred, junk string
}

var kinds = []kind{
	{
		name: "hss", path: "/nudr-dr/v2/subscription-data/imsi-" + imsi,
		open:   func(o adapter.Options) (provisioning.Element, error) { return adapter.NewSubscriberData(o) },
		create: map[string]string{"apn": "internet, ims", "ambr_up_kbps": "50000", "ambr_down_kbps": "100000"},
		created: map[string]any{
			"imsi": imsi, "msisdn": msisdn, "authenticationPresent": true, "profile": "basic", "apns": []any{"internet", "ims"},
			"ambr": map[string]any{"uplink": "50000 Kbps", "downlink": "100000 Kbps"},
		},
		modify: map[string]string{"apn": "internet"},
		modified: map[string]any{
			"imsi": imsi, "msisdn": msisdn, "authenticationPresent": true, "profile": "gold", "apns": []any{"internet"},
		},
		status: "subscriberStatus", granted: "SERVICE_GRANTED", barred: "OPERATOR_DETERMINED_BARRING", junk: "ambr_up_kbps",
	},
	{
		name: "pcrf", path: "/nudr-dr/v2/policy-data/ues/imsi-" + imsi + "/sm-data",
		open:   func(o adapter.Options) (provisioning.Element, error) { return adapter.NewPolicy(o) },
		create: map[string]string{"max_up_kbps": "50000", "max_down_kbps": "100000", "filters": "slow-lane"},
		created: map[string]any{
			"imsi": imsi, "msisdn": msisdn, "profile": "basic", "maxBrUl": "50000 Kbps", "maxBrDl": "100000 Kbps", "filters": []any{"slow-lane"},
		},
		modify:   map[string]string{"max_down_kbps": "300000"},
		modified: map[string]any{"imsi": imsi, "msisdn": msisdn, "profile": "gold", "maxBrDl": "300000 Kbps"},
		status:   "status", granted: "ACTIVE", barred: "SUSPENDED", junk: "max_up_kbps",
	},
}

// life is everything that an order does to a subscriber, and what the element shows after each; nil is nothing.
func (k *kind) life(key string) (operations []provisioning.Operation, shown []map[string]any) {
	op := func(kind provisioning.OperationKind, profile string, attributes map[string]string) {
		o := provisioning.Operation{Key: key + "-" + string(kind), Kind: kind, IMSI: imsi, Profile: profile, Attributes: attributes}
		if profile != "" {
			o.MSISDN = msisdn
		}
		operations = append(operations, o)
	}
	with := func(document map[string]any, status string) {
		d := map[string]any{k.status: status}
		maps.Copy(d, document)
		shown = append(shown, d)
	}
	op(provisioning.OperationCreate, "basic", k.create)
	with(k.created, k.granted)
	op(provisioning.OperationSuspend, "", nil)
	with(k.created, k.barred)
	op(provisioning.OperationModify, "gold", k.modify)
	with(k.modified, k.barred)
	op(provisioning.OperationResume, "", nil)
	with(k.modified, k.granted)
	op(provisioning.OperationDelete, "", nil)
	return operations, append(shown, nil)
}

// the modes in which an element fails, and then no more.
var modes = map[string]simulator.Faults{
	"well":              {},
	"late":              {Latency: simulator.Duration(time.Minute)},
	"overloaded":        {Refuse: 1000, Limit: 2},
	"too many requests": {Refuse: 1000, RefuseStatus: http.StatusTooManyRequests, Limit: 1},
	"closes before":     {DropBefore: 1000, Limit: 5},
	"closes after":      {DropAfter: 1000, Limit: 5},
	"silent before":     {HangBefore: 1000, Limit: 3},
	"silent after":      {HangAfter: 1000, Limit: 3},
	"dies before":       {ExitBefore: 1000},
	"dies after":        {ExitAfter: 1000},
	"everything now and then": {
		Refuse: 100, DropBefore: 100, DropAfter: 100, HangBefore: 50, HangAfter: 50, ExitBefore: 50, ExitAfter: 50, Seed: 7,
	},
}

// TestRetryingEndsInTheWantedState: whatever the element does, an operation that is tried again under its key succeeds,
// and the element shows what was wanted, once.
func TestRetryingEndsInTheWantedState(t *testing.T) {
	t.Parallel()
	for k := range kinds {
		kind := &kinds[k]
		for name, faults := range modes {
			t.Run(kind.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				p := start(t, kind.name)
				e, err := kind.open(adapter.Options{URL: "http://" + p.address, Timeout: 150 * time.Millisecond})
				if err != nil {
					t.Fatal(err)
				}
				patient, err := kind.open(adapter.Options{URL: "http://" + p.address, Timeout: patience})
				if err != nil {
					t.Fatal(err)
				}
				operations, shown := kind.life("order-1")
				for n, op := range operations {
					p.fail(faults)
					persist(t, p, e, op, name == "late")
					p.ask(http.MethodDelete, "/admin/faults", nil)
					expect(t, p, kind, op, shown[n])
					if err := patient.Apply(t.Context(), op); err != nil { // the job was killed before it noted its success
						t.Errorf("%s again: %v", op.Kind, err)
					}
					expect(t, p, kind, op, shown[n])
				}
			})
		}
	}
}

// persist tries an operation as the workflow does, until it succeeds.
func persist(t *testing.T, p *process, e provisioning.Element, op provisioning.Operation, mend bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		err := e.Apply(ctx, op)
		if err == nil {
			p.again()
			return
		}
		if provisioning.Permanent(err) || ctx.Err() != nil {
			t.Fatalf("%s: %v", op.Kind, err)
		}
		if mend {
			p.ask(http.MethodDelete, "/admin/faults", nil)
		}
		p.again()
	}
}

func expect(t *testing.T, p *process, k *kind, op provisioning.Operation, want map[string]any) {
	t.Helper()
	status, document := p.ask(http.MethodGet, k.path, nil)
	if want == nil {
		if status != http.StatusNotFound {
			t.Fatalf("after %s it shows %d %v", op.Kind, status, document)
		}
		return
	}
	if !reflect.DeepEqual(document, want) {
		t.Fatalf("after %s it shows\n%v, want\n%v", op.Kind, document, want)
	}
}

// TestWhatCannotSucceedIsNotTriedAgain: refusals that only a person can lift are permanent, and name their cause.
func TestWhatCannotSucceedIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	for k := range kinds {
		kind := &kinds[k]
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			p := start(t, kind.name)
			e, err := kind.open(adapter.Options{URL: "http://" + p.address})
			if err != nil {
				t.Fatal(err)
			}
			create := provisioning.Operation{Key: "order-1", Kind: provisioning.OperationCreate, IMSI: imsi, MSISDN: msisdn, Profile: "basic", Attributes: kind.create}
			permanent := func(what, cause string, change func(*provisioning.Operation)) {
				t.Helper()
				op := create
				op.Key = strings.ReplaceAll(what, " ", "-")
				change(&op)
				if err := e.Apply(t.Context(), op); !provisioning.Permanent(err) || !strings.Contains(err.Error(), cause) {
					t.Errorf("%s: %v, want a permanent error that says %s", what, err, cause)
				}
			}
			permanent("suspend nobody", "USER_NOT_FOUND", func(o *provisioning.Operation) { o.Kind = provisioning.OperationSuspend })
			permanent("modify nobody", "USER_NOT_FOUND", func(o *provisioning.Operation) { o.Kind = provisioning.OperationModify })
			if err := e.Apply(t.Context(), create); err != nil {
				t.Fatal(err)
			}
			again := create
			again.Key = "order-2" // the element forgot the key, or a person created the subscriber as ordered
			if err := e.Apply(t.Context(), again); err != nil {
				t.Errorf("creating what is there as described: %v", err)
			}
			permanent("create otherwise", "SUBSCRIBER_EXISTS", func(o *provisioning.Operation) { o.Profile = "gold" })
			permanent("the number of another", "IDENTITY_IN_USE", func(o *provisioning.Operation) { o.IMSI = "262019999999999" })
			permanent("a key for another", "IDEMPOTENCY_KEY_REUSED", func(o *provisioning.Operation) { o.Key, o.Profile = "order-1", "gold" })
			permanent("a bit rate", "kilobits", func(o *provisioning.Operation) { o.Attributes = map[string]string{kind.junk: "50 Mbps"} })
			permanent("a profile", "letters, digits", func(o *provisioning.Operation) { o.IMSI, o.MSISDN, o.Profile = "262018888888888", "", "two words" })
			permanent("an attribute", "colour is unknown", func(o *provisioning.Operation) { o.Attributes = map[string]string{"colour": "red"} })
			permanent("an identity", "5 to 15 digits", func(o *provisioning.Operation) { o.IMSI = "../admin" })
			permanent("no profile", "needs a profile", func(o *provisioning.Operation) { o.Profile = "" })
			p.fail(simulator.Faults{Refuse: 1000, RefuseStatus: http.StatusForbidden})
			permanent("no right", "403", func(o *provisioning.Operation) { o.Kind = provisioning.OperationSuspend })
			if _, document := p.ask(http.MethodGet, "/admin/statistics", nil); document["changes"] != 1.0 || document["subscribers"] != 1.0 {
				t.Errorf("of all that one create was to be carried out: %v", document)
			}
		})
	}
}

// TestAnElementThatIsAway is no reason to give up, and a wrong address is one to say so.
func TestAnElementThatIsAway(t *testing.T) {
	t.Parallel()
	p := start(t, "hss")
	op := provisioning.Operation{Key: "order-1", Kind: provisioning.OperationDelete, IMSI: imsi}
	wrong, err := adapter.NewPolicy(adapter.Options{URL: "http://" + p.address})
	if err != nil {
		t.Fatal(err)
	}
	if err := wrong.Apply(t.Context(), op); !provisioning.Permanent(err) {
		t.Errorf("a delete at something that is no PCRF: %v", err) // its 404 says nothing of a subscriber
	}
	p.kill()
	e, err := adapter.NewSubscriberData(adapter.Options{URL: "http://" + p.address})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Apply(t.Context(), op); err == nil || provisioning.Permanent(err) {
		t.Errorf("nobody listens: %v", err)
	}
	for _, u := range []string{"", "127.0.0.1:8301", "ftp://x"} {
		if _, err := adapter.NewPolicy(adapter.Options{URL: u}); err == nil {
			t.Errorf("URL %q was taken", u)
		}
	}
}

// TestManyOrdersAtOnce: an order's operations on hundreds of subscribers at the same time, on an element that fails every
// tenth request in any way that it can without dying, end in what was wanted.
func TestManyOrdersAtOnce(t *testing.T) {
	t.Parallel()
	const subscribers = 400
	p := start(t, "hss")
	p.fail(simulator.Faults{Refuse: 40, DropBefore: 30, DropAfter: 30, Jitter: simulator.Duration(5 * time.Millisecond), Seed: 3})
	e, err := adapter.NewSubscriberData(adapter.Options{URL: "http://" + p.address})
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	orders := make(chan int)
	for range 32 {
		group.Go(func() {
			for n := range orders {
				for _, kind := range []provisioning.OperationKind{provisioning.OperationCreate, provisioning.OperationSuspend} {
					op := provisioning.Operation{
						Key: fmt.Sprintf("order-%d-%s", n, kind), Kind: kind, IMSI: fmt.Sprint(262010000000000 + n), MSISDN: fmt.Sprint(491700000000 + n), Profile: "basic",
					}
					for err := e.Apply(t.Context(), op); err != nil; err = e.Apply(t.Context(), op) {
						if provisioning.Permanent(err) || t.Context().Err() != nil {
							t.Error(err)
							break
						}
					}
				}
			}
		})
	}
	for n := range subscribers {
		orders <- n
	}
	close(orders)
	group.Wait()
	_, document := p.ask(http.MethodGet, "/admin/statistics", nil)
	if document["subscribers"] != float64(subscribers) || document["changes"] != 2.0*subscribers {
		t.Errorf("after %d orders: %v", subscribers, document)
	}
}

// TestOrdersThroughKills: an element that is killed again and again in the middle of many orders has each of them done in
// the end, and nothing that nobody ordered.
func TestOrdersThroughKills(t *testing.T) {
	t.Parallel()
	const subscribers, kills = 300, 6
	p := start(t, "pcrf")
	e, err := adapter.NewPolicy(adapter.Options{URL: "http://" + p.address})
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	orders := make(chan int)
	for range 16 {
		group.Go(func() {
			for n := range orders {
				for _, kind := range []provisioning.OperationKind{provisioning.OperationCreate, provisioning.OperationSuspend, provisioning.OperationDelete} {
					if kind == provisioning.OperationDelete && n%3 != 0 {
						continue
					}
					op := provisioning.Operation{
						Key: fmt.Sprintf("order-%d-%s", n, kind), Kind: kind, IMSI: fmt.Sprint(262010000000000 + n), MSISDN: fmt.Sprint(491700000000 + n), Profile: "basic",
					}
					for err := e.Apply(t.Context(), op); err != nil; err = e.Apply(t.Context(), op) {
						if provisioning.Permanent(err) || t.Context().Err() != nil {
							t.Errorf("%s of %d: %v", kind, n, err)
							break
						}
					}
				}
			}
		})
	}
	for n := range subscribers {
		orders <- n
		if n%(subscribers/kills) == subscribers/kills/2 {
			p.kill()
			p.begin()
		}
	}
	close(orders)
	group.Wait()
	_, document := p.ask(http.MethodGet, "/nudr-dr/v2/policy-data/ues?limit=1000", nil)
	found, _ := document["subscribers"].([]any)
	if want := subscribers - subscribers/3; len(found) != want {
		t.Errorf("%d subscribers, want %d", len(found), want)
	}
	for _, s := range found {
		if d, _ := s.(map[string]any); d["status"] != "SUSPENDED" {
			t.Errorf("%v is not suspended", d)
		}
	}
}

// BenchmarkApply changes one subscriber after another, from as many goroutines as the workers of the office.
func BenchmarkApply(b *testing.B) {
	p := start(b, "hss")
	e, err := adapter.NewSubscriberData(adapter.Options{URL: "http://" + p.address})
	if err != nil {
		b.Fatal(err)
	}
	var mu sync.Mutex
	n := 0
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			mu.Lock()
			n++
			k := n
			mu.Unlock()
			op := provisioning.Operation{Key: fmt.Sprintf("order-%d", k), Kind: provisioning.OperationCreate, IMSI: fmt.Sprint(262010000000000 + k), Profile: "basic"}
			if err := e.Apply(b.Context(), op); err != nil {
				b.Error(err)
			}
		}
	})
}
