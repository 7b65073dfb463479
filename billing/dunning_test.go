package billing_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"gyro/billing"
	"gyro/billing/dunning"
	"gyro/billing/population"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

const (
	dunnedDay  = "2026-11-20"
	debtors    = 120 // more than two batches
	unpaidBill = `INSERT INTO receivable (invoice_id, billing_account_id, number, currency, total, open, issued_on, due_on)
		SELECT id, id, 'R' || id, 'EUR', 50000000, 50000000, '2026-11-01', '2026-11-15' FROM billing_account WHERE id > 1`
)

// dunningOf is dunning with customers' letters and fees as they are; refuse says of whom it cannot write.
func dunningOf(db *database.DB, refuse func(account int64) error) *dunning.Service {
	customers := customer.New(db)
	return dunning.New(dunning.Options{
		DB: db,
		Letter: func(ctx context.Context, tx *database.Tx, account int64, template string, data map[string]string, key string) error {
			if err := refuse(account); err != nil {
				return err
			}
			return customers.Notify(ctx, tx, customer.Notification{AccountID: account, Template: template, Data: data, Key: key})
		},
		Charge: func(ctx context.Context, tx *database.Tx, account int64, amount money.Amount, currency, gl, what, key string) error {
			return billing.AddCharge(ctx, tx, billing.Charge{Account: account, Kind: billing.Debit, Amount: amount, Currency: currency, Description: what, TaxCategory: "zero", GLCode: gl, Key: key})
		},
	})
}

func nobody(int64) error { return nil }

// owing is an office whose customers have all left a bill unpaid.
func owing(t *testing.T, db *database.DB, count int) *office {
	t.Helper()
	o := &office{T: t, db: db, core: &core{}}
	o.must(population.Make(t.Context(), db, population.Options{Accounts: count}))
	o.sql(unpaidBill)
	return o
}

// dunInChild is a run in a process that is killed.
func dunInChild(ctx context.Context, db *database.DB) error {
	s, id := dunningOf(db, nobody), int64(0)
	err := db.Write(ctx, clerk, func(ctx context.Context, tx *database.Tx) error {
		run, err := s.Begin(ctx, tx, dunnedDay)
		id = run.ID
		return err
	})
	if err == nil {
		_, err = s.GoOn(ctx, clerk, id, func(dunning.Run) { committed() })
	}
	return err
}

// onceEach: a step is a unique row, and so is a letter: that each account has one is that none was left out.
func (o *office) onceEach(count int64) {
	o.Helper()
	for _, query := range []string{
		"SELECT COUNT(*) FROM dunning_case", "SELECT COUNT(*) FROM dunning_action WHERE kind = 'reminder'", "SELECT COUNT(*) FROM notification WHERE template = 'reminder'",
		"SELECT COUNT(*) FROM audit WHERE entity = 'dunning_case' AND action = 'reminder'",
	} {
		if n := o.number(query); n != count {
			o.Errorf("%d, want %d: %s", n, count, query)
		}
	}
}

// TestKilledDunningGoesOn kills a run of dunning again and again: it goes on where it was, no step is taken twice, none is
// missing, and the run has counted them all.
func TestKilledDunningGoesOn(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			const many = 1500
			url := dbtest.URL(t, dialect)
			o := owing(t, dbtest.Reopen(t, url, dbtest.Clock(november)), many)
			kills := 0
			for !killed(t, "dun", url, kills) {
				if kills++; kills > 200 {
					t.Fatal("the run never ends")
				}
			}
			t.Logf("killed %d times", kills)
			o.onceEach(many)
			var run dunning.Run
			o.must(o.db.Read(t.Context(), func(ctx context.Context, q bun.IDB) (err error) {
				run, err = dunning.GetRun(ctx, q, 1)
				return err
			}))
			if got := fmt.Sprint(run.State, " ", run.String(), " of ", run.Accounts); kills == 0 || got != "done as of 2026-11-20: 1500 checked, 1500 opened, 0 closed, 0 parked, reminder 1500 of 1500" {
				t.Errorf("killed %d times: %s", kills, got)
			}
			// A kill between the run's last commit and the process's end is taken for one within it: the next child's run takes no step.
			if n := o.number("SELECT COUNT(*) FROM dunning_run WHERE id > 1 AND (opened > 0 OR steps <> '{}' OR state <> 'done')"); n != 0 {
				t.Errorf("%d runs after the one that was killed took steps, or are open: one that was killed goes on", n)
			}
		})
	}
}

