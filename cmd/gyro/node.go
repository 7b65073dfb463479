package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"time"

	"gyro/bench"
	"gyro/charging"
	"gyro/charging/diameter"
	"gyro/charging/gy"
	"gyro/internal/config"
	"gyro/internal/instant"
)

// node is one running gyro: the core, and its listeners for gateways and the
// API.
type node struct {
	cfg      *config.Config
	logger   *slog.Logger
	core     *core
	gateways []net.Listener // the first one is that of diameter.listen
	server   *diameter.Server
	requests *gy.Gateway
	http     *httpSide
	served   chan error
	started  time.Time
}

// startNode binds the listeners, opens the data directory and serves. When it
// fails nothing was changed.
func startNode(cfg *config.Config, logger *slog.Logger) (_ *node, err error) {
	n := &node{cfg: cfg, logger: logger, served: make(chan error, 2+len(cfg.Diameter.Listeners)), started: time.Now()}
	defer func() {
		if err != nil {
			n.abandon()
		}
	}()
	if n.gateways, err = gatewayListeners(&cfg.Diameter, logger); err != nil {
		return nil, err
	}
	if n.http, err = newHTTPSide(cfg, logger); err != nil {
		return nil, err
	}
	monotonic := func() int64 { return int64(time.Since(n.started)) }
	n.core, err = openCore(coreOptions{
		Dir: cfg.Data, Logger: logger, Monotonic: monotonic,
		CheckpointInterval: cfg.Journal.CheckpointInterval, OnSync: n.http.observeSync,
	})
	if err != nil {
		return nil, err
	}
	if err = n.configureCore(); err != nil {
		return nil, err
	}
	if err = n.openGateways(monotonic); err != nil {
		return nil, err
	}
	if err = n.http.start(n); err != nil {
		return nil, err
	}
	logger.Info(bench.ReadyMessage, "diameter", n.gateways[0].Addr().String(), "http", n.http.addr().String(), "data", cfg.Data)
	return n, nil
}

// configureCore journals the settings that decide outcomes, where they differ
// from those in force.
func (n *node) configureCore() error {
	c := &n.cfg.Charging
	want := charging.Settings{
		Supervision:      instant.Span(c.Supervision.Milliseconds()),
		SessionRetention: instant.Span(c.SessionRetention.Milliseconds()),
		EventRetention:   instant.Span(c.EventRetention.Milliseconds()),
		CommandRetention: instant.Span(c.CommandRetention.Milliseconds()),
	}
	var have charging.Settings
	n.core.engine.View(func(s *charging.State) { have = s.Settings() })
	if have == want {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := n.core.engine.Do(ctx, charging.KindConfigure, want)
	return err
}

func (n *node) openGateways(monotonic func() int64) error {
	identity := diameter.Identity{Host: n.cfg.Origin.Host, Realm: n.cfg.Origin.Realm, StateID: uint32(n.started.Unix())}
	profiles := map[string]gy.Profile{}
	var known []string
	for _, p := range n.cfg.Diameter.Peers {
		known = append(known, p.Host)
		if p.Profile == "" {
			continue
		}
		profile, err := gy.ProfileNamed(p.Profile)
		if err != nil {
			return err
		}
		profiles[strings.ToLower(p.Host)] = profile
	}
	fallback, err := gy.ProfileNamed(n.cfg.Diameter.Profile)
	if err != nil {
		return err
	}
	n.requests, err = gy.New(gy.Options{
		Core: n.core.engine, Identity: identity, Default: fallback, Profiles: profiles,
		PeerRestarted: n.peerRestarted, Now: monotonic,
	})
	if err != nil {
		return err
	}
	n.server, err = diameter.NewServer(diameter.Options{
		Identity: identity, KnownPeers: known, AllowUnknownPeers: n.cfg.AllowUnknownPeers(),
		WatchdogInterval: n.cfg.Diameter.Watchdog, Logger: n.logger,
	}, n.requests)
	if err != nil {
		return err
	}
	for i, l := range n.gateways {
		if i > 0 {
			n.logger.Info("gateways can connect here too", "listener", n.cfg.Diameter.Listeners[i-1].String())
		}
		go func() { n.served <- n.server.Serve(l) }()
	}
	return nil
}

// peerRestarted releases what a gateway forgot. It returns when that is
// durable, before any request of the restarted gateway is read.
func (n *node) peerRestarted(originHost string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var journal instant.Instant
	n.core.engine.View(func(s *charging.State) { journal = s.Now() })
	reply, err := n.core.engine.Do(ctx, charging.KindPeerRestart, charging.RestartPeer{
		OriginHost: originHost, Before: restartedAt(instant.Of(time.Now()), journal),
	})
	if err != nil {
		n.logger.Warn("sessions of a restarted gateway could not be released; supervision will", "origin_host", originHost, "error", err)
		return
	}
	n.logger.Info("gateway restarted", "origin_host", originHost, "sessions_released", reply.Record)
}

// restartedAt is the moment before which a restarted gateway's sessions were
// opened. The journal's time never goes back: while a wall clock that was set
// back has not caught up with it, sessions carry times that the wall clock has
// yet to show.
func restartedAt(wall, journal instant.Instant) instant.Instant {
	if wall < journal {
		return journal + 1
	}
	return wall
}

// drainTimeout bounds each part of a clean stop.
const drainTimeout = 20 * time.Second

// stop drains: no new requests, answers sent, gateways told by DPR, checkpoint
// written.
func (n *node) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	err := n.server.Shutdown(ctx)
	err = errors.Join(err, n.http.stop(ctx), n.core.stop())
	n.logger.Info("gyro has stopped", "served", time.Since(n.started).Round(time.Second).String())
	return err
}

func (n *node) abandon() {
	if n.server != nil {
		n.server.Close()
	}
	closeListeners(n.gateways)
	if n.http != nil {
		n.http.abandon()
	}
	if n.core != nil {
		_ = n.core.stop()
	}
}
