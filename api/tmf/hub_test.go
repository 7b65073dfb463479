package tmf_test

import (
	"strings"
	"testing"

	"gyro/api/hub"
	"gyro/api/rest"
	"gyro/api/tmf"
	"gyro/api/tmf/tmftest"
	"gyro/internal/database"
)

func TestListenersSubscribeToEachAPI(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c := tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) {
			return tmf.New(tmf.Options{Server: o, Hub: hub.New(db, hub.Options{})})
		})
		var exchanges []*tmftest.Exchange
		for _, api := range rest.APIs {
			x := c.Do(t, "POST", api.Base+"/hub", `{"callback":"https://listener.example/events"}`).Want(t, 201)
			exchanges = append(exchanges, x)
			if got := x.Header.Get("Location"); got != tmftest.PublicURL+api.Base+"/hub/"+x.JSON(t)["id"].(string) {
				t.Errorf("Location %s", got)
			}
		}
		signed := `{"callback":"https://listener.example/signed","query":"eventType=CustomerCreateEvent","secret":"sixteen octets or more"}`
		x := c.Do(t, "POST", rest.TMF629.Base+"/hub", signed, "Idempotency-Key", "k").Want(t, 201)
		c.Do(t, "POST", rest.TMF629.Base+"/hub", signed, "Idempotency-Key", "k").Want(t, 201)
		if strings.Contains(string(x.Body), "octets") {
			t.Errorf("the secret is shown: %s", x.Body)
		}
		for _, body := range []string{
			`{}`, `{"callback":"http://listener.example"}`, `{"callback":"https://10.0.0.1"}`, `{"callback":"https://listener.example","secret":"short"}`,
			`{"callback":"https://listener.example","query":"state=done"}`, `{"callback":"https://listener.example","id":"1"}`,
		} {
			c.Do(t, "POST", rest.TMF629.Base+"/hub", body).Want(t, 400)
		}
		list := c.Do(t, "GET", "/office/v1/hubs", "").Want(t, 200)
		if n := len(list.JSON(t)["items"].([]any)); n != len(rest.APIs)+1 {
			t.Errorf("%d listeners", n)
		}
		id, _ := exchanges[0].JSON(t)["id"].(string)
		c.Do(t, "DELETE", rest.TMF622.Base+"/hub/"+id, "").Want(t, 404) // it is of another API
		c.Do(t, "DELETE", rest.TMF620.Base+"/hub/"+id, "").Want(t, 204)
		c.Do(t, "DELETE", rest.TMF620.Base+"/hub/"+id, "").Want(t, 404)
		c.Do(t, "POST", "/office/v1/hubs/2/enable", "").Want(t, 200)
		c.Do(t, "POST", "/office/v1/hubs/99/enable", "").Want(t, 404)
		tmftest.Golden(t, "hub", append(exchanges, x, list)...)
	})
}
