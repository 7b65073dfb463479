package main

import (
	"testing"

	"gyro/internal/instant"
)

// TestRestartedAt sets the wall clock back by an hour: the sessions that the
// journal's time is on must count as older than the restart.
func TestRestartedAt(t *testing.T) {
	const journal = instant.Instant(1_700_000_000_000)
	for _, c := range []struct{ wall, want instant.Instant }{
		{journal.Add(instant.Second), journal.Add(instant.Second)},
		{journal, journal},
		{journal.Add(-instant.Hour), journal + 1},
	} {
		if got := restartedAt(c.wall, journal); got != c.want {
			t.Errorf("wall clock %s, journal at %s: sessions before %s", c.wall, journal, got)
		}
	}
}
