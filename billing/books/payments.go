package books

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"gyro/internal/money"
)

// Payment is a payment with what the books and its refunds say of it.
type Payment struct {
	ID          int64        `bun:"id" json:"id"`
	Account     int64        `bun:"billing_account_id" json:"account"`
	State       string       `bun:"state" json:"state"`
	Currency    string       `bun:"currency" json:"currency"`
	Amount      money.Amount `bun:"amount" json:"amount"`
	Refunded    money.Amount `bun:"refunded" json:"refunded"`
	ChargedBack money.Amount `bun:"charged_back" json:"chargedBack"`
	// Refunds are those that have not failed; LastChargeback is what a bank has taken back and not given again.
	Refunds        money.Amount `bun:"refunds" json:"refunds"`
	LastChargeback money.Amount `bun:"last_chargeback" json:"lastChargeback"`
	// Posted is what the journal has of its coming in.
	Posted money.Amount `bun:"posted" json:"posted"`
	// Credit is what it brought the customer; Withdrawn and Open are the credit's, Allocated is what stands of it on invoices.
	Credit    money.Amount `bun:"credit" json:"credit"`
	Withdrawn money.Amount `bun:"withdrawn" json:"withdrawn"`
	Open      money.Amount `bun:"open" json:"open"`
	Allocated money.Amount `bun:"allocated" json:"allocated"`
}

// PaymentPage is the payments behind a cursor.
func PaymentPage(ctx context.Context, q bun.IDB, after int64, limit int) ([]Payment, error) {
	var rows []Payment
	err := q.NewRaw(`SELECT p.id, p.billing_account_id, p.state, p.currency, p.amount, p.refunded, p.charged_back,
			CAST(COALESCE((SELECT SUM(r.amount) FROM refund r WHERE r.payment_id = p.id AND r.state <> 'failed'), 0) AS BIGINT) AS refunds,
			CAST(COALESCE((SELECT SUM(b.amount) FROM chargeback b WHERE b.payment_id = p.id AND b.state = 'lost'), 0) AS BIGINT) AS last_chargeback,
			CAST(COALESCE((SELECT -SUM(j.amount) FROM journal_entry e JOIN journal_posting j ON j.entry_id = e.id
				WHERE e.key = 'payment-' || p.id AND j.gl_code = '2100'), 0) AS BIGINT) AS posted,
			COALESCE(c.amount, 0) AS credit, COALESCE(c.withdrawn, 0) AS withdrawn, COALESCE(c.open, 0) AS open,
			CAST(COALESCE((SELECT SUM(a.amount) FROM payment_allocation a WHERE a.credit_id = c.id AND a.reversed_at = 0), 0) AS BIGINT) AS allocated
		FROM payment p LEFT JOIN credit c ON c.source = 'payment' AND c.source_id = p.id
		WHERE p.id > ? ORDER BY p.id LIMIT ?`, after, limit).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("payments: %w", err)
	}
	return rows, nil
}

// payments holds every payment against the journal, the credit that it brought, its refunds and its chargeback.
func (v *verifier) payments(_ context.Context, c *Check) error {
	c.Name = "payments are in the books as they came"
	var settled sums
	count := 0
	err := v.Payments(func(p *Payment) error {
		count++
		came := money.Amount(0)
		if p.State == "settled" {
			came = p.Amount
			settled.add(p.Currency, p.Amount)
		}
		in := in(p.Currency)
		wrong := func(what string, is, ought money.Amount) {
			if is != ought {
				c.wrong("payment %d (account %d, %s %s, %s): %s is %s, not %s", p.ID, p.Account, in(p.Amount), p.Currency, p.State, what, in(is), in(ought))
			}
		}
		wrong("what the journal has of it", p.Posted, came)
		wrong("the credit that it brought", p.Credit, came)
		wrong("what is open of its credit", p.Open, p.Credit-p.Withdrawn-p.Allocated)
		wrong("what it says is refunded", p.Refunded, p.Refunds)
		wrong("what it says is charged back", p.ChargedBack, p.LastChargeback)
		return nil
	})
	c.figure("%d payments, %s of them settled", count, &settled)
	return err
}
