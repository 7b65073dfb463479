package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"gyro/api"
	"gyro/charging/diameter"
	"gyro/charging/journal"
	"gyro/internal/certificate"
	"gyro/internal/config"
)

// httpSide is the charging API of a node.
type httpSide struct {
	cfg      *config.Config
	logger   *slog.Logger
	tls      *tls.Config
	listener net.Listener
	syncs    *api.SyncHistogram
	server   *api.Server
}

// newHTTPSide binds the listener; start serves on it.
func newHTTPSide(cfg *config.Config, logger *slog.Logger) (*httpSide, error) {
	h := &httpSide{cfg: cfg, logger: logger, syncs: api.NewSyncHistogram()}
	var err error
	if cfg.HTTP.TLS.Cert != "" {
		if h.tls, err = tlsConfig("http.tls", cfg.HTTP.TLS, logger); err != nil {
			return nil, err
		}
	}
	if h.listener, err = listen("http.listen", cfg.HTTP.Listen); err != nil {
		return nil, err
	}
	return h, nil
}

// tlsConfig returns the configuration of a listener, whose files are read again when they have changed.
func tlsConfig(key string, t config.TLS, logger *slog.Logger) (*tls.Config, error) {
	keeper, err := certificate.Open(certificate.Files{Cert: t.Cert, Key: t.Key, ClientCA: t.ClientCA}, func(err error) {
		if err != nil {
			logger.Error("renewed certificate cannot be used; the one from before stays in force", "setting", key, "error", err)
			return
		}
		logger.Info("certificate renewed", "setting", key, "cert", t.Cert)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return keeper.Config(), nil
}

func (h *httpSide) observeSync(s journal.SyncInfo) { h.syncs.Observe(s.Duration) }

func (h *httpSide) addr() net.Addr { return h.listener.Addr() }

// start serves the API on a node whose core and gateways are up.
func (h *httpSide) start(n *node) error {
	var keys []api.Key
	for _, k := range h.cfg.HTTP.APIKeys {
		keys = append(keys, api.Key{Name: k.Name, Hash: k.Hash, Scopes: []api.Scope{api.Scope(k.Scope)}})
	}
	var err error
	h.server, err = api.New(api.Options{
		Engine: n.core.engine, Turns: n.turns, Peers: peersOf{n.server}, Syncs: h.syncs, Collectors: n.collectors(),
		Logger: h.logger, Keys: keys, TLS: h.tls,
	})
	if err != nil {
		return err
	}
	h.server.SetReady(true)
	go func() { n.served <- h.server.Serve(h.listener) }()
	return nil
}

func (h *httpSide) stop(ctx context.Context) error {
	return h.server.Shutdown(ctx)
}

func (h *httpSide) abandon() {
	if h.server != nil {
		_ = h.server.Shutdown(context.Background())
	}
	if err := h.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		h.logger.Warn("closing the API's listener", "error", err)
	}
}

// peersOf shows the Diameter server's peers to the API.
type peersOf struct{ *diameter.Server }

// Peers implements api.Peers.
func (p peersOf) Peers() (views []api.PeerView) {
	for _, info := range p.Server.Peers() {
		views = append(views, api.PeerView{OriginHost: info.OriginHost, OriginRealm: info.OriginRealm, Up: !info.Suspect})
	}
	return views
}
