package diameter

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// authority issues the certificates of a test.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, key: newKey(t), pool: x509.NewCertPool()}
	template := a.template("authority")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.cert)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
}

// issue returns a certificate for a host.
func (a *authority) issue(host string) tls.Certificate {
	a.t.Helper()
	key := newKey(a.t)
	der, err := x509.CreateCertificate(rand.Reader, a.template(host), a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestTLS serves mutual TLS: a peer must be the host that its certificate names.
func TestTLS(t *testing.T) {
	a := newAuthority(t)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := newRecorder()
	startOn(t, testOptions(), r, tls.NewListener(inner, &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{a.issue(testHost)},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    a.pool,
	}))
	address := inner.Addr().String()
	dialTLS := func(certificate tls.Certificate) *client {
		c := dial(t, address)
		c.conn = tls.Client(c.conn, &tls.Config{
			MinVersion:   tls.VersionTLS12,
			RootCAs:      a.pool,
			ServerName:   testHost,
			Certificates: []tls.Certificate{certificate},
		})
		return c
	}

	c := dialTLS(a.issue(gatewayHost))
	c.handshake(1)
	c.send(appendSmallCCR(nil, 1))
	if m := c.receive(); resultOf(m) != ResultSuccess {
		t.Errorf("result %v", resultOf(m))
	}

	other := dialTLS(a.issue("other.example"))
	other.send(appendCER(nil, 1))
	if m := other.receive(); resultOf(m) != ResultUnknownPeer || !m.IsError() {
		t.Errorf("a peer under another's name got %v", resultOf(m))
	}
	other.expectClosed()

	stranger := dialTLS(newAuthority(t).issue(gatewayHost))
	if _, err := stranger.conn.Write(appendCER(nil, 1)); err == nil {
		stranger.expectClosed()
	}

	plain := dial(t, address)
	plain.send(appendCER(nil, 1))
	plain.conn = onlyDiameter{plain.conn}
	plain.expectClosed()

	if n := len(r.log()); n != 1 {
		t.Errorf("events %q", r.log())
	}
}

// TestTLSRefusals: why a gateway cannot connect is in the log, for it is told little more than that it cannot.
func TestTLSRefusals(t *testing.T) {
	a := newAuthority(t)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 16)
	options := testOptions()
	options.Logger = slog.New(slog.NewTextHandler(lineWriter(lines), nil))
	startOn(t, options, newRecorder(), tls.NewListener(inner, &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{a.issue(testHost)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.pool,
	}))
	_ = dial(t, inner.Addr().String()).conn.Close() // says nothing, and nothing is said of it
	for name, c := range map[string]struct {
		certificates []tls.Certificate
		reason       string
	}{
		"nobody":   {nil, "client didn't provide a certificate"},
		"stranger": {[]tls.Certificate{newAuthority(t).issue(gatewayHost)}, "unknown authority"},
	} {
		gateway := dial(t, inner.Addr().String())
		gateway.conn = tls.Client(gateway.conn, &tls.Config{
			MinVersion: tls.VersionTLS12, RootCAs: a.pool, ServerName: testHost, Certificates: c.certificates,
		})
		_, _ = gateway.conn.Write(appendCER(nil, 1)) // TLS 1.3 refuses after the client's handshake
		select {
		case line := <-lines:
			if !strings.Contains(line, c.reason) || !strings.Contains(line, "127.0.0.1") {
				t.Errorf("%s: %s", name, line)
			}
		case <-time.After(patience):
			t.Fatalf("%s: nothing is logged", name)
		}
	}
}

// lineWriter passes on what is written to it.
type lineWriter chan<- string

func (w lineWriter) Write(line []byte) (int, error) {
	w <- string(line)
	return len(line), nil
}

// onlyDiameter ends at the first octet that no Diameter message begins with, such as a TLS alert.
type onlyDiameter struct{ net.Conn }

func (c onlyDiameter) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil && b[0] != Version {
		return 0, net.ErrClosed
	}
	return n, err
}
