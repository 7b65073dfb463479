// Package tmftest holds the office's API against its conventions, TM Forum's
// definitions and golden bodies, over a real socket. A resource's test is
//
//	tmftest.Run(t, func(t *testing.T, db *database.DB) {
//		api := tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) {
//			return tmf.New(tmf.Options{Server: o, Customers: customer.New(db)})
//		})
//		api.Resource(t, tmftest.Case{
//			Path:   "/tmf-api/customerManagement/v4/customer",
//			Golden: "customer",
//			Create: []string{`{"name":"Ada", ...}`, `{"name":"Grace", ...}`, `{"name":"Mary", ...}`},
//			Patch:  `{"name":"Ada Lovelace"}`,
//		})
//	})
//
// What a convention does not cover is a request by Client.Do, which also checks
// every answer, and Client.Golden, which keeps the exchanges in testdata/tmf
// (rewritten by go test -rewrite).
package tmftest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
)

// PublicURL is what the server of a test is known as.
const PublicURL = "https://office.example"

// Now is the moment at which tests begin, so that golden bodies stay as they are.
var Now = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// Run runs a test on each database; its clock stands still at Now.
func Run(t *testing.T, test func(t *testing.T, db *database.DB)) {
	t.Helper()
	dbtest.Run(t, test, dbtest.Clock(func() time.Time { return Now }))
}

// byRole takes a bearer token for a list of roles: what a request may is the test's to say. That real proofs are checked is
// shown by the tests of api/access.
type byRole struct{}

// Authenticate implements access.Authenticator.
func (byRole) Authenticate(_ context.Context, r access.Request) (access.Principal, error) {
	token, found := strings.CutPrefix(r.Authorization, "Bearer ")
	roles, err := access.ParseRoles(strings.Split(token, ","))
	if !found || err != nil {
		return access.Principal{}, fmt.Errorf("%w: a test sends Authorization: Bearer ROLE", access.ErrUnauthenticated)
	}
	return access.Principal{Name: "test:" + token, Roles: roles, Via: access.ViaKey}, nil
}

// Client is a client of a running server.
type Client struct {
	base  string
	http  *http.Client
	table []rest.Endpoint
	db    *database.DB
	left  map[string]bool // requests that left a row in the audit trail
	// Roles are those that requests are sent with: all of them, unless a test says otherwise.
	Roles access.Roles
}

// Start serves an API until the end of the test. Options come with database, authentication by role, address and log set.
func Start(t testing.TB, db *database.DB, build func(rest.Options) (*rest.Server, error)) *Client {
	t.Helper()
	server, err := build(rest.Options{
		DB: db, Access: byRole{}, PublicURL: PublicURL, Rate: 100_000,
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatal(err)
	}
	server.SetReady(true)
	return &Client{base: "http://" + serve(t, server), http: http.DefaultClient, table: server.Table(), db: db, left: map[string]bool{}, Roles: access.Anyone}
}

func serve(t testing.TB, server *rest.Server) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := errors.Join(server.Shutdown(ctx), <-served); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// Exchange is a request and its answer.
type Exchange struct {
	Method, Path, Request string
	Status                int
	Header                http.Header
	Body                  []byte
}

// JSON reads the body.
func (x *Exchange) JSON(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	x.into(t, &v)
	return v
}

// List reads the body of a collection.
func (x *Exchange) List(t testing.TB) []map[string]any {
	t.Helper()
	var v []map[string]any
	x.into(t, &v)
	return v
}

func (x *Exchange) into(t testing.TB, v any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(x.Body))
	decoder.UseNumber()
	if err := decoder.Decode(v); err != nil {
		t.Fatalf("%s %s: %d: %v in\n%s", x.Method, x.Path, x.Status, err, x.Body)
	}
}

// Want fails the test unless the status is one of those.
func (x *Exchange) Want(t testing.TB, status ...int) *Exchange {
	t.Helper()
	if !slices.Contains(status, x.Status) {
		t.Errorf("%s %s %s: %d, want %v\n%s", x.Method, x.Path, x.Request, x.Status, status, x.Body)
	}
	return x
}

