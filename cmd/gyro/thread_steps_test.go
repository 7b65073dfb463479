package main

import (
	"encoding/json"
	"net/http"

	"gyro/testdata/demo"
)

// try sends a GET to the office as its administrator and reports whether it succeeded; v has what was answered.
func (o *operator) try(path string, v any) bool {
	o.t.Helper()
	r, err := o.office.do(o.t.Context(), http.MethodGet, path, "", nil, "Authorization", "Bearer "+o.key())
	if err != nil || r.status != http.StatusOK {
		return false
	}
	if err := json.Unmarshal(r.body, v); err != nil {
		o.t.Fatalf("GET %s: %v in %s", path, err, r.body)
	}
	return true
}

// publish brings the demo operator's offers into force, in both halves.
func (o *operator) publish() {
	o.t.Helper()
	o.office.must(http.MethodPost, "/office/v1/catalogs", "application/yaml", demo.Office, nil, "Authorization", "Bearer "+o.key())
	var offer struct{ Name string }
	eventually(o.t, "the offers are in force", func() bool { return o.try("/office/v1/offers/mobile-s", &offer) })
}

// reference is what TM Forum's documents name each other by.
type reference struct {
	ID           string `json:"id"`
	ReferredType string `json:"@referredType,omitempty"`
	Role         string `json:"role,omitempty"`
	Name         string `json:"name,omitempty"`
}

// customer signs up a person with a postpaid billing account whose bills are due 14 days after they are made, and returns
// the account's id.
func (o *operator) customer(given, family string) string {
	o.t.Helper()
	var person, customer, account reference
	o.ask(http.MethodPost, "/tmf-api/party/v4/individual", map[string]any{"givenName": given, "familyName": family}, &person)
	o.ask(http.MethodPost, "/tmf-api/customerManagement/v4/customer", map[string]any{
		"engagedParty": reference{ID: person.ID, ReferredType: "Individual"},
	}, &customer)
	o.ask(http.MethodPost, "/tmf-api/accountManagement/v4/billingAccount", map[string]any{
		"name": given, "currency": "EUR", "taxRegion": "DE", "timeZone": "Europe/Berlin",
		"relatedParty": []reference{{ID: customer.ID, Role: "customer", ReferredType: "Customer", Name: given + " " + family}},
		"creditLimit":  map[string]any{"unit": "EUR", "value": 200},
		"billStructure": map[string]any{"cycleSpecification": map[string]any{
			"name": "monthly", "isRef": false, "billingPeriod": "monthly", "dateShift": 0, "paymentDueDateOffset": 14,
		}},
	}, &account)
	return account.ID
}

// openItems is what an account owes.
func (o *operator) openItems(account string) (items struct {
	Receivables []struct {
		Invoice, Number string
		Total, Open     json.Number
		DueOn           string
	}
	Credits []struct{ Open json.Number }
},
) {
	o.t.Helper()
	o.ask(http.MethodGet, "/office/v1/accounts/"+account+"/open-items", nil, &items)
	return items
}

// pay has an account pay an amount through the provider; the office learns of it by webhooks.
func (o *operator) pay(account, token, key string, amount json.Number) (id string) {
	o.t.Helper()
	var payment reference
	o.ask(http.MethodPost, "/tmf-api/paymentManagement/v4/payment", map[string]any{
		"account": reference{ID: account}, "totalAmount": map[string]any{"unit": "EUR", "value": amount}, "correlatorId": key,
		"paymentMethod": map[string]any{"name": "provider", "id": token},
	}, &payment, "Idempotency-Key", key)
	return payment.ID
}

// awaitPayment waits until a payment is in a state.
func (o *operator) awaitPayment(id, status string) {
	o.t.Helper()
	var payment struct{ Status string }
	eventually(o.t, "payment "+id+" is "+status, func() bool {
		return o.try("/tmf-api/paymentManagement/v4/payment/"+id, &payment) && payment.Status == status
	})
}
