package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// dunningOffice is an office with a run of an hour under way, which ends, and runs that begin behind it. It says when it
// was asked how far a run is.
func dunningOffice(t *testing.T, hourEnds bool) (url string, looked chan string) {
	t.Helper()
	looked = make(chan string, 100)
	var hourDone atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		run := func(id, asOf, state, more string) {
			fmt.Fprintf(w, `{"id":%q,"asOf":%q,"state":%q,"accounts":40,"checked":40,"opened":2,"closed":1,"parked":1,"steps":{"reminder":2,"fee":1}%s}`+"\n", id, asOf, state, more)
		}
		switch id := strings.TrimPrefix(r.URL.Path, dunningRunsPath); {
		case r.Method == http.MethodPost && hourDone.Load():
			w.WriteHeader(http.StatusAccepted)
			run("8", "2026-12-24", "running", "")
		case r.Method == http.MethodPost:
			w.WriteHeader(http.StatusAccepted)
			run("7", "2026-11-23", "running", "")
		case id == "/7" && hourEnds:
			hourDone.Store(true)
			run("7", "2026-11-23", "done", "")
		case id == "/7":
			run("7", "2026-11-23", "running", "")
		default:
			run("8", "2026-12-24", "done", `,"parkedAccounts":[{"account":"12","reason":"it has no address"}]`)
		}
		looked <- r.Method + " " + r.URL.Path
	}))
	t.Cleanup(s.Close)
	return s.URL, looked
}

// TestADunningRunIsWatched: a run of another day that is under way is watched to its end, then the one that was asked for,
// which is shown with whom it parked.
func TestADunningRunIsWatched(t *testing.T) {
	t.Parallel()
	office, _ := dunningOffice(t, true)
	out, err := command(t, "dunning", "run", "--as-of", "2026-12-24", "--office", office).CombinedOutput()
	said := string(out)
	for _, want := range []string{
		"run 7 as of 2026-11-23 was under way", "Run 8 as of 2026-12-24: done, 40 of 40 accounts checked", "cases opened 2, closed 1; steps: fee 1, reminder 2", "12       it has no address",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in\n%s", want, said)
		}
	}
	if err != nil {
		t.Error(err)
	}
	office, _ = dunningOffice(t, true)
	cmd := command(t, "dunning", "run", "--as-of", "2026-12-24", "--json", "--office", office)
	out, err = cmd.Output()
	var run struct{ ID, State string }
	if err := json.Unmarshal(out, &run); err != nil || run.ID != "8" || run.State != "done" {
		t.Errorf("%v: %s", err, out)
	}
	if err != nil {
		t.Error(err)
	}
}

// TestAWatchedRunIsInterrupted: SIGINT ends the watching, not the run, and the user is told how to look at it.
func TestAWatchedRunIsInterrupted(t *testing.T) {
	t.Parallel()
	office, looked := dunningOffice(t, false)
	cmd := command(t, "dunning", "run", "--office", office)
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 3 { // begun, and looked at twice
		<-looked
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	if err == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(said.String(), "interrupted; run 7 goes on in the office: ") || !strings.Contains(said.String(), "dunning runs 7 shows how far it is") {
		t.Errorf("%v: %s", err, said.String())
	}
}
