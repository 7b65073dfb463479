package main

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"gyro/bench"
)

// startBench starts a small benchmark, with its working files in a directory of the test.
func startBench(t *testing.T, args ...string) (p *program, work string) {
	t.Helper()
	work = t.TempDir()
	cmd := command(t, append([]string{
		"bench", "charging", "--connections", "2", "--in-flight", "4", "--accounts", "64", "--slice", "5ms",
	}, args...)...)
	cmd.Env = append(cmd.Env, "TMPDIR="+work)
	return launch(t, cmd), work
}

func TestBench(t *testing.T) {
	t.Parallel()
	p, work := startBench(t, "--rounds", "2")
	if err := p.exit(); err != nil {
		t.Fatalf("it ended with %v\n%s", err, p.output())
	}
	out := p.text()
	if !strings.Contains(out, "CPU ratio ") || !strings.Contains(out, "of which 0 were not granted") ||
		!strings.Contains(out, "gate           not judged: it is stated for 4 connections x 256 in flight") {
		t.Errorf("it said\n%s", out)
	}
	leftovers(t, work)
}

// TestBenchInterrupted ends the benchmark by Ctrl-C, which a terminal sends to the whole process group, and twice, as
// timeout(1) does: while it opens accounts, and while it measures.
func TestBenchInterrupted(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		accounts, sign string
	}{
		"opening":   {"200000", "opening 200000 accounts"},
		"measuring": {"64", " of 100000"}, // rounds
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, work := startBench(t, "--rounds", "100000", "--accounts", tt.accounts)
			eventually(t, tt.sign, func() bool { return strings.Contains(p.output(), tt.sign) })
			for range 2 {
				if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT); err != nil {
					t.Fatal(err)
				}
			}
			var status *exec.ExitError
			if err := p.exit(); !errors.As(err, &status) || status.ExitCode() != 1 {
				t.Errorf("it ended with %v, want status 1", err)
			}
			if said := p.output(); !strings.Contains(said, "gyro: "+bench.ErrInterrupted.Error()) || strings.Contains(said, "goroutine ") {
				t.Errorf("it said\n%s", said)
			}
			leftovers(t, work)
		})
	}
}

func TestBenchRejects(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"rounds 0":      {"--rounds", "0"},
		"connections 0": {"--connections", "0"},
		"in-flight -1":  {"--in-flight", "-1"},
		"accounts 0":    {"--accounts", "0"},
		"slice 0s":      {"--slice", "0"},
		"slice 1m0s":    {"--slice", "1m"},
		"too few":       {"--accounts", "1023"},
	} {
		if said := refused(t, nil, append([]string{"bench", "charging"}, args...)...); !strings.Contains(said, want) {
			t.Errorf("%v: it said %q, want %q", args, said, want)
		}
	}
}
