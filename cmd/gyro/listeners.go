package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"

	"gyro/charging/diameter"
	"gyro/internal/config"
)

// gatewayListeners binds the addresses for gateways; the first one is that of diameter.listen. When it fails none is bound.
func gatewayListeners(d *config.Diameter, logger *slog.Logger) (bound []net.Listener, err error) {
	defer func() {
		if err != nil {
			closeListeners(bound)
		}
	}()
	first, err := listen("diameter.listen", d.Listen)
	if err != nil {
		return nil, err
	}
	bound = append(bound, first)
	for n := range d.Listeners {
		l, err := gatewayListener(fmt.Sprintf("diameter.listeners[%d]", n), &d.Listeners[n], logger)
		if err != nil {
			return bound, err
		}
		bound = append(bound, l)
	}
	return bound, nil
}

func gatewayListener(key string, c *config.Listener, logger *slog.Logger) (net.Listener, error) {
	if c.Transport == "sctp" {
		l, err := diameter.ListenSCTP(c.HostPort())
		return l, listenError(key, c.HostPort(), err)
	}
	if !c.Encrypted() {
		return listen(key, c.HostPort())
	}
	settings, err := tlsConfig(key+".tls", c.TLS, logger)
	if err != nil {
		return nil, err
	}
	l, err := listen(key, c.HostPort())
	if err != nil {
		return nil, err
	}
	return tls.NewListener(l, settings), nil
}

func closeListeners(bound []net.Listener) {
	for _, l := range bound {
		_ = l.Close() // the server may have closed it
	}
}

func listen(key, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	return l, listenError(key, address, err)
}

// listenError says what to do about an error of a listener, if there is one.
func listenError(key, address string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s: %s is in use by another process; stop it, or choose another address", key, address)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%s: no permission to listen on %s; choose a port above 1023", key, address)
	}
	return fmt.Errorf("%s: %w", key, err)
}
