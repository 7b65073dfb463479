package client

import (
	"encoding/json"

	"gyro/internal/instant"
	"gyro/internal/money"
)

// Movement is what became of a movement of money.
type Movement struct {
	Record   uint64         `json:"record"` // in the core's books
	Kind     string         `json:"kind"`
	Account  string         `json:"account"`
	Amount   money.Amount   `json:"-"`
	Currency money.Currency `json:"-"`
	Reason   string         `json:"reason"`
	Balance  money.Amount   `json:"-"` // of the account's own money, afterwards
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Movement) UnmarshalJSON(data []byte) error {
	type plain Movement
	w := struct {
		*plain
		Amount   *decimal  `json:"amount"`
		Currency *currency `json:"currency"`
		Balance  *decimal  `json:"balance"`
	}{(*plain)(v), (*decimal)(&v.Amount), (*currency)(&v.Currency), (*decimal)(&v.Balance)}
	return json.Unmarshal(data, &w)
}

// TopUp is money that was paid, with the decimals of its currency.
type TopUp struct {
	Amount      money.Amount // above zero
	Currency    money.Currency
	Reason      string // a code, such as card: each is an account of the ledger
	ExtendsDays int    // the validity of the account's subscribers
	Bonus       *Bonus
}

// Bonus is money that comes with a top-up, in a bucket of its own.
type Bonus struct {
	Promotion string // its name
	Amount    money.Amount
	Days      int // 0 does not expire
}

type moneyBody struct {
	Amount      string     `json:"amount"`
	Currency    string     `json:"currency"`
	Reason      string     `json:"reason,omitempty"`
	ExtendsDays int        `json:"extends_days,omitempty"`
	Bonus       *bonusBody `json:"bonus,omitempty"`
	AskedBy     string     `json:"asked_by,omitempty"`
	ApprovedBy  string     `json:"approved_by,omitempty"`
}

type bonusBody struct {
	Promotion string `json:"promotion"`
	Amount    string `json:"amount"`
	Days      int    `json:"days"`
}

func (t *TopUp) body() moneyBody {
	b := moneyBody{Amount: text(t.Amount, t.Currency), Currency: t.Currency.String(), Reason: t.Reason, ExtendsDays: t.ExtendsDays}
	if t.Bonus != nil {
		b.Bonus = &bonusBody{t.Bonus.Promotion, text(t.Bonus.Amount, t.Currency), t.Bonus.Days}
	}
	return b
}

// Adjustment is money that is added or taken for a reason; it may have six
// decimals. Who asked and who approved is said where the server knows no keys.
type Adjustment struct {
	Amount              money.Amount
	Currency            money.Currency
	Reason              string
	AskedBy, ApprovedBy string
}

func (a *Adjustment) body() moneyBody {
	return moneyBody{
		Amount: text(a.Amount, a.Currency), Currency: a.Currency.String(), Reason: a.Reason, AskedBy: a.AskedBy, ApprovedBy: a.ApprovedBy,
	}
}

// Settlement is what was billed elsewhere, with six decimals. It is negative for
// a bill with more refunds than usage.
type Settlement struct {
	Amount   money.Amount
	Currency money.Currency
	Reason   string // "" is billed
}

func (s *Settlement) body() moneyBody {
	return moneyBody{Amount: text(s.Amount, s.Currency), Currency: s.Currency.String(), Reason: s.Reason}
}

// Subscription subscribes to an offer.
type Subscription struct {
	Offer string `json:"offer"`
	// Subscriber is an identity, as imsi:001010000000001; "" is the account.
	Subscriber string `json:"subscriber,omitempty"`
	Code       string `json:"code,omitempty"` // of a promotion
	// Replaces is the offer whose place this one takes, now or at the end of
	// the period that is paid for.
	Replaces   string `json:"replaces,omitempty"`
	AtCycleEnd bool   `json:"at_cycle_end,omitempty"`
}

// EndOfSubscription ends one.
type EndOfSubscription struct {
	Offer           string `json:"offer"`
	Subscriber      string `json:"subscriber,omitempty"`
	AtCycleEnd      bool   `json:"at_cycle_end,omitempty"`
	WaiveCommitment bool   `json:"waive_commitment,omitempty"`
}

// Subscribed is what became of either.
type Subscribed struct {
	Record  uint64       `json:"record"` // the last that it wrote; 0 is none
	Account string       `json:"account"`
	Offer   string       `json:"offer"`
	Balance money.Amount `json:"-"` // of the account's own money, afterwards
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Subscribed) UnmarshalJSON(data []byte) error {
	type plain Subscribed
	w := struct {
		*plain
		Balance *decimal `json:"balance"`
	}{(*plain)(v), (*decimal)(&v.Balance)}
	return json.Unmarshal(data, &w)
}

// StateChange moves a subscriber in its life.
type StateChange struct {
	Subscriber string // an identity, as imsi:001010000000001
	// State is ordered, active, suspended-one-way, suspended-two-way, grace or
	// terminated; "" leaves it.
	State     string
	Until     instant.Instant // when the state ends; zero leaves it to the policy
	Then      string          // what follows
	Equipment *string         // the IMEI of its only device, "" for any; nil leaves it
	Reason    string          // a code
}

type stateBody struct {
	Subscriber string  `json:"subscriber"`
	State      string  `json:"state,omitempty"`
	Until      string  `json:"until,omitempty"`
	Then       string  `json:"then,omitempty"`
	Equipment  *string `json:"equipment,omitempty"`
	Reason     string  `json:"reason,omitempty"`
}

func (s *StateChange) body() stateBody {
	return stateBody{s.Subscriber, s.State, at(s.Until), s.Then, s.Equipment, s.Reason}
}

// Postings is a page of an account's movements, newest first.
type Postings struct {
	Account  string   `json:"account"`
	Postings []Posted `json:"postings"`
	// Open is what open sessions have moved that no record has yet; the first page alone has it, which is now.
	Open []OpenPostings `json:"open"`
	// Next is before for the following page; zero after the last.
	Next uint64 `json:"next"`
}

// OpenPostings is what an open session has moved so far.
type OpenPostings struct {
	SessionID string `json:"session_id"`
	Legs      []Leg  `json:"legs"`
}

// Posted is one record of movements.
type Posted struct {
	Record         uint64          `json:"record"`
	Kind           string          `json:"kind"`
	Cause          string          `json:"cause"`
	At             instant.Instant `json:"-"`
	Reason         string          `json:"reason"`
	IdempotencyKey string          `json:"idempotency_key"`
	SessionID      string          `json:"session_id"`
	Legs           []Leg           `json:"legs"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Posted) UnmarshalJSON(data []byte) error {
	type plain Posted
	w := struct {
		*plain
		At *moment `json:"at"`
	}{(*plain)(v), (*moment)(&v.At)}
	return json.Unmarshal(data, &w)
}

// Leg is one posting: what the ledger account From loses, To gains.
type Leg struct {
	From, To string
	Bucket   uint64 // the customer's
	Quantity Quantity
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Leg) UnmarshalJSON(data []byte) (err error) {
	var w struct {
		From, To, Amount, Denomination string
		Bucket                         uint64
	}
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	v.From, v.To, v.Bucket = w.From, w.To, w.Bucket
	v.Quantity, err = quantity(w.Amount, w.Denomination)
	return err
}
