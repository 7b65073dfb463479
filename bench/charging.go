package bench

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"
)

// Charging is the charging benchmark: CCR-Updates of open data sessions, fully
// durable, beside a bare TCP echo of the same octets.
type Charging struct {
	Connections int           // TCP connections
	InFlight    int           // requests in flight on each
	Accounts    int           // accounts, each with one open session
	Rounds      int           // slices of each server
	Slice       time.Duration // length of one
	Catalog     []byte        // the catalogue to rate by
	CatalogName string        // as the catalogue calls itself
	Offer       string        // of every account
	Realm       string        // of the engine
	Dir         string        // for the data directory; a temporary one by default
}

// warmup is how many slices of each server are not counted: its caches, its
// heap and the sessions' first updates are not what is measured.
const warmup = 5

// The shape for which the gate is stated, and the gate: how many times the
// echo's CPU a CCR may cost in the best slices. It is the first target of
// bench/README.md.
const (
	gateConnections = 4
	gateInFlight    = 256
	gateRatio       = 25
)

// Bounds of a run.
const (
	maxConnections = 16 // each has a range of End-to-End Identifiers of its own
	maxInFlight    = 4096
	maxAccounts    = 1_000_000
	maxRounds      = 100_000
	// maxSlice is far below the interval of the watchdog, which would ask
	// while the other server has its turn and nobody answers.
	maxSlice = 10 * time.Second
)

