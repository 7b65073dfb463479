package dunning

import (
	"context"
	"errors"
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

// Outcome is what a check of one account came to.
type Outcome string

// The outcomes of checks.
const (
	Nothing Outcome = ""
	Opened  Outcome = "opened"
	Stepped Outcome = "stepped"
	Closed  Outcome = "closed"
)

// check looks at one account as of a day: opens or closes its case, or takes
// the step that is due.
func (s *Service) check(ctx context.Context, tx *database.Tx, account int64, asOf string) (Outcome, Action, error) {
	today := ledger.Day(tx.Now())
	if err := ledger.Settle(ctx, tx, account, today); err != nil {
		return Nothing, "", err
	}
	policy, err := CurrentPolicy(ctx, tx)
	if err != nil {
		return Nothing, "", err
	}
	c, err := openCase(ctx, tx, account)
	if err != nil {
		return Nothing, "", err
	}
	if c != nil && asOf < c.CheckedOn {
		return Nothing, "", nil // a run for a day that was looked at already
	}
	sum, since, currency, due, err := overdue(ctx, tx, account, asOf)
	if err != nil {
		return Nothing, "", err
	}
	if sum == 0 || sum < policy.Minimum.Of(currency) {
		if c == nil {
			return Nothing, "", nil
		}
		return Closed, "", s.lift(ctx, tx, c, asOf)
	}
	outcome := Nothing
	if c == nil {
		if c, err = open(ctx, tx, account, asOf, since, currency); err != nil {
			return Nothing, "", err
		}
		outcome = Opened
	}
	c.Overdue, c.OverdueSince, c.CheckedOn = sum, since, asOf
	st := state{asOf: asOf, since: since, overdue: sum, currency: currency, step: c.Step, holdUntil: c.HoldUntil}
	if st.lastOn, err = lastStep(ctx, tx, c.ID); err != nil {
		return Nothing, "", err
	}
	n := policy.next(&st)
	if n == 0 {
		return outcome, "", saveCase(ctx, tx, c)
	}
	step := &policy.Steps[n-1]
	if outcome == Nothing {
		outcome = Stepped
	}
	return outcome, step.Action, s.take(ctx, tx, c, n, step, asOf, due)
}

func open(ctx context.Context, tx *database.Tx, account int64, asOf, since, currency string) (*Case, error) {
	c := &Case{Account: account, State: "open", OpenedOn: asOf, OverdueSince: since, Currency: currency, CheckedOn: asOf}
	err := tx.NewRaw("INSERT INTO dunning_case (billing_account_id, state, opened_on, overdue_since, overdue, currency, checked_on) VALUES (?, 'open', ?, ?, 0, ?, ?) RETURNING id",
		account, asOf, since, currency, asOf).Scan(ctx, &c.ID)
	if err != nil {
		return nil, fmt.Errorf("dunning case of account %d: %w", account, err)
	}
	return c, tx.Audit(ctx, "dunning_case", strconv.FormatInt(c.ID, 10), "open", nil, c)
}

func lastStep(ctx context.Context, tx *database.Tx, id int64) (on string, err error) {
	err = tx.NewRaw("SELECT COALESCE(MAX(done_on), '') FROM dunning_action WHERE case_id = ?", id).Scan(ctx, &on)
	return on, err
}

// take takes a step: everything it does is in this transaction.
func (s *Service) take(ctx context.Context, tx *database.Tx, c *Case, n int, step *Step, asOf string, due []ledger.Receivable) error {
	before, key := *c, fmt.Sprintf("dunning-%d-%d", c.ID, n)
	c.Step = n
	reference, err := s.act(ctx, tx, c, step, key, due)
	if err != nil {
		return err
	}
	if err := note(ctx, tx, c, n, step.Action, asOf, reference); err != nil {
		return err
	}
	data := map[string]string{
		"number": due[0].Number, "amount": c.Overdue.String() + " " + c.Currency, "due": c.OverdueSince,
		"fee": step.Amount.Of(c.Currency).String() + " " + c.Currency,
	}
	if err := s.letter(ctx, tx, c.Account, step.letter(), data, key); err != nil {
		return err
	}
	if step.Action == WriteOff {
		c.State, c.ClosedAt = "closed", tx.Now()
	}
	if err := saveCase(ctx, tx, c); err != nil {
		return err
	}
	return tx.Audit(ctx, "dunning_case", strconv.FormatInt(c.ID, 10), string(step.Action), before, c)
}

func (s *Service) act(ctx context.Context, tx *database.Tx, c *Case, step *Step, key string, due []ledger.Receivable) (reference string, err error) {
	switch step.Action {
	case Fee:
		fee := step.Amount.Of(c.Currency)
		if s.o.Charge == nil || fee == 0 {
			return "", nil
		}
		return key, s.o.Charge(ctx, tx, c.Account, fee, c.Currency, ledger.DunningFees, "Dunning fee", key)
	case Suspend:
		c.Suspended = true
		return s.order(ctx, tx, c.Account, key, Suspend)
	case Terminate:
		c.Suspended = false // nothing is left that a payment could bring back
		return s.order(ctx, tx, c.Account, key, Terminate)
	case WriteOff:
		for k := range due {
			if _, err := ledger.WriteOff(ctx, tx, due[k].InvoiceID, ledger.Day(tx.Now()), key); err != nil {
				return "", err
			}
		}
	case Remind, Resume:
	}
	return "", nil
}

// order places an order for the account and for those that it pays for.
func (s *Service) order(ctx context.Context, tx *database.Tx, account int64, key string, action Action) (string, error) {
	if s.o.Orders == nil {
		return "", nil
	}
	place := map[Action]func(context.Context, *database.Tx, int64, string) (string, error){
		Suspend: s.o.Orders.Suspend, Resume: s.o.Orders.Resume, Terminate: s.o.Orders.Terminate,
	}[action]
	var accounts []int64
	if err := tx.NewRaw("SELECT id FROM billing_account WHERE id = ? OR payer_id = ? ORDER BY id", account, account).Scan(ctx, &accounts); err != nil {
		return "", fmt.Errorf("accounts that %d pays for: %w", account, err)
	}
	references := ""
	for _, of := range accounts {
		reference, err := place(ctx, tx, of, fmt.Sprintf("%s-%d", key, of))
		if err != nil {
			return "", err
		}
		if reference != "" && references != "" {
			references += " "
		}
		references += reference
	}
	return references, nil
}

// note writes the row that makes a step once.
func note(ctx context.Context, tx *database.Tx, c *Case, step int, action Action, on, reference string) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO dunning_action (case_id, step, kind, overdue, done_on, done_at, reference) VALUES (?, ?, ?, ?, ?, ?, ?)",
		c.ID, step, action, c.Overdue, on, tx.Now(), reference)
	if err != nil {
		return fmt.Errorf("dunning case %d, step %d: %w", c.ID, step, err)
	}
	return nil
}

