package payment

import (
	"context"
	"fmt"
	"strconv"

	"github.com/uptrace/bun"

	"gyro/billing/ledger"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// AdjustmentState is where an adjustment stands.
type AdjustmentState string

// The states of adjustments.
const (
	AdjustmentWaiting AdjustmentState = "waiting" // the core has not answered yet
	AdjustmentDone    AdjustmentState = "done"
	AdjustmentRefused AdjustmentState = "refused" // for good, with the core's words as failure
)

// Adjustment is money of a balance in the charging core that somebody adds or
// takes for a reason: nobody has paid anything.
type Adjustment struct {
	bun.BaseModel `bun:"table:balance_adjustment,alias:b"`

	ID         int64           `bun:"id,pk,autoincrement"`
	Account    int64           `bun:"billing_account_id"`
	Amount     money.Amount    `bun:"amount"` // up to six decimals; below zero is taken
	Currency   string          `bun:"currency"`
	Reason     string          `bun:"reason"` // a code: an account of the core's ledger
	AskedBy    string          `bun:"asked_by"`
	ApprovedBy string          `bun:"approved_by"` // where a second person had to agree
	Key        string          `bun:"key"`
	State      AdjustmentState `bun:"state"`
	Failure    string          `bun:"failure"`
	CreatedAt  instant.Instant `bun:"created_at"`
	DoneAt     instant.Instant `bun:"done_at"`
}

// Name is what the adjustment is called in the books and in the core.
func (a *Adjustment) Name() string { return "adjustment-" + strconv.FormatInt(a.ID, 10) }

// Adjust takes an adjustment down and has a job carry it out. The same with the
// same key returns the one that is there.
func (s *Service) Adjust(ctx context.Context, tx *database.Tx, a Adjustment) (Adjustment, error) {
	of, err := accountOf(ctx, tx.IDB, a.Account)
	switch {
	case err != nil:
		return a, err
	case a.Key == "" || a.Reason == "" || a.Amount == 0:
		return a, refusal.New(refusal.Invalid, "adjustment_incomplete", "amount", "an adjustment needs an amount other than zero, a reason, and a key that makes it once")
	case a.Currency != of.Currency:
		return a, refusal.New(refusal.Unprocessable, "currency_differs", "amount.units", "account %d is kept in %s, not in %q", of.ID, of.Currency, a.Currency)
	}
	var was []Adjustment
	if err := tx.NewSelect().Model(&was).Where("key = ?", a.Key).Scan(ctx); err != nil {
		return a, fmt.Errorf("adjustment: %w", err)
	}
	if len(was) > 0 {
		if w := &was[0]; w.Account != a.Account || w.Amount != a.Amount || w.Currency != a.Currency || w.Reason != a.Reason {
			return a, refusal.New(refusal.Conflict, "key_reused", "key", "key %q was used for %s of %s %s on account %d; a new adjustment needs a new key", a.Key, w.Name(), w.Amount, w.Currency, w.Account)
		}
		if was[0].State != AdjustmentRefused {
			return was[0], nil
		}
		was[0].State, was[0].Failure, was[0].DoneAt = AdjustmentWaiting, "", 0 // nothing has moved: it may be asked again
		if _, err := tx.NewUpdate().Model(&was[0]).Column("state", "failure", "done_at").WherePK().Exec(ctx); err != nil {
			return a, fmt.Errorf("%s: %w", was[0].Name(), err)
		}
		if err := auditAdjustment(ctx, tx, "again", &was[0]); err != nil {
			return a, err
		}
		return was[0], tx.Enqueue(ctx, adjustArgs{Adjustment: was[0].ID})
	}
	a.State, a.CreatedAt = AdjustmentWaiting, tx.Now()
	// Of two at once the one that comes second is repeated by the database, and finds the first: without the clause
	// PostgreSQL would report its key as a violation of the constraint.
	if _, err := tx.NewInsert().Model(&a).On("CONFLICT (key) DO NOTHING").Returning("id").Exec(ctx); err != nil {
		return a, fmt.Errorf("new adjustment: %w", err)
	}
	if err := auditAdjustment(ctx, tx, "create", &a); err != nil {
		return a, err
	}
	return a, tx.Enqueue(ctx, adjustArgs{Adjustment: a.ID})
}

// adjustArgs is the job that carries an adjustment out.
type adjustArgs struct {
	Adjustment int64 `json:"adjustment"`
}

// Kind implements database.JobArgs.
func (adjustArgs) Kind() string { return "payment_adjust" }

// GetAdjustment returns an adjustment.
func GetAdjustment(ctx context.Context, q bun.IDB, id int64) (Adjustment, error) {
	var rows []Adjustment
	if err := q.NewSelect().Model(&rows).Where("id = ?", id).Scan(ctx); err != nil {
		return Adjustment{}, fmt.Errorf("adjustment %d: %w", id, err)
	}
	if len(rows) == 0 {
		return Adjustment{}, refusal.New(refusal.NotFound, "adjustment_unknown", "adjustment", "there is no adjustment %d", id)
	}
	return rows[0], nil
}

// CarryOut moves the money of an adjustment in the core, once, and books it. It
// is the job's, for those who do not want to wait for it. What it returns of an
// adjustment that the core refused is no error.
func (s *Service) CarryOut(ctx context.Context, id int64) (Adjustment, error) {
	get := func(ctx context.Context, q bun.IDB) (Adjustment, error) { return GetAdjustment(ctx, q, id) }
	a, err := read(ctx, s.o.DB, get)
	if err != nil || a.State != AdjustmentWaiting {
		return a, err
	}
	refused, err := s.core(ctx, a.Account, a.Currency, func(account string, c money.Currency) error {
		return s.o.Core.Adjust(ctx, account, &a, c)
	})
	if err != nil {
		return a, err
	}
	err = s.o.DB.Write(ctx, worker, func(ctx context.Context, tx *database.Tx) (err error) {
		if a, err = get(ctx, tx.IDB); err != nil || a.State != AdjustmentWaiting {
			return err
		}
		a.State, a.DoneAt = AdjustmentDone, tx.Now()
		if refused != nil {
			a.State, a.Failure = AdjustmentRefused, refused.Error()
		}
		// The row comes before the books: of two at once the second one is repeated for it, and finds that it is done.
		if _, err := tx.NewUpdate().Model(&a).Column("state", "failure", "done_at").WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("%s: %w", a.Name(), err)
		}
		if refused == nil {
			if err := s.bookAdjustment(ctx, tx, &a); err != nil {
				return err
			}
		}
		return auditAdjustment(ctx, tx, string(a.State), &a)
	})
	return a, err
}

// bookAdjustment books what was given to a prepaid balance as goodwill. What a
// postpaid account owes for usage is in no book here before it is billed.
func (s *Service) bookAdjustment(ctx context.Context, tx *database.Tx, a *Adjustment) error {
	of, err := accountOf(ctx, tx.IDB, a.Account)
	if err != nil || of.Kind != "prepaid" {
		return err
	}
	return ledger.Post(ctx, tx, ledger.Move(ledger.KindAdjustment, a.Reason, a.Name(), ledger.Day(tx.Now()),
		ledger.Goodwill, ledger.PrepaidBalances, a.Account, a.Amount, a.Currency))
}

func auditAdjustment(ctx context.Context, tx *database.Tx, action string, a *Adjustment) error {
	return tx.Audit(ctx, "balance_adjustment", strconv.FormatInt(a.ID, 10), action, nil, map[string]any{
		"account": a.Account, "amount": a.Amount.In(a.Currency), "currency": a.Currency, "reason": a.Reason, "askedBy": a.AskedBy, "approvedBy": a.ApprovedBy,
		"state": a.State, "failure": a.Failure,
	})
}
