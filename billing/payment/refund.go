package payment

import (
	"context"
	"fmt"
	"strconv"

	"gyro/billing/ledger"
	"gyro/billing/payment/provider"
	"gyro/internal/database"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// RefundRequest gives a payment back, or a part of it.
type RefundRequest struct {
	Payment int64
	Amount  money.Amount
	Reason  string
	Key     string // makes it once; required
}

// Refund gives money of a payment back. What the payment settled and is needed
// for the refund is open again, unless other credit (a credit note) takes its
// place at once. A refund of a manual payment says that it was paid out the same
// way; one through the provider is asked for by a job; one of a top-up is taken
// back in the core first.
func (s *Service) Refund(ctx context.Context, tx *database.Tx, r RefundRequest) (Refund, error) {
	p, err := Get(ctx, tx.IDB, r.Payment)
	if err != nil {
		return Refund{}, err
	}
	switch {
	case r.Reason == "":
		return Refund{}, refusal.New(refusal.Invalid, "reason_missing", "reason", "say why the money is given back")
	case r.Key == "":
		return Refund{}, refusal.New(refusal.Invalid, "key_missing", "key", "a refund needs a key that makes it once")
	}
	if was, err := findRefund(ctx, tx.IDB, "key = ?", r.Key); err != nil {
		return Refund{}, err
	} else if was != nil {
		if was.PaymentID != r.Payment || was.Amount != r.Amount {
			return Refund{}, refusal.New(refusal.Conflict, "key_reused", "key", "key %q was used for another refund", r.Key)
		}
		return *was, nil
	}
	if err := mayRefund(&p, r.Amount); err != nil {
		return Refund{}, err
	}
	refund, err := s.newRefund(ctx, tx, &p, r.Amount, r.Key, r.Reason)
	if err != nil {
		return Refund{}, err
	}
	if p.Core == CoreDone {
		return refund, tx.Enqueue(ctx, takeBackArgs{Refund: refund.ID})
	}
	if err := s.fund(ctx, tx, &p, &refund, ledger.CustomerCredit); err != nil {
		return Refund{}, err
	}
	if p.Method != ByProvider {
		err := s.refundSettled(ctx, tx, &p, &refund)
		return refund, err
	}
	return refund, tx.Enqueue(ctx, refundArgs{Refund: refund.ID})
}

func mayRefund(p *Payment, amount money.Amount) error {
	currency, err := money.ParseCurrency(p.Currency)
	if err != nil {
		return err
	}
	switch _, err := provider.ToMinor(amount, currency); {
	case amount <= 0 || err != nil:
		return refusal.New(refusal.Invalid, "amount_invalid", "amount", "%s %s cannot be paid out: give an amount above zero with at most %d decimals", amount, p.Currency, currency.Exponent())
	case p.State != Settled:
		return refusal.New(refusal.Conflict, "payment_not_settled", "payment", "%s is %s: there is nothing to give back", p.Name(), p.State)
	case p.Core == CoreWaiting:
		return refusal.New(refusal.Conflict, "top_up_on_its_way", "payment", "%s is on its way to the charging core; try again when it has arrived", p.Name())
	case amount > p.Refundable():
		return refusal.New(refusal.Unprocessable, "amount_beyond_payment", "amount", "%s cannot be given back of %s: %s is left", amount, p.Name(), p.Refundable())
	}
	return nil
}

func (s *Service) newRefund(ctx context.Context, tx *database.Tx, p *Payment, amount money.Amount, key, reason string) (Refund, error) {
	r := Refund{PaymentID: p.ID, Account: p.Account, Amount: amount, Currency: p.Currency, State: RefundRequested, Key: key, Reason: reason, CreatedAt: tx.Now()}
	err := tx.NewRaw("INSERT INTO refund (payment_id, billing_account_id, amount, currency, state, key, reason, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING RETURNING id",
		r.PaymentID, r.Account, r.Amount, r.Currency, r.State, r.Key, r.Reason, r.CreatedAt).Scan(ctx, &r.ID)
	if err != nil {
		return r, fmt.Errorf("refund of %s: %w", p.Name(), err)
	}
	before := *p
	p.Refunded += amount
	if err := s.save(ctx, tx, &before, p); err != nil {
		return r, err
	}
	err = auditRefund(ctx, tx, "create", &r)
	return r, err
}

// fund books the refund as payable. from is the account that it is taken from:
// the customer's credit, or the prepaid balance that the core gave back.
func (s *Service) fund(ctx context.Context, tx *database.Tx, p *Payment, r *Refund, from string) error {
	on := ledger.Day(tx.Now())
	if from == ledger.CustomerCredit {
		credit, err := ledger.CreditOf(ctx, tx.IDB, ledger.SourcePayment, p.ID)
		if err != nil {
			return err
		}
		if err := ledger.UnallocateAmount(ctx, tx, credit, r.Amount, on); err != nil {
			return err
		}
		if err := ledger.Withdraw(ctx, tx, credit.ID, r.Amount); err != nil {
			return err
		}
	}
	if err := ledger.Post(ctx, tx, ledger.Move(ledger.KindRefund, p.Name(), r.Name(), on, from, ledger.RefundsPayable, r.Account, r.Amount, r.Currency)); err != nil {
		return err
	}
	r.State = RefundFunded
	if err := s.saveRefund(ctx, tx, r); err != nil {
		return err
	}
	return s.use(ctx, tx, r.Account, on)
}

func (s *Service) refundSettled(ctx context.Context, tx *database.Tx, p *Payment, r *Refund) error {
	on := ledger.Day(tx.Now())
	e := ledger.Move(ledger.KindRefund, p.Name(), r.Name()+"-paid", on, ledger.RefundsPayable, clearing(p.Method), r.Account, r.Amount, r.Currency)
	if err := ledger.Post(ctx, tx, e); err != nil {
		return err
	}
	r.State, r.SettledAt = RefundSettled, tx.Now()
	if err := s.saveRefund(ctx, tx, r); err != nil {
		return err
	}
	return s.letter(ctx, tx, r.Account, "refund_paid", r.Name(), map[string]string{"reference": r.Name(), "amount": r.Amount.String() + " " + r.Currency})
}

// refundFailed gives what was to be refunded back to the customer's credit. If
// the payment was charged back meanwhile, and booked as a loss because the
// refund had taken the money, the loss is made good first.
func (s *Service) refundFailed(ctx context.Context, tx *database.Tx, p *Payment, r *Refund, why string) error {
	on, funded := ledger.Day(tx.Now()), r.State == RefundFunded
	r.State, r.Failure = RefundFailed, why
	if err := s.saveRefund(ctx, tx, r); err != nil {
		return err
	}
	before := *p
	p.Refunded -= r.Amount
	if err := s.save(ctx, tx, &before, p); err != nil || !funded {
		return err
	}
	loss, err := s.makeGood(ctx, tx, p, r)
	if err != nil {
		return err
	}
	e := ledger.Entry{Kind: ledger.KindRefund, Reference: p.Name(), Key: r.Name() + "-failed", PostedOn: on}
	for _, part := range []struct {
		code   string
		amount money.Amount
	}{{ledger.RefundsPayable, r.Amount}, {ledger.PaymentLosses, -loss}, {ledger.CustomerCredit, loss - r.Amount}} {
		if part.amount != 0 {
			e.Postings = append(e.Postings, ledger.Posting{GLCode: part.code, Account: r.Account, Amount: part.amount, Currency: r.Currency})
		}
	}
	if err := ledger.Post(ctx, tx, e); err != nil {
		return err
	}
	credit, err := ledger.CreditOf(ctx, tx.IDB, ledger.SourcePayment, p.ID)
	if err != nil {
		return err
	}
	// What made a loss good is withdrawn for the chargeback now.
	if err := ledger.Withdraw(ctx, tx, credit.ID, loss-r.Amount); err != nil {
		return err
	}
	return s.use(ctx, tx, r.Account, on)
}

// makeGood moves what a failed refund leaves from a chargeback's loss to the
// credit that it would have come from.
func (s *Service) makeGood(ctx context.Context, tx *database.Tx, p *Payment, r *Refund) (money.Amount, error) {
	cb, err := chargebackOf(ctx, tx, p.ID)
	if err != nil || cb == nil || cb.State != "lost" || cb.FromLoss == 0 {
		return 0, err
	}
	loss := min(cb.FromLoss, r.Amount)
	cb.FromLoss, cb.FromCredit = cb.FromLoss-loss, cb.FromCredit+loss
	return loss, saveChargeback(ctx, tx, cb)
}

func (s *Service) saveRefund(ctx context.Context, tx *database.Tx, r *Refund) error {
	var reference any
	if r.Provider != "" {
		reference = r.Provider
	}
	_, err := tx.ExecContext(ctx, "UPDATE refund SET state = ?, provider_reference = ?, failure = ?, settled_at = ? WHERE id = ?", r.State, reference, r.Failure, r.SettledAt, r.ID)
	if err != nil {
		return fmt.Errorf("%s: %w", r.Name(), err)
	}
	return auditRefund(ctx, tx, string(r.State), r)
}

func auditRefund(ctx context.Context, tx *database.Tx, action string, r *Refund) error {
	return tx.Audit(ctx, "refund", strconv.FormatInt(r.ID, 10), action, nil, map[string]any{
		"payment": r.PaymentID, "amount": r.Amount.In(r.Currency), "currency": r.Currency, "state": r.State, "reason": r.Reason, "failure": r.Failure,
	})
}
