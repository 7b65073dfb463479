package dunning

import (
	"context"
	"fmt"
	"strconv"

	"gyro/billing/ledger"
	"gyro/internal/database"
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
func (s *Service) check(ctx context.Context, tx *database.Tx, policy *Policy, account int64, asOf string) (Outcome, Action, error) {
	if err := ledger.Settle(ctx, tx, account, ledger.Day(tx.Now())); err != nil {
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
	if sum > 0 {
		if err := policy.covers(currency); err != nil {
			return Nothing, "", err
		}
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
	was := *c
	c.Overdue, c.OverdueSince, c.CheckedOn = sum, since, asOf
	st := state{asOf: asOf, since: since, overdue: sum, currency: currency, step: c.Step, holdUntil: c.HoldUntil}
	if st.lastOn, err = lastStep(ctx, tx, c.ID); err != nil {
		return Nothing, "", err
	}
	n := policy.next(&st)
	if n == 0 {
		if *c == was {
			return outcome, "", nil // as it was an hour ago
		}
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
		return s.order(ctx, tx, c, key, Suspend)
	case Terminate:
		c.Suspended = false // nothing is left that a payment could bring back
		return s.order(ctx, tx, c, key, Terminate)
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

// order places an order for the account of a case and for those that it pays for.
func (s *Service) order(ctx context.Context, tx *database.Tx, c *Case, key string, action Action) (string, error) {
	if s.o.Orders == nil {
		return "", nil
	}
	place := map[Action]func(context.Context, *database.Tx, int64, string) (string, error){
		Suspend: s.o.Orders.Suspend, Resume: s.o.Orders.Resume, Terminate: s.o.Orders.Terminate,
	}[action]
	accounts, err := concerned(ctx, tx, c, action)
	if err != nil {
		return "", err
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
	return references, tx.Flush(ctx) // so that the next account of the batch finds the lines locked
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
	if err != nil {
		return err
	}
	if !suspended {
		return s.lifted(ctx, tx, c.Account)
	}
	return enqueueResume(ctx, tx, c.Account)
}
