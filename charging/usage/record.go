// Package usage is the rated usage record and its kin: the one thing that
// leaves the core. Every movement of money or units is in exactly one record,
// as double-entry postings.
package usage

import (
	"gyro/balance"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// Kind is the type of a record. Its number is part of the outbox format.
type Kind uint8

// The kinds of record.
const (
	Session    Kind = 1 // usage of one rating group of a session
	Event      Kind = 2 // a one-time event: a message
	Refund     Kind = 3 // money returned for an event
	TopUp      Kind = 4
	Adjustment Kind = 5
	Grant      Kind = 6 // an allowance given with an offer
	Expiry     Kind = 7 // an allowance lost by time or with its account
	Fee        Kind = 8 // a one-time or recurring price of an offer
	Transfer   Kind = 9 // money given to or got from another account
	Loan       Kind = 10
	Repayment  Kind = 11 // of a loan
	RollOver   Kind = 12 // an allowance carried into the next cycle
	LifeCycle  Kind = 13 // a subscriber's state changed
	Notice     Kind = 14 // a threshold was reached; moves nothing
	Settlement Kind = 15 // what was owed is billed elsewhere, and owed there from then on
)

// String is the kind's name in the API.
func (k Kind) String() string {
	switch k {
	case Session:
		return "session"
	case Event:
		return "event"
	case Refund:
		return "refund"
	case TopUp:
		return "top-up"
	case Adjustment:
		return "adjustment"
	case Grant:
		return "grant"
	case Expiry:
		return "expiry"
	case Fee:
		return "fee"
	case Transfer:
		return "transfer"
	case Loan:
		return "loan"
	case Repayment:
		return "repayment"
	case RollOver:
		return "roll-over"
	case LifeCycle:
		return "life-cycle"
	case Notice:
		return "notice"
	case Settlement:
		return "settlement"
	}
	return "unknown"
}

// IsUsage reports whether the record rates what a subscriber used.
func (k Kind) IsUsage() bool { return k == Session || k == Event || k == Refund }

// Cause is why a record was closed.
type Cause uint8

// The causes.
const (
	Ended       Cause = 1 // the gateway ended the session or the rating group
	Supervision Cause = 2 // Tcc expired: no request came in time
	PeerRestart Cause = 3 // the gateway lost its sessions
	Partial     Cause = 4 // the session goes on in a next record
	Requested   Cause = 5 // by a request of the API
	TimePassed  Cause = 6 // validity ended
	Lost        Cause = 7 // the gateway answered that it does not know the session
	Crossed     Cause = 8 // a threshold was reached
	FirstUse    Cause = 9 // a subscriber used its first service
)

// String is the cause's name in the API.
func (c Cause) String() string {
	switch c {
	case Ended:
		return "ended"
	case Supervision:
		return "supervision"
	case PeerRestart:
		return "peer-restart"
	case Partial:
		return "partial"
	case Requested:
		return "requested"
	case TimePassed:
		return "time-passed"
	case Crossed:
		return "crossed"
	case Lost:
		return "lost"
	case FirstUse:
		return "first-use"
	}
	return "unknown"
}

// MaxPostings is the most postings in one record: one a bucket of money or
// units, and one for the excess.
const MaxPostings = balance.MaxParts + 2

// Record is one closed piece of usage or one balance operation. Byte slices
// belong to whoever decoded it.
type Record struct {
	SessionID  []byte // Session-Id, or the idempotency key of a balance operation
	Account    []byte
	Subscriber []byte // the identity the request named, as kind:value
	Called     []byte // called party or recipient, E.164 digits
	Reason     []byte // of a balance operation
	Why        []byte // of usage: what it was decided from, as Why.Append encodes it
	Other      []byte // the other account of a transfer
	AskedBy    []byte // who asked for an adjustment
	ApprovedBy []byte // who approved it
	Postings   []balance.Posting

	// Sequence counts the shard's records from 1; Previous is the account's
	// record before this one, so that an account's history is a chain.
	Sequence, Previous uint64
	SubSession         uint64
	Opened, Closed     instant.Instant
	Used               uint64 // as reported, in Unit
	Billed             uint64 // Used rounded up to the price's increments
	Rated              uint64 // the part of Billed that money paid for
	Charged            money.Amount
	Excess             money.Amount // the part of Charged that no bucket could pay

	RatingGroup, ServiceID uint32
	Context                uint32
	Requests               uint32 // credit-control requests that reported into it
	Plan                   uint32 // sequence number of the catalogue's publication
	Rate                   uint32 // the price in it
	Service, Offer         ident.Name
	Unit                   balance.Denomination
	Currency               money.Currency
	Kind                   Kind
	Cause                  Cause
	Flags                  Flags
}

// Flags of a record.
type Flags uint8

// The flags.
const (
	HasRatingGroup Flags = 1 << iota
	HasServiceID
	Free    // the tariff declares the service free
	Unrated // reported without any tariff: nothing could be charged
)
