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
	"sync"
	"testing"
	"time"

	"gyro/balance/store"
	"gyro/charging"
	"gyro/charging/engine"
	"gyro/internal/ident"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// memoryJournal makes batches "durable" in memory, in order, and applies them
// from a goroutine of its own, as a real one does.
type memoryJournal struct {
	engine  *engine.Engine
	store   *store.Store
	work    chan func()
	stopped chan struct{}
	index   uint64
	close   sync.Once
}

func newMemoryJournal(e *engine.Engine, s *store.Store) *memoryJournal {
	j := &memoryJournal{engine: e, store: s, work: make(chan func(), 16), stopped: make(chan struct{})}
	go func() {
		defer close(j.stopped)
		for step := range j.work {
			step()
		}
	}()
	return j
}

func (j *memoryJournal) Append(entry []byte) error {
	logged := bytes.Clone(entry)
	j.work <- func() {
		j.index++
		j.engine.Apply(j.index, logged)
	}
	return nil
}

func (j *memoryJournal) Checkpoint() error {
	done := make(chan error)
	j.work <- func() {
		batch := j.store.NewBatch()
		checkpoint := j.engine.Capture(batch)
		checkpoint.Fill()
		err := j.store.Commit(batch, store.Meta{AppliedIndex: checkpoint.Index()})
		if err == nil {
			checkpoint.Stored()
		}
		done <- errors.Join(err, batch.Close())
	}
	return <-done
}

func (j *memoryJournal) Stopped() <-chan struct{} { return j.stopped }

func (j *memoryJournal) Close() error {
	j.close.Do(func() { close(j.work) })
	<-j.stopped
	return nil
}

// hold lets nothing become durable until release is called.
func (j *memoryJournal) hold() (release func()) {
	gate := make(chan struct{})
	j.work <- func() { <-gate }
	return func() { close(gate) }
}

// core is a real charging core: engine, state, and store on Pebble in memory.
type core struct {
	*engine.Engine
	journal *memoryJournal
	mu      sync.Mutex
	now     time.Time
}

func (c *core) clock() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *core) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newCore(t *testing.T, o engine.Options) *core {
	t.Helper()
	fatal := func(err error) { t.Errorf("fatal: %v", err) }
	kept, err := store.Open(store.Options{Dir: "state", FS: vfs.NewMem(), Logger: discard(), Fatal: fatal})
	if err != nil {
		t.Fatal(err)
	}
	state, err := charging.Load(kept)
	if err != nil {
		t.Fatal(err)
	}
	c := &core{now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	o.State, o.Store, o.Now, o.Origin, o.Fatal, o.Logger = state, kept, c.clock, 1, fatal, discard()
	c.Engine = engine.New(o)
	c.journal = newMemoryJournal(c.Engine, kept)
	c.Start(c.journal)
	t.Cleanup(func() {
		if err := errors.Join(c.Stop(), kept.Close()); err != nil {
			t.Error(err)
		}
	})
	return c
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// serveOn runs a server on a listener for the length of a test.
func serveOn(t *testing.T, s *Server, l net.Listener) {
	t.Helper()
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
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

// gateway sends credit-control requests into the core.
type gateway struct{ answers chan charging.Outcome }

// Answer implements charging.Recipient.
func (g *gateway) Answer(_ *charging.Ticket, _ *charging.CreditControl, o *charging.Outcome) bool {
	kept := *o
	kept.Services = append([]charging.ServiceOutcome(nil), o.Services...)
	g.answers <- kept
	return false
}

// Flush implements charging.Recipient.
func (g *gateway) Flush() {}

// ccr is a credit-control request about one rating group.
type ccr struct {
	session, imsi string
	kind          charging.RequestType
	number        uint32
	group         uint32
	want, used    uint64
}

func (c *core) exchange(t *testing.T, r ccr) charging.Outcome {
	t.Helper()
	id, err := ident.New(ident.IMSI, []byte(r.imsi))
	if err != nil {
		t.Fatal(err)
	}
	service := charging.Service{RatingGroup: r.group, Flags: charging.HasRatingGroup}
	if r.want > 0 {
		service.Flags |= charging.Requests
		service.Requested = charging.Units{Total: r.want, Has: charging.HasTotal}
	}
	if r.used > 0 {
		service.ReportCount = 1
		service.Reports[0].Units = charging.Units{Total: r.used, Has: charging.HasTotal}
	}
	request := charging.CreditControl{
		SessionID: []byte(r.session), OriginHost: []byte("pgw.example.net"), APN: []byte("internet"), Context: 32251,
		Type: r.kind, Number: r.number, EndToEnd: r.number, Recipients: 1,
		Identities: []ident.Identity{id}, Services: []charging.Service{service},
	}
	g := &gateway{answers: make(chan charging.Outcome, 1)}
	if !c.Submit(&request, charging.Ticket{To: g}) {
		t.Fatal("the engine is busy")
	}
	return <-g.answers
}

// get reads a JSON answer.
func (c *client) get(path string, v any) {
	c.t.Helper()
	a := c.send("GET", path, "")
	if err := json.Unmarshal([]byte(a.body), v); err != nil || a.status != http.StatusOK {
		c.t.Fatalf("%s: %d %v %s", path, a.status, err, a.body)
	}
}
