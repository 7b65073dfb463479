package element

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"
)

// Kind says which network element is simulated.
type Kind string

// The network elements.
const (
	PGW  Kind = "pgw"  // packet gateway, Service-Context-Id 32251@3gpp.org
	IMS  Kind = "ims"  // call server, 32260@3gpp.org
	SMSC Kind = "smsc" // short message centre, 32274@3gpp.org
)

// Style says how a packet gateway words its requests.
type Style string

// The styles of a packet gateway.
const (
	Open5GS Style = "open5gs" // one MSCC without Rating-Group, input and output octets, as Open5GS's SMF does
	FullPGW Style = "pgw"     // Multiple-Services-Indicator 1, several rating groups, total octets with Reporting-Reason
	StarOS  Style = "staros"  // as pgw, with the total octets in one Used-Service-Unit and input and output in another
	Mixed   Style = "mixed"   // every session in open5gs or pgw
)

// Bounds of the options. Rate and session counts are more than one process with this codec reaches (about 20,000 CCR/s on a
// core), so that a larger number is a mistake.
const (
	maxRate        = 200_000
	maxSessions    = 1_000_000
	maxInFlight    = 65_536
	maxSubscribers = 100_000_000
	maxGroups      = 16 // rating groups of one session; a CCR stays far below 64 KiB
	maxPermille    = 1000
)

// Options configure an [Element].
type Options struct {
	Kind    Kind
	Style   Style  // of a PGW; default Open5GS
	Connect string // host:port of the server

	Rate     int // CCRs a second, retransmissions included; default 100
	Sessions int // held open at once; default 100
	InFlight int // transmissions without an answer, at most; default 256

	Subscribers int    // default 1000
	IMSIBase    string // IMSI of subscriber 0, subscriber i has base+i; default 001010000000001
	MSISDNBase  string // E.164 without +, likewise; default 491720000001
	// Join is where subscribers come from who join while it runs; then nobody else
	// begins a session. It is not to be closed. nil: those of the bases, from the start.
	Join <-chan Subscriber

	For      time.Duration // 0: until the context ends
	Requests int           // ends its sessions after so many CCRs, however long they take; 0: no end
	DieAfter time.Duration // end without CCR-T and DPR; 0: never

	OriginHost       string // default <kind>.gyro.example
	OriginRealm      string // default gyro.example, where gyro up serves
	DestinationRealm string // default OriginRealm
	DestinationHost  string // default none; the open5gs style learns it from the first answer
	OriginStateID    uint32 // default: the time of the start in Unix seconds

	Seed               uint64
	RetransmitPermille int // share of CCRs that are sent twice
	OverusePermille    int // share of exhausted quotas that are exceeded by up to a tenth

	RatingGroups    []uint32 // pgw style: default 10,20,30; ims: the first one is sent, default none
	APN             string   // default internet
	MaxDemandOctets uint64   // of one rating group of a session, log-uniform from 1/256 of it; default 64 MiB
	Access          []int    // pgw: 3GPP-RAT-Type of a session's begin, and those it may change to; default 6, E-UTRAN
	AccessPermille  int      // pgw: share of the turns of a session before which its radio access changes
	Visited         []string // pgw: networks of roaming subscribers, MCC and MNC in digits
	RoamingPermille int      // pgw: share of the sessions in one of Visited; the others are at home, in 00101
	// Patience is how long a subscriber stays who was led to a portal or restricted to it by a final unit: until it
	// ends, or an RAR tells of credit, nothing is asked for. 0 asks again at once.
	Patience            time.Duration
	Destinations        []string // E.164 numbers; a trailing * is completed by drawn digits
	OnNetPermille       int      // ims, smsc: share of calls and messages to or from another of the subscribers
	TerminatingPermille int      // ims: share of calls to the subscriber; default 200, -1: none
	ECURPermille        int      // smsc: share of messages charged by reserve and debit; default 200, -1: none

	Tx           time.Duration // wait for an answer (RFC 8506 s. 13); default 10 s
	Watchdog     time.Duration // Tw of RFC 3539, at least 6 s; default 30 s
	DrainTimeout time.Duration // for the CCR-Ts at the end; default 30 s

	ReportEvery time.Duration // default 1 s
	OnReport    func(Report)  // called from the element's goroutine, must not block for long; may be nil
	UsageLog    io.Writer     // JSON lines of UsageLine; may be nil

	Dial   func(ctx context.Context) (net.Conn, error) // default: TCP to Connect
	Logger *slog.Logger                                // default: slog.Default()
}

