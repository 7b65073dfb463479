package run

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/uptrace/bun"

	"gyro/billing/charge"
	"gyro/billing/invoice"
	"gyro/internal/database"
	"gyro/internal/refusal"
)

// Review marks the drafts of a run as looked at.
func (r *Runner) Review(ctx context.Context, by database.Actor, id int64) (Run, error) {
	return r.move(ctx, by, id, "review", Done, Reviewed, func(ctx context.Context, tx *database.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE invoice SET state = 'reviewed' WHERE run_id = ? AND state = 'draft'", id)
		return err
	})
}

// Withdraw removes the drafts of a run. Nothing was moved on by them.
func (r *Runner) Withdraw(ctx context.Context, by database.Actor, id int64) (Run, error) {
	return r.move(ctx, by, id, "withdraw", "", Withdrawn, func(ctx context.Context, tx *database.Tx) error {
		return invoice.DropDrafts(ctx, tx, "run_id = ?", id)
	})
}

func (r *Runner) move(ctx context.Context, by database.Actor, id int64, action string, from, to State, do func(context.Context, *database.Tx) error) (run Run, err error) {
	err = r.db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error {
		var found []Run
		if err := tx.NewSelect().Model(&found).Where("id = ?", id).Scan(ctx); err != nil {
			return fmt.Errorf("run %d: %w", id, err)
		}
		if len(found) == 0 {
			return refusal.New(refusal.NotFound, "invoice_run_unknown", "id", "there is no invoice run %d", id)
		}
		run = found[0]
		if err := run.read(); err != nil {
			return err
		}
		if run.Mode != Draft || from != "" && run.State != from || run.gone() {
			return refusal.New(refusal.Conflict, "invoice_run_state", "state", "run %d is a %s run and %s: only drafts that are there can be changed so", id, run.Mode, run.Standing())
		}
		before := run.summary()
		run.State, run.UpdatedAt = to, tx.Now()
		if err := do(ctx, tx); err != nil {
			return fmt.Errorf("%s run %d: %w", action, id, err)
		}
		if _, err := tx.NewUpdate().Model(&run).Column("state", "updated_at").WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("%s run %d: %w", action, id, err)
		}
		return tx.Audit(ctx, "invoice_run", strconv.FormatInt(id, 10), action, before, run.summary())
	})
	return run, err
}

// Commit finalises the drafts of a run: each account is computed once more, from
// the same usage, and finalised if it comes to its draft, to the line. Otherwise
// something changed since it was looked at, and the account is parked.
func (r *Runner) Commit(ctx context.Context, by database.Actor, id int64, progress func(Run)) (Run, error) {
	run, err := r.BeginCommit(ctx, by, id)
	if err != nil {
		return Run{}, err
	}
	return r.Resume(ctx, by, run.ID, progress)
}

// BeginCommit makes the run that Commit carries out.
func (r *Runner) BeginCommit(ctx context.Context, by database.Actor, id int64) (Run, error) {
	drafts, err := r.Get(ctx, id)
	if err != nil {
		return Run{}, err
	}
	if drafts.State == Committed { // asked once more
		return r.Get(ctx, drafts.ReplacedBy)
	}
	if drafts.State == Superseded {
		return Run{}, refusal.New(refusal.Conflict, "invoice_run_state", "state",
			"the drafts of run %d are superseded by run %d: finalise that run instead, if it is one of drafts", id, drafts.ReplacedBy)
	}
	if drafts.Mode != Draft || drafts.State != Done && drafts.State != Reviewed {
		return Run{}, refusal.New(refusal.Conflict, "invoice_run_state", "state",
			"run %d is a %s run and %s: what is finalised are the drafts of a draft run that has ended", id, drafts.Mode, drafts.Standing())
	}
	asOf, err := charge.ParseDay(drafts.AsOf)
	if err != nil {
		return Run{}, err
	}
	return r.begin(ctx, by, &Request{AsOf: asOf, Mode: Final, drafts: id, through: drafts.UsageThrough})
}

// gone reports whether no draft of a run is left, for good.
func (run *Run) gone() bool {
	return run.State == Withdrawn || run.State == Superseded || run.State == Committed
}

// Standing is a run's state in words: of drafts that others took the place of, those of which run.
func (run *Run) Standing() string {
	if run.State == Superseded || run.State == Committed {
		return fmt.Sprintf("%s by run %d", run.State, run.ReplacedBy)
	}
	return string(run.State)
}

