package adapter_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gyro/internal/simulator"
	"gyro/network/element/policy"
	"gyro/network/element/repository"
	"gyro/network/element/subscriberdata"
)

// asElement is the variable that makes this test binary be the element it tests against: name, address and file. So what
// dies in the tests is a process, and what it acknowledged has to be in its file.
const asElement = "TEST_BINARY_IS_THE_ELEMENT"

func TestMain(m *testing.M) {
	if arguments := os.Getenv(asElement); arguments != "" {
		fmt.Fprintln(os.Stderr, beElement(strings.Fields(arguments)))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func beElement(arguments []string) error {
	open := map[string]func(string) (*repository.Repository, error){"hss": subscriberdata.Open, "pcrf": policy.Open}[arguments[0]]
	r, err := open(arguments[2])
	if err != nil {
		return err
	}
	s, err := simulator.NewServer(simulator.Options{
		Name: arguments[0], Handler: r, Subject: r.Subject, Statistics: r.Statistics, Exit: os.Exit, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", arguments[1])
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return s.Serve(context.Background(), l)
}

// process is a simulated element that a test may kill and start again.
type process struct {
	t                    testing.TB
	name, address, state string
	cmd                  *exec.Cmd
	gone                 chan struct{}
}

func start(t testing.TB, name string) *process {
	p := &process{t: t, name: name, address: "127.0.0.1:0", state: filepath.Join(t.TempDir(), "state")}
	p.begin()
	t.Cleanup(p.kill)
	return p
}

// begin starts the process. While it was gone the system may have lent its port to a connection of somebody else's.
func (p *process) begin() {
	p.t.Helper()
	for until := time.Now().Add(patience); !p.began(); {
		if time.Now().After(until) {
			p.t.Fatalf("the simulated %s does not begin", p.name)
		}
	}
}

func (p *process) began() bool {
	p.t.Helper()
	self, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	p.cmd = exec.Command(self)
	p.cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %s", asElement, p.name, p.address, p.state))
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		p.t.Logf("the simulated %s does not begin: %v, %v", p.name, err, p.cmd.Wait())
		return false
	}
	p.address = strings.TrimSpace(line)
	p.gone = make(chan struct{})
	go func(cmd *exec.Cmd, gone chan struct{}) {
		_ = cmd.Wait() // it is killed, or told to die
		close(gone)
	}(p.cmd, p.gone)
	return true
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may be gone
	<-p.gone
}

// again starts the process anew if it has died.
func (p *process) again() {
	p.t.Helper()
	select {
	case <-p.gone:
		p.begin()
	default:
	}
}

// ask sends a request past the adapter.
func (p *process) ask(method, path string, body any) (int, map[string]any) {
	p.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	q, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.address+path, bytes.NewReader(data))
	if err != nil {
		p.t.Fatal(err)
	}
	q.Close = true // the next process is not reached by this one's connections
	response, err := http.DefaultClient.Do(q)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	var document map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &document); err != nil {
			p.t.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
	return response.StatusCode, document
}

func (p *process) fail(f simulator.Faults) {
	p.t.Helper()
	if status, said := p.ask(http.MethodPut, "/admin/faults", f); status != http.StatusOK {
		p.t.Fatalf("faults %v: %d %v", f, status, said)
	}
}

// patience is reached only by a test that fails.
const patience = time.Minute
