package billing

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/uptrace/bun"

	"gyro/billing/charge"
	"gyro/billing/invoice"
	"gyro/billing/ledger"
	"gyro/billing/tax"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// CreditRequest says what of an invoice is taken back.
type CreditRequest struct {
	// Lines are those that are credited; none is all that is left of the invoice.
	Lines  []CreditLine
	Reason string
	// Key makes the credit note once.
	Key string
}

// CreditLine is a line of the invoice, and how much of it.
type CreditLine struct {
	Position int
	Amount   money.Amount // net; 0 is all that is left of it
}

// Credit writes a credit note for a finalised invoice: a document of its own,
// with its own series of numbers. The invoice itself stays as it is; one that is
// credited wholly is cancelled.
func (s *Service) Credit(ctx context.Context, by database.Actor, id int64, request CreditRequest) (note int64, err error) {
	err = s.db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error {
		note, err = s.CreditIn(ctx, tx, id, request)
		return err
	})
	return note, err
}

type creditKey struct {
	Invoice int64
	Request CreditRequest
}

// CreditIn is Credit within a transaction.
func (s *Service) CreditIn(ctx context.Context, tx *database.Tx, id int64, request CreditRequest) (note int64, err error) {
	switch {
	case request.Reason == "":
		return 0, refusal.New(refusal.Invalid, "reason_missing", "reason", "a credit note needs a reason, which is printed on it")
	case request.Key == "":
		return 0, refusal.New(refusal.Invalid, "key_missing", "key", "a credit note needs a key that makes it once")
	}
	replay, first, err := tx.Once(ctx, "credit_note", request.Key, creditKey{id, request})
	if err != nil {
		return 0, err
	}
	if !first {
		return strconv.ParseInt(string(replay), 10, 64)
	}
	// The invoice's row is written first: of two credit notes at once the second sees what the first one left.
	if _, err := tx.ExecContext(ctx, "UPDATE invoice SET state = state WHERE id = ?", id); err != nil {
		return 0, fmt.Errorf("credit invoice %d: %w", id, err)
	}
	of, err := invoice.Get(ctx, tx, id)
	if err != nil {
		return 0, err
	}
	if of.Type != invoice.Bill || of.State != invoice.Finalised {
		return 0, refusal.New(refusal.Conflict, "invoice_not_creditable", "id", "bill %d is of type %s and %s: what can be credited are finalised invoices that are not credited yet", id, of.Type, of.State)
	}
	before, err := creditedBefore(ctx, tx, id)
	if err != nil {
		return 0, err
	}
	c, err := s.creditNote(ctx, tx, of, before, &request)
	if err != nil {
		return 0, err
	}
	if err := c.store(ctx, tx); err != nil {
		return 0, err
	}
	return c.note.ID, tx.Remember(ctx, "credit_note", request.Key, c.note.ID)
}

// credited is what earlier credit notes took back of an invoice, below zero as they are.
type credited struct {
	amount, exact map[int]money.Amount // by line
	base, tax     map[string]money.Amount
}

func taxKey(code string, rate int64) string { return fmt.Sprintf("%s %d", code, rate) }

func creditedBefore(ctx context.Context, q bun.IDB, id int64) (*credited, error) {
	c := &credited{map[int]money.Amount{}, map[int]money.Amount{}, map[string]money.Amount{}, map[string]money.Amount{}}
	var lines []invoice.Line
	err := q.NewSelect().Model(&lines).Where("corrects_invoice = ? AND invoice_id IN (SELECT id FROM invoice WHERE corrects_id = ?)", id, id).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("credit notes of invoice %d: %w", id, err)
	}
	for k := range lines {
		c.amount[lines[k].CorrectsPosition] += lines[k].Amount
		c.exact[lines[k].CorrectsPosition] += lines[k].Exact
	}
	var taxes []invoice.Tax
	if err := q.NewSelect().Model(&taxes).Where("invoice_id IN (SELECT id FROM invoice WHERE corrects_id = ?)", id).Scan(ctx); err != nil {
		return nil, fmt.Errorf("credit notes of invoice %d: %w", id, err)
	}
	for k := range taxes {
		c.base[taxKey(taxes[k].Category, taxes[k].Rate)] += taxes[k].Base
		c.tax[taxKey(taxes[k].Category, taxes[k].Rate)] += taxes[k].Tax
	}
	return c, nil
}

// creditNote is a credit note that is being made.
type creditNote struct {
	note  invoice.Invoice
	of    *invoice.Document
	lines []charge.Line
	taxes []tax.Subtotal
	whole bool // nothing is left of the invoice
	// entity is that of the invoice, as it is configured now: the number is of its series.
	entity *tax.Entity
}

