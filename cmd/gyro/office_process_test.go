package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// surroundings is a simulated process (gyro simulate hss, pcrf, payments) that a test may kill and start again: at the same
// address, with the same file.
type surroundings struct {
	t       testing.TB
	kind    string
	address string
	state   string
	args    []string
	p       *program
}

// simulate starts a simulated process on a free port.
func simulate(t testing.TB, kind string, args ...string) *surroundings {
	t.Helper()
	s := &surroundings{t: t, kind: kind, address: freeAddress(t), state: filepath.Join(t.TempDir(), kind+".state"), args: args}
	s.start()
	return s
}

func (s *surroundings) start() {
	s.t.Helper()
	args := append([]string{"simulate", s.kind, "--listen", s.address, "--state", s.state, "--log-format", "json"}, s.args...)
	s.p = launch(s.t, command(s.t, args...)).awaitReady()
}

func (s *surroundings) url() string { return "http://" + s.address }

// ask sends a request and reads the answer's JSON into v, unless that is nil; the status is returned.
func (s *surroundings) ask(method, path, body string, v any, header ...string) int {
	s.t.Helper()
	r, err := newOffice(s.t, s.address).do(s.t.Context(), method, path, "application/json", []byte(body), header...)
	if err != nil {
		s.t.Fatalf("%s: %s %s: %v", s.kind, method, path, err)
	}
	if v != nil && len(r.body) > 0 {
		if err := json.Unmarshal(r.body, v); err != nil {
			s.t.Fatalf("%s: %s %s: %v in %s", s.kind, method, path, err, r.body)
		}
	}
	return r.status
}

// fails tells the process how to fail from now on, such as {"refuse":1000}; an empty text: no more.
func (s *surroundings) fails(how string) {
	s.t.Helper()
	method := http.MethodPut
	if how == "" {
		method = http.MethodDelete
	}
	if status := s.ask(method, "/admin/faults", how, nil); status != http.StatusOK {
		s.t.Fatalf("%s: faults %s: status %d", s.kind, how, status)
	}
}

// subscriber is what an element shows of a subscriber, nil if nothing.
func (s *surroundings) subscriber(imsi string) map[string]any {
	s.t.Helper()
	path := "/nudr-dr/v2/subscription-data/imsi-" + imsi
	if s.kind == "pcrf" {
		path = "/nudr-dr/v2/policy-data/ues/imsi-" + imsi + "/sm-data"
	}
	var document map[string]any
	if s.ask(http.MethodGet, path, "", &document) == http.StatusNotFound {
		return nil
	}
	return document
}

// TestSimulatedProcessesKeepWhatTheyAcknowledged through kill -9, and are the same after a clean end.
func TestSimulatedProcessesKeepWhatTheyAcknowledged(t *testing.T) {
	t.Parallel()
	const imsi = "262010000000001"
	hss, pcrf := simulate(t, "hss"), simulate(t, "pcrf")
	pay := simulate(t, "payments", "--api-key", "key-of-the-office")
	authorized := []string{"Authorization", "Bearer key-of-the-office"}
	charge := func() (status int, id string) {
		var c struct{ ID string }
		status = pay.ask(http.MethodPost, "/v1/charges", `{"token":"tok_visa","amount":1190,"currency":"EUR"}`, &c, append(slices.Clone(authorized), "Idempotency-Key", "payment-1")...)
		return status, c.ID
	}
	if status := hss.ask(http.MethodPut, "/nudr-dr/v2/subscription-data/imsi-"+imsi,
		`{"imsi":"262010000000001","authenticationPresent":true,"subscriberStatus":"SERVICE_GRANTED","profile":"basic"}`, nil); status != http.StatusCreated {
		t.Fatal(status)
	}
	if status := pcrf.ask(http.MethodPut, "/nudr-dr/v2/policy-data/ues/imsi-"+imsi+"/sm-data", `{"imsi":"262010000000001","status":"ACTIVE","profile":"basic"}`, nil); status != http.StatusCreated {
		t.Fatal(status)
	}
	if status := pay.ask(http.MethodGet, "/v1/charges", "", nil); status != http.StatusUnauthorized {
		t.Errorf("without a key: %d", status)
	}
	status, id := charge()
	if status != http.StatusCreated || id == "" {
		t.Fatal(status, id)
	}
	before := [][]byte{shownBy(t, hss, imsi), shownBy(t, pcrf, imsi)}
	for round := range 2 {
		for _, s := range []*surroundings{hss, pcrf, pay} {
			if round == 0 {
				s.p.kill()
			} else {
				s.p.stop()
			}
			s.start()
		}
		if after := [][]byte{shownBy(t, hss, imsi), shownBy(t, pcrf, imsi)}; !bytes.Equal(after[0], before[0]) || !bytes.Equal(after[1], before[1]) {
			t.Errorf("%s became %s", before, after)
		}
		if status, again := charge(); status != http.StatusOK || again != id {
			t.Errorf("the same charge again: %d %s, was %s", status, again, id)
		}
	}
	// One that is told to exit does, and its flags say so as well.
	hss.fails(`{"exit_after":1000}`)
	if r, err := newOffice(t, hss.address).do(t.Context(), http.MethodDelete, "/nudr-dr/v2/subscription-data/imsi-"+imsi, "", nil); err == nil {
		t.Errorf("it answered %d", r.status)
	}
	if err := hss.p.exit(); err == nil || err.Error() != "exit status 3" {
		t.Errorf("it ended with %v", err)
	}
	hss.args = []string{"--refuse", "1000", "--refuse-status", "507", "--limit", "1"}
	hss.start()
	if status := hss.ask(http.MethodGet, "/nudr-dr/v2/subscription-data/imsi-"+imsi, "", nil); status != http.StatusInsufficientStorage {
		t.Errorf("told to refuse it answers %d", status)
	}
	if found := hss.subscriber(imsi); found != nil {
		t.Errorf("what was carried out before it died is undone: %v", found)
	}
}

func shownBy(t *testing.T, s *surroundings, imsi string) []byte {
	t.Helper()
	text, err := json.Marshal(s.subscriber(imsi))
	if err != nil || string(text) == "null" {
		t.Fatalf("%s shows %s, %v", s.kind, text, err)
	}
	return text
}

// TestSimulatedProcessesRefuseWhatCannotBe says in one sentence what is wrong with the flags.
func TestSimulatedProcessesRefuseWhatCannotBe(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state")
	for want, args := range map[string][]string{
		"come to 1200 permille":  {"hss", "--refuse", "600", "--drop-after", "600"},
		"--log-format":           {"pcrf", "--log-format", "xml"},
		"needs a --secret":       {"payments", "--webhook", "http://127.0.0.1:1/"},
		"at least 16 characters": {"payments", "--secret", "short"},
		"--listen":               {"hss", "--listen", "127.0.0.1:99999"},
		"refuse_status":          {"hss", "--refuse-status", "200"},
	} {
		args = append([]string{"simulate"}, append(args, "--state", state)...)
		if said := refused(t, nil, args...); !strings.Contains(said, want) {
			t.Errorf("%v: %s", args, said)
		}
	}
}
