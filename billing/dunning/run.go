package dunning

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/refusal"
)

// accountsAtOnce is how many accounts are looked at in one transaction: so many
// steps wait for one sync of the disk, and a payment that another process books
// meanwhile for no longer than a tenth of a second.
const accountsAtOnce = 50

// ordersAtOnce is of how many accounts orders are placed in one transaction: an
// order, which is checked and decomposed, takes as long as several letters.
const ordersAtOnce = 10

// Begin makes a run as of a day, or finds the one that is open, whatever its
// day, and leaves it to a job of the same transaction.
func (s *Service) Begin(ctx context.Context, tx *database.Tx, asOf string) (Run, error) {
	run, is, err := begin(ctx, tx, asOf)
	if err != nil {
		return run, err
	}
	if !is { // its job may have been given up: it has one again
		if err := tx.Audit(ctx, "dunning_run", strconv.FormatInt(run.ID, 10), "resume", nil, map[string]string{"wanted": asOf}); err != nil {
			return run, err
		}
	}
	return run, tx.Enqueue(ctx, batchesArgs{Run: run.ID, By: tx.By().Name, Role: tx.By().Role}, database.Queue(queue), database.UniqueKey(strconv.FormatInt(run.ID, 10)))
}

// Run carries a run out at once: it looks at every account that has something
// overdue as of a day, or an open case. It may be repeated, killed and carried out
// beside another one; where one for another day is open, that one is done first.
func (s *Service) Run(ctx context.Context, by database.Actor, asOf string) (run Run, err error) {
	for {
		err = s.o.DB.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error {
			run, _, err = begin(ctx, tx, asOf)
			return err
		})
		if err != nil {
			return run, err
		}
		if run, err = s.GoOn(ctx, by, run.ID, nil); err != nil || run.AsOf == asOf {
			return run, err
		}
	}
}

// GoOn carries on with a run from where it is until it is done. Progress, which
// may be nil, is called after each transaction. How far the run is, is stored with the
// steps themselves, so that it may be killed at any moment, and two may do it at once.
func (s *Service) GoOn(ctx context.Context, by database.Actor, id int64, progress func(Run)) (run Run, err error) {
	limit := accountsAtOnce
	for {
		run, err = s.batch(ctx, by, id, limit)
		stuck, isStuck := errors.AsType[*stuckError](err)
		switch {
		case err == nil:
			limit = accountsAtOnce
		case !isStuck || ctx.Err() != nil:
			return run, err
		case stuck.before > 0: // those before it first, so that what they did is stored
			limit = stuck.before
			continue
		default:
			if run, err = s.park(ctx, by, id, stuck); err != nil {
				return run, err
			}
			limit = accountsAtOnce
		}
		if progress != nil {
			progress(run)
		}
		if run.State == Done {
			return run, nil
		}
	}
}

// stuckError is an account that could not be dunned, which the whole of its
// transaction was undone for.
type stuckError struct {
	account int64
	before  int // accounts of the same transaction that were dunned
	err     error
}

func (e *stuckError) Error() string { return fmt.Sprintf("account %d: %v", e.account, e.err) }
func (e *stuckError) Unwrap() error { return e.err }

// batch looks at the next accounts of a run, in one transaction with how far it is.
func (s *Service) batch(ctx context.Context, by database.Actor, id int64, limit int) (run Run, err error) {
	err = s.o.DB.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error {
		if run, err = claim(ctx, tx, id); err != nil || run.State != Running {
			return err
		}
		policy, err := CurrentPolicy(ctx, tx)
		if err != nil {
			return err
		}
		accounts, err := run.next(ctx, tx, limit)
		if err != nil {
			return err
		}
		from, ordered := run.After, run.ordered()
		for k, account := range accounts {
			if err := s.look(ctx, tx, &run, &policy, account); err != nil {
				return &stuckError{account, k, err}
			}
			if run.ordered() >= ordered+ordersAtOnce {
				break
			}
		}
		if n := len(accounts); n == 0 || n < limit && run.After == accounts[n-1] {
			return run.finish(ctx, tx, from)
		}
		if err := unpark(ctx, tx, &run, "billing_account_id > ? AND billing_account_id <= ?", from, run.After); err != nil {
			return err
		}
		return run.save(ctx, tx)
	})
	return run, err
}

// ordered is how many steps of a run placed orders.
func (r *Run) ordered() int64 { return r.Steps[Suspend] + r.Steps[Terminate] }

