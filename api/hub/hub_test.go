package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/outbound"
	"gyro/internal/refusal"

	"github.com/uptrace/bun"
)

// receiver is a listener's server: it keeps what it got and answers as the test says.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []notification
	header []http.Header
	raw    [][]byte
	answer func(n int) int // the status of the n-th request, from 1 on
	stall  chan struct{}   // requests wait for it, where there is one
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{answer: func(int) int { return http.StatusCreated }}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return // it is the client that went
	}
	var n notification
	if err := json.Unmarshal(body, &n); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	r.got, r.header, r.raw = append(r.got, n), append(r.header, request.Header), append(r.raw, body)
	status, stall := r.answer(len(r.got)), r.stall
	r.mu.Unlock()
	if stall != nil {
		select {
		case <-stall:
		case <-request.Context().Done():
		}
	}
	w.WriteHeader(status)
}

// ids are the eventIds in the order of their arrival.
func (r *receiver) ids() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	ids := make([]string, len(r.got))
	for n := range r.got {
		ids[n] = r.got[n].EventID
	}
	return ids
}

// hold has requests wait for a channel.
func (r *receiver) hold(stall chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stall = stall
}

func (r *receiver) respond(answer func(n int) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got, r.answer = nil, answer
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) tell() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

type office struct {
	*testing.T
	*Service
	clock *clock
}

var admin = database.Actor{Name: "user:root", Via: "test", Request: "r-1"}

func run(t *testing.T, o Options, test func(o *office)) {
	t.Helper()
	o.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			c := &clock{now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
			test(&office{T: t, Service: New(dbtest.Open(t, dialect, dbtest.Clock(c.tell)), o), clock: c})
		})
	}
}

func (o *office) subscribe(api int, callback, query, secret string) (l Listener) {
	o.Helper()
	err := o.db.Write(o.Context(), admin, func(ctx context.Context, tx *database.Tx) (err error) {
		l, err = o.Subscribe(ctx, tx, api, callback, query, secret)
		return err
	})
	if err != nil {
		o.Fatal(err)
	}
	return l
}

func (o *office) emit(events ...database.Event) {
	o.Helper()
	for _, e := range events {
		err := o.db.Write(o.Context(), admin, func(ctx context.Context, tx *database.Tx) error { return tx.Emit(ctx, e) })
		if err != nil {
			o.Fatal(err)
		}
	}
}

func (o *office) deliver() {
	o.Helper()
	if err := o.Deliver(o.Context()); err != nil {
		o.Fatal(err)
	}
}

func (o *office) listener(number int64) (l Listener) {
	o.Helper()
	err := o.db.Read(o.Context(), func(ctx context.Context, q bun.IDB) (err error) {
		l, err = o.Find(ctx, q, 0, number)
		return err
	})
	if err != nil {
		o.Fatal(err)
	}
	return l
}

func order(n int, state string) database.Event {
	return database.Event{Type: "productOrderStateChangeEvent", Entity: "productOrder", ID: fmt.Sprint(n), Payload: map[string]string{"state": state}}
}