// Do sends a request; header is names and values in turn. A body goes as JSON, or
// as a merge patch. Every answer is checked: one that a definition exists for is
// valid against it, an error is an Error.
func (c *Client) Do(t testing.TB, method, path, body string, header ...string) *Exchange {
	t.Helper()
	return c.do(t, "", method, path, body, header...)
}

// DoAt sends a request without a body and without a key that is addressed to another host.
func (c *Client) DoAt(t testing.TB, host, method, path string) *Exchange {
	t.Helper()
	return c.do(t, host, method, path, "", "Authorization", "")
}

func (c *Client) do(t testing.TB, host, method, path, body string, header ...string) *Exchange {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, c.base+strings.TrimPrefix(path, PublicURL), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if method == http.MethodPatch {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	if c.Roles != 0 {
		request.Header.Set("Authorization", "Bearer "+strings.Join(c.Roles.Names(), ","))
	}
	for n := 0; n+1 < len(header); n += 2 {
		request.Header.Set(header[n], header[n+1])
	}
	request.Host = host
	response, err := c.http.Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = response.Body.Close() }() // read to its end
	x := &Exchange{Method: method, Path: path, Request: body, Status: response.StatusCode, Header: response.Header}
	if x.Body, err = io.ReadAll(response.Body); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	c.check(t, x)
	Audit.check(t, c.db, c.left, routeOf(c.table, method, path), x)
	return x
}

// check holds an answer against the definitions.
func (c *Client) check(t testing.TB, x *Exchange) {
	t.Helper()
	if x.Header.Get("Cache-Control") != "no-store" || x.Header.Get("X-Correlation-ID") == "" {
		t.Errorf("%s %s: Cache-Control %q, X-Correlation-ID %q", x.Method, x.Path, x.Header.Get("Cache-Control"), x.Header.Get("X-Correlation-ID"))
	}
	if x.Method == http.MethodHead || len(x.Body) == 0 {
		return
	}
	path, query, _ := strings.Cut(strings.TrimPrefix(x.Path, PublicURL), "?")
	d := c.describes(path)
	api := rest.TMF629 // all of them have the same Error
	if d != nil {
		api = d.API
	}
	var err error
	switch {
	case x.Status >= 400:
		err = check(api, "Error", x.Body)
	case strings.HasSuffix(path, "/hub"):
		err = check(api, "EventSubscription", x.Body)
	case d == nil || strings.Contains(query, "fields="): // which leaves required fields out
	case path == d.Path && x.Method == http.MethodGet:
		err = checkAll(d, x.Body)
	default:
		err = check(d.API, d.Type, x.Body)
	}
	if err != nil {
		t.Errorf("%s %s: %d: %v\n%s", x.Method, x.Path, x.Status, err, x.Body)
	}
}

func checkAll(d *rest.Description, body []byte) error {
	var all []json.RawMessage
	if err := json.Unmarshal(body, &all); err != nil {
		return err
	}
	for n := range all {
		if err := check(d.API, d.Type, all[n]); err != nil {
			return fmt.Errorf("[%d]: %w", n, err)
		}
	}
	return nil
}

// describes returns the resource that a path is of, nil if it is of none.
func (c *Client) describes(path string) *rest.Description {
	for n := range c.table {
		d := c.table[n].Resource()
		if d != nil && (path == d.Path || strings.HasPrefix(path, d.Path+"/") && !strings.Contains(path[len(d.Path)+1:], "/")) {
			return d
		}
	}
	return nil
}

// Without returns the exchange with the values of a field, which are new each time, as dots.
func (x *Exchange) Without(field string) *Exchange {
	shown := *x
	shown.Body = regexp.MustCompile(`"`+field+`":"[^"]*"`).ReplaceAll(x.Body, []byte(`"`+field+`":"..."`))
	return &shown
}
