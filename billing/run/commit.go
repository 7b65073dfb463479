package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/uptrace/bun"

	"gyro/billing/charge"
	"gyro/billing/invoice"
	"gyro/billing/ledger"
	"gyro/billing/tax"
	"gyro/internal/database"
	"gyro/internal/instant"
)

var errStale = errors.New("the accounts were billed by somebody else meanwhile")

// commit stores a batch in one transaction. The order is that of the locks: the
// accounts' versions first, which refuses a batch that was overtaken before
// anything is done for it, the numbers, for which others wait, as late as can be.
func (r *Runner) commit(ctx context.Context, by database.Actor, j *job, c *computed) (run Run, err error) {
	err = r.db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error {
		if j.mode == Final {
			if err := advanceAccounts(ctx, tx, c.advances); err != nil {
				return err
			}
		}
		if j.mode != Dry && len(c.documents) > 0 {
			if err := r.storeDocuments(ctx, tx, j, c); err != nil {
				return err
			}
		}
		run, err = r.progress(ctx, tx, j, c)
		return err
	})
	return run, err
}

// storeDocuments writes the documents of a batch and, when they are final, all that follows from them.
func (r *Runner) storeDocuments(ctx context.Context, tx *database.Tx, j *job, c *computed) error {
	payers := make([]int64, 0, len(c.documents))
	for _, d := range c.documents {
		payers = append(payers, d.payer.id)
	}
	if err := j.replace(ctx, tx, payers); err != nil {
		return err
	}
	ids, err := invoice.NewIDs(ctx, tx, len(c.documents))
	if err != nil {
		return err
	}
	for k, d := range c.documents {
		d.id = ids[k]
	}
	if err := copyLines(ctx, tx, c); err != nil {
		return err
	}
	if err := keepSellers(ctx, tx, c.documents); err != nil {
		return err
	}
	if j.mode == Draft {
		return copyInvoices(ctx, tx, j, c.documents)
	}
	if err := storePrices(ctx, tx, c); err != nil {
		return err
	}
	if err := takeCharges(ctx, tx, c.documents); err != nil {
		return err
	}
	if err := storeSettlements(ctx, tx, c.documents); err != nil {
		return err
	}
	if err := drawNumbers(ctx, tx, j, c.documents); err != nil {
		return err
	}
	if err := copyInvoices(ctx, tx, j, c.documents); err != nil {
		return err
	}
	booked := postings(tx, j, c.documents)
	if err := ledger.Invoiced(ctx, tx, booked); err != nil {
		return err
	}
	if err := tx.EmitMany(ctx, created(tx, j, c.documents, booked)); err != nil {
		return err
	}
	if err := enqueueFollowUp(ctx, tx, ids); err != nil {
		return err
	}
	what := map[string]any{"run": j.run, "first": ids[0], "last": ids[len(ids)-1], "documents": len(ids)}
	return tx.Audit(ctx, "invoice", fmt.Sprintf("%d-%d", ids[0], ids[len(ids)-1]), "finalise", nil, what)
}

// id is the document's that a line names: one of the batch has it from now on. A
// transaction may be tried again with other ids, so that they are not written into the lines.
func (c *computed) id(named int64) int64 {
	if named < 0 {
		return c.named[-named-1].id
	}
	return named
}

// advanceAccounts moves the accounts on, each from the version that its bill was computed from.
func advanceAccounts(ctx context.Context, tx *database.Tx, all []*advance) error {
	if len(all) == 0 {
		return nil
	}
	text := []byte("WITH v (id, until, usage, version, prior_until, prior_usage, expects) AS (VALUES ")
	for k, a := range all {
		if k > 0 {
			text = append(text, ',')
		}
		text = appendInts(append(text, '('), a.account)
		text = append(append(append(text, ",'"...), a.until.String()...), "',"...)
		text = appendInts(text, a.usageAfter, a.version)
		text = append(append(append(text, ",'"...), a.priorUntil.String()...), "',"...)
		text = append(appendInts(text, a.priorUsageAfter, a.expects), ')')
	}
	// A new row is written where none was expected; another is changed where its version is the expected one. What is
	// neither writes nothing, and the count tells.
	text = append(text, `) INSERT INTO billing_state AS s (billing_account_id, billed_until, usage_after, version, prior_until, prior_usage_after)
		SELECT id, until, usage, version, prior_until, prior_usage FROM v
		WHERE expects = COALESCE((SELECT o.version FROM billing_state o WHERE o.billing_account_id = v.id), 0)
		ON CONFLICT (billing_account_id) DO UPDATE SET billed_until = excluded.billed_until, usage_after = excluded.usage_after,
		version = excluded.version, revision = 0, settled = 0, prior_until = excluded.prior_until, prior_usage_after = excluded.prior_usage_after`...)
	done, err := tx.ExecContext(ctx, string(text))
	if err != nil {
		return fmt.Errorf("advance the accounts: %w", err)
	}
	n, err := done.RowsAffected()
	if err == nil && n != int64(len(all)) {
		err = errStale
	}
	return err
}

