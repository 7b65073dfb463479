package client

import (
	"encoding/json"

	"gyro/internal/instant"
	"gyro/internal/money"
)

// AccountSpec is what PutAccount brings an account to.
type AccountSpec struct {
	Currency money.Currency // never changes
	Kind     string         // prepaid, postpaid or hybrid
	// CreditLimit is how far below zero the money may go, zero or more; with
	// the decimals of the currency.
	CreditLimit money.Amount
	Subscribers []SubscriberSpec
	Offers      []string // the one that decides first at the front; all of one catalogue
	CycleDay    int      // 1 to 28; 0 is 1
	// LowBalance is the money below which the account is warned; zero leaves it
	// to the core's configuration.
	LowBalance money.Amount
}

// SubscriberSpec is one subscriber by its identities, of which there is at
// least one.
type SubscriberSpec struct {
	IMSI    string `json:"imsi,omitempty"`
	MSISDN  string `json:"msisdn,omitempty"`
	SIPURI  string `json:"sip_uri,omitempty"`
	NAI     string `json:"nai,omitempty"`
	Private string `json:"private,omitempty"`
	// State is what a subscriber that is new begins with: ordered or active.
	State string `json:"state,omitempty"`
}

type accountBody struct {
	Currency    string           `json:"currency"`
	Kind        string           `json:"kind"`
	CreditLimit string           `json:"credit_limit"`
	Subscribers []SubscriberSpec `json:"subscribers"`
	Offers      []string         `json:"offers"`
	CycleDay    int              `json:"cycle_day,omitempty"`
	LowBalance  string           `json:"low_balance,omitempty"`
}

func (s *AccountSpec) body() accountBody {
	b := accountBody{
		Currency: s.Currency.String(), Kind: s.Kind, CreditLimit: text(s.CreditLimit, s.Currency),
		Subscribers: append([]SubscriberSpec{}, s.Subscribers...), Offers: append([]string{}, s.Offers...), CycleDay: s.CycleDay,
	}
	if s.LowBalance != 0 {
		b.LowBalance = text(s.LowBalance, s.Currency)
	}
	return b
}

// Account is an account of the charging core.
type Account struct {
	Account     string         `json:"account"`
	Kind        string         `json:"kind"`
	Currency    money.Currency `json:"-"`
	CreditLimit money.Amount   `json:"-"`
	// Remaining is the account's own money and below zero what it owes for;
	// Reserved is held by open sessions; Available is what is neither, the
	// credit limit included.
	Remaining, Reserved, Available money.Amount `json:"-"`
	// Excess is owed for usage beyond what could be paid for.
	Excess       money.Amount    `json:"-"`
	Created      instant.Instant `json:"-"`
	CycleDay     int             `json:"cycle_day"` // 0 is 1
	Catalog      string          `json:"catalog"`
	Offers       []string        `json:"offers"`
	Subscribers  []Subscriber    `json:"subscribers"`
	Active       []Active        `json:"subscriptions"`
	Counters     []Counter       `json:"counters"`
	Buckets      []Bucket        `json:"buckets"`
	OpenSessions []string        `json:"open_sessions"`
	Records      uint64          `json:"records"`
	LastRecord   uint64          `json:"last_record"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Account) UnmarshalJSON(data []byte) error {
	type plain Account
	w := struct {
		*plain
		Currency    *currency `json:"currency"`
		CreditLimit *decimal  `json:"credit_limit"`
		Remaining   *decimal  `json:"remaining"`
		Reserved    *decimal  `json:"reserved"`
		Available   *decimal  `json:"available"`
		Excess      *decimal  `json:"excess"`
		Created     *moment   `json:"created"`
	}{
		(*plain)(v), (*currency)(&v.Currency), (*decimal)(&v.CreditLimit), (*decimal)(&v.Remaining), (*decimal)(&v.Reserved),
		(*decimal)(&v.Available), (*decimal)(&v.Excess), (*moment)(&v.Created),
	}
	return json.Unmarshal(data, &w)
}

// Subscriber is a subscriber of an account.
type Subscriber struct {
	SubscriberSpec // State is the present one

	Until     instant.Instant `json:"-"` // when the state ends by itself
	Then      string          `json:"then"`
	Equipment string          `json:"equipment"`
	Offers    []string        `json:"offers"` // its own beside the account's
	Counters  []Counter       `json:"counters"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Subscriber) UnmarshalJSON(data []byte) error {
	type plain Subscriber
	w := struct {
		*plain
		Until *moment `json:"until"`
	}{(*plain)(v), (*moment)(&v.Until)}
	return json.Unmarshal(data, &w)
}

// Active is an offer that renews, costs or binds.
type Active struct {
	Number         uint64          `json:"number"`
	Offer          string          `json:"offer"`
	Subscriber     string          `json:"subscriber"` // kind:value; "" is the whole account
	Status         string          `json:"status"`
	Began          instant.Instant `json:"-"`
	CommittedUntil instant.Instant `json:"-"`
	PeriodFrom     instant.Instant `json:"-"`
	PeriodUntil    instant.Instant `json:"-"`
	Promotion      string          `json:"promotion"`
	Then           string          `json:"then"` // the offer that follows
	Ends           bool            `json:"ends"` // with the period
	Due            money.Amount    `json:"-"`    // a fee that could not be paid
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Active) UnmarshalJSON(data []byte) error {
	type plain Active
	w := struct {
		*plain
		Began          *moment  `json:"began"`
		CommittedUntil *moment  `json:"committed_until"`
		PeriodFrom     *moment  `json:"period_from"`
		PeriodUntil    *moment  `json:"period_until"`
		Due            *decimal `json:"due"`
	}{
		(*plain)(v), (*moment)(&v.Began), (*moment)(&v.CommittedUntil), (*moment)(&v.PeriodFrom), (*moment)(&v.PeriodUntil),
		(*decimal)(&v.Due),
	}
	return json.Unmarshal(data, &w)
}

// Counter is what was counted in a period.
type Counter struct {
	Counter string
	Used    Quantity
	Limit   Quantity // zero is none
	Until   instant.Instant
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Counter) UnmarshalJSON(data []byte) (err error) {
	var w struct {
		Counter, Denomination, Used, Limit string
		Until                              moment
	}
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	v.Counter, v.Until = w.Counter, instant.Instant(w.Until)
	if v.Used, err = quantity(w.Used, w.Denomination); err == nil {
		v.Limit, err = quantity(w.Limit, w.Denomination)
	}
	return err
}

// Bucket is money or units that an account has. The account's own money is the
// bucket main.
type Bucket struct {
	ID        uint64
	Name      string
	Remaining Quantity
	Reserved  Quantity
	Granted   Quantity // zero for main
	From      instant.Instant
	Until     instant.Instant // zero does not expire
	Valid     bool            // now
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Bucket) UnmarshalJSON(data []byte) (err error) {
	var w struct {
		ID                                               uint64
		Name, Denomination, Remaining, Reserved, Granted string
		From, Until                                      moment
		Valid                                            bool
	}
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*v = Bucket{ID: w.ID, Name: w.Name, From: instant.Instant(w.From), Until: instant.Instant(w.Until), Valid: w.Valid}
	if v.Remaining, err = quantity(w.Remaining, w.Denomination); err != nil {
		return err
	}
	if v.Reserved, err = quantity(w.Reserved, w.Denomination); err != nil {
		return err
	}
	v.Granted, err = quantity(w.Granted, w.Denomination)
	return err
}
