package payment

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"gyro/billing/ledger"
	"gyro/billing/payment/provider"
	"gyro/internal/database"
	"gyro/internal/money"
)

// errCoreFirst says that the core's answer to an earlier movement of the same
// money is open: the report is taken in again when it is known.
var errCoreFirst = errors.New("the charging core has not said yet what became of an earlier movement of this payment")

// Name is what the chargeback is called in the books and in the core.
func (c *Chargeback) Name() string { return "chargeback-" + strconv.FormatInt(c.PaymentID, 10) }

// absorbDispute books a chargeback, or its end in our favour.
func (s *Service) absorbDispute(ctx context.Context, tx *database.Tx, p *Payment, c *provider.Charge) (changed bool, err error) {
	cb, err := chargebackOf(ctx, tx, p.ID)
	if err != nil {
		return false, err
	}
	gone := c.Dispute == provider.DisputeOpened || c.Dispute == provider.DisputeLost
	switch {
	case gone && (cb == nil || cb.State == "won"):
		return true, s.chargeBack(ctx, tx, p, cb, p.Amount-c.Refunded, c.Version)
	case c.Dispute == provider.DisputeWon && cb != nil && cb.State == "lost":
		return true, s.chargebackWon(ctx, tx, p, cb, c.Version)
	}
	return false, nil
}

func chargebackOf(ctx context.Context, tx *database.Tx, payment int64) (*Chargeback, error) {
	var rows []Chargeback
	if err := tx.NewRaw("SELECT "+chargebackColumns+" FROM chargeback WHERE payment_id = ?", payment).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("chargeback of %s: %w", nameOf(payment), err)
	}
	if len(rows) == 0 {
		return nil, nil //nolint:nilnil // there is none
	}
	return &rows[0], nil
}

// chargeBack takes a payment back: what it settled is open again. What nothing
// is left of (it was refunded, too) is a loss. was is a chargeback that had been
// won before, nil if none.
func (s *Service) chargeBack(ctx context.Context, tx *database.Tx, p *Payment, was *Chargeback, amount money.Amount, version int64) error {
	if amount <= 0 {
		return nil
	}
	if p.Core == CoreWaiting || (was != nil && was.Core == CoreWaiting) {
		return errCoreFirst
	}
	credit, err := ledger.CreditOf(ctx, tx.IDB, ledger.SourcePayment, p.ID)
	if err != nil {
		return err
	}
	cb := Chargeback{PaymentID: p.ID, Account: p.Account, Amount: amount, Currency: p.Currency, State: "lost", Version: version, CreatedAt: tx.Now()}
	if p.Core == CoreDone {
		cb.FromCore, cb.Core = max(0, min(amount, p.Refundable())), CoreWaiting
	} else {
		cb.FromCredit = min(amount, credit.Amount-credit.Withdrawn)
	}
	cb.FromLoss = amount - cb.FromCredit - cb.FromCore
	if cb.FromCore == 0 {
		cb.Core = NoTopUp
	}
	on := ledger.Day(tx.Now())
	if err := ledger.UnallocateAmount(ctx, tx, credit, cb.FromCredit, on); err != nil {
		return err
	}
	if err := ledger.Withdraw(ctx, tx, credit.ID, cb.FromCredit); err != nil {
		return err
	}
	if err := s.postChargeback(ctx, tx, &cb, 1, "", on); err != nil {
		return err
	}
	if err := saveChargeback(ctx, tx, &cb); err != nil {
		return err
	}
	before := *p
	p.ChargedBack = amount
	if err := s.save(ctx, tx, &before, p); err != nil {
		return err
	}
	if cb.FromCore > 0 {
		if err := tx.Enqueue(ctx, chargebackArgs{Payment: p.ID, Version: version}); err != nil {
			return err
		}
	}
	if err := s.letter(ctx, tx, p.Account, "charged_back", fmt.Sprintf("%s-%d", p.Name(), version), map[string]string{
		"reference": p.Name(), "amount": amount.String() + " " + p.Currency,
	}); err != nil {
		return err
	}
	return s.use(ctx, tx, p.Account, on)
}

// chargebackWon: the money is back. It goes where it was taken from.
func (s *Service) chargebackWon(ctx context.Context, tx *database.Tx, p *Payment, cb *Chargeback, version int64) error {
	if cb.Core == CoreWaiting {
		return errCoreFirst
	}
	credit, err := ledger.CreditOf(ctx, tx.IDB, ledger.SourcePayment, p.ID)
	if err != nil {
		return err
	}
	on := ledger.Day(tx.Now())
	if err := ledger.Withdraw(ctx, tx, credit.ID, -cb.FromCredit); err != nil {
		return err
	}
	cb.State, cb.Version = "won", version
	if err := s.postChargeback(ctx, tx, cb, -1, "-won", on); err != nil {
		return err
	}
	if cb.FromCore > 0 {
		cb.Core = CoreWaiting
		if err := tx.Enqueue(ctx, chargebackArgs{Payment: p.ID, Version: version}); err != nil {
			return err
		}
	}
	if err := saveChargeback(ctx, tx, cb); err != nil {
		return err
	}
	before := *p
	p.ChargedBack = 0
	if err := s.save(ctx, tx, &before, p); err != nil {
		return err
	}
	return s.use(ctx, tx, p.Account, on)
}

