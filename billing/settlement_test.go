package billing_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"gyro/api/apitest"
	"gyro/api/client"
	"gyro/billing"
	"gyro/billing/charge"
	"gyro/billing/run"
	"gyro/charging"
	"gyro/customer"
	"gyro/internal/coretest"
	"gyro/internal/database/dbtest"
	"gyro/internal/money"
)

// deaf is a core whose answers to settlements are lost while it is set.
type deaf struct {
	*client.Charging
	lost bool
}

func (d *deaf) Settle(ctx context.Context, account, key string, s client.Settlement) (client.Movement, error) {
	m, err := d.Charging.Settle(ctx, account, key, s)
	if d.lost && err == nil {
		return client.Movement{}, errors.New("the connection broke before the answer")
	}
	return m, err
}

// TestASettlementIsRepeatedAfterDays bills the usage of an account in a real core. A part of it was given back there for
// goodwill, so that the account owes less than is billed; and the core's answer is lost for longer than it remembers keys.
func TestASettlementIsRepeatedAfterDays(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			server := apitest.Start(t)
			db := dbtest.Reopen(t, dbtest.URL(t, dialect), dbtest.Clock(server.Clock))
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			ctx, c := t.Context(), &deaf{Charging: server.Charging, lost: true}
			opened, err := customer.New(db).Open(ctx, clerk, customer.Opening{
				Party:    customer.Party{Kind: customer.Individual, GivenName: "Ada", FamilyName: "Lang"},
				Customer: customer.Customer{Segment: customer.Residential},
				Account:  customer.BillingAccount{Kind: customer.Postpaid, Currency: "EUR", TimeZone: "Europe/Berlin", TaxRegion: "DE"},
			})
			must(err)
			name := opened.Account.ChargingAccount
			source, err := os.ReadFile("../testdata/api/catalog.yaml")
			must(err)
			_, err = c.Publish(ctx, "demo", client.Publication{Source: source})
			must(err)
			_, err = c.PutAccount(ctx, name, client.AccountSpec{
				Currency: money.EUR, Kind: "postpaid", CreditLimit: 100 * money.Unit, Subscribers: []client.SubscriberSpec{{IMSI: "001010000000001"}}, Offers: []string{"payg"},
			})
			must(err)
			server.Exchange(t, coretest.Request{Session: "s;1", IMSI: "001010000000001", Kind: charging.Initial, Group: 10, Want: 5_000_000})
			server.Exchange(t, coretest.Request{Session: "s;1", IMSI: "001010000000001", Kind: charging.Termination, Number: 1, Group: 10, Used: 5_000_000})
			_, err = c.Adjust(ctx, name, "sorry", client.Adjustment{Amount: 20_000, Currency: money.EUR, Reason: "goodwill"})
			must(err)
			balance := func(want money.Amount, what string) {
				t.Helper()
				if a, err := c.Account(ctx, name); err != nil || a.Remaining-a.Excess != want {
					t.Errorf("%s: the balance is %s, want %s (%v)", what, a.Remaining-a.Excess, want, err)
				}
			}
			balance(20_000-50_000, "used and forgiven")

			s := billing.New(db, c, billing.Options{})
			server.Advance(40 * 24 * time.Hour)
			_, err = s.Intake.CatchUp(ctx)
			must(err)
			y, m, _ := server.Clock().Date()
			made, err := s.Runs.Run(ctx, clerk, run.Request{AsOf: charge.Date(y, int(m), 1), Mode: run.Final})
			must(err)
			if made.Invoices != 1 {
				t.Fatalf("%+v", made)
			}
			all := run.FollowUp{First: 1, Last: 1000}
			if err := s.FollowUp(ctx, all); err == nil {
				t.Error("the answer was lost, and nobody noticed")
			}
			balance(20_000, "settled, with the credit left")
			server.Advance(26 * time.Hour)
			if err := s.FollowUp(ctx, all); err != nil {
				t.Error("after a day:", err)
			}
			balance(20_000, "repeated after a day")
			server.Advance(26 * time.Hour)
			c.lost = false
			must(s.FollowUp(ctx, all))
			must(s.FollowUp(ctx, all))
			balance(20_000, "repeated after two days")
			must(db.Read(ctx, func(ctx context.Context, q bun.IDB) error {
				var rows []struct {
					Settled int64  `bun:"settled_at"`
					Failure string `bun:"failure"`
				}
				if err := q.NewRaw("SELECT settled_at, failure FROM invoice_settlement").Scan(ctx, &rows); err != nil {
					return err
				}
				if len(rows) != 1 || rows[0].Settled == 0 || rows[0].Failure != "" {
					t.Errorf("settlements: %+v", rows)
				}
				return nil
			}))
		})
	}
}
