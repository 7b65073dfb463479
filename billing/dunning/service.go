package dunning

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/uptrace/bun"

	"gyro/billing/ledger"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// Orders are product orders as dunning needs them. Each is placed in the given
// transaction, once for its key, for all services of the account; reference
// names the order, "" where there was nothing to order.
type Orders interface {
	Suspend(ctx context.Context, tx *database.Tx, account int64, key string) (reference string, err error)
	Resume(ctx context.Context, tx *database.Tx, account int64, key string) (reference string, err error)
	Terminate(ctx context.Context, tx *database.Tx, account int64, key string) (reference string, err error)
}

// Options wire a Service.
type Options struct {
	DB     *database.DB
	Orders Orders
	// Letter sends the customer a message, once for its key.
	Letter func(ctx context.Context, tx *database.Tx, account int64, template string, data map[string]string, key string) error
	// Charge puts a fee on the next bill, once for its key.
	Charge func(ctx context.Context, tx *database.Tx, account int64, amount money.Amount, currency, glCode, description, key string) error
	// Lifted hears that InDebt may not hold any more for an account and for those that it pays for.
	Lifted func(ctx context.Context, tx *database.Tx, account int64) error
	Logger *slog.Logger // nil is slog.Default()
}

// Service duns.
type Service struct{ o Options }

// New makes a service.
func New(o Options) *Service {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Service{o}
}

// lifted tells of the end of a debt.
func (s *Service) lifted(ctx context.Context, tx *database.Tx, account int64) error {
	if s.o.Lifted == nil {
		return nil
	}
	return s.o.Lifted(ctx, tx, account)
}

var worker = database.Actor{Name: "dunning", Role: "system", Via: "job"}

// Case is an account that owes something overdue.
type Case struct {
	ID           int64           `bun:"id,pk" json:"id"`
	Account      int64           `bun:"billing_account_id" json:"account"`
	State        string          `bun:"state" json:"state"` // open, closed
	OpenedOn     string          `bun:"opened_on" json:"openedOn"`
	OverdueSince string          `bun:"overdue_since" json:"overdueSince"`
	Overdue      money.Amount    `bun:"overdue" json:"overdue"`
	Currency     string          `bun:"currency" json:"currency"`
	Step         int             `bun:"step" json:"step"`
	Suspended    bool            `bun:"suspended" json:"suspended"`
	CheckedOn    string          `bun:"checked_on" json:"checkedOn"`
	HoldUntil    string          `bun:"hold_until" json:"holdUntil,omitempty"`
	HoldReason   string          `bun:"hold_reason" json:"holdReason,omitempty"`
	ClosedAt     instant.Instant `bun:"closed_at" json:"-"`
}

// CaseColumns are the columns of a Case.
const CaseColumns = "id, billing_account_id, state, opened_on, overdue_since, overdue, currency, step, suspended, checked_on, hold_until, hold_reason, closed_at"

// Taken is a step that was taken.
type Taken struct {
	CaseID    int64        `bun:"case_id" json:"case"`
	Step      int          `bun:"step" json:"step"`
	Action    Action       `bun:"kind" json:"action"`
	Overdue   money.Amount `bun:"overdue" json:"overdue"`
	On        string       `bun:"done_on" json:"on"`
	Reference string       `bun:"reference" json:"reference,omitempty"`
}

// History is what was done in a case, oldest first.
func History(ctx context.Context, q bun.IDB, id int64) ([]Taken, error) {
	var rows []Taken
	if err := q.NewRaw("SELECT case_id, step, kind, overdue, done_on, reference FROM dunning_action WHERE case_id = ? ORDER BY id", id).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("dunning case %d: %w", id, err)
	}
	return rows, nil
}

// GetCase returns a case.
func GetCase(ctx context.Context, q bun.IDB, id int64) (Case, error) {
	var rows []Case
	if err := q.NewRaw("SELECT "+CaseColumns+" FROM dunning_case WHERE id = ?", id).Scan(ctx, &rows); err != nil {
		return Case{}, fmt.Errorf("dunning case %d: %w", id, err)
	}
	if len(rows) == 0 {
		return Case{}, refusal.New(refusal.NotFound, "case_unknown", "case", "there is no dunning case %d", id)
	}
	return rows[0], nil
}

// openCase is the open case of an account, nil if it has none.
func openCase(ctx context.Context, tx *database.Tx, account int64) (*Case, error) {
	var rows []Case
	if err := tx.NewRaw("SELECT "+CaseColumns+" FROM dunning_case WHERE billing_account_id = ? AND state = 'open'", account).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("dunning case of account %d: %w", account, err)
	}
	if len(rows) == 0 {
		return nil, nil //nolint:nilnil // there is none
	}
	return &rows[0], nil
}

