package payment

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"gyro/billing/ledger"
	"gyro/billing/payment/provider"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// TestRefundsAtOnceGiveBackWhatThereIs asks for 24 refunds of 7 of a payment of 50 at the same moment, each twice under
// its key: seven are paid out, once each, and the others are refused. The bill that the payment settled is open again.
func TestRefundsAtOnceGiveBackWhatThereIs(t *testing.T) {
	const asked, amount, paid = 24, 7 * money.Unit, 50 * money.Unit
	for _, method := range []Method{BankTransfer, ByProvider} {
		for _, dialect := range dbtest.Dialects {
			t.Run(fmt.Sprint(method, " ", dialect), func(t *testing.T) {
				o := newOffice(t, dialect)
				if err := o.account("anna", customer.Postpaid, 0); err != nil {
					t.Fatal(err)
				}
				account := o.accounts["anna"]
				if err := o.write(func(ctx context.Context, tx *database.Tx) error {
					return ledger.Invoiced(ctx, tx, []ledger.InvoicePosting{{
						InvoiceID: 1, Account: account, Type: ledger.DocumentInvoice, Number: "R-1", Currency: "EUR", IssuedOn: "2026-11-23", DueOn: "2026-12-07",
						TaxRegion: "DE", Total: 40 * money.Unit, Lines: []ledger.LinePosting{{Exact: 40 * money.Unit, Amount: 40 * money.Unit}},
					}})
				}); err != nil {
					t.Fatal(err)
				}
				id := o.settled(account, method, paid)
				refund := func(n int) (r Refund, err error) {
					err = o.write(func(ctx context.Context, tx *database.Tx) error {
						r, err = o.payments.Refund(ctx, tx, RefundRequest{Payment: id, Amount: amount, Reason: "paid twice", Key: fmt.Sprint("k", n)})
						return err
					})
					return r, err
				}
				var together sync.WaitGroup
				made, failed := make([]Refund, 2*asked), make([]error, 2*asked)
				for n := range 2 * asked {
					together.Go(func() { made[n], failed[n] = refund(n % asked) })
				}
				together.Wait()
				given := 0
				for n, err := range failed {
					switch {
					case err != nil && !refusal.Is(err, "amount_beyond_payment"):
						t.Errorf("refund %d: %v", n, err)
					case n >= asked && (failed[n-asked] == nil) != (err == nil), n >= asked && made[n-asked].ID != made[n].ID:
						t.Errorf("under one key: %d, %v and %d, %v", made[n-asked].ID, failed[n-asked], made[n].ID, err)
					case n < asked && err == nil:
						given++
					}
				}
				if given != int(paid/amount) {
					t.Errorf("%d refunds of %s were made of %s", given, amount, paid)
				}
				if err := o.drain(); err != nil {
					t.Fatal(err)
				}
				if wrong := o.identities(); len(wrong) > 0 {
					t.Errorf("%v", wrong)
				}
				sum, open := o.one("SELECT CAST(SUM(amount) AS BIGINT) FROM refund WHERE state <> 'failed'"), o.one("SELECT open FROM receivable")
				if sum != 49_000_000 || open != 39_000_000 {
					t.Errorf("%d were given back, %d are open", sum, open)
				}
			})
		}
	}
}

// settled is a payment of an account that has come in.
func (o *office) settled(account int64, method Method, amount money.Amount) int64 {
	o.t.Helper()
	var p Payment
	r := Request{Account: account, Method: method, Amount: amount, Key: "paid"}
	if method == ByProvider {
		r.Token = "tok_visa"
	}
	err := o.write(func(ctx context.Context, tx *database.Tx) (err error) {
		p, err = o.payments.Take(ctx, tx, r)
		return err
	})
	if err != nil {
		o.t.Fatal(err)
	}
	if err := o.drain(); err != nil {
		o.t.Fatal(err)
	}
	if method != ByProvider {
		return p.ID
	}
	name := nameOf(p.ID)
	doc := provider.EventDocument{ID: "paid", Type: provider.PaymentSucceeded, Created: o.now.UnixMilli(), Charge: provider.ChargeDocument{
		ID: "ch_" + name, Key: name, Reference: name, Currency: "EUR", Amount: int64(amount) / 10_000, State: provider.Succeeded, Version: 2,
	}}
	if err := errors.Join(o.webhook(&doc), o.drain()); err != nil {
		o.t.Fatal(err)
	}
	return p.ID
}

// one reads a number.
func (o *office) one(query string) (n int64) {
	o.read(func(ctx context.Context, q bun.IDB) error { return q.NewRaw(query).Scan(ctx, &n) })
	return n
}
