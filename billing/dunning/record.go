package dunning

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/uptrace/bun"

	"gyro/billing/ledger"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"
)

// RunState is where a run is.
type RunState string

// The states of a run.
const (
	Running RunState = "running" // or interrupted: its job goes on
	Done    RunState = "done"
)

// Run is a run's row: as of which day it duns, and how far it is.
type Run struct {
	ID         int64           `bun:"id,pk" json:"id"`
	AsOf       string          `bun:"as_of" json:"asOf"`
	State      RunState        `bun:"state" json:"state"`
	Accounts   int64           `bun:"accounts" json:"accounts"` // to be looked at when it began
	After      int64           `bun:"after_account" json:"after"`
	Checked    int64           `bun:"checked" json:"checked"`
	Opened     int64           `bun:"opened" json:"opened"`
	Closed     int64           `bun:"closed" json:"closed"`
	Parked     int64           `bun:"parked" json:"parked"`
	StepsText  string          `bun:"steps" json:"-"`
	StartedAt  instant.Instant `bun:"started_at" json:"-"`
	UpdatedAt  instant.Instant `bun:"updated_at" json:"-"`
	FinishedAt instant.Instant `bun:"finished_at" json:"-"`
	StartedBy  string          `bun:"started_by" json:"startedBy"`

	Steps map[Action]int64 `bun:"-" json:"steps"`
}

const runColumns = "id, as_of, state, accounts, after_account, checked, opened, closed, parked, steps, started_at, updated_at, finished_at, started_by"

// String tells a run in one line, for logs.
func (r *Run) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "as of %s: %d checked, %d opened, %d closed, %d parked", r.AsOf, r.Checked, r.Opened, r.Closed, r.Parked)
	for _, action := range slices.Sorted(maps.Keys(r.Steps)) {
		fmt.Fprintf(&text, ", %s %d", action, r.Steps[action])
	}
	return text.String()
}

func (r *Run) read() error {
	r.Steps = map[Action]int64{}
	if err := json.Unmarshal([]byte(r.StepsText), &r.Steps); err != nil {
		return fmt.Errorf("steps of dunning run %d: %w", r.ID, err)
	}
	return nil
}

// runsOf reads runs.
func runsOf(ctx context.Context, q bun.IDB, where string, args ...any) ([]Run, error) {
	var rows []Run
	if err := q.NewRaw("SELECT "+runColumns+" FROM dunning_run "+where, args...).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("dunning runs: %w", err)
	}
	for k := range rows {
		if err := rows[k].read(); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// GetRun returns a run.
func GetRun(ctx context.Context, q bun.IDB, id int64) (Run, error) {
	rows, err := runsOf(ctx, q, "WHERE id = ?", id)
	if err != nil {
		return Run{}, err
	}
	if len(rows) == 0 {
		return Run{}, refusal.New(refusal.NotFound, "dunning_run_unknown", "id", "there is no dunning run %d", id)
	}
	return rows[0], nil
}

// Runs are the runs, the newest first.
func Runs(ctx context.Context, q bun.IDB, limit, offset int) ([]Run, error) {
	return runsOf(ctx, q, "ORDER BY id DESC LIMIT ? OFFSET ?", limit, offset)
}

// ParkedAccount is an account that could not be dunned: it is left as it is, the
// others go on, and the next run tries it again.
type ParkedAccount struct {
	Account int64           `bun:"billing_account_id"`
	Reason  string          `bun:"reason"`
	Since   instant.Instant `bun:"since"`
}

// ParkedBy are the accounts that a run was the last to park.
func ParkedBy(ctx context.Context, q bun.IDB, run int64, limit int) ([]ParkedAccount, error) {
	var rows []ParkedAccount
	if err := q.NewRaw("SELECT billing_account_id, reason, since FROM dunning_parked WHERE run_id = ? ORDER BY billing_account_id LIMIT ?", run, limit).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("accounts that dunning run %d parked: %w", run, err)
	}
	return rows, nil
}

// furthest is how many days ahead of today an account may be dunned. A case that
// was looked at as of a day is left alone until then, so that a year that was
// mistyped must not pass.
const furthest = 184

