package invoice

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/charmap"

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
			Recipient: Recipient{Name: "Jörg Müßig & Søn", Account: "Main line", Street: "Söderstraße 5", Postcode: "24103", City: "Kiel", Country: "DE", TaxID: "DE811128135"}, Language: "en",
			IssuedOn: "2026-11-02", DueOn: "2026-11-16", Currency: "EUR", Net: 40_070_000, Tax: 7_600_000, Total: 47_670_000, TaxRegion: "DE", CreatedAt: at, FinalisedAt: at,
		},
		Open: 47_670_000, Customer: 5, From: SellerOf(&tax.Default().Entities[0]),
		Taxes: []Tax{{Invoice: 42, Position: 1, Category: "S", Rate: 190_000, Base: 40_000_000, Tax: 7_600_000}, {Invoice: 42, Position: 2, Category: "Z", Base: 70_000}},
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
	line(Line{Kind: charge.Credit, Product: 9, Description: "Flat S", Quantity: 3, Unit: "day", PeriodFrom: "2026-10-29", PeriodUntil: "2026-11-01", PeriodDays: 31, Exact: -920_000, Amount: -920_000, GL: "4200", CorrectsInvoice: 31, CorrectsNumber: "GY-2026-0000031", CorrectsPosition: 2})
	line(Line{Kind: charge.UsageCharge, Subscription: 8, Description: "Data (Flat M)", Service: "internet", Offer: "flat-m", MSISDN: "491701234567", Quantity: 1_234_567_890, Unit: "octets", PeriodFrom: "2026-10-01", PeriodUntil: "2026-11-01", Exact: 13_999_876, Amount: 14_000_000, GL: "4100", Records: 31, UsageFrom: 100, UsageThrough: 300})
	line(Line{Kind: charge.UsageCharge, Subscription: 8, Description: "Calls", Service: "voice", Quantity: 605, Unit: "seconds", PeriodFrom: "2026-10-01", PeriodUntil: "2026-11-01", TaxCode: "Z", Exact: 70_123, Amount: 70_000, GL: "4100", Records: 2, UsageFrom: 101, UsageThrough: 250})
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

// words are the texts that a PDF shows in the fonts that every reader has, one a line.
func words(pdf []byte) string {
	var b strings.Builder
	for _, m := range shown.FindAllSubmatch(pdf, -1) {
		text := strings.NewReplacer(`\(`, "(", `\)`, ")", `\\`, `\`).Replace(string(m[1]))
		for _, c := range []byte(text) {
			b.WriteRune(charmap.Windows1252.DecodeByte(c))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestDocumentsOnPaper prints an invoice: the same octets every time, and the words of the golden file.
func TestDocumentsOnPaper(t *testing.T) {
	for _, language := range Languages() {
		d := example()
		d.Language = language
		first, err := PDF(d)
		if err != nil {
			t.Fatal(err)
		}
		second, err := PDF(d)
		if err != nil || !bytes.Equal(first, second) {
			t.Errorf("printed twice, the files differ: %v", err)
		}
		plain, err := render(d, false)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "invoice."+language+".pdf.txt", []byte(words(plain)))
	}
}

// TestCreditThatWasUsedIsOnPaper: what is to be paid is the total less the credit that was used, and nothing where that is all of it.
func TestCreditThatWasUsedIsOnPaper(t *testing.T) {
	for setOff, want := range map[money.Amount]string{
		20_000_000: "Gesamt\n47,67 EUR\nVerrechnet mit Ihrem Guthaben\n-20,00 EUR\nZu zahlen\n27,67 EUR\nBitte zahlen Sie bis zum 16.11.2026",
		47_670_000: "Gesamt\n47,67 EUR\nVerrechnet mit Ihrem Guthaben\n-47,67 EUR\nZu zahlen\n0,00 EUR\nEs ist nichts zu zahlen.\n",
	} {
		d := example()
		d.Language, d.SetOff, d.Open = "de", setOff, 0 // that it was paid since is not on it
		plain, err := render(d, false)
		if err != nil {
			t.Fatal(err)
		}
		if text := words(plain); !strings.Contains(text, want) {
			t.Errorf("with %s set off:\n%s", setOff, text)
		}
	}
}

// TestManyLinesOnPaper prints 200 lines: each page has the table's head and what was carried over, and says of how many it is.
func TestManyLinesOnPaper(t *testing.T) {
	d := example()
	for len(d.Lines) < 200 {
		l := d.Lines[3]
		l.Position = len(d.Lines) + 1
		d.Lines = append(d.Lines, l)
	}
	plain, err := render(d, false)
	if err != nil {
		t.Fatal(err)
	}
	text := words(plain)
	pages := strings.Count(text, "Description\n")
	if pages < 4 || strings.Count(text, "Carried forward\n") != pages-1 || !strings.Contains(text, fmt.Sprintf("page %d of %d\n", pages, pages)) {
		t.Errorf("%d heads of the table, %d sums carried over", pages, strings.Count(text, "Carried forward\n"))
	}
}

// TestEveryTextIsInEveryLanguage: a text that a language lacks would be missing on paper.
func TestEveryTextIsInEveryLanguage(t *testing.T) {
	for _, tag := range Languages() {
		v := reflect.ValueOf(*languages[tag])
		for k := range v.NumField() {
			if f := v.Field(k); f.Kind() != reflect.Map && f.IsZero() {
				t.Errorf("%s has no %s", tag, v.Type().Field(k).Name)
			}
		}
	}
	if len(languages) != len(Languages()) {
		t.Errorf("%d languages have texts, %v are offered", len(languages), Languages())
	}
	for tag, is := range map[string]string{"de-AT": "de", "de": "de", "en-GB": "en", "fr": "en", "": "en"} {
		if language(tag) != is {
			t.Errorf("%q is printed in %s", tag, language(tag))
		}
	}
}

// TestNumbersAsTheLanguageWritesThem: points, commas and blanks.
func TestNumbersAsTheLanguageWritesThem(t *testing.T) {
	for amount, want := range map[money.Amount][2]string{
		0: {"0.00", "0,00"}, -920_000: {"-0.92", "-0,92"}, 999_990_000: {"999.99", "999,99"}, 1_234_560_000: {"1,234.56", "1.234,56"}, -1_234_567_890_000: {"-1,234,567.89", "-1.234.567,89"},
	} {
		if en, de := languages["en"].amount(amount, 2), languages["de"].amount(amount, 2); en != want[0] || de != want[1] {
			t.Errorf("%s is written %s and %s", amount, en, de)
		}
	}
}

// TestCoinsOnPaper: amounts have the decimals of their currency, none in yen and three in Kuwaiti dinars.
func TestCoinsOnPaper(t *testing.T) {
	for currency, want := range map[string]struct {
		total money.Amount
		shown string
	}{"JPY": {9_063_000_000, "9,063 JPY"}, "KWD": {1_013_500_000, "1,013.500 KWD"}, "EUR": {13_500_000, "13.50 EUR"}} {
		d := example()
		d.Currency, d.Total = currency, want.total
		plain, err := render(d, false)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(strings.Split(words(plain), "\n"), want.shown) {
			t.Errorf("%q is nowhere in\n%s", want.shown, words(plain))
		}
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
