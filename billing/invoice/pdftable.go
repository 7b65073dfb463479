package invoice

import (
	"fmt"
	"strings"

	"gyro/billing/charge"
	"gyro/internal/money"
)

// columns are the widths of the table, in millimetres, and how they are set.
var columns = []struct {
	width float64
	align string
}{{10, "L"}, {68, "L"}, {42, "L"}, {25, "R"}, {10, "R"}, {20, "R"}}

const (
	textColumn = 1
	rowGap     = 1.2
	smallLine  = 3.6
)

func (p *printer) tableHead() {
	p.font("B", 8)
	t := p.t
	for k, title := range [...]string{t.columnPosition, t.columnText, t.columnPeriod, t.columnQuantity, t.columnTax, t.columnNet} {
		p.cell(columns[k].width, 6, title, "B", 0, columns[k].align)
	}
	p.Ln(7)
	p.font("", 8)
}

// table prints the lines. One is never torn apart by the end of a page; each page begins with what those before it come to.
func (p *printer) table() {
	p.tableHead()
	var sum money.Amount
	for k := range p.d.Lines {
		l := &p.d.Lines[k]
		text := p.wrapped(p.describe(l), columns[textColumn].width-2)
		details := p.details(l)
		height := float64(len(text))*lineHeight + rowGap
		if details != "" {
			height += smallLine
		}
		if p.GetY()+height > bottom {
			p.AddPage()
			p.tableHead()
			p.carried(sum)
		}
		p.row(l, text, details)
		sum += l.Amount
	}
}

func (p *printer) carried(sum money.Amount) {
	p.font("B", 8)
	p.text(columns[0].width, "", "L")
	p.text(fullWidth-columns[0].width-30, p.t.carried, "L")
	p.text(30, p.t.amount(sum, p.decimals), "R")
	p.Ln(lineHeight + rowGap)
	p.font("", 8)
}

func (p *printer) row(l *Line, text []string, details string) {
	for k, cell := range [...]string{
		fmt.Sprint(l.Position), text[0], p.t.span(l.PeriodFrom, l.PeriodUntil), p.quantity(l), p.t.percent(l.TaxRate), p.t.amount(l.Amount, p.decimals),
	} {
		p.text(columns[k].width, cell, columns[k].align)
	}
	p.Ln(lineHeight)
	for _, more := range text[1:] {
		p.SetX(left + columns[0].width)
		p.text(columns[textColumn].width, more, "L")
		p.Ln(lineHeight)
	}
	if details != "" {
		p.font("", 7)
		p.SetTextColor(90, 90, 90)
		p.SetXY(left+columns[0].width, p.GetY()-0.6)
		p.cell(columns[textColumn].width, smallLine, p.fit(details, columns[textColumn].width+columns[textColumn+1].width), "", 0, "L")
		p.Ln(smallLine + 0.6)
		p.SetTextColor(0, 0, 0)
		p.font("", 8)
	}
	p.Ln(rowGap)
}

// describe is what a line is for.
func (p *printer) describe(l *Line) string {
	switch {
	case l.Kind == charge.DiscountLine:
		return fmt.Sprintf(p.t.discountOf, l.Description)
	case l.CorrectsInvoice == 0:
		return l.Description
	}
	where := fmt.Sprintf(p.t.line, l.CorrectsPosition)
	if l.CorrectsNumber != "" && l.CorrectsNumber != p.d.CorrectsNumber {
		where = l.CorrectsNumber + ", " + where
	}
	return fmt.Sprintf(p.t.creditOf, l.Description, where)
}

// details stand small below it: whose line it is, and of how many records.
func (p *printer) details(l *Line) string {
	var parts []string
	if l.MSISDN != "" {
		parts = append(parts, "+"+l.MSISDN)
	}
	if l.Account != p.d.Account {
		parts = append(parts, fmt.Sprintf("%s %d", p.t.account, l.Account))
	}
	if l.Records > 0 {
		parts = append(parts, p.t.count(l.Records, p.t.records))
	}
	return strings.Join(parts, ", ")
}

// wrapped breaks a text into lines, between words where it can.
func (p *printer) wrapped(text string, width float64) []string {
	var lines []string
	line := ""
	for word := range strings.SplitSeq(text, " ") { // no other blank breaks a line
		for line != "" && p.width(line+" "+word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			word = line + " " + word
		}
		for p.width(word) > width { // longer than a line
			head := []rune(word)
			for len(head) > 1 && p.width(string(head)) > width {
				head = head[:len(head)-1]
			}
			lines, word = append(lines, string(head)), strings.TrimPrefix(word, string(head))
		}
		line = word
	}
	return append(lines, line)
}

// quantity is how much a line is for: nothing but 1 for a whole period.
func (p *printer) quantity(l *Line) string {
	switch {
	case l.PeriodDays > 0 && int64(l.PeriodDays) != l.Quantity:
		return fmt.Sprintf(p.t.daysOf, l.Quantity, l.PeriodDays)
	case l.PeriodDays > 0:
		return "1"
	case l.Unit == "octets":
		return p.t.decimal(hundredths(l.Quantity, 1_000_000)) + " MB"
	case l.Unit == "seconds":
		return fmt.Sprintf(p.t.minutes, fmt.Sprintf("%s:%02d", p.t.decimal(fmt.Sprint(l.Quantity/60)), l.Quantity%60))
	}
	return p.t.decimal(fmt.Sprint(l.Quantity))
}

// hundredths is n/per with two places, cut off.
func hundredths(n, per int64) string { return fmt.Sprintf("%d.%02d", n/per, n%per*100/per) }
