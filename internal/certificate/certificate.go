// Package certificate keeps what a TLS listener shows and whom it trusts in step with the files that say so.
package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Files are the PEM files of a listener. With ClientCA, clients must show a certificate that one of its authorities signed.
type Files struct {
	Cert, Key, ClientCA string
}

// Keeper has the certificate and the authorities that are in the files. It looks whether they have changed whenever a
// client connects, so that a renewed certificate needs no restart and no signal.
type Keeper struct {
	files   Files
	changed func(error)

	mu      sync.Mutex
	current *tls.Config
	seen    [3]stamp // of the files, when they were read last, successfully or not
}

// stamp tells a file from what it was before.
type stamp struct {
	modified time.Time
	size     int64
}

// Open reads the files. changed is told of each later change, with an error if what is in the files then cannot be used and
// that from before stays in force; it is called from the goroutine of a connection.
func Open(files Files, changed func(error)) (*Keeper, error) {
	k := &Keeper{files: files, changed: changed}
	k.seen = k.look()
	var err error
	if k.current, err = files.load(); err != nil {
		return nil, err
	}
	return k, nil
}

// Config returns the configuration for a listener: TLS 1.2 or later, and for each client what the files have at the time.
func (k *Keeper) Config() *tls.Config {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.current.Clone()
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return k.now(), nil }
	return c
}

// now returns the configuration by the files as they are.
func (k *Keeper) now() *tls.Config {
	k.mu.Lock()
	defer k.mu.Unlock()
	seen := k.look()
	if seen == k.seen {
		return k.current
	}
	k.seen = seen
	c, err := k.files.load()
	if err == nil {
		k.current = c
	}
	k.changed(err)
	return k.current
}

// look returns the files' stamps; a file that cannot be looked at has none, which is a change too.
func (k *Keeper) look() (stamps [3]stamp) {
	for n, name := range [...]string{k.files.Cert, k.files.Key, k.files.ClientCA} {
		if info, err := os.Stat(name); err == nil {
			stamps[n] = stamp{info.ModTime(), info.Size()}
		}
	}
	return stamps
}

// ErrNoCertificate is of a file of authorities without any.
var ErrNoCertificate = errors.New("holds no PEM certificate")

func (f Files) load() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", f.Cert, f.Key, err)
	}
	c := &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair},
		// A resumed session would let in a client by authorities that are no longer trusted.
		SessionTicketsDisabled: true,
	}
	if f.ClientCA == "" {
		return c, nil
	}
	text, err := os.ReadFile(f.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("client_ca: %w", err)
	}
	c.ClientCAs = x509.NewCertPool()
	if !c.ClientCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("client_ca: %s %w", f.ClientCA, ErrNoCertificate)
	}
	c.ClientAuth = tls.RequireAndVerifyClientCert
	return c, nil
}
