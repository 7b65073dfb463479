package main

import (
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
)

// TestDuplicatesAcrossRestarts sends every kind of request again after the process was killed, and after it was stopped:
// the answer must be the same to the octet, with and without the T flag, and nothing may be debited a second time.
func TestDuplicatesAcrossRestarts(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*program){
		"killed":  (*program).kill,
		"stopped": (*program).stop,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "")
			p := s.start()
			newOffice(t, p.http).open(1)
			g := connectGateway(t, p.diameter)
			for _, step := range []struct {
				name    string
				request ccr
			}{
				{"initial", ccr{session: "a;1", kind: initial, asks: true}},
				{"update", ccr{session: "a;1", kind: update, number: 1, used: 3_000_000, asks: true}},
				{"termination", ccr{session: "a;1", kind: termination, number: 2, used: 1_500_000}},
				{"event", ccr{session: "b;1", kind: oneTime}},
			} {
				request := g.ccr(step.request)
				answer := g.ask(request)
				if code := resultOf(t, answer); code != diam.Success {
					t.Fatalf("%s: %d, want 2001", step.name, code)
				}
				before := newOffice(t, p.http).state("sub-0")
				_ = g.conn.Close() // a gateway that stays would be given time to answer the DPR
				end(p)
				p = s.start()
				g = connectGateway(t, p.diameter)
				for _, flag := range []bool{true, false} {
					if again := g.ask(g.again(request, flag)); !sameButHop(answer, again) {
						t.Errorf("%s, T flag %t: answered\n%x, first\n%x", step.name, flag, again, answer)
					}
				}
				after := newOffice(t, p.http).state("sub-0")
				if fmt.Sprint(after) != fmt.Sprint(before) {
					t.Errorf("%s: the account was %+v, now it is %+v", step.name, before, after)
				}
				if step.name != "initial" && after.Remaining == "500.00" {
					t.Errorf("%s: nothing was debited at all", step.name)
				}
			}
			books := newOffice(t, p.http).books()
			if !books.Balanced || books.OpenSessions != 0 || books.OpenReservations != 0 {
				t.Errorf("books %+v", books)
			}
			_ = g.conn.Close()
			p.stop()
			s.verify(s.dir)
		})
	}
}

// TestContradictionAcrossRestart changes the body of a request that was answered before the process was killed.
func TestContradictionAcrossRestart(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	p := s.start()
	newOffice(t, p.http).open(1)
	g := connectGateway(t, p.diameter)
	g.ask(g.ccr(ccr{session: "a;1", kind: initial, asks: true}))
	g.ask(g.ccr(ccr{session: "a;1", kind: update, number: 1, used: 3_000_000, asks: true}))
	before := newOffice(t, p.http).state("sub-0")
	p.kill()
	p = s.start()
	g = connectGateway(t, p.diameter)
	answer := g.ask(g.ccr(ccr{session: "a;1", kind: update, number: 1, used: 4_000_000, asks: true, repeated: true}))
	if code := resultOf(t, answer); code != diam.UnableToComply {
		t.Errorf("the same number with another body: %d, want 5012", code)
	}
	if after := newOffice(t, p.http).state("sub-0"); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("the account was %+v, now it is %+v", before, after)
	}
}

// TestTopUpAcrossRestarts repeats a top-up under its key after the process was killed, after it was stopped, and with
// another body.
func TestTopUpAcrossRestarts(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	p := s.start()
	o := newOffice(t, p.http)
	o.open(1)
	first := o.topUp("sub-0", "7.50", "voucher-1")
	for _, end := range []func(*program){(*program).kill, (*program).stop} {
		end(p)
		p = s.start()
		o = newOffice(t, p.http)
		again := o.topUp("sub-0", "7.50", "voucher-1")
		if string(again.body) != string(first.body) || again.status != first.status {
			t.Errorf("answered %d %s, first %d %s", again.status, again.body, first.status, first.body)
		}
		if again.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("the answer does not say that it is a replay: %v", again.header)
		}
	}
	other, err := o.do(t.Context(), http.MethodPost, topUpPath("sub-0"), "application/json", topUpBody("8.50"), "Idempotency-Key", "voucher-1")
	if err != nil || other.status != http.StatusConflict {
		t.Errorf("another amount under the same key: %v, %v, want 409", other, err)
	}
	if state := o.state("sub-0"); state.Remaining != "507.50" {
		t.Errorf("the account has %s, want 507.50", state.Remaining)
	}
}

// TestSecondSignalEnds has the process drain for a gateway that never answers its DPR. Copies of the signal, as timeout(1)
// and make(1) send them, do not cut the drain short; once they cannot be copies any more, the process ends at once.
func TestSecondSignalEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	p := s.start()
	newOffice(t, p.http).open(1)
	g := connectGateway(t, p.diameter)
	g.ask(g.ccr(ccr{session: "a;1", kind: initial, asks: true}))
	first := time.Now()
	p.signal(syscall.SIGTERM)
	if code, request := commandOf(g.receive()); code != diam.DisconnectPeer || !request {
		t.Fatalf("command %d, want a DPR", code)
	}
	eventually(t, "a signal ends the process", func() bool {
		select {
		case <-p.exited:
			return true
		default:
			p.signal(syscall.SIGTERM)
			return false
		}
	})
	var status *exec.ExitError
	if err := p.exit(); !errors.As(err, &status) || status.ExitCode() != exitInterrupted {
		t.Errorf("it ended with %v, want status %d", err, exitInterrupted)
	}
	if took := time.Since(first); took < sameSignal {
		t.Errorf("a copy of the first signal ended it after %s", took)
	}
	s.verify(s.dir)
}

// TestStopTellsGateways drains for a gateway that does its part: DPR, DPA, closed, status 0.
func TestStopTellsGateways(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	p := s.start()
	newOffice(t, p.http).open(1)
	g := connectGateway(t, p.diameter)
	g.ask(g.ccr(ccr{session: "a;1", kind: initial, asks: true}))
	p.signal(syscall.SIGTERM)
	dpr := g.receive()
	if code, request := commandOf(dpr); code != diam.DisconnectPeer || !request {
		t.Fatalf("command %d, want a DPR", code)
	}
	g.send(g.dpa(dpr))
	if b, err := g.frame(); err == nil {
		t.Errorf("after the DPA came %x", b)
	}
	if err := p.exit(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if _, err := newOffice(t, p.http).do(t.Context(), http.MethodGet, "/healthz", "", nil); err == nil {
		t.Error("the API still answers")
	}
	s.verify(s.dir)
}
