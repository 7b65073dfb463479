package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
)

// moneyRequest is a request that moves money, and how often it did so is counted.
type moneyRequest struct {
	name, path, body, other string // other is another body under the same key
	count                   func() int
}

const (
	inParallel = 8
	moneyKills = 3
)

// TestMoneyMovesOnceForItsKey over the real program: one key eight times at once, with another body, and again and again
// while the program is killed.
func TestMoneyMovesOnceForItsKey(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, o *operator) {
		account := o.customer("Ada", "Lang")
		prepaid := o.prepaid()
		for _, r := range o.moneyRequests(account, prepaid) {
			key := "key-of-" + r.name
			answers := o.atOnce(r.path, r.body, key)
			for n, a := range answers {
				if a.status != answers[0].status || a.status >= 300 || string(a.body) != string(answers[0].body) {
					t.Errorf("%s, answer %d of one key at once: %d %s, the first %d %s", r.name, n, a.status, a.body, answers[0].status, answers[0].body)
				}
			}
			if n := r.count(); n != 1 {
				t.Errorf("%s: one key %d times at once moved money %d times", r.name, inParallel, n)
			}
			if a := o.post(r.path, r.other, key); a.status != http.StatusConflict {
				t.Errorf("%s: another body under the key: %d %s", r.name, a.status, a.body)
			}
			if n := r.count(); n != 1 {
				t.Errorf("%s: another body under the key moved money: %d", r.name, n)
			}
		}
		o.oneReference(account)
		key := o.key()
		for kill := range moneyKills {
			for _, r := range o.moneyRequests(account, prepaid) {
				before := r.count()
				name := fmt.Sprintf("kill-%d-%s", kill, r.name)
				var sent sync.WaitGroup
				for range 2 {
					sent.Go(func() { // what it is answered is not known to whoever sent it
						_, _ = o.office.do(context.Background(), http.MethodPost, r.path, "application/json", []byte(r.body), "Idempotency-Key", name, "Authorization", "Bearer "+key)
					})
				}
				o.p.kill()
				sent.Wait()
				o.start()
				o.again(r.path, r.body, name)
				if n := r.count() - before; n != 1 {
					t.Errorf("%s: the same key before and after a kill moved money %d times", name, n)
				}
			}
		}
		o.p.stop()
	})
}

// oneReference sends one payment eight times at once, each under a key of its own: it is the reference that makes it one.
func (o *operator) oneReference(account string) {
	o.t.Helper()
	body := fmt.Sprintf(`{"account":{"id":%q},"paymentMethod":{"name":"cash"},"totalAmount":{"unit":"EUR","value":6.00},"correlatorId":"statement-48"}`, account)
	ids := make([]string, inParallel)
	var sent sync.WaitGroup
	for n := range ids {
		sent.Go(func() {
			r := o.post("/tmf-api/paymentManagement/v4/payment", body, fmt.Sprint("its-own-", n))
			var made reference
			if err := json.Unmarshal(r.body, &made); err != nil || r.status != http.StatusCreated {
				o.t.Errorf("a payment with a reference that others send: %d %s", r.status, r.body)
			}
			ids[n] = made.ID
		})
	}
	sent.Wait()
	for _, id := range ids {
		if id != ids[0] {
			o.t.Errorf("one reference became the payments %v", ids)
			return
		}
	}
}

// moneyRequests are requests of an account that move money, each in another way.
func (o *operator) moneyRequests(account, prepaid string) []moneyRequest {
	const payments, balances = "/tmf-api/paymentManagement/v4/", "/tmf-api/prepayBalanceManagement/v4/"
	paid := func(value string) string {
		return fmt.Sprintf(`{"account":{"id":%q},"paymentMethod":{"name":"cash"},"totalAmount":{"unit":"EUR","value":%s},"description":"till"}`, account, value)
	}
	moved := func(value string) string {
		return fmt.Sprintf(`{"amount":{"amount":%s,"units":"EUR"},"partyAccount":{"id":%q}}`, value, prepaid)
	}
	charged := func(value string) string {
		return fmt.Sprintf(`{"kind":"one_time","amount":%s,"currency":"EUR","description":"SIM card"}`, value)
	}
	list := func(path, member string) func() int {
		return func() int {
			o.t.Helper()
			r := o.office.must(http.MethodGet, path, "", nil, nil, "Authorization", "Bearer "+o.key())
			var rows []json.RawMessage
			text := json.RawMessage(r.body)
			if member != "" {
				var v map[string]json.RawMessage
				if err := json.Unmarshal(text, &v); err != nil {
					o.t.Fatal(err)
				}
				text = v[member]
			}
			if err := json.Unmarshal(text, &rows); err != nil {
				o.t.Fatalf("%v: %s", err, text)
			}
			return len(rows)
		}
	}
	charges := "/office/v1/accounts/" + account + "/charges"
	return []moneyRequest{
		{"payment", payments + "payment", paid("3.00"), paid("3.01"), list(payments+"payment?limit=1000&account.id="+account+"&sort=paymentDate", "")},
		{"adjustment", balances + "adjustBalance", moved("2.00"), moved("2.01"), list(balances+"adjustBalance?limit=1000", "")},
		{"top-up", balances + "topupBalance", moved("4.00"), moved("4.01"), list(balances+"topupBalance?limit=1000", "")},
		{"charge", charges, charged("9.90"), charged("9.91"), list(charges, "charges")},
	}
}

// prepaid signs a customer up who pays before, whose account the core has already.
func (o *operator) prepaid() string {
	o.t.Helper()
	var made struct {
		Account struct{ ID, ChargingAccount string }
	}
	o.ask(http.MethodPost, "/office/v1/customers", map[string]any{
		"organization": map[string]any{"name": "Nord AG"},
		"account":      map[string]any{"accountType": "prepaid", "currency": "EUR", "taxRegion": "DE", "timeZone": "Europe/Berlin", "billStructure": map[string]any{"presentationMedia": []any{map[string]any{"name": "none", "isRef": false}}}},
	}, &made)
	o.charging.account(made.Account.ChargingAccount, "prepaid", "0.00", `[]`, 7001)
	return made.Account.ID
}

// post sends a body as the administrator.
func (o *operator) post(path, body, key string) *reply {
	o.t.Helper()
	r, err := o.office.do(o.t.Context(), http.MethodPost, path, "application/json", []byte(body), "Idempotency-Key", key, "Authorization", "Bearer "+o.key())
	if err != nil {
		o.t.Fatal(err)
	}
	return r
}

// atOnce sends the same request several times at once.
func (o *operator) atOnce(path, body, key string) []*reply {
	o.t.Helper()
	answers := make([]*reply, inParallel)
	var sent sync.WaitGroup
	for n := range answers {
		sent.Go(func() { answers[n] = o.post(path, body, key) })
	}
	sent.Wait()
	return answers
}

// again repeats a request until it is answered.
func (o *operator) again(path, body, key string) {
	o.t.Helper()
	eventually(o.t, key+" is answered", func() bool {
		r := o.post(path, body, key)
		if r.status < 300 {
			return true
		}
		if r.status != http.StatusServiceUnavailable {
			o.t.Fatalf("%s: %d %s", key, r.status, r.body)
		}
		return false
	})
}
