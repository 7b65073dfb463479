package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"gyro/charging"
	"gyro/charging/engine"
)

// raw sends octets as they are and reads one answer.
func raw(t *testing.T, base, octets string) (status int, code string) {
	t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := io.WriteString(connection, octets); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatalf("%v after %.60q", err, octets)
	}
	defer response.Body.Close()
	var p problem
	if err := json.NewDecoder(response.Body).Decode(&p); err != nil {
		t.Fatalf("status %d: %v", response.StatusCode, err)
	}
	return response.StatusCode, p.Code
}

// TestBodiesThatAreTooLarge: the length alone is enough to refuse, so nothing
// of the body is held.
func TestBodiesThatAreTooLarge(t *testing.T) {
	_, hash := NewKey()
	reader, readerHash := NewKey()
	writer, writerHash := NewKey()
	core := newCore(t, engine.Options{})
	open, _ := newServer(t, Options{Engine: core})
	locked, _ := newServer(t, Options{Engine: core, Keys: []Key{
		{Name: "other", Hash: hash, Scopes: []Scope{ScopeWrite}},
		{Name: "reader", Hash: readerHash, Scopes: []Scope{ScopeRead}},
		{Name: "writer", Hash: writerHash, Scopes: []Scope{ScopeWrite}},
	}})
	for _, c := range []struct {
		name, base, line, header string
		length                   int
	}{
		{"account", open.base, "PUT /charging/v1/accounts/1", "", MaxBody + 1},
		{"a petabyte", open.base, "PUT /charging/v1/accounts/1", "", 1 << 50},
		{"nowhere", open.base, "POST /", "", MaxBody + 1},
		{"catalogue", open.base, "PUT /charging/v1/catalogs/a", "", MaxCatalog + 1},
		{"catalogue of a writer", locked.base, "PUT /charging/v1/catalogs/a", "X-API-Key: " + writer + "\r\n", MaxCatalog + 1},
		{"catalogue of a reader", locked.base, "PUT /charging/v1/catalogs/a", "X-API-Key: " + reader + "\r\n", MaxBody + 1},
		{"catalogue of a stranger", locked.base, "PUT /charging/v1/catalogs/a", "", MaxBody + 1},
	} {
		status, code := raw(t, c.base, fmt.Sprintf("%s HTTP/1.1\r\nHost: localhost\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", c.line, c.header, c.length))
		if status != http.StatusRequestEntityTooLarge || code != "body_too_large" {
			t.Errorf("%s: %d %s", c.name, status, code)
		}
	}
	chunked := "PUT /charging/v1/accounts/1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" +
		fmt.Sprintf("%x\r\n", MaxBody+1)
	if status, code := raw(t, open.base, chunked); status != http.StatusRequestEntityTooLarge {
		t.Errorf("in chunks: %d %s", status, code)
	}
}

// TestLargestBodies: what the limits promise goes through.
func TestLargestBodies(t *testing.T) {
	client, _ := newServer(t, Options{Engine: newCore(t, engine.Options{})})
	var subscribers []string
	for n := range 1000 {
		subscribers = append(subscribers, fmt.Sprintf(`{"imsi":"00101%010d","msisdn":"49172%07d"}`, n, n))
	}
	body := `{"currency":"EUR","kind":"postpaid","subscribers":[` + strings.Join(subscribers, ",") + `]}`
	if a := client.send("PUT", "/charging/v1/accounts/1", body); a.status != http.StatusCreated {
		t.Errorf("%d octets: %d %.200s", len(body), a.status, a.body)
	}
	source := readFile(t, testCatalog)
	source += "#" + strings.Repeat("x", MaxCatalog-len(source)-1)
	if a := client.send("PUT", "/charging/v1/catalogs/demo", source, "Content-Type", yamlType); a.status != http.StatusCreated {
		t.Errorf("a catalogue of 4 MiB: %d %.200s", a.status, a.body)
	}
	if a := client.send("GET", "/charging/v1/catalogs/demo", ""); a.body != source {
		t.Errorf("%d octets came back as %d", len(source), len(a.body))
	}
}

