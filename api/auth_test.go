package api

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"gyro/charging/engine"
)

// TestRolesAndRoutes sends a request to every route with every kind of key.
func TestRolesAndRoutes(t *testing.T) {
	reader, readerHash := NewKey()
	writer, writerHash := NewKey()
	stranger, _ := NewKey()
	client, _ := newServer(t, Options{Engine: newCore(t, engine.Options{}), Keys: []Key{
		{Name: "reader", Hash: readerHash, Scopes: []Scope{ScopeRead}},
		{Name: "writer", Hash: writerHash, Scopes: []Scope{ScopeWrite}},
	}})
	const no, may = http.StatusUnauthorized, 0
	columns := []struct {
		name   string
		header []string
		want   map[Scope]int
	}{
		{"no key", nil, map[Scope]int{public: may, ScopeRead: no, ScopeWrite: no}},
		{"empty key", []string{"X-API-Key", ""}, map[Scope]int{public: may, ScopeRead: no, ScopeWrite: no}},
		{"unknown key", []string{"X-API-Key", stranger}, map[Scope]int{public: may, ScopeRead: no, ScopeWrite: no}},
		{"the hash", []string{"X-API-Key", writerHash}, map[Scope]int{public: may, ScopeRead: no, ScopeWrite: no}},
		{"basic", []string{"Authorization", "Basic " + writer}, map[Scope]int{public: may, ScopeRead: no, ScopeWrite: no}},
		{"read", []string{"Authorization", "Bearer " + reader}, map[Scope]int{public: may, ScopeRead: may, ScopeWrite: http.StatusForbidden}},
		{"write", []string{"Authorization", "bearer " + writer}, map[Scope]int{public: may, ScopeRead: may, ScopeWrite: may}},
		{"write, other header", []string{"X-API-Key", writer}, map[Scope]int{public: may, ScopeRead: may, ScopeWrite: may}},
		{"key of any host name", []string{"X-API-Key", reader, "Host", "charging.example.net"}, map[Scope]int{public: may, ScopeRead: may, ScopeWrite: http.StatusForbidden}},
	}
	path := strings.NewReplacer("{account}", "1", "{session}", "1", "{name}", "1", "{version}", "1")
	for _, route := range routes() {
		for _, column := range columns {
			a := client.send(route.method, path.Replace(route.path), "", column.header...)
			refused := a.status == http.StatusUnauthorized || a.status == http.StatusForbidden
			if want := column.want[route.scope]; refused != (want != 0) || (refused && a.status != want) {
				t.Errorf("%s %s with %s: %d, want %d: %s", route.method, route.path, column.name, a.status, want, a.body)
			}
			if challenge := a.header.Get("WWW-Authenticate"); (a.status == no) != (challenge != "") {
				t.Errorf("%s: status %d with challenge %q", column.name, a.status, challenge)
			}
		}
	}
}

// TestTableOfScopes keeps every change from being served to readers.
func TestTableOfScopes(t *testing.T) {
	for _, route := range routes() {
		reads := route.method == http.MethodGet
		if reads != (route.scope != ScopeWrite) {
			t.Errorf("%s %s has scope %q", route.method, route.path, route.scope)
		}
		if open := route.path == "/healthz" || route.path == "/readyz"; open != (route.scope == public) {
			t.Errorf("%s %s has scope %q", route.method, route.path, route.scope)
		}
	}
}

// TestWithoutKeysOnlyLocalNames: a page whose name was pointed at this machine
// gets nothing.
func TestWithoutKeysOnlyLocalNames(t *testing.T) {
	client, _ := newServer(t, Options{Engine: newCore(t, engine.Options{})})
	for host, want := range map[string]int{
		"localhost": 200, "localhost:8080": 200, "127.0.0.1:1": 200, "127.9.9.9": 200, "[::1]:8080": 200,
		"evil.example.net": 421, "localhost.evil.example.net": 421, "192.0.2.1": 421, "0.0.0.0": 421,
	} {
		a := client.send("GET", "/charging/v1/catalogs", "", "Host", host)
		if a.status != want {
			t.Errorf("Host %s: %d, want %d: %s", host, a.status, want, a.body)
		}
	}
	if a := client.send("GET", "/healthz", "", "Host", "pod.example.net"); a.status != 200 {
		t.Errorf("a probe got %d", a.status)
	}
}

// TestExposure: who may connect decides whether keys are needed.
func TestExposure(t *testing.T) {
	_, hash := NewKey()
	keys := []Key{{Name: "k", Hash: hash, Scopes: []Scope{ScopeRead}}}
	certificate, pool := certificateOf(t, "ca", nil)
	mutual := &tls.Config{Certificates: []tls.Certificate{certificate}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	oneSided := &tls.Config{Certificates: []tls.Certificate{certificate}}
	for _, c := range []struct {
		address net.Addr
		o       Options
		refused bool
	}{
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, Options{}, false},
		{&net.TCPAddr{IP: net.IPv6loopback}, Options{}, false},
		{&net.UnixAddr{Name: "/run/gyro.sock"}, Options{}, false},
		{&net.TCPAddr{IP: net.IPv4zero}, Options{}, true},
		{&net.TCPAddr{IP: net.IPv6unspecified}, Options{}, true},
		{&net.TCPAddr{}, Options{}, true},
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, Options{}, true},
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, Options{TLS: oneSided}, true},
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, Options{TLS: mutual}, false},
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, Options{Keys: keys}, false},
	} {
		if err := c.o.checkExposure(c.address); errors.Is(err, ErrExposed) != c.refused {
			t.Errorf("%v %+v: %v", c.address, c.o, err)
		}
	}
}

