package charging_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gyro/charging"
	"gyro/internal/ident"
	"gyro/internal/instant"
)

var crowdStart = instant.Of(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))

// crowd opens sessions of one account, a second apart each thousand.
func crowd(t tester, s *shard, n int) {
	for _, c := range worldOpening(t) {
		s.apply(crowdStart, c)
	}
	for from := 0; from < n; from += 1000 {
		var batch [][]byte
		for k := from; k < min(from+1000, n); k++ {
			batch = append(batch, crowdRequest(t, k, charging.Initial))
		}
		s.apply(crowdStart.Add(instant.Span(from)), batch...)
	}
}

func crowdRequest(t tester, k int, kind charging.RequestType) []byte {
	imsi, err := ident.New(ident.IMSI, []byte(worldIMSI(0)))
	if err != nil {
		t.Fatal(err)
	}
	return charging.AppendCreditControl(nil, &charging.CreditControl{
		SessionID: fmt.Appendf(nil, "crowd;%d", k), OriginHost: []byte("gateway"), Type: kind, Number: uint32(kind),
		Identities: []ident.Identity{imsi}, Context: 32251,
	})
}

// TestSessionsLeaveTheirAccount closes an account's sessions out of order:
// what is left must be listed, after a restart as well.
func TestSessionsLeaveTheirAccount(t *testing.T) {
	s := newShard(t)
	crowd(t, s, 7)
	left := map[string]bool{}
	for k := range 7 {
		left[fmt.Sprintf("crowd;%d", k)] = true
	}
	for n, k := range []int{3, 6, 0, 5, 1, 4, 2} {
		s.apply(crowdStart.Add(instant.Second), crowdRequest(t, k, charging.Termination))
		delete(left, fmt.Sprintf("crowd;%d", k))
		if n == 2 {
			s.restart()
		}
		v, _ := s.state.Account("account-0")
		for _, id := range v.OpenSessions {
			if !left[id] {
				t.Errorf("after %d were closed, %s is still listed", n+1, id)
			}
		}
		if len(v.OpenSessions) != len(left) || len(slices.Compact(slices.Sorted(slices.Values(v.OpenSessions)))) != len(left) {
			t.Errorf("after %d were closed, %q are listed, %d are open", n+1, v.OpenSessions, len(left))
		}
	}
}

// BenchmarkSupervisionOfOneAccount closes the oldest 10,000 of 100,000 sessions
// of one account, all that a tick may: charging waits for it.
func BenchmarkSupervisionOfOneAccount(b *testing.B) {
	for range b.N {
		b.StopTimer()
		s := newShard(b)
		s.unsafe = true
		crowd(b, s, 100_000)
		b.StartTimer()
		s.apply(crowdStart.Add(2*instant.Hour), command(b, charging.KindTick, nil))
		if open := s.state.Stats().OpenSessions; open != 90_000 {
			b.Fatalf("%d sessions are open", open)
		}
	}
}
