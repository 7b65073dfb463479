package diameter

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"
)

// Defaults and bounds of the server. Each can be set in Options.
const (
	// DefaultProductName is the Product-Name of the CEA.
	DefaultProductName = "Gyro"
	// DefaultHandshakeTimeout bounds TLS and the wait for the CER. RFC 6733 section 12 leaves it open; a gateway
	// sends its CER with its first segment, so ten seconds serve the slowest link and starve a silent caller.
	DefaultHandshakeTimeout = 10 * time.Second
	// DefaultWatchdogInterval is Tw of RFC 3539 section 3.4.1, and its recommended value.
	DefaultWatchdogInterval = 30 * time.Second
	// MinWatchdogInterval is the least Tw that RFC 3539 section 3.4.1 allows.
	MinWatchdogInterval = 6 * time.Second
	// WatchdogJitter is the greatest deviation of each Tw, either way (RFC 3539 section 3.4.1), so that the
	// watchdogs of many connections do not fall into step.
	WatchdogJitter = 2 * time.Second
	// DefaultWriteTimeout bounds one write. A gateway gives up on an answer after Tx, ten seconds by default
	// (RFC 8506 section 13); a peer that takes no octet for so long gets no answer in time anyway.
	DefaultWriteTimeout = 10 * time.Second
	// DefaultDrainTimeout bounds the wait for answers in flight before a DPR is sent or answered. An answer older
	// than Tx is of no use.
	DefaultDrainTimeout = 10 * time.Second
	// DefaultDisconnectTimeout bounds the wait for the DPA, and for the peer to close after our DPA.
	DefaultDisconnectTimeout = 5 * time.Second
	// lingerTimeout bounds the wait for a peer to read its last answer and close. Closing at once would reset
	// the connection, and the answer with it, while octets of the peer are still unread.
	lingerTimeout = time.Second
	// DefaultOutputBytes bounds the answers that wait for a peer to read them: some 25,000 CCAs, a second of a
	// large gateway's load. A peer that is further behind is closed.
	DefaultOutputBytes = 8 << 20
	// retainedOutputBytes is the greatest output buffer that an idle connection keeps.
	retainedOutputBytes = 1 << 20
	// DefaultInputBytes is the size of a connection's read buffer; what it holds is handled in one go.
	DefaultInputBytes = 64 << 10
	// DefaultConnections bounds the connections of all peers: an operator has tens of gateways with a few
	// connections each. At 100 KB a connection the bound costs 100 MB.
	DefaultConnections = 1024
	// DefaultConnectionsPerAddress bounds the connections of one IP address: every blade of a gateway may connect
	// from the same one, but a loop of reconnects must not use up all connections.
	DefaultConnectionsPerAddress = 64
	// DefaultInFlight bounds the requests of one connection that wait for their answers. Further ones are answered
	// TOO_BUSY before anything is applied.
	DefaultInFlight = 64 << 10
	// DefaultMalformedBurst is how many messages of broken framing one connection may send at once.
	DefaultMalformedBurst = 64
	// malformedRefill is how long it takes until one more is allowed: a fault that shows once a minute must not
	// close a connection of months, a flood must.
	malformedRefill = time.Second
	// restartBurst is how many restarts of a peer are acted on at once: a gateway that comes up, fails and comes up again
	// does so a few times in a row.
	restartBurst = 4
	// restartRefill is how long it takes until one more is: no gateway takes less than that to start and have sessions.
	restartRefill = time.Minute
	// rememberedPeers bounds the peers whose Origin-State-Id is remembered while they are not connected.
	rememberedPeers = 4096
	// vendorSpecificApplications bounds those of a CER that its answer repeats: a client names one or a few vendors.
	vendorSpecificApplications = 8
	// identityBytes is the longest Origin-Host or Origin-Realm accepted: the longest domain name (RFC 1035).
	identityBytes = 255
	// productBytes is how much of a peer's Product-Name is kept for people to read.
	productBytes = 64
)

