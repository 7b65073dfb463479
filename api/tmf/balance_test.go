package tmf_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/uptrace/bun"

	"gyro/api/apitest"
	"gyro/api/client"
	"gyro/api/rest"
	"gyro/api/tmf"
	"gyro/api/tmf/tmftest"
	"gyro/billing/dunning"
	"gyro/billing/payment"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/money"
)

const base654 = "/tmf-api/prepayBalanceManagement/v4/"

// purses are billing accounts of which the core has the first three.
func purses(t *testing.T, db *database.DB) (*tmftest.Client, *apitest.Server) {
	t.Helper()
	core, customers := apitest.Start(t), customer.New(db)
	ctx := t.Context()
	party, err := customers.CreateParty(ctx, product, customer.Party{Kind: customer.Individual, GivenName: "Ada", FamilyName: "Lovelace"})
	if err != nil {
		t.Fatal(err)
	}
	buyer, err := customers.CreateCustomer(ctx, product, customer.Customer{PartyID: party.ID, Name: "Ada Lovelace"})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 4 {
		a, err := customers.CreateAccount(ctx, product, customer.BillingAccount{
			CustomerID: buyer.ID, Name: fmt.Sprint("Line ", n+1), Kind: customer.Prepaid, Currency: "EUR", TimeZone: "Europe/Berlin", TaxRegion: "DE", CycleDay: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		if n < 3 {
			if _, err := core.Charging.PutAccount(ctx, a.ChargingAccount, client.AccountSpec{Currency: money.EUR, Kind: "prepaid"}); err != nil {
				t.Fatal(err)
			}
			if _, err := core.Charging.TopUp(ctx, a.ChargingAccount, "first", client.TopUp{Amount: 10 * money.Unit, Currency: money.EUR, Reason: "card"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) {
		return tmf.New(tmf.Options{
			Server: o, Customers: customers, Core: core.Charging, Dunning: dunning.New(dunning.Options{DB: db}),
			Payments: payment.New(payment.Options{DB: db, Core: payment.NewCore(core.Charging, db.Now)}),
		})
	}), core
}

// TestPrepayBalance holds TMF654's resources against the conventions; what they show is the core's.
func TestPrepayBalance(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c, _ := purses(t, db)
		c.Resource(t, tmftest.Case{Path: base654 + "bucket", Golden: "bucket", Fixed: true})
		c.Resource(t, tmftest.Case{Path: base654 + "accumulatedBalance", Golden: "accumulated_balance", Fixed: true})
		body := func(account int, amount, reason string) string {
			return fmt.Sprintf(`{"amount":{"amount":%s,"units":"EUR"},"usageType":"monetary","bucket":{"id":"%d-%d"},"partyAccount":{"id":"%d"},"reason":%q}`, amount, account, account, account, reason)
		}
		c.Resource(t, tmftest.Case{
			Path: base654 + "topupBalance", Golden: "topup_balance", Fixed: true,
			Create: []string{body(1, "5.00", "cash"), body(2, "7.50", "cash"), body(3, "1.00", "cash")},
		})
		c.Resource(t, tmftest.Case{
			Path: base654 + "adjustBalance", Golden: "adjust_balance", Fixed: true,
			Create: []string{body(1, "-0.50", "correction"), body(2, "1.00", "goodwill"), body(3, "-1.00", "correction")},
		})
		c.Resource(t, tmftest.Case{Path: base654 + "balanceActionHistory", Golden: "balance_action_history", Fixed: true})
	})
}

// TestBalancesWithoutCore: what the core refuses is told, and so is that it does not answer.
func TestBalancesWithoutCore(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c, core := purses(t, db)
		move := func(path, account, amount, units string) *tmftest.Exchange {
			return c.Do(t, http.MethodPost, base654+path, `{"amount":{"amount":`+amount+`,"units":"`+units+`"},"partyAccount":{"id":"`+account+`"}}`, "Idempotency-Key", path+account+amount+units)
		}
		golden := []*tmftest.Exchange{
			move("topupBalance", "4", "1.00", "EUR").Want(t, 404),
			move("topupBalance", "1", "1.00", "JPY").Want(t, 422),
			move("topupBalance", "1", "1.00", "USD").Want(t, 422),
			move("adjustBalance", "1", "-11.00", "EUR").Want(t, 409),
			move("adjustBalance", "99", "1.00", "EUR").Want(t, 404),
		}
		core.API.SetReady(false)
		golden = append(golden, move("topupBalance", "1", "2.00", "EUR").Want(t, 503), c.Do(t, "GET", base654+"bucket/1-1", "").Want(t, 503))
		core.API.SetReady(true)
		move("topupBalance", "1", "2.00", "EUR").Want(t, 201)
		move("topupBalance", "1", "2.00", "EUR").Want(t, 201)
		if a, err := core.Charging.Account(context.Background(), "ba-1"); err != nil || a.Remaining != 12*money.Unit {
			t.Error(a.Remaining, err)
		}
		tmftest.Golden(t, "balances_refused", golden...)
	})
}

