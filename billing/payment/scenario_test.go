package payment

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/uptrace/bun"

	"gyro/billing/dunning"
	"gyro/billing/ledger"
	"gyro/billing/payment/provider"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// TestScenarios walks testdata/receivables on both databases; testdata/README.md is the manual of the scripts.
func TestScenarios(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			datadriven.Walk(t, "../../testdata/receivables", func(t *testing.T, path string) {
				o := newOffice(t, dialect)
				datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
					out := o.step(t, d)
					for _, wrong := range o.identities() {
						t.Errorf("%s: after %s: %s", d.Pos, d.Cmd, wrong)
					}
					return out
				})
			})
		})
	}
}

// step carries out one command and shows what it posted.
func (o *office) step(t *testing.T, d *datadriven.TestData) string {
	var b strings.Builder
	switch d.Cmd {
	case "open-items":
		o.openItems(&b)
	case "trial-balance":
		o.trialBalance(&b)
	case "cases":
		o.cases(&b)
	case "letters":
		o.letters(&b)
	case "reconcile":
		o.reconcile(t, d, &b)
		o.posted(&b)
	default:
		if err := o.carryOut(t, d, &b); err != nil {
			if refusal.Of(err) == nil {
				t.Fatalf("%s: %v", d.Pos, err)
			}
			fmt.Fprintf(&b, "refused %s: %v\n", refusal.Of(err).Code, err)
		}
		if !d.HasArg("hold-jobs") {
			if err := o.drain(); err != nil {
				t.Fatalf("%s: %v", d.Pos, err)
			}
		}
		o.posted(&b)
		for _, said := range o.said {
			b.WriteString(said + "\n")
		}
		o.said = nil
	}
	if b.Len() == 0 {
		return "ok\n"
	}
	return b.String()
}

func (o *office) carryOut(t *testing.T, d *datadriven.TestData, b *strings.Builder) error {
	a := arguments{t, d, o}
	switch d.Cmd {
	case "account":
		return o.account(a.text("name", ""), customer.AccountKind(a.text("kind", "postpaid")), a.account("payer"))
	case "pays-for":
		_, err := customer.New(o.db).ChangeAccount(o.t.Context(), finance, a.account("account"), func(c *customer.BillingAccount) error {
			c.PayerID, c.OthersPayer = a.account("payer"), true
			return nil
		})
		return err
	case "clock":
		*o.now = o.now.AddDate(0, 0, int(a.number("days", 1)))
		return nil
	case "core":
		o.core.refuse = a.text("refuse", "") != ""
		if name := a.text("spend", ""); name != "" {
			o.core.balance[fmt.Sprintf("ba-%d", o.accounts[name])] -= a.amount("amount")
		}
		return nil
	case "provider":
		o.provider.decline = a.text("decline", "")
		return nil
	case "policy":
		p, err := dunning.ParsePolicy([]byte(d.Input))
		if err != nil {
			return err
		}
		return o.write(func(ctx context.Context, tx *database.Tx) error { return dunning.SetPolicy(ctx, tx, p) })
	case "webhook":
		return o.event(a)
	case "dun":
		s, err := o.dunning.Run(t.Context(), finance, a.text("as-of", ledger.Day(o.db.Now())))
		if err == nil {
			fmt.Fprintf(b, "%s\n", s.String())
		}
		return err
	case "close":
		return ledger.Close(t.Context(), o.db, finance, a.text("period", ""))
	}
	return o.write(func(ctx context.Context, tx *database.Tx) error { return o.transact(ctx, tx, a) })
}

// transact carries out what is one transaction.
func (o *office) transact(ctx context.Context, tx *database.Tx, a arguments) (err error) {
	today := ledger.Day(tx.Now())
	switch a.d.Cmd {
	case "invoice", "credit-note":
		return ledger.Invoiced(ctx, tx, []ledger.InvoicePosting{a.document(today)})
	case "pay":
		method, token := Method(a.text("method", "bank_transfer")), ""
		if method == ByProvider {
			token = "tok_visa"
		}
		_, err = o.payments.Take(ctx, tx, Request{
			Account: a.account("account"), Method: method, Amount: a.amount("amount"), InvoiceID: a.number("invoice", 0),
			Token: a.text("token", token), Key: a.text("key", a.d.Pos), ReceivedOn: a.text("on", ""),
		})
	case "refund":
		_, err = o.payments.Refund(ctx, tx, RefundRequest{Payment: a.number("payment", 0), Amount: a.amount("amount"), Reason: "asked for", Key: a.text("key", a.d.Pos)})
	case "allocate":
		err = o.payments.Allocate(ctx, tx, a.number("payment", 0), a.number("invoice", 0), a.amount("amount"))
	case "unallocate":
		err = o.payments.Unallocate(ctx, tx, a.number("allocation", 0))
	case "dispute":
		_, err = ledger.OpenDispute(ctx, tx, a.number("invoice", 0), a.amount("amount"), "never ordered")
	case "close-dispute":
		_, err = ledger.CloseDispute(ctx, tx, a.number("dispute", 0), a.d.HasArg("upheld"))
	case "write-off":
		_, err = ledger.WriteOff(ctx, tx, a.number("invoice", 0), today, "insolvent")
	case "recover":
		err = ledger.Recover(ctx, tx, a.number("invoice", 0), today)
	case "hold":
		_, err = o.dunning.Hold(ctx, tx, a.number("case", 0), a.text("until", ""), a.text("reason", "promised to pay"))
	default:
		a.t.Fatalf("%s: no command %q", a.d.Pos, a.d.Cmd)
	}
	return err
}

