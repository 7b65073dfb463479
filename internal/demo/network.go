package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"gyro/network/element"
)

// elementSpec is one simulated network element of the demo.
type elementSpec struct {
	name string
	args []string
}

// elements are the demo's network: each is a process of its own.
func (o *Options) elements() []elementSpec {
	common := func(host string, share int) []string {
		return []string{
			"--connect", o.Server, "--rate", fmt.Sprint(max(o.Rate*share/100, 1)), "--origin-host", host + ".demo.example",
			"--origin-realm", "demo.example", "--destination-realm", o.Realm,
			"--subscribers", fmt.Sprint(o.Operator.Subscribers), "--imsi-base", o.Operator.IMSIBase, "--msisdn-base", o.Operator.MSISDNBase,
			"--report", "json", "--retransmit", "10", "--seed", fmt.Sprint(o.Seed),
			"--usage-log", o.usageLog(host),
		}
	}
	return []elementSpec{
		{"smf", append([]string{"simulate", "pgw", "--style", "open5gs", "--sessions", "200", "--max-octets", "4000000"}, common("smf", 25)...)},
		{"pgw", append([]string{"simulate", "pgw", "--style", "pgw", "--sessions", "300", "--rating-groups", "10,20,30,40"}, common("pgw", 40)...)},
		{"ims", append([]string{"simulate", "ims", "--sessions", "200"}, common("ims", 25)...)},
		{"smsc", append([]string{"simulate", "smsc", "--sessions", "50"}, common("smsc", 10)...)},
	}
}

// usageLog is the file in which an element says what its sessions used.
func (o *Options) usageLog(name string) string { return filepath.Join(o.Dir, name+".usage") }

// networkElement is a running element and its latest report.
type networkElement struct {
	elementSpec
	cmd    *exec.Cmd
	log    string
	done   chan error
	mu     sync.Mutex
	report element.Report
}

// startElement starts an element in its own process group: a Ctrl-C in the
// terminal reaches the demo alone, which ends the elements in order.
func startElement(spec elementSpec, dir string) (*networkElement, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	e := &networkElement{elementSpec: spec, cmd: exec.Command(self, spec.args...), done: make(chan error, 1)}
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	e.log = filepath.Join(dir, spec.name+".log")
	log, err := os.Create(e.log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the element has its own copy
	e.cmd.Stderr = log
	out, err := e.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := e.cmd.Start(); err != nil {
		return nil, fmt.Errorf("element %s: %w", spec.name, err)
	}
	go func() {
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var r element.Report
			if json.Unmarshal(lines.Bytes(), &r) == nil {
				e.mu.Lock()
				e.report = r
				e.mu.Unlock()
			}
		}
		e.done <- e.cmd.Wait()
	}()
	return e, nil
}

func (e *networkElement) latest() element.Report {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.report
}

// stopTimeout bounds an element's wait for the answers to its CCR-Ts.
const stopTimeout = 30 * time.Second

// stop has the element end its sessions and disconnect.
func (e *networkElement) stop(ctx context.Context) error {
	_ = e.cmd.Process.Signal(syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	select {
	case err := <-e.done:
		if err != nil {
			return fmt.Errorf("element %s: %w; its log is %s", e.name, err, e.log)
		}
		if !e.latest().Final {
			return fmt.Errorf("element %s ended without a final report; its log is %s", e.name, e.log)
		}
		return nil
	case <-ctx.Done():
		_ = e.cmd.Process.Kill()
		return fmt.Errorf("element %s did not end within %s; its log is %s", e.name, stopTimeout, e.log)
	}
}

// merged joins the latest reports of all elements.
func merged(elements []*networkElement) (all element.Report) {
	for n, e := range elements {
		r := e.latest()
		if n == 0 {
			all = element.Report{Final: r.Final, Connected: r.Connected}
		}
		all.Merge(&r)
	}
	return all
}
