package gy

import (
	"errors"
	"fmt"

	"gyro/charging"
	"gyro/charging/diameter"
)

// SessionFailover is the value of CC-Session-Failover (RFC 8506 section 8.4) plus one; zero sends none.
type SessionFailover uint8

// The values of CC-Session-Failover.
const (
	FailoverAbsent       SessionFailover = 0
	FailoverNotSupported SessionFailover = 1
	FailoverSupported    SessionFailover = 2
)

// FailureHandling is the value of Credit-Control-Failure-Handling (RFC 8506 section 8.14) plus one; zero sends none.
type FailureHandling uint8

// The values of Credit-Control-Failure-Handling.
const (
	FailureHandlingAbsent FailureHandling = 0
	// FailureTerminate ends the service when the server does not answer.
	FailureTerminate FailureHandling = 1
	// FailureContinue lets the service run without credit control when no server answers.
	FailureContinue FailureHandling = 2
	// FailureRetryAndTerminate tries another server once and then ends the service.
	FailureRetryAndTerminate FailureHandling = 3
)

// DirectDebitingFailureHandling is the value of the AVP of that name (RFC 8506 section 8.15) plus one; zero sends
// none.
type DirectDebitingFailureHandling uint8

// The values of Direct-Debiting-Failure-Handling.
const (
	DirectDebitingAbsent            DirectDebitingFailureHandling = 0
	DirectDebitingTerminateOrBuffer DirectDebitingFailureHandling = 1
	DirectDebitingContinue          DirectDebitingFailureHandling = 2
)

// Profile says how a peer's requests are read and its answers written. Some rules hold for every profile, because
// the core cannot act on a request that breaks them: the session, the gateway, and the type and number of a request
// must be given and valid, units must be in range, usage must be unambiguous.
type Profile struct {
	// Name is what configuration and logs call the profile.
	Name string

	// RefuseMissing answers DIAMETER_MISSING_AVP to a request without an AVP that the grammar of RFC 8506
	// section 3.1 requires, although the request can be served: Origin-Realm, Auth-Application-Id,
	// Service-Context-Id. Kamailio sends Auth-Application-Id inside Vendor-Specific-Application-Id only.
	RefuseMissing bool
	// RefuseRepeated answers DIAMETER_AVP_OCCURS_TOO_MANY_TIMES to an AVP that occurs more often than the grammar
	// allows. Otherwise the first one counts. Kamailio sends Origin-Host and Origin-Realm twice.
	RefuseRepeated bool
	// RefuseNotAllowed answers DIAMETER_AVP_NOT_ALLOWED to an AVP that only an answer may carry. Otherwise it is
	// ignored.
	RefuseNotAllowed bool
	// RefuseContradicting answers DIAMETER_CONTRADICTING_AVPS where a request says one thing in two ways that
	// disagree and one of them can be left out of account: Requested-Service-Unit both inside and outside
	// Multiple-Services-Credit-Control, a total that is not the sum of its parts, two credit controls for the same
	// rating group and service.
	RefuseContradicting bool
	// RefuseInvalid answers DIAMETER_INVALID_AVP_VALUE to values that can be left out of account: a Subscription-Id
	// that is no identity, an unknown Reporting-Reason, Tariff-Change-Usage or Role-Of-Node.
	RefuseInvalid bool
	// NoIdentity is the Result-Code for a request that names no subscriber: ResultMissingAVP, or ResultRatingFailed
	// for clients that take 5005 for a fault of the connection.
	NoIdentity diameter.Result

	// Flags is how strictly the flags of AVPs are held against their definitions, for connections of the peer.
	Flags diameter.FlagCheck
	// Currency is the ISO 4217 number that a Currency-Code in requests must have; 0 accepts any.
	Currency uint16

	// SessionFailover and FailureHandling go into successful answers to initial requests and updates.
	SessionFailover SessionFailover
	FailureHandling FailureHandling
	// DirectDebiting goes into successful answers to debited events.
	DirectDebiting DirectDebitingFailureHandling
	// CostInformation adds Cost-Information to the answers to debited events and to terminations. A price enquiry has it
	// always.
	CostInformation bool
	// RefundInformation adds Refund-Information (TS 32.299) to the answer of an event that cost money, for the client
	// to return in a REFUND_ACCOUNT request. It is for operators whose plans pay such events in money: what an
	// allowance has given is not in it. No built-in profile has it.
	RefundInformation bool
	// Remaining and LowBalance add Remaining-Balance and Low-Balance-Indication (TS 32.299) to successful answers.
	Remaining, LowBalance bool
	// TariffChange says that the peer reports what it used before and after a Tariff-Time-Change apart (RFC 8506
	// section 5.1.2). Without it quotas end at the switch by their Validity-Time, which every peer obeys.
	TariffChange bool
	// Triggers sends which changes (serving network, radio access, quality of service) are to be reported at once,
	// where the price depends on them.
	Triggers bool
	// FinalUnits is which Final-Unit-Actions the peer can carry out. For others it gets TERMINATE, which every peer
	// can.
	FinalUnits FinalUnits

	// Reauthorise is how the peer is told to report and ask again (RFC 8506 section 5.5), and Abort how it is told to
	// end a session (RFC 6733 section 8.5).
	Reauthorise, Abort Notification
	// NoticesPerSecond bounds how fast it is told; 0 is DefaultNoticesPerSecond.
	NoticesPerSecond uint16

	client charging.Client // what the core is to know of it; set by New
}

