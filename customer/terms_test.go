package customer

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/uptrace/bun"

	"gyro/api/apitest"
	"gyro/api/client"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/money"
)

// TestTermsOfAnAccountReachTheCore changes an account's credit limit and cycle day, several times at once while the core
// is asked by several jobs; the last value holds in the core, and its subscribers stay.
func TestTermsOfAnAccountReachTheCore(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			core := apitest.Start(t)
			db := dbtest.Open(t, dialect, dbtest.Clock(core.Clock))
			s, ctx := New(db), t.Context()
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			opened, err := s.Open(ctx, careDesk, Opening{
				Party: Party{Kind: Individual, GivenName: "Ada", FamilyName: "Lang"}, Customer: Customer{Segment: Residential},
				Account: BillingAccount{Kind: Postpaid, Currency: "EUR", TimeZone: "Europe/Berlin", TaxRegion: "DE", CreditLimit: 50 * money.Unit},
			})
			must(err)
			id, name := opened.Account.ID, opened.Account.ChargingAccount
			var asked atomic.Int64
			away := true
			tell := func(ctx context.Context, account string, limit money.Amount, currency money.Currency, day int) (bool, error) {
				asked.Add(1)
				if away {
					return false, errors.New("the core is away")
				}
				err := core.Charging.SetTerms(ctx, account, limit, currency, day)
				if client.Refused(err, "account_unknown") {
					return false, nil
				}
				return err == nil, err
			}
			jobs := func() (n int) {
				must(db.Read(ctx, func(ctx context.Context, q bun.IDB) error {
					return q.NewRaw("SELECT COUNT(*) FROM river_job WHERE kind = 'billing_account_terms'").Scan(ctx, &n)
				}))
				return n
			}
			change := func(limit money.Amount, day int) {
				t.Helper()
				_, err := s.ChangeAccount(ctx, careDesk, id, func(a *BillingAccount) error {
					a.CreditLimit, a.CycleDay = limit, day
					return nil
				})
				must(err)
			}
			change(60*money.Unit, 1)
			change(60*money.Unit, 1) // no change at all
			if n := jobs(); n != 1 {
				t.Errorf("%d jobs tell the core of one change", n)
			}
			if err := s.tellTerms(ctx, id, tell); err == nil {
				t.Error("the core was away, and nobody noticed")
			}
			away = false
			must(s.tellTerms(ctx, id, tell)) // nothing of it is there yet
			must(db.Write(ctx, careDesk, func(ctx context.Context, tx *database.Tx) error {
				_, err := s.PutSubscription(ctx, tx, Subscription{BillingAccountID: id, MSISDN: "491700000001", IMSI: "262011000000001", ICCID: "8949010000000000011", Status: LineOrdered})
				return err
			}))
			if err := s.tellTerms(ctx, id, tell); err == nil {
				t.Error("an order is about to open the account, and the job does not wait for it")
			}
			must(core.Charging.AddSubscriber(ctx, name, client.AccountSpec{Currency: money.EUR, Kind: "postpaid", CreditLimit: 50 * money.Unit}, client.SubscriberSpec{IMSI: "262011000000001"}))
			must(s.tellTerms(ctx, id, tell))
			holds := func(limit money.Amount, day int) {
				t.Helper()
				a, err := core.Charging.Account(ctx, name)
				must(err)
				if a.CreditLimit != limit || a.CycleDay != day || len(a.Subscribers) != 1 {
					t.Errorf("the core has a limit of %s and cycle day %d, want %s and %d; %d subscribers", a.CreditLimit, a.CycleDay, limit, day, len(a.Subscribers))
				}
			}
			holds(60*money.Unit, 0)
			var together sync.WaitGroup
			for n := range 8 {
				together.Go(func() {
					change(money.Amount(100+n)*money.Unit, n+2)
					if err := s.tellTerms(ctx, id, tell); err != nil {
						t.Error(err)
					}
				})
			}
			together.Wait()
			var last BillingAccount
			must(db.Read(ctx, func(ctx context.Context, q bun.IDB) (err error) {
				last, err = s.Account(ctx, q, id)
				return err
			}))
			holds(last.CreditLimit, last.CycleDay)
			before := asked.Load()
			must(s.tellTerms(ctx, id, tell)) // the job was killed after the core had answered
			if asked.Load() != before+1 {
				t.Error("told more than once")
			}
			holds(last.CreditLimit, last.CycleDay)
		})
	}
}
