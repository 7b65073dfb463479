package rest

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/refusal"
	"gyro/internal/strictjson"
)

// Entity is embedded in the document of every resource: what the server says of
// it. A resource sets ID; href and @type follow from the declaration.
type Entity struct {
	ID   string `json:"id,omitempty"`
	Href string `json:"href,omitempty"`
	Type string `json:"@type,omitempty"`
}

func (e *Entity) entity() *Entity { return e }

// document is what the documents of resources have in common.
type document interface{ entity() *Entity }

// ID is a number of the database as the API shows it.
func ID(n int64) string { return strconv.FormatInt(n, 10) }

// ParseID reads an id that a path names. What is no number names nothing: NotFound.
func ParseID(id string) (int64, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n < 1 || strconv.FormatInt(n, 10) != id {
		return 0, refusal.New(refusal.NotFound, "not_found", "", "there is nothing with the id %q; ids are numbers that the server gave", id)
	}
	return n, nil
}

// ParseRef reads an id that a body's field names: Invalid if it is none.
func ParseRef(field, id string) (int64, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n < 1 || strconv.FormatInt(n, 10) != id {
		return 0, refusal.New(refusal.Invalid, "invalid_value", field, "%q is no id; write the one that the server gave, in quotes", id)
	}
	return n, nil
}

// Time is a moment, as RFC 3339 with milliseconds, UTC. The zero Time is not shown
// (tag the field omitzero).
type Time instant.Instant

// IsZero reports whether the moment is not set.
func (t Time) IsZero() bool { return t == 0 }

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	if t == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(instant.Instant(t).Time().Format("2006-01-02T15:04:05.000Z07:00"))
}

// UnmarshalJSON implements json.Unmarshaler: any offset is understood.
func (t *Time) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		*t = 0
		return nil
	}
	var text string
	if json.Unmarshal(b, &text) == nil {
		if at, ok := parseTime(text); ok {
			*t = Time(at)
			return nil
		}
	}
	return &strictjson.Error{Reason: string(b) + " is no moment", Remedy: `write RFC 3339, such as "2026-01-31T09:30:00Z"`}
}

// parseTime reads RFC 3339 from the year 1 to 9999; the epoch itself means "not set" and is refused.
func parseTime(text string) (instant.Instant, bool) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.UTC().Year() < 1 || at.UTC().Year() > 9999 || instant.Of(at) == 0 {
		return 0, false
	}
	return instant.Of(at), true
}

// Date is a day of the calendar, 2006-01-02; "" is not set.
type Date string

// UnmarshalJSON implements json.Unmarshaler.
func (d *Date) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err == nil {
		if _, err := time.Parse(time.DateOnly, text); err == nil || text == "" {
			*d = Date(text)
			return nil
		}
	}
	return &strictjson.Error{Reason: string(b) + " is no day", Remedy: `write it as "2026-01-31"`}
}

// TimePeriod is from a moment until before another one; a zero Time is open.
type TimePeriod struct {
	Start Time `json:"startDateTime,omitzero"`
	End   Time `json:"endDateTime,omitzero"`
}

// Decimal is a JSON number that is exact: up to six decimals, kept as millionths.
// TM Forum writes amounts as numbers; no float is ever made of them.
type Decimal money.Amount

// MarshalJSON implements json.Marshaler.
func (d Decimal) MarshalJSON() ([]byte, error) { return money.Amount(d).Append(nil, 0), nil }

// UnmarshalJSON implements json.Unmarshaler.
func (d *Decimal) UnmarshalJSON(b []byte) error {
	text := string(b)
	if strings.ContainsAny(text, "eE") {
		return &strictjson.Error{Reason: text + " has an exponent", Remedy: "write the digits out"}
	}
	amount, err := money.Parse(text, money.Decimals)
	if err != nil || strings.ContainsAny(text, `"`) {
		return &strictjson.Error{Reason: text + " is no number with at most six decimals", Remedy: "write a number such as 12.50, without quotes"}
	}
	*d = Decimal(amount)
	return nil
}

// Money is TM Forum's: an exact value in a currency.
type Money struct {
	Unit  string  `json:"unit"`
	Value Decimal `json:"value"`
}

// MoneyOf makes Money of an amount in millionths and a currency such as EUR.
func MoneyOf(amount money.Amount, currency string) *Money {
	return &Money{Unit: currency, Value: Decimal(amount)}
}

// Amount checks that m is money that can be paid: a currency of ISO 4217, no finer
// than it is paid in. Field is where m stands in the body.
func (m *Money) Amount(field string) (money.Amount, money.Currency, error) {
	if m == nil {
		return 0, 0, refusal.New(refusal.Invalid, "invalid_value", field, `it is missing; write {"unit":"EUR","value":12.50}`)
	}
	currency, err := money.ParseCurrency(m.Unit)
	if err != nil {
		return 0, 0, refusal.New(refusal.Invalid, "invalid_value", field+".unit", "%q is no currency of ISO 4217; write EUR, for instance", m.Unit)
	}
	exact := money.Amount(m.Value).Format(0)
	if _, err := money.Parse(exact, currency.Exponent()); err != nil {
		return 0, 0, refusal.New(refusal.Invalid, "invalid_value", field+".value", "%s has more decimals than %s, which is paid in %d; round it", exact, currency, currency.Exponent())
	}
	return money.Amount(m.Value), currency, nil
}

// Quantity is an exact amount of something.
type Quantity struct {
	Amount Decimal `json:"amount"`
	Units  string  `json:"units"`
}

// Ref points to another entity, of this API or another.
type Ref struct {
	ID           string `json:"id"`
	Href         string `json:"href,omitempty"`
	Name         string `json:"name,omitempty"`
	Type         string `json:"@type,omitempty"`
	ReferredType string `json:"@referredType,omitempty"`
}

// RelatedParty is who has a part in something.
type RelatedParty struct {
	ID           string `json:"id"`
	Href         string `json:"href,omitempty"`
	Name         string `json:"name,omitempty"`
	Role         string `json:"role,omitempty"`
	Type         string `json:"@type,omitempty"`
	ReferredType string `json:"@referredType"`
}

// Characteristic is a named value of any kind.
type Characteristic struct {
	ID        string          `json:"id,omitempty"`
	Name      string          `json:"name"`
	ValueType string          `json:"valueType,omitempty"`
	Value     json.RawMessage `json:"value"`
	Type      string          `json:"@type,omitempty"`
}
