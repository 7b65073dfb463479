package main

import (
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/fiorix/go-diameter/v4/diam"
)

// TestMetrics has the process count what the engine does not see, and the manual name it.
func TestMetrics(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	p := s.start()
	o := newOffice(t, p.http)
	o.open(1)
	g := connectGateway(t, p.diameter)
	if code := resultOf(t, g.ask(g.ccr(ccr{session: "m;1", kind: initial, asks: true}))); code != diam.Success {
		t.Fatalf("CCR-I: %d", code)
	}
	refused := g.ask(g.ccr(ccr{session: "m;2", kind: initial, asks: true, used: 1<<64 - 1}))
	if code := resultOf(t, refused); code != diam.InvalidAVPValue {
		t.Fatalf("a CCR-I out of range: %d", code)
	}
	got := map[string]float64{}
	for line := range strings.Lines(string(o.must(http.MethodGet, "/metrics", "", nil, nil).body)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			got[name] = v
		}
	}
	manual, err := os.ReadFile("../../docs/operations/charging-api.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, holds := range map[string]func(float64) bool{
		"gyro_diameter_connections_total":            func(v float64) bool { return v == 1 },
		"gyro_diameter_connections_over_limit_total": func(v float64) bool { return v == 0 },
		"gyro_diameter_connections_made_room_total":  func(v float64) bool { return v == 0 },
		"gyro_diameter_restarts_passed_over_total":   func(v float64) bool { return v == 0 },
		"gyro_diameter_peers_refused_total":          func(v float64) bool { return v == 0 },
		"gyro_ccr_refused_total":                     func(v float64) bool { return v == 1 },
		"gyro_ccr_spoofed_total":                     func(v float64) bool { return v == 0 },
		"gyro_notices_waiting":                       func(v float64) bool { return v == 0 },
		"gyro_ccr_busy_total":                        func(v float64) bool { return v == 0 },
		"gyro_journal_pending":                       func(v float64) bool { return v >= 0 },
		"gyro_journal_checkpoint_index":              func(v float64) bool { return v >= 0 && v <= got["gyro_journal_index"] },
		"gyro_journal_replay_bytes":                  func(v float64) bool { return v > 0 },
		"gyro_journal_disk_bytes":                    func(v float64) bool { return v > 0 },
		"gyro_journal_sync_running_seconds":          func(v float64) bool { return v >= 0 },
		"gyro_store_disk_bytes":                      func(v float64) bool { return v > 0 },
		"gyro_data_free_bytes":                       func(v float64) bool { return v > 64<<20 },
	} {
		if v, ok := got[name]; !ok || !holds(v) {
			t.Errorf("%s is %v (shown: %t)", name, v, ok)
		}
		if !strings.Contains(string(manual), "`"+name+"`") {
			t.Errorf("%s is not in the manual", name)
		}
	}
	_ = g.conn.Close()
	p.stop()
}
