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

// elements are the demo's network: each is a process of its own. Their names
// are those of Profiles.
func (o *Options) elements() []elementSpec {
	people, devices := &o.Operator.Groups[0], &o.Operator.Groups[len(o.Operator.Groups)-1]
	element := func(name string, share int, customers *Group, args ...string) elementSpec {
		return elementSpec{name, append([]string{
			"simulate", args[0], "--connect", o.Server, "--rate", fmt.Sprint(max(o.Rate*share/100, 1)), "--origin-host", elementHost(name),
			"--origin-realm", "demo.example", "--destination-realm", o.Realm, "--subscribers", fmt.Sprint(customers.Subscribers),
			"--imsi-base", o.Operator.imsi(customers.first), "--msisdn-base", o.Operator.msisdn(customers.first),
			"--report", "json", "--retransmit", "10", "--seed", fmt.Sprint(o.Seed), "--usage-log", o.usageLog(name),
		}, args[1:]...)}
	}
	return []elementSpec{
		element("smf", 20, people, "pgw", "--style", "open5gs", "--sessions", "200", "--max-octets", "4000000"),
		element("pgw", 40, people, "pgw", "--style", "staros", "--sessions", "300", "--rating-groups", "10,20,30,40", "--patience", "4s",
			"--access", "6,10,1,3", "--access-change", "100", "--roaming", "120", "--visited", "20801,22210,21407,22802,23410,310260,52001"),
		element("iot", 3, devices, "pgw", "--style", "pgw", "--sessions", "50", "--rating-groups", "60", "--apn", "iot.demo",
			"--access", "8,9", "--max-octets", "200000"),
		element("ims", 25, people, "ims", "--sessions", "200", "--on-net", "300"),
		element("smsc", 10, people, "smsc", "--sessions", "50", "--on-net", "300"),
	}
}

// Profiles are the profiles of the elements by their Origin-Hosts, under which
// the server is to serve them.
func Profiles() map[string]string {
	return map[string]string{
		elementHost("smf"): "open5gs", elementHost("pgw"): "staros", elementHost("iot"): "lenient",
		elementHost("ims"): "kamailio", elementHost("smsc"): "lenient",
	}
}

func elementHost(name string) string { return name + ".demo.example" }

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
