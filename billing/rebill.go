package billing

import (
	"context"
	"fmt"

	"gyro/billing/charge"
	"gyro/billing/invoice"
	"gyro/billing/run"
	"gyro/internal/database"
	"gyro/internal/refusal"
)

// Rebill takes an invoice back as a whole and bills its period anew: with the
// prices, products and usage as they are known now. Only the last bill of an
// account can be billed anew: what is charged of its prices and how far its usage
// is billed is kept as it was before that one. What is older is corrected by a
// credit note and, where something is still owed, a charge on the next bill.
//
// The credit note and the account's return to where it was before the bill are
// one transaction; the new bill is another. Whoever is killed in between leaves an
// account that is due, which the next run bills.
func (s *Service) Rebill(ctx context.Context, by database.Actor, id int64, reason, key string) (note, bill int64, err error) {
	var of *invoice.Document
	err = s.db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error {
		if of, err = invoice.Get(ctx, tx, id); err != nil {
			return err
		}
		if of.State == invoice.Finalised {
			if err := isLast(ctx, tx, of); err != nil {
				return err
			}
		}
		request := CreditRequest{Reason: reason, Key: key}
		replayed := of.State == invoice.Cancelled
		if note, err = s.CreditIn(ctx, tx, id, request); err != nil || replayed {
			return err
		}
		return goBack(ctx, tx, of)
	})
	if err != nil {
		return 0, 0, err
	}
	until, err := charge.ParseDay(of.PeriodUntil)
	if err != nil {
		return note, 0, err
	}
	if _, err := s.Runs.Run(ctx, by, run.Request{AsOf: until, Mode: run.Final, Account: of.Account, Behind: true}); err != nil {
		return note, 0, fmt.Errorf("invoice %d is credited, but not billed anew yet: %w", id, err)
	}
	err = s.db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error {
		return tx.NewRaw(`SELECT COALESCE(MAX(id), 0) FROM invoice WHERE billing_account_id = ? AND period_until = ? AND revision > ? AND corrects_id IS NULL`,
			of.Account, of.PeriodUntil, of.Revision).Scan(ctx, &bill)
	})
	return note, bill, err
}

// isLast refuses an invoice behind which its account was billed again.
func isLast(ctx context.Context, tx *database.Tx, of *invoice.Document) error {
	var until string
	if err := tx.NewRaw("SELECT billed_until FROM billing_state WHERE billing_account_id = ?", of.Account).Scan(ctx, &until); err != nil {
		return fmt.Errorf("state of account %d: %w", of.Account, err)
	}
	if until != of.PeriodUntil {
		return refusal.New(refusal.Conflict, "invoice_not_last", "id", "%s is for the time until %s, and account %d has been billed until %s since: only the last bill of an account can be billed anew; "+
			"take back what is wrong on this one (gyro invoice credit %s --line POSITION=AMOUNT) and put what it should have been on the next bill (gyro invoice charge %d AMOUNT --for WHAT)",
			of.Reference(), of.PeriodUntil, of.Account, until, of.Reference(), of.Account)
	}
	return nil
}

// goBack sets the accounts of a bill to where they were before it: claims of
// usage, what is charged of prices, waiting charges. What of the usage the core has
// settled is remembered, so that the new bill settles the difference only.
func goBack(ctx context.Context, tx *database.Tx, of *invoice.Document) error {
	accounts := []int64{of.Account}
	usage := map[int64]int64{}
	for k := range of.Lines {
		l := &of.Lines[k]
		if _, known := usage[l.Account]; !known && l.Account != of.Account {
			accounts = append(accounts, l.Account)
		}
		usage[l.Account] += 0
		if l.Kind == charge.UsageCharge {
			usage[l.Account] += int64(l.Exact)
		}
	}
	for _, account := range accounts {
		// One that somebody else pays for by now, and was billed since, stays as that bill left it.
		var here int
		err := tx.NewRaw(`SELECT COUNT(*) FROM billing_state WHERE billing_account_id = ? AND (billed_until = ? OR billed_until > ? AND prior_until = billed_until)`,
			account, of.PeriodUntil, of.PeriodUntil).Scan(ctx, &here)
		if err != nil {
			return fmt.Errorf("go back with account %d: %w", account, err)
		}
		if here == 0 {
			continue
		}
		// The prices first: they are known by the version that the bill gave the account.
		_, err = tx.ExecContext(ctx, `UPDATE price_state SET charged = prior_charged, settled = prior_settled, charged_until = prior_settled
			WHERE version = (SELECT version FROM billing_state WHERE billing_account_id = ?)
			AND product_price_id IN (SELECT t.id FROM product_price t JOIN product p ON p.id = t.product_id WHERE p.billing_account_id = ?)`, account, account)
		if err != nil {
			return fmt.Errorf("go back with the prices of account %d: %w", account, err)
		}
		_, err = tx.ExecContext(ctx, `UPDATE billing_state SET billed_until = prior_until, usage_after = prior_usage_after, version = version + 1,
			revision = ?, settled = ? WHERE billing_account_id = ?`, of.Revision+1, usage[account], account)
		if err != nil {
			return fmt.Errorf("go back with account %d: %w", account, err)
		}
	}
	if _, err := tx.ExecContext(ctx, "UPDATE invoice SET set_back = TRUE WHERE id = ?", of.ID); err != nil {
		return fmt.Errorf("go back behind invoice %d: %w", of.ID, err)
	}
	if _, err := tx.ExecContext(ctx, "UPDATE billing_charge SET invoice_id = NULL WHERE invoice_id = ?", of.ID); err != nil {
		return fmt.Errorf("go back with the charges of invoice %d: %w", of.ID, err)
	}
	return tx.Audit(ctx, "invoice", fmt.Sprint(of.ID), "rebill", nil, map[string]any{"accounts": accounts})
}