func (s *Service) letter(ctx context.Context, tx *database.Tx, account int64, template string, data map[string]string, key string) error {
	if s.o.Letter == nil || template == "" {
		return nil
	}
	return s.o.Letter(ctx, tx, account, template, data, key)
}

// Lift closes the case of an account of which nothing is overdue any more; what
// was suspended is ordered to be resumed by a job of the same transaction, which
// is the payment's own.
func (s *Service) Lift(ctx context.Context, tx *database.Tx, account int64) error {
	c, err := suspendedOrOpen(ctx, tx, account)
	if err != nil || c == nil {
		return err
	}
	// A case that a run for a later day opened is judged as of that day.
	asOf := max(ledger.Day(tx.Now()), c.CheckedOn)
	policy, err := CurrentPolicy(ctx, tx)
	if err != nil {
		return err
	}
	sum, _, currency, _, err := overdue(ctx, tx, account, asOf)
	if err != nil || (sum > 0 && sum >= policy.Minimum.Of(currency)) {
		return err
	}
	return s.lift(ctx, tx, c, asOf)
}

// suspendedOrOpen is the case that a payment may bring to an end: the open one,
// or one that was closed by a write-off with the lines suspended, when none of
// the account's write-offs stands any more.
func suspendedOrOpen(ctx context.Context, tx *database.Tx, account int64) (*Case, error) {
	c, err := openCase(ctx, tx, account)
	if err != nil || c != nil {
		return c, err
	}
	var rows []Case
	err = tx.NewRaw("SELECT "+CaseColumns+` FROM dunning_case WHERE billing_account_id = ? AND state = 'closed' AND suspended
		AND NOT EXISTS (SELECT 1 FROM payment_allocation a JOIN credit w ON w.id = a.credit_id
			WHERE w.billing_account_id = dunning_case.billing_account_id AND w.source = 'write_off' AND a.reversed_at = 0)
		ORDER BY id DESC LIMIT 1`, account).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("suspended case of account %d: %w", account, err)
	}
	if len(rows) == 0 {
		return nil, nil //nolint:nilnil // there is none
	}
	return &rows[0], nil
}

// lift closes a case. Lines that are suspended come back by a job, at once: an
// order that is still at work on them must not keep a payment from being booked.
func (s *Service) lift(ctx context.Context, tx *database.Tx, c *Case, asOf string) error {
	before := *c
	c.Overdue, c.CheckedOn = 0, asOf
	if c.State != "closed" {
		c.State, c.ClosedAt = "closed", tx.Now()
	}
	if err := saveCase(ctx, tx, c); err != nil {
		return err
	}
	if err := tx.Audit(ctx, "dunning_case", strconv.FormatInt(c.ID, 10), "close", before, c); err != nil {
		return err
	}
	var suspended bool
	err := tx.NewRaw("SELECT EXISTS (SELECT 1 FROM dunning_case WHERE billing_account_id = ? AND suspended)", c.Account).Scan(ctx, &suspended)
	if err != nil || !suspended {
		return err
	}
	return enqueueResume(ctx, tx, c.Account)
}

