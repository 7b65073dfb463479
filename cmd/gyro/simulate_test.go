package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"gyro/network/element"
)

func runCommand(t *testing.T, cmd *cobra.Command, stdin string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd.SetArgs(append([]string{}, args...)) // nil would be those of the test binary
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceErrors = true
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// TestSimulateReport ends before a connection can be made: the final report and an empty usage log are left, and an error.
func TestSimulateReport(t *testing.T) {
	usage := filepath.Join(t.TempDir(), "usage.jsonl")
	for _, kind := range []string{"pgw", "ims", "smsc"} {
		out, err := runCommand(t, newSimulateCommand(), "", kind, "--connect", "127.0.0.1:1", "--for", "1ns", "--report", "json", "--usage-log", usage)
		if !errors.Is(err, element.ErrNeverConnected) {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(out), "\n")
		var report element.Report
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &report); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		if !report.Final || report.Element != kind || report.CCRTotal != 0 {
			t.Errorf("report %+v", report)
		}
		if data, err := os.ReadFile(usage); err != nil || len(data) != 0 {
			t.Errorf("usage log %q, %v", data, err)
		}
	}
}

// TestSimulateAgainstUp: a simulated gateway needs no flag that names realms to be served by gyro up, and its clean end is
// not reported as a loss.
func TestSimulateAgainstUp(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	p := s.start()
	newOffice(t, p.http).open(1)
	gateway := launch(t, command(t, "simulate", "pgw", "--connect", p.diameter, "--subscribers", "1", "--sessions", "1",
		"--imsi-base", fmt.Sprint(firstIMSI), "--msisdn-base", fmt.Sprint(firstMSISDN), "--requests", "100", "--report", "json"))
	report := finalReport(t, gateway)
	if report.Answers2001 < 100 || len(report.AnswersByResult) != 1 {
		t.Errorf("report %s", report.String())
	}
	if said := gateway.output(); !strings.Contains(said, " disconnected ") || strings.Contains(said, "connection lost") {
		t.Errorf("it said\n%s", said)
	}
	p.stop()
	s.verify(s.dir)
}

// finalReport waits for the end of a simulated element, which has to be a clean one, and returns its last report.
func finalReport(t testing.TB, p *program) (report element.Report) {
	t.Helper()
	if err := p.exit(); err != nil {
		t.Fatalf("it ended with %v\n%s", err, p.output())
	}
	lines := strings.Split(strings.TrimSpace(p.text()), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &report); err != nil || !report.Final {
		t.Fatal(err, lines)
	}
	return report
}

func TestSimulateRejects(t *testing.T) {
	for want, args := range map[string][]string{
		"rate":         {"pgw", "--rate", "0"},
		"style":        {"pgw", "--style", "loud"},
		"rating group": {"pgw", "--rating-groups", "4294967296"},
		"destination":  {"ims", "--destinations", "+49"},
		"report":       {"smsc", "--report", "xml"},
	} {
		if _, err := runCommand(t, newSimulateCommand(), "", args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want %q", args, err, want)
		}
	}
}

func TestDecodeCommand(t *testing.T) {
	const dwr = "01:00:00:14 80 00 01 18\n0000000000000001 00000002"
	raw := "\x01\x00\x00\x14\x80\x00\x01\x18\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02"
	dir := t.TempDir()
	hexFile, binFile := filepath.Join(dir, "dwr.hex"), filepath.Join(dir, "dwr.bin")
	for path, data := range map[string]string{hexFile: dwr, binFile: raw} {
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		stdin string
		args  []string
	}{
		"argument":     {args: []string{strings.ReplaceAll(dwr, "\n", "")}},
		"stdin":        {stdin: dwr},
		"dash":         {stdin: dwr, args: []string{"-"}},
		"file":         {args: []string{hexFile}},
		"binary file":  {args: []string{"--binary", binFile}},
		"binary stdin": {stdin: raw, args: []string{"--binary"}},
	} {
		out, err := runCommand(t, newDecodeCommand(), tt.stdin, tt.args...)
		if err != nil || !strings.HasPrefix(out, "Device-Watchdog-Request (DWR) command 280") {
			t.Errorf("%s: %v, %q", name, err, out)
		}
	}
	out, err := runCommand(t, newDecodeCommand(), dwr+"01", "-")
	if err == nil || !strings.Contains(err.Error(), "byte 20") || !strings.Contains(out, "Device-Watchdog-Request") {
		t.Errorf("trailing byte: %v, %q", err, out)
	}
	if _, err := runCommand(t, newDecodeCommand(), "", "nothing"); err == nil || !strings.Contains(err.Error(), "neither a file") {
		t.Errorf("error %v", err)
	}
}

// TestDecodeSharedMessages shows every message that the tests of the codec are written with, comments and all.
func TestDecodeSharedMessages(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../testdata/diameter/*.hex")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		out, err := runCommand(t, newDecodeCommand(), "", file)
		if err != nil || !strings.Contains(out, "Origin-Host (264)") {
			t.Errorf("%s: %v, %q", file, err, out)
		}
	}
}
