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

// Invoiced books finalised documents in bulk, in the transaction that finalises
// them: the entry of each, the receivable of each invoice. A credit note settles
// the invoice that it corrects, then whatever else is open; credit that a
// customer has is used up by the new invoices, which know then how much (SetOff).
//
// Documents that are in the books already are refused, as their receivable is
// there: who finalises an invoice does it once.
func Invoiced(ctx context.Context, tx *database.Tx, documents []InvoicePosting) error {
	entries := make([]Entry, 0, len(documents))
	for k := range documents {
		e, ok, err := documents[k].entry()
		if err != nil {
			return err
		}
		if ok {
			entries = append(entries, e)
		}
	}
	if err := PostMany(ctx, tx, entries); err != nil {
		return err
	}
	if err := newReceivables(ctx, tx, documents); err != nil {
		return err
	}
	for k := range documents {
		if documents[k].Type == DocumentCreditNote {
			if err := credited(ctx, tx, &documents[k]); err != nil {
				return err
			}
		}
	}
	return useCredit(ctx, tx, documents)
}

// credited makes the credit of a credit note and settles what it corrects.
func credited(ctx context.Context, tx *database.Tx, d *InvoicePosting) error {
	if d.Total == 0 {
		return nil
	}
	c, err := addCredit(ctx, tx, Credit{
		Account: d.Account, Source: SourceCreditNote, SourceID: d.InvoiceID, Currency: d.Currency,
		Amount: -d.Total, Open: -d.Total, CreatedOn: d.IssuedOn,
	})
	if err != nil || d.Corrects == 0 {
		return err
	}
	r, err := GetReceivable(ctx, tx.IDB, d.Corrects)
	if err != nil {
		return err
	}
	// What was written off nobody has paid: it is credited before anything becomes money that the customer has.
	given := false
	if r.Open < c.Open {
		if given, err = recovered(ctx, tx, &r, d.IssuedOn); err != nil {
			return err
		}
	}
	if amount := min(r.Open, c.Open); amount > 0 {
		if _, err = Allocate(ctx, tx, c, r.InvoiceID, amount, d.IssuedOn); err != nil {
			return err
		}
		r.Open -= amount
	}
	if given && r.Open > 0 {
		_, err = WriteOff(ctx, tx, r.InvoiceID, d.IssuedOn, "the rest behind credit note "+d.Number)
	}
	return err
}

// recovered takes back what was written off of a receivable, if anything was.
func recovered(ctx context.Context, tx *database.Tx, r *Receivable, on string) (bool, error) {
	switch err := Recover(ctx, tx, r.InvoiceID, on); {
	case refusal.Is(err, "not_written_off"):
		return false, nil
	case err != nil:
		return false, err
	}
	again, err := GetReceivable(ctx, tx.IDB, r.InvoiceID)
	*r = again
	return true, err
}

// accountsAtOnce bounds the accounts that one query asks for.
const accountsAtOnce = 5000

// useCredit settles the documents' accounts that have credit: in a run these are
// few, and one query finds them. What of the documents is settled so is kept: it is on them as long as they are printed.
func useCredit(ctx context.Context, tx *database.Tx, documents []InvoicePosting) error {
	all, settled := documents, map[int64]bool{}
	for len(documents) > 0 {
		part := documents[:min(len(documents), accountsAtOnce)]
		documents = documents[len(part):]
		on := map[int64]string{}
		accounts := make([]int64, len(part))
		for k := range part {
			accounts[k], on[part[k].Account] = part[k].Account, part[k].IssuedOn
		}
		var have []int64
		err := tx.NewRaw("SELECT DISTINCT billing_account_id FROM credit WHERE open > 0 AND billing_account_id IN (?) ORDER BY billing_account_id", bun.List(accounts)).Scan(ctx, &have)
		if err != nil {
			return fmt.Errorf("look for credit: %w", err)
		}
		for _, account := range have {
			if err := Settle(ctx, tx, account, on[account]); err != nil {
				return err
			}
			settled[account] = true
		}
	}
	return keepSetOff(ctx, tx, all, settled)
}

