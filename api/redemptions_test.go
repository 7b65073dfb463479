package api

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"gyro/charging/engine"
)

// TestRedemptionsLeaveRoom: a flood of codes, each of which takes memory and milliseconds, leaves room for other requests.
func TestRedemptionsLeaveRoom(t *testing.T) {
	client, s := newServer(t, Options{Engine: newCore(t, engine.Options{}), MaxRequests: codesWaiting + 9, CommandTimeout: time.Minute})
	client.publish()
	client.putAccount("1001", "001010000000001")
	for range codesAtOnce {
		if err := s.hashing.take(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	const many = codesWaiting + 8
	answers := make(chan answer, many)
	var sent sync.WaitGroup
	for n := range many {
		sent.Go(func() {
			a, err := client.try("POST", "/charging/v1/accounts/1001/redemptions", `{"code":"1234567890123456"}`, idempotencyKey, fmt.Sprint("k", n))
			if err != nil {
				t.Error(err)
			}
			answers <- a
		})
	}
	for range many - codesWaiting {
		select {
		case a := <-answers:
			if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "1" || !strings.Contains(a.body, "codes of vouchers") {
				t.Errorf("%d %s", a.status, a.body)
			}
		case <-time.After(time.Minute):
			t.Fatal("all of them wait")
		}
	}
	if a := client.send("GET", "/charging/v1/accounts/1001", ""); a.status != http.StatusOK {
		t.Errorf("in the flood: %d %s", a.status, a.body)
	}
	for range codesAtOnce {
		s.hashing.give()
	}
	sent.Wait()
	close(answers)
	for a := range answers {
		if a.status == http.StatusServiceUnavailable {
			t.Errorf("one that had waited: %d %s", a.status, a.body)
		}
	}
}
