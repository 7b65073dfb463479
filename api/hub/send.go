package hub

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"gyro/internal/database"
	"gyro/internal/refusal"
)

// SignatureHeader has, for listeners with a secret, t=MOMENT,v1=HMAC: SHA-256 over MOMENT, a dot and the body, in
// hexadecimal; MOMENT is in seconds since 1970, so that a listener can refuse what is old.
const SignatureHeader = "X-Gyro-Signature"

// notification is the body of what a listener is sent, as TM Forum's events have it.
type notification struct {
	EventID       string         `json:"eventId"`
	EventTime     string         `json:"eventTime"`
	EventType     string         `json:"eventType"`
	CorrelationID string         `json:"correlationId,omitempty"`
	Domain        string         `json:"domain"`
	Title         string         `json:"title"`
	ID            string         `json:"id"`
	Event         map[string]any `json:"event"`
}

// body makes the notification of an event. The entity in it is as it is now; its state is that which the event tells of.
func (s *Service) body(ctx context.Context, l *Listener, e *database.StoredEvent) ([]byte, error) {
	_, resource := split(e.Type)
	var entity any = map[string]any{"id": e.ID}
	if s.o.Document != nil {
		found, err := s.o.Document(ctx, l.API, resource, e.ID)
		switch refused := refusal.Of(err); {
		case refused != nil && refused.Kind == refusal.NotFound: // it is gone by now
		case err != nil:
			return nil, err
		case found != nil:
			entity = found
		}
	}
	entity, err := withState(entity, e.Payload)
	if err != nil {
		return nil, err
	}
	return json.Marshal(notification{
		EventID: id(e.Seq), EventTime: e.At.Time().Format("2006-01-02T15:04:05.000Z07:00"), EventType: e.Type, CorrelationID: e.Request,
		Domain: fmt.Sprintf("TMF%d", l.API), Title: e.Type + " of " + e.Entity + " " + e.ID, ID: e.ID,
		Event: map[string]any{resource: entity},
	})
}

// withState is the entity with the state or status that the event tells of: by now there may be another.
func withState(entity any, payload json.RawMessage) (any, error) {
	raw, err := json.Marshal(entity)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, err
	}
	var told map[string]json.RawMessage
	if json.Unmarshal(payload, &told) != nil {
		return fields, nil // the payload is no object
	}
	for _, name := range []string{"state", "status"} {
		if _, has := fields[name]; has && len(told[name]) > 0 && told[name][0] == '"' {
			fields[name] = told[name]
		}
	}
	return fields, nil
}

// send delivers one event; nil says that the listener has it.
func (s *Service) send(ctx context.Context, l *Listener, e *database.StoredEvent) error {
	body, err := s.body(ctx, l, e)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, l.Callback, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "gyro")
	if l.Secret != "" {
		request.Header.Set(SignatureHeader, sign(l.Secret, s.db.Now().Time(), body))
	}
	response, err := s.client.Do(request)
	if err != nil {
		s.deliveries.WithLabelValues("unreachable").Inc()
		return err
	}
	defer func() { _ = response.Body.Close() }() // what is left of it is of no interest
	if _, err := io.CopyN(io.Discard, response.Body, maxAnswer); err != nil && !errors.Is(err, io.EOF) {
		s.deliveries.WithLabelValues("unreachable").Inc()
		return err
	}
	if response.StatusCode/100 != 2 {
		s.deliveries.WithLabelValues("refused").Inc()
		return fmt.Errorf("%w %s", errStatus, response.Status)
	}
	s.deliveries.WithLabelValues("delivered").Inc()
	return nil
}

// maxAnswer is how much is read of an answer, so that the connection can be used again.
const maxAnswer = 64 << 10

// sign makes the value of SignatureHeader.
func sign(secret string, at time.Time, body []byte) string {
	moment := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(moment + "."))
	mac.Write(body)
	return "t=" + moment + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

var errPrivate = errors.New("no public address")

// newClient sends to public addresses only: what a name means is checked when it is dialled, for it may have meant
// something else when the listener was made, and redirections are not followed.
func newClient(o Options) *http.Client {
	dialer := &net.Dialer{Timeout: o.Timeout}
	if !o.AllowPrivate {
		dialer.Control = func(_, address string, _ syscall.RawConn) error {
			target, err := netip.ParseAddrPort(address)
			if err != nil {
				return err
			}
			if !isPublic(target.Addr()) {
				return fmt.Errorf("%s is %w: nothing is sent to machines of our own networks", target.Addr(), errPrivate)
			}
			return nil
		}
	}
	return &http.Client{
		Timeout: o.Timeout,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
			TLSHandshakeTimeout: o.Timeout, ResponseHeaderTimeout: o.Timeout, MaxResponseHeaderBytes: maxAnswer, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// special are ranges that are no private networks to netip, and lead to some all the same.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network (RFC 791)
	netip.MustParsePrefix("100.64.0.0/10"),   // between providers and customers (RFC 6598)
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments (RFC 6890)
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks (RFC 2544)
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, and broadcast
	netip.MustParsePrefix("64:ff9b::/96"),    // IPv4 behind a translator (RFC 6052)
	netip.MustParsePrefix("64:ff9b:1::/48"),  // the same, locally (RFC 8215)
	netip.MustParsePrefix("2002::/16"),       // 6to4
	netip.MustParsePrefix("2001::/32"),       // Teredo
	netip.MustParsePrefix("fec0::/10"),       // site-local
	netip.MustParsePrefix("::ffff:0:0:0/96"), // IPv4 translated (RFC 2765)
}

// isPublic reports whether an address is one of the public Internet.
func isPublic(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
