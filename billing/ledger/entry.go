package ledger

import (
	"slices"
	"time"

	"gyro/internal/money"
	"gyro/internal/refusal"
)

// Kind says what an entry is about.
type Kind string

// The kinds of entries.
const (
	KindInvoice      Kind = "invoice"
	KindCreditNote   Kind = "credit_note"
	KindStatement    Kind = "statement" // prepaid revenue of a cycle
	KindPayment      Kind = "payment"
	KindAllocation   Kind = "allocation"
	KindDeallocation Kind = "deallocation"
	KindRefund       Kind = "refund"
	KindChargeback   Kind = "chargeback"
	KindTopUp        Kind = "top_up"
	KindAdjustment   Kind = "adjustment" // of a prepaid balance, for a reason
	KindWriteOff     Kind = "write_off"
	KindRecovery     Kind = "recovery" // a write-off taken back
	KindReversal     Kind = "reversal"
	KindManual       Kind = "manual"
)

// Entry is one entry of the journal.
type Entry struct {
	Kind Kind
	// Reference is what people look the entry up by: an invoice's number, payment-<id>.
	Reference string
	// Key makes the entry once: a second with the same key changes nothing.
	Key string
	// PostedOn is the day it counts for, YYYY-MM-DD.
	PostedOn string
	// Reverses is the entry that this one takes back, 0 if it is none.
	Reverses int64
	Postings []Posting
}

// Posting is one line of an entry.
type Posting struct {
	GLCode string
	// Account is the billing account; 0 where none is meant. Receivables and CustomerCredit need one.
	Account int64
	// Amount is positive for a debit, negative for a credit.
	Amount   money.Amount
	Currency string
}

// The most postings of one entry: an invoice has a handful, for its lines are
// summed by account first.
const maxPostings = 200

// Check refuses an entry that does not balance per currency, or is not whole.
func (e *Entry) Check() error {
	switch {
	case e.Key == "" || e.Kind == "":
		return refusal.New(refusal.Invalid, "entry_incomplete", "key", "an entry needs a kind and a key that makes it once")
	case len(e.Postings) < 2 || len(e.Postings) > maxPostings:
		return refusal.New(refusal.Invalid, "entry_incomplete", "postings", "entry %s has %d postings; it needs 2 to %d", e.Key, len(e.Postings), maxPostings)
	}
	if _, err := time.Parse(time.DateOnly, e.PostedOn); err != nil {
		return refusal.New(refusal.Invalid, "date_invalid", "postedOn", "%q is no day; write it as 2026-11-23", e.PostedOn)
	}
	return e.balances()
}

func (e *Entry) balances() error {
	type total struct {
		currency string
		sum      money.Amount
	}
	var totals []total
	for k := range e.Postings {
		p := &e.Postings[k]
		if err := p.check(e.Key); err != nil {
			return err
		}
		at := slices.IndexFunc(totals, func(t total) bool { return t.currency == p.Currency })
		if at < 0 {
			at, totals = len(totals), append(totals, total{currency: p.Currency})
		}
		sum, ok := totals[at].sum.Add(p.Amount)
		if !ok {
			return overflow(e.Key)
		}
		totals[at].sum = sum
	}
	for _, t := range totals {
		if t.sum != 0 {
			return refusal.New(refusal.Unprocessable, "entry_unbalanced", "postings",
				"entry %s is out of balance by %s %s: debits and credits must be equal in each currency", e.Key, t.sum, t.currency)
		}
	}
	return nil
}

func (p *Posting) check(key string) error {
	if _, err := money.ParseCurrency(p.Currency); err != nil {
		return refusal.New(refusal.Invalid, "currency_unknown", "postings.currency", "entry %s: %s", key, err)
	}
	if p.Amount == 0 {
		return refusal.New(refusal.Invalid, "posting_empty", "postings.amount", "entry %s posts nothing to %s; leave the posting out", key, p.GLCode)
	}
	if namesCustomer(p.GLCode) && p.Account == 0 {
		return refusal.New(refusal.Invalid, "account_missing", "postings.account", "entry %s posts to %s without the billing account whose item it is", key, p.GLCode)
	}
	return nil
}

func overflow(key string) error {
	return refusal.New(refusal.Unprocessable, "amount_out_of_range", "postings.amount", "entry %s: the sum of its amounts is beyond what the books can hold", key)
}

// debit and credit make the two sides of an entry readable where it is made.
func debit(code string, account int64, amount money.Amount, currency string) Posting {
	return Posting{GLCode: code, Account: account, Amount: amount, Currency: currency}
}

func credit(code string, account int64, amount money.Amount, currency string) Posting {
	return Posting{GLCode: code, Account: account, Amount: -amount, Currency: currency}
}

// Move is an entry of two postings: amount from the account credited to the one
// debited, both named with the billing account.
func Move(kind Kind, reference, key, on string, debited, credited string, account int64, amount money.Amount, currency string) Entry {
	return Entry{
		Kind: kind, Reference: reference, Key: key, PostedOn: on,
		Postings: []Posting{debit(debited, account, amount, currency), credit(credited, account, amount, currency)},
	}
}
