package payment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"gyro/billing/dunning"
	"gyro/billing/ledger"
	"gyro/billing/payment/provider"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

var finance = database.Actor{Name: "fiona", Role: "finance", Via: "cli"}

const secret = "whsec_test"

// office is the receivables with what is around them: customers and their letters as they are; a provider, a core and
// orders that do as the script says and can be asked what they were told.
type office struct {
	t        testing.TB
	db       *database.DB
	now      *time.Time
	payments *Service
	dunning  *dunning.Service
	provider scriptedProvider
	core     scriptedCore
	said     []string // what orders and fees were placed
	lifted   []string // of which debts it was told that they are gone
	accounts map[string]int64
	entry    int64 // the last that was shown
}

// scriptedProvider answers as the script says: what becomes of a charge is told by webhooks, in whatever order.
type scriptedProvider struct {
	decline string
	charges map[string]provider.Charge // by key
}

func (p *scriptedProvider) Name() string { return "script" }

func (p *scriptedProvider) Charge(_ context.Context, r provider.ChargeRequest) (provider.Charge, error) {
	if was, again := p.charges[r.Key]; again {
		return was, nil
	}
	if p.decline != "" {
		return provider.Charge{}, &provider.Error{Code: p.decline, Message: "not this one"}
	}
	c := provider.Charge{ID: "ch_" + r.Key, Key: r.Key, Amount: r.Amount, Currency: r.Currency, Reference: r.Reference, State: provider.Pending, Version: 1}
	p.charges[r.Key] = c
	return c, nil
}

func (p *scriptedProvider) Refund(_ context.Context, r provider.RefundRequest) (provider.Refund, error) {
	return provider.Refund{ID: "re_" + r.Key, Key: r.Key, Charge: r.Charge, Amount: r.Amount, Currency: money.EUR, State: provider.Pending}, nil
}

func (p *scriptedProvider) Fetch(context.Context, string) (provider.Charge, error) {
	return provider.Charge{}, errors.New("nobody fetches")
}

func (p *scriptedProvider) List(context.Context, provider.ListRequest) (provider.Page, error) {
	var page provider.Page
	for n := int64(1); n < 100; n++ {
		if c, ok := p.charges[nameOf(n)]; ok {
			page.Charges = append(page.Charges, c)
		}
	}
	return page, nil
}

// scriptedCore has a balance for each account, and does what is asked once a key.
type scriptedCore struct {
	refuse  bool
	balance map[string]money.Amount
	done    map[string]bool
}

func (c *scriptedCore) TopUp(_ context.Context, account, key string, amount money.Amount, _ money.Currency, _ instant.Instant) error {
	if c.refuse {
		return refusal.New(refusal.Unprocessable, "account_barred", "", "account %s is barred", account)
	}
	return c.move(account, key, amount)
}

func (c *scriptedCore) TakeBack(_ context.Context, account, key string, amount money.Amount, _ money.Currency, _ instant.Instant) error {
	if !c.done[key] && c.balance[account] < amount {
		return refusal.New(refusal.Unprocessable, "insufficient_balance", "", "only %s of account %s is free", c.balance[account], account)
	}
	return c.move(account, key, -amount)
}

func (c *scriptedCore) Adjust(_ context.Context, account string, a *Adjustment, _ money.Currency) error {
	if c.refuse {
		return refusal.New(refusal.Unprocessable, "account_barred", "", "account %s is barred", account)
	}
	return c.move(account, a.Name(), a.Amount)
}

func (c *scriptedCore) move(account, key string, amount money.Amount) error {
	if !c.done[key] {
		c.done[key] = true
		c.balance[account] += amount
	}
	return nil
}

// orders notes what dunning orders.
type orders struct{ o *office }

func (r orders) note(what string, account int64, key string) (string, error) {
	for name, id := range r.o.accounts {
		if id == account {
			r.o.said = append(r.o.said, fmt.Sprintf("order: %s %s (%s)", what, name, key))
		}
	}
	return "order-" + key, nil
}

func (r orders) Suspend(_ context.Context, _ *database.Tx, account int64, key string) (string, error) {
	return r.note("suspend", account, key)
}

func (r orders) Resume(_ context.Context, _ *database.Tx, account int64, key string) (string, error) {
	return r.note("resume", account, key)
}

func (r orders) Terminate(_ context.Context, _ *database.Tx, account int64, key string) (string, error) {
	return r.note("terminate", account, key)
}

