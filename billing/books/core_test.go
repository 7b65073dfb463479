package books_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"gyro/api/apitest"
	"gyro/api/client"
	"gyro/billing/books"
	"gyro/billing/usage"
	"gyro/charging"
	"gyro/customer"
	"gyro/internal/coretest"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/money"
)

// TestTheCoresUsageAndBalancesAreTheOffices charges usage in a real core, takes it in, and looks at a balance that
// settlements and an adjustment moved beside it.
func TestTheCoresUsageAndBalancesAreTheOffices(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		core := apitest.Start(t)
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		opened, err := customer.New(db).Open(t.Context(), clerk, customer.Opening{
			Party:    customer.Party{Kind: customer.Individual, GivenName: "Ada", FamilyName: "Lang"},
			Customer: customer.Customer{Segment: customer.Residential},
			Account:  customer.BillingAccount{Kind: customer.Postpaid, Currency: "EUR", TimeZone: "Europe/Berlin", TaxRegion: "DE"},
		})
		must(err)
		name := opened.Account.ChargingAccount
		source, err := os.ReadFile("../../testdata/api/catalog.yaml")
		must(err)
		_, err = core.Charging.Publish(t.Context(), "demo", client.Publication{Source: source})
		must(err)
		_, err = core.Charging.PutAccount(t.Context(), name, client.AccountSpec{
			Currency: money.EUR, Kind: "postpaid", CreditLimit: 100 * money.Unit, Subscribers: []client.SubscriberSpec{{IMSI: "001010000000001"}}, Offers: []string{"payg"},
		})
		must(err)
		for _, session := range []string{"s;1", "s;2", "s;3"} {
			core.Exchange(t, coretest.Request{Session: session, IMSI: "001010000000001", Kind: charging.Initial, Group: 10, Want: 5_000_000})
			core.Exchange(t, coretest.Request{Session: session, IMSI: "001010000000001", Kind: charging.Termination, Number: 1, Group: 10, Used: 5_000_000})
		}
		intakes := usage.New(db, core.Charging)
		stored, err := intakes.CatchUp(t.Context())
		must(err)
		var charged money.Amount
		must(db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
			return q.NewRaw("SELECT CAST(COALESCE(SUM(charged), 0) AS BIGINT) FROM usage_record").Scan(ctx, &charged)
		}))
		if stored != 3 || charged <= 0 {
			t.Fatalf("%d records of %s: nothing to prove with", stored, charged)
		}
		proved := func(what string) {
			t.Helper()
			for check, c := range verify(t, db, core) {
				if c.Count != 0 {
					t.Errorf("%s: %s: %v", what, check, c.Problems)
				}
			}
		}
		proved("usage that is not billed")
		_, err = core.Charging.Adjust(t.Context(), name, "goodwill", client.Adjustment{Amount: 123_456, Currency: money.EUR, Reason: "goodwill"})
		must(err)
		proved("an adjustment beside it")
		_, err = core.Charging.Settle(t.Context(), name, "invoice-1", client.Settlement{Amount: 1, Currency: money.EUR})
		must(err)
		if c := verify(t, db, core)[balances]; c.Count != 1 {
			t.Errorf("a settlement that no bill knows: %v", c.Problems)
		}
		must(db.Write(t.Context(), clerk, func(ctx context.Context, tx *database.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO invoice_settlement (invoice_id, billing_account_id, charging_account, amount, currency, settled_at) VALUES (1, ?, ?, 1, 'EUR', 1)`,
				opened.Account.ID, name)
			return err
		}))
		proved("a settlement that one does")
		core.Exchange(t, coretest.Request{Session: "s;4", IMSI: "001010000000001", Kind: charging.Initial, Group: 10, Want: 5_000_000})
		core.Exchange(t, coretest.Request{Session: "s;4", IMSI: "001010000000001", Kind: charging.Termination, Number: 1, Group: 10, Used: 5_000_000})
		if c := verify(t, db, core)[balances]; c.Count != 1 {
			t.Errorf("usage that has not come in: %v", c.Problems)
		}
		_, err = intakes.CatchUp(t.Context())
		must(err)
		proved("usage that has")
		must(db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
			return q.NewRaw("SELECT CAST(SUM(charged) - 1 AS BIGINT) FROM usage_record").Scan(ctx, &charged)
		}))
		rest, err := core.Charging.Settle(t.Context(), name, "invoice-2", client.Settlement{Amount: charged, Currency: money.EUR})
		must(err)
		if rest.Balance != 123_456 {
			t.Errorf("with all usage settled the balance is %s, not the goodwill", rest.Balance)
		}
		must(db.Write(t.Context(), clerk, func(ctx context.Context, tx *database.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO invoice_settlement (invoice_id, billing_account_id, charging_account, amount, currency, settled_at) VALUES (2, ?, ?, ?, 'EUR', 1)`,
				opened.Account.ID, name, charged)
			return err
		}))
		proved("all of it settled, with the goodwill left")
		// The office lives: once the cursor was read, usage comes in before the records are.
		during := office(t, db, core)
		cursor, alive := during.Cursor, false
		during.Cursor = func() (books.Cursor, error) {
			at, err := cursor()
			if alive {
				return at, err
			}
			alive = true
			core.Exchange(t, coretest.Request{Session: "s;5", IMSI: "001010000000001", Kind: charging.Initial, Group: 10, Want: 5_000_000})
			core.Exchange(t, coretest.Request{Session: "s;5", IMSI: "001010000000001", Kind: charging.Termination, Number: 1, Group: 10, Used: 5_000_000})
			if n, caught := intakes.CatchUp(t.Context()); n != 1 || caught != nil {
				t.Errorf("%d records came in meanwhile, %v", n, caught)
			}
			return at, err
		}
		if c := checked(t, during)[intake]; c.Count != 0 || !strings.Contains(strings.Join(c.Figures, "\n"), "1 record arrived meanwhile") {
			t.Errorf("usage that came in meanwhile: %v, %v", c.Figures, c.Problems)
		}
		// The same of balances: usage is charged once an account's row was read. It comes in at once, or while it is waited for.
		for n, late := range []bool{false, true} {
			moving := office(t, db, core)
			accounts, calls, waits := moving.Accounts, 0, 0
			moving.Accounts = func(yield func(*books.Account) error) error {
				calls++
				return accounts(func(a *books.Account) error {
					if calls == 2 && a.Charging == name { // as balances are held against each other
						session := fmt.Sprint("moving;", n)
						core.Exchange(t, coretest.Request{Session: session, IMSI: "001010000000001", Kind: charging.Initial, Group: 10, Want: 5_000_000})
						core.Exchange(t, coretest.Request{Session: session, IMSI: "001010000000001", Kind: charging.Termination, Number: 1, Group: 10, Used: 5_000_000})
						if !late {
							_, err := intakes.CatchUp(t.Context())
							must(err)
						}
					}
					return yield(a)
				})
			}
			moving.Wait = func(ctx context.Context) error {
				if waits++; waits == 3 {
					_, err := intakes.CatchUp(ctx)
					return err
				}
				return nil
			}
			c := checked(t, moving)[balances]
			if c.Count != 0 || !strings.Contains(strings.Join(c.Figures, "\n"), "1 account moved between two looks") || late != (waits == 3) {
				t.Errorf("late %v: a balance that moved meanwhile: %v, %v, waited %d times", late, c.Figures, c.Problems, waits)
			}
		}
		// An open session has moved money that no record has yet.
		core.Exchange(t, coretest.Request{Session: "s;open", IMSI: "001010000000001", Kind: charging.Initial, Group: 10, Want: 5_000_000})
		core.Exchange(t, coretest.Request{Session: "s;open", IMSI: "001010000000001", Kind: charging.Update, Number: 1, Group: 10, Used: 4_000_000, Want: 5_000_000})
		if a, err := core.Charging.Account(t.Context(), name); err != nil || len(a.OpenSessions) != 1 {
			t.Errorf("%+v, %v", a, err)
		}
		proved("a session that is open")
		core.Exchange(t, coretest.Request{Session: "s;open", IMSI: "001010000000001", Kind: charging.Termination, Number: 2, Group: 10, Used: 1_000_000})
		_, err = intakes.CatchUp(t.Context())
		must(err)
		proved("and closed")
		ahead := func(by int) {
			must(db.Write(t.Context(), clerk, func(ctx context.Context, tx *database.Tx) error {
				_, err := tx.ExecContext(ctx, "UPDATE usage_cursor SET after = after + ?", by)
				return err
			}))
		}
		ahead(5)
		if c := verify(t, db, core)[intake]; c.Count != 1 || !strings.Contains(c.Problems[0], "the core's newest is") {
			t.Errorf("a cursor that is ahead of the core: %v", c.Problems)
		}
		ahead(-6)
		if c := verify(t, db, core)[intake]; c.Count != 1 || !strings.Contains(c.Problems[0], "is not in the core's feed up to") {
			t.Errorf("a record behind the cursor, which did not come in meanwhile: %v", c.Problems)
		}
		ahead(1)
		must(db.Write(t.Context(), clerk, func(ctx context.Context, tx *database.Tx) error {
			_, err := tx.ExecContext(ctx, "DELETE FROM usage_record WHERE record = (SELECT MAX(record) FROM usage_record)")
			return err
		}))
		if c := verify(t, db, core)[intake]; c.Count != 1 {
			t.Errorf("a record that is lost: %v", c.Problems)
		}
	})
}
