package books_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"gyro/api/apitest"
	"gyro/api/client"
	"gyro/billing/payment"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/money"
)

const prepaid = "prepaid balances are what was paid for them"

// TestPrepaidMoneyIsInBothBooks tops up and adjusts; the core's answers are lost, for longer than it remembers keys, and the
// money moves once. Then somebody moves money in the core alone.
func TestPrepaidMoneyIsInBothBooks(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			core := apitest.Start(t)
			db := dbtest.Open(t, dialect, dbtest.Clock(core.Clock))
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			ctx := t.Context()
			opened, err := customer.New(db).Open(ctx, clerk, customer.Opening{
				Party:    customer.Party{Kind: customer.Individual, GivenName: "Ada", FamilyName: "Lang"},
				Customer: customer.Customer{Segment: customer.Residential},
				Account:  customer.BillingAccount{Kind: customer.Prepaid, Currency: "EUR", TimeZone: "Europe/Berlin", TaxRegion: "DE"},
			})
			must(err)
			name, id := opened.Account.ChargingAccount, opened.Account.ID
			_, err = core.Charging.PutAccount(ctx, name, client.AccountSpec{Currency: money.EUR, Kind: "prepaid"})
			must(err)
			payments := payment.New(payment.Options{DB: db, Core: payment.NewCore(core.Charging, db.Now)})
			write := func(fn func(ctx context.Context, tx *database.Tx) error) { t.Helper(); must(db.Write(ctx, clerk, fn)) }
			check := func(what string, want ...string) {
				t.Helper()
				c := verify(t, db, core)[prepaid]
				if c.Count != len(want) {
					t.Errorf("%s: %v", what, c.Problems)
				}
				for k := range want {
					if k < len(c.Problems) && !strings.Contains(c.Problems[k], want[k]) {
						t.Errorf("%s: %s, want %s", what, c.Problems[k], want[k])
					}
				}
			}
			var p payment.Payment
			write(func(ctx context.Context, tx *database.Tx) (err error) {
				p, err = payments.Take(ctx, tx, payment.Request{Account: id, Method: payment.CashInHand, Amount: 20 * money.Unit, Key: "p"})
				return err
			})
			check("on its way")
			_, err = core.Charging.TopUp(ctx, name, p.Name(), client.TopUp{Amount: p.Amount, Currency: money.EUR, Reason: "payment"}) // and the process is killed
			must(err)
			core.Advance(26 * time.Hour)
			p, err = payments.BringIn(ctx, p.ID)
			must(err)
			if p.Core != payment.CoreDone {
				t.Errorf("the top-up is %s", p.Core)
			}
			check("topped up")
			var a payment.Adjustment
			write(func(ctx context.Context, tx *database.Tx) (err error) {
				a, err = payments.Adjust(ctx, tx, payment.Adjustment{Account: id, Amount: -1_234_567, Currency: "EUR", Reason: "correction", Key: "a"})
				return err
			})
			_, err = core.Charging.Adjust(ctx, name, a.Name(), client.Adjustment{Amount: a.Amount, Currency: money.EUR, Reason: a.Reason})
			must(err)
			core.Advance(26 * time.Hour)
			for range 2 {
				if a, err = payments.CarryOut(ctx, a.ID); err != nil || a.State != payment.AdjustmentDone {
					t.Errorf("the adjustment is %s (%v)", a.State, err)
				}
			}
			check("adjusted")
			if b, err := core.Charging.Account(ctx, name); err != nil || b.Remaining != 20*money.Unit-1_234_567 {
				t.Errorf("the balance is %s (%v)", b.Remaining, err)
			}
			_, err = core.Charging.TopUp(ctx, name, "machine-7", client.TopUp{Amount: 5 * money.Unit, Currency: money.EUR, Reason: "cash"})
			must(err)
			check("money that the office does not know of", `under the key "machine-7", is no payment`)
		})
	}
}
