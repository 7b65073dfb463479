package invoice

import (
	"bytes"
	"fmt"
	"strings"

	"codeberg.org/go-pdf/fpdf"

	"gyro/internal/money"
)

// PDF prints a document, A4, in its language. The same document gives the same
// octets: all that is printed was kept with it, and the dates in the file are those of the document.
func PDF(d *Document) ([]byte, error) { return render(d, true) }

func render(d *Document, compressed bool) ([]byte, error) {
	currency, err := money.ParseCurrency(d.Currency)
	if err != nil {
		return nil, err
	}
	p := &printer{Fpdf: fpdf.New("P", "mm", "A4", ""), d: d, t: textsOf(d.Language), decimals: currency.Exponent()}
	p.latin = p.UnicodeTranslatorFromDescriptor("cp1252")
	p.SetMargins(left, top, right)
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
	p.SetLang(d.Language)
	p.SetTitle(d.Title()+" "+d.Reference(), true)
	p.SetAutoPageBreak(false, 0) // the table breaks between rows, and says what it carries over
	p.AliasNbPages(pages)
	p.SetFooterFunc(p.footer)
	p.AddPage()
	p.head()
	p.table()
	p.totals()
	var out bytes.Buffer
	if err := p.Output(&out); err != nil {
		return nil, fmt.Errorf("print invoice %d: %w", d.ID, err)
	}
	return out.Bytes(), nil
}

// Title is what a document is called on paper.
func (i *Invoice) Title() string {
	t := textsOf(i.Language)
	title := t.invoice
	switch i.Type {
	case CreditNote:
		title = t.creditNote
	case Statement:
		title = t.statement
	case Bill:
	}
	if i.State == Draft || i.State == Reviewed {
		title += " " + t.draft
	}
	return title
}

// Reference is a document's number, or what takes its place where it has none.
func (i *Invoice) Reference() string {
	if i.Number != nil {
		return *i.Number
	}
	return fmt.Sprintf(textsOf(i.Language).number, i.ID)
}

type printer struct {
	*fpdf.Fpdf
	d        *Document
	t        *texts
	latin    func(string) string
	style    string  // of the font: B or none
	size     float64 // in points
	unicode  bool    // the font for other scripts is there
	decimals int
}

// Measures of the page in millimetres. The address is where the window of an envelope is (DIN 5008, form B).
const (
	left, top, right = 20.0, 15.0, 15.0
	fullWidth        = 210 - left - right
	bottom           = 297 - 24.0 // of what stands on a page, above the footer
	lineHeight       = 4.6
	window           = 50.0 // from the top
	aside            = 128.0
	asideLabel       = 25.0
	heading          = 98.0

	pages = "{nb}" // for which the library puts the number of pages
)

func (p *printer) text(width float64, text, align string) {
	p.cell(width, lineHeight, text, "", 0, align)
}

func (p *printer) line(text string) {
	p.text(0, text, "L")
	p.Ln(lineHeight)
}

func (p *printer) head() {
	d, from := p.d, &p.d.From
	p.font("B", 13)
	p.cell(0, 6, from.LegalName, "", 1, "R")
	p.font("", 8)
	for line := range strings.SplitSeq(from.Address, "\n") {
		p.cell(0, 3.8, line, "", 1, "R")
	}
	if from.TaxID != "" {
		p.cell(0, 3.8, p.t.vatNumber+" "+from.TaxID, "", 1, "R")
	}
	p.SetXY(left, window-5)
	p.font("", 6.5)
	p.cell(85, 4, p.fit(from.LegalName+", "+strings.ReplaceAll(from.Address, "\n", ", "), 85), "B", 2, "L")
	p.font("", 10)
	p.SetXY(left, window+1)
	for _, line := range append([]string{d.Recipient.Name}, d.Recipient.Address()...) {
		p.cell(95, 4.9, p.fit(line, 95), "", 2, "L")
	}
	p.SetXY(aside, window)
	p.font("", 9)
	for _, row := range p.facts() {
		p.SetX(aside)
		p.text(asideLabel, row[0], "L")
		p.text(fullWidth+left-aside-asideLabel, p.fit(row[1], fullWidth+left-aside-asideLabel), "L")
		p.Ln(lineHeight)
	}
	p.SetXY(left, heading)
	p.font("B", 14)
	p.cell(0, 8, d.Title()+" "+d.Reference(), "", 1, "L")
	p.font("", 9)
	if d.CorrectsNumber != "" {
		p.line(p.fit(fmt.Sprintf(p.t.corrects, d.CorrectsNumber, d.Reason), fullWidth))
	}
	p.Ln(3)
}

