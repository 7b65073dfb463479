package run

import (
	"context"
	"fmt"
	"strconv"

	"gyro/billing/invoice"
	"gyro/billing/ledger"
	"gyro/billing/tax"
	"gyro/internal/database"
)

func copyLines(ctx context.Context, tx *database.Tx, c *computed) error {
	documents := c.documents
	at, line := 0, 0
	_, err := tx.Copy(ctx, "invoice_line", invoice.LineColumns(), func() ([]any, bool) {
		for at < len(documents) && line == len(documents[at].lines) {
			at, line = at+1, 0
		}
		if at == len(documents) {
			return nil, false
		}
		d := documents[at]
		line++
		l := d.lines[line-1]
		l.Corrects.Invoice = c.id(l.Corrects.Invoice)
		return invoice.LineRow(d.id, line, &l), true
	})
	if err != nil {
		return err
	}
	at, line = 0, 0
	_, err = tx.Copy(ctx, "invoice_tax", invoice.TaxColumns(), func() ([]any, bool) {
		for at < len(documents) && line == len(documents[at].totals.Subtotals) {
			at, line = at+1, 0
		}
		if at == len(documents) {
			return nil, false
		}
		d := documents[at]
		line++
		return invoice.TaxRow(d.id, line, &d.totals.Subtotals[line-1]), true
	})
	return err
}

func copyInvoices(ctx context.Context, tx *database.Tx, j *job, documents []*document) error {
	at := 0
	_, err := tx.Copy(ctx, "invoice", invoice.Columns(), func() ([]any, bool) {
		if at == len(documents) {
			return nil, false
		}
		d := documents[at]
		at++
		i := invoice.Invoice{
			ID: d.id, Run: j.run, Account: d.payer.id, Type: d.kind, State: invoice.Draft, Entity: d.entity.Name, Seller: d.seller,
			Recipient: d.to.Recipient, Language: d.to.Language,
			PeriodFrom: d.period.From.String(), PeriodUntil: d.period.Until.String(), Revision: d.revision,
			IssuedOn: j.issuedOn(tx.Now()).String(), DueOn: j.dueOn(tx.Now(), d).String(), Currency: d.payer.currencyCode,
			Net: d.totals.Net, Tax: d.totals.Tax, Total: d.totals.Total, TaxRegion: d.payer.region, Prices: d.prices, Lines: len(d.lines), Digest: d.digest,
			CreatedAt: tx.Now(),
		}
		if j.mode == Final {
			i.State, i.FinalisedAt = invoice.Finalised, tx.Now()
		}
		if d.number != "" {
			i.Number = &d.number
		}
		return i.Row(), true
	})
	return err
}

// keepSellers keeps the letterheads that the documents have: one for all of a legal entity.
func keepSellers(ctx context.Context, tx *database.Tx, documents []*document) error {
	kept := map[*tax.Entity]string{}
	for _, d := range documents {
		if kept[d.entity] == "" {
			s := invoice.SellerOf(d.entity)
			if err := s.Keep(ctx, tx); err != nil {
				return err
			}
			kept[d.entity] = s.Digest
		}
		d.seller = kept[d.entity]
	}
	return nil
}

// drawNumbers gives the documents their numbers, a block for each series: a
// legal entity, a kind of document and a year.
func drawNumbers(ctx context.Context, tx *database.Tx, j *job, documents []*document) error {
	year, _, _ := j.issuedOn(tx.Now()).Civil()
	bySeries := map[invoice.Series][]*document{}
	var order []invoice.Series
	for _, d := range documents {
		if d.kind == invoice.Statement {
			continue
		}
		s := invoice.Series{Entity: d.entity, Type: d.kind, Year: year}
		if bySeries[s] == nil {
			order = append(order, s)
		}
		bySeries[s] = append(bySeries[s], d)
	}
	for _, s := range order {
		numbers, err := s.Draw(ctx, tx, len(bySeries[s]))
		if err != nil {
			return err
		}
		for k, d := range bySeries[s] {
			d.number = numbers[k]
		}
	}
	return nil
}

// storeSettlements notes what the core has to settle; the job after the commit does it.
func storeSettlements(ctx context.Context, tx *database.Tx, documents []*document) error {
	at, part := 0, 0
	columns := []string{"invoice_id", "billing_account_id", "charging_account", "amount", "currency"}
	_, err := tx.Copy(ctx, "invoice_settlement", columns, func() ([]any, bool) {
		for at < len(documents) && part == len(documents[at].usage) {
			at, part = at+1, 0
		}
		if at == len(documents) {
			return nil, false
		}
		d := documents[at]
		part++
		s := &d.usage[part-1]
		return []any{d.id, s.account, s.chargingAccount, int64(s.amount), d.payer.currencyCode}, true
	})
	return err
}

// created are the events of the documents, which are in the books as booked.
func created(tx *database.Tx, j *job, documents []*document, booked []ledger.InvoicePosting) []database.Event {
	events := make([]database.Event, 0, len(documents))
	for k, d := range documents {
		i := invoice.Invoice{Type: d.kind, Total: d.totals.Total}
		id := strconv.FormatInt(d.id, 10)
		events = append(events, database.Event{Type: "customerBillCreateEvent", Entity: "customerBill", ID: id, Payload: billEvent{
			ID: id, BillNo: d.number, Category: string(d.kind), State: "new", Account: strconv.FormatInt(d.payer.id, 10),
			Amount: i.ToPay(booked[k].SetOff).Format(d.payer.currency.Exponent()), Currency: d.payer.currencyCode, Due: j.dueOn(tx.Now(), d).String(),
		}})
	}
	return events
}

// billEvent is what a customerBillCreateEvent says.
type billEvent struct {
	ID       string `json:"id"`
	BillNo   string `json:"billNo,omitempty"`
	Category string `json:"category"`
	State    string `json:"state"`
	Account  string `json:"billingAccountId"`
	Amount   string `json:"amountDue"`
	Currency string `json:"currency"`
	Due      string `json:"paymentDueDate"`
}

// FollowUp is the job behind a batch of finalised documents: it settles their
// usage in the core and tells the customers.
type FollowUp struct {
	First int64 `json:"first"` // ids of the documents
	Last  int64 `json:"last"`
}

// Kind names the job's worker.
func (FollowUp) Kind() string { return "billing_follow_up" }

func enqueueFollowUp(ctx context.Context, tx *database.Tx, ids []int64) error {
	if err := tx.Enqueue(ctx, FollowUp{ids[0], ids[len(ids)-1]}); err != nil {
		return fmt.Errorf("follow up invoices %d to %d: %w", ids[0], ids[len(ids)-1], err)
	}
	return nil
}
