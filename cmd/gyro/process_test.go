package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gyro/bench"
)

// asProgram is the variable that makes this test binary be the program it tests: what the tests start, signal and kill is
// the real main function in a process of its own, with the race detector whenever the tests have it.
const asProgram = "TEST_BINARY_IS_THE_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// patience bounds what a test waits for; it is only reached by a test that fails.
const patience = 2 * time.Minute

// eventually looks at a condition until it holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-deadline.C:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// logLine is a line of the program's log that the tests look at.
type logLine struct {
	Message  string `json:"msg"`
	Diameter string `json:"diameter"`
	HTTP     string `json:"http"`
}

// program is a process that a test started.
type program struct {
	t      testing.TB
	cmd    *exec.Cmd
	lines  chan logLine  // the log as it is written; what nobody waits for is dropped
	exited chan struct{} // closed when the process is gone and its output read
	err    error         // what it ended with, once exited
	killed bool          // by the test

	diameter, http string // where it listens, once ready

	mu     sync.Mutex
	stdout strings.Builder
	log    []string // the last lines
	total  int      // lines ever
}

// keptLines of a log are shown when a test fails.
const keptLines = 40

// command prepares the program with arguments in a process group of its own, without the settings that the tests' own
// environment may hold.
func command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Dir = t.TempDir() // where a default of a path leads
	cmd.Env = append(cmd.Env, asProgram+"=1")
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GYRO_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	// Most tests are about charging; those of the office turn it on.
	cmd.Env = append(cmd.Env, "GYRO_OFFICE_ENABLED=false")
	// Should the tests be killed, so is what they started.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// launch starts the program. When the test ends it is killed, and shown if the test failed.
func launch(t testing.TB, cmd *exec.Cmd) *program {
	t.Helper()
	p := &program{t: t, cmd: cmd, lines: make(chan logLine, 4096), exited: make(chan struct{})}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() { p.readLog(stderr) })
	reading.Go(func() { p.readOutput(stdout) })
	go func() {
		defer close(p.exited)
		reading.Wait()
		p.err = cmd.Wait()
		close(p.lines)
	}()
	t.Cleanup(func() {
		onPurpose := p.killed
		p.kill()
		if t.Failed() && !onPurpose {
			t.Logf("%v ended with %v\n%s", cmd.Args[1:], p.err, p.output())
		}
	})
	return p
}

func (p *program) readLog(stderr io.Reader) {
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.mu.Lock()
		p.total++
		if p.log = append(p.log, lines.Text()); len(p.log) > keptLines {
			p.log = p.log[1:]
		}
		p.mu.Unlock()
		var line logLine
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue // plain words, on the way out
		}
		select {
		case p.lines <- line:
		default:
		}
	}
}

func (p *program) readOutput(stdout io.Reader) {
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.mu.Lock()
		p.stdout.WriteString(lines.Text() + "\n")
		p.mu.Unlock()
	}
}

// output is the standard output and the last lines of the log.
func (p *program) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("standard output:\n%sthe last %d of %d lines of the log:\n%s", p.stdout.String(), len(p.log), p.total, strings.Join(p.log, "\n"))
}

// text is what the program wrote to its standard output so far.
func (p *program) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stdout.String()
}

// awaitLine waits for a line of the log with one of the messages; false means that the program ended before.
func (p *program) awaitLine(messages ...string) (logLine, bool) {
	p.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		select {
		case line, open := <-p.lines:
			if !open {
				return logLine{}, false
			}
			if slices.Contains(messages, line.Message) {
				return line, true
			}
		case <-deadline.C:
			p.t.Fatalf("waited in vain for a line of the log: %q\n%s", messages, p.output())
		}
	}
}

// drop forgets the lines of the log that nobody waited for.
func (p *program) drop() {
	for {
		select {
		case _, open := <-p.lines:
			if open {
				continue
			}
		default:
		}
		return
	}
}

// awaitReady waits until the program serves.
func (p *program) awaitReady() *program {
	p.t.Helper()
	line, ok := p.awaitLine(bench.ReadyMessage)
	if !ok {
		p.t.Fatalf("it ended before it was ready: %v\n%s", p.exit(), p.output())
	}
	p.diameter, p.http = line.Diameter, line.HTTP
	return p
}