func TestListenersAreToldInOrder(t *testing.T) {
	run(t, Options{AllowPrivate: true, Document: func(_ context.Context, api int, resource, id string) (any, error) {
		if id == "9" {
			return nil, refusal.New(refusal.NotFound, "gone", "", "it is gone")
		}
		return map[string]string{"id": id, "href": fmt.Sprintf("/%d/%s/%s", api, resource, id), "state": "completed"}, nil
	}}, func(o *office) {
		r, narrow := newReceiver(o.T), newReceiver(o.T)
		o.emit(order(1, "acknowledged")) // before anybody listens, be it in the same millisecond
		l := o.subscribe(622, r.URL+"/events", "", "a secret of the listener")
		o.subscribe(622, narrow.URL, "eventType=ProductOrderCreateEvent", "")
		for n := range 250 {
			o.emit(order(n, "inProgress"), database.Event{Type: "customerCreateEvent", Entity: "customer", ID: fmt.Sprint(n)})
		}
		o.emit(database.Event{Type: "productOrderCreateEvent", Entity: "productOrder", ID: "9"})
		o.deliver()
		if len(r.got) != 251 {
			o.Fatalf("%d notifications", len(r.got))
		}
		for n := range 250 {
			if r.got[n].ID != fmt.Sprint(n) {
				o.Fatalf("the %d. is of %s", n, r.got[n].ID)
			}
		}
		if len(narrow.got) != 1 || narrow.got[0].EventType != "productOrderCreateEvent" {
			o.Errorf("who asked for one kind got %v", narrow.got)
		}
		const want = `{"eventId":"2","eventTime":"2026-11-23T09:00:00.000Z","eventType":"productOrderStateChangeEvent","correlationId":"r-1",` +
			`"domain":"TMF622","title":"productOrderStateChangeEvent of productOrder 0","id":"0",` +
			`"event":{"productOrder":{"href":"/622/productOrder/0","id":"0","state":"inProgress"}}}`
		if string(r.raw[0]) != want {
			o.Errorf("got  %s\nwant %s", r.raw[0], want)
		}
		if got := r.header[0].Get(SignatureHeader); got != outbound.Sign("a secret of the listener", o.clock.tell(), r.raw[0]) || !strings.HasPrefix(got, "t=1795424400,v1=") {
			o.Errorf("signature %q", got)
		}
		if narrow.header[0].Get(SignatureHeader) != "" {
			o.Error("signed without a secret")
		}
		if is := o.listener(l.ID); is.Delivered != 251 || is.Failures != 0 || is.Status != Active {
			o.Errorf("%+v", is)
		}
		o.deliver()
		if len(r.got) != 251 {
			o.Errorf("told again: %d", len(r.got))
		}
	})
}

// TestAClockThatIsSetBackHidesNothing: a listener is told of all that is committed after it subscribed, and of nothing
// before, whatever the clock says.
func TestAClockThatIsSetBackHidesNothing(t *testing.T) {
	run(t, Options{AllowPrivate: true}, func(o *office) {
		r := newReceiver(o.T)
		o.clock.advance(time.Hour)
		for n := range 30 {
			o.emit(order(n, "before"))
		}
		o.clock.advance(-time.Hour)
		o.subscribe(622, r.URL, "", "")
		o.clock.advance(-time.Hour)
		for n := range 3 {
			o.emit(order(100+n, "after"))
		}
		o.deliver()
		if got := len(r.ids()); got != 3 || r.got[0].ID != "100" {
			o.Fatalf("%d notifications: %v", got, r.ids())
		}

		r.respond(func(int) int { return http.StatusServiceUnavailable })
		o.emit(order(103, "after"))
		o.deliver()
		r.respond(func(int) int { return http.StatusCreated })
		o.clock.advance(-time.Hour)
		o.deliver()
		if len(r.ids()) != 1 {
			o.Errorf("after a failure the clock was set back, and nobody tries again: %v", r.ids())
		}
	})
}

func TestAListenerThatFailsIsAskedAgain(t *testing.T) {
	run(t, Options{AllowPrivate: true}, func(o *office) {
		r, other := newReceiver(o.T), newReceiver(o.T)
		l := o.subscribe(622, r.URL, "", "")
		o.subscribe(622, other.URL, "", "")
		r.answer = func(n int) int {
			if n == 3 || n == 4 {
				return http.StatusInternalServerError
			}
			return http.StatusOK
		}
		o.emit(order(1, "a"), order(2, "b"), order(3, "c"), order(4, "d"))
		o.deliver()
		o.deliver() // too early: nothing is sent
		if got := strings.Join(r.ids(), " "); got != "1 2 3" {
			o.Fatalf("got %s", got)
		}
		if is := o.listener(l.ID); is.Failures != 1 || is.LastSeq != 2 || !strings.Contains(is.LastError, "500") {
			o.Errorf("%+v", is)
		}
		o.clock.advance(2 * time.Second)
		o.deliver()
		o.clock.advance(3 * time.Second)
		o.deliver()
		if got := strings.Join(r.ids(), " "); got != "1 2 3 3 3 4" {
			o.Errorf("got %s", got)
		}
		if is := o.listener(l.ID); is.Failures != 0 || is.LastSeq != 4 || is.LastError != "" {
			o.Errorf("%+v", is)
		}
		if got := strings.Join(other.ids(), " "); got != "1 2 3 4" {
			o.Errorf("the other waited: %s", got)
		}
	})
}

