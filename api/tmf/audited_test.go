package tmf_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"gyro/api/hub"
	"gyro/api/rest"
	"gyro/api/tmf"
	"gyro/api/tmf/tmftest"
	"gyro/billing/run"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
)

// untraced are routes that leave no row in the audit trail by themselves, and why.
var untraced = map[string]string{
	"POST /office/v1/payment-webhook":         "what the provider reports is stored as it is, with its time; what it changes leaves rows of the job that takes it in",
	"POST /office/v1/payments/reconciliation": "it compares; what it takes in leaves rows, as a webhook does",
}

// TestMain has every request of every test of this package that succeeds and changes something leave a row in the audit
// trail, with the request's own X-Correlation-ID; when all tests were run, there must have been one on every route.
func TestMain(m *testing.M) {
	flag.Parse()
	tmftest.Audit.Watch(untraced)
	status := m.Run()
	if only := flag.Lookup("test.run"); only.Value.String() == "" && flag.Lookup("test.list").Value.String() == "" && status == 0 {
		for _, route := range tmftest.Audit.Missing(allRoutes) {
			status = 1
			fmt.Printf("no test of this package had a request succeed that leaves an audit row: %s\n", route)
		}
	}
	os.Exit(status)
}

// allRoutes is the table of the office that serves all there is; TestWhoMayDoWhat makes it.
var allRoutes []rest.Endpoint

// change carries a statement out behind the API's back.
func change(t *testing.T, db *database.DB, statement string, args ...any) {
	t.Helper()
	err := db.Write(t.Context(), database.Actor{Name: "test", Via: "test"}, func(ctx context.Context, tx *database.Tx) error {
		_, err := tx.ExecContext(ctx, statement, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestChangesThatNoOtherTestMakes leave their rows, too: TestMain asks for every route.
func TestChangesThatNoOtherTestMakes(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c := books(t, db)
		policy := c.Do(t, "GET", "/office/v1/dunning/policy", "").Want(t, 200)
		c.Do(t, "POST", "/office/v1/dunning/policy", string(policy.Body)).Want(t, 200, 201)
		c.Do(t, "PUT", "/office/v1/ledger/accounts/4711", `{"code":"4711","name":"Revenue: perfume","type":"revenue"}`).Want(t, 200)
		entry := `{"key":"k1","reference":"bank","postings":[{"account":"4711","amount":-5.01,"currency":"EUR"},{"account":"1100","amount":5.01,"currency":"EUR"}]}`
		c.Do(t, "POST", "/office/v1/ledger/journal", entry).Want(t, 200)
		last := c.Do(t, "GET", "/office/v1/ledger/journal", "").Want(t, 200).JSON(t)["items"].([]any)
		id := last[len(last)-1].(map[string]any)["id"].(string)
		c.Do(t, "POST", "/office/v1/ledger/journal/"+id+"/reversal", `{"reason":"wrong account"}`).Want(t, 204)
		c.Do(t, "POST", "/office/v1/ledger/periods/2026-10/close", "").Want(t, 204)
		change(t, db, "INSERT INTO provider_event (event_id, type, subject, payload, received_at, outcome) VALUES ('e', 'payment.succeeded', 'ch', '{}', 1, 'parked')")
		c.Do(t, "POST", "/office/v1/payment-events/1/retry", "").Want(t, 200, 202, 204)
	})
}

func TestListenersGoWithARow(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c := tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) {
			return tmf.New(tmf.Options{Server: o, Hub: hub.New(db, hub.Options{})})
		})
		for _, api := range rest.APIs {
			x := c.Do(t, "POST", api.Base+"/hub", `{"callback":"https://listener.example/events"}`).Want(t, 201)
			c.Do(t, "DELETE", x.Header.Get("Location"), "").Want(t, 204)
		}
	})
}

func TestProposalsAndMessagesLeaveRows(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		offers, _ := shop(t, db)
		x := offers.Do(t, "POST", base620+"productOffering", `{"name":"mobile-xl"}`).Want(t, 201)
		offers.Do(t, "DELETE", x.Header.Get("Location"), "").Want(t, 204)

		c := tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) {
			return tmf.New(tmf.Options{Server: o, Customers: customer.New(db)})
		})
		c.Do(t, "POST", "/office/v1/customers", `{"organization":{"name":"Nord AG","contactMedium":[{"mediumType":"email","characteristic":{"emailAddress":"a@example.org"}}]},
			"account":{"currency":"EUR","taxRegion":"DE","timeZone":"Europe/Berlin"}}`).Want(t, 201)
		change(t, db, "UPDATE notification SET state = 'failed'")
		c.Do(t, "POST", "/office/v1/messages/1/resend", "").Want(t, 200)
	})
}

func TestRunsAndTasksLeaveRows(t *testing.T) {
	t.Run("runs", func(t *testing.T) {
		db := dbtest.Open(t, database.SQLite)
		c, s := billed(t, db, 3, false)
		c.Do(t, "POST", "/office/v1/invoice-runs", `{"mode":"draft","cycle":"2026-10"}`, "Idempotency-Key", "r").Want(t, 202)
		c.Do(t, "POST", "/office/v1/invoice-runs/1/resume", "").Want(t, 202)
		if _, err := s.Runs.Resume(t.Context(), finance, 1, func(run.Run) {}); err != nil {
			t.Fatal(err)
		}
		c.Do(t, "DELETE", "/office/v1/invoice-runs/1/drafts", "").Want(t, 200)
	})
	t.Run("tasks", func(t *testing.T) {
		db := dbtest.Open(t, database.SQLite)
		c, s := fulfil(t, db, true)
		c.Do(t, "POST", orderPath, placing(newLine), "Idempotency-Key", "1").Want(t, http.StatusCreated)
		if _, err := s.Drive(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		c.Do(t, "POST", "/office/v1/fallout/2/skip", `{"note":"done by hand"}`).Want(t, 200)
	})
}

// TestTheRuleOfRowsFindsWhatLeavesNone holds the watch itself against a route that forgets its row.
func TestTheRuleOfRowsFindsWhatLeavesNone(t *testing.T) {
	var trail tmftest.Trail
	trail.Watch(nil)
	table := []rest.Endpoint{{Method: "POST", Path: "/office/v1/things"}, {Method: "GET", Path: "/office/v1/things"}, {Method: "DELETE", Path: "/office/v1/things/{id}"}}
	if got := trail.Missing(table); !slices.Equal(got, []string{"DELETE /office/v1/things/{id}", "POST /office/v1/things"}) {
		t.Errorf("missing: %s", strings.Join(got, ", "))
	}
}
