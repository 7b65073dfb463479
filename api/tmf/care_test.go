package tmf_test

import (
	"context"
	"net/http"
	"testing"

	"gyro/api/client"
	"gyro/api/rest"
	"gyro/api/tmf"
	"gyro/api/tmf/tmftest"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/money"
)

// core is a charging core that knows one account.
type core struct {
	tmf.Core
	known string
}

func (c core) Account(_ context.Context, account string) (client.Account, error) {
	if account != c.known {
		return client.Account{}, &client.Problem{Code: "account_unknown", Status: http.StatusNotFound}
	}
	return client.Account{Currency: money.EUR, Remaining: -12_500_000, Available: 37_500_000}, nil
}

// TestCare follows a customer from the shop through a call, a ticket and a
// message that nobody could send.
func TestCare(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		api := tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) {
			return tmf.New(tmf.Options{Server: o, Customers: customer.New(db), Core: core{known: "ba-1"}})
		})
		const path = "/office/v1/customers"
		const ada = `{"individual":{"givenName":"Ada","familyName":"Lang","contactMedium":[{"mediumType":"email","characteristic":{"emailAddress":"ada@example.org"}}]},
			"account":{"currency":"EUR","taxRegion":"DE","timeZone":"Europe/Berlin","creditLimit":{"unit":"EUR","value":50}}}`
		first := api.Do(t, "POST", path, ada, "Idempotency-Key", "sign-up-1").Want(t, http.StatusCreated)
		again := api.Do(t, "POST", path, ada, "Idempotency-Key", "sign-up-1").Want(t, http.StatusCreated)
		if string(again.Body) != string(first.Body) {
			t.Errorf("signed up twice: %s", again.Body)
		}
		exchanges := []*tmftest.Exchange{
			first,
			api.Do(t, "POST", path, `{"account":{"currency":"EUR","taxRegion":"DE"}}`).Want(t, http.StatusBadRequest),
			api.Do(t, "POST", path, `{"organization":{"name":"Nord AG"},"account":{"currency":"EUR","taxRegion":"DE-reverse"}}`).Want(t, http.StatusUnprocessableEntity),
			api.Do(t, "POST", path+"/1/interactions", `{"channel":"call","direction":"inbound","subject":"asks about her bill"}`).Want(t, http.StatusCreated),
			api.Do(t, "POST", path+"/1/tickets", `{"account":"1","kind":"complaint","severity":"major","subject":"charged twice"}`).Want(t, http.StatusCreated),
			api.Do(t, "PATCH", "/office/v1/tickets/1", `{"state":"inProgress","assignedTo":"maria","note":"looking into it"}`).Want(t, http.StatusOK),
			api.Do(t, "PATCH", "/office/v1/tickets/1", `{"state":"closed"}`).Want(t, http.StatusUnprocessableEntity),
			api.Do(t, "POST", path+"/1/consents", `{"purpose":"marketing","granted":true,"source":"shop"}`).Want(t, http.StatusCreated),
			api.Do(t, "POST", path+"/1/consents", `{"purpose":"marketing","granted":false,"source":"call"}`).Want(t, http.StatusCreated),
			api.Do(t, "GET", path+"/1/consents", "").Want(t, http.StatusOK),
			api.Do(t, "POST", path+"/1/webhook", `{"url":"https://ada.example.org/hook"}`).Want(t, http.StatusCreated).Without("secret"),
			api.Do(t, "POST", path+"/1/webhook", `{"url":"https://ada.example.org/other"}`).Want(t, http.StatusConflict),
			api.Do(t, "DELETE", path+"/1/webhook", "").Want(t, http.StatusNoContent),
			api.Do(t, "GET", path+"/1/overview", "").Want(t, http.StatusOK),
			api.Do(t, "GET", path+"/2/overview", "").Want(t, http.StatusNotFound),
			api.Do(t, "GET", "/office/v1/messages?customer=1&state=pending", "").Want(t, http.StatusOK),
			api.Do(t, "GET", "/office/v1/messages?state=lost", "").Want(t, http.StatusBadRequest),
			api.Do(t, "POST", "/office/v1/messages/1/resend", "").Want(t, http.StatusConflict),
			api.Do(t, "GET", path+"/1/tickets?offset=1&limit=5", "").Want(t, http.StatusOK),
			api.Do(t, "GET", path+"/1/interactions", "").Want(t, http.StatusOK),
			api.Do(t, "POST", "/office/v1/accounts/1/close", `{"why":"moved away"}`).Want(t, http.StatusOK),
			api.Do(t, "POST", "/office/v1/accounts/1/close", `{"why":"moved away"}`).Want(t, http.StatusOK),
		}
		tmftest.Golden(t, "care", exchanges...)
	})
}
