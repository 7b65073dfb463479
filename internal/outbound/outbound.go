// Package outbound sends to addresses that others chose: listeners of events and
// customers' webhooks. What they name is not trusted: nothing goes to machines of
// the operator's own networks, and what is sent is signed.
package outbound

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"syscall"
	"time"
)

// Options say how to send.
type Options struct {
	// AllowPrivate lets requests go to private networks and this machine.
	AllowPrivate bool
	// Timeout bounds one request.
	Timeout time.Duration
}

// ErrPrivate is wrapped when a request would leave for a machine that is none of
// the public Internet.
var ErrPrivate = errors.New("no public address")

// maxHeader bounds the header of an answer.
const maxHeader = 64 << 10

// NewClient sends to public addresses only: what a name means is checked when it
// is dialled, for it may have meant something else when it was given, and
// redirections are not followed.
func NewClient(o Options) *http.Client {
	dialer := &net.Dialer{Timeout: o.Timeout}
	if !o.AllowPrivate {
		dialer.Control = func(_, address string, _ syscall.RawConn) error {
			target, err := netip.ParseAddrPort(address)
			if err != nil {
				return err
			}
			if !IsPublic(target.Addr()) {
				return fmt.Errorf("%s is %w: nothing is sent to machines of our own networks", target.Addr(), ErrPrivate)
			}
			return nil
		}
	}
	return &http.Client{
		Timeout: o.Timeout,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
			TLSHandshakeTimeout: o.Timeout, ResponseHeaderTimeout: o.Timeout, MaxResponseHeaderBytes: maxHeader, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Sign is the signature of a body: t=MOMENT,v1=HMAC, where HMAC is SHA-256 over
// MOMENT, a dot and the body, in hexadecimal; MOMENT is in seconds since 1970, so
// that a receiver can refuse what is old.
func Sign(secret string, at time.Time, body []byte) string {
	moment := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(moment + "."))
	mac.Write(body)
	return "t=" + moment + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// special are ranges that are no private networks to netip, and lead to some all the same.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network (RFC 791)
	netip.MustParsePrefix("100.64.0.0/10"),   // between providers and customers (RFC 6598)
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments (RFC 6890)
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks (RFC 2544)
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, and broadcast
	netip.MustParsePrefix("64:ff9b::/96"),    // IPv4 behind a translator (RFC 6052)
	netip.MustParsePrefix("64:ff9b:1::/48"),  // the same, locally (RFC 8215)
	netip.MustParsePrefix("2002::/16"),       // 6to4
	netip.MustParsePrefix("2001::/32"),       // Teredo
	netip.MustParsePrefix("fec0::/10"),       // site-local
	netip.MustParsePrefix("::ffff:0:0:0/96"), // IPv4 translated (RFC 2765)
}

// IsPublic reports whether an address is one of the public Internet.
func IsPublic(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