// address says whom the note is from and for: the invoice's legal entity and the customer as they are known now. The
// letter has to reach them; what the invoice said stays on the invoice.
func (c *creditNote) address(ctx context.Context, tx *database.Tx, config *tax.Config) error {
	if c.entity = config.Named(c.of.Entity); c.entity == nil {
		return refusal.New(refusal.Unprocessable, "entity_unknown", "id", "invoice %d is of the legal entity %s, which office.taxes does not have any more; put it back, its credit notes have a series of their own", c.of.ID, c.of.Entity)
	}
	to, err := invoice.Addressees(ctx, tx, []int64{c.of.Account})
	if err != nil {
		return err
	}
	from := invoice.SellerOf(c.entity)
	c.note.Seller, c.note.Recipient, c.note.Language = from.Digest, to[c.of.Account].Recipient, to[c.of.Account].Language
	return from.Keep(ctx, tx)
}

func (s *Service) creditNote(ctx context.Context, tx *database.Tx, of *invoice.Document, before *credited, request *CreditRequest) (*creditNote, error) {
	currency, err := money.ParseCurrency(of.Currency)
	if err != nil {
		return nil, err
	}
	wanted := request.Lines
	if len(wanted) == 0 {
		for k := range of.Lines {
			if l := &of.Lines[k]; l.Amount+before.amount[l.Position] != 0 || l.Exact+before.exact[l.Position] != 0 {
				wanted = append(wanted, CreditLine{Position: l.Position})
			}
		}
	}
	c := &creditNote{of: of}
	for n, w := range wanted {
		line, err := creditLine(of, before, w, currency)
		if err != nil {
			return nil, fmt.Errorf("lines[%d]: %w", n, err)
		}
		c.lines = append(c.lines, line)
		before.amount[w.Position] += line.Amount
		before.exact[w.Position] += line.Exact
	}
	if len(c.lines) == 0 {
		return nil, refusal.New(refusal.Conflict, "nothing_left", "lines", "nothing is left of invoice %d to credit", of.ID)
	}
	c.taxes = creditTaxes(of, before, c.lines, currency)
	c.whole = !slices.ContainsFunc(of.Lines, func(l invoice.Line) bool { return l.Amount+before.amount[l.Position] != 0 })
	c.note = invoice.Invoice{
		Account: of.Account, Type: invoice.CreditNote, State: invoice.Finalised, Entity: of.Entity, PeriodFrom: of.PeriodFrom, PeriodUntil: of.PeriodUntil,
		Currency: of.Currency, TaxRegion: of.TaxRegion, Prices: of.Prices, Lines: len(c.lines), Corrects: &of.ID, Reason: request.Reason,
	}
	for k := range c.taxes {
		c.note.Net += c.taxes[k].Base
		c.note.Tax += c.taxes[k].Tax
	}
	c.note.Total = c.note.Net + c.note.Tax
	if c.note.Total > 0 {
		return nil, refusal.New(refusal.Unprocessable, "credit_positive", "lines", "the lines come to %s: taking back discounts alone is no credit; add a charge to the next bill", c.note.Total)
	}
	if err := c.address(ctx, tx, s.Runs.Tax()); err != nil {
		return nil, err
	}
	utc := instant.UTC()
	on := charge.DayOf(&utc, tx.Now()) // as of bills, whatever the zone of the account: see billing/run
	year, _, _ := on.Civil()
	c.note.IssuedOn, c.note.DueOn, c.note.CreatedAt, c.note.FinalisedAt = on.String(), on.String(), tx.Now(), tx.Now()
	ids, err := invoice.NewIDs(ctx, tx, 1)
	if err != nil {
		return nil, err
	}
	numbers, err := invoice.Series{Entity: c.entity, Type: invoice.CreditNote, Year: year}.Draw(ctx, tx, 1)
	if err != nil {
		return nil, err
	}
	c.note.ID, c.note.Number = ids[0], &numbers[0]
	return c, nil
}