// keepSetOff notes what credit was used for documents of the accounts as they were finalised. It is not read from the
// allocations later: those are taken back, and others come in the same millisecond.
func keepSetOff(ctx context.Context, tx *database.Tx, documents []InvoicePosting, accounts map[int64]bool) error {
	var ids []int64
	for k := range documents {
		if d := &documents[k]; d.Type == DocumentInvoice && accounts[d.Account] {
			ids = append(ids, d.InvoiceID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	var kept []struct {
		Invoice int64        `bun:"invoice_id"`
		SetOff  money.Amount `bun:"set_off"`
	}
	err := tx.NewRaw("UPDATE receivable SET set_off = total - open WHERE open < total AND invoice_id IN (?) RETURNING invoice_id, set_off", bun.List(ids)).Scan(ctx, &kept)
	if err != nil {
		return fmt.Errorf("keep what was set off: %w", err)
	}
	setOff := map[int64]money.Amount{}
	for _, k := range kept {
		setOff[k.Invoice] = k.SetOff
	}
	for k := range documents {
		documents[k].SetOff = setOff[documents[k].InvoiceID]
	}
	return nil
}

// WriteOff gives up what is open of an invoice: an expense. Whoever pays after
// all has the write-off taken back first (Recover).
func WriteOff(ctx context.Context, tx *database.Tx, invoice int64, on, reason string) (Allocation, error) {
	r, err := GetReceivable(ctx, tx.IDB, invoice)
	if err != nil {
		return Allocation{}, err
	}
	if r.Open == 0 {
		return Allocation{}, refusal.New(refusal.Conflict, "nothing_open", "invoice", "nothing is open of invoice %s", r.Number)
	}
	if reason == "" {
		return Allocation{}, refusal.New(refusal.Invalid, "reason_missing", "reason", "say why invoice %s is written off", r.Number)
	}
	c, err := addCredit(ctx, tx, Credit{Account: r.Account, Source: SourceWriteOff, SourceID: invoice, Currency: r.Currency, Amount: r.Open, Open: r.Open, CreatedOn: on})
	if err != nil {
		return Allocation{}, err
	}
	a, err := allocate(ctx, tx, &c, &r, r.Open, on)
	if err != nil {
		return a, err
	}
	return a, tx.Audit(ctx, "receivable", strconv.FormatInt(invoice, 10), "write off", nil, map[string]any{"amount": a.Amount.In(a.Currency), "currency": a.Currency, "reason": reason})
}

// Recover takes the write-offs of an invoice back: it is open again.
func Recover(ctx context.Context, tx *database.Tx, invoice int64, on string) error {
	var standing []Allocation
	err := tx.NewRaw(`SELECT `+allocationColumns+` FROM payment_allocation WHERE invoice_id = ? AND reversed_at = 0
		AND credit_id IN (SELECT id FROM credit WHERE source = ? AND source_id = ?) ORDER BY id`, invoice, SourceWriteOff, invoice).Scan(ctx, &standing)
	if err != nil {
		return fmt.Errorf("write-offs of invoice %d: %w", invoice, err)
	}
	if len(standing) == 0 {
		return refusal.New(refusal.Conflict, "not_written_off", "invoice", "nothing of invoice %d is written off", invoice)
	}
	for _, a := range standing {
		if err := Unallocate(ctx, tx, a, on); err != nil {
			return err
		}
	}
	return nil
}

// Dispute is a customer's objection to a part of an invoice.
type Dispute struct {
	ID        int64        `bun:"id,pk" json:"id"`
	InvoiceID int64        `bun:"invoice_id" json:"invoice"`
	Account   int64        `bun:"billing_account_id" json:"account"`
	Amount    money.Amount `bun:"amount" json:"amount"`
	Reason    string       `bun:"reason" json:"reason"`
	State     string       `bun:"state" json:"state"` // open, upheld, rejected
}

// OpenDispute keeps an amount of an invoice from being dunned until it is closed.
func OpenDispute(ctx context.Context, tx *database.Tx, invoice int64, amount money.Amount, reason string) (Dispute, error) {
	r, err := GetReceivable(ctx, tx.IDB, invoice)
	if err != nil {
		return Dispute{}, err
	}
	if amount <= 0 || amount > r.Open-r.Disputed {
		return Dispute{}, refusal.New(refusal.Unprocessable, "amount_beyond_open", "amount", "%s of invoice %s cannot be disputed: %s is open and not in dispute", amount, r.Number, r.Dunnable())
	}
	if reason == "" {
		return Dispute{}, refusal.New(refusal.Invalid, "reason_missing", "reason", "say what the customer objects to")
	}
	if err := Payable(amount, r.Currency); err != nil {
		return Dispute{}, err
	}
	d := Dispute{InvoiceID: invoice, Account: r.Account, Amount: amount, Reason: reason, State: "open"}
	err = tx.NewRaw("INSERT INTO dispute (invoice_id, billing_account_id, amount, reason, state, opened_at) VALUES (?, ?, ?, ?, 'open', ?) RETURNING id",
		d.InvoiceID, d.Account, d.Amount, d.Reason, tx.Now()).Scan(ctx, &d.ID)
	if err != nil {
		return d, fmt.Errorf("dispute invoice %d: %w", invoice, err)
	}
	if err := addDisputed(ctx, tx, invoice, amount); err != nil {
		return d, err
	}
	return d, tx.Audit(ctx, "dispute", strconv.FormatInt(d.ID, 10), "open", nil, d.audited(r.Currency))
}

// CloseDispute ends it. If it is upheld a credit note follows, which billing
// makes; if it is rejected the amount is dunned again.
func CloseDispute(ctx context.Context, tx *database.Tx, id int64, upheld bool) (Dispute, error) {
	var rows []Dispute
	if err := tx.NewRaw("SELECT id, invoice_id, billing_account_id, amount, reason, state FROM dispute WHERE id = ?", id).Scan(ctx, &rows); err != nil {
		return Dispute{}, fmt.Errorf("dispute %d: %w", id, err)
	}
	if len(rows) == 0 {
		return Dispute{}, refusal.New(refusal.NotFound, "dispute_unknown", "dispute", "there is no dispute %d", id)
	}
	before, d := rows[0], rows[0]
	if d.State != "open" {
		return d, refusal.New(refusal.Conflict, "dispute_closed", "dispute", "dispute %d is %s already", id, d.State)
	}
	d.State = "rejected"
	if upheld {
		d.State = "upheld"
	}
	if _, err := tx.ExecContext(ctx, "UPDATE dispute SET state = ?, closed_at = ? WHERE id = ?", d.State, tx.Now(), id); err != nil {
		return d, fmt.Errorf("dispute %d: %w", id, err)
	}
	if err := addDisputed(ctx, tx, d.InvoiceID, -d.Amount); err != nil {
		return d, err
	}
	r, err := GetReceivable(ctx, tx.IDB, d.InvoiceID)
	if err != nil {
		return d, err
	}
	return d, tx.Audit(ctx, "dispute", strconv.FormatInt(id, 10), "close", before.audited(r.Currency), d.audited(r.Currency))
}

// audited is what the audit trail says of a dispute.
func (d *Dispute) audited(currency string) map[string]any {
	return map[string]any{"id": d.ID, "invoice": d.InvoiceID, "account": d.Account, "amount": d.Amount.In(currency), "currency": currency, "reason": d.Reason, "state": d.State}
}

// Payable refuses an amount that is no whole coins of its currency: nobody can pay what would be left.
func Payable(amount money.Amount, currency string) error {
	c, err := money.ParseCurrency(currency)
	if err != nil {
		return err
	}
	if !amount.PaidIn(c) {
		return refusal.New(refusal.Invalid, "amount_invalid", "amount", "%s %s cannot be paid: give an amount with at most %d decimals", amount.Format(0), c, c.Exponent())
	}
	return nil
}

func addDisputed(ctx context.Context, tx *database.Tx, invoice int64, amount money.Amount) error {
	if _, err := tx.ExecContext(ctx, "UPDATE receivable SET disputed = disputed + ? WHERE invoice_id = ?", amount, invoice); err != nil {
		return fmt.Errorf("dispute of invoice %d: %w", invoice, err)
	}
	return nil
}