// newOffice opens an office on a database of its own, at 09:00 UTC of 2026-11-23.
func newOffice(t testing.TB, dialect database.Dialect) *office {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	o := &office{t: t, now: &now, accounts: map[string]int64{}}
	o.db = dbtest.Open(t, dialect, dbtest.Clock(func() time.Time { return *o.now }))
	o.provider.charges = map[string]provider.Charge{}
	o.core = scriptedCore{balance: map[string]money.Amount{}, done: map[string]bool{}}
	customers := customer.New(o.db)
	letter := func(ctx context.Context, tx *database.Tx, account int64, template string, data map[string]string, key string) error {
		return customers.Notify(ctx, tx, customer.Notification{AccountID: account, Template: template, Data: data, Key: key})
	}
	o.dunning = dunning.New(dunning.Options{
		DB: o.db, Orders: orders{o}, Letter: letter,
		Charge: func(_ context.Context, _ *database.Tx, _ int64, amount money.Amount, currency, _, what, key string) error {
			o.said = append(o.said, fmt.Sprintf("charge: %s %s %s (%s)", what, amount, currency, key))
			return nil
		},
		Lifted: func(ctx context.Context, tx *database.Tx, account int64) error {
			debt, err := dunning.InDebt(ctx, tx, account)
			o.lifted = append(o.lifted, fmt.Sprintf("account %d, in debt: %t", account, debt))
			return err
		},
	})
	o.payments = New(Options{
		DB: o.db, Provider: &o.provider, Verifier: provider.Verifier{Secrets: []string{secret}}, Core: &o.core, Moved: o.dunning.Lift, Letter: letter,
	})
	return o
}

func (o *office) write(fn func(ctx context.Context, tx *database.Tx) error) error {
	return o.db.Write(o.t.Context(), finance, fn)
}

func (o *office) read(fn func(ctx context.Context, q bun.IDB) error) {
	if err := o.db.Read(o.t.Context(), fn); err != nil {
		o.t.Fatal(err)
	}
}

// account opens a customer with a billing account.
func (o *office) account(name string, kind customer.AccountKind, payer int64) error {
	opened, err := customer.New(o.db).Open(o.t.Context(), finance, customer.Opening{
		Party:    customer.Party{Kind: customer.Individual, GivenName: "Jo", FamilyName: name},
		Contacts: []customer.ContactMedium{{Kind: customer.Email, Value: name + "@example.com"}},
		Customer: customer.Customer{Segment: customer.Residential},
		Account: customer.BillingAccount{
			Kind: kind, Currency: "EUR", TimeZone: "Europe/Berlin", TaxRegion: "DE", PayerID: payer, OthersPayer: true,
		},
	})
	o.accounts[name] = opened.Account.ID
	return err
}

// drain does what the jobs would: everything that waits, until nothing does.
func (o *office) drain() error {
	for range 20 {
		var work []func() error
		o.read(func(ctx context.Context, q bun.IDB) error {
			for _, w := range []struct {
				query string
				do    func(ctx context.Context, id int64) error
			}{
				{"SELECT id FROM payment WHERE state = 'initiated' AND method = 'provider' ORDER BY id", o.payments.charge},
				{"SELECT id FROM provider_event WHERE outcome = '' ORDER BY id", o.payments.process},
				{"SELECT id FROM payment WHERE core_state = 'waiting' ORDER BY id", o.payments.topUp},
				{"SELECT id FROM refund WHERE state = 'requested' ORDER BY id", o.payments.takeBack},
				{"SELECT r.id FROM refund r JOIN payment p ON p.id = r.payment_id WHERE r.state = 'funded' AND p.method = 'provider' ORDER BY r.id", o.payments.payOut},
				{"SELECT DISTINCT billing_account_id FROM dunning_case WHERE suspended AND state = 'closed' AND overdue = 0 ORDER BY 1", o.dunning.Resume},
				{"SELECT payment_id FROM chargeback WHERE core_state = 'waiting' ORDER BY id", o.coreChargeback},
			} {
				var ids []int64
				if err := q.NewRaw(w.query).Scan(ctx, &ids); err != nil {
					return err
				}
				for _, id := range ids {
					work = append(work, func() error { return w.do(o.t.Context(), id) })
				}
			}
			return nil
		})
		before := o.state()
		for _, do := range work {
			if err := do(); err != nil && !errors.Is(err, errCoreFirst) {
				return err
			}
		}
		if o.state() == before {
			return nil
		}
	}
	return errors.New("the jobs do not come to an end")
}