// Application is a Diameter application that the server takes requests for.
type Application struct {
	// ID is the Auth-Application-Id.
	ID uint32
	// Commands are the requests that the application's handler serves.
	Commands []Command
}

// Command is a request that an application serves.
type Command struct {
	Code uint32
	// Echo lists the request's AVPs that the answer's grammar demands, for answers that refuse the request
	// before the application has seen it.
	Echo []Code
}

// CreditControl returns the application of RFC 8506 with its one command.
func CreditControl() Application {
	return Application{
		ID:       AppCreditControl,
		Commands: []Command{{Code: CmdCreditControl, Echo: []Code{AVPCCRequestType, AVPCCRequestNumber}}},
	}
}

// Options configure a Server. A zero field means its default.
type Options struct {
	// Identity is how the server names itself. Host and Realm are required. A StateID of 0 means the start time
	// in Unix seconds, which grows from start to start as RFC 6733 section 8.16 asks.
	Identity Identity
	// ServedHosts and ServedRealms are accepted in Destination-Host and Destination-Realm besides the Identity.
	ServedHosts, ServedRealms []string
	// HostAddresses are sent as Host-IP-Address. By default it is the connection's local address.
	HostAddresses []netip.Addr
	// ProductName and VendorID describe the implementation in the CEA.
	ProductName string
	VendorID    uint32
	// Applications are what the server serves; by default credit control.
	Applications []Application
	// KnownPeers are the Origin-Hosts allowed to connect; AllowUnknownPeers allows any.
	KnownPeers        []string
	AllowUnknownPeers bool
	// Limits bound each message.
	Limits Limits

	HandshakeTimeout  time.Duration
	WatchdogInterval  time.Duration
	WriteTimeout      time.Duration
	DrainTimeout      time.Duration
	DisconnectTimeout time.Duration

	OutputBytes           int
	Connections           int
	ConnectionsPerAddress int
	InFlight              int
	MalformedBurst        int

	// Now is the clock for everything the server stamps and measures; its times carry a monotonic reading.
	// Timers are those of package time.
	Now func() time.Time
	// Rand returns 64 random bits; it is called from several goroutines.
	Rand func() uint64
	// Logger receives what an operator wants to know of connections: up, down and why.
	Logger *slog.Logger
}

