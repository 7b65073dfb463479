package run

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/uptrace/bun"

	"gyro/billing/charge"
	"gyro/billing/ledger"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// State is where a run is.
type State string

// The states of a run.
const (
	Running   State = "running" // or interrupted: running it again goes on
	Done      State = "done"
	Reviewed  State = "reviewed" // drafts that somebody has looked at
	Withdrawn State = "cancelled"
	// Superseded and Committed are draft runs of which no draft is left: other documents took their place, those of a run that
	// did not know of them, or of the one that finalised them. ReplacedBy says which.
	Superseded State = "superseded"
	Committed  State = "committed"
)

// Sums are the totals of a run's documents in one currency.
type Sums struct {
	Net   money.Amount `json:"net"`
	Tax   money.Amount `json:"tax"`
	Total money.Amount `json:"total"`
}

// Run is a run's row: what it was asked for, and how far it is.
type Run struct {
	bun.BaseModel `bun:"table:invoice_run,alias:r"`

	ID           int64           `bun:"id,pk,autoincrement"`
	AsOf         string          `bun:"as_of"`
	Mode         Mode            `bun:"mode"`
	State        State           `bun:"state"`
	UsageThrough int64           `bun:"usage_through"`
	Account      int64           `bun:"account_id"` // the only payer that it bills; 0 is all
	DraftRun     int64           `bun:"draft_run"`  // whose drafts it finalises
	ReplacedBy   int64           `bun:"replaced_by"`
	Accounts     int64           `bun:"accounts"` // payers that were due when it began
	Invoices     int64           `bun:"invoices"` // with credit notes
	Statements   int64           `bun:"statements"`
	Empty        int64           `bun:"empty"`
	Parked       int64           `bun:"parked"`
	Lines        int64           `bun:"lines"`
	TotalsText   string          `bun:"totals"`
	Digest       string          `bun:"digest"`
	Comparison   string          `bun:"comparison"` // what a dry run keeps of it; {} of others
	StartedAt    instant.Instant `bun:"started_at"`
	UpdatedAt    instant.Instant `bun:"updated_at"`
	FinishedAt   instant.Instant `bun:"finished_at"`
	StartedBy    string          `bun:"started_by"`

	Totals      map[string]Sums `bun:"-"`
	differences differences
}

func (run *Run) read() error {
	run.Totals = map[string]Sums{}
	if err := json.Unmarshal([]byte(run.TotalsText), &run.Totals); err != nil {
		return fmt.Errorf("totals of run %d: %w", run.ID, err)
	}
	run.differences = differences{}
	if err := json.Unmarshal([]byte(run.Comparison), &run.differences); err != nil {
		return fmt.Errorf("comparison of run %d: %w", run.ID, err)
	}
	return nil
}

// Get returns a run.
func (r *Runner) Get(ctx context.Context, id int64) (Run, error) {
	var found []Run
	err := r.db.Read(ctx, func(ctx context.Context, q bun.IDB) error {
		return q.NewSelect().Model(&found).Where("id = ?", id).Scan(ctx)
	})
	if err != nil {
		return Run{}, fmt.Errorf("run %d: %w", id, err)
	}
	if len(found) == 0 {
		return Run{}, refusal.New(refusal.NotFound, "invoice_run_unknown", "id", "there is no invoice run %d", id)
	}
	return found[0], found[0].read()
}

