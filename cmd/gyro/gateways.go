package main

import (
	"context"
	"fmt"
	"time"

	"gyro/charging"
	"gyro/charging/diameter"
	"gyro/charging/gy"
	"gyro/internal/config"
	"gyro/internal/instant"
)

// profilesOf returns the profiles of the configuration: that of gateways that
// name none, and those by Origin-Host.
func profilesOf(d *config.Diameter) (fallback gy.Profile, byHost map[string]gy.Profile, err error) {
	known := map[string]gy.Profile{}
	for _, p := range gy.BuiltIn() {
		known[p.Name] = p
	}
	for n, p := range d.Profiles {
		base := p.Base
		if base == "" {
			base = gy.Lenient().Name
		}
		derived, err := known[base].Derive(p.Name, p.Switches)
		if err != nil {
			return gy.Profile{}, nil, fmt.Errorf("diameter.profiles[%d].switches: %w", n, err)
		}
		known[p.Name] = derived
	}
	byHost = map[string]gy.Profile{}
	for _, p := range d.Peers {
		if p.Profile != "" {
			byHost[p.Host] = known[p.Profile]
		}
	}
	return known[d.Profile], byHost, nil
}

// openGateways serves gateways.
func (n *node) openGateways(monotonic func() int64) error {
	stateID, err := n.core.dir.NextStateID(uint32(n.started.Unix()))
	if err != nil {
		return err
	}
	identity := diameter.Identity{Host: n.cfg.Origin.Host, Realm: n.cfg.Origin.Realm, StateID: stateID}
	fallback, profiles, err := profilesOf(&n.cfg.Diameter)
	if err != nil {
		return err
	}
	var known, relays []string
	for _, p := range n.cfg.Diameter.Peers {
		known = append(known, p.Host)
		if p.Relay {
			relays = append(relays, p.Host)
		}
	}
	n.requests, err = gy.New(gy.Options{
		Core: n.core.engine, Identity: identity, Default: fallback, Profiles: profiles, Relays: relays,
		PeerRestarted: n.peerRestarted, Now: monotonic, Notices: n.notices, Logger: n.logger,
	})
	if err != nil {
		return err
	}
	n.sending.Go(func() { n.notices.Serve(n.stopping, n.sessionLost) })
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

// sessionLost closes a session that its gateway does not know any more.
func (n *node) sessionLost(lost charging.LostSession) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := n.core.engine.Do(ctx, charging.KindSessionLost, lost); err != nil {
		n.logger.Warn("a session that its gateway does not know could not be closed; supervision will", "session_id", lost.SessionID, "error", err)
	}
}
