// Package apitest runs a real charging core behind the real charging API on
// loopback, for the tests of those who are its clients.
package apitest

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"gyro/api"
	"gyro/api/client"
	"gyro/charging/engine"
	"gyro/internal/coretest"
)

// Server is a charging core and its API.
type Server struct {
	*coretest.Core
	// Charging is a client of it.
	Charging *client.Charging
	// API is the server, to be made not ready, for example.
	API *api.Server
}

// patience is how long a server may take to stop.
const patience = 10 * time.Second

// Start runs a core and its API for the length of a test.
func Start(t *testing.T) *Server {
	t.Helper()
	core := coretest.New(t, engine.Options{})
	server, err := api.New(api.Options{Engine: core, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	server.SetReady(true)
	charging := client.NewCharging("http://"+l.Addr().String(), "")
	t.Cleanup(func() {
		charging.HTTP.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := errors.Join(server.Shutdown(ctx), <-served); err != nil {
			t.Error(err)
		}
	})
	return &Server{Core: core, Charging: charging, API: server}
}
