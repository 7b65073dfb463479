package charging

import (
	"encoding/json"
	"fmt"

	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// The commands of the office and the API are rare next to requests of
// gateways; they are JSON, which the journal keeps readable.

// PutAccount creates an account or brings it to the stated form.
type PutAccount struct {
	Account     string         `json:"account"`
	Currency    money.Currency `json:"currency"`
	Kind        uint8          `json:"kind"` // balance.Kind
	CreditLimit money.Amount   `json:"credit_limit"`
	// LowBalance is the money below which the account is warned; zero leaves it
	// to the settings.
	LowBalance  money.Amount     `json:"low_balance,omitempty"`
	Subscribers []SubscriberSpec `json:"subscribers"`
	Offers      []string         `json:"offers"`
	// CycleDay is the day of the month, 1 to 28, on which the billing cycle
	// begins, in the time zone of the account's catalogue; 0 is 1.
	CycleDay uint8 `json:"cycle_day,omitempty"`
}

// SubscriberSpec is one subscriber by its identities.
type SubscriberSpec struct {
	Identities []IdentitySpec `json:"identities"`
	// State is what a subscriber that is new begins its life with, Ordered or
	// Active; 0 is Active. It says nothing of one that is there already.
	State SubscriberState `json:"state,omitempty"`
}

// IdentitySpec is one identity in its normalised form.
type IdentitySpec struct {
	Kind  ident.Kind `json:"kind"`
	Value string     `json:"value"`
}

// DeleteAccount removes an account that has no open session, no money and no
// debt.
type DeleteAccount struct {
	Account string `json:"account"`
	// Abort asks the gateways of open sessions to end them; the account is
	// barred at once, and goes when the last has ended.
	Abort bool `json:"abort,omitempty"`
}

// Publish makes a catalogue's source its current version.
type Publish struct {
	Name   string `json:"name"`
	Source []byte `json:"source"`
	Zones  []byte `json:"zones"` // instant.Zone tables, one after the other
	// Reauthorise asks the gateways of sessions that have quota at another price
	// to report it and ask anew; without it they keep it until it is used up.
	Reauthorise bool `json:"reauthorise,omitempty"`
	// At is when the version takes effect; zero, or a moment that has passed, is
	// now.
	At instant.Instant `json:"at,omitempty"`
}

// RestartPeer says that a gateway lost the sessions it opened before.
type RestartPeer struct {
	OriginHost string          `json:"origin_host"`
	Before     instant.Instant `json:"before"`
}

// AppendCommand encodes a command other than a credit-control request; v is
// the struct that belongs to the kind, or nil for KindTick.
func AppendCommand(dst []byte, kind Kind, v any) ([]byte, error) {
	dst = append(dst, byte(kind))
	if v == nil {
		return dst, nil
	}
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding command %d: %w", kind, err)
	}
	return append(dst, body...), nil
}

// administer carries out any command but a credit-control request.
func (s *State) administer(kind Kind, body []byte, o *Outcome) error {
	o.Result = Success
	switch kind {
	case KindPutAccount:
		return run(body, o, s.putAccount)
	case KindDeleteAccount:
		return run(body, o, s.deleteAccount)
	case KindTopUp, KindAdjust, KindSettle:
		return run(body, o, func(c *MoveMoney, o *Outcome) { s.moveMoney(kind, c, o) })
	case KindVouchers:
		return run(body, o, s.addVouchers)
	case KindRedeem:
		return run(body, o, s.redeem)
	case KindTransfer:
		return run(body, o, s.transfer)
	case KindLoan:
		return run(body, o, s.loan)
	case KindSetLimits:
		return run(body, o, s.setLimits)
	case KindAddSubscriber:
		return run(body, o, s.addMember)
	case KindRemoveSubscriber:
		return run(body, o, s.removeMember)
	case KindSetTerms:
		return run(body, o, s.setTerms)
	case KindPublish:
		return run(body, o, s.publish)
	case KindPeerRestart:
		return run(body, o, func(c *RestartPeer, o *Outcome) {
			o.Record = uint64(s.peerRestart([]byte(c.OriginHost), c.Before))
		})
	case KindConfigure:
		return run(body, o, s.configure)
	case KindSetSubscriber:
		return run(body, o, s.setSubscriber)
	case KindSubscribe:
		return run(body, o, s.subscribe)
	case KindUnsubscribe:
		return run(body, o, s.unsubscribe)
	case KindSessionLost:
		return run(body, o, s.sessionLost)
	case KindTick:
		s.tick()
		return nil
	case KindCreditControl:
	}
	return fmt.Errorf("%w: kind %d", ErrEncoding, kind)
}

func run[C any](body []byte, o *Outcome, carryOut func(*C, *Outcome)) error {
	var c C
	if err := json.Unmarshal(body, &c); err != nil {
		return fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	carryOut(&c, o)
	return nil
}

// refuse makes an outcome a refusal with words for the person who reads it.
func (o *Outcome) refuse(r Result, format string, args ...any) {
	o.Result = r
	o.Detail = fmt.Sprintf(format, args...)
}

func appendIdentity(dst []byte, id *ident.Identity) []byte {
	dst = append(dst, id.Kind.String()...)
	dst = append(dst, ':')
	return append(dst, id.Bytes()...)
}