func (o *office) coreChargeback(ctx context.Context, payment int64) error {
	var version int64
	o.read(func(ctx context.Context, q bun.IDB) error {
		return q.NewRaw("SELECT provider_version FROM chargeback WHERE payment_id = ?", payment).Scan(ctx, &version)
	})
	return o.payments.coreChargeback(ctx, chargebackArgs{Payment: payment, Version: version})
}

// state changes with everything that a job may do.
func (o *office) state() (n int64) {
	o.read(func(ctx context.Context, q bun.IDB) error {
		return q.NewRaw("SELECT COUNT(*) FROM audit").Scan(ctx, &n)
	})
	var events int64
	o.read(func(ctx context.Context, q bun.IDB) error {
		return q.NewRaw("SELECT COUNT(*) FROM provider_event WHERE outcome <> ''").Scan(ctx, &events)
	})
	return n*1000 + events
}

// webhook signs and sends an event, as the provider would.
func (o *office) webhook(d *provider.EventDocument) error {
	body, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return o.payments.Receive(o.t.Context(), provider.Sign([]string{secret}, body, instant.Of(*o.now)), body)
}

// identities checks what must hold after every transaction, by queries that are not the program's.
func (o *office) identities() (wrong []string) {
	o.read(func(ctx context.Context, q bun.IDB) error {
		for _, check := range []struct{ what, query string }{
			{"entries out of balance", "SELECT entry_id FROM journal_posting GROUP BY entry_id, currency HAVING SUM(amount) <> 0"},
			{"receivables that are not total less allocations", `SELECT r.invoice_id FROM receivable r WHERE r.open <> r.total - COALESCE(
				(SELECT SUM(a.amount) FROM payment_allocation a WHERE a.invoice_id = r.invoice_id AND a.reversed_at = 0), 0)`},
			{"credits that are not amount less withdrawn and allocations", `SELECT c.id FROM credit c WHERE c.open <> c.amount - c.withdrawn - COALESCE(
				(SELECT SUM(a.amount) FROM payment_allocation a WHERE a.credit_id = c.id AND a.reversed_at = 0), 0)`},
			{"accounts whose receivables differ from the journal", `SELECT x.a FROM (
				SELECT billing_account_id AS a, SUM(open) AS s FROM receivable GROUP BY 1 UNION ALL
				SELECT billing_account_id, -SUM(amount) FROM journal_posting WHERE gl_code = '1200' GROUP BY 1) x GROUP BY x.a HAVING SUM(x.s) <> 0`},
			{"accounts whose credit differs from the journal", `SELECT x.a FROM (
				SELECT billing_account_id AS a, SUM(open) AS s FROM credit GROUP BY 1 UNION ALL
				SELECT billing_account_id, SUM(amount) FROM journal_posting WHERE gl_code = '2100' GROUP BY 1) x GROUP BY x.a HAVING SUM(x.s) <> 0`},
			{"refunds payable that no refund is behind", `SELECT x.a FROM (
				SELECT billing_account_id AS a, SUM(amount) AS s FROM refund WHERE state = 'funded' GROUP BY 1 UNION ALL
				SELECT billing_account_id, SUM(amount) FROM journal_posting WHERE gl_code = '2200' GROUP BY 1) x GROUP BY x.a HAVING SUM(x.s) <> 0`},
			{"payments given back more than once", `SELECT p.id FROM payment p LEFT JOIN chargeback c ON c.payment_id = p.id AND c.state = 'lost'
				WHERE p.refunded + p.charged_back > p.amount + COALESCE(c.from_loss, 0)`},
		} {
			var ids []int64
			if err := q.NewRaw(check.query).Scan(ctx, &ids); err != nil {
				return fmt.Errorf("%s: %w", check.what, err)
			}
			if len(ids) > 0 {
				wrong = append(wrong, fmt.Sprintf("%s: %v", check.what, ids))
			}
		}
		rows, err := ledger.TrialBalance(ctx, q, "9999-12-31")
		if err == nil && ledger.Balanced(rows) != nil {
			wrong = append(wrong, ledger.Balanced(rows).Error())
		}
		return err
	})
	return wrong
}
