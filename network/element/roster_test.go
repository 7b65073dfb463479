package element

import (
	"context"
	"strings"
	"testing"
	"time"
)

// TestJoin has subscribers join while an element runs: nobody uses the network before, and they alone do afterwards.
func TestJoin(t *testing.T) {
	bubble(t, func(t *testing.T) {
		server := newOCS(t)
		joined := make(chan Subscriber)
		opts := server.options(PGW)
		opts.Join, opts.For = joined, 10*time.Second
		started := time.Now()
		go func() {
			for n, line := range []string{"262010000000001 491710000001", "262010000000002 491710000002"} {
				<-time.After(time.Duration(n+1) * 2 * time.Second)
				if err := ReadSubscribers(t.Context(), strings.NewReader(line+"\n"), joined); err != nil {
					t.Error(err)
				}
			}
		}()
		report, lines, err := run(t.Context(), t, opts)
		if err != nil {
			t.Fatal(err)
		}
		if first := server.arrivals[0].Sub(started); first < 2*time.Second || first > 3*time.Second {
			t.Errorf("the first request came after %v", first)
		}
		sessions := map[string]int{}
		for _, line := range lines {
			sessions[line.IMSI+" "+line.MSISDN]++
		}
		if len(sessions) != 2 || sessions["262010000000001 491710000001"] == 0 || sessions["262010000000002 491710000002"] == 0 || report.SessionsHanging != 0 {
			t.Errorf("sessions of %v, %d hanging", sessions, report.SessionsHanging)
		}
	})
}

// TestReadSubscribers takes lines of two numbers and says which one is none.
func TestReadSubscribers(t *testing.T) {
	joined := make(chan Subscriber, 9)
	for text, want := range map[string]string{
		"1 2\n\n": "line 2", "1 2 3": "line 1", "26201x 49171": "line 1", "1 2\n0123456789012345 1": "line 2", "": "",
	} {
		err := ReadSubscribers(t.Context(), strings.NewReader(text), joined)
		if err == nil != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ReadSubscribers(ctx, strings.NewReader("1 2"), make(chan Subscriber)); err != nil {
		t.Errorf("after its end: %v", err)
	}
}

// TestRequests has elements end by a number of requests, not by a time: each is answered, and the sessions are ended.
func TestRequests(t *testing.T) {
	for _, kind := range []Kind{PGW, IMS, SMSC} {
		t.Run(string(kind), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				server := newOCS(t)
				opts := server.options(kind)
				opts.Requests, opts.Sessions, opts.RetransmitPermille = 37, 3, 300
				report, lines, err := run(t.Context(), t, opts)
				if err != nil {
					t.Fatal(err)
				}
				server.checkUsage(lines)
				before := report.CCRTotal - report.CCRTerminate
				if report.CCRTotal < 37 || report.CCRTotal > 37+3 || before > 37 || report.AnswersTotal < report.CCRTotal || len(server.open) != 0 {
					t.Errorf("%d requests, %d open at the server", report.CCRTotal, len(server.open))
				}
			})
		})
	}
}
