package payment

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
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

// model is what an account's books must come to, whatever was allocated to what: bills less what was credited and given up,
// and money that is here.
type model struct {
	billed, writtenOff, bank, clearing money.Amount
}

// walk is a random sequence of operations on one account.
type walk struct {
	*office
	random   *rand.Rand
	account  int64
	model    model
	invoices []int64
	payments []int64         // settled or not
	version  map[int64]int64 // of the provider's reports
	disputed map[int64]bool  // the provider has taken it back
	refunded map[int64]money.Amount
	log      []string
}

// nextInvoice numbers the documents of a whole test.
var nextInvoice int64 = 1

// TestAnySequenceOfOperationsKeepsTheBooks compares the books with the model after every step of random walks: what is
// open, less what is credit, is what was billed less what was paid.
func TestAnySequenceOfOperationsKeepsTheBooks(t *testing.T) {
	const walks, steps = 20, 25
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			o := newOffice(t, dialect)
			seed := rand.Uint64()
			for n := range uint64(walks) {
				w := &walk{
					office: o, random: rand.New(rand.NewPCG(seed, n)), //nolint:gosec // a test's
					version: map[int64]int64{}, disputed: map[int64]bool{}, refunded: map[int64]money.Amount{},
				}
				name := fmt.Sprintf("w%d", n)
				if err := o.account(name, customer.Postpaid, 0); err != nil {
					t.Fatal(err)
				}
				w.account = o.accounts[name]
				for range steps {
					if err := w.step(); err != nil && refusal.Of(err) == nil {
						t.Fatalf("seed %d, walk %d: %v after\n%s", seed, n, err, strings.Join(w.log, "\n"))
					}
					if err := o.drain(); err != nil {
						t.Fatalf("seed %d, walk %d: %v after\n%s", seed, n, err, strings.Join(w.log, "\n"))
					}
					if wrong := append(w.compare(), o.identities()...); len(wrong) > 0 {
						t.Fatalf("seed %d, walk %d: %s after\n%s", seed, n, strings.Join(wrong, "; "), strings.Join(w.log, "\n"))
					}
				}
			}
		})
	}
}

func (w *walk) say(format string, args ...any) { w.log = append(w.log, fmt.Sprintf(format, args...)) }

// cents draws an amount of up to 100.00.
func (w *walk) cents() money.Amount { return money.Amount(1+w.random.Int64N(10_000)) * 10_000 }

func pick(w *walk, from []int64) int64 {
	if len(from) == 0 {
		return 0
	}
	return from[w.random.IntN(len(from))]
}

func (w *walk) step() error {
	switch w.random.IntN(10) {
	case 0, 1:
		return w.bill()
	case 2, 3:
		return w.pay()
	case 4, 5:
		return w.report()
	case 6:
		return w.refund()
	case 7:
		return w.writeOff()
	case 8:
		return w.recover()
	}
	return w.reallocate()
}

func (w *walk) bill() error {
	net, corrects := w.cents(), int64(0)
	p := ledger.InvoicePosting{
		InvoiceID: nextInvoice, Account: w.account, Type: ledger.DocumentInvoice, Number: fmt.Sprint("R-", nextInvoice), Currency: "EUR",
		IssuedOn: ledger.Day(w.db.Now()), DueOn: ledger.Day(w.db.Now()), TaxRegion: "DE",
	}
	if w.random.IntN(4) == 0 {
		net, corrects, p.Type = -net, pick(w, w.invoices), ledger.DocumentCreditNote
	}
	p.Lines, p.Total, p.Corrects = []ledger.LinePosting{{Exact: net + money.Amount(w.random.IntN(9)), Amount: net}}, net, corrects
	w.say("%s %d of %s, corrects %d", p.Type, p.InvoiceID, net, corrects)
	nextInvoice++
	if err := w.write(func(ctx context.Context, tx *database.Tx) error {
		if err := w.forgive(ctx, tx, corrects, -net); err != nil {
			return err
		}
		return ledger.Invoiced(ctx, tx, []ledger.InvoicePosting{p})
	}); err != nil {
		return err
	}
	if net > 0 {
		w.invoices = append(w.invoices, p.InvoiceID)
	}
	w.model.billed += net
	return nil
}

