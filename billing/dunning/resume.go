package dunning

import (
	"context"
	"fmt"
	"strconv"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/instant"
)

// resumeArgs is the job that brings suspended lines back.
type resumeArgs struct {
	Account int64 `json:"account"`
}

// Kind implements database.JobArgs.
func (resumeArgs) Kind() string { return "dunning_resume" }

func enqueueResume(ctx context.Context, tx *database.Tx, account int64) error {
	return tx.Enqueue(ctx, resumeArgs{Account: account}, database.UniqueKey(strconv.FormatInt(account, 10)))
}

// soon is when lines are back after a debt was lifted, unless something keeps
// them.
const soon = 10 * instant.Minute

// ResumeAgain has a job for every account whose debt was lifted and whose lines
// are suspended for it still, such as behind an order that waits for people:
// whoever has paid is not to be forgotten. Each is told of in the log, once an
// hour. A case that a write-off closed has something
// overdue still, and is left as it is.
func (s *Service) ResumeAgain(ctx context.Context) error {
	var accounts []int64
	err := s.o.DB.Read(ctx, func(ctx context.Context, q bun.IDB) error {
		return q.NewRaw(`SELECT DISTINCT billing_account_id FROM dunning_case c WHERE suspended AND state = 'closed' AND overdue = 0 AND closed_at < ?
			AND NOT EXISTS (SELECT 1 FROM dunning_case o WHERE o.billing_account_id = c.billing_account_id AND o.state = 'open') ORDER BY 1`, s.o.DB.Now().Add(-soon)).Scan(ctx, &accounts)
	})
	if err != nil || len(accounts) == 0 {
		return err
	}
	s.o.Logger.WarnContext(ctx, "accounts have paid, and their lines are suspended still: see whether one of their orders waits for people (gyro fallout list)", "accounts", accounts)
	return s.o.DB.Write(ctx, worker, func(ctx context.Context, tx *database.Tx) error {
		for _, account := range accounts {
			if err := enqueueResume(ctx, tx, account); err != nil {
				return err
			}
		}
		return nil
	})
}

// InDebt reports whether the lines of an account are suspended or ended for what
// it, or an account that pays for it, owes: nothing of it is to come into use.
func InDebt(ctx context.Context, q bun.IDB, account int64) (debt bool, err error) {
	err = q.NewRaw(paying+`SELECT EXISTS (SELECT 1 FROM dunning_case c JOIN paying b ON c.billing_account_id = b.id
		WHERE c.suspended OR c.state = 'open' AND EXISTS (SELECT 1 FROM dunning_action d WHERE d.case_id = c.id AND d.kind IN ('suspend', 'terminate'))
			OR EXISTS (SELECT 1 FROM payment_allocation a JOIN credit w ON w.id = a.credit_id
				WHERE w.billing_account_id = c.billing_account_id AND w.source = 'write_off' AND a.reversed_at = 0))`, account).Scan(ctx, &debt)
	if err != nil {
		return false, fmt.Errorf("debt of account %d: %w", account, err)
	}
	return debt, nil
}

// Resume orders what the closed cases of an account have suspended to come back,
// once for each. With an open case it does nothing: that one's end brings it
// about. A refusal means that it is to be tried again later.
func (s *Service) Resume(ctx context.Context, account int64) error {
	return s.o.DB.Write(ctx, worker, func(ctx context.Context, tx *database.Tx) error {
		if c, err := openCase(ctx, tx, account); err != nil || c != nil {
			return err
		}
		var cases []Case
		if err := tx.NewRaw("SELECT "+CaseColumns+" FROM dunning_case WHERE billing_account_id = ? AND suspended ORDER BY id", account).Scan(ctx, &cases); err != nil {
			return fmt.Errorf("suspended cases of account %d: %w", account, err)
		}
		for k := range cases {
			if err := s.resume(ctx, tx, &cases[k]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) resume(ctx context.Context, tx *database.Tx, c *Case) error {
	before, key := *c, fmt.Sprintf("dunning-%d-resume", c.ID)
	reference, err := s.order(ctx, tx, c, key, Resume)
	if err != nil {
		return err
	}
	if err := note(ctx, tx, c, c.Step, Resume, c.CheckedOn, reference); err != nil {
		return err
	}
	if err := s.letter(ctx, tx, c.Account, "resumed", nil, key); err != nil {
		return err
	}
	c.Suspended = false
	if err := saveCase(ctx, tx, c); err != nil {
		return err
	}
	if err := s.lifted(ctx, tx, c.Account); err != nil {
		return err
	}
	return tx.Audit(ctx, "dunning_case", strconv.FormatInt(c.ID, 10), "resume", before, c)
}
