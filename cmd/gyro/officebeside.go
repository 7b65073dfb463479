package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"gyro/api"
	"gyro/api/client"
)

// officeBeside is the office half in the process of the charging half. It comes
// up after it, and what becomes of it never reaches charging: a database that
// is down, a port that is taken or a disk that is full are logged and tried
// again, while requests are charged.
type officeBeside struct {
	link   *coreLink
	cancel context.CancelFunc
	done   chan struct{}
}

// How long to wait between two attempts to bring the office up.
const (
	firstOfficeRetry = time.Second
	lastOfficeRetry  = 30 * time.Second
	// linkTimeout bounds the end of the way to the charging API, which nobody uses any more.
	linkTimeout = time.Second
)

// startOfficeBeside brings the office up beside a node that serves. It returns
// at once.
func startOfficeBeside(n *node, now func() time.Time) (*officeBeside, error) {
	link, err := openCoreLink(n)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &officeBeside{link: link, cancel: cancel, done: make(chan struct{})}
	go b.keepUp(ctx, n, now)
	return b, nil
}

// keepUp starts the office until that succeeds, and again should its listener
// end.
func (b *officeBeside) keepUp(ctx context.Context, n *node, now func() time.Time) {
	defer close(b.done)
	wait := firstOfficeRetry
	for ctx.Err() == nil {
		o, err := startOffice(ctx, officeOptions{Config: n.cfg, Logger: n.logger, Core: b.link.client(), Now: now})
		if err == nil {
			wait = firstOfficeRetry
			err = o.run(ctx)
		}
		if ctx.Err() != nil {
			if err != nil {
				n.logger.Warn("the office did not stop cleanly; its jobs go on after the next start", "error", err)
			}
			return
		}
		n.logger.Error("the office is down; charging goes on without it, and it is tried again", "error", err, "in", wait.String())
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, lastOfficeRetry)
	}
}

// stop ends the office; charging still serves meanwhile, so that its jobs can
// finish what they are at.
func (b *officeBeside) stop() error {
	b.cancel()
	<-b.done
	ctx, cancel := context.WithTimeout(context.Background(), linkTimeout)
	defer cancel()
	return b.link.stop(ctx)
}

// coreLink is the charging API as the office of the same process reaches it: over
// HTTP as from elsewhere, on a loopback port of its own with a key of its own,
// whatever keys and certificates the listener for others asks for.
type coreLink struct {
	server   *api.Server
	listener net.Listener
	key      string
	served   chan error
}

func openCoreLink(n *node) (*coreLink, error) {
	secret, hash := api.NewKey()
	l := &coreLink{key: secret, served: make(chan error, 1)}
	var err error
	l.server, err = api.New(api.Options{
		Engine: n.core.engine, Turns: n.turns, Logger: n.logger,
		Keys: []api.Key{{Name: "office", Hash: hash, Scopes: []api.Scope{api.ScopeWrite}}},
	})
	if err != nil {
		return nil, err
	}
	if l.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("the office's way to the charging API: %w", err)
	}
	l.server.SetReady(true)
	go func() { l.served <- l.server.Serve(l.listener) }()
	return l, nil
}

func (l *coreLink) client() *client.Charging {
	return client.NewCharging("http://"+l.listener.Addr().String(), l.key)
}

func (l *coreLink) stop(ctx context.Context) error {
	return l.server.Shutdown(ctx)
}