// begin makes a run, or finds the one that is open, whatever its day.
func begin(ctx context.Context, tx *database.Tx, asOf string) (run Run, isNew bool, err error) {
	if days("1970-01-01", asOf) <= 0 {
		return Run{}, false, refusal.New(refusal.Invalid, "date_invalid", "asOf", "%q is no day; write it as 2026-11-23", asOf)
	}
	if today := ledger.Day(tx.Now()); days(today, asOf) > furthest {
		return Run{}, false, refusal.New(refusal.Invalid, "date_too_far", "asOf", "%s is more than %d days after today, %s; correct the year, or dun as of an earlier day", asOf, furthest, today)
	}
	open, err := runsOf(ctx, tx, "WHERE state = 'running'")
	if err != nil {
		return Run{}, false, err
	}
	if len(open) > 0 {
		return open[0], false, nil
	}
	run = Run{AsOf: asOf, State: Running, StartedAt: tx.Now(), UpdatedAt: tx.Now(), StartedBy: tx.By().Name, Steps: map[Action]int64{}}
	if run.Accounts, err = waiting(ctx, tx, asOf); err != nil {
		return Run{}, false, err
	}
	// Of two at once the second meets a row that it does not see: PostgreSQL has it begin again, and it finds the first one's run.
	err = tx.NewRaw("INSERT INTO dunning_run (as_of, state, accounts, started_at, updated_at, started_by) VALUES (?, 'running', ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id",
		asOf, run.Accounts, run.StartedAt, run.UpdatedAt, run.StartedBy).Scan(ctx, &run.ID)
	if err != nil {
		return Run{}, false, fmt.Errorf("begin a dunning run: %w", err)
	}
	return run, true, tx.Audit(ctx, "dunning_run", strconv.FormatInt(run.ID, 10), "start", nil, run)
}

// waiting is how many accounts a run would look at now.
func waiting(ctx context.Context, q bun.IDB, asOf string) (n int64, err error) {
	err = q.NewRaw(`SELECT COUNT(*) FROM (SELECT billing_account_id FROM receivable WHERE open > 0 AND due_on < ?
		UNION SELECT billing_account_id FROM dunning_case WHERE state = 'open') a`, asOf).Scan(ctx, &n)
	if err != nil {
		return 0, fmt.Errorf("count the accounts with something overdue: %w", err)
	}
	return n, nil
}

// next are the accounts that a run looks at now. Each half has its own limit, so
// that an index hands out what is wanted: the whole would be sorted for each batch.
func (r *Run) next(ctx context.Context, tx *database.Tx, limit int) (accounts []int64, err error) {
	err = tx.NewRaw(`SELECT id FROM (SELECT DISTINCT billing_account_id AS id FROM receivable WHERE open > 0 AND due_on < ? AND billing_account_id > ? ORDER BY 1 LIMIT ?) a
		UNION SELECT id FROM (SELECT billing_account_id AS id FROM dunning_case WHERE state = 'open' AND billing_account_id > ? ORDER BY 1 LIMIT ?) b
		ORDER BY 1 LIMIT ?`, r.AsOf, r.After, limit, r.After, limit, limit).Scan(ctx, &accounts)
	if err != nil {
		return nil, fmt.Errorf("accounts with something overdue: %w", err)
	}
	return accounts, nil
}

// save stores how far a run is.
func (r *Run) save(ctx context.Context, tx *database.Tx) error {
	text, err := json.Marshal(r.Steps)
	if err != nil {
		return err
	}
	r.StepsText, r.UpdatedAt = string(text), tx.Now()
	_, err = tx.ExecContext(ctx, `UPDATE dunning_run SET state = ?, after_account = ?, checked = ?, opened = ?, closed = ?, parked = ?, steps = ?, updated_at = ?, finished_at = ?
		WHERE id = ?`, r.State, r.After, r.Checked, r.Opened, r.Closed, r.Parked, r.StepsText, r.UpdatedAt, r.FinishedAt, r.ID)
	if err != nil {
		return fmt.Errorf("dunning run %d: %w", r.ID, err)
	}
	return nil
}