// FinalUnits is which Final-Unit-Actions (RFC 8506 section 8.35) a peer can carry out.
type FinalUnits uint8

// The sets of final-unit actions.
const (
	FinalUnitsAny       FinalUnits = 0
	FinalUnitsTerminate FinalUnits = 1
)

// Notification is a request of the server's that a peer understands.
type Notification uint8

// The notifications.
const (
	NotifyNone    Notification = 0
	NotifyReAuth  Notification = 1 // Re-Auth-Request
	NotifyAbort   Notification = 2 // Abort-Session-Request
	notifications              = 3
)

// DefaultNoticesPerSecond paces the requests that a peer gets unasked. Each brings about an update or a termination: a
// hundred a second are a hundredth of what a large gateway sends by itself, and reach ten thousand sessions within two
// minutes, which is sooner than their quotas end.
const DefaultNoticesPerSecond = 100

// capabilities is what the core is to know of the peer.
func (p *Profile) capabilities() (c charging.Client) {
	for _, has := range [...]struct {
		it     bool
		client charging.Client
	}{
		{p.TariffChange, charging.SplitsTariffChange},
		{p.Remaining, charging.WantsRemaining},
		{p.LowBalance, charging.WantsLowBalance},
		{p.CostInformation, charging.WantsCost},
	} {
		if has.it {
			c |= has.client
		}
	}
	return c
}

// ErrNoIdentityResult is returned for a profile whose NoIdentity is neither of the two results that make sense.
var ErrNoIdentityResult = errors.New("result without an identity must be 5005 or 5031")

// Validate reports a setting out of range.
func (p *Profile) Validate() error {
	switch {
	case p.NoIdentity != diameter.ResultMissingAVP && p.NoIdentity != diameter.ResultRatingFailed:
		return fmt.Errorf("profile %q: %w, not %s", p.Name, ErrNoIdentityResult, p.NoIdentity)
	case p.SessionFailover > FailoverSupported:
		return fmt.Errorf("profile %q: no CC-Session-Failover %d", p.Name, p.SessionFailover-1)
	case p.FailureHandling > FailureRetryAndTerminate:
		return fmt.Errorf("profile %q: no Credit-Control-Failure-Handling %d", p.Name, p.FailureHandling-1)
	case p.DirectDebiting > DirectDebitingContinue:
		return fmt.Errorf("profile %q: no Direct-Debiting-Failure-Handling %d", p.Name, p.DirectDebiting-1)
	case p.Flags > diameter.FlagsStrict:
		return fmt.Errorf("profile %q: no flag check %d", p.Name, p.Flags)
	case p.Currency > maxCurrency:
		return fmt.Errorf("profile %q: no ISO 4217 currency %d", p.Name, p.Currency)
	case p.FinalUnits > FinalUnitsTerminate:
		return fmt.Errorf("profile %q: no set %d of final-unit actions", p.Name, p.FinalUnits)
	case p.Reauthorise >= notifications:
		return fmt.Errorf("profile %q: no way %d to ask for re-authorisation", p.Name, p.Reauthorise)
	case p.Abort >= notifications:
		return fmt.Errorf("profile %q: no way %d to end sessions", p.Name, p.Abort)
	}
	return nil
}