func TestAListenerThatDiesComesBack(t *testing.T) {
	run(t, Options{AllowPrivate: true}, func(o *office) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			o.Fatal(err)
		}
		address := l.Addr().String()
		if err := l.Close(); err != nil { // nobody is there
			o.Fatal(err)
		}
		number := o.subscribe(622, "http://"+address, "", "").ID
		o.emit(order(1, "a"), order(2, "b"))
		o.deliver()
		if is := o.listener(number); is.Failures != 1 || is.LastSeq != 0 || !strings.Contains(is.LastError, "refused") {
			o.Errorf("%+v", is)
		}
		r := newReceiver(o.T)
		if l, err = net.Listen("tcp", address); err != nil {
			o.Fatal(err)
		}
		server := &http.Server{Handler: r, ReadHeaderTimeout: time.Minute}
		done := make(chan error, 1)
		go func() { done <- server.Serve(l) }()
		o.clock.advance(2 * time.Second)
		o.deliver()
		if got := strings.Join(r.ids(), " "); got != "1 2" {
			o.Errorf("got %s", got)
		}
		if err := server.Close(); err != nil {
			o.Error(err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			o.Error(err)
		}
	})
}

func TestWhoFailsForADayIsDisabled(t *testing.T) {
	run(t, Options{AllowPrivate: true}, func(o *office) {
		r := newReceiver(o.T)
		r.answer = func(int) int { return http.StatusGone }
		number := o.subscribe(622, r.URL, "", "").ID
		o.emit(order(1, "a"))
		attempts := 0
		for range 1000 {
			o.deliver()
			if o.listener(number).Status == Disabled {
				break
			}
			attempts++
			o.clock.advance(15 * time.Minute)
		}
		if attempts < 90 || attempts > 100 {
			o.Errorf("disabled after %d attempts", attempts)
		}
		r.respond(func(int) int { return http.StatusOK })
		o.clock.advance(time.Hour)
		o.deliver()
		if n := len(r.ids()); n != 0 {
			o.Errorf("a disabled listener got %d", n)
		}
		err := o.db.Write(o.Context(), admin, func(ctx context.Context, tx *database.Tx) error {
			_, err := o.Enable(ctx, tx, number)
			return err
		})
		if err != nil {
			o.Fatal(err)
		}
		o.deliver()
		if got := strings.Join(r.ids(), " "); got != "1" {
			o.Errorf("enabled, it got %q", got)
		}
		trail, err := o.db.AuditTrail(o.Context(), "hub", "", 0, 10)
		if err != nil || len(trail) != 3 || trail[1].Action != "disable" || strings.Contains(string(trail[0].After), "ecret") {
			o.Errorf("%v, %v", trail, err)
		}
	})
}

func TestRunTellsWhatHappensMeanwhile(t *testing.T) {
	run(t, Options{AllowPrivate: true}, func(o *office) {
		r := newReceiver(o.T)
		arrived := make(chan struct{}, 10)
		r.answer = func(int) int { arrived <- struct{}{}; return http.StatusOK }
		o.subscribe(622, r.URL, "", "")
		ctx, stop := context.WithCancel(o.Context())
		ended := make(chan struct{})
		go func() { o.Service.Run(ctx); close(ended) }()
		for n := range 3 {
			o.emit(order(n, "a"))
			<-arrived
		}
		stop()
		<-ended
		// What was delivered is noted, also by who is stopped in the middle.
		o.deliver()
		if got := strings.Join(r.ids(), " "); got != "1 2 3" {
			o.Errorf("got %s", got)
		}
	})
}