// facts are what stands beside the address: names and values.
func (p *printer) facts() [][2]string {
	d := p.d
	rows := [][2]string{
		{p.t.issued, p.t.day(d.IssuedOn)},
		{p.t.period, p.t.span(d.PeriodFrom, d.PeriodUntil)},
		{p.t.customer, fmt.Sprint(d.Customer)},
		{p.t.account, fmt.Sprint(d.Account)},
	}
	if d.Recipient.Account != "" && d.Recipient.Account != d.Recipient.Name {
		rows = append(rows, [2]string{"", d.Recipient.Account})
	}
	if d.Recipient.TaxID != "" {
		rows = append(rows, [2]string{p.t.vatNumber, d.Recipient.TaxID})
	}
	if d.ToPay() > 0 {
		rows = append(rows, [2]string{p.t.due, p.t.day(d.DueOn)})
	}
	return rows
}

// fit shortens what is too wide for its place.
func (p *printer) fit(text string, width float64) string {
	for runes := []rune(text); p.width(text) > width-2 && len(runes) > 4; {
		runes = runes[:len(runes)-1]
		text = string(runes[:len(runes)-3]) + "..."
	}
	return text
}

// totals are printed together, on a page of their own if there is no room behind the lines.
func (p *printer) totals() {
	if p.GetY()+float64(len(p.d.Taxes)+6)*lineHeight+14 > bottom {
		p.AddPage()
	}
	row := func(what string, amount money.Amount) {
		p.text(fullWidth-34, p.fit(what, fullWidth-34), "R")
		p.text(34, p.t.amount(amount, p.decimals)+" "+p.d.Currency, "R")
		p.Ln(lineHeight)
	}
	p.Ln(2)
	p.font("", 9)
	row(p.t.net, p.d.Net)
	for k := range p.d.Taxes {
		t := &p.d.Taxes[k]
		what := fmt.Sprintf(p.t.tax, p.t.percent(t.Rate), p.t.amount(t.Base, p.decimals))
		if reason := p.t.reason(t); reason != "" {
			what = reason + ". " + what
		}
		row(what, t.Tax)
	}
	p.font("B", 10)
	y := p.GetY() + 0.5
	p.Line(left+fullWidth-75, y, left+fullWidth, y)
	p.Ln(1.5)
	row(p.t.total, p.d.Total)
	if p.d.SetOff > 0 {
		p.font("", 9)
		row(p.t.creditUsed, -p.d.SetOff)
		p.font("B", 10)
		row(p.t.toPay, p.d.ToPay())
	}
	p.Ln(6)
	p.font("", 9)
	p.paragraph(p.terms())
}

func (p *printer) paragraph(text string) {
	for _, line := range p.wrapped(text, fullWidth) {
		p.line(line)
	}
}

func (p *printer) terms() string {
	switch {
	case p.d.Type == Statement:
		return p.t.fromBalance
	case p.d.Type == CreditNote:
		return p.t.setOff
	case p.d.ToPay() == 0:
		return p.t.nothing
	}
	text := fmt.Sprintf(p.t.payUntil, p.t.day(p.d.DueOn), p.d.Reference())
	if p.d.From.IBAN != "" {
		text += fmt.Sprintf(p.t.payTo, iban(p.d.From.IBAN))
	}
	return text + "."
}

// iban writes an account number in groups of four, as it stands on paper (ISO 13616).
func iban(number string) string {
	var b strings.Builder
	for k, c := range number {
		if k > 0 && k%4 == 0 {
			b.WriteRune('\u00a0') // no line ends within it
		}
		b.WriteRune(c)
	}
	return b.String()
}

func (p *printer) footer() {
	p.SetXY(left, -18)
	p.font("", 7)
	p.cell(0, 5, fmt.Sprintf(p.t.page, p.d.Title(), p.d.Reference(), p.PageNo(), pages), "T", 0, "C")
}
