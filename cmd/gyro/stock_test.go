package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"gyro/bench"
	"gyro/internal/certificate/certtest"
)

// How the server names itself.
const stockServer, stockServerRealm = "ocs.stock.example", "ocs.example"

// startStockServer starts a server that holds gateways to the letter of RFC 8506 and asks after them as often as RFC 3539
// allows, with the benchmark's catalogue.
func startStockServer(t *testing.T) (*program, *office) {
	t.Helper()
	p := newSite(t, "diameter: {profile: strict, watchdog: 6s}\n", "--origin-host", stockServer, "--origin-realm", stockServerRealm).start()
	o := newOffice(t, p.http)
	o.must(http.MethodPut, "/charging/v1/catalogs/demo", "application/yaml", bench.Catalog, nil)
	return p, o
}

// TestErlangGateway has Erlang/OTP's diameter go through the dialogues, and stay until the server tells it to go.
func TestErlangGateway(t *testing.T) {
	t.Parallel()
	p, o := startStockServer(t)
	c := startCapture(t, p.diameter)
	g := connectErlang(t, p.diameter)
	runDialogues(t, g, o)
	if got := g.ask("watchdog\n"); got != "DWA\n" {
		t.Errorf("its DWR: %s", got)
	}
	p.stop()
	if got := g.ask("down\n"); got != "down\n" {
		t.Errorf("upon the server's DPR: %s", got)
	}
	g.leave()
	c.judge("CEA", "CCA", "RAR", "DWA", "DPR")
}

// TestFreeDiameterGateway has freeDiameter go through the dialogues, answer a DWR and take its leave.
func TestFreeDiameterGateway(t *testing.T) {
	t.Parallel()
	p, o := startStockServer(t)
	c := startCapture(t, p.diameter)
	g := connectFreeDiameter(t, p.diameter, nil)
	runDialogues(t, g, o)
	if got := g.ask("watchdog\n"); got != "DWR\n" {
		t.Errorf("the server's DWR: %s", got)
	}
	g.leave()
	p.stop()
	c.judge("CEA", "CCA", "RAR", "DWR", "DPA")
}

// TestFreeDiameterOverTLS has freeDiameter, whose TLS is that of GnuTLS, go through the dialogues on a listener for TLS.
func TestFreeDiameterOverTLS(t *testing.T) {
	t.Parallel()
	dir, authority := t.TempDir(), certtest.New(t)
	authority.Write(dir, stockServer)
	text, address := tlsConfigOf(t, dir)
	text = strings.Replace(text, "diameter: {", "diameter: {profile: strict, ", 1)
	p := newSite(t, text, "--origin-host", stockServer, "--origin-realm", stockServerRealm).start()
	o := newOffice(t, p.http)
	o.must(http.MethodPut, "/charging/v1/catalogs/demo", "application/yaml", bench.Catalog, nil)
	g := connectFreeDiameter(t, address, authority)
	runDialogues(t, g, o)
	g.leave()
	p.stop()
}

// TestSimulatedElementsUnderTshark has the simulated elements run against the server, and tshark look at what both send.
func TestSimulatedElementsUnderTshark(t *testing.T) {
	t.Parallel()
	p, o := startStockServer(t)
	const subscribers = 16
	for n := range subscribers {
		id := fmt.Sprintf("sub-%d", n)
		o.account(id, "prepaid", "0.00", `["payg"]`, n)
		o.topUp(id, []string{"25.00", "0.40"}[n%2], "opening")
	}
	c := startCapture(t, p.diameter)
	var elements []*program
	for _, kind := range []string{"pgw", "ims", "smsc"} {
		elements = append(elements, launch(t, command(t, "simulate", kind, "--connect", p.diameter, "--requests", "150", "--rate", "50",
			"--sessions", "20", "--subscribers", fmt.Sprint(subscribers), "--report", "json", "--destination-realm", stockServerRealm,
			"--imsi-base", fmt.Sprintf("%015d", firstIMSI), "--msisdn-base", fmt.Sprint(firstMSISDN))))
	}
	for _, e := range elements {
		if err := e.exit(); err != nil {
			t.Errorf("%v\n%s", err, e.output())
		}
	}
	p.stop()
	for _, m := range c.judge("CEA", "CCA", "DPA") {
		// The elements are the project's own, so that their messages are judged, too.
		for _, finding := range m.findings {
			if !m.fromServer {
				t.Errorf("frame %s, %s of an element: %s", m.frame, m.name(), finding)
			}
		}
	}
}

// runDialogues has a gateway go through testdata/stock/dialogues; the README there is the manual.
func runDialogues(t *testing.T, g *stockGateway, o *office) {
	t.Helper()
	d := &dialogue{gateway: g, office: o}
	datadriven.Walk(t, stockFile(t, "dialogues"), func(t *testing.T, path string) {
		if strings.HasSuffix(path, ".md") {
			return
		}
		// What stops a file stops the test that runs it, and no other.
		g.t, o.t = t, t
		datadriven.RunTest(t, path, d.run)
	})
	g.t, o.t = t, t
}

// dialogue is what a gateway and an operator have with the server.
type dialogue struct {
	gateway  *stockGateway
	office   *office
	accounts int
	usage    uint64 // up to where usage was shown
}