func TestNothingIsSentToPrivateAddresses(t *testing.T) {
	run(t, Options{}, func(o *office) {
		for _, callback := range []string{
			"http://listener.example", "https://127.0.0.1/x", "https://[::1]/", "https://10.1.2.3", "https://169.254.169.254/latest",
			"https://[::ffff:192.168.1.1]/", "https://user:pw@listener.example", "ftp://listener.example", "listener", "", "https://listener.example/#x",
		} {
			err := o.db.Write(o.Context(), admin, func(ctx context.Context, tx *database.Tx) error {
				_, err := o.Subscribe(ctx, tx, 622, callback, "", "")
				return err
			})
			if !refusal.Is(err, "invalid_value") {
				o.Errorf("%q: %v", callback, err)
			}
		}
		// A name that means this machine is found out when it is dialled.
		number := o.subscribe(622, "https://localhost:1/x", "", "").ID
		o.emit(order(1, "a"))
		o.deliver()
		if is := o.listener(number); !strings.Contains(is.LastError, outbound.ErrPrivate.Error()) {
			o.Errorf("%+v", is)
		}
	})
	for address, public := range map[string]bool{
		"93.184.216.34": true, "2606:2800:220:1::1": true, "127.0.0.1": false, "10.0.0.1": false, "172.16.0.1": false, "192.168.0.1": false,
		"100.64.0.1": false, "169.254.1.1": false, "0.0.0.0": false, "255.255.255.255": false, "224.0.0.1": false, "::": false, "::1": false,
		"fc00::1": false, "fe80::1": false, "64:ff9b::7f00:1": false, "::ffff:127.0.0.1": false, "2002:7f00:1::": false, "0.1.2.3": false,
	} {
		if got := outbound.IsPublic(netip.MustParseAddr(address)); got != public {
			t.Errorf("%s: public %v", address, got)
		}
	}
}

func TestRedirectionsAreNotFollowed(t *testing.T) {
	run(t, Options{AllowPrivate: true}, func(o *office) {
		target := newReceiver(o.T)
		redirect := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusTemporaryRedirect))
		o.Cleanup(redirect.Close)
		number := o.subscribe(622, redirect.URL, "", "").ID
		o.emit(order(1, "a"))
		o.deliver()
		if is := o.listener(number); len(target.ids()) != 0 || !strings.Contains(is.LastError, "307") {
			o.Errorf("%+v, the target got %v", is, target.ids())
		}
	})
}

func TestEventsBelongToAPIs(t *testing.T) {
	for name, want := range map[string]string{
		"customerCreateEvent": "629 customer", "CustomerStateChangeEvent": "629 customer", "billingAccountStateChangeEvent": "666 billingAccount",
		"productOfferingStateChangeEvent": "620 productOffering", "productOrderCreateEvent": "622 productOrder", "productCreateEvent": "637 product",
		"customerBillStateChangeEvent": "678 customerBill", "paymentStateChangeEvent": "676 payment", "productOrderAttributeValueChangeEvent": "622 productOrder",
		"somethingElse": "0 ", "": "0 ", "invoiceRunStateChangeEvent": "0 ",
	} {
		if api, resource := split(name); fmt.Sprintf("%d %s", api, resource) != want {
			t.Errorf("%s: %d %s", name, api, resource)
		}
	}
	for _, query := range []string{"eventType=", "eventType=nonsense", "state=x", "eventType=customerCreateEvent&x=1", "%zz", strings.Repeat("x", 2000)} {
		if _, err := parseInterest(query); !refusal.Is(err, "invalid_value") {
			t.Errorf("%.50q: %v", query, err)
		}
	}
}
