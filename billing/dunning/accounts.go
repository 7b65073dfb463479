package dunning

import (
	"context"
	"fmt"

	"gyro/internal/database"
)

// A bill is the payer's at the top, through however many levels accounts pay for
// each other; what becomes of its debt, becomes of all of them.
const (
	// paidFor is an account, and those that it pays for.
	paidFor = `WITH RECURSIVE paid (id) AS (SELECT id FROM billing_account WHERE id = ?
		UNION SELECT b.id FROM billing_account b JOIN paid p ON b.payer_id = p.id) `
	// paying is an account, and those that pay for it.
	paying = `WITH RECURSIVE paying (id, payer_id) AS (SELECT id, payer_id FROM billing_account WHERE id = ?
		UNION SELECT b.id, b.payer_id FROM billing_account b JOIN paying p ON b.id = p.payer_id) `
)

// concerned are the accounts whose lines an action of a case is about. What it
// suspends is written down: an account that has another payer when the debt is
// paid is resumed all the same, and one whose lines another case keeps is not.
func concerned(ctx context.Context, tx *database.Tx, c *Case, action Action) (accounts []int64, err error) {
	switch action {
	case Suspend:
		if _, err := tx.ExecContext(ctx, "INSERT INTO dunning_suspended (case_id, billing_account_id) "+paidFor+"SELECT ?, id FROM paid WHERE TRUE ON CONFLICT DO NOTHING",
			c.Account, c.ID); err != nil {
			return nil, fmt.Errorf("accounts that case %d suspends: %w", c.ID, err)
		}
	case Resume:
		return toResume(ctx, tx, c)
	case Remind, Fee, Terminate, WriteOff:
	}
	if err := tx.NewRaw(paidFor+"SELECT id FROM paid ORDER BY id", c.Account).Scan(ctx, &accounts); err != nil {
		return nil, fmt.Errorf("accounts that %d pays for: %w", c.Account, err)
	}
	return accounts, nil
}

// toResume are the accounts that a case has suspended, but those that are
// suspended for what they, or others that pay for them, owe as well.
func toResume(ctx context.Context, tx *database.Tx, c *Case) (accounts []int64, err error) {
	var suspended []int64
	err = tx.NewRaw(paidFor+"SELECT id FROM paid UNION SELECT billing_account_id FROM dunning_suspended WHERE case_id = ? ORDER BY 1", c.Account, c.ID).Scan(ctx, &suspended)
	if err != nil {
		return nil, fmt.Errorf("accounts that case %d has suspended: %w", c.ID, err)
	}
	for _, account := range suspended {
		var kept bool
		err := tx.NewRaw(paying+"SELECT EXISTS (SELECT 1 FROM dunning_case WHERE suspended AND id <> ? AND billing_account_id IN (SELECT id FROM paying))", account, c.ID).Scan(ctx, &kept)
		if err != nil {
			return nil, fmt.Errorf("debts of account %d: %w", account, err)
		}
		if !kept {
			accounts = append(accounts, account)
		}
	}
	return accounts, nil
}