// storePrices writes what is charged of the prices now. All of it is digits and
// punctuation, so that it can be written into the statement.
func storePrices(ctx context.Context, tx *database.Tx, c *computed) error {
	all := c.prices
	if len(all) == 0 {
		return nil
	}
	text := []byte("INSERT INTO price_state (product_price_id, charged_until, settled, charged, version, prior_settled, prior_charged) VALUES ")
	for k, p := range all {
		if k > 0 {
			text = append(text, ',')
		}
		text = appendInts(append(text, '('), p.price)
		text = append(append(append(text, ",'"...), p.until.String()...), "','"...)
		text = append(append(text, p.settled.String()...), "','"...)
		text = append(appendCharged(text, p.charged, c.id), "',"...)
		text = appendInts(text, p.version)
		text = append(append(append(text, ",'"...), p.priorSettled.String()...), "','"...)
		text = append(appendCharged(text, p.prior, c.id), "')"...)
	}
	text = append(text, ` ON CONFLICT (product_price_id) DO UPDATE SET charged_until = excluded.charged_until, settled = excluded.settled,
		charged = excluded.charged, version = excluded.version, prior_settled = excluded.prior_settled, prior_charged = excluded.prior_charged`...)
	if _, err := tx.ExecContext(ctx, string(text)); err != nil {
		return fmt.Errorf("store what is charged: %w", err)
	}
	return nil
}

// takeCharges puts waiting charges on their documents; one that somebody else took means that the batch is stale.
func takeCharges(ctx context.Context, tx *database.Tx, documents []*document) error {
	for _, d := range documents {
		if len(d.charges) == 0 {
			continue
		}
		done, err := tx.ExecContext(ctx, "UPDATE billing_charge SET invoice_id = ? WHERE id IN (?) AND invoice_id IS NULL", d.id, bun.List(d.charges))
		if err != nil {
			return fmt.Errorf("take the waiting charges: %w", err)
		}
		if n, err := done.RowsAffected(); err != nil || n != int64(len(d.charges)) {
			return errors.Join(err, errStale)
		}
	}
	return nil
}

// progress adds a batch to the run's figures.
func (r *Runner) progress(ctx context.Context, tx *database.Tx, j *job, c *computed) (run Run, err error) {
	var is []Run
	if err := tx.NewSelect().Model(&is).Where("id = ?", j.run).Scan(ctx); err != nil || len(is) == 0 {
		return Run{}, fmt.Errorf("run %d: %w", j.run, err)
	}
	if run = is[0]; run.State != Running {
		if run.State == Done && len(c.documents) == 0 && len(c.advances) == 0 {
			err = run.read() // carried out twice at once: the other one billed these accounts, and finished
			return run, err
		}
		return Run{}, fmt.Errorf("run %d is %s", j.run, run.State)
	}
	if err := run.read(); err != nil {
		return Run{}, err
	}
	for _, d := range c.documents {
		if d.kind == invoice.Statement {
			run.Statements++
		} else {
			run.Invoices++
		}
		run.Lines += int64(len(d.lines))
		s := run.Totals[d.payer.currencyCode]
		var fits [3]bool
		s.Net, fits[0] = s.Net.Add(d.totals.Net)
		s.Tax, fits[1] = s.Tax.Add(d.totals.Tax)
		s.Total, fits[2] = s.Total.Add(d.totals.Total)
		if fits != [3]bool{true, true, true} {
			return Run{}, fmt.Errorf("run %d: %w", j.run, errOverflow)
		}
		run.Totals[d.payer.currencyCode] = s
		if run.Digest, err = addDigest(run.Digest, d.digest); err != nil {
			return Run{}, err
		}
	}
	run.Empty += int64(c.empty)
	if err := parkAccounts(ctx, tx, j, c); err != nil {
		return Run{}, err
	}
	if err := tx.NewRaw("SELECT COUNT(*) FROM invoice_run_account WHERE run_id = ? AND state = 'parked'", j.run).Scan(ctx, &run.Parked); err != nil {
		return Run{}, fmt.Errorf("run %d: %w", j.run, err)
	}
	text, err := json.Marshal(run.Totals)
	if err != nil {
		return Run{}, err
	}
	if j.mode == Dry {
		run.differences.add(&c.differences)
		if run.Comparison, err = run.differences.text(); err != nil {
			return Run{}, err
		}
	}
	run.TotalsText, run.UpdatedAt = string(text), tx.Now()
	_, err = tx.NewUpdate().Model(&run).Column("invoices", "statements", "empty", "parked", "lines", "totals", "digest", "comparison", "updated_at").WherePK().Exec(ctx)
	return run, err
}

