package rest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"gyro/api/access"
	"gyro/internal/database"

	"github.com/prometheus/client_golang/prometheus"
)

// Options of a Server.
type Options struct {
	// DB is the office's database; it is required.
	DB *database.DB
	// Sets are what is served, besides probes, metrics and the description of the API.
	Sets []Set
	// Access tells who asks. Without it the server serves its own machine only, and everyone there may do everything.
	Access access.Authenticator
	// PublicURL is the address under which clients know the server, such as https://office.example; hrefs begin with it.
	// Where it is empty it is made of the listener's address.
	PublicURL string
	// TLS makes the server speak HTTPS. BehindProxy says that something in front of it does, which alone lets the server
	// listen off loopback without TLS.
	TLS         *tls.Config
	BehindProxy bool
	// ApprovalAbove are the amounts above which one person alone moves no money (access.FourEyes).
	ApprovalAbove access.Limits
	Logger        *slog.Logger
	// Collectors are metrics of other parts of the process to be shown with those of this package.
	Collectors []prometheus.Collector
	// ReadTimeout bounds the reading of a request, WriteTimeout the writing of an answer, IdleTimeout the pause between two
	// requests of a connection, RequestTimeout the work on one.
	ReadTimeout, WriteTimeout, IdleTimeout, RequestTimeout time.Duration
	// MaxConnections bounds open connections, MaxRequests the requests that are worked on at a time.
	MaxConnections, MaxRequests int
	// Rate is how many requests a second each principal may send, and as many again at once.
	Rate int
	// StrangerRate is how many failed attempts a second to prove who one is an address has.
	StrangerRate int
}

// Defaults of Options, and why.
const (
	// DefaultReadTimeout lets the largest body in over a slow link.
	DefaultReadTimeout = 10 * time.Second
	// DefaultWriteTimeout lets a page of a thousand documents out over a slow link.
	DefaultWriteTimeout = 30 * time.Second
	// DefaultIdleTimeout is longer than the usual scrape interval.
	DefaultIdleTimeout = 90 * time.Second
	// DefaultRequestTimeout is below the 30 s after which clients usually give up on their own.
	DefaultRequestTimeout = 20 * time.Second
	// DefaultMaxConnections is far above what an office opens.
	DefaultMaxConnections = 1024
	// DefaultMaxRequests keeps the queue before the database short.
	DefaultMaxRequests = 256
	// DefaultRate is above what any one client of an office needs, the shop included.
	DefaultRate = 2000
	// MaxBody is the largest body in octets: a product order of a few thousand items.
	MaxBody = 1 << 20
	// maxHeader is the largest request line and header together.
	maxHeader = 16 << 10
	// DefaultStrangerRate leaves room for a client that was given the wrong key, and none for guessing.
	DefaultStrangerRate = 10
)

// EnsureDefaults fills in what was left zero.
func (o *Options) EnsureDefaults() {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	for _, d := range []struct {
		value *time.Duration
		byDef time.Duration
	}{
		{&o.ReadTimeout, DefaultReadTimeout},
		{&o.WriteTimeout, DefaultWriteTimeout},
		{&o.IdleTimeout, DefaultIdleTimeout},
		{&o.RequestTimeout, DefaultRequestTimeout},
	} {
		if *d.value == 0 {
			*d.value = d.byDef
		}
	}
	for _, d := range []struct {
		value *int
		byDef int
	}{{&o.MaxConnections, DefaultMaxConnections}, {&o.MaxRequests, DefaultMaxRequests}, {&o.Rate, DefaultRate}, {&o.StrangerRate, DefaultStrangerRate}} {
		if *d.value == 0 {
			*d.value = d.byDef
		}
	}
	o.PublicURL = strings.TrimSuffix(o.PublicURL, "/")
}

// Validate reports every option that cannot work.
func (o *Options) Validate() error {
	var errs []error
	if o.DB == nil {
		errs = append(errs, errors.New("rest: DB is nil; there is nothing to serve"))
	}
	if o.ReadTimeout < 0 || o.WriteTimeout < 0 || o.IdleTimeout < 0 || o.RequestTimeout < 0 {
		errs = append(errs, errors.New("rest: a timeout is negative; leave it out for the default"))
	}
	if o.MaxConnections < 0 || o.MaxRequests < 0 || o.Rate < 0 || o.StrangerRate < 0 {
		errs = append(errs, errors.New("rest: MaxConnections, MaxRequests, Rate and StrangerRate must be above zero"))
	}
	if o.TLS != nil && len(o.TLS.Certificates) == 0 && o.TLS.GetCertificate == nil && o.TLS.GetConfigForClient == nil {
		errs = append(errs, errors.New("rest: TLS has no certificate; name a certificate and its key"))
	}
	if u, err := url.Parse(o.PublicURL); o.PublicURL != "" && (err != nil || u.Host == "" || u.Path != "" || u.Scheme != "http" && u.Scheme != "https") {
		errs = append(errs, fmt.Errorf("rest: public URL %q: write scheme and host, such as https://office.example", o.PublicURL))
	}
	return errors.Join(errs...)
}

// ErrExposed is returned by Serve for an address that other machines reach where nothing protects it.
var ErrExposed = errors.New("nothing is served off loopback without authentication and TLS")

// checkExposure refuses to serve strangers.
func (o *Options) checkExposure(address net.Addr) error {
	switch {
	case isLocal(address):
		return nil
	case o.Access == nil:
		return fmt.Errorf("office: %s is reachable from other machines: %w; turn authentication on, or listen on 127.0.0.1", address, ErrExposed)
	case o.TLS == nil && !o.BehindProxy:
		return fmt.Errorf("office: %s is reachable from other machines: %w; keys and passwords would travel in the clear: name a certificate and its key, "+
			"say that a proxy in front has TLS, or listen on 127.0.0.1", address, ErrExposed)
	}
	return nil
}

// isLocal reports whether only processes of this machine can connect.
func isLocal(address net.Addr) bool {
	switch a := address.(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}
