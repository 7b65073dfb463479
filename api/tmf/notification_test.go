package tmf_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"gyro/api/hub"
	"gyro/api/rest"
	"gyro/api/tmf"
	"gyro/api/tmf/tmftest"
	"gyro/customer"
	"gyro/internal/database"
)

// TestNotificationsHaveTheDocument: what a listener is sent is what TM Forum's definition of the event says, with the
// document that GET shows.
func TestNotificationsHaveTheDocument(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		bodies := make(chan []byte, 10)
		listener := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			bodies <- body
		}))
		t.Cleanup(listener.Close)
		teller := hub.New(db, hub.Options{AllowPrivate: true})
		c := tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) {
			return tmf.New(tmf.Options{Server: o, Hub: teller, Customers: customer.New(db)})
		})
		c.Do(t, "POST", rest.TMF629.Base+"/hub", `{"callback":"`+listener.URL+`","query":"eventType=CustomerCreateEvent"}`).Want(t, 201)
		party := c.Do(t, "POST", rest.TMF632.Base+"/individual", `{"givenName":"Ada","familyName":"Lang"}`).Want(t, 201).JSON(t)
		id, _ := party["id"].(string)
		c.Do(t, "POST", rest.TMF629.Base+"/customer", `{"name":"Ada","engagedParty":{"id":"`+id+`","@referredType":"Individual"},"characteristic":[{"name":"segment","value":"residential"}]}`,
			"X-Correlation-ID", "signup-1").Want(t, 201)
		if err := teller.Deliver(t.Context()); err != nil {
			t.Fatal(err)
		}
		x := &tmftest.Exchange{Method: "POST", Path: "(the listener)", Status: 200, Body: <-bodies}
		x.Valid(t, rest.TMF629, "CustomerCreateEvent")
		tmftest.Golden(t, "notification", x)
	})
}
