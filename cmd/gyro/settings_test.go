package main

import (
	"encoding/json"
	"log"
	"log/slog"
	"strings"
	"testing"

	"gyro/internal/config"
)

// TestLibrariesWriteIntoTheLog: a line that a library writes with the log package is one of the program's log.
func TestLibrariesWriteIntoTheLog(t *testing.T) {
	before, flags, out := slog.Default(), log.Flags(), log.Writer()
	t.Cleanup(func() {
		slog.SetDefault(before)
		log.SetFlags(flags)
		log.SetOutput(out)
	})
	var text strings.Builder
	newLogger(&text, config.Log{Level: "info", Format: "json"})
	log.Print("a library's words")
	var line struct{ Msg, Level string }
	if err := json.Unmarshal([]byte(text.String()), &line); err != nil || line.Msg != "a library's words" || line.Level != "INFO" {
		t.Errorf("%q: %v", text.String(), err)
	}
}
