package api

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"gyro/charging"
	"gyro/charging/engine"
	"gyro/internal/coretest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/valyala/fasthttp"
)

// jsonRequest is a request with a JSON body that never was on a wire.
func jsonRequest(body []byte) *request {
	c := &fasthttp.RequestCtx{}
	c.Request.Header.SetContentType("application/json")
	c.Request.SetBody(body)
	return &request{RequestCtx: c, ctx: context.Background()}
}

type peerList []PeerView

// Peers implements Peers.
func (l peerList) Peers() []PeerView { return l }

// TestMetrics scrapes a core that has charged, and has the metrics checked
// against Prometheus' conventions.
func TestMetrics(t *testing.T) {
	core := newCore(t, engine.Options{})
	syncs := NewSyncHistogram()
	syncs.Observe(300 * time.Microsecond)
	extra := prometheus.NewGauge(prometheus.GaugeOpts{Name: "gyro_store_bytes", Help: "Size of the state store."})
	client, _ := newServer(t, Options{
		Engine: core, Syncs: syncs, Collectors: []prometheus.Collector{extra},
		Peers: peerList{
			{OriginHost: "pgw.example.net", OriginRealm: "example.net", Up: true},
			{OriginHost: "pgw.example.net", OriginRealm: "example.net", Up: true},
			{OriginHost: "smsc.example.net", OriginRealm: "example.net"},
		},
	})
	client.publish()
	client.putAccount("1001", "001010000000001")
	if a, err := client.topUp("k"); err != nil || a.status != http.StatusCreated {
		t.Fatal(err, a.body)
	}
	if a, err := client.topUp("k"); err != nil || a.header.Get(replayedHeader) == "" {
		t.Fatal(err, a.body)
	}
	first := coretest.Request{Session: "s;1", IMSI: "001010000000001", Kind: charging.Initial, Group: 10, Want: 1_000_000}
	core.Exchange(t, first)
	core.Exchange(t, coretest.Request{Session: "s;1", IMSI: "001010000000001", Kind: charging.Update, Number: 1, Group: 10, Want: 1_000_000, Used: 1_000_000})
	core.Exchange(t, coretest.Request{Session: "s;2", IMSI: "001019999999999", Kind: charging.Initial, Group: 10, Want: 1})
	core.Exchange(t, first)

	a := client.send("GET", "/metrics", "")
	if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatalf("%d %v", a.status, a.header)
	}
	problems, err := promlint.New(strings.NewReader(a.body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, line := range []string{
		`gyro_ccr_total{result="success",type="initial"} 2`,
		`gyro_ccr_total{result="success",type="update"} 1`,
		`gyro_ccr_total{result="user_unknown",type="initial"} 1`,
		`gyro_ccr_duration_seconds_count 4`,
		`gyro_ccr_duration_seconds_bucket{le="+Inf"} 4`,
		`gyro_ccr_duration_seconds_bucket{le="16.777216"} 4`,
		`gyro_batch_commands_sum 8`,
		`gyro_batch_commands_bucket{le="1"} 8`,
		`gyro_batch_commands_bucket{le="4096"} 8`,
		`gyro_journal_sync_duration_seconds_count 1`,
		`gyro_sessions_open 1`,
		`gyro_rating_groups_open 1`,
		`gyro_sessions_total 1`,
		`gyro_sessions_expired_total 0`,
		`gyro_accounts 1`,
		`gyro_records_total 1`,
		`gyro_journal_index 8`,
		`gyro_duplicates_total 2`,
		`gyro_grant_units_count{unit="octets"} 2`,
		`gyro_grant_units_sum{unit="octets"} 2e+06`,
		`gyro_grant_units_bucket{unit="octets",le="100000"} 0`,
		`gyro_grant_units_bucket{unit="octets",le="1e+06"} 2`,
		`gyro_grant_units_count{unit="seconds"} 0`,
		`gyro_reserved_amount{denomination="EUR",service="internet"} 0.01`,
		`gyro_spent_total{denomination="EUR",service="internet"} 0.01`,
		`gyro_peers_up{origin_host="pgw.example.net",origin_realm="example.net"} 2`,
		`gyro_peers_up{origin_host="smsc.example.net",origin_realm="example.net"} 0`,
		`gyro_http_requests_total{method="POST",route="/charging/v1/accounts/{account}/top-ups",status="201"} 2`,
		`gyro_store_bytes 0`,
	} {
		if !strings.Contains(a.body, "\n"+line+"\n") {
			t.Errorf("no %s", line)
		}
	}
	for _, name := range []string{"go_goroutines", "process_cpu_seconds_total"} {
		if !strings.Contains(a.body, "\n"+name+" ") {
			t.Errorf("no %s", name)
		}
	}
	if t.Failed() {
		t.Log(a.body)
	}
}

// TestBucketsOfLatency: a histogram's bucket counts what is at most its bound,
// the engine's what is below the next power of two.
func TestBucketsOfLatency(t *testing.T) {
	buckets, count := cumulate([]uint64{1, 2, 4, 8}, 1e-6)
	want := map[float64]uint64{1e-6: 1, 2e-6: 3, 4e-6: 7}
	if count != 15 || fmt.Sprint(buckets) != fmt.Sprint(want) {
		t.Errorf("%v of %d", buckets, count)
	}
}

// TestAudit: a change leaves a line that says who, what and how it ended, and
// never the key itself.
func TestAudit(t *testing.T) {
	var log bytes.Buffer
	secret, hash := NewKey()
	client, server := newServer(t, Options{
		Engine: newCore(t, engine.Options{}), Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Keys: []Key{{Name: "office", Hash: hash, Scopes: []Scope{ScopeWrite}}},
	})
	client.send("POST", "/charging/v1/accounts/1001/top-ups", topUpOfTen, idempotencyKey, "k-7", "X-API-Key", secret)
	client.send("GET", "/charging/v1/catalogs", "", "X-API-Key", secret)
	client.http.CloseIdleConnections()
	if err := server.Shutdown(context.Background()); err != nil { // the log is written before the connection ends
		t.Fatal(err)
	}
	text := log.String()
	for _, want := range []string{"actor=office", "method=POST", "path=/charging/v1/accounts/1001/top-ups", "status=404", "idempotency_key=k-7"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in:\n%s", want, text)
		}
	}
	if strings.Contains(text, secret) || strings.Contains(text, "catalogs") {
		t.Errorf("too much in:\n%s", text)
	}
}

