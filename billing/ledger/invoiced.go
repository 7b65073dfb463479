package ledger

import (
	"slices"
	"strconv"

	"gyro/internal/money"
	"gyro/internal/refusal"
)

// DocumentType says what kind of document is posted.
type DocumentType string

// The documents that are posted, as invoice.type names them.
const (
	DocumentInvoice    DocumentType = "invoice"
	DocumentCreditNote DocumentType = "creditNote"
	DocumentStatement  DocumentType = "statement"
)

// InvoicePosting is a finalised document as the journal needs it.
//
// Total = the sum of the lines' Amounts + Tax, or it is refused. What an
// invoice adds to what the customer owes is positive; a credit note's amounts
// are negative. A statement of a prepaid account owes nothing: it turns prepaid
// balance into revenue.
type InvoicePosting struct {
	InvoiceID int64
	// Account is the billing account that owes it: the payer.
	Account  int64
	Type     DocumentType
	Number   string
	Currency string
	IssuedOn string // YYYY-MM-DD, the day it is posted on
	DueOn    string // YYYY-MM-DD
	// Corrects is the invoice that a credit note credits, 0 if none.
	Corrects  int64
	TaxRegion string
	Lines     []LinePosting
	Tax       money.Amount
	Total     money.Amount
	// SetOff is what credit of the customer paid of an invoice at once: Invoiced writes it.
	SetOff money.Amount
}

// LinePosting is one line, or several of the same account summed up: Exact is
// what was rated or computed in millionths, Amount what the document says,
// rounded to the currency, both without tax (see Net). The difference goes to Rounding, so that revenue
// from usage is what the core rated, to the millionth.
type LinePosting struct {
	GLCode string // empty: RevenueOneTime
	Exact  money.Amount
	Amount money.Amount
}

// Net is what of an exact amount that has its tax in it is no tax, rounded half
// to even to a millionth; rate is in millionths.
func Net(gross money.Amount, rate int64) money.Amount {
	net, _ := money.MulDiv(gross, uint64(money.Unit), uint64(int64(money.Unit)+max(rate, 0)), money.HalfEven) // never larger than gross
	return net
}

// Key is the key of the document's entry.
func (p *InvoicePosting) Key() string { return "invoice-" + strconv.FormatInt(p.InvoiceID, 10) }

// entry is the document's entry: revenue at its exact amount, rounding, tax,
// against what is owed or, for a statement, the prepaid balance. ok is false
// where nothing is to be posted.
func (p *InvoicePosting) entry() (e Entry, ok bool, err error) {
	if err := p.check(); err != nil {
		return Entry{}, false, err
	}
	e = Entry{Kind: p.kind(), Reference: p.Number, Key: p.Key(), PostedOn: p.IssuedOn, Postings: make([]Posting, 0, len(p.Lines)+3)}
	against := Receivables
	switch p.Type {
	case DocumentStatement:
		against = PrepaidBalances
	case DocumentCreditNote:
		against = CustomerCredit // from which it is allocated, as money is
	case DocumentInvoice:
	}
	e.add(against, p.Account, p.Total, p.Currency)
	var rounding money.Amount
	for _, line := range p.Lines {
		if !e.add(RevenueAccount("", line.GLCode), p.Account, -line.Exact, p.Currency) {
			return Entry{}, false, overflow(e.Key)
		}
		difference, fits := line.Amount.Sub(line.Exact)
		if fits {
			rounding, fits = rounding.Add(difference)
		}
		if !fits {
			return Entry{}, false, overflow(e.Key)
		}
	}
	if !e.add(Rounding, p.Account, -rounding, p.Currency) || !e.add(TaxAccount(p.TaxRegion), p.Account, -p.Tax, p.Currency) {
		return Entry{}, false, overflow(e.Key)
	}
	e.Postings = slices.DeleteFunc(e.Postings, func(p Posting) bool { return p.Amount == 0 })
	if len(e.Postings) == 0 {
		return Entry{}, false, nil
	}
	err = e.Check()
	return e, true, err
}

// add sums amounts of one account into one posting.
func (e *Entry) add(code string, account int64, amount money.Amount, currency string) (ok bool) {
	for k := range e.Postings {
		if p := &e.Postings[k]; p.GLCode == code && p.Account == account && p.Currency == currency {
			p.Amount, ok = p.Amount.Add(amount)
			return ok
		}
	}
	e.Postings = append(e.Postings, Posting{GLCode: code, Account: account, Amount: amount, Currency: currency})
	return true
}

func (p *InvoicePosting) kind() Kind {
	switch p.Type {
	case DocumentCreditNote:
		return KindCreditNote
	case DocumentStatement:
		return KindStatement
	case DocumentInvoice:
	}
	return KindInvoice
}

func (p *InvoicePosting) check() error {
	sum := p.Tax
	for _, line := range p.Lines {
		var ok bool
		if sum, ok = sum.Add(line.Amount); !ok {
			return overflow(p.Key())
		}
	}
	switch {
	case p.InvoiceID <= 0 || p.Account <= 0:
		return refusal.New(refusal.Invalid, "document_incomplete", "invoiceID", "document %q names no invoice or no billing account", p.Number)
	case sum != p.Total:
		return refusal.New(refusal.Unprocessable, "document_unbalanced", "total", "document %s says %s, its lines and tax come to %s", p.Number, p.Total, sum)
	case p.Type == DocumentInvoice && p.Total < 0:
		return refusal.New(refusal.Unprocessable, "total_negative", "total", "invoice %s comes to %s; what is below zero is a credit note", p.Number, p.Total)
	case p.Type == DocumentCreditNote && p.Total > 0:
		return refusal.New(refusal.Unprocessable, "total_positive", "total", "credit note %s comes to %s; its amounts must be negative", p.Number, p.Total)
	}
	return nil
}