// supersede has a draft run that has ended say so when the last of its drafts is gone.
func (run *Run) supersede(ctx context.Context, tx *database.Tx) error {
	if run.ReplacedBy == 0 || run.State != Done && run.State != Reviewed {
		return nil
	}
	var left bool
	if err := tx.NewRaw("SELECT EXISTS (SELECT 1 FROM invoice WHERE run_id = ? AND state IN ('draft', 'reviewed'))", run.ID).Scan(ctx, &left); err != nil || left {
		return err
	}
	var of []int64
	if err := tx.NewRaw("SELECT draft_run FROM invoice_run WHERE id = ?", run.ReplacedBy).Scan(ctx, &of); err != nil {
		return fmt.Errorf("what took the place of run %d: %w", run.ID, err)
	}
	run.State = Superseded
	if slices.Contains(of, run.ID) {
		run.State = Committed
	}
	return nil
}

// replace removes the drafts of other runs of which documents take the place, and says so of these runs.
func (j *job) replace(ctx context.Context, tx *database.Tx, payers []int64) error {
	var runs []Run
	err := tx.NewSelect().Model(&runs).Where("id IN (SELECT run_id FROM invoice WHERE state IN ('draft', 'reviewed') AND billing_account_id IN (?))", bun.List(payers)).Order("id").Scan(ctx)
	if err != nil || len(runs) == 0 {
		return err
	}
	if err := invoice.DropDrafts(ctx, tx, "billing_account_id IN (?)", bun.List(payers)); err != nil {
		return err
	}
	for k := range runs {
		run := &runs[k]
		if run.ID == j.run {
			continue // begun again
		}
		if err := run.read(); err != nil {
			return err
		}
		before, was := run.summary(), *run
		run.ReplacedBy, run.UpdatedAt = j.run, tx.Now()
		if err := run.supersede(ctx, tx); err != nil {
			return err
		}
		if run.State == was.State && run.ReplacedBy == was.ReplacedBy {
			continue
		}
		if _, err := tx.NewUpdate().Model(run).Column("state", "replaced_by", "updated_at").WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("drafts of run %d: %w", run.ID, err)
		}
		if err := tx.Audit(ctx, "invoice_run", strconv.FormatInt(run.ID, 10), "replace", before, run.summary()); err != nil {
			return err
		}
	}
	return nil
}

// againstDrafts parks the accounts of a batch whose bills are not what their drafts say.
func (r *Runner) againstDrafts(ctx context.Context, q bun.IDB, j *job, b *batch, c *computed) error {
	if j.drafts == 0 || len(c.documents) == 0 {
		return nil
	}
	rows, err := q.QueryContext(ctx, "SELECT billing_account_id, period_until, digest FROM invoice WHERE run_id = ? AND billing_account_id IN (?) AND state IN ('draft', 'reviewed')",
		j.drafts, bun.List(b.ids))
	if err != nil {
		return fmt.Errorf("read the drafts: %w", err)
	}
	defer func() { _ = rows.Close() }()
	type key struct {
		account int64
		until   string
	}
	drafts := map[key]int64{}
	for rows.Next() {
		var k key
		var digest int64
		if err := rows.Scan(&k.account, &k.until, &digest); err != nil {
			return fmt.Errorf("read the drafts: %w", err)
		}
		drafts[k] = digest
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the drafts: %w", err)
	}
	for _, g := range b.groups {
		for _, d := range c.documents {
			if digest, ok := drafts[key{d.payer.id, d.period.Until.String()}]; d.payer == g.payer && (!ok || digest != d.digest) {
				c.forget(g)
				c.parked = append(c.parked, parked{g.payer.id, fmt.Sprintf("the bill until %s is not what its draft of run %d says any more: make drafts anew", d.period.Until, j.drafts)})
				break
			}
		}
	}
	return nil
}

// Parked are the accounts that a run could not bill.
type Parked struct {
	Run     int64  `bun:"run_id"`
	Account int64  `bun:"billing_account_id"`
	Name    string `bun:"name"`
	Reason  string `bun:"reason"`
	At      int64  `bun:"at"`
}

// Parked lists the accounts that are parked: of a run, or of all of them (0).
func (r *Runner) Parked(ctx context.Context, run int64, limit, offset int) (found []Parked, err error) {
	err = r.db.Read(ctx, func(ctx context.Context, q bun.IDB) error {
		return q.NewRaw(`SELECT x.run_id, x.billing_account_id, a.name, x.reason, x.at FROM invoice_run_account x JOIN billing_account a ON a.id = x.billing_account_id
			WHERE x.state = 'parked' AND (? = 0 OR x.run_id = ?) ORDER BY x.run_id DESC, x.billing_account_id LIMIT ? OFFSET ?`, run, run, limit, offset).Scan(ctx, &found)
	})
	if err != nil {
		return nil, fmt.Errorf("read the parked accounts: %w", err)
	}
	return found, nil
}
