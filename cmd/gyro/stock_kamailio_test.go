package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gyro/bench"
)

// kamailioServer is how the server names itself to Kamailio, which connects to its peers by their names: an address, for not
// every machine knows the name localhost.
const kamailioServer = "127.0.0.1"

// TestKamailioGateway has Kamailio's S-CSCF control the credit of calls between two telephones of sipp: one that is paid for,
// with updates under way, and one that is not and is refused.
func TestKamailioGateway(t *testing.T) {
	t.Parallel()
	p := newSite(t, "", "--origin-host", kamailioServer, "--origin-realm", stockServerRealm).start()
	o := newOffice(t, p.http)
	o.must(http.MethodPut, "/charging/v1/catalogs/demo", "application/yaml", bench.Catalog, nil)
	o.account("rich", "prepaid", "0.00", `["payg"]`, 0)
	o.topUp("rich", "5.00", "opening")
	o.account("poor", "prepaid", "0.00", `["payg"]`, 1)
	c := startCapture(t, p.diameter)
	k := startKamailio(t, p)

	called := sipp(t, "called.xml", k.telephone, "-m", "1")
	caller := sipp(t, "caller.xml", freeUDP(t), "-m", "1", "-d", "5000", "-key", "caller", fmt.Sprint(firstMSISDN), "-key", "called", "33142345678", k.address)
	for _, telephone := range []*program{caller, called} {
		if err := telephone.exit(); err != nil {
			t.Fatalf("the call: %v\n%s\n%s", err, telephone.output(), k.program.output())
		}
	}
	eventually(t, "the call is charged", func() bool { return len(o.state("rich").OpenSessions) == 0 && o.state("rich").Records == 2 })
	if s := o.state("rich"); s.Remaining != "4.81" || s.Reserved != "0.00" {
		t.Errorf("after a call of a minute at most, at 0.19: %+v", s)
	}
	d := &dialogue{office: o}
	if usage := d.showUsage("rich"); !strings.Contains(usage, "of rich: voice to 33142345678, ") || !strings.Contains(usage, "60 billed, 0.19 EUR charged") {
		t.Errorf("usage:\n%s", usage)
	}

	refused := sipp(t, "refused.xml", freeUDP(t), "-m", "1", "-key", "caller", fmt.Sprint(firstMSISDN+1), "-key", "called", "33142345678", k.address)
	if err := refused.exit(); err != nil {
		t.Errorf("a call that nothing pays for is to be answered 402: %v\n%s\n%s", err, refused.output(), k.program.output())
	}
	eventually(t, "the refused call's session is closed", func() bool { return o.books().OpenSessions == 0 })
	if s := o.state("poor"); s.Remaining != "0.00" || s.Excess != "0.00" {
		t.Errorf("after the refused call: %+v", s)
	}
	// Upon a DPR Kamailio closes the connection, at times before it has sent its DPA.
	p.kill()
	var types []string
	for _, m := range c.judge("CEA", "CCA") {
		if m.fromServer && m.name() == "CCA" {
			types = append(types, m.show("416")+" "+fmt.Sprint(m.result))
		}
	}
	want := []string{"1 2001", "2 2001", "3 2001", "1 2001"}
	if got := slices.Compact(types); len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Errorf("answers by CC-Request-Type and Result-Code: %q, want %q first, with one update or more", types, want)
	}
}

// kamailio is an S-CSCF that is connected to a server.
type kamailio struct {
	program   *program
	address   string // for SIP
	telephone string // where it passes calls on to
}

// startKamailio starts Kamailio with the configuration of testdata/stock/kamailio and waits until it is connected.
func startKamailio(t *testing.T, server *program) *kamailio {
	t.Helper()
	k := &kamailio{address: freeUDP(t), telephone: freeUDP(t)}
	dir := t.TempDir()
	values := map[string]string{
		"port": portOf(t, k.address), "telephone": portOf(t, k.telephone), "dir": dir, "host": stockHost, "realm": stockRealm,
		"server": kamailioServer, "server_realm": stockServerRealm, "server_port": portOf(t, server.diameter),
		"diameter_port": portOf(t, freeAddress(t)),
	}
	for _, name := range []string{"kamailio.cfg", "cdp.xml"} {
		text, err := os.ReadFile(stockFile(t, "kamailio/"+name))
		if err != nil {
			t.Fatal(err)
		}
		// What the test does not know is Kamailio's own: $avp, $du.
		filled := string(text)
		for key, value := range values {
			filled = strings.ReplaceAll(filled, "${"+key+"}", value)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(filled), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server.drop()
	cmd := exec.Command(tool(t, "kamailio"), "-f", filepath.Join(dir, "kamailio.cfg"), "-DD", "-E", "-m", "32", "-M", "4",
		"-Y", dir, "-P", filepath.Join(dir, "pid"))
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	k.program = launch(t, cmd)
	// Its processes are more than one, and it is killed, for its module crashes when it is asked to end.
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	settled(server)
	return k
}

// settled waits until a gateway is connected and stays so for a second. Kamailio's processes hand the connection's descriptor to
// each other, and now and then lose it right after the capabilities exchange; they connect again after Tc.
func settled(server *program) {
	server.t.Helper()
	for {
		if _, up := server.awaitLine("diameter peer up"); !up {
			server.t.Fatalf("the server has ended\n%s", server.output())
		}
		quiet := time.NewTimer(time.Second)
		for stays := true; stays; {
			select {
			case line := <-server.lines:
				stays = line.Message != "diameter peer down"
			case <-quiet.C:
				return
			}
		}
	}
}

// sipp starts a telephone with a scenario of testdata/stock/kamailio at an address.
func sipp(t *testing.T, scenario, address string, args ...string) *program {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool(t, "sipp"), append([]string{
		"-sf", stockFile(t, "kamailio/"+scenario), "-i", host, "-p", port, "-nostdin", "-timeout", "60s", "-timeout_error",
	}, args...)...)
	cmd.Dir = t.TempDir()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return launch(t, cmd)
}

// freeUDP returns a loopback address whose UDP port nobody listens on.
func freeUDP(t *testing.T) string {
	t.Helper()
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000))
		l, err := net.ListenPacket("udp", address)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return address
	}
	t.Fatal("no free port between 10000 and 30000")
	return ""
}
