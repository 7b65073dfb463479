package ledger

import (
	"context"
	"fmt"
	"strconv"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// Receivable is what is owed of one finalised invoice.
type Receivable struct {
	bun.BaseModel `bun:"table:receivable" json:"-"`

	InvoiceID int64        `bun:"invoice_id,pk" json:"invoice"`
	Account   int64        `bun:"billing_account_id" json:"account"`
	Number    string       `bun:"number" json:"number"`
	Currency  string       `bun:"currency" json:"currency"`
	Total     money.Amount `bun:"total" json:"total"`
	Open      money.Amount `bun:"open" json:"open"`
	Disputed  money.Amount `bun:"disputed" json:"disputed"`
	IssuedOn  string       `bun:"issued_on" json:"issuedOn"`
	DueOn     string       `bun:"due_on" json:"dueOn"`
}

// Dunnable is what may be asked for: what is open and not in dispute.
func (r *Receivable) Dunnable() money.Amount { return max(0, r.Open-r.Disputed) }

const receivableColumns = "invoice_id, billing_account_id, number, currency, total, open, disputed, issued_on, due_on"

// Source is what a credit comes from.
type Source string

// The sources of credits.
const (
	SourcePayment    Source = "payment"
	SourceCreditNote Source = "credit_note"
	SourceWriteOff   Source = "write_off"
)

// Credit is money or forgiveness that settles receivables.
type Credit struct {
	ID        int64        `bun:"id,pk" json:"id"`
	Account   int64        `bun:"billing_account_id" json:"account"`
	Source    Source       `bun:"source" json:"source"`
	SourceID  int64        `bun:"source_id" json:"sourceId"`
	Currency  string       `bun:"currency" json:"currency"`
	Amount    money.Amount `bun:"amount" json:"amount"`
	Withdrawn money.Amount `bun:"withdrawn" json:"withdrawn"`
	Open      money.Amount `bun:"open" json:"open"`
	CreatedOn string       `bun:"created_on" json:"createdOn"`
}

const creditColumns = "id, billing_account_id, source, source_id, currency, amount, withdrawn, open, created_on"

// Allocation is a credit's part in settling a receivable. It stands until it is
// reversed.
type Allocation struct {
	ID        int64        `bun:"id,pk" json:"id"`
	CreditID  int64        `bun:"credit_id" json:"credit"`
	PaymentID int64        `bun:"payment_id" json:"payment,omitempty"`
	InvoiceID int64        `bun:"invoice_id" json:"invoice"`
	Account   int64        `bun:"billing_account_id" json:"account"`
	Amount    money.Amount `bun:"amount" json:"amount"`
	Currency  string       `bun:"currency" json:"currency"`
}

const allocationColumns = "id, credit_id, COALESCE(payment_id, 0) AS payment_id, invoice_id, billing_account_id, amount, currency"

// GetReceivable returns the receivable of an invoice.
func GetReceivable(ctx context.Context, q bun.IDB, invoice int64) (Receivable, error) {
	var rows []Receivable
	if err := q.NewRaw("SELECT "+receivableColumns+" FROM receivable WHERE invoice_id = ?", invoice).Scan(ctx, &rows); err != nil {
		return Receivable{}, fmt.Errorf("receivable of invoice %d: %w", invoice, err)
	}
	if len(rows) == 0 {
		return Receivable{}, refusal.New(refusal.NotFound, "receivable_unknown", "invoice", "invoice %d is not in the books: is it finalised?", invoice)
	}
	return rows[0], nil
}

// OpenReceivables are those of an account that are not settled, the one that
// was due first first.
func OpenReceivables(ctx context.Context, q bun.IDB, account int64) ([]Receivable, error) {
	rows, err := database.Select[Receivable](ctx, q, "WHERE billing_account_id = ? AND open > 0 ORDER BY due_on, invoice_id", account)
	if err != nil {
		return nil, fmt.Errorf("open receivables of account %d: %w", account, err)
	}
	return rows, nil
}

// OpenCredits are an account's credits that have something left, oldest first.
func OpenCredits(ctx context.Context, q bun.IDB, account int64) ([]Credit, error) {
	var rows []Credit
	err := q.NewRaw("SELECT "+creditColumns+" FROM credit WHERE billing_account_id = ? AND open > 0 ORDER BY id", account).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("open credits of account %d: %w", account, err)
	}
	return rows, nil
}