// TestWhoCannotBeDunnedIsParked: of two whom no letter can be written to, by a rule or by a fault, both are parked with the
// reason, whoever shares the transaction is dunned, and the next run tries again.
func TestWhoCannotBeDunnedIsParked(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		o := owing(t, db, debtors)
		broken := map[int64]error{
			2: errors.New("a fault"), 3: refusal.New(refusal.Conflict, "nowhere", "account", "it has no address"), 77: errors.New("another fault"),
		}
		wrong := dunningOf(db, func(account int64) error { return broken[account] })
		run, err := wrong.Run(t.Context(), clerk, dunnedDay)
		o.must(err)
		if got := run.String(); got != "as of 2026-11-20: 120 checked, 117 opened, 0 closed, 3 parked, reminder 117" {
			t.Error(got)
		}
		o.onceEach(debtors - 3)
		parked := func() map[int64]string {
			t.Helper()
			all := map[int64]string{}
			o.must(db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
				for id := run.ID; id <= run.ID+1; id++ {
					found, err := dunning.ParkedBy(ctx, q, id, 10)
					if err != nil {
						return err
					}
					for _, p := range found {
						all[p.Account] = p.Reason
					}
				}
				return nil
			}))
			return all
		}
		if got := parked(); !maps.Equal(got, map[int64]string{2: "a fault", 3: "account: it has no address", 77: "another fault"}) {
			t.Error(got)
		}
		delete(broken, 2)
		delete(broken, 3)
		again, err := wrong.Run(t.Context(), clerk, dunnedDay)
		o.must(err)
		if got := again.String(); got != "as of 2026-11-20: 120 checked, 2 opened, 0 closed, 1 parked, reminder 2" {
			t.Error(got)
		}
		if got := parked(); !maps.Equal(got, map[int64]string{77: "another fault"}) {
			t.Error(got)
		}
		if n := o.number("SELECT COUNT(*) FROM audit WHERE entity = 'billing_account' AND entity_id = '77' AND action = 'park'"); n != 1 {
			t.Errorf("the same reason is in the audit trail %d times", n)
		}
		o.sql("UPDATE receivable SET open = 0 WHERE billing_account_id = 77") // paid: no run looks at it any more
		_, err = dunningOf(db, nobody).Run(t.Context(), clerk, dunnedDay)
		o.must(err)
		if got := parked(); len(got) != 0 {
			t.Error(got, "is parked still")
		}
	}, dbtest.Clock(november))
}

// TestAForeignCurrencyIsParked: accounts in a currency that the policy has no minimum for are parked in the transaction of those around
// them, every one, and are let go when the policy names it.
func TestAForeignCurrencyIsParked(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		o := owing(t, db, debtors)
		o.sql("UPDATE receivable SET currency = 'JPY' WHERE billing_account_id > 61")
		s, transactions := dunningOf(db, nobody), 0
		var id int64
		o.must(o.write(func(ctx context.Context, tx *database.Tx) error {
			run, err := s.Begin(ctx, tx, dunnedDay)
			id = run.ID
			return err
		}))
		run, err := s.GoOn(t.Context(), clerk, id, func(dunning.Run) { transactions++ })
		o.must(err)
		if got := run.String(); got != "as of 2026-11-20: 120 checked, 60 opened, 0 closed, 60 parked, reminder 60" || transactions != 3 {
			t.Errorf("%s, in %d transactions", got, transactions)
		}
		o.onceEach(60)
		p := dunning.Default()
		p.Name, p.Minimum["JPY"], p.Steps[1].Amount["JPY"] = "with yen", "10", "0"
		o.must(o.write(func(ctx context.Context, tx *database.Tx) error { return dunning.SetPolicy(ctx, tx, p) }))
		run, err = s.Run(t.Context(), clerk, dunnedDay)
		o.must(err)
		if got := run.String(); got != "as of 2026-11-20: 120 checked, 60 opened, 0 closed, 0 parked, reminder 60" || o.number("SELECT COUNT(*) FROM dunning_parked") != 0 {
			t.Error(got)
		}
	}, dbtest.Clock(november))
}

// placer counts the accounts that orders are placed for.
type placer struct{ placed map[int64]int }