// signal sends a signal to the process alone.
func (p *program) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("signal %v: %v", s, err)
	}
}

// kill ends the process as a power failure would end it, and waits until it is gone.
func (p *program) kill() {
	p.killed = true
	_ = p.cmd.Process.Kill() // it may be gone already
	<-p.exited
}

// exit waits until the process is gone by itself and returns what it ended with.
func (p *program) exit() error {
	p.t.Helper()
	return p.exitWithin(patience)
}

// exitWithin is exit for a process that takes its time.
func (p *program) exitWithin(most time.Duration) error {
	p.t.Helper()
	deadline := time.NewTimer(most)
	defer deadline.Stop()
	select {
	case <-p.exited:
	case <-deadline.C:
		p.t.Fatalf("it does not end\n%s", p.output())
	}
	return p.err
}

// stop has the process drain and end, which must succeed.
func (p *program) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	if err := p.exit(); err != nil {
		p.t.Fatalf("upon SIGTERM it ended with %v\n%s", err, p.output())
	}
}

// site is a data directory and two addresses on which the program is started again and again.
type site struct {
	t      testing.TB
	dir    string
	config string
	args   []string
}

// newSite makes a directory with a configuration file of the given YAML, and picks free ports.
func newSite(t testing.TB, config string, args ...string) *site {
	t.Helper()
	root := t.TempDir()
	s := &site{t: t, dir: filepath.Join(root, "data"), config: filepath.Join(root, "gyro.yaml")}
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s.args = append([]string{
		"up", "--config", s.config, "--data", s.dir, "--log-format", "json",
		"--diameter-listen", freeAddress(t), "--http-listen", freeAddress(t),
	}, args...)
	return s
}

// start starts the program on the site and waits until it serves.
func (s *site) start() *program {
	s.t.Helper()
	return launch(s.t, command(s.t, s.args...)).awaitReady()
}

// verify proves the books of a directory on which nothing runs.
func (s *site) verify(dir string) {
	s.t.Helper()
	if out, err := verifyDirectory(s.t, dir); err != nil {
		s.t.Errorf("gyro ledger verify: %v\n%s", err, out)
	}
}

func verifyDirectory(t testing.TB, dir string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := command(t, "ledger", "verify", "--data", dir)
	bound := exec.CommandContext(ctx, cmd.Path, cmd.Args[1:]...)
	bound.Env, bound.Dir, bound.SysProcAttr = cmd.Env, cmd.Dir, cmd.SysProcAttr
	out, err := bound.CombinedOutput()
	return string(out), err
}

// freeAddress returns a loopback address that nobody listens on. Its port lies below those that the system hands out by
// itself, so that nobody is given it while the program is down; the same port of UDP, which nobody needs, keeps other tests
// from it, of this and of other processes, until the test is over.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000))
		kept, err := net.ListenPacket("udp", address)
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp", address)
		if err == nil {
			err = l.Close()
		}
		if err != nil {
			_ = kept.Close()
			continue
		}
		t.Cleanup(func() { _ = kept.Close() })
		return address
	}
	t.Fatal("no free port between 10000 and 30000")
	return ""
}

// refused starts the program where it cannot start, and returns the sentence it says. It must end with status 1 and one
// sentence for people.
func refused(t testing.TB, environment []string, args ...string) string {
	t.Helper()
	cmd := command(t, args...)
	cmd.Env = append(cmd.Env, environment...)
	p := launch(t, cmd)
	err := p.exit()
	var status *exec.ExitError
	if !errors.As(err, &status) || status.ExitCode() != 1 {
		t.Fatalf("gyro %v ended with %v, want status 1\n%s", args, err, p.output())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	said := strings.Join(p.log, "\n")
	if !strings.HasPrefix(said, "gyro: ") || strings.Contains(said, "goroutine ") {
		t.Errorf("gyro %v said %q, want one sentence that begins with gyro:", args, said)
	}
	return said
}
