package provider

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"gyro/internal/instant"
	"gyro/internal/money"
)

const (
	moment = instant.Instant(1_764_000_000_123)
	body   = `{"id":"evt_7","type":"payment.succeeded","created":1764000000000,"charge":` +
		`{"id":"ch_1","key":"payment-17","token":"tok_visa","amount":1190,"currency":"EUR","reference":"payment-17","state":"succeeded","refunded":0,"created":1763999999000,"version":2}}`
	// By another implementation: printf '1764000000.%s' "$body" | openssl dgst -sha256 -hmac whsec_one
	signedElsewhere = "t=1764000000,v1=950e96626674a48be1a9f328b7b6bd9851298d0727794572300651007697623e"
)

func TestAWebhookIsProvedAndRead(t *testing.T) {
	v := Verifier{Secrets: []string{"whsec_one"}}
	e, err := v.Verify(signedElsewhere, []byte(body), moment)
	if err != nil {
		t.Fatal(err)
	}
	if e.ID != "evt_7" || e.Type != PaymentSucceeded || e.Charge.Amount != 11_900_000 || e.Charge.Currency != money.EUR || e.Charge.Version != 2 {
		t.Errorf("read %+v", e)
	}
	if got := Sign([]string{"whsec_one"}, []byte(body), moment); got != signedElsewhere {
		t.Errorf("signed %s, want %s", got, signedElsewhere)
	}
}

func TestAWebhookIsRefused(t *testing.T) {
	one := &Verifier{Secrets: []string{"whsec_one"}}
	good := Sign([]string{"whsec_one"}, []byte(body), moment)
	for name, c := range map[string]struct {
		v      *Verifier
		header string
		body   string
		now    instant.Instant
		want   error
	}{
		"a body that was changed":        {one, good, strings.Replace(body, "1190", "1191", 1), moment, ErrSignature},
		"a time that was changed":        {one, strings.Replace(good, "t=1764000000", "t=1764000001", 1), body, moment, ErrSignature},
		"another secret":                 {&Verifier{Secrets: []string{"whsec_two"}}, good, body, moment, ErrSignature},
		"no secret":                      {&Verifier{}, good, body, moment, ErrSignature},
		"signed with nothing":            {&Verifier{Secrets: []string{""}}, Sign([]string{""}, []byte(body), moment), body, moment, ErrSignature},
		"played again after six minutes": {one, good, body, moment.Add(6 * instant.Minute), ErrStale},
		"from the future":                {one, good, body, moment.Add(-6 * instant.Minute), ErrStale},
		"no header":                      {one, "", body, moment, ErrHeader},
		"two times":                      {one, good + ",t=1764000000", body, moment, ErrHeader},
		"no signature":                   {one, "t=1764000000", body, moment, ErrHeader},
		"a signature cut short":          {one, good[:len(good)-2], body, moment, ErrHeader},
		"more signatures than anybody":   {one, good + strings.Repeat(good[12:], 9), body, moment, ErrHeader},
	} {
		if _, err := c.v.Verify(c.header, []byte(c.body), c.now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestASecretIsReplacedWithoutLosingAWebhook: the provider signs with both, the office learns the new one, the provider
// forgets the old one, the office forgets it.
func TestASecretIsReplacedWithoutLosingAWebhook(t *testing.T) {
	for _, step := range []struct{ signs, knows []string }{
		{[]string{"old"}, []string{"old"}},
		{[]string{"old", "new"}, []string{"old"}},
		{[]string{"old", "new"}, []string{"new", "old"}},
		{[]string{"new"}, []string{"new", "old"}},
		{[]string{"new"}, []string{"new"}},
	} {
		v := Verifier{Secrets: step.knows}
		if _, err := v.Verify(Sign(step.signs, []byte(body), moment), []byte(body), moment); err != nil {
			t.Errorf("signed with %v, known %v: %v", step.signs, step.knows, err)
		}
	}
}

func TestAmountsCrossTheWireExactlyOrNotAtAll(t *testing.T) {
	yen, err := money.ParseCurrency("JPY")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		amount   money.Amount
		currency money.Currency
		minor    int64
	}{{11_900_000, money.EUR, 1190}, {10_000, money.EUR, 1}, {250_000_000, yen, 250}} {
		n, err := ToMinor(c.amount, c.currency)
		if err != nil || n != c.minor {
			t.Errorf("%s %s: %d, %v, want %d", c.amount, c.currency, n, err, c.minor)
		}
		if back, err := FromMinor(n, c.currency); err != nil || back != c.amount {
			t.Errorf("%d %s: %s, %v", n, c.currency, back, err)
		}
	}
	if n, err := ToMinor(11_905_000, money.EUR); err == nil {
		t.Errorf("half a cent became %d", n)
	}
	for _, n := range []int64{-1, 1 << 62} {
		if a, err := FromMinor(n, money.EUR); err == nil {
			t.Errorf("%d became %s", n, a)
		}
	}
}

// FuzzWebhook: whatever comes, nothing is taken for proved that is not, and nothing panics.
func FuzzWebhook(f *testing.F) {
	f.Add(signedElsewhere, []byte(body))
	f.Add("t=1,v1=", []byte(`{}`))
	f.Fuzz(func(t *testing.T, header string, data []byte) {
		v := Verifier{Secrets: []string{"whsec_one"}}
		if e, err := v.Verify(header, data, moment); err == nil && header != signedElsewhere {
			if again, err := v.Verify(Sign(v.Secrets, data, moment), data, moment); err != nil || again.ID != e.ID {
				t.Errorf("%q proved %+v", header, e)
			}
		}
		e, err := ParseEvent(data)
		if err == nil && (e.ID == "" || e.Charge.Amount < 0 || !e.Charge.Currency.Valid() || !json.Valid(data)) {
			t.Errorf("%q became %+v", data, e)
		}
	})
}
