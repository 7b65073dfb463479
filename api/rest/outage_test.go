package rest

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestAnOutageIsLoggedOnceAMinute(t *testing.T) {
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil))
	var o outage
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	for second := range 121 {
		o.tell(log, at.Add(time.Duration(second)*time.Second), errors.New("connection refused"))
	}
	if got := strings.Count(text.String(), "does not answer"); got != 3 {
		t.Errorf("%d lines in 121 seconds:\n%s", got, &text)
	}
	if !strings.Contains(text.String(), "refused_since_last_told=59") {
		t.Errorf("how many were refused is not said:\n%s", &text)
	}
}
