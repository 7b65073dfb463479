package api

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/valyala/fasthttp"
)

// Scope is what a key may do.
type Scope string

// The scopes. Write includes read: an answer to a change shows what is there.
const (
	ScopeRead  Scope = "read"
	ScopeWrite Scope = "write"
	// public is the scope of probes, which need no key.
	public Scope = ""
)

// Key is an API key as the configuration holds it: its hash, never itself.
type Key struct {
	// Name says in the audit log who used the key.
	Name string
	// Hash is what NewKey or HashKey gave.
	Hash string
	// Scopes are what the key may do; at least one.
	Scopes []Scope
}

// hashPrefix names the algorithm. A key has 256 random bits, so a fast hash is
// as safe as a slow one and costs a request no time; a slow one would be
// needed for what people choose.
const hashPrefix = "sha256:"

// secretPrefix lets scanners for leaked secrets find a key.
const secretPrefix = "gyro_"

// NewKey makes an API key: the secret for the client, to be shown once, and
// the hash for the configuration.
func NewKey() (secret, hash string) {
	var octets [32]byte
	rand.Read(octets[:]) // never fails: the process ends if it would
	secret = secretPrefix + base64.RawURLEncoding.EncodeToString(octets[:])
	return secret, HashKey(secret)
}

// HashKey is the hash of a key as the configuration holds it.
func HashKey(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hashPrefix + hex.EncodeToString(sum[:])
}

func (k *Key) digest() ([]byte, bool) {
	text, found := strings.CutPrefix(k.Hash, hashPrefix)
	sum, err := hex.DecodeString(text)
	return sum, found && err == nil && len(sum) == sha256.Size
}

func (k *Key) validate() error {
	if _, ok := k.digest(); !ok {
		return fmt.Errorf("%q: the hash is not %q and %d hexadecimal digits; %s", k.Name, hashPrefix, 2*sha256.Size, makeKey)
	}
	if k.Name == "" {
		return errors.New("it has no name; give it one for the audit log")
	}
	if len(k.Scopes) == 0 {
		return fmt.Errorf("%q: it has no scope; give it read or write", k.Name)
	}
	for _, scope := range k.Scopes {
		if scope != ScopeRead && scope != ScopeWrite {
			return fmt.Errorf("%q: unknown scope %q; use read or write", k.Name, scope)
		}
	}
	return nil
}

func (k *Key) allows(scope Scope) bool {
	for _, has := range k.Scopes {
		if has == scope || has == ScopeWrite {
			return true
		}
	}
	return false
}

const makeKey = `make one with "gyro config api-key"`

// ErrExposed is returned by Serve for an address that other machines reach
// where nothing authenticates them.
var ErrExposed = errors.New("nothing is served off loopback without authentication")

// checkExposure refuses to serve strangers.
func (o *Options) checkExposure(address net.Addr) error {
	if len(o.Keys) > 0 || o.mutualTLS() || isLocal(address) {
		return nil
	}
	return fmt.Errorf("api: %s is reachable from other machines: %w; %s and put the hash it prints into the configuration, "+
		"or require client certificates (mutual TLS), or listen on 127.0.0.1", address, ErrExposed, makeKey)
}

// isLocal reports whether only processes of this machine can connect.
func isLocal(address net.Addr) bool {
	switch a := address.(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}

// authenticate returns who sends a request. The keys are compared in constant
// time and all of them each time, so that time tells nothing about any.
func (o *Options) authenticate(h *fasthttp.RequestHeader) (*Key, bool) {
	presented := sha256.Sum256(presentedKey(h))
	var found *Key
	for n := range o.Keys {
		digest, _ := o.Keys[n].digest()
		if subtle.ConstantTimeCompare(digest, presented[:]) == 1 {
			found = &o.Keys[n]
		}
	}
	return found, found != nil
}

// presentedKey is the key that a request carries, in either of two headers.
func presentedKey(h *fasthttp.RequestHeader) []byte {
	scheme, key, found := bytes.Cut(h.Peek(fasthttp.HeaderAuthorization), []byte(" "))
	if found && strings.EqualFold(string(scheme), "Bearer") {
		return bytes.TrimSpace(key)
	}
	return h.Peek("X-API-Key")
}

// authorize decides whether a request may use a route, and says who sent it.
func (s *Server) authorize(c *fasthttp.RequestCtx, scope Scope) (actor string, err error) {
	if scope == public {
		return "", nil
	}
	if len(s.o.Keys) == 0 {
		if s.o.mutualTLS() {
			return certificateName(c), nil
		}
		return "", checkHost(c)
	}
	key, ok := s.o.authenticate(&c.Request.Header)
	if !ok {
		c.Response.Header.Set(fasthttp.HeaderWWWAuthenticate, `Bearer realm="gyro"`)
		return "", refuse(fasthttp.StatusUnauthorized, "unauthorized",
			"the request carries no known API key; send Authorization: Bearer KEY or X-API-Key: KEY; %s", makeKey)
	}
	if !key.allows(scope) {
		return key.Name, refuse(fasthttp.StatusForbidden, "forbidden",
			"API key %q may not %s; give it the scope %q or use another key", key.Name, scope, scope)
	}
	return key.Name, nil
}

func certificateName(c *fasthttp.RequestCtx) string {
	state := c.TLSConnectionState()
	if state == nil || len(state.PeerCertificates) == 0 {
		return ""
	}
	return state.PeerCertificates[0].Subject.String()
}

// checkHost refuses requests that a web page sent here by giving its own name
// the address of this machine (DNS rebinding). It matters only where loopback
// is all that protects.
func checkHost(c *fasthttp.RequestCtx) error {
	host := string(c.Host())
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	address, err := netip.ParseAddr(host)
	if host == "localhost" || (err == nil && address.IsLoopback()) || c.LocalAddr().Network() == "unix" {
		return nil
	}
	return refuse(fasthttp.StatusMisdirectedRequest, "misdirected",
		"without API keys only requests to localhost are served, not to %q; use http://127.0.0.1 or configure a key: %s", host, makeKey)
}
