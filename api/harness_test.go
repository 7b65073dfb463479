package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"gyro/charging/engine"
	"gyro/internal/coretest"
)

// core is a real charging core.
type core struct{ *coretest.Core }

func newCore(t *testing.T, o engine.Options) *core {
	t.Helper()
	return &core{coretest.New(t, o)}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// serveOn runs a server on a listener for the length of a test.
func serveOn(t *testing.T, s *Server, l net.Listener) {
	t.Helper()
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := errors.Join(s.Shutdown(ctx), <-served); err != nil {
			t.Error(err)
		}
	})
}

func loopback(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// client sends requests to one server.
type client struct {
	t    *testing.T
	base string
	http *http.Client
}

// newServer runs a server that is ready.
func newServer(t *testing.T, o Options) (*client, *Server) {
	t.Helper()
	if o.Logger == nil {
		o.Logger = discard()
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.SetReady(true)
	l := loopback(t)
	serveOn(t, s, l)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{t: t, base: "http://" + l.Addr().String(), http: &http.Client{Transport: transport}}, s
}

type answer struct {
	status int
	header http.Header
	body   string
}

// send sends a request; header is pairs of name and value.
func (c *client) send(method, path, body string, header ...string) answer {
	c.t.Helper()
	a, err := c.try(method, path, body, header...)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

func (c *client) try(method, path, body string, header ...string) (answer, error) {
	r, err := http.NewRequestWithContext(context.Background(), method, c.base+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return answer{}, err
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for n := 0; n < len(header); n += 2 {
		switch header[n] {
		case "Host":
			r.Host = header[n+1]
		case "Content-Type":
			r.Header.Set(header[n], header[n+1])
		default:
			r.Header.Add(header[n], header[n+1])
		}
	}
	response, err := c.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(text)}, err
}

// testCatalog are the tariffs of these tests, apart from the demo operator's
// so that both can change.
const testCatalog = "../testdata/api/catalog.yaml"

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const yamlType = "application/yaml"

// publish publishes the catalogue of these tests.
func (c *client) publish() {
	c.t.Helper()
	if a := c.send("PUT", "/charging/v1/catalogs/demo", readFile(c.t, testCatalog), "Content-Type", yamlType); a.status != http.StatusCreated {
		c.t.Fatalf("%d %s", a.status, a.body)
	}
}

// putAccount creates a prepaid account with the offer payg.
func (c *client) putAccount(account, imsi string) {
	c.t.Helper()
	body := `{"currency":"EUR","kind":"prepaid","offers":["payg"],"subscribers":[{"imsi":"` + imsi + `"}]}`
	if a := c.send("PUT", "/charging/v1/accounts/"+account, body); a.status != http.StatusCreated {
		c.t.Fatalf("%d %s", a.status, a.body)
	}
}

// get reads a JSON answer.
func (c *client) get(path string, v any) {
	c.t.Helper()
	a := c.send("GET", path, "")
	if err := json.Unmarshal([]byte(a.body), v); err != nil || a.status != http.StatusOK {
		c.t.Fatalf("%s: %d %v %s", path, a.status, err, a.body)
	}
}
