package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"gyro/network/element"
)

// elementSpec is one simulated network element of the demo.
type elementSpec struct {
	name  string
	args  []string
	joins bool // subscribers join it while it runs, and nobody else uses it
}

// elements are the demo's network: each is a process of its own. Their names
// are those of Profiles.
func (o *Options) elements() []elementSpec {
	people, devices := &o.Operator.Groups[0], &o.Operator.Groups[len(o.Operator.Groups)-1]
	element := func(name string, share int, customers *Group, args ...string) elementSpec {
		return elementSpec{name: name, args: append([]string{
			"simulate", args[0], "--connect", o.Server, "--rate", fmt.Sprint(max(o.Rate*share/100, 1)), "--origin-host", elementHost(name),
			"--origin-realm", "demo.example", "--destination-realm", o.Realm, "--subscribers", fmt.Sprint(customers.Subscribers),
			"--imsi-base", o.Operator.imsi(customers.first), "--msisdn-base", o.Operator.msisdn(customers.first),
			"--report", "json", "--retransmit", "10", "--seed", fmt.Sprint(o.Seed), "--usage-log", o.usageLog(name),
		}, args[1:]...)}
	}
	list := []elementSpec{
		element("smf", 20, people, "pgw", "--style", "open5gs", "--sessions", "200", "--max-octets", "4000000"),
		element("pgw", 40, people, "pgw", "--style", "staros", "--sessions", "300", "--rating-groups", "10,20,30,40", "--patience", "4s",
			"--access", "6,10,1,3", "--access-change", "100", "--roaming", "120", "--visited", "20801,22210,21407,22802,23410,310260,52001"),
		element("iot", 3, devices, "pgw", "--style", "pgw", "--sessions", "50", "--rating-groups", "60", "--apn", "iot.demo",
			"--access", "8,9", "--max-octets", "200000"),
		element("ims", 25, people, "ims", "--sessions", "200", "--on-net", "300"),
		element("smsc", 10, people, "smsc", "--sessions", "50", "--on-net", "300"),
	}
	if o.Office == nil {
		return list
	}
	// Those whom orders have activated: their allowances and their calls.
	newcomers := []elementSpec{
		element("pgw-new", 2, people, "pgw", "--style", "pgw", "--sessions", "20", "--rating-groups", "10,20", "--max-octets", "4000000", "--join"),
		element("ims-new", 2, people, "ims", "--sessions", "20", "--join"),
	}
	for n := range newcomers {
		newcomers[n].joins = true
	}
	return append(list, newcomers...)
}

// join tells the elements of newcomers about one.
func join(elements []*networkElement, imsi, msisdn string) error {
	for _, e := range elements {
		if e.joins == nil {
			continue
		}
		if _, err := fmt.Fprintf(e.joins, "%s %s\n", imsi, msisdn); err != nil {
			return fmt.Errorf("element %s: %w; its log is %s", e.name, err, e.log)
		}
	}
	return nil
}

// Profiles are the profiles of the elements by their Origin-Hosts, under which
// the server is to serve them.
func Profiles() map[string]string {
	return map[string]string{
		elementHost("smf"): "open5gs", elementHost("pgw"): "staros", elementHost("iot"): "lenient",
		elementHost("ims"): "kamailio", elementHost("smsc"): "lenient",
		elementHost("pgw-new"): "lenient", elementHost("ims-new"): "kamailio",
	}
}

func elementHost(name string) string { return name + ".demo.example" }

// usageLog is the file in which an element says what its sessions used.
func (o *Options) usageLog(name string) string { return filepath.Join(o.Dir, name+".usage") }

// networkElement is a running element and its latest report.
type networkElement struct {
	process
	mu     sync.Mutex
	report element.Report
	// joins takes an IMSI and an MSISDN a line; nil where nobody joins.
	joins io.WriteCloser
}

// startElement starts an element.
func startElement(spec elementSpec, dir string) (*networkElement, error) {
	p, err := prepare(spec.name, spec.args, dir)
	if err != nil {
		return nil, err
	}
	e := &networkElement{process: *p}
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
	if spec.joins {
		if e.joins, err = e.cmd.StdinPipe(); err != nil {
			return nil, err
		}
	}
	err = e.start(out, func(line []byte) {
		var r element.Report
		if json.Unmarshal(line, &r) == nil {
			e.mu.Lock()
			e.report = r
			e.mu.Unlock()
		}
	})
	return e, err
}

func (e *networkElement) latest() element.Report {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.report
}

// stopTimeout bounds the end of an element. It waits for the answers to its CCR-Ts for half of that at most.
const stopTimeout = time.Minute

// stop has the element end its sessions and disconnect.
func (e *networkElement) stop(ctx context.Context) error {
	if err := e.terminate(ctx, stopTimeout); err != nil {
		return err
	}
	if !e.latest().Final {
		return fmt.Errorf("element %s ended without a final report; its log is %s", e.name, e.log)
	}
	return nil
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
