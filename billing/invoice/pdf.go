package invoice

import (
	"bytes"
	"fmt"
	"strings"

	"codeberg.org/go-pdf/fpdf"

	"gyro/billing/charge"
	"gyro/billing/tax"
	"gyro/internal/money"
)

// PDF prints a document, A4. The same document gives the same octets: the dates
// in the file are those of the document.
func PDF(d *Document, e *tax.Entity) ([]byte, error) { return render(d, e, true) }

func render(d *Document, e *tax.Entity, compressed bool) ([]byte, error) {
	currency, err := money.ParseCurrency(d.Currency)
	if err != nil {
		return nil, err
	}
	p := &printer{Fpdf: fpdf.New("P", "mm", "A4", ""), d: d, e: e, decimals: currency.Exponent()}
	p.latin = p.UnicodeTranslatorFromDescriptor("cp1252")
	p.font("", 9)
	at := d.CreatedAt.Time()
	if d.FinalisedAt != 0 {
		at = d.FinalisedAt.Time()
	}
	p.SetCreationDate(at)
	p.SetModificationDate(at)
	p.SetCatalogSort(true)
	p.SetCompression(compressed)
	p.SetProducer("Gyro", true)
	p.SetTitle(d.Title()+" "+d.Reference(), true)
	p.SetAutoPageBreak(true, 22)
	p.SetFooterFunc(p.footer)
	p.AddPage()
	p.head()
	p.table()
	p.totals()
	p.terms()
	var out bytes.Buffer
	if err := p.Output(&out); err != nil {
		return nil, fmt.Errorf("print invoice %d: %w", d.ID, err)
	}
	return out.Bytes(), nil
}

// Title is what a document is called on paper.
func (i *Invoice) Title() string {
	title := "Invoice"
	switch i.Type {
	case CreditNote:
		title = "Credit note"
	case Statement:
		title = "Statement"
	case Bill:
	}
	if i.State == Draft || i.State == Reviewed {
		title += " (draft)"
	}
	return title
}

// Reference is a document's number, or what takes its place where it has none.
func (i *Invoice) Reference() string {
	if i.Number != nil {
		return *i.Number
	}
	return fmt.Sprintf("no. %d", i.ID)
}

type printer struct {
	*fpdf.Fpdf
	d        *Document
	e        *tax.Entity
	latin    func(string) string
	style    string  // of the font: B or none
	size     float64 // in points
	unicode  bool    // the font for other scripts is there
	decimals int
}

const (
	lineHeight = 4.6
	fullWidth  = 190.0 // of A4, less the margins
)

func (p *printer) text(width float64, text, align string) {
	p.cell(width, lineHeight, text, "", 0, align)
}

func (p *printer) line(text string) {
	p.text(0, text, "L")
	p.Ln(lineHeight)
}

func (p *printer) head() {
	p.font("B", 12)
	p.line(p.e.LegalName)
	p.font("", 9)
	p.line(strings.Join(p.e.Address, ", "))
	p.line("VAT number " + p.e.TaxID)
	p.Ln(8)
	p.line(p.d.CustomerName)
	for _, line := range p.d.Recipient.Address() {
		p.line(line)
	}
	if p.d.Recipient.TaxID != "" {
		p.line("VAT number " + p.d.Recipient.TaxID)
	}
	p.Ln(8)
	p.font("B", 16)
	p.cell(0, 8, p.d.Title()+" "+p.d.Reference(), "", 1, "L")
	p.font("", 9)
	account := fmt.Sprintf("Account %d", p.d.Account)
	if p.d.AccountName != p.d.CustomerName {
		account += ", " + p.d.AccountName
	}
	p.line(account)
	p.line("Issued on " + p.d.IssuedOn)
	p.line("Period " + p.d.PeriodFrom + " to " + lastDay(p.d.PeriodUntil))
	if p.d.CorrectsNumber != "" {
		p.line("Corrects invoice " + p.d.CorrectsNumber + ": " + p.d.Reason)
	}
	p.Ln(4)
}

// lastDay is the day before one, as people write periods.
func lastDay(until string) string {
	day, err := charge.ParseDay(until)
	if err != nil {
		return until
	}
	return (day - 1).String()
}