func (d *dialogue) run(t *testing.T, td *datadriven.TestData) string {
	switch td.Cmd {
	case "cea":
		return masked(d.gateway.cea)
	case "catalog":
		d.office.must(http.MethodPut, "/charging/v1/catalogs/"+argument(t, td, "name"), "application/yaml", []byte(td.Input), nil)
		return ""
	case "account":
		return d.account(t, td)
	case "top-up":
		d.office.topUp(argument(t, td, "id"), argument(t, td, "money"), td.Pos)
		return ""
	case "request":
		return masked(d.gateway.ask("request\n"))
	case "ccr":
		return masked(d.gateway.ask("CCR\n" + d.request(t, td)))
	case "usage":
		var of string
		td.MaybeScanArgs(t, "of", &of)
		return d.showUsage(of)
	case "state":
		return d.showState(t, td)
	}
	t.Fatalf("%s: unknown command %s", td.Pos, td.Cmd)
	return ""
}

// masked hides when the server started, and when a tariff changes.
func masked(text string) string {
	return moments.ReplaceAllString(text, "${1}*")
}

var moments = regexp.MustCompile(`(?m)^( *(?:Origin-State-Id|Tariff-Time-Change) ).*$`)

func argument(t *testing.T, td *datadriven.TestData, key string) string {
	t.Helper()
	var value string
	td.ScanArgs(t, key, &value)
	return value
}

func (d *dialogue) account(t *testing.T, td *datadriven.TestData) string {
	id, offer := argument(t, td, "id"), "payg"
	td.MaybeScanArgs(t, "offer", &offer)
	d.office.account(id, "prepaid", "0.00", `["`+offer+`"]`, d.accounts)
	d.office.topUp(id, argument(t, td, "money"), "opening")
	d.accounts++
	return fmt.Sprintf("IMSI %015d MSISDN %d\n", firstIMSI+d.accounts-1, firstMSISDN+d.accounts-1)
}

// The types of CC-Request-Type, RFC 8506 section 8.3.
var requestTypes = map[string]int{"initial": 1, "update": 2, "termination": 3, "event": 4}

// timeEpoch is the Unix time of the epoch of Time (RFC 6733 section 4.3.1) with its sign turned.
const timeEpoch = 2_208_988_800

// request returns the CCR that a command describes: what every CCR has comes of the arguments.
func (d *dialogue) request(t *testing.T, td *datadriven.TestData) string {
	number, kind := 0, requestTypes[argument(t, td, "type")]
	td.MaybeScanArgs(t, "number", &number)
	var b strings.Builder
	fmt.Fprintf(&b, "Session-Id \"%s;%s\"\n", stockHost, argument(t, td, "session"))
	fmt.Fprintf(&b, "Origin-Host %q\nOrigin-Realm %q\nDestination-Realm %q\n", stockHost, stockRealm, stockServerRealm)
	fmt.Fprintf(&b, "Auth-Application-Id 4\nService-Context-Id \"%s@3gpp.org\"\n", argument(t, td, "context"))
	fmt.Fprintf(&b, "CC-Request-Type %d\nCC-Request-Number %d\nEvent-Timestamp %d\n", kind, number, time.Now().Unix()+timeEpoch)
	if td.HasArg("imsi") {
		fmt.Fprintf(&b, "Subscription-Id\n  Subscription-Id-Type 1\n  Subscription-Id-Data %q\n", argument(t, td, "imsi"))
	}
	if td.Input != "" {
		b.WriteString(td.Input + "\n")
	}
	return b.String()
}

// usageLine is what the tests look at of a record of usage.
type usageLine struct {
	Kind      string `json:"kind"`
	Cause     string `json:"cause"`
	Account   string `json:"account"`
	SessionID string `json:"session_id"`
	Service   string `json:"service"`
	Called    string `json:"called"`
	Requests  int    `json:"requests"`
	Unit      string `json:"unit"`
	Used      uint64 `json:"used"`
	Billed    uint64 `json:"billed"`
	Charged   string `json:"charged"`
	Currency  string `json:"currency"`
}

// showUsage shows the records of usage that were written since the last time, of an account or of all.
func (d *dialogue) showUsage(of string) string {
	var page struct {
		Records []json.RawMessage `json:"records"`
		Next    uint64            `json:"next"`
	}
	d.office.must(http.MethodGet, fmt.Sprintf("/charging/v1/usage?after=%d", d.usage), "", nil, &page)
	d.usage = page.Next
	var b strings.Builder
	for _, raw := range page.Records {
		var r usageLine
		if err := json.Unmarshal(raw, &r); err != nil {
			d.office.t.Fatal(err)
		}
		if of != "" && r.Account != of {
			continue
		}
		fmt.Fprintf(&b, "%s %s of %s: %s", r.Kind, r.SessionID, r.Account, r.Service)
		if r.Called != "" {
			fmt.Fprintf(&b, " to %s", r.Called)
		}
		fmt.Fprintf(&b, ", %d requests, %s: %d used, %d billed, %s %s charged\n", r.Requests, r.Unit, r.Used, r.Billed, r.Charged, r.Currency)
	}
	return b.String()
}

func (d *dialogue) showState(t *testing.T, td *datadriven.TestData) string {
	s := d.office.state(argument(t, td, "id"))
	return fmt.Sprintf("remaining %s, reserved %s, open sessions %d\n", s.Remaining, s.Reserved, len(s.OpenSessions))
}