// postChargeback posts what a chargeback takes (sign 1) or brings back (-1).
func (s *Service) postChargeback(ctx context.Context, tx *database.Tx, cb *Chargeback, sign money.Amount, suffix, on string) error {
	e := ledger.Entry{Kind: ledger.KindChargeback, Reference: nameOf(cb.PaymentID), Key: fmt.Sprintf("%s%s-%d", cb.Name(), suffix, cb.Version), PostedOn: on}
	for _, part := range []struct {
		code   string
		amount money.Amount
	}{
		{ledger.CustomerCredit, cb.FromCredit},
		{ledger.PrepaidBalances, cb.FromCore},
		{ledger.PaymentLosses, cb.FromLoss},
		{ledger.ProviderClearing, -cb.Amount},
	} {
		if part.amount != 0 {
			e.Postings = append(e.Postings, ledger.Posting{GLCode: part.code, Account: cb.Account, Amount: sign * part.amount, Currency: cb.Currency})
		}
	}
	return ledger.Post(ctx, tx, e)
}

func saveChargeback(ctx context.Context, tx *database.Tx, cb *Chargeback) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO chargeback (payment_id, billing_account_id, amount, from_credit, from_core, from_loss, currency, state, core_state, provider_version, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (payment_id) DO UPDATE SET amount = excluded.amount, from_credit = excluded.from_credit, from_core = excluded.from_core,
			from_loss = excluded.from_loss, state = excluded.state, core_state = excluded.core_state, provider_version = excluded.provider_version`,
		cb.PaymentID, cb.Account, cb.Amount, cb.FromCredit, cb.FromCore, cb.FromLoss, cb.Currency, cb.State, cb.Core, cb.Version, cb.CreatedAt)
	if err != nil {
		return fmt.Errorf("%s: %w", cb.Name(), err)
	}
	return tx.Audit(ctx, "chargeback", strconv.FormatInt(cb.PaymentID, 10), cb.State, nil, map[string]any{
		"amount": cb.Amount.In(cb.Currency), "fromCredit": cb.FromCredit.In(cb.Currency), "fromCore": cb.FromCore.In(cb.Currency), "fromLoss": cb.FromLoss.In(cb.Currency),
		"currency": cb.Currency, "core": cb.Core,
	})
}

// coreAnswered notes what the core did with the part of a chargeback that was
// its: taken back, given again, or refused. What it does not give back is lost.
func (s *Service) coreAnswered(ctx context.Context, tx *database.Tx, cb *Chargeback, refused bool) error {
	cb.Core = CoreDone
	if refused {
		cb.Core = CoreRefused
		on := ledger.Day(tx.Now())
		if cb.State == "won" { // the money is here, and the core does not want it: the customer's credit
			return errors.Join(s.creditAgain(ctx, tx, cb, on), saveChargeback(ctx, tx, cb))
		}
		e := ledger.Move(ledger.KindChargeback, nameOf(cb.PaymentID), fmt.Sprintf("%s-kept-%d", cb.Name(), cb.Version), on,
			ledger.PaymentLosses, ledger.PrepaidBalances, cb.Account, cb.FromCore, cb.Currency)
		if err := ledger.Post(ctx, tx, e); err != nil {
			return err
		}
		cb.FromLoss, cb.FromCore = cb.FromLoss+cb.FromCore, 0
	}
	return saveChargeback(ctx, tx, cb)
}

func (s *Service) creditAgain(ctx context.Context, tx *database.Tx, cb *Chargeback, on string) error {
	credit, err := ledger.CreditOf(ctx, tx.IDB, ledger.SourcePayment, cb.PaymentID)
	if err != nil {
		return err
	}
	if err := ledger.Withdraw(ctx, tx, credit.ID, -cb.FromCore); err != nil {
		return err
	}
	return ledger.Post(ctx, tx, ledger.Move(ledger.KindChargeback, nameOf(cb.PaymentID), fmt.Sprintf("%s-credit-%d", cb.Name(), cb.Version), on,
		ledger.PrepaidBalances, ledger.CustomerCredit, cb.Account, cb.FromCore, cb.Currency))
}