var columns = []struct {
	title string
	width float64
	align string
}{{"#", 8, "R"}, {"Description", 76, "L"}, {"Period", 40, "L"}, {"Quantity", 32, "R"}, {"Tax", 12, "R"}, {"Net", 22, "R"}}

func (p *printer) table() {
	p.font("B", 8)
	for _, c := range columns {
		p.CellFormat(c.width, 6, c.title, "B", 0, c.align, false, 0, "")
	}
	p.Ln(7)
	p.font("", 8)
	for k := range p.d.Lines {
		l := &p.d.Lines[k]
		for n, text := range []string{
			fmt.Sprint(l.Position), describe(l), period(l), quantity(l), percent(l.TaxRate), l.Amount.Format(p.decimals),
		} {
			p.text(columns[n].width, p.fit(text, columns[n].width), columns[n].align)
		}
		p.Ln(lineHeight)
	}
	p.Ln(2)
}

// fit shortens what is too wide for its column.
func (p *printer) fit(text string, width float64) string {
	for runes := []rune(text); p.width(text) > width-2 && len(runes) > 4; {
		runes = runes[:len(runes)-1]
		text = string(runes[:len(runes)-3]) + "..."
	}
	return text
}

func describe(l *Line) string {
	text := l.Description
	if l.MSISDN != "" {
		text += ", +" + l.MSISDN
	}
	switch {
	case l.CorrectsInvoice != 0:
		text = fmt.Sprintf("Credit: %s (line %d)", text, l.CorrectsPosition)
	case l.Records > 0:
		text = fmt.Sprintf("%s, %d records", text, l.Records)
	}
	return text
}

func period(l *Line) string {
	if last := lastDay(l.PeriodUntil); last != l.PeriodFrom {
		return l.PeriodFrom + " - " + last
	}
	return l.PeriodFrom
}

func quantity(l *Line) string {
	switch {
	case l.PeriodDays > 0 && int64(l.PeriodDays) != l.Quantity:
		return fmt.Sprintf("%d of %d days", l.Quantity, l.PeriodDays)
	case l.Unit == "octets":
		return decimal(l.Quantity, 1_000_000) + " MB"
	case l.Unit == "seconds":
		return fmt.Sprintf("%d:%02d min", l.Quantity/60, l.Quantity%60)
	case l.Unit == "piece":
		return fmt.Sprint(l.Quantity)
	case l.Quantity == 1:
		return "1 " + strings.TrimSuffix(l.Unit, "s")
	}
	return fmt.Sprintf("%d %s", l.Quantity, strings.TrimSuffix(l.Unit, "s")+"s")
}

// decimal is n/per with two places, cut off.
func decimal(n, per int64) string { return fmt.Sprintf("%d.%02d", n/per, n%per*100/per) }

// percent is a rate in millionths as people write it.
func percent(rate int64) string { return money.Amount(rate*100).Format(0) + "%" }

func (p *printer) totals() {
	row := func(what string, amount money.Amount) {
		p.text(fullWidth-30, what, "R")
		p.text(30, amount.Format(p.decimals)+" "+p.d.Currency, "R")
		p.Ln(lineHeight)
	}
	p.font("", 9)
	row("Net", p.d.Net)
	for k := range p.d.Taxes {
		t := &p.d.Taxes[k]
		what := fmt.Sprintf("VAT %s of %s", percent(t.Rate), t.Base.Format(p.decimals))
		if t.Reason != "" {
			what += " (" + t.Reason + ")"
		}
		row(what, t.Tax)
	}
	p.font("B", 10)
	row("Total", p.d.Total)
	p.Ln(4)
}

func (p *printer) terms() {
	p.font("", 9)
	switch {
	case p.d.Type == Statement:
		p.line("This was taken from your balance. Nothing is to be paid.")
	case p.d.Type == CreditNote:
		p.line("The amount is set off against what is open, or credited to your account.")
	case p.d.Total > 0:
		p.line(fmt.Sprintf("Please pay until %s (%d days) to %s, naming %s.", p.d.DueOn, p.d.Terms, p.e.IBAN, p.d.Reference()))
	default:
		p.line("Nothing is to be paid.")
	}
}

func (p *printer) footer() {
	p.SetY(-15)
	p.font("", 7)
	p.cell(0, 5, fmt.Sprintf("%s %s, page %d", p.d.Title(), p.d.Reference(), p.PageNo()), "T", 0, "C")
}
