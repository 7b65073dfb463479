package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"gyro/charging"
	"gyro/charging/engine"
	"gyro/charging/usage"

	"github.com/prometheus/client_golang/prometheus"
)

// Engine is the charging core as this package needs it; *engine.Engine is one.
type Engine interface {
	// Do carries out a command and returns when its outcome is durable.
	Do(ctx context.Context, kind charging.Kind, command any) (engine.Reply, error)
	// View calls fn with the state to itself; charging waits meanwhile.
	View(fn func(*charging.State))
	// Records calls fn for the records after a sequence number, in order.
	Records(after uint64, fn func(*usage.Record) bool) error
	// History calls fn for an account's records from the given one back.
	History(newest uint64, fn func(*usage.Record) bool) error
	// Metrics returns the engine's counts since it started.
	Metrics() engine.Metrics
}

// Peers tells which gateways are connected.
type Peers interface {
	Peers() []PeerView
}

// PeerView is one connection of a gateway.
type PeerView struct {
	OriginHost  string
	OriginRealm string
	// Up is false while the connection does not answer watchdog requests.
	Up bool
}

// Options of a Server. Only Engine is required.
type Options struct {
	Engine Engine
	// Turns are those of the engine, which every server over it must have; nil are
	// new ones, where this server is the only one.
	Turns *Turns
	// Peers feeds gyro_peers_up; without it the metric is absent.
	Peers Peers
	// Syncs is shown as gyro_journal_sync_duration_seconds; whoever opens the
	// journal observes into it.
	Syncs *SyncHistogram
	// Collectors are metrics of other parts of the process to be shown with
	// those of this package.
	Collectors []prometheus.Collector
	Logger     *slog.Logger
	// Keys are the API keys that are accepted. When there are any, every
	// request but those to /healthz and /readyz needs one, on loopback too.
	Keys []Key
	// TLS makes the server speak HTTPS. With ClientAuth
	// RequireAndVerifyClientCert and ClientCAs it is mutual TLS, which
	// authenticates for everything where no Keys are configured.
	TLS *tls.Config
	// ReadTimeout bounds the reading of a request, WriteTimeout the writing of
	// an answer, IdleTimeout the pause between two requests of a connection.
	ReadTimeout, WriteTimeout, IdleTimeout time.Duration
	// CommandTimeout bounds how long a request waits for the charging core.
	CommandTimeout time.Duration
	// MaxConnections bounds open connections, MaxRequests the requests that
	// are worked on at a time; what exceeds them is refused with status 503.
	MaxConnections, MaxRequests int
}

// Defaults of Options, and why.
const (
	// DefaultReadTimeout lets a catalogue of 4 MiB in over 4 Mbit/s.
	DefaultReadTimeout = 10 * time.Second
	// DefaultWriteTimeout lets a page of usage out over a slow link.
	DefaultWriteTimeout = 30 * time.Second
	// DefaultIdleTimeout is longer than the usual scrape interval, so that a
	// scraper keeps its connection.
	DefaultIdleTimeout = 90 * time.Second
	// DefaultCommandTimeout is beyond any stall of a healthy disk, and below
	// the 10 s after which clients usually give up on their own.
	DefaultCommandTimeout = 5 * time.Second
	// DefaultMaxConnections is far above what an office opens; each may hold
	// 64 KiB of body.
	DefaultMaxConnections = 1024
	// DefaultMaxRequests keeps the API's share of a batch small: charging has
	// room for 4096 commands.
	DefaultMaxRequests = 256
)

// Limits of a request.
const (
	// MaxBody is the largest body in octets: an account with 1000 subscribers,
	// the most it can have, of an IMSI and an MSISDN each.
	MaxBody = 64 << 10
	// MaxCatalog is the largest catalogue, as the compiler bounds it.
	MaxCatalog = 4 << 20
	// maxHeader is the largest request line and header together.
	maxHeader = 16 << 10
	// maxKeys bounds the keys that every request is compared with.
	maxKeys = 100
)

// EnsureDefaults fills in what was left zero.
func (o *Options) EnsureDefaults() {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Turns == nil {
		o.Turns = NewTurns()
	}
	for _, d := range []struct {
		value *time.Duration
		byDef time.Duration
	}{
		{&o.ReadTimeout, DefaultReadTimeout},
		{&o.WriteTimeout, DefaultWriteTimeout},
		{&o.IdleTimeout, DefaultIdleTimeout},
		{&o.CommandTimeout, DefaultCommandTimeout},
	} {
		if *d.value == 0 {
			*d.value = d.byDef
		}
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = DefaultMaxConnections
	}
	if o.MaxRequests == 0 {
		o.MaxRequests = DefaultMaxRequests
	}
}

// Validate reports every option that cannot work.
func (o *Options) Validate() error {
	var errs []error
	if o.Engine == nil {
		errs = append(errs, errors.New("api: Engine is nil; there is nothing to serve"))
	}
	if o.ReadTimeout < 0 || o.WriteTimeout < 0 || o.IdleTimeout < 0 || o.CommandTimeout < 0 {
		errs = append(errs, errors.New("api: a timeout is negative; leave it out for the default"))
	}
	if o.MaxConnections < 0 || o.MaxRequests < 0 {
		errs = append(errs, errors.New("api: MaxConnections and MaxRequests must be above zero"))
	}
	if o.TLS != nil && len(o.TLS.Certificates) == 0 && o.TLS.GetCertificate == nil && o.TLS.GetConfigForClient == nil {
		errs = append(errs, errors.New("api: TLS has no certificate; name a certificate and its key"))
	}
	if len(o.Keys) > maxKeys {
		errs = append(errs, fmt.Errorf("api: %d keys; at most %d are compared with each request", len(o.Keys), maxKeys))
	}
	names := map[string]bool{}
	for n := range o.Keys {
		if err := o.Keys[n].validate(); err != nil {
			errs = append(errs, fmt.Errorf("api: key %d: %w", n+1, err))
		}
		if names[o.Keys[n].Name] {
			errs = append(errs, fmt.Errorf("api: two keys are called %q; the audit log could not tell them apart", o.Keys[n].Name))
		}
		names[o.Keys[n].Name] = true
	}
	return errors.Join(errs...)
}

// mutualTLS reports whether the transport lets in only clients whose
// certificate was verified.
func (o *Options) mutualTLS() bool {
	return o.TLS != nil && o.TLS.ClientAuth == tls.RequireAndVerifyClientCert && o.TLS.ClientCAs != nil
}