// TestServeRefusesStrangers: the real listener is closed again, and the error
// says what to do.
func TestServeRefusesStrangers(t *testing.T) {
	s, err := New(Options{Engine: newCore(t, engine.Options{}), Logger: discard()})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	err = s.Serve(l)
	if !errors.Is(err, ErrExposed) || !strings.Contains(err.Error(), "gyro config api-key") {
		t.Errorf("error %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener still accepts: %v", err)
	}
}

func TestShutdownBeforeServe(t *testing.T) {
	s, err := New(Options{Engine: newCore(t, engine.Options{}), Logger: discard()})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Shutdown(context.Background()), s.Serve(loopback(t))); err != nil {
		t.Error(err)
	}
}

func TestKeys(t *testing.T) {
	secret, hash := NewKey()
	other, _ := NewKey()
	if secret == other || !strings.HasPrefix(secret, "gyro_") || len(secret) != len("gyro_")+43 {
		t.Errorf("keys %q and %q", secret, other)
	}
	if HashKey(secret) != hash || HashKey(other) == hash {
		t.Error("the hash is not of the key")
	}
	const known = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" // "hello", FIPS 180-4
	if got := HashKey("hello"); got != known {
		t.Errorf("hash %s", got)
	}
}

func TestOptionsThatCannotWork(t *testing.T) {
	_, hash := NewKey()
	read := []Scope{ScopeRead}
	core := newCore(t, engine.Options{})
	for want, o := range map[string]Options{
		"Engine is nil":         {},
		"timeout is negative":   {Engine: core, ReadTimeout: -1},
		"must be above zero":    {Engine: core, MaxRequests: -1},
		"no certificate":        {Engine: core, TLS: &tls.Config{}},
		"the hash is not":       {Engine: core, Keys: []Key{{Name: "k", Hash: "gyro_secret", Scopes: read}}},
		"64 hexadecimal digits": {Engine: core, Keys: []Key{{Name: "k", Hash: hash[:20], Scopes: read}}},
		"it has no name":        {Engine: core, Keys: []Key{{Hash: hash, Scopes: read}}},
		"it has no scope":       {Engine: core, Keys: []Key{{Name: "k", Hash: hash}}},
		"unknown scope":         {Engine: core, Keys: []Key{{Name: "k", Hash: hash, Scopes: []Scope{"admin"}}}},
		"two keys are called":   {Engine: core, Keys: []Key{{Name: "k", Hash: hash, Scopes: read}, {Name: "k", Hash: hash, Scopes: read}}},
		"at most 100":           {Engine: core, Keys: make([]Key, maxKeys+1)},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// TestMutualTLS: the certificate is the key, and without one there is no
// connection.
func TestMutualTLS(t *testing.T) {
	authority, pool := certificateOf(t, "authority", nil)
	server, _ := certificateOf(t, "127.0.0.1", &authority)
	mine, _ := certificateOf(t, "office", &authority)
	foreign, _ := certificateOf(t, "stranger", nil)
	s, err := New(Options{Engine: newCore(t, engine.Options{}), Logger: discard(), TLS: &tls.Config{
		Certificates: []tls.Certificate{server}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.SetReady(true)
	l := loopback(t)
	serveOn(t, s, l)
	connect := func(certificates ...tls.Certificate) *client {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: certificates}}
		t.Cleanup(transport.CloseIdleConnections)
		return &client{t: t, base: "https://" + l.Addr().String(), http: &http.Client{Transport: transport}}
	}
	if a := connect(mine).send("PUT", "/charging/v1/accounts/1", `{"currency":"EUR","kind":"prepaid"}`); a.status != http.StatusCreated {
		t.Errorf("%d %s", a.status, a.body)
	}
	both := `{"amount":"1.00","currency":"EUR","reason":"a","asked_by":"ann","approved_by":"bob"}`
	if a := connect(mine).send("POST", "/charging/v1/accounts/1/adjustments", both, idempotencyKey, "1"); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "API keys") {
		t.Errorf("one client names two people: %d %s", a.status, a.body)
	}
	if a, err := connect().try("GET", "/charging/v1/catalogs", ""); err == nil {
		t.Errorf("without a certificate: %d", a.status)
	}
	if a, err := connect(foreign).try("GET", "/charging/v1/catalogs", ""); err == nil {
		t.Errorf("with a foreign certificate: %d", a.status)
	}
}

// certificateOf makes a certificate, of its own authority where none is given.
func certificateOf(t *testing.T, name string, authority *tls.Certificate) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: authority == nil, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := template, any(key)
	if authority != nil {
		parent, signer = authority.Leaf, authority.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}