// EnsureDefaults fills in what was left zero with the shape that bench/README.md
// states targets for.
func (c *Charging) EnsureDefaults() {
	for _, d := range []struct {
		field *int
		value int
	}{{&c.Connections, gateConnections}, {&c.InFlight, gateInFlight}, {&c.Accounts, 10_000}, {&c.Rounds, 40}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if c.Slice == 0 {
		c.Slice = 60 * time.Millisecond
	}
}

// Validate reports what cannot be measured.
func (c *Charging) Validate() error {
	for _, bound := range []struct {
		name       string
		value, top int
	}{
		{"connections", c.Connections, maxConnections},
		{"in-flight", c.InFlight, maxInFlight},
		{"accounts", c.Accounts, maxAccounts},
		{"rounds", c.Rounds, maxRounds},
	} {
		if bound.value < 1 || bound.value > bound.top {
			return fmt.Errorf("%s %d: must be between 1 and %d", bound.name, bound.value, bound.top)
		}
	}
	switch {
	case c.Slice < time.Millisecond || c.Slice > maxSlice:
		return fmt.Errorf("slice %s: must be between 1ms and %s", c.Slice, maxSlice)
	case c.Accounts < c.Connections*c.InFlight:
		return fmt.Errorf("%d accounts are too few for %d x %d requests in flight: one session has one request in flight", c.Accounts, c.Connections, c.InFlight)
	}
	return nil
}

// Result is what a run measured.
type Result struct {
	Connections, InFlight, Accounts int
	RequestOctets, AnswerOctets     int
	Slices                          int
	Answers                         int
	Failures                        int
	BatchCommands                   float64 // mean
	AllocationsPerCCR               float64
	CCRPerSecond, EchoPerSecond     Pair
	CPUPerCCR, CPUPerEcho           Pair // nanoseconds of server CPU
	Ratio                           Pair // CPUPerCCR over CPUPerEcho
	GateRatio                       float64
	GateApplies                     bool // the shape is the one that the gate is stated for
	GateMet                         bool // it applies, and Ratio.Best is at most GateRatio
	CCRLatency, EchoLatency         Latency
	Sync                            string
}

// Pair is the best slice and the median over all.
type Pair struct{ Best, Median float64 }

// Latency is as the client saw it.
type Latency struct{ P50, P99 time.Duration }

// ErrInterrupted is returned when the context ended before the measurement did.
var ErrInterrupted = errors.New("interrupted")

// Run starts both servers, measures and stops them. What is not set is an
// error; see EnsureDefaults.
func (c Charging) Run(ctx context.Context, progress io.Writer) (*Result, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	result, err := c.run(ctx, progress)
	if err != nil && ctx.Err() != nil {
		return nil, ErrInterrupted // whatever was under way failed because of that
	}
	return result, err
}

func (c *Charging) run(ctx context.Context, progress io.Writer) (*Result, error) {
	dir, err := os.MkdirTemp(c.Dir, "gyro-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what stays is in the directory for temporary files
	gyro, err := start(ctx, "up", "--office=false", "--data", dir+"/data", "--diameter-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0",
		"--origin-realm", c.Realm, "--log-format", "json", "--log-level", "info")
	if err != nil {
		return nil, err
	}
	defer gyro.stop()
	_, _ = fmt.Fprintf(progress, "opening %d accounts and sessions\n", c.Accounts)
	if err := c.provision(ctx, "http://"+gyro.ready.HTTP); err != nil {
		return nil, err
	}
	charging, err := c.openSessions(ctx, gyro)
	defer charging.close()
	if err != nil {
		return nil, err
	}
	request := len(newSession(0, c.Realm).update)
	answer := charging.connections[0].expected
	server, err := start(ctx, "bench", "echo", "--answer", fmt.Sprint(answer))
	if err != nil {
		return nil, err
	}
	defer server.stop()
	echoing, err := c.echoTarget(server, request, answer)
	defer echoing.close()
	if err != nil {
		return nil, err
	}
	r := &Result{
		Connections: c.Connections, InFlight: c.InFlight, Accounts: c.Accounts,
		RequestOctets: request, AnswerOctets: answer, Sync: "one fdatasync per batch, answers after it",
		GateRatio: gateRatio, GateApplies: c.Connections == gateConnections && c.InFlight == gateInFlight,
	}
	return r, c.measure(ctx, r, charging, echoing, "http://"+gyro.ready.HTTP, progress)
}

func (c *Charging) measure(ctx context.Context, r *Result, charging, echoing *target, api string, progress io.Writer) error {
	var before, after counters
	for round := -warmup; round < c.Rounds; round++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if round == 0 {
			if err := before.scrape(api); err != nil {
				return err
			}
			for _, t := range []*target{charging, echoing} {
				t.slices = nil
				for _, connection := range t.connections {
					connection.latency, connection.answers, connection.failures = nil, 0, 0
				}
			}
		}
		for _, t := range []*target{echoing, charging} {
			s, err := t.measure(c.Slice)
			if err != nil {
				return err
			}
			t.slices = append(t.slices, s)
		}
		if round >= 0 && (round+1)%10 == 0 {
			_, _ = fmt.Fprintf(progress, "round %d of %d\n", round+1, c.Rounds)
		}
	}
	if err := after.scrape(api); err != nil {
		return err
	}
	r.fill(charging, echoing, &before, &after)
	return nil
}

func (r *Result) fill(charging, echoing *target, before, after *counters) {
	for _, s := range charging.slices {
		r.Answers += s.Answers
	}
	r.Slices, r.Failures = len(charging.slices), charging.failures()
	r.CPUPerCCR.Best, r.CPUPerCCR.Median = charging.cost()
	r.CPUPerEcho.Best, r.CPUPerEcho.Median = echoing.cost()
	r.CCRPerSecond.Best, r.CCRPerSecond.Median = charging.rate()
	r.EchoPerSecond.Best, r.EchoPerSecond.Median = echoing.rate()
	r.Ratio = Pair{r.CPUPerCCR.Best / r.CPUPerEcho.Best, r.CPUPerCCR.Median / r.CPUPerEcho.Median}
	r.GateMet = r.GateApplies && r.Ratio.Best <= r.GateRatio
	r.CCRLatency.P50, r.CCRLatency.P99 = charging.latencies()
	r.EchoLatency.P50, r.EchoLatency.P99 = echoing.latencies()
	r.BatchCommands = (after.batchCommands - before.batchCommands) / max(after.batches-before.batches, 1)
	r.AllocationsPerCCR = (after.mallocs - before.mallocs) / float64(max(r.Answers, 1))
}

// provision publishes the catalogue and opens the accounts through the API.
func (c *Charging) provision(ctx context.Context, api string) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: provisioners}}
	err := call(ctx, client, http.MethodPut, api+"/charging/v1/catalogs/"+url.PathEscape(c.CatalogName), "application/yaml", "", c.Catalog)
	if err != nil {
		return err
	}
	next := make(chan int)
	errs := make(chan error, provisioners)
	var all sync.WaitGroup
	for range provisioners {
		all.Go(func() {
			for index := range next {
				if err := c.openAccount(ctx, client, api, index); err != nil {
					select {
					case errs <- err:
					default:
					}
				}
			}
		})
	}
	for index := range c.Accounts {
		if len(errs) > 0 {
			break
		}
		next <- index
	}
	close(next)
	all.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

