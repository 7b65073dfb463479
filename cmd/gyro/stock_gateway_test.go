package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gyro/internal/certificate/certtest"
)

// Stock gateways are clients of Diameter from Debian's packages: Erlang/OTP's diameter and freeDiameter. What the tests
// add to them turns text into requests and answers into text; coding, checking, routing, the watchdog and the end of
// connections are theirs.

// How the gateways name themselves.
const stockHost, stockRealm = "gateway.stock.example", "stock.example"

// stockGateway is one of them, connected.
type stockGateway struct {
	t      *testing.T
	cmd    *exec.Cmd
	in     *os.File
	out    *bufio.Reader
	log    bytes.Buffer // complete once exited is closed
	exited chan struct{}
	err    error  // what it ended with, once exited
	cea    string // the answer to its CER, as it read it
}

// tool returns the path of a program that the tests are run with.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed: run make setup", name)
	}
	return path
}

// compile runs a compiler.
func compile(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool(t, name), args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v; if it misses a file that is not the project's, run make setup\n%s", name, args, err, out)
	}
}

// stockFile returns the path of a file of testdata/stock.
func stockFile(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "testdata", "stock", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// connectErlang starts the gateway of Erlang/OTP.
func connectErlang(t *testing.T, server string) *stockGateway {
	t.Helper()
	dir := t.TempDir()
	compile(t, dir, "diameterc", "-o", dir, stockFile(t, "erlang/gy.dia"))
	compile(t, dir, "erlc", "-Werror", "gy.erl")
	compile(t, dir, "erlc", "-Werror", stockFile(t, "erlang/gateway.erl"))
	cmd := exec.Command(tool(t, "erl"), "-noshell", "-pa", dir, "-s", "gateway", "main", "-extra", portOf(t, server), stockHost, stockRealm)
	return startStock(t, dir, cmd, func(requests, answers *os.File) {
		cmd.Stdin, cmd.Stdout = requests, answers
	})
}

// connectFreeDiameter starts the gateway of freeDiameter, which connects without encryption or, with an authority that the
// server trusts, over TLS. It does not start without a certificate, even if no peer ever sees it.
func connectFreeDiameter(t *testing.T, server string, trusted *certtest.Authority) *stockGateway {
	t.Helper()
	security := ""
	if trusted == nil {
		trusted, security = certtest.New(t), "No_TLS;"
	}
	dir := t.TempDir()
	compile(t, dir, "gcc", "-Wall", "-Werror", "-shared", "-fPIC", "-o", "gateway.fdx", stockFile(t, "freediameter/gateway.c"))
	trusted.Write(dir, stockHost)
	text, err := os.ReadFile(stockFile(t, "freediameter/freediameter.conf"))
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{
		"host": stockHost, "realm": stockRealm, "port": portOf(t, freeAddress(t)), "dir": dir,
		"server": stockServer, "server_port": portOf(t, server), "security": security,
	}
	configuration := filepath.Join(dir, "freediameter.conf")
	if err := os.WriteFile(configuration, []byte(os.Expand(string(text), func(name string) string { return values[name] })), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool(t, "freeDiameterd"), "-c", configuration)
	return startStock(t, dir, cmd, func(requests, answers *os.File) {
		// Its standard output is its log.
		cmd.ExtraFiles = []*os.File{requests, answers}
	})
}

// startStock starts a gateway and waits until it is connected. When the test ends it is killed, and its log shown if the
// test failed.
func startStock(t *testing.T, dir string, cmd *exec.Cmd, connect func(requests, answers *os.File)) *stockGateway {
	t.Helper()
	requests, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, answers, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	connect(requests, answers)
	g := &stockGateway{t: t, cmd: cmd, in: in, out: bufio.NewReader(out), exited: make(chan struct{})}
	cmd.Dir = dir // where Erlang leaves its crash dump
	cmd.Stderr = &g.log
	if cmd.Stdout == nil {
		cmd.Stdout = &g.log
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The gateway has these ends now; here they would hide that it is gone.
	_, _ = requests.Close(), answers.Close()
	go func() {
		defer close(g.exited)
		g.err = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be gone already
		<-g.exited
		_, _ = in.Close(), out.Close()
		if t.Failed() {
			t.Logf("%v ended with %v\n%s", cmd.Args, g.err, g.log.String())
		}
	})
	g.cea = g.read()
	return g
}

// ask gives the gateway a request, or another line that it knows, and returns what it prints.
func (g *stockGateway) ask(text string) string {
	g.t.Helper()
	if _, err := io.WriteString(g.in, text+".\n"); err != nil {
		g.t.Fatalf("the gateway is gone: %v", err)
	}
	return g.read()
}

// read returns what the gateway prints up to the full stop.
func (g *stockGateway) read() string {
	g.t.Helper()
	late := time.AfterFunc(patience, func() { _ = g.cmd.Process.Kill() })
	defer late.Stop()
	var text strings.Builder
	for {
		line, err := g.out.ReadString('\n')
		if err != nil {
			g.t.Fatalf("the gateway ended: %v", err)
		}
		if line == ".\n" {
			return text.String()
		}
		text.WriteString(line)
	}
}

// leave has the gateway disconnect and end by itself.
func (g *stockGateway) leave() {
	g.t.Helper()
	if err := g.in.Close(); err != nil {
		g.t.Fatal(err)
	}
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	select {
	case <-g.exited:
		if g.err != nil {
			g.t.Fatalf("the gateway ended with %v", g.err)
		}
	case <-deadline.C:
		g.t.Fatal("the gateway does not end")
	}
}
