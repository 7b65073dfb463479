package database

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestADatabaseThatIsDownDoesNotFillTheLog: what River says at every poll is logged once in a while, with how often it was
// said; another complaint is logged at once.
func TestADatabaseThatIsDownDoesNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := quiet(slog.New(slog.NewTextHandler(&out, nil)))
		for range 1000 {
			l.With("queue", "default").Error("producer: Error fetching jobs", "err", "connection refused")
			time.Sleep(20 * time.Millisecond)
		}
		l.Warn("another complaint")
		l.Info("of itself")
		if lines := strings.Count(out.String(), "\n"); lines != 3 || !strings.Contains(out.String(), "left_out=499") || !strings.Contains(out.String(), "another complaint") {
			t.Errorf("%d lines:\n%s", lines, out.String())
		}
	})
}