// defaultDestinations are national, mobile, international and premium numbers as seen from a German subscriber.
func defaultDestinations() []string {
	return []string{"4930*", "4989*", "49172*", "49172*", "49160*", "44*", "33*", "1212*", "49900*"}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// EnsureDefaults fills every field left at its zero value.
func (o *Options) EnsureDefaults() {
	setDefault(&o.Style, Open5GS)
	setDefault(&o.Rate, 100)
	setDefault(&o.Sessions, 100)
	setDefault(&o.InFlight, 256)
	setDefault(&o.Subscribers, 1000)
	setDefault(&o.IMSIBase, "001010000000001")
	setDefault(&o.MSISDNBase, "491720000001")
	setDefault(&o.OriginRealm, "gyro.example")
	setDefault(&o.OriginHost, string(o.Kind)+"."+o.OriginRealm)
	setDefault(&o.DestinationRealm, o.OriginRealm)
	setDefault(&o.OriginStateID, uint32(time.Now().Unix()))
	setDefault(&o.APN, "internet")
	setDefault(&o.MaxDemandOctets, 64<<20)
	setDefault(&o.TerminatingPermille, 200)
	setDefault(&o.ECURPermille, 200)
	setDefault(&o.Tx, 10*time.Second)
	setDefault(&o.Watchdog, 30*time.Second)
	setDefault(&o.DrainTimeout, 30*time.Second)
	setDefault(&o.ReportEvery, time.Second)
	setDefault(&o.Logger, slog.Default())
	if len(o.RatingGroups) == 0 && o.Kind == PGW {
		o.RatingGroups = []uint32{10, 20, 30}
	}
	if len(o.Access) == 0 {
		o.Access = []int{accessEUTRAN}
	}
	if len(o.Destinations) == 0 {
		o.Destinations = defaultDestinations()
	}
	if o.Dial == nil {
		address := o.Connect
		o.Dial = func(ctx context.Context) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "tcp", address)
		}
	}
}

// Validate reports every option that is out of its range. Call it after EnsureDefaults.
func (o *Options) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(o.Kind == PGW || o.Kind == IMS || o.Kind == SMSC, "element %q: use pgw, ims or smsc", o.Kind)
	check(o.Style == Open5GS || o.Style == FullPGW || o.Style == StarOS || o.Style == Mixed, "style %q: use open5gs, pgw, staros or mixed", o.Style)
	for _, bound := range []struct {
		name            string
		value, low, top int
	}{
		{"rate", o.Rate, 1, maxRate},
		{"sessions", o.Sessions, 1, maxSessions},
		{"in-flight", o.InFlight, 1, maxInFlight},
		{"subscribers", o.Subscribers, 1, maxSubscribers},
		{"retransmit", o.RetransmitPermille, 0, maxPermille},
		{"overuse", o.OverusePermille, 0, maxPermille},
		{"terminating", o.TerminatingPermille, -1, maxPermille},
		{"ecur", o.ECURPermille, -1, maxPermille},
		{"on-net", o.OnNetPermille, 0, maxPermille},
		{"access-change", o.AccessPermille, 0, maxPermille},
		{"roaming", o.RoamingPermille, 0, maxPermille},
		{"rating groups", len(o.RatingGroups), 0, maxGroups},
	} {
		check(bound.value >= bound.low && bound.value <= bound.top,
			"%s %d: must be between %d and %d", bound.name, bound.value, bound.low, bound.top)
	}
	check(o.Patience >= 0, "patience %s: must not be negative", o.Patience)
	errs = append(errs, o.validateMobility()...)
	check(o.MaxDemandOctets >= 1<<16 && o.MaxDemandOctets <= 1<<40, "max demand %d octets: must be between 64 KiB and 1 TiB", o.MaxDemandOctets)
	check(o.OriginHost != "" && o.OriginRealm != "" && o.DestinationRealm != "", "origin host, origin realm and destination realm must not be empty")
	check(o.Tx >= time.Millisecond, "tx %v: must be at least 1ms", o.Tx)
	check(o.Watchdog >= 6*time.Second, "watchdog %v: RFC 3539 allows no less than 6s", o.Watchdog)
	check(o.DrainTimeout > 0 && o.ReportEvery > 0, "drain timeout and report interval must be positive")
	check(o.For >= 0 && o.DieAfter >= 0, "durations must not be negative")
	check(o.Requests >= 0, "requests %d: must not be negative", o.Requests)
	errs = append(errs, o.validateNumbers()...)
	return errors.Join(errs...)
}

func (o *Options) validateNumbers() []error {
	var errs []error
	for _, base := range []struct{ name, digits string }{{"IMSI", o.IMSIBase}, {"MSISDN", o.MSISDNBase}} {
		last, err := addDecimal(base.digits, uint64(max(o.Subscribers-1, 0)))
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s base: %w", base.name, err))
		case len(last) > 15:
			errs = append(errs, fmt.Errorf("%s base %q: more than 15 digits (E.212, E.164)", base.name, base.digits))
		}
	}
	for _, number := range o.Destinations {
		digits, pattern := strings.CutSuffix(number, "*")
		limit := 15 // E.164
		if pattern {
			limit = destinationDigits - 1
		}
		if digits == "" || len(digits) > limit || strings.Trim(digits, "0123456789") != "" {
			errs = append(errs, fmt.Errorf("destination %q: want up to 15 digits, or fewer than %d followed by *", number, destinationDigits))
		}
	}
	return errs
}

// addDecimal returns digits + n with leading zeros kept. A result that needs more digits than there are is an error: the
// subscribers would spill over into another operator's numbers.
func addDecimal(digits string, n uint64) (string, error) {
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return "", fmt.Errorf("%q is not a decimal number", digits)
	}
	out := []byte(digits)
	carry := n
	for i := len(out) - 1; i >= 0 && carry > 0; i-- {
		carry += uint64(out[i] - '0')
		out[i] = byte('0' + carry%10)
		carry /= 10
	}
	if carry > 0 {
		return "", fmt.Errorf("%q + %d does not fit %d digits", digits, n, len(digits))
	}
	return string(out), nil
}
