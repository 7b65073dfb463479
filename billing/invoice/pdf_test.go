package invoice

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gyro/billing/charge"
	"gyro/billing/tax"
	"gyro/internal/instant"
	"gyro/internal/money"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

func example() *Document {
	number := "GY-2026-0000042"
	at := instant.Of(time.Date(2026, 11, 2, 3, 0, 0, 0, time.UTC))
	d := &Document{
		Invoice: Invoice{
			ID: 42, Run: 3, Account: 7, Type: Bill, State: Finalised, Number: &number, Entity: "gyro", PeriodFrom: "2026-10-01", PeriodUntil: "2026-11-01",
			IssuedOn: "2026-11-02", DueOn: "2026-11-16", Currency: "EUR", Net: 40_070_000, Tax: 7_600_000, Total: 47_670_000, TaxRegion: "DE", CreatedAt: at, FinalisedAt: at,
		},
		Open: 47_670_000, Customer: 5, CustomerName: "Jörg Müßig & Søn", AccountName: "Main line", Terms: 14,
		Recipient: Recipient{Street: "Söderstraße 5", Postcode: "24103", City: "Kiel", Country: "DE", TaxID: "DE811128135"},
		Taxes:     []Tax{{Invoice: 42, Position: 1, Category: "S", Rate: 190_000, Base: 40_000_000, Tax: 7_600_000}, {Invoice: 42, Position: 2, Category: "Z", Base: 70_000}},
	}
	line := func(l Line) {
		l.Invoice, l.Position, l.Account, l.TaxCategory = 42, len(d.Lines)+1, 7, "standard"
		if l.TaxCode == "" {
			l.TaxCode, l.TaxRate = "S", 190_000
		}
		d.Lines = append(d.Lines, l)
	}
	line(Line{Kind: charge.Recurring, Product: 9, MSISDN: "491701234567", Description: "Flat M", Quantity: 30, Unit: "day", PeriodFrom: "2026-11-01", PeriodUntil: "2026-12-01", PeriodDays: 30, Exact: 24_990_000, Amount: 24_990_000, GL: "4200"})
	line(Line{Kind: charge.Recurring, Product: 10, Description: "Option with a name that is much longer than any column of the table is wide", Quantity: 12, Unit: "day", PeriodFrom: "2026-10-20", PeriodUntil: "2026-11-01", PeriodDays: 31, Exact: 1_931_613, Amount: 1_930_000, GL: "4200"})
	line(Line{Kind: charge.Credit, Product: 9, Description: "Flat S", Quantity: 3, Unit: "day", PeriodFrom: "2026-10-29", PeriodUntil: "2026-11-01", PeriodDays: 31, Exact: -920_000, Amount: -920_000, GL: "4200", CorrectsInvoice: 31, CorrectsPosition: 2})
	line(Line{Kind: charge.UsageCharge, Subscription: 8, Description: "data (Flat M)", MSISDN: "491701234567", Quantity: 1_234_567_890, Unit: "octets", PeriodFrom: "2026-10-01", PeriodUntil: "2026-11-01", Exact: 13_999_876, Amount: 14_000_000, GL: "4100", Records: 31, UsageFrom: 100, UsageThrough: 300})
	line(Line{Kind: charge.UsageCharge, Subscription: 8, Description: "voice", Quantity: 605, Unit: "seconds", PeriodFrom: "2026-10-01", PeriodUntil: "2026-11-01", TaxCode: "Z", Exact: 70_123, Amount: 70_000, GL: "4100", Records: 2, UsageFrom: 101, UsageThrough: 250})
	d.Invoice.Lines = len(d.Lines)
	return d
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("..", "..", "testdata", "billing", "documents", name)
	if *rewrite {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is now\n%s", name, got)
	}
}

var shown = regexp.MustCompile(`\(((?:[^()\\]|\\.)*)\) ?Tj`)

// words are the texts that a PDF shows, one a line, in Latin-1.
func words(pdf []byte) string {
	var b strings.Builder
	for _, m := range shown.FindAllSubmatch(pdf, -1) {
		text := strings.NewReplacer(`\(`, "(", `\)`, ")", `\\`, `\`).Replace(string(m[1]))
		for _, c := range []byte(text) {
			b.WriteRune(rune(c))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestDocumentsOnPaper prints an invoice: the same octets every time, and the words of the golden file.
func TestDocumentsOnPaper(t *testing.T) {
	d, e := example(), &tax.Default().Entities[0]
	first, err := PDF(d, e)
	if err != nil {
		t.Fatal(err)
	}
	second, err := PDF(d, e)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("printed twice, the files differ: %v", err)
	}
	plain, err := render(d, e, false)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "invoice.pdf.txt", []byte(words(plain)))
	for range 200 { // several pages
		d.Lines = append(d.Lines, d.Lines[3])
	}
	if plain, err = render(d, e, false); err != nil || !strings.Contains(words(plain), "page 4") {
		t.Errorf("205 lines are on fewer than four pages: %v", err)
	}
}

func TestDocumentsAsJSON(t *testing.T) {
	text, err := json.MarshalIndent(example().JSON(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "invoice.json", append(text, '\n'))
}

// TestTheExampleAddsUp keeps the golden documents honest.
func TestTheExampleAddsUp(t *testing.T) {
	d := example()
	var net, tax money.Amount
	for k := range d.Lines {
		net += d.Lines[k].Amount
	}
	for k := range d.Taxes {
		tax += d.Taxes[k].Tax
	}
	if net != d.Net || tax != d.Tax || net+tax != d.Total {
		t.Errorf("the lines come to %s, the taxes to %s", net, tax)
	}
}