func (p placer) Suspend(_ context.Context, _ *database.Tx, account int64, key string) (string, error) {
	p.placed[account]++
	return key, nil
}

func (p placer) Resume(context.Context, *database.Tx, int64, string) (string, error) { return "", nil }

func (p placer) Terminate(context.Context, *database.Tx, int64, string) (string, error) {
	return "", nil
}

// TestOrdersOfARunAreFewAtOnce: a transaction that places orders is short, and every account is looked at nevertheless, the last ones
// of a batch too.
func TestOrdersOfARunAreFewAtOnce(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		o := owing(t, db, debtors+5)
		orders := placer{map[int64]int{}}
		s, transactions, id := dunning.New(dunning.Options{DB: db, Orders: orders}), 0, int64(0)
		o.must(o.write(func(ctx context.Context, tx *database.Tx) error {
			err := dunning.SetPolicy(ctx, tx, dunning.Policy{Name: "harsh", Minimum: dunning.Amounts{"EUR": "1"}, Steps: []dunning.Step{{Days: 1, Action: dunning.Suspend}}})
			if err != nil {
				return err
			}
			run, err := s.Begin(ctx, tx, dunnedDay)
			id = run.ID
			return err
		}))
		run, err := s.GoOn(t.Context(), clerk, id, func(dunning.Run) { transactions++ })
		o.must(err)
		if got := run.String(); got != "as of 2026-11-20: 125 checked, 125 opened, 0 closed, 0 parked, suspend 125" || transactions != 13 || len(orders.placed) != debtors+5 {
			t.Errorf("%s, in %d transactions, of %d accounts", got, transactions, len(orders.placed))
		}
	}, dbtest.Clock(november))
}

// TestOneDunningRunIsOpen: whoever asks for another one gets the one that is under way, whatever its day, with one job.
func TestOneDunningRunIsOpen(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		o := owing(t, db, debtors)
		s := dunningOf(db, nobody)
		begin := func(asOf string) (run dunning.Run) {
			t.Helper()
			o.must(o.write(func(ctx context.Context, tx *database.Tx) (err error) {
				run, err = s.Begin(ctx, tx, asOf)
				return err
			}))
			return run
		}
		first := begin(dunnedDay)
		for _, day := range []string{dunnedDay, "2026-11-30"} {
			if got := begin(day); got.ID != first.ID || got.AsOf != dunnedDay || got.State != dunning.Running || got.Accounts != debtors {
				t.Errorf("asked for %s: %+v, want the open one, %+v", day, got, first)
			}
		}
		if n := o.number("SELECT COUNT(*) FROM river_job WHERE kind = 'dunning_batches'"); n != 1 {
			t.Errorf("%d jobs carry it out", n)
		}
		o.onceEach(0) // asking takes no step
		// Two processes that go on with it at once share it.
		at := make(chan error)
		for range 2 {
			go func() {
				_, err := s.GoOn(t.Context(), clerk, first.ID, nil)
				at <- err
			}()
		}
		o.must(errors.Join(<-at, <-at))
		o.onceEach(debtors)
		if next := begin("2026-11-30"); next.ID == first.ID || next.AsOf != "2026-11-30" {
			t.Errorf("the first is done, and %+v was begun", next)
		}
		o.must(o.db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
			done, err := dunning.GetRun(ctx, q, first.ID)
			if got := done.String(); got != "as of 2026-11-20: 120 checked, 120 opened, 0 closed, 0 parked, reminder 120" {
				t.Error(got)
			}
			return err
		}))
	}, dbtest.Clock(november))
}

// TestTheJobDuns: a run is begun by the hour, and carried out by a job of its own.
func TestTheJobDuns(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		o := owing(t, db, debtors)
		o.sql("UPDATE receivable SET due_on = '2026-11-01'")
		jobs := database.NewJobs()
		dunningOf(db, nobody).Register(jobs)
		o.must(db.StartJobs(t.Context(), jobs))
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for o.number("SELECT COUNT(*) FROM dunning_run WHERE state = 'done' AND as_of = '2026-11-04' AND started_by = 'dunning'") == 0 {
			select {
			case <-ticker.C:
			case <-time.After(20 * time.Second):
				t.Fatal("no run is done")
			}
		}
		o.onceEach(debtors)
	}, dbtest.Clock(november))
}