func saveCase(ctx context.Context, tx *database.Tx, c *Case) error {
	_, err := tx.ExecContext(ctx, `UPDATE dunning_case SET state = ?, overdue_since = ?, overdue = ?, step = ?, suspended = ?, checked_on = ?, hold_until = ?, hold_reason = ?, closed_at = ?
		WHERE id = ?`, c.State, c.OverdueSince, c.Overdue, c.Step, c.Suspended, c.CheckedOn, c.HoldUntil, c.HoldReason, c.ClosedAt, c.ID)
	if err != nil {
		return fmt.Errorf("dunning case %d: %w", c.ID, err)
	}
	return nil
}

// CurrentPolicy is the policy stored last, or Default.
func CurrentPolicy(ctx context.Context, q bun.IDB) (Policy, error) {
	var texts []string
	if err := q.NewRaw("SELECT definition FROM dunning_policy ORDER BY id DESC LIMIT 1").Scan(ctx, &texts); err != nil {
		return Policy{}, fmt.Errorf("dunning policy: %w", err)
	}
	if len(texts) == 0 {
		return Default(), nil
	}
	return ParsePolicy([]byte(texts[0]))
}

// SetPolicy stores a policy, which holds from then on; cases that are open go
// on with its steps behind the number of the one they had last. A policy's name
// is used once: what was done under it can be looked up.
func SetPolicy(ctx context.Context, tx *database.Tx, p Policy) error {
	if err := p.Check(); err != nil {
		return err
	}
	before, err := CurrentPolicy(ctx, tx)
	if err != nil {
		return err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	done, err := tx.ExecContext(ctx, "INSERT INTO dunning_policy (name, definition, created_at) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING", p.Name, string(text), tx.Now())
	if err != nil {
		return fmt.Errorf("dunning policy: %w", err)
	}
	if n, err := done.RowsAffected(); err != nil {
		return err
	} else if n == 0 {
		return refusal.New(refusal.Conflict, "policy_exists", "name", "there was a policy %q; give this one another name", p.Name)
	}
	return tx.Audit(ctx, "dunning_policy", p.Name, "create", before, p)
}

// longestHold is how many days ahead dunning may be put off.
const longestHold = 366

// Hold puts dunning off until a day has passed: the customer promised to pay, or
// somebody looks into it. An empty until releases the hold.
func (s *Service) Hold(ctx context.Context, tx *database.Tx, id int64, until, reason string) (Case, error) {
	c, err := GetCase(ctx, tx, id)
	if err != nil {
		return c, err
	}
	if c.State != "open" {
		return c, refusal.New(refusal.Conflict, "case_closed", "case", "dunning case %d is closed", id)
	}
	if until != "" && (days("2000-01-01", until) == 0 || until < c.CheckedOn || reason == "") {
		return c, refusal.New(refusal.Invalid, "hold_invalid", "until", "%q: a hold needs a reason, and a day from %s on, written as 2026-12-24", until, c.CheckedOn)
	}
	if today := ledger.Day(tx.Now()); until != "" && days(today, until) > longestHold {
		return c, refusal.New(refusal.Invalid, "hold_too_long", "until", "%s is more than %d days after today, %s; correct the year, or take an earlier day", until, longestHold, today)
	}
	before := c
	c.HoldUntil, c.HoldReason = until, reason
	if err := saveCase(ctx, tx, &c); err != nil {
		return c, err
	}
	return c, tx.Audit(ctx, "dunning_case", strconv.FormatInt(id, 10), "hold", before, c)
}

// overdue is what may be asked for of an account: open, not in dispute, due
// before the day.
func overdue(ctx context.Context, tx *database.Tx, account int64, asOf string) (sum money.Amount, since, currency string, due []ledger.Receivable, err error) {
	open, err := ledger.OpenReceivables(ctx, tx, account)
	if err != nil {
		return 0, "", "", nil, err
	}
	for k := range open {
		r := &open[k]
		if r.DueOn >= asOf || r.Dunnable() == 0 || (currency != "" && r.Currency != currency) {
			continue
		}
		if since == "" {
			since, currency = r.DueOn, r.Currency
		}
		sum += r.Dunnable()
		due = append(due, *r)
	}
	return sum, since, currency, due, nil
}

// Cases are the cases behind a cursor; an empty state and account 0 leave none
// out.
func Cases(ctx context.Context, q bun.IDB, state string, account, after int64, limit int) ([]Case, error) {
	var rows []Case
	err := q.NewRaw("SELECT "+CaseColumns+" FROM dunning_case WHERE id > ? AND (? = '' OR state = ?) AND (? = 0 OR billing_account_id = ?) ORDER BY id LIMIT ?",
		after, state, state, account, account, limit).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("dunning cases: %w", err)
	}
	return rows, nil
}
