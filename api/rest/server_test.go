package rest_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/api/tmf/tmftest"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/money"
	"gyro/internal/refusal"

	"github.com/getkin/kin-openapi/openapi3"
)

type note struct {
	Text string `json:"text"`
}

// endpoint is one that does what the test says.
func endpoint(path string, do func(ctx context.Context, c *rest.Call) (*rest.Answer, error)) rest.Endpoint {
	return rest.Endpoint{
		Method: "POST", Path: path, Roles: access.Finance, Summary: "Does what the test says.", Body: note{}, Answer: note{}, Do: do,
		Parameters: []rest.Parameter{{Name: "at", Kind: rest.Instant}, {Name: "deep", Kind: rest.Flag}},
	}
}

func TestEndpointsShareErrorsKeysAndTheCorrelation(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		runs := 0
		c := start(t, db,
			endpoint("/office/v1/once", func(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
				var in note
				if err := c.Decode(&in); err != nil {
					return nil, err
				}
				return c.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
					runs++
					if in.Text == "no" {
						return nil, refusal.New(refusal.Unprocessable, "no_means_no", "text", "it says no; say yes")
					}
					return rest.Accepted("/office/v1/once/1", in), tx.Audit(ctx, "note", "1", "write", nil, in)
				})
			}),
			endpoint("/office/v1/faults", func(context.Context, *rest.Call) (*rest.Answer, error) { panic("a fault of the program") }),
			endpoint("/office/v1/disk", func(context.Context, *rest.Call) (*rest.Answer, error) {
				return nil, errors.New("disk /var/lib/gyro on fire")
			}),
			endpoint("/office/v1/waits", func(context.Context, *rest.Call) (*rest.Answer, error) { return nil, context.DeadlineExceeded }),
			endpoint("/office/v1/approved", func(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
				if err := access.FourEyes(ctx, 200*money.Unit, "EUR"); err != nil {
					return nil, err
				}
				return rest.OK(note{c.Actor().Role}), nil
			}),
		)
		c.Roles = access.Finance
		body := `{"text":"yes"}`
		first := c.Do(t, "POST", "/office/v1/once", body, "Idempotency-Key", "k1", "X-Correlation-ID", "order-17").Want(t, 202)
		again := c.Do(t, "POST", "/office/v1/once", "{ \"text\" : \"yes\" }", "Idempotency-Key", "k1").Want(t, 202)
		if runs != 1 || again.Header.Get("Idempotency-Replayed") != "true" || string(again.Body) != string(first.Body) {
			t.Errorf("%d runs, replayed %q:\n%s%s", runs, again.Header.Get("Idempotency-Replayed"), first.Body, again.Body)
		}
		if got := first.Header.Get("X-Correlation-ID"); got != "order-17" {
			t.Errorf("X-Correlation-ID %q", got)
		}
		trail, err := db.AuditTrail(t.Context(), "note", "1", 0, 10)
		if err != nil || len(trail) != 1 || trail[0].Actor != (database.Actor{Name: "test:finance", Role: "finance", Via: "api", Request: "order-17"}) {
			t.Errorf("%+v, %v", trail, err)
		}
		c.Do(t, "POST", "/office/v1/once", `{"text":"no"}`, "Idempotency-Key", "k2").Want(t, 422)
		c.Do(t, "POST", "/office/v1/once", body, "Idempotency-Key", "k2").Want(t, 202) // what was refused leaves its key free
		c.Do(t, "POST", "/office/v1/once", body).Want(t, 202)
		exchanges := []*tmftest.Exchange{
			c.Do(t, "POST", "/office/v1/once", `{"text":"other"}`, "Idempotency-Key", "k1").Want(t, 409),
			c.Do(t, "POST", "/office/v1/once", `{"txt":1}`).Want(t, 400),
			c.Do(t, "POST", "/office/v1/once?deep=perhaps", body).Want(t, 400),
			c.Do(t, "POST", "/office/v1/once?at=2026-01-01&deep=true", body).Want(t, 400),
			c.Do(t, "POST", "/office/v1/once?color=red", body).Want(t, 400),
			c.Do(t, "POST", "/office/v1/once?deep=true&deep=true", body).Want(t, 400),
			c.Do(t, "POST", "/office/v1/once", "").Want(t, 415),
			c.Do(t, "POST", "/office/v1/faults", body).Want(t, 500),
			c.Do(t, "POST", "/office/v1/disk", body).Want(t, 500),
			c.Do(t, "POST", "/office/v1/waits", body).Want(t, 504),
			c.Do(t, "GET", "/office/v1/once", "").Want(t, 405),
			c.Do(t, "GET", "/office/v1/nothing", "").Want(t, 404),
			c.Do(t, "GET", "/office/v1/once/", "").Want(t, 404),
			c.Do(t, "POST", "/office/v1/approved", body).Want(t, 403),
			c.Do(t, "POST", "/office/v1/approved", body, "X-Approver-Key", "nobody").Want(t, 403),
			c.Do(t, "POST", "/office/v1/approved", body, "X-Approver-Key", "finance").Want(t, 403),
			c.Do(t, "POST", "/office/v1/approved", body, "X-Approver-Key", "care").Want(t, 403),
			c.Do(t, "POST", "/office/v1/approved", body, "X-Approver-Key", "finance,care").Want(t, 200),
		}
		for _, x := range exchanges {
			if strings.Contains(string(x.Body), "fire") {
				t.Errorf("the client is told of the disk: %s", x.Body)
			}
		}
		tmftest.Golden(t, "errors", exchanges...)
	})
}

