package main

import (
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"

	"gyro/internal/certificate/certtest"
)

// tlsConfigOf is the configuration of a listener on a free port, and its address.
func tlsConfigOf(t *testing.T, dir string) (text, address string) {
	t.Helper()
	address = freeAddress(t)
	return "diameter: {listeners: [{address: '" + address + "', tls: {cert: " + dir + "/cert.pem, key: " + dir + "/key.pem, client_ca: " + dir + "/ca.pem}}]}", address
}

// TestGatewaysOverTLS: a gateway is served under the name that its certificate has, under no other, and not without one; a
// renewed certificate and other authorities hold for the next connection, without a restart.
func TestGatewaysOverTLS(t *testing.T) {
	t.Parallel()
	dir, authority := t.TempDir(), certtest.New(t)
	authority.Write(dir, "ocs.gyro.example")
	before := time.Now().Add(-time.Hour)
	for _, name := range []string{"cert.pem", "key.pem", "ca.pem"} {
		if err := os.Chtimes(filepath.Join(dir, name), before, before); err != nil {
			t.Fatal(err)
		}
	}
	text, address := tlsConfigOf(t, dir)
	p := newSite(t, text).start()
	newOffice(t, p.http).open(1)
	dial := func(host, certified string, of *certtest.Authority, trusted *certtest.Authority) *gateway {
		g := dialGateway(t, address)
		g.host = host
		g.conn = tls.Client(g.conn, of.Client(certified, "ocs.gyro.example", trusted))
		return g
	}
	serve := func(g *gateway) {
		t.Helper()
		g.send(g.cer())
		if code := resultOf(t, g.receive()); code != diam.Success {
			t.Fatalf("CEA %d", code)
		}
		if code := resultOf(t, g.ask(g.ccr(ccr{session: g.host, kind: oneTime}))); code != diam.Success {
			t.Errorf("CCR-E: %d", code)
		}
	}
	up := dial("PGW.test.example", "pgw.test.example", authority, authority)
	serve(up)

	other := dial("smf.test.example", "pgw.test.example", authority, authority)
	other.send(other.cer())
	if code := resultOf(t, other.receive()); code != diam.UnknownPeer {
		t.Errorf("under another's name: CEA %d, want 3010", code)
	}
	other.mustClose(t)

	stranger := dial("pgw.test.example", "pgw.test.example", certtest.New(t), authority)
	stranger.push(stranger.cer())
	stranger.mustClose(t)

	plain := dialGateway(t, address)
	plain.push(plain.cer())
	plain.mustClose(t)

	renewed := certtest.New(t)
	renewed.Write(dir, "ocs.gyro.example")
	serve(dial("pgw2.test.example", "pgw2.test.example", renewed, renewed))
	stale := dial("pgw3.test.example", "pgw3.test.example", authority, renewed)
	stale.push(stale.cer())
	stale.mustClose(t)
	if code := resultOf(t, up.ask(up.ccr(ccr{session: "still up", kind: oneTime}))); code != diam.Success {
		t.Errorf("on the connection from before: %d", code)
	}
}

// TestListenersRefused: what is wrong with a listener ends the start, by its key.
func TestListenersRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text, address := tlsConfigOf(t, dir)
	for name, tt := range map[string]struct {
		config string
		words  []string
	}{
		"no certificate": {text, []string{"diameter.listeners[0].tls", "cert.pem", "no such file"}},
		"address twice": {
			"diameter: {listeners: [{address: '" + address + "'}, {address: '" + address + "'}]}",
			[]string{"diameter.listeners[1]", address, "in use"},
		},
		"only a certificate": {
			"diameter: {listeners: [{address: '127.0.0.1', tls: {cert: a}}]}",
			[]string{"diameter.listeners[0].tls", "client_ca"},
		},
	} {
		path := filepath.Join(t.TempDir(), "gyro.yaml")
		if err := os.WriteFile(path, []byte(tt.config), 0o600); err != nil {
			t.Fatal(err)
		}
		said := refused(t, nil, "up", "--config", path, "--data", t.TempDir(), "--diameter-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0")
		for _, word := range tt.words {
			if !strings.Contains(said, word) {
				t.Errorf("%s: %q does not mention %q", name, said, word)
			}
		}
	}
}

// TestListenerOverSCTP: where the kernel has SCTP the start succeeds, where it has not it says so.
func TestListenerOverSCTP(t *testing.T) {
	t.Parallel()
	text := "diameter: {listeners: [{address: '" + freeAddress(t) + "', transport: sctp}]}"
	fd, probe := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, syscall.IPPROTO_SCTP)
	if probe == nil {
		if err := syscall.Close(fd); err != nil {
			t.Fatal(err)
		}
		p := newSite(t, text).start()
		p.stop()
		return
	}
	if !errors.Is(probe, syscall.EPROTONOSUPPORT) && !errors.Is(probe, syscall.ESOCKTNOSUPPORT) {
		t.Fatalf("a socket of SCTP: %v", probe)
	}
	path := filepath.Join(t.TempDir(), "gyro.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	said := refused(t, nil, "up", "--config", path, "--data", t.TempDir(), "--diameter-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0")
	for _, word := range []string{"diameter.listeners[0]", "no SCTP", "modprobe sctp", "TCP"} {
		if !strings.Contains(said, word) {
			t.Errorf("%q does not mention %q", said, word)
		}
	}
}