// List returns runs, the newest first.
func (r *Runner) List(ctx context.Context, limit, offset int64) (found []Run, err error) {
	err = r.db.Read(ctx, func(ctx context.Context, q bun.IDB) error {
		return q.NewSelect().Model(&found).Order("id DESC").Limit(limit).Offset(offset).Scan(ctx)
	})
	if err != nil {
		return nil, fmt.Errorf("read the runs: %w", err)
	}
	for k := range found {
		if err := found[k].read(); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func newJob(run *Run, request *Request) *job {
	return &job{run: run.ID, mode: run.Mode, asOf: request.AsOf, through: run.UsageThrough, drafts: run.DraftRun, limits: map[instant.Instant]int64{}}
}

// mostAhead is how many days ahead a cycle that has not ended can be billed: one of a month.
const mostAhead = 31

// begin finds the run to go on with, or makes one.
func (r *Runner) begin(ctx context.Context, by database.Actor, request *Request) (run Run, err error) {
	if request.Mode != Dry && request.Mode != Draft && request.Mode != Final {
		return Run{}, refusal.New(refusal.Invalid, "mode_invalid", "mode", "mode %q: give dry, draft or final", request.Mode)
	}
	tomorrow := charge.DayOf(utc(), r.db.Now()) + 1
	switch {
	case request.AsOf <= 0, request.AsOf > tomorrow+mostAhead:
		return Run{}, refusal.New(refusal.Invalid, "as_of_invalid", "asOf", "cycles that end by %s: give a day that has come", request.AsOf)
	case request.AsOf > tomorrow && !request.Behind && request.drafts == 0: // of drafts it was said when they were made
		return Run{}, refusal.New(refusal.Invalid, "as_of_invalid", "asOf", "cycles that end by %s: give a day that has come; or set behind (--behind) to bill what is there by now and have the rest on the next bill", request.AsOf)
	}
	if request.Mode == Final {
		if err := r.open(ctx, request.AsOf); err != nil {
			return Run{}, err
		}
	}
	due := int64(0)
	if err := r.eachDue(ctx, &job{asOf: request.AsOf, drafts: request.drafts}, request, func(*account) error { due++; return nil }); err != nil {
		return Run{}, err
	}
	err = r.db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error {
		var open []Run
		q := tx.NewSelect().Model(&open).Where("as_of = ? AND mode = ? AND account_id = ? AND draft_run = ? AND state = 'running'", request.AsOf.String(), request.Mode, request.Account, request.drafts)
		if err := q.Scan(ctx); err != nil {
			return fmt.Errorf("look for the run: %w", err)
		}
		if len(open) > 0 {
			run = open[0]
			return run.read()
		}
		if err := r.caughtUp(ctx, tx, request); err != nil {
			return err
		}
		run = Run{
			AsOf: request.AsOf.String(), Mode: request.Mode, Account: request.Account, State: Running, Accounts: due, TotalsText: "{}", Digest: "0", Comparison: "{}",
			StartedAt: tx.Now(), UpdatedAt: tx.Now(), StartedBy: tx.By().Name, Totals: map[string]Sums{},
		}
		if err := tx.NewRaw("SELECT COALESCE(MAX(record), 0) FROM usage_record").Scan(ctx, &run.UsageThrough); err != nil {
			return fmt.Errorf("find the last usage: %w", err)
		}
		if request.drafts > 0 {
			run.UsageThrough, run.DraftRun = request.through, request.drafts
		}
		// Of two at once the second meets a row that it does not see: PostgreSQL has it begin again, and it finds the first one's run.
		if _, err := tx.NewInsert().Model(&run).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
			return fmt.Errorf("begin a run: %w", err)
		}
		return tx.Audit(ctx, "invoice_run", strconv.FormatInt(run.ID, 10), "start", nil, run.summary())
	})
	return run, err
}

// open refuses a run whose documents would be posted in a month that is closed: none of them could be stored.
func (r *Runner) open(ctx context.Context, asOf charge.Day) error {
	on := (&job{asOf: asOf}).issuedOn(r.db.Now())
	return r.db.Read(ctx, func(ctx context.Context, q bun.IDB) error { return ledger.MustBeOpen(ctx, q, on.String()) })
}