// EnsureDefaults returns the options with every zero field set.
func (o Options) EnsureDefaults() Options {
	setDefault(&o.ProductName, DefaultProductName)
	setDefault(&o.HandshakeTimeout, DefaultHandshakeTimeout)
	setDefault(&o.WatchdogInterval, DefaultWatchdogInterval)
	setDefault(&o.WriteTimeout, DefaultWriteTimeout)
	setDefault(&o.DrainTimeout, DefaultDrainTimeout)
	setDefault(&o.DisconnectTimeout, DefaultDisconnectTimeout)
	setDefault(&o.OutputBytes, DefaultOutputBytes)
	setDefault(&o.Connections, DefaultConnections)
	setDefault(&o.ConnectionsPerAddress, DefaultConnectionsPerAddress)
	setDefault(&o.InFlight, DefaultInFlight)
	setDefault(&o.MalformedBurst, DefaultMalformedBurst)
	o.Limits = o.Limits.withDefaults()
	if o.Applications == nil {
		o.Applications = []Application{CreditControl()}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Uint64
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Identity.StateID == 0 {
		o.Identity.StateID = uint32(o.Now().Unix())
	}
	return o
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate reports the options that cannot be served with. It expects EnsureDefaults to have been applied.
func (o Options) Validate() error {
	errs := []error{
		validIdentity("origin host", o.Identity.Host),
		validIdentity("origin realm", o.Identity.Realm),
		o.Limits.Validate(),
	}
	if o.Limits.MessageBytes > DefaultInputBytes {
		errs = append(errs, fmt.Errorf("limit of %d octets a message: the read buffer holds %d", o.Limits.MessageBytes, DefaultInputBytes))
	}
	if !o.AllowUnknownPeers && len(o.KnownPeers) == 0 {
		errs = append(errs, errors.New("no peer could connect: name the known peers or allow unknown ones"))
	}
	if len(o.Applications) == 0 {
		errs = append(errs, errors.New("no application: a server without one refuses every peer"))
	}
	if o.WatchdogInterval < MinWatchdogInterval {
		errs = append(errs, fmt.Errorf("watchdog interval of %v: RFC 3539 allows none below %v", o.WatchdogInterval, MinWatchdogInterval))
	}
	for _, timeout := range [...]struct {
		name string
		d    time.Duration
	}{
		{"handshake", o.HandshakeTimeout},
		{"write", o.WriteTimeout},
		{"drain", o.DrainTimeout},
		{"disconnect", o.DisconnectTimeout},
	} {
		if timeout.d < 0 {
			errs = append(errs, fmt.Errorf("%s timeout of %v: must be positive", timeout.name, timeout.d))
		}
	}
	for _, limit := range [...]struct {
		name string
		n    int
	}{
		{"connections", o.Connections},
		{"connections per address", o.ConnectionsPerAddress},
		{"requests in flight", o.InFlight},
		{"malformed messages", o.MalformedBurst},
	} {
		if limit.n < 1 {
			errs = append(errs, fmt.Errorf("limit of %d %s: must be at least 1", limit.n, limit.name))
		}
	}
	if o.OutputBytes < o.Limits.MessageBytes {
		errs = append(errs, fmt.Errorf("output buffer of %d octets: must hold a message of %d", o.OutputBytes, o.Limits.MessageBytes))
	}
	return errors.Join(errs...)
}

func validIdentity(what, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%s is missing", what)
	case len(name) > identityBytes:
		return fmt.Errorf("%s of %d octets: a domain name has at most %d", what, len(name), identityBytes)
	case strings.ContainsAny(name, " \t\r\n"):
		return fmt.Errorf("%s %q: a domain name holds no white space", what, name)
	}
	return nil
}

// String names the server and its peers' bounds in one line.
func (o Options) String() string {
	return fmt.Sprintf("host=%s realm=%s unknown_peers=%t connections_max=%d per_address_max=%d watchdog=%v",
		o.Identity.Host, o.Identity.Realm, o.AllowUnknownPeers, o.Connections, o.ConnectionsPerAddress, o.WatchdogInterval)
}

// Handler is the application above the base protocol. A connection's calls come one at a time, from the goroutine
// that reads it; those of different connections come at once.
type Handler interface {
	// ServeRequest takes a request of one of the server's applications. The message is valid only during the call.
	// Each request is owed one answer: the handler, then or later and from any goroutine, appends it to the
	// connection's output and calls Conn.Done.
	ServeRequest(c *Conn, m *Message)
	// ServeAnswer takes an answer of one of the server's applications, valid only during the call. A malformed one
	// whose framing holds is passed on, too; what it misses is the handler's to notice.
	ServeAnswer(c *Conn, m *Message)
	// PeerUp tells of a connection whose capabilities exchange succeeded, before any of its messages.
	PeerUp(c *Conn)
	// PeerDown tells that a connection announced by PeerUp is gone and why. Its answers can no longer be sent.
	PeerDown(c *Conn, reason error)
	// PeerRestarted tells that a peer has changed its Origin-State-Id: sessions begun under the old one are lost
	// to it (RFC 6733 section 8.16). It comes before the PeerUp of the connection on which it was noticed.
	PeerRestarted(originHost string, oldStateID, newStateID uint32)
}

// BatchHandler is a Handler that wants to know when the requests that arrived together have all been served.
type BatchHandler interface {
	Handler
	// ServedBatch follows the last ServeRequest or ServeAnswer of the messages that one read returned.
	ServedBatch(c *Conn)
}