// event sends a webhook about a payment as its arguments say.
func (o *office) event(a arguments) error {
	p := nameOf(a.number("payment", 0))
	var amount money.Amount
	o.read(func(ctx context.Context, q bun.IDB) error {
		payment, err := Get(ctx, q, a.number("payment", 0))
		amount = payment.Amount
		if refused := refusal.Of(err); refused == nil {
			return err
		}
		return nil // an event may be about a payment that there is not
	})
	if a.d.HasArg("amount") {
		amount = a.amount("amount")
	}
	doc := provider.EventDocument{
		ID: a.text("event", a.d.Pos), Type: provider.EventType(a.text("type", "")), Created: o.now.UnixMilli(),
		Charge: provider.ChargeDocument{
			ID: "ch_" + p, Key: p, Reference: p, Currency: "EUR", Amount: int64(amount) / 10_000, State: provider.State(a.text("state", "succeeded")),
			DeclineCode: a.text("code", ""), Dispute: provider.Dispute(a.text("dispute", "")), Refunded: int64(a.amount("refunded")) / 10_000, Version: a.number("version", 2),
		},
	}
	if id := a.text("refund", ""); id != "" {
		doc.Refund = &provider.RefundDocument{ID: "re_" + id, Key: id, Charge: doc.Charge.ID, Amount: int64(a.amount("of")) / 10_000, State: provider.State(a.text("refund-state", "succeeded"))}
	}
	if c, err := provider.ParseEvent(mustJSON(doc)); err == nil {
		o.provider.charges[p] = c.Charge
	}
	return o.webhook(&doc)
}

// arguments reads those of a step.
type arguments struct {
	t *testing.T
	d *datadriven.TestData
	o *office
}

func (a arguments) text(name, otherwise string) string {
	for _, arg := range a.d.CmdArgs {
		if arg.Key == name && len(arg.Vals) > 0 {
			return strings.Join(arg.Vals, ",")
		}
	}
	return otherwise
}

func (a arguments) number(name string, otherwise int64) int64 {
	n := otherwise
	if text := a.text(name, ""); text != "" {
		if _, err := fmt.Sscanf(text, "%d", &n); err != nil {
			a.t.Fatalf("%s: %s=%s is no number", a.d.Pos, name, text)
		}
	}
	return n
}

func (a arguments) amount(name string) money.Amount {
	amount, err := money.Parse(a.text(name, "0"), money.Decimals)
	if err != nil {
		a.t.Fatalf("%s: %v", a.d.Pos, err)
	}
	return amount
}

func (a arguments) account(name string) int64 {
	text := a.text(name, "")
	id, known := a.o.accounts[text]
	if text != "" && !known {
		return a.number(name, 0)
	}
	return id
}

// document is an invoice or a credit note of net= (exact=, where rounding moved something) at 19 %.
func (a arguments) document(today string) ledger.InvoicePosting {
	net := a.amount("net")
	exact := net
	if a.d.HasArg("exact") {
		exact = a.amount("exact")
	}
	tax, _ := money.MulDiv(net, 19, 100*10_000, money.HalfUp)
	tax *= 10_000
	issued, err := time.Parse(time.DateOnly, today)
	if err != nil {
		a.t.Fatal(err)
	}
	p := ledger.InvoicePosting{
		InvoiceID: a.number("id", 0), Account: a.account("account"), Type: ledger.DocumentInvoice, Currency: "EUR", IssuedOn: today,
		DueOn: issued.AddDate(0, 0, int(a.number("terms", 14))).Format(time.DateOnly), TaxRegion: "DE",
		Lines: []ledger.LinePosting{{GLCode: ledger.RevenueAccount(a.text("kind", "usage"), ""), Exact: exact, Amount: net}},
		Tax:   tax, Total: net + tax,
	}
	p.Number = fmt.Sprintf("R-%d", p.InvoiceID)
	if a.d.Cmd == "credit-note" {
		p.Type, p.Number, p.Corrects = ledger.DocumentCreditNote, fmt.Sprintf("C-%d", p.InvoiceID), a.number("corrects", 0)
		p.Lines[0].Exact, p.Lines[0].Amount, p.Tax, p.Total = -exact, -net, -tax, -p.Total
	}
	return p
}