// forgive is what a credit note does to what was written off of the invoice that it corrects: what is credited beyond what is
// open was no bad debt.
func (w *walk) forgive(ctx context.Context, tx *database.Tx, corrects int64, amount money.Amount) error {
	if corrects == 0 {
		return nil
	}
	r, err := ledger.GetReceivable(ctx, tx, corrects)
	if err != nil {
		return err
	}
	var off money.Amount
	err = tx.NewRaw(`SELECT CAST(COALESCE(SUM(a.amount), 0) AS BIGINT) FROM payment_allocation a JOIN credit c ON c.id = a.credit_id
		WHERE a.invoice_id = ? AND a.reversed_at = 0 AND c.source = 'write_off'`, corrects).Scan(ctx, &off)
	w.model.writtenOff -= min(off, max(0, amount-r.Open))
	return err
}

func (w *walk) pay() error {
	amount, method := w.cents(), []Method{BankTransfer, ByProvider}[w.random.IntN(2)]
	named, token := int64(0), ""
	if w.random.IntN(2) == 0 {
		named = pick(w, w.invoices)
	}
	if method == ByProvider {
		token = "tok_visa"
	}
	w.say("pay %s by %s, invoice %d", amount, method, named)
	return w.write(func(ctx context.Context, tx *database.Tx) error {
		p, err := w.office.payments.Take(ctx, tx, Request{Account: w.account, Method: method, Amount: amount, InvoiceID: named, Token: token, Key: fmt.Sprint(w.account, "-", len(w.log))})
		if err != nil {
			return err
		}
		w.payments = append(w.payments, p.ID)
		if method == BankTransfer {
			w.model.bank += amount
		}
		return nil
	})
}

func (w *walk) get(id int64) (p Payment) {
	w.read(func(ctx context.Context, q bun.IDB) (err error) {
		p, err = Get(ctx, q, id)
		return err
	})
	return p
}

// report is a webhook about a payment through the provider: success, a dispute that is opened or won, or old news.
func (w *walk) report() error {
	id := pick(w, w.payments)
	if id == 0 {
		return nil
	}
	p := w.get(id)
	if p.Method != ByProvider {
		return nil
	}
	w.version[id]++
	d := provider.EventDocument{ID: fmt.Sprint("evt_", id, "_", w.version[id]), Type: provider.PaymentSucceeded, Charge: provider.ChargeDocument{
		ID: "ch_" + p.Name(), Key: p.Name(), Reference: p.Name(), Amount: int64(p.Amount) / 10_000, Currency: "EUR", State: provider.Succeeded,
		Refunded: int64(w.refunded[id]) / 10_000, Version: w.version[id],
	}}
	was := w.disputed[id]
	if p.State == Settled {
		d.Charge.Dispute = []provider.Dispute{provider.DisputeOpened, provider.DisputeWon}[w.random.IntN(2)]
		w.disputed[id] = d.Charge.Dispute == provider.DisputeOpened
	} else {
		w.model.clearing += p.Amount
	}
	at := p.Amount - w.refunded[id]
	switch {
	case w.disputed[id] && !was:
		w.model.clearing -= at
	case was && !w.disputed[id]:
		w.model.clearing += at
	}
	w.say("report on %d: %s %s", id, d.Charge.State, d.Charge.Dispute)
	if w.random.IntN(2) == 0 { // an older one, later
		old := d
		old.ID, old.Charge.Version, old.Charge.Dispute = d.ID+"_old", 0, provider.DisputeOpened
		if err := w.webhook(&d); err != nil {
			return err
		}
		if err := w.drain(); err != nil {
			return err
		}
		return w.webhook(&old)
	}
	return w.webhook(&d)
}