// caughtUp refuses a run that would miss usage that is already there to fetch.
func (r *Runner) caughtUp(ctx context.Context, tx *database.Tx, request *Request) error {
	if request.Behind || request.drafts > 0 {
		return nil
	}
	var behind int64
	if err := tx.NewRaw("SELECT COALESCE(SUM(CASE WHEN latest > after THEN latest - after ELSE 0 END), 0) FROM usage_cursor").Scan(ctx, &behind); err != nil {
		return fmt.Errorf("look at the intake: %w", err)
	}
	if behind > 0 {
		return refusal.New(refusal.Unavailable, "usage_behind", "",
			"the intake of usage is %d records behind the charging core: wait for it, or bill what is there and have the rest on the next bill", behind)
	}
	return nil
}

// summary is a run for the audit trail.
func (run *Run) summary() map[string]any {
	totals := make(map[string]map[string]string, len(run.Totals))
	for currency, s := range run.Totals {
		totals[currency] = map[string]string{"net": s.Net.In(currency), "tax": s.Tax.In(currency), "total": s.Total.In(currency)}
	}
	return map[string]any{
		"asOf": run.AsOf, "mode": run.Mode, "state": run.State, "invoices": run.Invoices, "statements": run.Statements, "parked": run.Parked,
		"totals": totals, "digest": run.Digest, "replacedBy": run.ReplacedBy,
	}
}

// afresh sets the figures of a run back that moves no account on: gone on with,
// it computes every account again, those that it had before it was interrupted among them.
func (r *Runner) afresh(ctx context.Context, by database.Actor, run *Run) error {
	if run.Mode == Final || run.Invoices+run.Statements+run.Empty+run.Lines == 0 {
		return nil
	}
	return r.db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error {
		before := run.summary()
		run.Invoices, run.Statements, run.Empty, run.Lines, run.TotalsText, run.Digest, run.Comparison, run.UpdatedAt = 0, 0, 0, 0, "{}", "0", "{}", tx.Now()
		run.Totals, run.differences = map[string]Sums{}, differences{}
		_, err := tx.NewUpdate().Model(run).Column("invoices", "statements", "empty", "lines", "totals", "digest", "comparison", "updated_at").Where("id = ? AND state = 'running'", run.ID).Exec(ctx)
		if err != nil {
			return fmt.Errorf("begin run %d again: %w", run.ID, err)
		}
		return tx.Audit(ctx, "invoice_run", strconv.FormatInt(run.ID, 10), "begin again", before, run.summary())
	})
}

// finish closes a run whose accounts are all billed or parked.
func (r *Runner) finish(ctx context.Context, by database.Actor, id int64) (run Run, err error) {
	err = r.db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error {
		var is []Run
		if err := tx.NewSelect().Model(&is).Where("id = ?", id).Scan(ctx); err != nil || len(is) == 0 {
			return fmt.Errorf("finish run %d: %w", id, err)
		}
		run = is[0]
		if err := run.read(); err != nil || run.State != Running {
			return err
		}
		run.State, run.UpdatedAt, run.FinishedAt = Done, tx.Now(), tx.Now()
		if err := run.supersede(ctx, tx); err != nil { // another run may have billed its accounts while it was under way
			return err
		}
		if _, err := tx.NewUpdate().Model(&run).Column("state", "updated_at", "finished_at").WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("finish run %d: %w", id, err)
		}
		return tx.Audit(ctx, "invoice_run", strconv.FormatInt(id, 10), "finish", nil, run.summary())
	})
	return run, err
}

func utc() *instant.Zone {
	z := instant.UTC()
	return &z
}

// addDigest adds a document's fingerprint to a run's: the sum of all of them, which does not depend on their order.
func addDigest(to string, digests ...int64) (string, error) {
	sum, err := strconv.ParseUint(to, 16, 64)
	if err != nil {
		return "", fmt.Errorf("digest %q: %w", to, err)
	}
	for _, d := range digests {
		sum += uint64(d) //nolint:gosec // a fingerprint
	}
	return strconv.FormatUint(sum, 16), nil
}
