package tmf_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"gyro/api/access"
	"gyro/api/apitest"
	"gyro/api/rest"
	"gyro/api/tmf"
	"gyro/api/tmf/tmftest"
	"gyro/catalog"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/provisioning"
	"gyro/provisioning/pool"
)

const (
	orderPath   = "/tmf-api/productOrderingManagement/v4/productOrder"
	cancelPath  = "/tmf-api/productOrderingManagement/v4/cancelProductOrder"
	productPath = "/tmf-api/productInventory/v4/product"
)

// element does everything, or nothing.
type element struct {
	name    string
	refuses bool
}

func (e element) Name() string { return e.name }

func (e element) Apply(context.Context, provisioning.Operation) error {
	if e.refuses {
		return &provisioning.ElementError{Code: "409", Message: e.name + ": the profile is not known here"}
	}
	return nil
}

// fulfil starts an API with a customer who may order, on a real core.
func fulfil(t *testing.T, db *database.DB, refuses bool) (*tmftest.Client, *provisioning.Service) {
	t.Helper()
	core := apitest.Start(t)
	sells := catalog.New(db, core.Charging)
	s, err := provisioning.New(provisioning.Options{
		DB: db, Customers: customer.New(db), Catalog: sells, Core: core.Charging, Elements: []provisioning.Element{element{"hss", refuses}, element{"pcrf", refuses}},
	})
	if err != nil {
		t.Fatal(err)
	}
	by := database.Actor{Name: "test", Via: "test"}
	source, err := os.ReadFile("../../testdata/order/catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d, err := sells.Submit(t.Context(), by, source, false)
	if err == nil {
		_, err = sells.Publish(t.Context(), by, d.ID, 0)
	}
	if err == nil {
		_, err = sells.Carry(t.Context(), d.ID)
	}
	if err == nil {
		err = db.Write(t.Context(), by, func(ctx context.Context, tx *database.Tx) error {
			if err := pool.LoadNumbers(ctx, tx, pool.Default, "491700000000", 20); err != nil {
				return err
			}
			return pool.LoadCards(ctx, tx, pool.Default, "894901000000000000", "262011000000000", 20)
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	api := tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) {
		return tmf.New(tmf.Options{Server: o, Customers: customer.New(db), Orders: s})
	})
	api.Do(t, "POST", partyBase+"/individual", `{"givenName":"Ada","familyName":"Lang"}`).Want(t, http.StatusCreated)
	api.Do(t, "POST", customerPath, `{"engagedParty":{"id":"1","@referredType":"Individual"}}`).Want(t, http.StatusCreated)
	api.Do(t, "POST", accountPath, `{"name":"home","relatedParty":[{"id":"1","role":"customer","@referredType":"Customer"}],"currency":"EUR","taxRegion":"DE"}`).Want(t, http.StatusCreated)
	return api, s
}

func placing(items string, more ...string) string {
	extra := ""
	for _, m := range more {
		extra += m + ","
	}
	return fmt.Sprintf(`{%s"billingAccount":{"id":"1"},"productOrderItem":[%s]}`, extra, items)
}

const newLine = `{"id":"1","action":"add","productOffering":{"id":"mobile-s"},"product":{"productCharacteristic":[{"name":"coupon","value":"HALFYEAR"}]}}`

func TestProductOrders(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		api, _ := fulfil(t, db, false)
		later := db.Now().Add(48 * 3600 * 1000).Time().Format(time.RFC3339)
		latest := db.Now().Add(72 * 3600 * 1000).Time().Format(time.RFC3339)
		api.Resource(t, tmftest.Case{
			Path: orderPath, Golden: "product-order",
			Create: []string{
				placing(newLine, `"externalId":"shop-1","requestedStartDate":"`+later+`"`),
				placing(newLine + `,{"id":"2","action":"add","productOffering":{"id":"turbo"}}`),
				placing(`{"id":"1","action":"add","productOffering":{"id":"mobile-pro"}}`),
			},
			Patch: `{"description":"as the customer asked","requestedStartDate":"` + latest + `"}`,
		})
		for _, body := range []string{
			`{"productOrderItem":[` + newLine + `]}`, placing(""),
			placing(`{"id":"1","action":"add","productOffering":{"id":"nonsense"}}`),
			placing(`{"id":"1","action":"modify","product":{"id":"x"}}`),
			placing(`{"id":"1","action":"modify","product":{"id":"1","productCharacteristic":[{"name":"effective","value":"soon"}]}}`),
		} {
			x := api.Do(t, "POST", orderPath, body, "Idempotency-Key", fmt.Sprint(len(body)))
			if x.Status != http.StatusBadRequest && x.Status != http.StatusNotFound {
				t.Errorf("%s is answered %d %s", body, x.Status, x.Body)
			}
		}
	})
}

