package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"gyro/api"
	"gyro/bench"
	"gyro/charging/diameter"
	"gyro/charging/gy"
	"gyro/internal/config"
)

// node is one running gyro: the core, and its listeners for gateways and the
// API.
type node struct {
	cfg      *config.Config
	logger   *slog.Logger
	core     *core
	turns    *api.Turns     // of all servers of the charging API
	gateways []net.Listener // the first one is that of diameter.listen
	server   *diameter.Server
	requests *gy.Gateway
	http     *httpSide
	served   chan error
	started  time.Time
	notices  *gy.Notices   // from the core to gateways
	stopping chan struct{} // closed when no more notices are sent
	sending  sync.WaitGroup
	office   *officeBeside // nil without one
}

// startNode binds the listeners, opens the data directory and serves. When it
// fails nothing was changed.
func startNode(cfg *config.Config, logger *slog.Logger) (*node, error) {
	return startNodeAt(cfg, logger, time.Now)
}

// startNodeAt is startNode with another clock for the engine.
func startNodeAt(cfg *config.Config, logger *slog.Logger, now func() time.Time) (_ *node, err error) {
	n := &node{cfg: cfg, logger: logger, turns: api.NewTurns(), notices: gy.NewNotices(), stopping: make(chan struct{}), served: make(chan error, 2+len(cfg.Diameter.Listeners)), started: time.Now()}
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
		Notify: n.notices.Notify, Now: now,
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

// drainTimeout bounds each part of a clean stop.
const drainTimeout = 20 * time.Second

// stop drains: no new requests, answers sent, gateways told by DPR, checkpoint
// written.
func (n *node) stop() error {
	// The office first: its jobs talk to the core.
	if n.office != nil {
		if err := n.office.stop(); err != nil {
			n.logger.Warn("the office's way to the charging API did not close", "error", err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	close(n.stopping)
	err := n.server.Shutdown(ctx)
	n.sending.Wait()
	err = errors.Join(err, n.http.stop(ctx), n.core.stop())
	n.logger.Info("gyro has stopped", "served", time.Since(n.started).Round(time.Second).String())
	return err
}

func (n *node) abandon() {
	close(n.stopping)
	n.sending.Wait()
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
