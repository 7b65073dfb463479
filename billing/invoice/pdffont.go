package invoice

import (
	"strings"

	"github.com/go-fonts/dejavu/dejavusans"
	"github.com/go-fonts/dejavu/dejavusansbold"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/bidi"
)

// The fonts of a document: one that every reader of PDF has, for text of Western Europe, and one that a document brings
// along, as far as it needs it, for other scripts. A name that no font can show must not vanish from an invoice.
const (
	latinFont   = "Helvetica"
	unicodeFont = "DejaVu"
)

// replacement stands for a character that the second font cannot show either (U+FFFD).
const replacement = '\uFFFD'

// lastCharacter is the highest that the library sets in a font that a document brings along.
const lastCharacter = 0xFFFF

func (p *printer) font(style string, size float64) {
	p.style, p.size = style, size
	p.SetFont(latinFont, style, size)
}

// inFont sets a text in the font that has its characters, and returns it as that font wants it.
func (p *printer) inFont(text string) string {
	if isLatin(text) {
		p.SetFont(latinFont, p.style, p.size)
		return p.latin(text)
	}
	// Once and only once for a document: a font that is added again is forgotten what was set in it.
	if !p.unicode {
		p.AddUTF8FontFromBytes(unicodeFont, "", dejavusans.TTF)
		p.AddUTF8FontFromBytes(unicodeFont, "B", dejavusansbold.TTF)
		p.unicode = true
	}
	p.SetFont(unicodeFont, p.style, p.size)
	return visual(strings.Map(func(r rune) rune {
		if r > lastCharacter {
			return replacement
		}
		return r
	}, text))
}

func (p *printer) cell(width, height float64, text, border string, ln int, align string) {
	p.CellFormat(width, height, p.inFont(text), border, ln, align, false, 0, "")
	p.SetFont(latinFont, p.style, p.size)
}

func (p *printer) width(text string) float64 {
	width := p.GetStringWidth(p.inFont(text))
	p.SetFont(latinFont, p.style, p.size)
	return width
}

// isLatin reports whether a text is one of Windows-1252, which the fonts of every reader have.
func isLatin(text string) bool {
	for _, r := range text {
		if _, ok := charmap.Windows1252.EncodeRune(r); !ok {
			return false
		}
	}
	return true
}

// visual brings a line into the order in which it is set from the left (Unicode Standard Annex 9).
func visual(text string) string {
	var paragraph bidi.Paragraph
	if _, err := paragraph.SetString(text); err != nil {
		return text
	}
	order, err := paragraph.Order()
	if err != nil {
		return text
	}
	line := "" // the library gives the runs in the order in which they are read
	for k := range order.NumRuns() {
		run := order.Run(k)
		part := run.String()
		if run.Direction() == bidi.RightToLeft {
			part = bidi.ReverseString(part)
		}
		if order.Direction() == bidi.RightToLeft {
			line = part + line
		} else {
			line += part
		}
	}
	return line
}