// claim reads a run for the end of the transaction: of two that go on with it the
// second waits, and begins again with what the first has stored.
func claim(ctx context.Context, tx *database.Tx, id int64) (Run, error) {
	if _, err := tx.ExecContext(ctx, "UPDATE dunning_run SET updated_at = ? WHERE id = ? AND state = 'running'", tx.Now(), id); err != nil {
		return Run{}, fmt.Errorf("dunning run %d: %w", id, err)
	}
	return GetRun(ctx, tx, id)
}

// look looks at one account and counts what came of it.
func (s *Service) look(ctx context.Context, tx *database.Tx, run *Run, policy *Policy, account int64) error {
	outcome, action, err := s.check(ctx, tx, policy, account, run.AsOf)
	if refusal.Is(err, noMinimum) { // nothing was done, of whom there may be thousands
		if err = parkIn(ctx, tx, run, account, err.Error()); err == nil {
			run.After = account
		}
		return err
	}
	if err != nil {
		return err
	}
	run.After = account
	run.Checked++
	switch outcome {
	case Opened:
		run.Opened++
	case Closed:
		run.Closed++
	case Stepped, Nothing:
	}
	if action != "" {
		run.Steps[action]++
	}
	return nil
}

// finish ends a run that has looked at all accounts, those behind from just now.
func (r *Run) finish(ctx context.Context, tx *database.Tx, from int64) error {
	if err := unpark(ctx, tx, r, "billing_account_id > ?", from); err != nil {
		return err
	}
	r.State, r.FinishedAt = Done, tx.Now()
	if err := r.save(ctx, tx); err != nil {
		return err
	}
	return tx.Audit(ctx, "dunning_run", strconv.FormatInt(r.ID, 10), "finish", nil, r)
}

// unpark lets accounts go that an earlier run parked and this one did not.
func unpark(ctx context.Context, tx *database.Tx, run *Run, which string, args ...any) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM dunning_parked WHERE "+which+" AND run_id <> ?", append(args, run.ID)...); err != nil {
		return fmt.Errorf("dunning run %d: accounts that are parked no more: %w", run.ID, err)
	}
	return nil
}

// park leaves an account that could not be dunned as it is, so that the others go
// on. What is no refusal is a fault, of the program or of the data: it is told in
// the log, too. Where the database itself fails, this transaction does, and the job
// is tried again.
func (s *Service) park(ctx context.Context, by database.Actor, id int64, stuck *stuckError) (run Run, err error) {
	reason := stuck.err.Error()
	if refused := refusal.Of(stuck.err); refused != nil {
		reason = refused.Error()
	} else {
		s.o.Logger.ErrorContext(ctx, "an account could not be dunned, by a fault", "account", stuck.account, "error", stuck.err)
	}
	err = s.o.DB.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error {
		if run, err = claim(ctx, tx, id); err != nil || run.State != Running || run.After >= stuck.account {
			return err // somebody else has got on
		}
		if err := unpark(ctx, tx, &run, "billing_account_id > ? AND billing_account_id < ?", run.After, stuck.account); err != nil {
			return err
		}
		if err := parkIn(ctx, tx, &run, stuck.account, reason); err != nil {
			return err
		}
		run.After = stuck.account
		return run.save(ctx, tx)
	})
	return run, err
}

// parkIn writes an account down as parked, and counts it.
func parkIn(ctx context.Context, tx *database.Tx, run *Run, account int64, reason string) error {
	var was []string
	if err := tx.NewRaw("SELECT reason FROM dunning_parked WHERE billing_account_id = ?", account).Scan(ctx, &was); err != nil {
		return fmt.Errorf("park account %d: %w", account, err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO dunning_parked (billing_account_id, run_id, reason, since) VALUES (?, ?, ?, ?)
		ON CONFLICT (billing_account_id) DO UPDATE SET run_id = excluded.run_id, reason = excluded.reason`, account, run.ID, reason, tx.Now()); err != nil {
		return fmt.Errorf("park account %d: %w", account, err)
	}
	run.Checked++
	run.Parked++
	if len(was) > 0 && was[0] == reason { // not in the audit trail each hour again
		return nil
	}
	return tx.Audit(ctx, "billing_account", strconv.FormatInt(account, 10), "park", nil, map[string]any{"dunning_run": run.ID, "reason": reason})
}

// hourly begins the run of an hour, unless there is nothing to look at.
func (s *Service) hourly(ctx context.Context, asOf string) error {
	var n int64
	err := s.o.DB.Read(ctx, func(ctx context.Context, q bun.IDB) (err error) {
		n, err = waiting(ctx, q, asOf)
		return err
	})
	if err != nil || n == 0 {
		return err
	}
	return s.o.DB.Write(ctx, worker, func(ctx context.Context, tx *database.Tx) error {
		_, err := s.Begin(ctx, tx, asOf)
		return err
	})
}
