package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gyro/internal/demo"
	"gyro/internal/demo/thread"
)

// startDemo starts the demo on free ports, with its working files in a directory of the test.
func startDemo(t *testing.T, args ...string) (p *program, work string) {
	t.Helper()
	work = t.TempDir()
	cmd := command(t, append([]string{
		"up", "--demo", "--diameter-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--office", "--office-listen", "127.0.0.1:0", "--rate", "600", "--log-format", "json",
	}, args...)...)
	cmd.Env = append(cmd.Env, "TMPDIR="+work)
	return launch(t, cmd), work
}

// TestDemo runs the demo as a newcomer does, for a few seconds; on a machine that is so slow that too little happens in them,
// for longer.
func TestDemo(t *testing.T) {
	t.Parallel()
	for span := 10 * time.Second; ; span *= 4 {
		few := demoFor(t, span)
		if len(few) == 0 || t.Failed() {
			return
		}
		t.Logf("in %s too little happened: %s", span, strings.Join(few, "; "))
		if span > longestDemo {
			t.Fatalf("even in %s too little happened", span)
		}
	}
}

// longestDemo is how long a demo lasts that should be long enough on every machine, and a second one of a quarter of it.
const longestDemo = 2 * time.Minute

// demoFor runs the demo for a time, holds what it says of itself against what always holds, and returns what happened too
// rarely for that to show something.
func demoFor(t *testing.T, span time.Duration) (few []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "summary.json")
	p, work := startDemo(t, "--for", span.String(), "--summary", file)
	if err := p.exitWithin(span + longestDemo + patience); err != nil {
		t.Fatalf("the demo ended with %v\n%s", err, p.output())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var s demo.Summary
	var keys map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(text, &s), json.Unmarshal(text, &keys)); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"ccr_total", "answers_2001", "answers_by_result", "latency_us", "retransmissions", "duplicates_answered",
		"double_debits", "usage", "sessions_opened", "sessions_open", "reserved_after_drain", "reservations_open",
		"books_difference", "problems", "revenue", "answer_mismatches", "timeouts", "elapsed_seconds", "customers", "asked_of_gateways", "gateways",
	} {
		if _, ok := keys[key]; !ok {
			t.Errorf("the summary has no %s", key)
		}
	}
	if s.LatencyUS.P50 == 0 || s.LatencyUS.P99 < s.LatencyUS.P50 || s.LatencyUS.Max < s.LatencyUS.P99 {
		t.Errorf("latency %+v", s.LatencyUS)
	}
	if s.DoubleDebits != 0 || s.Usage.Lost != 0 || s.SessionsOpen != 0 || s.ReservedAfterDrain != 0 || s.ReservationsOpen != 0 ||
		s.BooksDifference != 0 || len(s.Problems) != 0 || s.AnswerMismatches != 0 {
		t.Errorf("the books do not close: %s", text)
	}
	if s.Customers.Resumed != s.Customers.Suspended {
		t.Errorf("customers: %s", &s.Customers)
	}
	if s.Asked.ReauthoriseAnswered != s.Asked.Reauthorise || s.Asked.AbortAnswered != s.Asked.Abort {
		t.Errorf("asked of gateways: %s", &s.Asked)
	}
	if out := p.text(); !strings.Contains(out, "gyro is up") || !strings.Contains(out, "The books close.") || !strings.Contains(out, "asked of gateways: RAR ") || strings.Contains(out, "  2001 0  ") {
		t.Errorf("it said\n%s", out)
	}
	leftovers(t, work)
	t.Logf("%d CCRs, %d answers 2001, p50 %d us, p99 %d us, %d rating groups compared, 0 doubled, 0 lost",
		s.CCRTotal, s.Answers2001, s.LatencyUS.P50, s.LatencyUS.P99, s.Usage.Compared)
	return append(tooFew(t, &s), fromOrderToCash(t, s.Office, s.Look)...)
}

