package customer

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// Terms brings the credit limit and the cycle day of an account in the charging
// core to what is stated; known is false where the core has no such account. It
// says what is to be, and may be repeated.
type Terms func(ctx context.Context, chargingAccount string, limit money.Amount, currency money.Currency, cycleDay int) (known bool, err error)

// termsArgs is the job that tells the core what has become of an account. It
// says which one only: what is told is what holds when it is told.
type termsArgs struct {
	Account int64 `json:"account"`
}

// Kind implements database.JobArgs.
func (termsArgs) Kind() string { return "billing_account_terms" }

// RegisterTerms lets a process tell the core of accounts that have changed.
func (s *Service) RegisterTerms(jobs *database.Jobs, tell Terms) {
	database.RegisterJob(jobs, func(ctx context.Context, a termsArgs, _ database.JobInfo) error {
		return s.tellTerms(ctx, a.Account, tell)
	}, database.Backoff(instant.Second, 10*instant.Minute), database.Forever())
}

// tellTerms tells the core what an account's terms are, and tells it again until
// they are still so afterwards: of several changes, and jobs at the same time,
// whoever tells last has seen the last value.
func (s *Service) tellTerms(ctx context.Context, id int64, tell Terms) error {
	a, lines, err := s.termsOf(ctx, id)
	for err == nil {
		currency, broken := money.ParseCurrency(a.Currency)
		if broken != nil {
			return fmt.Errorf("billing account %d: %w", id, broken)
		}
		known, untold := tell(ctx, a.ChargingAccount, a.CreditLimit, currency, a.CycleDay)
		switch {
		case untold != nil:
			return fmt.Errorf("terms of billing account %d: %w", id, untold)
		case !known && lines > 0: // an order is about to open it there, and may have looked before the change
			return database.SnoozeUntil(s.db.Now().Add(instant.Minute))
		case !known:
			return nil // its first order will say them
		}
		told := a
		if a, lines, err = s.termsOf(ctx, id); err == nil && a.CreditLimit == told.CreditLimit && a.CycleDay == told.CycleDay {
			return nil
		}
	}
	return err
}

// termsOf reads an account, and how many lines it has that are not ended.
func (s *Service) termsOf(ctx context.Context, id int64) (a BillingAccount, lines int64, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, q bun.IDB) error {
		if a, err = s.Account(ctx, q, id); err != nil {
			return err
		}
		lines, err = q.NewSelect().Model((*Subscription)(nil)).Where("billing_account_id = ? AND status <> ?", id, LineTerminated).Count(ctx)
		return err
	})
	return a, lines, err
}