// Failure is an account whose check was refused: it is left as it is, the
// others go on.
type Failure struct {
	Account int64  `json:"account"`
	Reason  string `json:"reason"`
}

// Summary is what a run came to.
type Summary struct {
	AsOf    string         `json:"asOf"`
	Checked int            `json:"checked"`
	Opened  int            `json:"opened"`
	Closed  int            `json:"closed"`
	Steps   map[Action]int `json:"steps"`
	Failed  []Failure      `json:"failed,omitempty"`
}

// String tells a run in one line, for logs.
func (s *Summary) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "as of %s: %d checked, %d opened, %d closed, %d failed", s.AsOf, s.Checked, s.Opened, s.Closed, len(s.Failed))
	for _, action := range slices.Sorted(maps.Keys(s.Steps)) {
		fmt.Fprintf(&text, ", %s %d", action, s.Steps[action])
	}
	return text.String()
}

// furthest is how many days ahead of today an account may be dunned. A case that
// was looked at as of a day is left alone until then, so that a year that was
// mistyped must not pass.
const furthest = 184

// accountsAtOnce is a page of a run.
const accountsAtOnce = 500

// Run checks every account that has something overdue as of a day, or an open
// case. It may be repeated, killed and run beside another one.
func (s *Service) Run(ctx context.Context, by database.Actor, asOf string) (Summary, error) {
	summary := Summary{AsOf: asOf, Steps: map[Action]int{}}
	if days("1970-01-01", asOf) <= 0 {
		return summary, refusal.New(refusal.Invalid, "date_invalid", "asOf", "%q is no day; write it as 2026-11-23", asOf)
	}
	if today := ledger.Day(s.o.DB.Now()); days(today, asOf) > furthest {
		return summary, refusal.New(refusal.Invalid, "date_too_far", "asOf", "%s is more than %d days after today, %s; correct the year, or dun as of an earlier day", asOf, furthest, today)
	}
	after := int64(0)
	for {
		var accounts []int64
		err := s.o.DB.Read(ctx, func(ctx context.Context, q bun.IDB) error {
			return q.NewRaw(`SELECT billing_account_id FROM receivable WHERE open > 0 AND due_on < ? AND billing_account_id > ?
				UNION SELECT billing_account_id FROM dunning_case WHERE state = 'open' AND billing_account_id > ? ORDER BY 1 LIMIT ?`,
				asOf, after, after, accountsAtOnce).Scan(ctx, &accounts)
		})
		if err != nil {
			return summary, fmt.Errorf("accounts with something overdue: %w", err)
		}
		for _, account := range accounts {
			after = account
			if err := s.checkOne(ctx, by, account, asOf, &summary); err != nil {
				return summary, err
			}
		}
		if len(accounts) < accountsAtOnce {
			return summary, nil
		}
	}
}

func (s *Service) checkOne(ctx context.Context, by database.Actor, account int64, asOf string, summary *Summary) error {
	var outcome Outcome
	var action Action
	err := s.o.DB.Write(ctx, by, func(ctx context.Context, tx *database.Tx) (err error) {
		outcome, action, err = s.check(ctx, tx, account, asOf)
		return err
	})
	summary.Checked++
	if refused := refusal.Of(err); refused != nil { // the others go on
		summary.Failed = append(summary.Failed, Failure{account, refused.Error()})
		s.o.Logger.WarnContext(ctx, "an account could not be dunned", "account", account, "error", refused)
		return nil
	}
	if err != nil {
		return fmt.Errorf("account %d: %w", account, err)
	}
	switch outcome {
	case Opened:
		summary.Opened++
	case Closed:
		summary.Closed++
	case Stepped, Nothing:
	}
	if action != "" {
		summary.Steps[action]++
	}
	return nil
}

// runArgs is the job of a run.
type runArgs struct {
	AsOf string `json:"as_of"`
}

// Kind implements database.JobArgs.
func (runArgs) Kind() string { return "dunning_run" }

// Register names the workers of the jobs of a run, and has one every hour: what becomes overdue at
// midnight is seen within one, and a check of what was seen does nothing.
func (s *Service) Register(jobs *database.Jobs) {
	database.RegisterJob(jobs, func(ctx context.Context, a runArgs, _ database.JobInfo) error {
		summary, err := s.Run(ctx, worker, a.AsOf)
		if err == nil {
			s.o.Logger.InfoContext(ctx, "dunning", "run", summary.String())
		}
		return errors.Join(err, s.ResumeAgain(ctx))
	}, database.Timeout(0))
	database.RegisterJob(jobs, func(ctx context.Context, a resumeArgs, _ database.JobInfo) error { return s.Resume(ctx, a.Account) },
		database.Backoff(instant.Second, 10*instant.Minute), database.Forever())
	jobs.Every("dunning", instant.Hour, func(slot instant.Instant) database.JobArgs { return runArgs{AsOf: ledger.Day(slot)} })
}