// tooFew names what happened too rarely in the charging half.
func tooFew(t *testing.T, s *demo.Summary) (few []string) {
	t.Helper()
	if s.CCRTotal < 1000 || s.Answers2001 < 1000 || s.Retransmissions == 0 || s.DuplicatesAnswered == 0 || s.Usage.Compared < 100 {
		few = append(few, fmt.Sprintf("%d CCRs, %d answers, %d retransmissions, %d answered from memory, %d compared",
			s.CCRTotal, s.Answers2001, s.Retransmissions, s.DuplicatesAnswered, s.Usage.Compared))
	}
	if c := &s.Customers; c.TopUps == 0 || c.Vouchers == 0 || c.AddOns == 0 || c.Suspended == 0 || c.Renewals < 100 || c.Notices == 0 {
		few = append(few, fmt.Sprintf("customers: %s", c))
	}
	if s.Asked.Reauthorise == 0 || s.Asked.Abort == 0 {
		few = append(few, fmt.Sprintf("asked of gateways: %s", &s.Asked))
	}
	if g := &s.Gateways; g.Led == 0 || g.WentOn == 0 || g.AccessChanges == 0 || g.Roaming == 0 {
		few = append(few, fmt.Sprintf("gateways: %s", g))
	}
	for _, service := range []string{"internet", "video", "voice", "sms", "data-5gb", "family", "unlimited", "iot-device", "business"} {
		if revenueOf(t, s.Revenue, service) <= 0 {
			few = append(few, service+" earned nothing")
		}
	}
	return few
}

// fromOrderToCash checks what the office did meanwhile, and names what happened too rarely. Scenes that there was no time for,
// on a machine that does a lot at once, are said to be left out; the first ones there is time for.
func fromOrderToCash(t *testing.T, f *thread.Figures, look []string) (few []string) {
	t.Helper()
	if f == nil {
		t.Fatal("there was no office")
	}
	if f.Completed != f.Orders || f.Activations > f.Customers {
		t.Errorf("orders: %+v", f)
	}
	if f.Checks == 0 || len(f.Problems) != 0 || f.UsageTaken != f.UsageRecords || f.Retried < f.Fallout {
		t.Errorf("books of the office, or its fallout: %+v", f)
	}
	if f.Orders < 5 || f.Activations < 5 || f.Fallout < 2 || f.UsageRecords == 0 || f.UsageParked >= f.UsageTaken || len(f.LeftOut) > 3 {
		few = append(few, fmt.Sprintf("office: %s, left out %v", f.Line(), f.LeftOut))
	}
	left := strings.Join(f.LeftOut, ", ")
	for scene, done := range map[string]bool{
		"an invoice run": f.Invoices >= 3 && f.Parked == 0 && decimalOf(t, f.Billed) > 0, "a change of plan": f.PlanChanges == 1 && f.Suspended == 1 && f.Resumed == 1,
		"payments": f.Payments >= f.Invoices-1, "dunning": f.Dunned >= 4 && f.Debtors == 1, "the debtor's": f.Returned == 1 && decimalOf(t, f.Open) == 0 && f.Paid == f.Billed,
	} {
		if !done && !strings.Contains(left, scene) {
			t.Errorf("%s: %+v", scene, f)
		}
	}
	program, err := os.Executable() // as the test calls it
	if err != nil {
		t.Fatal(err)
	}
	if len(look) < 2 || !strings.HasPrefix(look[1], program+" order list --office http://") {
		t.Errorf("it does not say where to look, in the words in which it was called: %q", look)
	}
	if said := look[max(len(look), 1)-1]; !strings.HasPrefix(said, "curl -X PUT http://") || !strings.Contains(said, "/admin/faults") {
		t.Errorf("it does not say how its HSS is told to refuse a change: %q", look)
	}
	t.Logf("office: %s; left out: %s", f.Line(), left)
	return few
}

// decimalOf reads a decimal.
func decimalOf(t *testing.T, text string) float64 {
	t.Helper()
	amount, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Errorf("%q is no amount", text)
	}
	return amount
}

// revenueOf reads what a service earned, in euros.
func revenueOf(t *testing.T, list []demo.Revenue, service string) float64 {
	t.Helper()
	for _, r := range list {
		if r.Service == service && r.Currency == "EUR" {
			amount, err := strconv.ParseFloat(r.Amount, 64)
			if err != nil {
				t.Fatalf("revenue %+v: %v", r, err)
			}
			return amount
		}
	}
	return 0
}

// leftovers reports what the demo left behind.
func leftovers(t *testing.T, work string) {
	t.Helper()
	entries, err := os.ReadDir(work)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 0 {
		t.Errorf("the demo left %v behind", entries)
	}
}