// TestDemoCatalogIsAccepted: what the demo publishes at its start.
func TestDemoCatalogIsAccepted(t *testing.T) {
	client, _ := newServer(t, Options{Engine: newCore(t, engine.Options{})})
	a := client.send("PUT", "/charging/v1/catalogs/demo", readFile(t, "../testdata/demo/catalog.yaml"), "Content-Type", yamlType)
	if a.status != http.StatusCreated {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestUsageIsComplete walks all usage in pages of every size and finds each
// record once, also across checkpoints and runs of other records.
func TestUsageIsComplete(t *testing.T) {
	core := newCore(t, engine.Options{})
	client, _ := newServer(t, Options{Engine: core})
	client.publish()
	client.putAccount("1001", "001010000000001")
	const sessions = 7
	for n := range sessions {
		for k := range n { // n top-ups before the n-th session
			if a, err := client.topUp(fmt.Sprintf("k-%d-%d", n, k)); err != nil || a.status != http.StatusCreated {
				t.Fatal(err, a.body)
			}
		}
		id := fmt.Sprintf("s;%d", n)
		core.Exchange(t, coretest.Request{Session: id, IMSI: "001010000000001", Kind: charging.Initial, Group: 10, Want: 1})
		core.Exchange(t, coretest.Request{Session: id, IMSI: "001010000000001", Kind: charging.Termination, Number: 1, Group: 10, Used: 1})
		if n%2 == 0 {
			if err := core.Journal.Checkpoint(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for limit := 1; limit <= sessions+1; limit++ {
		var found []string
		for cursor, last := uint64(0), uint64(1); cursor < last; {
			var page struct {
				Records []struct {
					SessionID string `json:"session_id"`
				} `json:"records"`
				Next, Last uint64
			}
			client.get(fmt.Sprintf("/charging/v1/usage?after=%d&limit=%d", cursor, limit), &page)
			for _, r := range page.Records {
				found = append(found, r.SessionID)
			}
			if page.Next <= cursor || len(page.Records) > limit {
				t.Fatalf("limit %d: cursor %d to %d with %d records", limit, cursor, page.Next, len(page.Records))
			}
			cursor, last = page.Next, page.Last
		}
		if want := "[s;0 s;1 s;2 s;3 s;4 s;5 s;6]"; fmt.Sprint(found) != want {
			t.Errorf("limit %d: %v", limit, found)
		}
	}
}
