package ledger

import (
	"testing"

	"pgregory.net/rapid"

	"gyro/internal/money"
	"gyro/internal/refusal"
)

func TestAnEntryThatDoesNotBalanceIsRefused(t *testing.T) {
	whole := func() Entry {
		return Entry{Kind: KindManual, Key: "k", PostedOn: "2026-11-23", Postings: []Posting{
			debit(Bank, 0, 10, "EUR"), credit(Receivables, 7, 10, "EUR"), debit(Bank, 0, 3, "CHF"), credit(Cash, 0, 3, "CHF"),
		}}
	}
	if e := whole(); e.Check() != nil {
		t.Fatalf("a whole entry: %v", e.Check())
	}
	for want, spoil := range map[string]func(e *Entry){
		"entry_unbalanced": func(e *Entry) { e.Postings[0].Amount++ },
		"account_missing":  func(e *Entry) { e.Postings[1].Account = 0 },
		"currency_unknown": func(e *Entry) { e.Postings[2].Currency = "EURO" },
		"posting_empty":    func(e *Entry) { e.Postings[3].Amount = 0 },
		"date_invalid":     func(e *Entry) { e.PostedOn = "2026-02-30" },
		"entry_incomplete": func(e *Entry) { e.Key = "" },
		"amount_out_of_range": func(e *Entry) {
			e.Postings[0].Amount, e.Postings[0].Currency, e.Postings[2].Amount = money.Max, "CHF", money.Max
		},
	} {
		e := whole()
		spoil(&e)
		if err := e.Check(); !refusal.Is(err, want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
	// Francs do not make up for euros.
	e := whole()
	e.Postings[0].Amount, e.Postings[2].Amount = 11, 2
	if err := e.Check(); !refusal.Is(err, "entry_unbalanced") {
		t.Errorf("two currencies made up for each other: %v", err)
	}
}

// TestADocumentBecomesABalancedEntry: whatever its lines, revenue is exact, and what rounding moved is in its own account.
func TestADocumentBecomesABalancedEntry(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := InvoicePosting{InvoiceID: 7, Account: 9, Type: DocumentInvoice, Number: "R-7", Currency: "EUR", IssuedOn: "2026-11-23", DueOn: "2026-12-07", TaxRegion: "DE"}
		codes := []string{RevenueUsage, RevenueRecurring, RevenueOneTime, ""}
		exact := map[string]money.Amount{}
		var rounded, net money.Amount
		for range rapid.IntRange(0, 8).Draw(t, "lines") {
			line := LinePosting{GLCode: rapid.SampledFrom(codes).Draw(t, "code"), Exact: money.Amount(rapid.Int64Range(-1e9, 1e12).Draw(t, "exact"))}
			line.Amount, _ = money.MulDiv(line.Exact, 1, 10_000, money.HalfUp)
			line.Amount *= 10_000
			exact[RevenueAccount("", line.GLCode)] += line.Exact
			rounded += line.Amount - line.Exact
			net += line.Amount
			p.Lines = append(p.Lines, line)
		}
		p.Tax, _ = money.MulDiv(net, 19, 100, money.HalfUp)
		p.Total = net + p.Tax
		if p.Total < 0 {
			p.Type = DocumentCreditNote
		}
		e, ok, err := p.entry()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]money.Amount{}
		if ok {
			for _, posting := range e.Postings {
				got[posting.GLCode] += posting.Amount
			}
		}
		for code, want := range exact {
			if got[code] != -want {
				t.Fatalf("revenue %s is %s, want %s exactly", code, -got[code], want)
			}
		}
		if got[Rounding] != -rounded || got["2300.DE"] != -p.Tax || got[Receivables]+got[CustomerCredit] != p.Total {
			t.Fatalf("posted %v for total %s, tax %s, rounding %s", got, p.Total, p.Tax, rounded)
		}
	})
}

func TestADocumentThatDoesNotAddUpIsRefused(t *testing.T) {
	p := InvoicePosting{InvoiceID: 7, Account: 9, Type: DocumentInvoice, Number: "R-7", Currency: "EUR", IssuedOn: "2026-11-23", Lines: []LinePosting{{Exact: 5, Amount: 10_000}}, Tax: 1, Total: 10_000}
	if _, _, err := p.entry(); !refusal.Is(err, "document_unbalanced") {
		t.Errorf("got %v", err)
	}
	p.Type, p.Total = DocumentCreditNote, 10_001
	if _, _, err := p.entry(); !refusal.Is(err, "total_positive") {
		t.Errorf("got %v", err)
	}
}
