package api

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/textproto"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gyro/charging"
	"gyro/charging/engine"
	"gyro/internal/coretest"

	"github.com/cockroachdb/datadriven"
)

// TestScenarios plays the scripts in testdata/api against a server over a real
// core. Run with -rewrite to take over what it answers, then read it.
func TestScenarios(t *testing.T) {
	scripts, err := filepath.Glob("../testdata/api/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) { runScript(t, path) })
	}
}

func runScript(t *testing.T, path string) {
	core := newCore(t, engine.Options{})
	client, _ := newServer(t, Options{Engine: core})
	datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
		t.Helper()
		switch d.Cmd {
		case "http":
			return client.play(d.Input)
		case "publish":
			client.publish()
		case "ccr":
			return play(t, core, d)
		case "settings":
			core.configure(t, d.Input)
		case "vouchers":
			return core.vouchers(t, d)
		case "checkpoint":
			if err := core.Journal.Checkpoint(); err != nil {
				t.Fatal(err)
			}
		case "wait":
			var text string
			d.ScanArgs(t, "for", &text)
			length, err := time.ParseDuration(text)
			if err != nil {
				t.Fatal(err)
			}
			core.Advance(length)
		default:
			t.Fatalf("unknown command %q", d.Cmd)
		}
		return ""
	})
}

// shown are the headers that are part of the API.
var shown = []string{"Allow", "ETag", "Idempotent-Replayed", "Retry-After", "WWW-Authenticate", "X-Catalog-Version"}

// play sends a request as it stands in a script: request line, header lines,
// and after an empty line the body.
func (c *client) play(script string) string {
	c.t.Helper()
	head, body, _ := strings.Cut(script+"\n", "\n\n")
	reader := textproto.NewReader(bufio.NewReader(strings.NewReader(head + "\n\n")))
	line, err := reader.ReadLine()
	if err != nil {
		c.t.Fatal(err)
	}
	method, path, found := strings.Cut(line, " ")
	if !found {
		c.t.Fatalf("no request line: %q", line)
	}
	fields, err := reader.ReadMIMEHeader()
	if err != nil {
		c.t.Fatal(err)
	}
	var header []string
	for name, values := range fields {
		for _, value := range values {
			header = append(header, name, value)
		}
	}
	if name, found := strings.CutPrefix(strings.TrimSpace(body), "@"); found {
		body = readFile(c.t, name)
	}
	a := c.send(method, path, body, header...)
	var out bytes.Buffer
	fmt.Fprintf(&out, "%d %s\n", a.status, http.StatusText(a.status))
	for _, name := range shown {
		if value := a.header.Get(name); value != "" {
			fmt.Fprintf(&out, "%s: %s\n", name, value)
		}
	}
	switch {
	case a.body == "":
	case a.header.Get("Content-Type") != "application/json":
		fmt.Fprintf(&out, "%d octets of %s\n", len(a.body), a.header.Get("Content-Type"))
	case json.Indent(&out, []byte(a.body), "", "  ") != nil:
		c.t.Fatalf("not JSON: %s", a.body)
	}
	return strings.TrimRight(out.String(), "\n") + "\n"
}

// play sends a credit-control request into the core.
func play(t *testing.T, core *core, d *datadriven.TestData) string {
	t.Helper()
	var r coretest.Request
	var kind string
	d.ScanArgs(t, "type", &kind)
	d.ScanArgs(t, "session", &r.Session)
	d.ScanArgs(t, "imsi", &r.IMSI)
	d.MaybeScanArgs(t, "number", &r.Number)
	d.MaybeScanArgs(t, "group", &r.Group)
	d.MaybeScanArgs(t, "want", &r.Want)
	d.MaybeScanArgs(t, "used", &r.Used)
	for _, known := range [...]charging.RequestType{charging.Initial, charging.Update, charging.Termination, charging.Event} {
		if known.String() == kind {
			r.Kind = known
		}
	}
	o := core.Exchange(t, r)
	out := resultName(o.Result)
	for _, s := range o.Services {
		out += fmt.Sprintf(", group %d %s granted %d", s.RatingGroup, resultName(s.Result), s.Granted)
	}
	return out + "\n"
}
