package provider

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gyro/internal/instant"
)

// SignatureHeader carries a webhook's signature: the time of sending in seconds
// since 1970 and one or more HMACs,
//
//	Payment-Signature: t=1764000000,v1=5257a869...,v1=9f3c...
//
// each the lower-case hexadecimal HMAC-SHA256 of "1764000000." followed by the
// body, octet for octet. While a secret is being replaced the provider signs
// with both, so that a receiver knows one of them at any time.
const SignatureHeader = "Payment-Signature"

// Tolerance is how far a webhook's time may lie from the receiver's clock: what
// is older may be a recording played again.
const Tolerance = 5 * instant.Minute

// maxSignatures bounds what is compared per webhook.
const maxSignatures = 8

// Errors of Verify. A receiver answers ErrSignature and ErrStale with 400: the
// provider repeats what is its own with a new time.
var (
	ErrSignature = errors.New("webhook: no signature by a secret that is known here")
	ErrStale     = errors.New("webhook: signed too long ago, or in the future; look at both clocks")
	ErrHeader    = errors.New("webhook: malformed " + SignatureHeader + " header, want t=SECONDS,v1=HEX")
	ErrBody      = errors.New("webhook: malformed event")
)

// EventType says what an event reports.
type EventType string

// The events. Each carries the charge as it stood when the event was made.
const (
	PaymentPending   EventType = "payment.pending"
	PaymentSucceeded EventType = "payment.succeeded"
	PaymentDeclined  EventType = "payment.declined"
	RefundSucceeded  EventType = "refund.succeeded"
	RefundDeclined   EventType = "refund.declined"
	DisputeOpen      EventType = "dispute.opened"
	DisputeIsWon     EventType = "dispute.won"
	DisputeIsLost    EventType = "dispute.lost"
)

// Event is what a webhook tells. The same event may come several times, under
// the same ID, and events may come in any order: Charge.Version orders them.
type Event struct {
	ID      string
	Type    EventType
	Created instant.Instant
	Charge  Charge
	// Refund is set for refund events.
	Refund *Refund
}

// Verifier checks webhooks.
type Verifier struct {
	// Secrets are those that may have signed: the present one, and while it is
	// being replaced the one before or after.
	Secrets []string
	// Tolerance is that of the package if zero.
	Tolerance instant.Span
}

// Verify checks the signature of a webhook and that it is fresh, and parses it.
// header is the value of SignatureHeader, body the body as it came. Nothing in
// the body is looked at before its signature is proved.
func (v *Verifier) Verify(header string, body []byte, now instant.Instant) (Event, error) {
	at, signatures, err := parseSignature(header)
	if err != nil {
		return Event{}, err
	}
	if !v.signed(at, signatures, body) {
		return Event{}, ErrSignature
	}
	tolerance := v.Tolerance
	if tolerance == 0 {
		tolerance = Tolerance
	}
	age := now.Sub(instant.Instant(at) * instant.Instant(instant.Second))
	if age > tolerance || age < -tolerance {
		return Event{}, fmt.Errorf("%w (%d s)", ErrStale, age/instant.Second)
	}
	return ParseEvent(body)
}

// signed compares every secret with every signature, in a time that does not
// depend on which one fits.
func (v *Verifier) signed(at int64, signatures [][]byte, body []byte) bool {
	found := false
	for _, secret := range v.Secrets {
		if secret == "" {
			continue // anybody can sign with nothing
		}
		want := mac(secret, at, body)
		for _, signature := range signatures {
			if hmac.Equal(want, signature) {
				found = true
			}
		}
	}
	return found
}

// Sign returns the value of SignatureHeader for a body sent at the given time,
// signed with each secret.
func Sign(secrets []string, body []byte, now instant.Instant) string {
	at := int64(now) / int64(instant.Second)
	var b strings.Builder
	b.WriteString("t=" + strconv.FormatInt(at, 10))
	for _, secret := range secrets {
		b.WriteString(",v1=" + hex.EncodeToString(mac(secret, at, body)))
	}
	return b.String()
}

func mac(secret string, at int64, body []byte) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write(strconv.AppendInt(nil, at, 10))
	h.Write([]byte{'.'})
	h.Write(body)
	return h.Sum(nil)
}

// maxSeconds keeps a time in milliseconds within its range.
const maxSeconds = 1 << 40

func parseSignature(header string) (at int64, signatures [][]byte, err error) {
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			if at != 0 {
				return 0, nil, ErrHeader
			}
			if at, err = strconv.ParseInt(value, 10, 64); err != nil || at <= 0 || at > maxSeconds {
				return 0, nil, ErrHeader
			}
		case "v1":
			signature, err := hex.DecodeString(value)
			if err != nil || len(signature) != sha256.Size || len(signatures) == maxSignatures {
				return 0, nil, ErrHeader
			}
			signatures = append(signatures, signature)
		}
	}
	if at == 0 || len(signatures) == 0 {
		return 0, nil, ErrHeader
	}
	return at, signatures, nil
}

// ParseEvent reads the body of a webhook whose signature was verified when it
// came in, such as one that waited in a table.
func ParseEvent(body []byte) (Event, error) {
	var d EventDocument
	if err := json.Unmarshal(body, &d); err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrBody, err)
	}
	return d.event()
}