func TestWhoSendsTooMuchWaits(t *testing.T) {
	db := dbtest.Open(t, database.SQLite)
	c := tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) {
		o.Rate = 5
		return rest.New(o)
	})
	count := func(n int, header ...string) map[int]int {
		statuses := map[int]int{}
		for range n {
			statuses[c.Do(t, "GET", "/metrics", "", header...).Status]++
		}
		return statuses
	}
	if got := count(40); got[200] < 10 || got[429] < 20 {
		t.Errorf("a principal beyond its rate: %v", got)
	}
	if got := count(1, "Authorization", "Bearer network"); got[200] != 1 {
		t.Errorf("another principal waits, too: %v", got)
	}
	if got := count(200, "Authorization", "Bearer guess"); got[401] < 50 || got[429] < 50 {
		t.Errorf("who guesses: %v", got)
	}
	x := c.Do(t, "GET", "/metrics", "", "Authorization", "Bearer network").Want(t, 429)
	if x.Header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", x.Header.Get("Retry-After"))
	}
	c.Do(t, "GET", "/healthz", "").Want(t, 200)
}

// serveOn serves on an address and returns what became of it at once, or nil.
func serveOn(t *testing.T, o rest.Options, address string) error {
	t.Helper()
	server, err := rest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	var once sync.Once
	stop := func() {
		once.Do(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := server.Shutdown(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	select {
	case err := <-served:
		return err
	case <-reachable(t, l.Addr()):
		stop()
		return <-served
	}
}

// reachable is closed when the server answers.
func reachable(t *testing.T, address net.Addr) <-chan struct{} {
	t.Helper()
	done := make(chan struct{})
	_, port, err := net.SplitHostPort(address.String())
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for range 1000 {
			response, err := http.Get("http://127.0.0.1:" + port + "/healthz") //nolint:noctx // ends with the server
			if err == nil {
				if response.Body.Close() == nil {
					close(done)
				}
				return
			}
		}
	}()
	return done
}

func TestStrangersAreNotServed(t *testing.T) {
	db := dbtest.Open(t, database.SQLite)
	s, err := access.New(db, access.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		o       rest.Options
		address string
		exposed bool
	}{
		{rest.Options{DB: db}, "127.0.0.1:0", false},
		{rest.Options{DB: db}, "0.0.0.0:0", true},
		{rest.Options{DB: db, BehindProxy: true}, "0.0.0.0:0", true},
		{rest.Options{DB: db, Access: s}, "127.0.0.1:0", false},
		{rest.Options{DB: db, Access: s}, "0.0.0.0:0", true},
		{rest.Options{DB: db, Access: s, BehindProxy: true}, "0.0.0.0:0", false},
	} {
		err := serveOn(t, test.o, test.address)
		if errors.Is(err, rest.ErrExposed) != test.exposed || !test.exposed && err != nil {
			t.Errorf("%s, access %v, proxy %v: %v", test.address, test.o.Access != nil, test.o.BehindProxy, err)
		}
	}
}

func TestWithoutAuthenticationOnlyThisMachineIsServed(t *testing.T) {
	db := dbtest.Open(t, database.SQLite)
	c := tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) {
		o.Access = nil
		return rest.New(o)
	})
	c.Do(t, "GET", "/metrics", "", "Authorization", "").Want(t, 200)
	c.DoAt(t, "office.example", "GET", "/metrics").Want(t, 421) // a page's own name that points here
	c.DoAt(t, "localhost:1234", "GET", "/metrics").Want(t, 200)
}

