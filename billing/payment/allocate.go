package payment

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"gyro/billing/ledger"
	"gyro/internal/database"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// Allocate uses what is left of a payment: amount of it for one invoice (amount
// 0: as much as possible), or, without an invoice, all credit of the account,
// oldest first.
func (s *Service) Allocate(ctx context.Context, tx *database.Tx, payment, invoice int64, amount money.Amount) error {
	p, err := Get(ctx, tx.IDB, payment)
	if err != nil {
		return err
	}
	if p.Core == CoreWaiting {
		return refusal.New(refusal.Conflict, "top_up_on_its_way", "payment", "%s is on its way to the charging core", p.Name())
	}
	on := ledger.Day(tx.Now())
	if invoice == 0 {
		return s.use(ctx, tx, p.Account, on)
	}
	credit, err := ledger.CreditOf(ctx, tx.IDB, ledger.SourcePayment, payment)
	if err != nil {
		return err
	}
	if err := ledger.Payable(amount, credit.Currency); err != nil {
		return err
	}
	if amount == 0 {
		r, err := ledger.GetReceivable(ctx, tx.IDB, invoice)
		if err != nil {
			return err
		}
		amount = min(r.Open, credit.Open)
	}
	if _, err := ledger.Allocate(ctx, tx, credit, invoice, amount, on); err != nil {
		return err
	}
	return s.moved(ctx, tx, p.Account)
}

// Unallocate takes an allocation back. The money stays the customer's credit
// until somebody allocates it, or the next invoice uses it up.
func (s *Service) Unallocate(ctx context.Context, tx *database.Tx, allocation int64) error {
	a, err := ledger.GetAllocation(ctx, tx.IDB, allocation)
	if err != nil {
		return err
	}
	if err := ledger.Unallocate(ctx, tx, a, ledger.Day(tx.Now())); err != nil {
		return err
	}
	return s.moved(ctx, tx, a.Account)
}

// Receipt is what a customer is given for a payment.
type Receipt struct {
	Payment     Payment
	Allocations []ledger.Allocation
	Unallocated money.Amount // the customer's credit
}

// Receipt says what a settled payment was used for, as of now.
func (s *Service) Receipt(ctx context.Context, q bun.IDB, id int64) (Receipt, error) {
	p, err := Get(ctx, q, id)
	if err != nil {
		return Receipt{}, err
	}
	if p.State != Settled {
		return Receipt{}, refusal.New(refusal.Conflict, "payment_not_settled", "payment", "%s is %s: there is no receipt for it", p.Name(), p.State)
	}
	credit, err := ledger.CreditOf(ctx, q, ledger.SourcePayment, id)
	if err != nil {
		return Receipt{}, err
	}
	standing, err := ledger.Allocations(ctx, q, credit.ID)
	if err != nil {
		return Receipt{}, fmt.Errorf("receipt of %s: %w", p.Name(), err)
	}
	return Receipt{Payment: p, Allocations: standing, Unallocated: credit.Open}, nil
}