func TestCancellationsAndProducts(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		api, s := fulfil(t, db, false)
		for n := range 4 {
			api.Do(t, "POST", orderPath, placing(newLine), "Idempotency-Key", fmt.Sprint(n)).Want(t, http.StatusCreated)
		}
		if _, err := s.Drive(t.Context(), 4); err != nil {
			t.Fatal(err)
		}
		api.Resource(t, tmftest.Case{
			Path: cancelPath, Golden: "cancel-product-order",
			Create: []string{
				`{"productOrder":{"id":"1"},"cancellationReason":"changed their mind"}`, `{"productOrder":{"id":"2"}}`, `{"productOrder":{"id":"3"}}`,
			},
		})
		api.Do(t, "POST", cancelPath, `{"productOrder":{"id":"1"}}`).Want(t, http.StatusConflict)
		api.Resource(t, tmftest.Case{Path: productPath, Golden: "product"})
	})
}

// TestFulfilment walks an order into the fallout queue and out of it.
func TestFulfilment(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		api, s := fulfil(t, db, true)
		api.Do(t, "POST", orderPath, placing(newLine), "Idempotency-Key", "1").Want(t, http.StatusCreated)
		if _, err := s.Drive(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		golden := []*tmftest.Exchange{
			api.Do(t, "GET", "/office/v1/orders/1/tasks", "").Want(t, http.StatusOK),
			api.Do(t, "GET", "/office/v1/fallout?limit=1", "").Want(t, http.StatusOK),
			api.Do(t, "POST", "/office/v1/fallout/2/retry", `{"note":"looked at it"}`).Want(t, http.StatusOK),
			api.Do(t, "POST", "/office/v1/fallout/3/complete", `{}`).Want(t, http.StatusOK),
			api.Do(t, "POST", "/office/v1/fallout/3/skip", `{}`).Want(t, http.StatusConflict),
		}
		if _, err := s.Drive(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		golden = append(golden, api.Do(t, "POST", "/office/v1/fallout/2/cancel", `{}`).Want(t, http.StatusOK))
		golden = append(golden,
			api.Do(t, "GET", "/office/v1/pools", "").Want(t, http.StatusOK),
			api.Do(t, "GET", "/office/v1/pools/msisdn?limit=2", "").Want(t, http.StatusOK),
			api.Do(t, "GET", "/office/v1/pools/sim?state=reserved", "").Want(t, http.StatusOK),
			api.Do(t, "POST", "/office/v1/pools/gold/msisdn", `{"first":"491777000000","count":10}`).Want(t, http.StatusNoContent),
			api.Do(t, "POST", "/office/v1/pools/gold/msisdn", `{"first":"491777000009","count":10}`).Want(t, http.StatusConflict),
			api.Do(t, "POST", "/office/v1/pools/gold/sim", `{"iccid":"894901000000007000","imsi":"262011000007000","count":10}`).Want(t, http.StatusNoContent),
		)
		tmftest.Golden(t, "fulfilment", golden...)
	})
}

// TestAKeyOfAnOrderIsItsClientsOwn: two clients who happen to name their requests alike get an order each.
func TestAKeyOfAnOrderIsItsClientsOwn(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		api, _ := fulfil(t, db, false)
		ids := map[any]bool{}
		for _, role := range []access.Roles{access.Sales, access.Care, access.Sales} {
			api.Roles = role
			ids[api.Do(t, "POST", orderPath, placing(newLine), "Idempotency-Key", "1").Want(t, http.StatusCreated).JSON(t)["id"]] = true
		}
		if len(ids) != 2 {
			t.Errorf("orders %v, want one of each client", ids)
		}
	})
}
