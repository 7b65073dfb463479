package provider

import (
	"fmt"

	"gyro/internal/instant"
	"gyro/internal/money"
)

// The documents below are the provider's protocol: JSON, amounts as integers in
// the currency's minor unit (1190 is 11.90 EUR), times in milliseconds since
// 1970.

// ChargeDocument is a charge on the wire.
type ChargeDocument struct {
	ID          string           `json:"id"`
	Key         string           `json:"key"`
	Token       string           `json:"token"`
	Amount      int64            `json:"amount"`
	Currency    string           `json:"currency"`
	Reference   string           `json:"reference,omitempty"`
	Description string           `json:"description,omitempty"`
	State       State            `json:"state"`
	DeclineCode string           `json:"decline_code,omitempty"`
	Refunded    int64            `json:"refunded"`
	Dispute     Dispute          `json:"dispute,omitempty"`
	Created     int64            `json:"created"`
	Updated     int64            `json:"updated"`
	Version     int64            `json:"version"`
	Refunds     []RefundDocument `json:"refunds,omitempty"`
}

// RefundDocument is a refund on the wire.
type RefundDocument struct {
	ID      string `json:"id"`
	Key     string `json:"key"`
	Charge  string `json:"charge"`
	Amount  int64  `json:"amount"`
	State   State  `json:"state"`
	Reason  string `json:"reason,omitempty"`
	Created int64  `json:"created"`
}

// EventDocument is the body of a webhook.
type EventDocument struct {
	ID      string          `json:"id"`
	Type    EventType       `json:"type"`
	Created int64           `json:"created"`
	Charge  ChargeDocument  `json:"charge"`
	Refund  *RefundDocument `json:"refund,omitempty"`
}

// PageDocument is a page of a list.
type PageDocument struct {
	Charges []ChargeDocument `json:"charges"`
	Next    string           `json:"next,omitempty"`
}

// ErrorDocument is the body of an answer of 400 and above.
type ErrorDocument struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

func (d *EventDocument) event() (Event, error) {
	if d.ID == "" || d.Type == "" {
		return Event{}, fmt.Errorf("%w: id and type are needed", ErrBody)
	}
	c, err := d.Charge.charge()
	if err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrBody, err)
	}
	e := Event{ID: d.ID, Type: d.Type, Created: instant.Instant(d.Created), Charge: c}
	if d.Refund != nil {
		r, err := d.Refund.refund(c.Currency)
		if err != nil {
			return Event{}, fmt.Errorf("%w: %w", ErrBody, err)
		}
		e.Refund = &r
	}
	return e, nil
}

func (d *ChargeDocument) charge() (Charge, error) {
	currency, err := money.ParseCurrency(d.Currency)
	if err != nil {
		return Charge{}, fmt.Errorf("charge %s: %w", d.ID, err)
	}
	c := Charge{
		ID: d.ID, Key: d.Key, Token: d.Token, Currency: currency, Reference: d.Reference, State: d.State, DeclineCode: d.DeclineCode,
		Dispute: d.Dispute, Created: instant.Instant(d.Created), Version: d.Version,
	}
	switch d.State {
	case Pending, Succeeded, Declined:
	default:
		return Charge{}, fmt.Errorf("charge %s: state %q is unknown", d.ID, d.State)
	}
	if c.ID == "" {
		return Charge{}, fmt.Errorf("charge without id")
	}
	if c.Amount, err = FromMinor(d.Amount, currency); err != nil {
		return Charge{}, fmt.Errorf("charge %s: %w", d.ID, err)
	}
	if c.Refunded, err = FromMinor(d.Refunded, currency); err != nil {
		return Charge{}, fmt.Errorf("charge %s: refunded: %w", d.ID, err)
	}
	for k := range d.Refunds {
		r, err := d.Refunds[k].refund(currency)
		if err != nil {
			return Charge{}, err
		}
		c.Refunds = append(c.Refunds, r)
	}
	return c, nil
}

func (d *RefundDocument) refund(currency money.Currency) (Refund, error) {
	amount, err := FromMinor(d.Amount, currency)
	if err != nil {
		return Refund{}, fmt.Errorf("refund %s: %w", d.ID, err)
	}
	return Refund{ID: d.ID, Key: d.Key, Charge: d.Charge, Amount: amount, Currency: currency, State: d.State, Created: instant.Instant(d.Created)}, nil
}

// minor is how many millionths the minor unit of a currency has.
func minor(c money.Currency) int64 {
	unit := int64(money.Unit)
	for range c.Exponent() {
		unit /= 10
	}
	return unit
}

// ToMinor converts an amount to the currency's minor unit, exactly or not at
// all.
func ToMinor(a money.Amount, c money.Currency) (int64, error) {
	if !c.Valid() {
		return 0, fmt.Errorf("currency %s is unknown", c)
	}
	unit := minor(c)
	if int64(a)%unit != 0 {
		return 0, fmt.Errorf("%s %s has a fraction of the smallest unit that can be paid; round it to %d decimals", a.Format(0), c, c.Exponent())
	}
	return int64(a) / unit, nil
}

// FromMinor converts from the currency's minor unit; negative amounts and those
// out of range are errors.
func FromMinor(n int64, c money.Currency) (money.Amount, error) {
	unit := minor(c)
	if n < 0 || n > int64(money.Max)/unit {
		return 0, fmt.Errorf("amount %d: must be from 0 to %d", n, int64(money.Max)/unit)
	}
	return money.Amount(n * unit), nil
}