// parkAccounts keeps the accounts that could not be billed. Those that an earlier run parked and this one could bill wait no more.
func parkAccounts(ctx context.Context, tx *database.Tx, j *job, c *computed) error {
	if _, err := tx.ExecContext(ctx, "UPDATE invoice_run_account SET state = 'done', at = ? WHERE state = 'parked' AND billing_account_id IN (?) AND (? = 'final' OR run_id = ?)",
		tx.Now(), bun.List(c.payers), string(j.mode), j.run); err != nil {
		return fmt.Errorf("park accounts: %w", err)
	}
	for _, p := range c.parked {
		_, err := tx.ExecContext(ctx, `INSERT INTO invoice_run_account (run_id, billing_account_id, state, reason, at) VALUES (?, ?, 'parked', ?, ?)
			ON CONFLICT (run_id, billing_account_id) DO UPDATE SET state = 'parked', reason = excluded.reason, at = excluded.at`, j.run, p.account, p.reason, tx.Now())
		if err != nil {
			return fmt.Errorf("park account %d: %w", p.account, err)
		}
		if err := tx.Audit(ctx, "billing_account", strconv.FormatInt(p.account, 10), "park", nil, map[string]any{"run": j.run, "reason": p.reason}); err != nil {
			return err
		}
	}
	return nil
}

// postings are the documents as the journal needs them.
func postings(tx *database.Tx, j *job, documents []*document) []ledger.InvoicePosting {
	all := make([]ledger.InvoicePosting, 0, len(documents))
	for _, d := range documents {
		p := ledger.InvoicePosting{
			InvoiceID: d.id, Account: d.payer.id, Type: ledger.DocumentType(d.kind), Number: d.number, Currency: d.payer.currencyCode,
			IssuedOn: j.issuedOn(tx.Now()).String(), DueOn: j.dueOn(tx.Now(), d).String(), TaxRegion: d.payer.region, Tax: d.totals.Tax, Total: d.totals.Total,
			Lines: make([]ledger.LinePosting, 0, 4),
		}
		for k := range d.lines {
			p.Lines = addPosting(p.Lines, &d.lines[k], d.prices)
		}
		all = append(all, p)
	}
	return all
}

func addPosting(lines []ledger.LinePosting, l *charge.Line, prices string) []ledger.LinePosting {
	exact := l.Exact
	if prices == tax.Inclusive {
		exact = ledger.Net(exact, l.TaxRate)
	}
	for k := range lines {
		if lines[k].GLCode == l.GL {
			lines[k].Exact += exact
			lines[k].Amount += l.Amount
			return lines
		}
	}
	return append(lines, ledger.LinePosting{GLCode: l.GL, Exact: exact, Amount: l.Amount})
}

// issuedOn is the day that all documents are of that a run finalises at a moment, and that they are posted on: the day in UTC,
// in which the books are kept, whatever the zones of the accounts are. A run as of the next day, which has begun further
// east, is of that day: who bills a month at midnight in Berlin does not issue its bills in the month before.
//
// It is never in a month that can be closed, for that one is over in UTC. In the zone of each account it would be: on the first of
// a month bills of accounts further west would be of the last.
func (j *job) issuedOn(now instant.Instant) charge.Day {
	today := charge.DayOf(utc(), now)
	if j.asOf == today+1 {
		return j.asOf
	}
	return today
}

func (j *job) dueOn(now instant.Instant, d *document) charge.Day {
	if d.kind != invoice.Bill {
		return j.issuedOn(now)
	}
	return j.issuedOn(now) + charge.Day(d.payer.terms) //nolint:gosec // at most 365
}
