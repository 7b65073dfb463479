package certificate_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gyro/internal/certificate"
	"gyro/internal/certificate/certtest"
)

// filesIn are the files that certtest writes.
func filesIn(dir string) certificate.Files {
	return certificate.Files{
		Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), ClientCA: filepath.Join(dir, "ca.pem"),
	}
}

// shake has a client and a server shake hands, and returns the certificate that the client was shown.
func shake(t *testing.T, server, client *tls.Config) (*x509.Certificate, error) {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	for _, c := range []net.Conn{near, far} {
		if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	accepted := make(chan error, 1)
	go func() {
		s := tls.Server(far, server)
		err := s.Handshake()
		if err == nil {
			_, err = s.Write([]byte{1})
		}
		_ = far.Close()
		accepted <- err
	}()
	c := tls.Client(near, client)
	if _, err := c.Read(make([]byte, 1)); err != nil { // a refusal of TLS 1.3 comes after the handshake
		_ = near.Close()
		return nil, errors.Join(err, <-accepted)
	}
	return c.ConnectionState().PeerCertificates[0], <-accepted
}

// touch lets a file look written later than before, as coarse clocks of file systems may not.
func touch(t *testing.T, dir string, age time.Duration) {
	t.Helper()
	for _, name := range []string{"cert.pem", "key.pem", "ca.pem"} {
		at := time.Now().Add(age)
		if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRenewal: what is in the files holds for the next client, and what cannot be used leaves in force what was there.
func TestRenewal(t *testing.T) {
	dir, one, two := t.TempDir(), certtest.New(t), certtest.New(t)
	one.Write(dir, "ocs.example")
	touch(t, dir, -time.Hour)
	var told []error
	k, err := certificate.Open(filesIn(dir), func(err error) { told = append(told, err) })
	if err != nil {
		t.Fatal(err)
	}
	server := k.Config()
	first, err := shake(t, server, one.Client("pgw.example", "ocs.example", one))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shake(t, server, two.Client("pgw.example", "ocs.example", one)); err == nil {
		t.Error("a client of another authority is let in")
	}

	two.Write(dir, "ocs.example")
	touch(t, dir, -time.Minute)
	second, err := shake(t, server, two.Client("pgw.example", "ocs.example", two))
	if err != nil {
		t.Fatalf("after the change of authority: %v", err)
	}
	if first.SerialNumber.Cmp(second.SerialNumber) == 0 || len(told) != 1 || told[0] != nil {
		t.Errorf("serial numbers %v and %v, told %v", first.SerialNumber, second.SerialNumber, told)
	}
	if _, err := shake(t, server, one.Client("pgw.example", "ocs.example", two)); err == nil {
		t.Error("a client of the authority of before is let in")
	}

	if err := os.WriteFile(filepath.Join(dir, "cert.pem"), []byte("half a certif"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // told once
		third, err := shake(t, server, two.Client("pgw.example", "ocs.example", two))
		if err != nil || third.SerialNumber.Cmp(second.SerialNumber) != 0 {
			t.Errorf("with a broken file: %v", err)
		}
	}
	if len(told) != 2 || told[1] == nil || !strings.Contains(told[1].Error(), "cert.pem") {
		t.Errorf("told %v", told)
	}
}

// TestVersions: TLS 1.1 is refused.
func TestVersions(t *testing.T) {
	dir, a := t.TempDir(), certtest.New(t)
	a.Write(dir, "ocs.example")
	k, err := certificate.Open(filesIn(dir), func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	for version, accepted := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		client := a.Client("pgw.example", "ocs.example", a)
		client.MinVersion, client.MaxVersion = version, version
		if _, err := shake(t, k.Config(), client); (err == nil) != accepted {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
}

// TestErrors: what is wrong is said with the file that it is in.
func TestErrors(t *testing.T) {
	a := certtest.New(t)
	for name, words := range map[string][]string{
		"cert.pem": {"cert.pem", "no such file"}, "key.pem": {"key.pem", "no such file"}, "ca.pem": {"client_ca", "ca.pem", "no such file"},
	} {
		dir := t.TempDir()
		a.Write(dir, "ocs.example")
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		_, err := certificate.Open(filesIn(dir), func(error) {})
		for _, word := range words {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("without %s: %v does not mention %q", name, err, word)
			}
		}
	}
	dir := t.TempDir()
	a.Write(dir, "ocs.example")
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := certificate.Open(filesIn(dir), func(error) {}); !errors.Is(err, certificate.ErrNoCertificate) {
		t.Errorf("without an authority: %v", err)
	}
}