// provisioners is how many accounts are opened at once: enough to fill batches.
const provisioners = 128

func (c *Charging) openAccount(ctx context.Context, client *http.Client, api string, index int) error {
	account := fmt.Sprintf("%s/charging/v1/accounts/bench-%d", api, index)
	body, err := json.Marshal(map[string]any{
		"currency": "EUR", "kind": "prepaid", "credit_limit": "0", "offers": []string{c.Offer},
		"subscribers": []any{map[string]any{"imsi": imsi(index), "msisdn": msisdn(index)}},
	})
	if err != nil {
		return err
	}
	if err := call(ctx, client, http.MethodPut, account, "application/json", "", body); err != nil {
		return err
	}
	return call(ctx, client, http.MethodPost, account+"/top-ups", "application/json", fmt.Sprintf("bench-%d", index),
		[]byte(`{"amount":"1000000000.00","currency":"EUR","reason":"bench"}`))
}

func call(ctx context.Context, client *http.Client, method, address, contentType, key string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", contentType)
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, address, response.Status, text)
	}
	return err
}

// openSessions connects as one gateway and opens every session; each
// connection has its share of them. The target is to be closed in any case.
func (c *Charging) openSessions(ctx context.Context, gyro *process) (*target, error) {
	t := &target{name: "gyro", pid: gyro.cmd.Process.Pid}
	for n := range c.Connections {
		socket, err := net.Dial("tcp", gyro.ready.Diameter)
		if err != nil {
			return t, fmt.Errorf("opening sessions: %w", err)
		}
		connection := newConnection(socket, c.InFlight)
		t.connections = append(t.connections, connection)
		if err := c.openShare(ctx, connection, n); err != nil {
			return t, fmt.Errorf("opening sessions: %w", err)
		}
	}
	for _, connection := range t.connections {
		if err := connection.measureAnswer(); err != nil {
			return t, err
		}
	}
	return t, nil
}

// openShare opens the sessions of the n-th connection, which then sends their
// updates in turn.
func (c *Charging) openShare(ctx context.Context, connection *connection, n int) error {
	var sessions []session
	opening := [][]byte{appendCER(nil)}
	for index := n; index < c.Accounts; index += c.Connections {
		sessions = append(sessions, newSession(index, c.Realm))
		initial, _ := appendCCR(nil, index, ccrInitial, c.Realm)
		opening = append(opening, initial)
	}
	if err := connection.open(ctx, opening); err != nil {
		return err
	}
	at, endToEnd := 0, uint32(n)<<28
	connection.next = func(dst []byte) []byte {
		endToEnd++
		at = (at + 1) % len(sessions)
		return sessions[at].appendNext(dst, endToEnd)
	}
	return nil
}

// measureAnswer sends one request alone, which tells how long a good answer is,
// and has the answers to all that follow checked.
func (c *connection) measureAnswer() error {
	c.check, c.expected = true, 0
	window := c.window
	c.window = 1
	defer func() { c.window = window }()
	if err := c.run(time.Now()); err != nil {
		return err
	}
	if c.failures > 0 {
		return errors.New("the first CCR-Update was not granted")
	}
	return nil
}

// open sends messages one after the other, a window at a time.
func (c *connection) open(ctx context.Context, messages [][]byte) error {
	for len(messages) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		take := min(c.window, len(messages))
		if c.answers == 0 {
			take = 1 // the capabilities exchange comes before anything else
		}
		for _, m := range messages[:take] {
			c.out = append(c.out, m...)
		}
		messages = messages[take:]
		if err := c.flush(take); err != nil {
			return err
		}
		for take > 0 {
			got, err := c.read()
			if err != nil {
				return err
			}
			take -= got
		}
	}
	return nil
}

// echoTarget connects to the echo server. The target is to be closed in any case.
func (c *Charging) echoTarget(server *process, request, answer int) (*target, error) {
	t := &target{name: "echo", pid: server.cmd.Process.Pid}
	message := make([]byte, request)
	binary.BigEndian.PutUint32(message, uint32(request))
	for range c.Connections {
		socket, err := net.Dial("tcp", server.ready.Diameter)
		if err != nil {
			return t, err
		}
		connection := newConnection(socket, c.InFlight)
		connection.next = func(dst []byte) []byte { return append(dst, message...) }
		connection.expected = answer
		t.connections = append(t.connections, connection)
	}
	return t, nil
}