// creditLine takes a line back, wholly or in part: never more than is left of it.
func creditLine(of *invoice.Document, before *credited, w CreditLine, currency money.Currency) (charge.Line, error) {
	at := slices.IndexFunc(of.Lines, func(l invoice.Line) bool { return l.Position == w.Position })
	if at < 0 {
		return charge.Line{}, refusal.New(refusal.Invalid, "line_unknown", "position", "invoice %d has no line %d", of.ID, w.Position)
	}
	l := &of.Lines[at]
	left, exact := l.Amount+before.amount[w.Position], l.Exact+before.exact[w.Position]
	amount := w.Amount
	switch {
	case amount == 0:
		amount = left
	case !amount.PaidIn(currency):
		return charge.Line{}, refusal.New(refusal.Invalid, "amount_invalid", "amount", "%s %s of line %d is no amount of a bill: give one with at most %d decimals", amount.Format(0), currency, w.Position, currency.Exponent())
	case (amount < 0) != (left < 0) || amount > 0 && amount > left || amount < 0 && amount < left:
		return charge.Line{}, refusal.New(refusal.Unprocessable, "credit_too_large", "amount", "%s of line %d: %s is left of it", amount, w.Position, left)
	}
	if amount != left {
		if exact = amount; of.Prices == tax.Inclusive {
			exact, _ = money.MulDiv(amount, uint64(int64(money.Unit)+l.TaxRate), uint64(money.Unit), money.HalfEven)
		}
	}
	from, _ := charge.ParseDay(l.PeriodFrom)
	until, _ := charge.ParseDay(l.PeriodUntil)
	return charge.Line{
		Kind: charge.Credit, Account: l.Account, Product: l.Product, Subscription: l.Subscription, Price: l.Price, Description: l.Description,
		MSISDN: l.MSISDN, Service: l.Service, Offer: l.Offer, Quantity: l.Quantity, Unit: l.Unit, Period: charge.Span{From: from, Until: until}, PeriodDays: l.PeriodDays, Category: l.TaxCategory, GL: l.GL,
		Exact: -exact, Amount: -amount, TaxCode: l.TaxCode, TaxRate: l.TaxRate, Corrects: charge.LineRef{Invoice: of.ID, Position: l.Position},
	}, nil
}

// creditTaxes is the tax of the credited lines. What ends an invoice takes back
// what is left of its tax, so that all credit notes together come to it.
func creditTaxes(of *invoice.Document, before *credited, lines []charge.Line, currency money.Currency) []tax.Subtotal {
	var all []tax.Subtotal
	for k := range of.Taxes {
		t := &of.Taxes[k]
		s := tax.Subtotal{Code: t.Category, Rate: t.Rate, Reason: t.Reason}
		found := false
		for n := range lines {
			if lines[n].TaxCode == t.Category && lines[n].TaxRate == t.Rate {
				s.Base += lines[n].Amount
				found = true
			}
		}
		if !found {
			continue
		}
		key := taxKey(t.Category, t.Rate)
		if t.Base+before.base[key]+s.Base == 0 {
			s.Tax = -(t.Tax + before.tax[key])
		} else {
			exact, _ := money.MulDiv(s.Base, uint64(t.Rate), uint64(money.Unit), money.HalfUp)
			s.Tax = tax.Round(exact, currency)
		}
		all = append(all, s)
	}
	return all
}

// store writes the credit note, its journal entry and its event.
func (c *creditNote) store(ctx context.Context, tx *database.Tx) error {
	period := charge.Span{}
	totals := tax.Totals{Net: c.note.Net, Tax: c.note.Tax, Total: c.note.Total, Subtotals: c.taxes}
	c.note.Digest = invoice.Digest(c.note.Account, period, c.lines, &totals)
	if err := invoice.Store(ctx, tx, &c.note, c.lines, c.taxes); err != nil {
		return err
	}
	posting := ledger.InvoicePosting{
		InvoiceID: c.note.ID, Account: c.note.Account, Type: ledger.DocumentCreditNote, Number: *c.note.Number, Currency: c.note.Currency,
		IssuedOn: c.note.IssuedOn, DueOn: c.note.DueOn, Corrects: c.of.ID, TaxRegion: c.note.TaxRegion, Tax: c.note.Tax, Total: c.note.Total,
	}
	for k := range c.lines {
		exact := c.lines[k].Exact
		if c.note.Prices == tax.Inclusive {
			exact = ledger.Net(exact, c.lines[k].TaxRate)
		}
		posting.Lines = append(posting.Lines, ledger.LinePosting{GLCode: c.lines[k].GL, Exact: exact, Amount: c.lines[k].Amount})
	}
	if err := ledger.Invoiced(ctx, tx, []ledger.InvoicePosting{posting}); err != nil {
		return err
	}
	if c.whole {
		if _, err := tx.ExecContext(ctx, "UPDATE invoice SET state = 'cancelled' WHERE id = ?", c.of.ID); err != nil {
			return fmt.Errorf("cancel invoice %d: %w", c.of.ID, err)
		}
	}
	id := strconv.FormatInt(c.note.ID, 10)
	if err := tx.Audit(ctx, "invoice", id, "credit", nil, map[string]any{"corrects": c.of.ID, "total": c.note.Total.In(c.note.Currency), "currency": c.note.Currency, "reason": c.note.Reason, "whole": c.whole}); err != nil {
		return err
	}
	return tx.Emit(ctx, database.Event{Type: "customerBillCreateEvent", Entity: "customerBill", ID: id, Payload: map[string]any{
		"id": id, "billNo": *c.note.Number, "category": string(c.note.Type), "state": "new", "corrects": strconv.FormatInt(c.of.ID, 10),
	}})
}
