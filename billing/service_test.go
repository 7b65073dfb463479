package billing_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"gyro/api/client"
	"gyro/billing"
	"gyro/billing/charge"
	"gyro/billing/invoice"
	"gyro/billing/population"
	"gyro/billing/run"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

var clerk = database.Actor{Name: "clerk", Role: "finance", Via: "cli"}

// core settles like the charging core: once for each key.
type core struct {
	mu      sync.Mutex
	settled map[string]money.Amount
	away    bool
	refuse  error // all settlements
}

func (c *core) Usage(context.Context, uint64, int) (client.UsagePage, error) {
	return client.UsagePage{}, nil
}

func (c *core) Settle(_ context.Context, account, key string, s client.Settlement) (client.Movement, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away {
		return client.Movement{}, fmt.Errorf("the core is away")
	}
	if c.refuse != nil {
		return client.Movement{}, c.refuse
	}
	if account == population.Name(2) {
		return client.Movement{}, &client.Problem{Status: 404, Code: "account_unknown", Message: "no such account"}
	}
	if was, there := c.settled[account+" "+key]; there && was != s.Amount {
		return client.Movement{}, fmt.Errorf("key %s again with %s, not %s", key, s.Amount, was)
	}
	c.settled[account+" "+key] = s.Amount
	return client.Movement{}, nil
}

func (c *core) Moved(_ context.Context, account, kind, key string, _ instant.Instant) (client.Posted, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, there := c.settled[account+" "+key]
	return client.Posted{}, there && kind == client.SettlementKind, nil
}

type office struct {
	*testing.T
	db   *database.DB
	core *core
	s    *billing.Service
	told map[string]int
	data map[string]map[string]string // of the messages
}

// each runs a test on both databases, with accounts that are due for October and perhaps September.
func each(t *testing.T, accounts int, spread bool, test func(o *office)) {
	eachAt(t, func() time.Time { return time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC) }, accounts, spread, test)
}

// eachAt is each by another clock.
func eachAt(t *testing.T, clock func() time.Time, accounts int, spread bool, test func(o *office)) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		if err := population.Make(t.Context(), db, population.Options{Accounts: accounts, Records: 10, Spread: spread}); err != nil {
			t.Fatal(err)
		}
		o := &office{T: t, db: db, core: &core{settled: map[string]money.Amount{}}, told: map[string]int{}, data: map[string]map[string]string{}}
		o.s = billing.New(db, o.core, billing.Options{
			Run: run.Options{Batch: 40},
			Notify: func(_ context.Context, _ *database.Tx, _ int64, template string, data map[string]string, key string) error {
				if template != "bill_ready" || data["number"] == "" || data["amount"] == "" {
					return fmt.Errorf("told %s with %v", template, data)
				}
				o.told[key]++
				o.data[key] = data
				return nil
			},
		})
		test(o)
	}, dbtest.Clock(clock))
}

