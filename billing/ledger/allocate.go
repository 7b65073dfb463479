package ledger

import (
	"context"
	"fmt"
	"strconv"

	"gyro/internal/database"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// share is one allocation that is planned.
type share struct {
	credit, receivable int // indices
	amount             money.Amount
}

// plan settles receivables, in their order, from credits, in theirs. Only equal
// currencies meet.
func plan(credits []Credit, receivables []Receivable) []share {
	left := make([]money.Amount, len(credits))
	for k := range credits {
		left[k] = credits[k].Open
	}
	var shares []share
	for r := range receivables {
		open := receivables[r].Open
		for c := range credits {
			if amount := min(open, left[c]); amount > 0 && credits[c].Currency == receivables[r].Currency {
				shares = append(shares, share{c, r, amount})
				left[c] -= amount
				open -= amount
			}
		}
	}
	return shares
}

// Settle uses an account's open credits, oldest first, for its open
// receivables, the one due first first. What is left stays the customer's
// credit, which the next invoice uses up.
func Settle(ctx context.Context, tx *database.Tx, account int64, on string) error {
	credits, err := OpenCredits(ctx, tx.IDB, account)
	if err != nil || len(credits) == 0 {
		return err
	}
	receivables, err := OpenReceivables(ctx, tx.IDB, account)
	if err != nil {
		return err
	}
	for _, s := range plan(credits, receivables) {
		if _, err := allocate(ctx, tx, &credits[s.credit], &receivables[s.receivable], s.amount, on); err != nil {
			return err
		}
	}
	return nil
}

// Allocate uses amount of a credit for one invoice.
func Allocate(ctx context.Context, tx *database.Tx, credit Credit, invoice int64, amount money.Amount, on string) (Allocation, error) {
	r, err := GetReceivable(ctx, tx.IDB, invoice)
	if err != nil {
		return Allocation{}, err
	}
	switch {
	case r.Account != credit.Account:
		return Allocation{}, refusal.New(refusal.Unprocessable, "account_differs", "invoice", "invoice %s is account %d's, the money account %d's", r.Number, r.Account, credit.Account)
	case r.Currency != credit.Currency:
		return Allocation{}, refusal.New(refusal.Unprocessable, "currency_differs", "invoice", "invoice %s is in %s, the money in %s", r.Number, r.Currency, credit.Currency)
	case amount <= 0 || amount > r.Open:
		return Allocation{}, refusal.New(refusal.Unprocessable, "amount_beyond_open", "amount", "%s %s cannot be allocated to invoice %s, of which %s is open", amount, r.Currency, r.Number, r.Open)
	case amount > credit.Open:
		return Allocation{}, refusal.New(refusal.Unprocessable, "amount_beyond_credit", "amount", "%s %s cannot be allocated: %s is left of %s %d", amount, r.Currency, credit.Open, credit.Source, credit.SourceID)
	}
	return allocate(ctx, tx, &credit, &r, amount, on)
}

func allocate(ctx context.Context, tx *database.Tx, c *Credit, r *Receivable, amount money.Amount, on string) (Allocation, error) {
	a := Allocation{CreditID: c.ID, InvoiceID: r.InvoiceID, Account: r.Account, Amount: amount, Currency: r.Currency}
	if c.Source == SourcePayment {
		a.PaymentID = c.SourceID
	}
	err := tx.NewRaw(`INSERT INTO payment_allocation (credit_id, payment_id, invoice_id, billing_account_id, amount, currency, allocated_at)
		VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id`, a.CreditID, optional(a.PaymentID), a.InvoiceID, a.Account, a.Amount, a.Currency, tx.Now()).Scan(ctx, &a.ID)
	if err != nil {
		return a, fmt.Errorf("allocate to invoice %d: %w", r.InvoiceID, err)
	}
	kind, from := KindAllocation, CustomerCredit
	if c.Source == SourceWriteOff {
		kind, from = KindWriteOff, BadDebt
	}
	e := Move(kind, r.Number, "allocation-"+strconv.FormatInt(a.ID, 10), on, from, Receivables, r.Account, amount, r.Currency)
	if err := Post(ctx, tx, e); err != nil {
		return a, err
	}
	if err := moveOpen(ctx, tx, c.ID, r, -amount); err != nil {
		return a, err
	}
	return a, tx.Audit(ctx, "payment_allocation", strconv.FormatInt(a.ID, 10), "create", nil, a.audited())
}

// audited is what the audit trail says of an allocation.
func (a *Allocation) audited() map[string]any {
	is := map[string]any{"id": a.ID, "credit": a.CreditID, "invoice": a.InvoiceID, "account": a.Account, "amount": a.Amount.In(a.Currency), "currency": a.Currency}
	if a.PaymentID != 0 {
		is["payment"] = a.PaymentID
	}
	return is
}

// Unallocate takes an allocation back: the invoice is open again, the money the
// customer's credit (a write-off is no money: it is gone).
func Unallocate(ctx context.Context, tx *database.Tx, a Allocation, on string) error {
	done, err := tx.ExecContext(ctx, "UPDATE payment_allocation SET reversed_at = ? WHERE id = ? AND reversed_at = 0", tx.Now(), a.ID)
	if err != nil {
		return fmt.Errorf("take allocation %d back: %w", a.ID, err)
	}
	if n, err := done.RowsAffected(); err != nil {
		return err
	} else if n == 0 {
		return refusal.New(refusal.Conflict, "allocation_reversed", "allocation", "allocation %d was taken back already, or never was", a.ID)
	}
	r, err := GetReceivable(ctx, tx.IDB, a.InvoiceID)
	if err != nil {
		return err
	}
	var source Source
	if err := tx.NewRaw("SELECT source FROM credit WHERE id = ?", a.CreditID).Scan(ctx, &source); err != nil {
		return fmt.Errorf("take allocation %d back: %w", a.ID, err)
	}
	kind, to := KindDeallocation, CustomerCredit
	if source == SourceWriteOff {
		kind, to = KindRecovery, BadDebt
	}
	e := Move(kind, r.Number, "deallocation-"+strconv.FormatInt(a.ID, 10), on, Receivables, to, a.Account, a.Amount, a.Currency)
	if err := Post(ctx, tx, e); err != nil {
		return err
	}
	if err := moveOpen(ctx, tx, a.CreditID, &r, a.Amount); err != nil {
		return err
	}
	if source == SourceWriteOff {
		if err := Withdraw(ctx, tx, a.CreditID, a.Amount); err != nil {
			return err
		}
	}
	return tx.Audit(ctx, "payment_allocation", strconv.FormatInt(a.ID, 10), "reverse", a.audited(), nil)
}

// UnallocateAmount takes back allocations of a credit, the newest first, until
// amount of it is open. The last one is split: what is not needed stands.
func UnallocateAmount(ctx context.Context, tx *database.Tx, credit Credit, amount money.Amount, on string) error {
	need := amount - credit.Open
	if need <= 0 {
		return nil
	}
	standing, err := Allocations(ctx, tx.IDB, credit.ID)
	if err != nil {
		return err
	}
	for _, a := range standing {
		if need <= 0 {
			break
		}
		if err := Unallocate(ctx, tx, a, on); err != nil {
			return err
		}
		if rest := a.Amount - need; rest > 0 {
			open := credit
			open.Open = a.Amount
			if _, err := Allocate(ctx, tx, open, a.InvoiceID, rest, on); err != nil {
				return err
			}
		}
		need -= a.Amount
	}
	if need > 0 {
		return refusal.New(refusal.Unprocessable, "credit_too_small", "amount", "%s %d comes to less than %s", credit.Source, credit.SourceID, amount)
	}
	return nil
}

// moveOpen moves the open parts of a credit and a receivable together.
func moveOpen(ctx context.Context, tx *database.Tx, credit int64, r *Receivable, by money.Amount) error {
	if _, err := tx.ExecContext(ctx, "UPDATE credit SET open = open + ? WHERE id = ?", by, credit); err != nil {
		return fmt.Errorf("credit %d: %w", credit, err)
	}
	if _, err := tx.ExecContext(ctx, "UPDATE receivable SET open = open + ? WHERE invoice_id = ?", by, r.InvoiceID); err != nil {
		return fmt.Errorf("receivable of invoice %d: %w", r.InvoiceID, err)
	}
	was := r.Open
	r.Open += by
	if (was == 0) == (r.Open == 0) {
		return nil
	}
	state := "settled"
	if r.Open > 0 {
		state = "partiallyPaid"
	}
	return tx.Emit(ctx, database.Event{
		Type: "customerBillStateChangeEvent", Entity: "customerBill", ID: strconv.FormatInt(r.InvoiceID, 10),
		Payload: map[string]any{"id": strconv.FormatInt(r.InvoiceID, 10), "billNo": r.Number, "state": state},
	})
}