// CreditOf returns the credit that a payment or a credit note made.
func CreditOf(ctx context.Context, q bun.IDB, source Source, id int64) (Credit, error) {
	var rows []Credit
	if err := q.NewRaw("SELECT "+creditColumns+" FROM credit WHERE source = ? AND source_id = ?", source, id).Scan(ctx, &rows); err != nil {
		return Credit{}, fmt.Errorf("credit of %s %d: %w", source, id, err)
	}
	if len(rows) == 0 {
		return Credit{}, refusal.New(refusal.NotFound, "credit_unknown", string(source), "%s %d has brought no money in", source, id)
	}
	return rows[0], nil
}

// Allocations are those of a credit that stand, the newest first.
func Allocations(ctx context.Context, q bun.IDB, credit int64) ([]Allocation, error) {
	var rows []Allocation
	err := q.NewRaw("SELECT "+allocationColumns+" FROM payment_allocation WHERE credit_id = ? AND reversed_at = 0 ORDER BY id DESC", credit).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("allocations of credit %d: %w", credit, err)
	}
	return rows, nil
}

// GetAllocation returns an allocation, whether it stands or not.
func GetAllocation(ctx context.Context, q bun.IDB, id int64) (Allocation, error) {
	var rows []Allocation
	if err := q.NewRaw("SELECT "+allocationColumns+" FROM payment_allocation WHERE id = ?", id).Scan(ctx, &rows); err != nil {
		return Allocation{}, fmt.Errorf("allocation %d: %w", id, err)
	}
	if len(rows) == 0 {
		return Allocation{}, refusal.New(refusal.NotFound, "allocation_unknown", "allocation", "there is no allocation %d", id)
	}
	return rows[0], nil
}

// TakeIn books money that came in by a payment: into the account debited
// (Bank, Cash, ProviderClearing) and to the customer's credit, from which it is
// allocated.
func TakeIn(ctx context.Context, tx *database.Tx, into string, payment, account int64, amount money.Amount, currency, on string) (Credit, error) {
	name := "payment-" + strconv.FormatInt(payment, 10)
	if err := Post(ctx, tx, Move(KindPayment, name, name, on, into, CustomerCredit, account, amount, currency)); err != nil {
		return Credit{}, err
	}
	return addCredit(ctx, tx, Credit{Account: account, Source: SourcePayment, SourceID: payment, Currency: currency, Amount: amount, Open: amount, CreatedOn: on})
}

func addCredit(ctx context.Context, tx *database.Tx, c Credit) (Credit, error) {
	err := tx.NewRaw("INSERT INTO credit (billing_account_id, source, source_id, currency, amount, withdrawn, open, created_on) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
		c.Account, c.Source, c.SourceID, c.Currency, c.Amount, c.Withdrawn, c.Open, c.CreatedOn).Scan(ctx, &c.ID)
	if err != nil {
		return Credit{}, fmt.Errorf("credit of %s %d: %w", c.Source, c.SourceID, err)
	}
	return c, nil
}

// Withdraw takes money out of a credit's open rest: a refund, a chargeback, a
// top-up that went to the core. The entry is the caller's. A negative amount
// gives it back.
func Withdraw(ctx context.Context, tx *database.Tx, credit int64, amount money.Amount) error {
	done, err := tx.ExecContext(ctx, "UPDATE credit SET open = open - ?, withdrawn = withdrawn + ? WHERE id = ? AND open >= ? AND withdrawn + ? >= 0",
		amount, amount, credit, amount, amount)
	if err != nil {
		return fmt.Errorf("withdraw from credit %d: %w", credit, err)
	}
	if n, err := done.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return refusal.New(refusal.Conflict, "credit_too_small", "amount", "credit %d has less than %s left", credit, amount)
}

// newReceivables stores the receivables of documents in bulk.
func newReceivables(ctx context.Context, tx *database.Tx, documents []InvoicePosting) error {
	at := 0
	_, err := tx.Copy(ctx, "receivable", []string{"invoice_id", "billing_account_id", "number", "currency", "total", "open", "disputed", "issued_on", "due_on"}, func() ([]any, bool) {
		for ; at < len(documents); at++ {
			if d := &documents[at]; d.Type == DocumentInvoice {
				at++
				return []any{d.InvoiceID, d.Account, d.Number, d.Currency, int64(d.Total), int64(d.Total), int64(0), d.IssuedOn, d.DueOn}, true
			}
		}
		return nil, false
	})
	return err
}
