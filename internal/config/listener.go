package config

import (
	"fmt"
	"net"
)

// Listener is one more address for gateways.
type Listener struct {
	Address   string `koanf:"address"`   // host:port, or host for the port that RFC 6733 gives it
	Transport string `koanf:"transport"` // tcp, where it is empty, or sctp
	TLS       TLS    `koanf:"tls"`
}

// The ports of RFC 6733 section 2.1, for Diameter as it is and over TLS.
const plainPort, tlsPort = "3868", "5658"

// Encrypted reports whether the listener speaks TLS.
func (l *Listener) Encrypted() bool { return l.TLS != TLS{} }

// HostPort is the address to listen on.
func (l *Listener) HostPort() string {
	switch {
	case isAddress(l.Address):
		return l.Address
	case l.Encrypted():
		return net.JoinHostPort(l.Address, tlsPort)
	}
	return net.JoinHostPort(l.Address, plainPort)
}

// validate reports what cannot work of the listener with a key.
func (l *Listener) validate(key string, bad func(string, string, ...any)) {
	if !isAddress(l.Address) && net.ParseIP(l.Address) == nil {
		bad(key+".address", "%q is neither host:port nor an IP address; for example 192.0.2.10:%s", l.Address, tlsPort)
	}
	if !oneOf(l.Transport, "", "tcp", "sctp") {
		bad(key+".transport", "%q is not one of tcp, sctp", l.Transport)
	}
	switch {
	case !l.Encrypted():
	case l.Transport == "sctp":
		bad(key+".tls", "is of TCP; over SCTP Diameter is secured by DTLS, which gyro does not speak: leave out tls and use IPsec, or leave out transport")
	case l.TLS.Cert == "" || l.TLS.Key == "" || l.TLS.ClientCA == "":
		bad(key+".tls", "needs cert, key and client_ca: both sides of a Diameter connection show a certificate (RFC 6733 section 13.1)")
	}
}

// String is the address with what is spoken there.
func (l *Listener) String() string {
	switch {
	case l.Encrypted():
		return fmt.Sprintf("%s (TLS)", l.HostPort())
	case l.Transport == "sctp":
		return fmt.Sprintf("%s (SCTP)", l.HostPort())
	}
	return l.HostPort()
}