// TestDemoRejects names what cannot be done at once, and leaves nothing behind.
func TestDemoRejects(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"--for -1s: must not be negative":     {"--demo", "--for", "-1s"},
		"--rate: at least 1":                  {"--demo", "--rate", "0"},
		"--for goes with --demo":              {"--for", "-1s"},
		"--summary: open /dev/null/summary: ": {"--demo", "--summary", "/dev/null/summary"},
	} {
		work := t.TempDir()
		if said := refused(t, []string{"TMPDIR=" + work}, append([]string{"up"}, args...)...); !strings.Contains(said, want) {
			t.Errorf("%v: it said %q, want %q", args, said, want)
		}
		leftovers(t, work)
	}
}

// TestWritable leaves a file that is there as it is, and none where there was none.
func TestWritable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	kept, none := filepath.Join(dir, "kept"), filepath.Join(dir, "none")
	if err := os.WriteFile(kept, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(writable(kept), writable(none), writable("")); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(kept); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := os.Lstat(none); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was left: %v", err)
	}
	if err := writable(dir); err == nil {
		t.Error("a directory can be written")
	}
}

// serving is a view of the demo with sessions that were granted credit.
var serving = regexp.MustCompile(` +[1-9]\d* sessions .* 2001 [1-9]\d{2,} `)

// TestDemoInterrupted ends the demo by Ctrl-C, which a terminal sends to the whole process group.
func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "summary.json")
	p, work := startDemo(t, "--summary", file)
	eventually(t, "the demo serves", func() bool { return serving.MatchString(p.text()) })
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := p.exitWithin(longestDemo + patience); err != nil {
		t.Fatalf("it ended with %v\n%s", err, p.output())
	}
	var s demo.Summary
	text, err := os.ReadFile(file)
	if err := errors.Join(err, json.Unmarshal(text, &s)); err != nil {
		t.Fatal(err)
	}
	if s.CCRTotal == 0 || s.SessionsOpen != 0 || s.DoubleDebits != 0 || s.Usage.Lost != 0 || s.Usage.Compared == 0 {
		t.Errorf("summary %s", text)
	}
	leftovers(t, work)
}

// TestDemoAfterAKill kills the demo with its sessions open and starts it anew on what it left: the new elements know nothing of
// those sessions, and the books close all the same.
func TestDemoAfterAKill(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p, _ := startDemo(t, "--data", data)
	eventually(t, "the demo serves", func() bool { return serving.MatchString(p.text()) })
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := p.exit(); err == nil {
		t.Fatalf("it was not killed\n%s", p.output())
	}
	again, work := startDemo(t, "--data", data)
	eventually(t, "the second demo serves", func() bool { return serving.MatchString(again.text()) })
	again.signal(syscall.SIGINT)
	if err := again.exitWithin(longestDemo + patience); err != nil || !strings.Contains(again.text(), "The books close.") {
		t.Fatalf("the second demo ended with %v\n%s", err, again.output())
	}
	leftovers(t, work)
}

// TestDemoElementDies kills one of the demo's network elements: the demo must notice, end and fail.
func TestDemoElementDies(t *testing.T) {
	t.Parallel()
	p, _ := startDemo(t)
	eventually(t, "the demo draws its view", func() bool { return strings.Contains(p.text(), " CCR/s ") })
	pid := childOf(t, p.cmd.Process.Pid, "smsc")
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var status *exec.ExitError
	if err := p.exit(); !errors.As(err, &status) || status.ExitCode() != 1 {
		t.Errorf("it ended with %v, want status 1", err)
	}
	if out := p.output(); !strings.Contains(out, "element smsc ended by itself") {
		t.Errorf("it does not say which element ended:\n%s", out)
	}
}

// childOf finds the process that a process has started with a word among its arguments.
func childOf(t *testing.T, parent int, word string) int {
	t.Helper()
	tasks, err := filepath.Glob("/proc/" + strconv.Itoa(parent) + "/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		children, err := os.ReadFile(task)
		if err != nil {
			continue // the thread is gone
		}
		for child := range strings.FieldsSeq(string(children)) {
			line, err := os.ReadFile("/proc/" + child + "/cmdline")
			if err == nil && strings.Contains("\x00"+string(line), "\x00"+word+"\x00") {
				pid, err := strconv.Atoi(child)
				if err != nil {
					t.Fatal(err)
				}
				return pid
			}
		}
	}
	t.Fatalf("process %d has started no %s", parent, word)
	return 0
}
