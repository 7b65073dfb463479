package rest

import (
	"encoding/json"
	"errors"
	"net/url"
	"testing"

	"gyro/internal/money"
	"gyro/internal/refusal"
)

// FuzzQuery: whatever a query says, it is read within its bounds or refused in words.
func FuzzQuery(f *testing.F) {
	filters := []Filter{
		{Attribute: "status", Column: "s", Values: []string{"a", "b"}, Sort: true},
		{Attribute: "at", Column: "at", Kind: Instant},
		{Attribute: "party.id", Column: "p", Kind: Number},
		{Attribute: "day", Column: "d", Kind: Day},
		{Attribute: "flag", Column: "f", Kind: Flag},
	}
	f.Add("status=a,b&offset=3&limit=10&sort=-status&at.gte=2026-01-01T00:00:00Z&party.id.ne=7&fields=id")
	f.Add("limit=9223372036854775808&party.id=-1&day=2026-02-30&flag=maybe")
	f.Fuzz(func(t *testing.T, text string) {
		values, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		q, err := parseQuery(values, filters, "id")
		if err != nil {
			if !refusal.Is(err, "invalid_parameter") {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if q.Limit < 1 || q.Limit > MaxLimit || q.Offset < 0 || q.Offset > maxOffset || len(q.Order) > len(filters) {
			t.Fatalf("%q: %+v", text, q)
		}
		for _, c := range q.Conditions {
			if len(c.Values) == 0 || len(c.Values) > maxValues || len(c.Values) > 1 && c.Op != "=" {
				t.Fatalf("%q: %+v", text, c)
			}
		}
	})
}

// FuzzDecimal: a number that is read is written as the same number.
func FuzzDecimal(f *testing.F) {
	for _, seed := range []string{"12.50", "-0.000001", "1e3", "9223372036854.775807", "00", "-0", "+1", "."} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var d, again Decimal
		if err := json.Unmarshal(text, &d); err != nil {
			return
		}
		written, err := json.Marshal(d)
		if err = errors.Join(err, json.Unmarshal(written, &again)); err != nil || d != again {
			t.Fatalf("%s: %s, %v", text, written, err)
		}
		if money.Amount(d) < money.Min {
			t.Fatalf("%s: out of range", text)
		}
	})
}