// TestTopUpsAndAdjustmentsAreInTheJournal: what finance moves through TMF654 is a payment, or goodwill, in the journal of
// the office; a refused one is in neither, and may be sent again.
func TestTopUpsAndAdjustmentsAreInTheJournal(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c, core := purses(t, db)
		move := func(path, amount, reason, key string) *tmftest.Exchange {
			return c.Do(t, http.MethodPost, base654+path, `{"amount":{"amount":`+amount+`,"units":"EUR"},"partyAccount":{"id":"1"},"reason":"`+reason+`"}`, "Idempotency-Key", key)
		}
		for range 2 {
			move("topupBalance", "2.00", "cash", "t1").Want(t, 201)
			move("topupBalance", "3.00", "bank_transfer", "t2").Want(t, 201)
			move("adjustBalance", "0.50", "goodwill", "a1").Want(t, 201)
			move("adjustBalance", "-1.25", "correction", "a2").Want(t, 201)
		}
		move("topupBalance", "9.00", "bonus", "t3").Want(t, 422)
		move("topupBalance", "4.00", "cash", "t1").Want(t, 409)
		move("adjustBalance", "-15.00", "correction", "a3").Want(t, 409)
		move("topupBalance", "1.00", "cash", "t4").Want(t, 201)
		move("adjustBalance", "-15.00", "correction", "a3").Want(t, 201) // there is enough now
		if a, err := core.Charging.Account(t.Context(), "ba-1"); err != nil || a.Remaining != 250_000 {
			t.Error(a.Remaining, err)
		}
		for query, want := range map[string]int64{
			"SELECT CAST(-SUM(amount) AS BIGINT) FROM journal_posting WHERE gl_code = '2400' AND billing_account_id = 1": 250_000 - 10_000_000, // 10.00 came another way
			"SELECT CAST(SUM(amount) AS BIGINT) FROM journal_posting WHERE gl_code = '1110'":                             3_000_000,
			"SELECT CAST(SUM(amount) AS BIGINT) FROM journal_posting WHERE gl_code = '1100'":                             3_000_000,
			"SELECT CAST(SUM(amount) AS BIGINT) FROM journal_posting WHERE gl_code = '6300'":                             500_000 - 16_250_000,
			"SELECT COUNT(*) FROM payment WHERE state = 'settled' AND core_state = 'done'":                               3,
			"SELECT COUNT(*) FROM balance_adjustment WHERE state = 'done'":                                               3,
		} {
			var got int64
			err := db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error { return q.NewRaw(query).Scan(ctx, &got) })
			if err != nil || got != want {
				t.Errorf("%s: %d, want %d (%v)", query, got, want, err)
			}
		}
	})
}

// TestTheKeyOfAMovementIsItsClients: two clients that happen to have the same key move money twice, each once.
func TestTheKeyOfAMovementIsItsClients(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c, core := purses(t, db)
		for _, path := range []string{"topupBalance", "adjustBalance"} {
			for _, client := range []string{"finance", "finance,care", "finance"} {
				c.Do(t, http.MethodPost, base654+path, `{"amount":{"amount":1.00,"units":"EUR"},"partyAccount":{"id":"1"}}`, "Idempotency-Key", "k", "Authorization", "Bearer "+client).Want(t, 201)
			}
		}
		if a, err := core.Charging.Account(context.Background(), "ba-1"); err != nil || a.Remaining != 14*money.Unit {
			t.Error(a.Remaining, err)
		}
	})
}
