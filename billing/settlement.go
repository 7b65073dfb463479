package billing

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/uptrace/bun"

	"gyro/api/client"
	"gyro/billing/run"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// FollowUp settles the usage of finalised documents in the core and tells their
// customers. Both happen once, however often it is asked: settlements by their
// key in the core, messages by theirs in the outbox.
func (s *Service) FollowUp(ctx context.Context, f run.FollowUp) error {
	return errors.Join(s.settle(ctx, f), s.tell(ctx, f))
}

type settlementRow struct {
	Invoice         int64           `bun:"invoice_id"`
	Account         int64           `bun:"billing_account_id"`
	ChargingAccount string          `bun:"charging_account"`
	Amount          int64           `bun:"amount"`
	Currency        string          `bun:"currency"`
	TriedAt         instant.Instant `bun:"tried_at"` // when it was sent first; 0: never
}

func (w *settlementRow) key() string { return fmt.Sprintf("invoice-%d", w.Invoice) }

func (s *Service) settle(ctx context.Context, f run.FollowUp) error {
	var waiting []settlementRow
	err := s.db.Read(ctx, func(ctx context.Context, q bun.IDB) error {
		return q.NewRaw(`SELECT invoice_id, billing_account_id, charging_account, amount, currency, tried_at FROM invoice_settlement
			WHERE settled_at = 0 AND invoice_id BETWEEN ? AND ? ORDER BY invoice_id`, f.First, f.Last).Scan(ctx, &waiting)
	})
	if err != nil {
		return fmt.Errorf("read the settlements: %w", err)
	}
	if len(waiting) == 0 {
		return nil
	}
	if err := s.tries(ctx, f); err != nil {
		return err
	}
	var later error
	for k := range waiting {
		if err := s.settleOne(ctx, &waiting[k]); err != nil {
			later = err
		}
	}
	return later
}

// tries notes that settlements are about to be sent. What was noted before may
// have been carried out, and its answer lost, longer ago than the core remembers
// keys. The moment is housekeeping, and leaves no audit row.
func (s *Service) tries(ctx context.Context, f run.FollowUp) error {
	return s.db.Write(ctx, worker, func(ctx context.Context, tx *database.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE invoice_settlement SET tried_at = ? WHERE settled_at = 0 AND tried_at = 0 AND invoice_id BETWEEN ? AND ?", tx.Now(), f.First, f.Last)
		if err != nil {
			return fmt.Errorf("note the settlements: %w", err)
		}
		return nil
	})
}

// settleOne settles one account's usage. What the core refuses for good is kept
// with its reason, where people see it; anything else is tried again.
func (s *Service) settleOne(ctx context.Context, w *settlementRow) error {
	currency, err := money.ParseCurrency(w.Currency)
	if err != nil {
		return err
	}
	moved := false
	if w.TriedAt != 0 {
		_, moved, err = s.core.Moved(ctx, w.ChargingAccount, client.SettlementKind, w.key(), w.TriedAt)
	}
	if err == nil && !moved {
		_, err = s.core.Settle(ctx, w.ChargingAccount, w.key(), client.Settlement{Amount: money.Amount(w.Amount), Currency: currency})
	}
	failure, at := "", s.db.Now()
	if client.Final(err) {
		failure, at, err = err.Error(), 0, nil
	}
	if err != nil {
		return fmt.Errorf("settle invoice %d with account %s: %w", w.Invoice, w.ChargingAccount, err)
	}
	if failure != "" {
		s.log.Warn("the core refused to settle an invoice", "invoice", w.Invoice, "account", w.ChargingAccount, "refusal", failure)
	}
	return s.db.Write(ctx, worker, func(ctx context.Context, tx *database.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE invoice_settlement SET settled_at = ?, failure = ? WHERE invoice_id = ? AND billing_account_id = ?", at, failure, w.Invoice, w.Account); err != nil {
			return fmt.Errorf("settle invoice %d: %w", w.Invoice, err)
		}
		return tx.Audit(ctx, "invoice", strconv.FormatInt(w.Invoice, 10), "settle", nil, map[string]any{"account": w.Account, "amount": money.Amount(w.Amount).In(w.Currency), "currency": w.Currency, "failure": failure})
	})
}

var worker = database.Actor{Name: "billing", Role: "administrator", Via: "job"}