// refund gives something back; the provider says at once that it has.
func (w *walk) refund() error {
	id := pick(w, w.payments)
	if id == 0 || w.disputed[id] {
		return nil
	}
	p, amount := w.get(id), w.cents()
	w.say("refund %s of %d", amount, id)
	var r Refund
	err := w.write(func(ctx context.Context, tx *database.Tx) (err error) {
		r, err = w.office.payments.Refund(ctx, tx, RefundRequest{Payment: id, Amount: amount, Reason: "asked for", Key: fmt.Sprint(w.account, "-", len(w.log))})
		return err
	})
	if err != nil {
		w.say("refused: %v", err)
		return err
	}
	w.refunded[id] += amount
	if p.Method == BankTransfer {
		w.model.bank -= amount
		return nil
	}
	w.model.clearing -= amount
	w.version[id]++
	return w.webhook(&provider.EventDocument{
		ID: fmt.Sprint("evt_", id, "_", w.version[id]), Type: provider.RefundSucceeded,
		Charge: provider.ChargeDocument{
			ID: "ch_" + p.Name(), Key: p.Name(), Reference: p.Name(), Amount: int64(p.Amount) / 10_000, Currency: "EUR", State: provider.Succeeded,
			Refunded: int64(w.refunded[id]) / 10_000, Version: w.version[id],
		},
		Refund: &provider.RefundDocument{ID: "re_" + r.Name(), Key: r.Name(), Charge: "ch_" + p.Name(), Amount: int64(amount) / 10_000, State: provider.Succeeded},
	})
}

func (w *walk) writeOff() error {
	id := pick(w, w.invoices)
	w.say("write off %d", id)
	return w.write(func(ctx context.Context, tx *database.Tx) error {
		a, err := ledger.WriteOff(ctx, tx, id, ledger.Day(tx.Now()), "insolvent")
		if err == nil {
			w.model.writtenOff += a.Amount
		}
		return err
	})
}

func (w *walk) recover() error {
	id := pick(w, w.invoices)
	w.say("recover %d", id)
	return w.write(func(ctx context.Context, tx *database.Tx) error {
		before, err := ledger.GetReceivable(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := ledger.Recover(ctx, tx, id, ledger.Day(tx.Now())); err != nil {
			return err
		}
		after, err := ledger.GetReceivable(ctx, tx, id)
		w.model.writtenOff -= after.Open - before.Open
		return err
	})
}

// reallocate takes allocations of a payment back, or uses what is left.
func (w *walk) reallocate() error {
	id := pick(w, w.payments)
	if id == 0 {
		return nil
	}
	if w.random.IntN(2) == 0 {
		w.say("allocate %d", id)
		return w.write(func(ctx context.Context, tx *database.Tx) error {
			return w.office.payments.Allocate(ctx, tx, id, pick(w, w.invoices), 0)
		})
	}
	w.say("unallocate of %d", id)
	return w.write(func(ctx context.Context, tx *database.Tx) error {
		credit, err := ledger.CreditOf(ctx, tx, ledger.SourcePayment, id)
		if err != nil {
			return err
		}
		standing, err := ledger.Allocations(ctx, tx, credit.ID)
		if err != nil || len(standing) == 0 {
			return err
		}
		return w.office.payments.Unallocate(ctx, tx, standing[0].ID)
	})
}

// compare holds the account's books against the model.
func (w *walk) compare() (wrong []string) {
	w.read(func(ctx context.Context, q bun.IDB) error {
		for _, c := range []struct {
			what, codes string
			want        money.Amount
		}{
			{"written off", "'6100'", w.model.writtenOff},
			{"in the bank", "'1100'", w.model.bank},
			{"with the provider", "'1300'", w.model.clearing},
			{"owed less credit", "'1200', '2100', '2200'", w.model.billed - w.model.writtenOff - w.model.bank - w.model.clearing},
		} {
			var got money.Amount
			err := q.NewRaw("SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM journal_posting WHERE gl_code IN ("+c.codes+") AND billing_account_id = ?", w.account).Scan(ctx, &got)
			if err != nil {
				return err
			}
			if got != c.want {
				wrong = append(wrong, fmt.Sprintf("%s: %s, the model has %s", c.what, got, c.want))
			}
		}
		return nil
	})
	return wrong
}
