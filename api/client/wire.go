package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"gyro/internal/instant"
	"gyro/internal/money"
)

// The API writes money as decimal strings, moments in RFC 3339 and leaves out
// what is not there. The types here read and write that; what others use are
// amounts, currencies and instants.

// decimal is money on the wire.
type decimal money.Amount

func (d *decimal) UnmarshalJSON(data []byte) error {
	text, err := quoted(data, "an amount")
	if err != nil || text == "" {
		return err
	}
	amount, err := money.Parse(text, money.Decimals)
	if err != nil {
		return fmt.Errorf("amount %q: %w", text, err)
	}
	*d = decimal(amount)
	return nil
}

// currency is an ISO 4217 code on the wire.
type currency money.Currency

func (c *currency) UnmarshalJSON(data []byte) error {
	text, err := quoted(data, "a currency")
	if err != nil || text == "" {
		return err
	}
	parsed, err := money.ParseCurrency(text)
	if err != nil {
		return fmt.Errorf("currency %q: %w", text, err)
	}
	*c = currency(parsed)
	return nil
}

// moment is an instant on the wire; "" is none, which is zero.
type moment instant.Instant

func (m *moment) UnmarshalJSON(data []byte) error {
	text, err := quoted(data, "a moment")
	if err != nil || text == "" {
		return err
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return fmt.Errorf("moment %q is not RFC 3339", text)
	}
	*m = moment(instant.Of(at))
	return nil
}

func quoted(data []byte, what string) (text string, err error) {
	if err := json.Unmarshal(data, &text); err != nil {
		return "", fmt.Errorf("%s is not in quotes: %s", what, data)
	}
	return text, nil
}

// Quantity is an amount of money in millionths, or of units: octets, seconds,
// events.
type Quantity struct {
	Amount       int64
	Denomination string // an ISO 4217 code, or the unit
}

// Money is the quantity as money; ok is false where it is of units.
func (q Quantity) Money() (amount money.Amount, of money.Currency, ok bool) {
	of, err := money.ParseCurrency(q.Denomination)
	return money.Amount(q.Amount), of, err == nil
}

// String is the quantity with its denomination.
func (q Quantity) String() string {
	if amount, of, ok := q.Money(); ok {
		return amount.Format(of.Exponent()) + " " + q.Denomination
	}
	return strconv.FormatInt(q.Amount, 10) + " " + q.Denomination
}

// quantity reads an amount of either sort; "" is none.
func quantity(text, denomination string) (q Quantity, err error) {
	q.Denomination = denomination
	if text == "" {
		return q, nil
	}
	if _, err := money.ParseCurrency(denomination); err == nil {
		amount, err := money.Parse(text, money.Decimals)
		if err != nil {
			return q, fmt.Errorf("amount %q: %w", text, err)
		}
		q.Amount = int64(amount)
		return q, nil
	}
	if q.Amount, err = strconv.ParseInt(text, 10, 64); err != nil {
		return q, fmt.Errorf("%q is no number of %s", text, denomination)
	}
	return q, nil
}

// text is an amount as requests have it: "" is none.
func text(a money.Amount, of money.Currency) string { return a.Format(of.Exponent()) }

// at is a moment as requests have it.
func at(i instant.Instant) string {
	if i == 0 {
		return ""
	}
	return i.String()
}

// read decodes an answer; one that is not as documented is an error of the
// server's, not of what was asked.
func read[T any](a *answer, err error) (T, error) {
	var v T
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(a.body, &v); err != nil {
		return v, fmt.Errorf("the answer of the charging API cannot be read: %w; is it of another version?", err)
	}
	return v, nil
}

// errLimit refuses a page that no page can be.
var errLimit = errors.New("the limit of a page is 1 to 1000")

// MaxPage is the most entries of a page.
const MaxPage = 1000

func pageQuery(position string, from uint64, limit int) (map[string][]string, error) {
	if limit < 1 || limit > MaxPage || from > math.MaxInt64 {
		return nil, errLimit
	}
	return map[string][]string{position: {strconv.FormatUint(from, 10)}, "limit": {strconv.Itoa(limit)}}, nil
}