func TestRequestsThatAreNone(t *testing.T) {
	core := newCore(t, engine.Options{})
	client, _ := newServer(t, Options{Engine: core, ReadTimeout: time.Minute})
	hasty, _ := newServer(t, Options{Engine: core, ReadTimeout: 100 * time.Millisecond})
	for name, c := range map[string]struct {
		octets string
		status int
		code   string
	}{
		"header too large": {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", maxHeader) + "\r\n\r\n", 431, "header_too_large"},
		"not HTTP":         {"\x16\x03\x01\x00\x05hello\r\n\r\n", 400, "malformed_request"},
		"half a request":   {"PUT /charging/v1/accounts/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{", 408, "request_timeout"},
		"bad escape":       {"GET /charging/v1/accounts/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "invalid_parameter"},
		"bad query":        {"GET /charging/v1/usage?after=%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "invalid_parameter"},
		"not UTF-8": {"PUT /charging/v1/accounts/1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n" +
			"{\"\xff\":\"\"}", 400, "invalid_json"},
	} {
		base := client.base
		if c.status == http.StatusRequestTimeout {
			base = hasty.base
		}
		if status, code := raw(t, base, c.octets); status != c.status || code != c.code {
			t.Errorf("%s: %d %s, want %d %s", name, status, code, c.status, c.code)
		}
	}
}

func TestReadiness(t *testing.T) {
	client, server := newServer(t, Options{Engine: newCore(t, engine.Options{})})
	for _, ready := range []bool{false, true, false} {
		server.SetReady(ready)
		want := map[bool]int{true: http.StatusOK, false: http.StatusServiceUnavailable}[ready]
		for path, status := range map[string]int{
			"/healthz": http.StatusOK, "/metrics": http.StatusOK, "/readyz": want, "/charging/v1/catalogs": want,
		} {
			a := client.send("GET", path, "")
			if a.status != status || (status == http.StatusServiceUnavailable) != (a.header.Get("Retry-After") != "") {
				t.Errorf("ready %t: %s: %d %v", ready, path, a.status, a.header)
			}
		}
	}
}

const topUpOfTen = `{"amount":"1.00","currency":"EUR","reason":"voucher"}`

func (c *client) topUp(key string) (answer, error) {
	return c.try("POST", "/charging/v1/accounts/1001/top-ups", topUpOfTen, idempotencyKey, key)
}

// TestTimeout: a client that was told nothing asks again with its key and is
// told what became of it, once.
func TestTimeout(t *testing.T) {
	core := newCore(t, engine.Options{})
	patient, _ := newServer(t, Options{Engine: core, CommandTimeout: time.Minute})
	hasty, _ := newServer(t, Options{Engine: core, CommandTimeout: time.Millisecond})
	patient.publish()
	patient.putAccount("1001", "001010000000001")
	release := core.Journal.Hold()
	a, err := hasty.topUp("k")
	if err != nil || a.status != http.StatusGatewayTimeout || !strings.Contains(a.body, "Idempotency-Key") {
		t.Errorf("%v %d %s", err, a.status, a.body)
	}
	release()
	a, err = patient.topUp("k")
	if err != nil || a.status != http.StatusCreated || a.header.Get(replayedHeader) != "true" {
		t.Errorf("%v %d %v %s", err, a.status, a.header, a.body)
	}
	if a := patient.send("GET", "/charging/v1/accounts/1001", ""); !strings.Contains(a.body, `"remaining":"1.00"`) {
		t.Error(a.body)
	}
}

// TestOverload: with the journal stalled, what has no room is refused at once
// and what has room is answered when the journal goes on.
func TestOverload(t *testing.T) {
	for name, c := range map[string]struct {
		engine engine.Options
		api    Options
		room   int // requests that can wait at most
	}{
		"engine": {engine: engine.Options{MaxBatchCommands: 1, Pipeline: 1}, room: 2},
		"api":    {api: Options{MaxRequests: 3}, room: 3},
	} {
		t.Run(name, func(t *testing.T) {
			core := newCore(t, c.engine)
			c.api.Engine, c.api.CommandTimeout = core, time.Minute
			client, _ := newServer(t, c.api)
			client.publish()
			client.putAccount("1001", "001010000000001")
			release := core.Journal.Hold()
			const requests = 8
			answers := make(chan answer)
			var sent sync.WaitGroup
			for n := range requests {
				sent.Go(func() {
					a, err := client.topUp(fmt.Sprint("k", n))
					if err != nil {
						t.Error(err)
					}
					answers <- a
				})
			}
			for range requests - c.room { // the others wait for the journal
				a := <-answers
				if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "1" || !strings.Contains(a.body, `"busy"`) {
					t.Errorf("%d %v %s", a.status, a.header, a.body)
				}
			}
			release()
			go func() { sent.Wait(); close(answers) }()
			for a := range answers {
				if a.status != http.StatusCreated && a.status != http.StatusServiceUnavailable {
					t.Errorf("%d %s", a.status, a.body)
				}
			}
		})
	}
}

func TestStoppedEngine(t *testing.T) {
	core := newCore(t, engine.Options{})
	client, _ := newServer(t, Options{Engine: core})
	if err := core.Stop(); err != nil {
		t.Fatal(err)
	}
	a, err := client.topUp("k")
	if err != nil || a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, `"stopped"`) {
		t.Errorf("%v %d %s", err, a.status, a.body)
	}
}

// TestCreatedOnce: of many that create one account at a time, one did.
func TestCreatedOnce(t *testing.T) {
	client, _ := newServer(t, Options{Engine: newCore(t, engine.Options{})})
	var sent sync.WaitGroup
	statuses := make(chan int, 16)
	for range cap(statuses) {
		sent.Go(func() {
			a, err := client.try("PUT", "/charging/v1/accounts/1", `{"currency":"EUR","kind":"prepaid"}`)
			if err != nil {
				t.Error(err)
			}
			statuses <- a.status
		})
	}
	sent.Wait()
	close(statuses)
	count := map[int]int{}
	for status := range statuses {
		count[status]++
	}
	if count[http.StatusCreated] != 1 || count[http.StatusOK] != cap(statuses)-1 {
		t.Errorf("statuses %v", count)
	}
}

// TestPanic: a fault in one request is answered, logged and forgotten.
func TestPanic(t *testing.T) {
	core := newCore(t, engine.Options{})
	client, _ := newServer(t, Options{Engine: faulty{core}})
	for range 2 {
		if a := client.send("DELETE", "/charging/v1/accounts/1", ""); a.status != http.StatusInternalServerError || strings.Contains(a.body, "boom") {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}

type faulty struct{ *core }

// Do panics, as a fault of the program would.
func (f faulty) Do(context.Context, charging.Kind, any) (engine.Reply, error) { panic("boom") }
