package datadir_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gyro/internal/datadir"
)

// TestEachStartHasAGreaterNumber: by the clock, within a second of the last start, after the clock was set back, and after
// a crash that left half of a new file.
func TestEachStartHasAGreaterNumber(t *testing.T) {
	path := t.TempDir()
	for _, start := range []struct{ now, want uint32 }{{1000, 1000}, {1000, 1001}, {1000, 1002}, {5000, 5000}, {40, 5001}} {
		d, err := datadir.Open(path, datadir.Options{Create: true})
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.NextStateID(start.now)
		if err != nil {
			t.Fatal(err)
		}
		if got != start.want {
			t.Errorf("at %d: %d, want %d", start.now, got, start.want)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, "STATE-ID.new"), []byte("9"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := datadir.Open(path, datadir.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	for _, spoilt := range []string{"", "x", "-1", "4294967295", "99999999999"} {
		if err := os.WriteFile(filepath.Join(path, "STATE-ID"), []byte(spoilt), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := d.NextStateID(1); err == nil || !strings.Contains(err.Error(), "STATE-ID") {
			t.Errorf("%q: %d, error %v", spoilt, got, err)
		}
	}
}