// TestBehindAProxyClientsAreToldApart: by what the proxy says, not by what they say of themselves.
func TestBehindAProxyClientsAreToldApart(t *testing.T) {
	db := dbtest.Open(t, database.SQLite)
	var remote string
	where := endpoint("/office/v1/where", func(_ context.Context, c *rest.Call) (*rest.Answer, error) {
		remote = c.Remote()
		return rest.OK(note{}), nil
	})
	for _, proxied := range []bool{true, false} {
		c := tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) {
			o.BehindProxy, o.StrangerRate, o.Sets = proxied, 1, []rest.Set{where}
			return rest.New(o)
		})
		for forwarded, want := range map[string]string{"": "127.0.0.1", "10.9.9.9, 192.0.2.7": "192.0.2.7", "2001:db8::1": "2001:db8::1", "nonsense": "127.0.0.1"} {
			c.Do(t, "POST", "/office/v1/where", `{"text":""}`, "X-Forwarded-For", forwarded).Want(t, 200)
			if !proxied {
				want = "127.0.0.1"
			}
			if remote != want {
				t.Errorf("proxy %v, %q: %s, want %s", proxied, forwarded, remote, want)
			}
		}
		for range 20 {
			c.Do(t, "POST", "/office/v1/where", `{"text":""}`, "X-Forwarded-For", "192.0.2.66", "Authorization", "Bearer guess")
		}
		want := 200
		if !proxied {
			want = 429 // all have the one address
		}
		c.Do(t, "POST", "/office/v1/where", `{"text":""}`, "X-Forwarded-For", "192.0.2.7").Want(t, want)
	}
}

func TestAServerThatIsNotReadySaysSo(t *testing.T) {
	db := dbtest.Open(t, database.SQLite)
	var server *rest.Server
	c := tmftest.Start(t, db, func(o rest.Options) (_ *rest.Server, err error) {
		o.Sets = []rest.Set{samples()}
		server, err = rest.New(o)
		return server, err
	})
	server.SetReady(false)
	c.Do(t, "GET", "/healthz", "").Want(t, 200)
	c.Do(t, "GET", "/readyz", "").Want(t, 503)
	c.Do(t, "GET", "/tmf-api/customerManagement/v4/customer", "").Want(t, 503)
	server.SetReady(true)
	c.Do(t, "GET", "/readyz", "").Want(t, 200)
	metrics := string(c.Do(t, "GET", "/metrics", "").Want(t, 200).Body)
	for _, want := range []string{
		`gyro_office_http_requests_total{method="GET",route="/readyz",status="503"} 1`, "gyro_office_http_request_duration_seconds_bucket", "gyro_office_http_requests_in_progress 1",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in\n%s", want, metrics)
		}
	}
}

func TestTablesThatCannotWorkAreRefused(t *testing.T) {
	db := dbtest.Open(t, database.SQLite)
	do := func(context.Context, *rest.Call) (*rest.Answer, error) { return rest.NoContent(), nil }
	for want, set := range map[string]rest.Set{
		"nobody may use": rest.Endpoint{Method: "GET", Path: "/x", Summary: "x", Do: do},
		"is there twice": rest.Endpoint{Method: "GET", Path: "/healthz", Public: true, Summary: "x", Do: do},
		"has roles":      rest.Endpoint{Method: "GET", Path: "/x", Public: true, Roles: access.Care, Summary: "x", Do: do},
		"no function":    rest.Endpoint{Method: "GET", Path: "/x", Public: true, Summary: "x"},
	} {
		if _, err := rest.New(rest.Options{DB: db, Sets: []rest.Set{set}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	for _, o := range []rest.Options{{}, {DB: db, PublicURL: "office"}, {DB: db, PublicURL: "https://office.example/path"}, {DB: db, Rate: -1}, {DB: db, ReadTimeout: -1}} {
		if _, err := rest.New(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

func TestAResourceIsDescribed(t *testing.T) {
	db := dbtest.Open(t, database.SQLite)
	c := start(t, db)
	x := c.Do(t, "GET", "/api/openapi.json", "").Want(t, 200)
	loader := openapi3.NewLoader()
	document, err := loader.LoadFromData(x.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := document.Validate(loader.Context); err != nil {
		t.Error(err)
	}
	tmftest.Golden(t, "openapi", x)
}