// sql spoils or sets something behind the program's back.
func (o *office) sql(statements ...string) {
	o.Helper()
	o.must(o.write(func(ctx context.Context, tx *database.Tx) error {
		for _, statement := range statements {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	}))
}

func (o *office) must(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

func (o *office) bill() run.Run {
	o.Helper()
	made, err := o.s.Runs.Run(o.Context(), clerk, run.Request{AsOf: charge.Date(2026, 11, 1), Mode: run.Final})
	o.must(err)
	return made
}

func (o *office) number(query string, args ...any) (n int64) {
	o.Helper()
	o.must(o.db.Read(o.Context(), func(ctx context.Context, q bun.IDB) error { return q.NewRaw(query, args...).Scan(ctx, &n) }))
	return n
}

func (o *office) get(id int64) (d *invoice.Document) {
	o.Helper()
	o.must(o.db.Read(o.Context(), func(ctx context.Context, q bun.IDB) (err error) {
		d, err = invoice.Get(ctx, q, id)
		return err
	}))
	return d
}

func (o *office) write(fn func(ctx context.Context, tx *database.Tx) error) error {
	return o.db.Write(o.Context(), clerk, fn)
}

// whole holds the database against what always holds of bills.
func (o *office) whole() {
	o.Helper()
	for what, query := range map[string]string{
		"documents whose lines do not come to their net amount": `SELECT COUNT(*) FROM invoice i WHERE net <> (SELECT COALESCE(SUM(amount), 0) FROM invoice_line l WHERE l.invoice_id = i.id)`,
		"documents whose bases do not come to their net amount": `SELECT COUNT(*) FROM invoice i WHERE net <> (SELECT COALESCE(SUM(base), 0) FROM invoice_tax t WHERE t.invoice_id = i.id)`,
		"documents whose taxes do not come to their tax":        `SELECT COUNT(*) FROM invoice i WHERE tax <> (SELECT COALESCE(SUM(tax), 0) FROM invoice_tax t WHERE t.invoice_id = i.id) OR total <> net + tax`,
		"documents with other lines than they count":            `SELECT COUNT(*) FROM invoice i WHERE lines <> (SELECT COUNT(*) FROM invoice_line l WHERE l.invoice_id = i.id)`,
		"lines without a document":                              `SELECT COUNT(*) FROM invoice_line WHERE invoice_id NOT IN (SELECT id FROM invoice)`,
		"finalised documents without their journal entry":       `SELECT COUNT(*) FROM invoice WHERE state = 'finalised' AND total <> 0 AND NOT EXISTS (SELECT 1 FROM journal_entry e WHERE e.key = 'invoice-' || CAST(invoice.id AS TEXT))`,
		"numbers that are missing":                              `SELECT (SELECT COALESCE(SUM(last), 0) FROM number_series) - (SELECT COUNT(number) FROM invoice)`,
		"usage lines that their records do not come to": `SELECT COUNT(*) FROM invoice_line l WHERE kind = 'usage' AND exact <> (SELECT SUM(u.charged) FROM usage_record u
			WHERE u.billing_account_id = l.billing_account_id AND u.record BETWEEN l.usage_from AND l.usage_through AND u.unit = l.unit)`,
	} {
		if n := o.number(query); n != 0 {
			o.Errorf("%d %s", n, what)
		}
	}
}

// TestABillIsFollowedUpOnce settles usage in the core and tells customers, also after the core was away.
func TestABillIsFollowedUpOnce(t *testing.T) {
	each(t, 60, false, func(o *office) {
		if made := o.bill(); made.Invoices != 60 || made.Parked != 0 {
			o.Fatalf("%+v", made)
		}
		o.whole()
		all := run.FollowUp{First: 1, Last: 1000}
		o.core.away = true
		if err := o.s.FollowUp(o.Context(), all); err == nil {
			o.Error("the core was away, and nobody noticed")
		}
		o.core.away = false
		o.must(o.s.FollowUp(o.Context(), all))
		o.must(o.s.FollowUp(o.Context(), all))
		var sum int64
		for _, amount := range o.core.settled {
			sum += int64(amount)
		}
		usage := o.number("SELECT CAST(SUM(charged) AS BIGINT) FROM usage_record WHERE billing_account_id <> 3")
		if sum != usage || len(o.core.settled) != 59 {
			o.Errorf("settled %d with %d accounts, the usage is %d", sum, len(o.core.settled), usage)
		}
		if n := o.number("SELECT COUNT(*) FROM invoice_settlement WHERE failure LIKE '%no such account%'"); n != 1 {
			o.Errorf("%d settlements that the core refused are shown, want 1", n)
		}
		if len(o.told) != 60 {
			o.Errorf("%d customers were told", len(o.told))
		}
	})
}

// TestWhatIsNotAboutTheInvoiceIsTriedAgain: the office's key is not taken, or may not settle, or there are too many requests. None of
// the settlements is given up for it; a contradiction is the core's last word.
func TestWhatIsNotAboutTheInvoiceIsTriedAgain(t *testing.T) {
	each(t, 3, false, func(o *office) {
		o.bill()
		all, failed := run.FollowUp{First: 1, Last: 1000}, "SELECT COUNT(*) FROM invoice_settlement WHERE failure <> ''"
		for _, status := range []int{401, 403, 408, 429, 500} {
			o.core.refuse = &client.Problem{Status: status, Code: "refused", Message: "not now"}
			if err := o.s.FollowUp(o.Context(), all); err == nil || o.number(failed) != 0 {
				o.Errorf("%d: %v, and %d settlements were given up", status, err, o.number(failed))
			}
		}
		o.core.refuse = &client.Problem{Status: 409, Code: "contradiction", Message: "never"}
		o.must(o.s.FollowUp(o.Context(), all))
		if n := o.number(failed); n != 3 {
			o.Errorf("%d settlements were refused for good, want 3", n)
		}
		o.core.refuse = nil
		o.must(o.s.FollowUp(o.Context(), all))
		if n := o.number("SELECT COUNT(*) FROM invoice_settlement WHERE settled_at > 0"); n != 2 { // the core does not know the third account
			o.Errorf("%d are settled, want 2", n)
		}
	})
}

// TestCreditNotesComeToTheInvoice credits a part, then the rest.
func TestCreditNotesComeToTheInvoice(t *testing.T) {
	each(t, 5, false, func(o *office) {
		o.bill()
		d := o.get(2)
		part := billing.CreditRequest{Lines: []billing.CreditLine{{Position: 1, Amount: money.Unit / 100 * 333}}, Reason: "outage", Key: "k1"}
		first, err := o.s.Credit(o.Context(), clerk, d.ID, part)
		o.must(err)
		again, err := o.s.Credit(o.Context(), clerk, d.ID, part)
		o.must(err)
		if again != first {
			o.Errorf("the same request made credit notes %d and %d", first, again)
		}
		tooMuch := billing.CreditRequest{Lines: []billing.CreditLine{{Position: 1, Amount: d.Lines[0].Amount}}, Reason: "outage", Key: "k2"}
		if _, err := o.s.Credit(o.Context(), clerk, d.ID, tooMuch); !refusal.Is(err, "credit_too_large") {
			o.Errorf("more than is left: %v", err)
		}
		rest, err := o.s.Credit(o.Context(), clerk, d.ID, billing.CreditRequest{Reason: "goodwill", Key: "k3"})
		o.must(err)
		a, b := o.get(first), o.get(rest)
		if a.Total+b.Total+d.Total != 0 || a.Tax+b.Tax+d.Tax != 0 || a.Net != -3_330_000 {
			o.Errorf("credit notes of %s and %s for an invoice of %s", a.Total, b.Total, d.Total)
		}
		if d = o.get(d.ID); d.State != invoice.Cancelled || d.Open != 0 {
			o.Errorf("the invoice is %s, %s is open", d.State, d.Open)
		}
		if *a.Number != "GY-CN-2026-0000001" || *b.Number != "GY-CN-2026-0000002" {
			o.Errorf("credit notes %s, %s", *a.Number, *b.Number)
		}
		if _, err := o.s.Credit(o.Context(), clerk, d.ID, billing.CreditRequest{Reason: "again", Key: "k4"}); !refusal.Is(err, "invoice_not_creditable") {
			o.Errorf("credited again: %v", err)
		}
		o.whole()
	})
}

// TestBillingAnewClaimsTheSameUsageOnce takes a bill back, with the charge that was on it, after a price turned out to be wrong.
func TestBillingAnewClaimsTheSameUsageOnce(t *testing.T) {
	each(t, 5, false, func(o *office) {
		add := func(ctx context.Context, tx *database.Tx) error {
			return billing.AddCharge(ctx, tx, billing.Charge{Account: 4, Kind: billing.OneTime, Amount: 7 * money.Unit, Currency: "EUR", Description: "SIM card", Key: "sim"})
		}
		o.must(o.write(add))
		o.must(o.write(add))
		o.must(o.write(func(ctx context.Context, tx *database.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE billing_charge SET charged_on = '2026-10-20'")
			return err
		}))
		o.bill()
		id := o.number("SELECT id FROM invoice WHERE billing_account_id = 4")
		o.must(o.s.FollowUp(o.Context(), run.FollowUp{First: 1, Last: 1000}))
		before := o.get(id)
		o.must(o.write(func(ctx context.Context, tx *database.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE product_price SET amount = amount - 1000000 WHERE id = 8")
			return err
		}))
		note, anew, err := o.s.Rebill(o.Context(), clerk, id, "wrong price", "r1")
		o.must(err)
		after := o.get(anew)
		if c := o.get(note); c.Total != -before.Total || o.get(id).State != invoice.Cancelled {
			o.Errorf("an invoice of %s is credited with %s", before.Total, c.Total)
		}
		if after.Revision != 1 || len(after.Lines) != len(before.Lines) || after.Net != before.Net-2*money.Unit {
			o.Errorf("billed anew as %+v, it was %+v", after.Invoice, before.Invoice)
		}
		for k := range after.Lines {
			a, b := &after.Lines[k], &before.Lines[k]
			if a.UsageFrom != b.UsageFrom || a.UsageThrough != b.UsageThrough || a.Charge != b.Charge {
				o.Errorf("line %d claims %d..%d, it was %d..%d", k, a.UsageFrom, a.UsageThrough, b.UsageFrom, b.UsageThrough)
			}
		}
		settled := len(o.core.settled)
		o.must(o.s.FollowUp(o.Context(), run.FollowUp{First: 1, Last: 1000}))
		if len(o.core.settled) != settled {
			o.Error("the usage of the new bill was settled once more")
		}
		if _, _, err := o.s.Rebill(o.Context(), clerk, id, "once more", "r2"); !refusal.Is(err, "invoice_not_creditable") {
			o.Errorf("billed anew twice: %v", err)
		}
		if more := o.bill(); more.Invoices+more.Empty != 0 {
			o.Errorf("%d more", more.Invoices)
		}
		o.whole()
	})
}

// TestDraftsAreFinalisedAsTheyAre finalises drafts, but for the account whose bill has changed since.
func TestDraftsAreFinalisedAsTheyAre(t *testing.T) {
	each(t, 50, true, func(o *office) {
		request := run.Request{AsOf: charge.Date(2026, 11, 1), Mode: run.Draft}
		drafts, err := o.s.Runs.Run(o.Context(), clerk, request)
		o.must(err)
		if _, err := o.s.Runs.Review(o.Context(), clerk, drafts.ID); err != nil {
			o.Error(err)
		}
		if n := o.number("SELECT COUNT(*) FROM invoice WHERE number IS NOT NULL OR state <> 'reviewed'"); n != 0 {
			o.Errorf("%d drafts have numbers or are not reviewed", n)
		}
		o.must(o.write(func(ctx context.Context, tx *database.Tx) error {
			return billing.AddCharge(ctx, tx, billing.Charge{Account: 2, Kind: billing.Debit, Amount: money.Unit, Currency: "EUR", Description: "Letter", Key: "l"})
		}))
		o.must(o.write(func(ctx context.Context, tx *database.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE billing_charge SET charged_on = '2026-09-20'")
			return err
		}))
		final, err := o.s.Runs.Commit(o.Context(), clerk, drafts.ID, nil)
		o.must(err)
		if final.Parked != 1 || final.Invoices+final.Statements < drafts.Invoices+drafts.Statements-2 || final.Invoices == 0 {
			o.Errorf("%+v of drafts %+v", final, drafts)
		}
		waiting, err := o.s.Runs.Parked(o.Context(), final.ID, 10, 0)
		if err != nil || len(waiting) != 1 || waiting[0].Account != 2 {
			o.Errorf("parked are %+v, %v", waiting, err)
		}
		o.whole()
		rest := o.bill()
		if rest.Invoices != 2 && rest.Invoices != 1 || rest.Parked != 0 {
			o.Errorf("then %+v", rest)
		}
		o.whole()
	})
}

// TestABadAccountIsParked bills all but the one whose tax nobody knows, and that one once it is corrected.
func TestABadAccountIsParked(t *testing.T) {
	each(t, 30, false, func(o *office) {
		region := func(region string) {
			o.must(o.write(func(ctx context.Context, tx *database.Tx) error {
				_, err := tx.ExecContext(ctx, "UPDATE billing_account SET tax_region = ? WHERE id = 9", region)
				return err
			}))
		}
		region("XX")
		if made := o.bill(); made.Invoices != 29 || made.Parked != 1 {
			o.Fatalf("%+v", made)
		}
		waiting, err := o.s.Runs.Parked(o.Context(), 0, 10, 0)
		if err != nil || len(waiting) != 1 || waiting[0].Account != 9 || waiting[0].Reason != `line 1 (Flat M): tax region "XX" is not configured` {
			o.Errorf("parked are %+v, %v", waiting, err)
		}
		region("AT")
		if made := o.bill(); made.Invoices != 1 || made.Parked != 0 {
			o.Errorf("then %+v", made)
		}
		if n := o.number("SELECT COUNT(*) FROM invoice_run_account WHERE state = 'parked'"); n != 0 {
			o.Errorf("%d accounts are parked still", n)
		}
		o.whole()
	})
}

// readInto reads one value.
func readInto(to any, query string, args ...any) func(context.Context, bun.IDB) error {
	return func(ctx context.Context, q bun.IDB) error { return q.NewRaw(query, args...).Scan(ctx, to) }
}
