package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/api/tmf"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
)

// TestCustomersPage runs what the page of customers tells people to do, against a real office API on each database.
func TestCustomersPage(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		serveOffice(t, db)
		want := map[string]string{
			"create": "chargingAccount:  ba-1", "add": "Branch Kiel", "account list": "CHARGED AS", "relate": "chargingAccount", "customer list": "Nord AG",
			"show": "Branch Kiel", "open": "acknowledged", "move": "inProgress", "ticket list": "no data since this morning", "close": "closed", "messages": "welcome",
		}
		for _, line := range boxes(t, "customers.md") {
			said := saidBy(t, words(line)[1:]...)
			for what, it := range want {
				if strings.Contains(line, " "+what+" ") && !strings.Contains(said, it) && !strings.Contains(line, "Prepaid") {
					t.Errorf("%s: no %q in\n%s", line, it, said)
				}
			}
		}
		for _, step := range []struct{ line, want string }{
			{"customer account list 1", "2        Branch Kiel    postpaid  active  EUR       1       1      ba-2"},
			{"customer account list 1", "3        Prepaid cards  prepaid   active  EUR       -       -      ba-3"},
			{"customer account list 1 --json", `"relationshipType":"payer"`},
			{"customer account relate 2 --parent none", "payer"},
			{"customer account list 1", "2        Branch Kiel    postpaid  active  EUR       -       1      ba-2"},
			{"customer account relate 1 --payer 2", "! --payer: "},
			{"customer account relate 2 --payer 3", "! --payer: account 3 is prepaid"},
			{"customer account relate 2", "! say --parent or --payer"},
			{"customer create --organization Nachbar", "chargingAccount:  ba-4"},
			{"customer account relate 2 --payer 4", "! --payer: account 4 is of customer 2, this one of customer 1; choose another account, or say that another customer's is meant"},
			{"customer account relate 2 --payer 4 --other-customer", "Nachbar (4)"},
			{"customer account relate 2 --payer 1", "payer"},
			{"customer account add 9", "! "},
			{"customer account add 1 --cycle-day 31", "! --cycle-day: 31 is not from 1 to 28"},
			{"customer create --family-name X --cycle-day 0", "! --cycle-day: 0 is not from 1 to 28"},
			{"customer create --given-name X --organization Y", "! --given-name is a person's, and --organization"},
			{"customer account list 99999", "! CUSTOMER: there is no customer 99999"},
			{"ticket list 1", "closed  major"},
			{"ticket close 1", "closed"}, // once more changes nothing
			{"ticket move 1 --state inProgress", "! --state: "},
			{"ticket open 1 x --severity loud", "! --severity: "},
			{"ticket list 1 --json", `"items":[{"id":"1"`},
			{"customer messages 1 --state sent", "none that fits"},
			{"customer messages --resend 1", "! "},
		} {
			said := saidBy(t, strings.Fields(step.line)...)
			if wrong, fails := strings.CutPrefix(step.want, "! "); fails && !strings.Contains(said, "! "+wrong) || !fails && !strings.Contains(said, step.want) {
				t.Errorf("gyro %s: %q, want %q", step.line, said, step.want)
			}
		}
	})
}

// saidBy carries a command out and returns what it says; an error stands behind an exclamation mark.
func saidBy(t *testing.T, args ...string) string {
	t.Helper()
	root := newRootCommand()
	var out strings.Builder
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(io.Discard)
	if err := root.ExecuteContext(t.Context()); err != nil {
		return out.String() + "! " + err.Error()
	}
	return out.String()
}

// serveOffice serves an office of users, keys and customers, and has the commands of the test find it.
func serveOffice(t *testing.T, db *database.DB) {
	t.Helper()
	s, err := access.New(db, access.Options{})
	if err == nil {
		_, err = s.Bootstrap(t.Context(), func(secret string) error { t.Setenv(officeKeyVariable, secret); return nil })
	}
	if err != nil {
		t.Fatal(err)
	}
	server, err := tmf.New(tmf.Options{Server: rest.Options{DB: db, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}, Access: s, Customers: customer.New(db)})
	if err != nil {
		t.Fatal(err)
	}
	server.SetReady(true)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(officeVariable, "http://"+l.Addr().String())
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := errors.Join(server.Shutdown(ctx), <-served); err != nil {
			t.Error(err)
		}
	})
}
