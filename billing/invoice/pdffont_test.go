package invoice

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf16"
)

// TestNamesOfOtherScriptsAreOnThePaper: a name that the fonts of every reader lack is set in a font that the document
// brings along; it does not turn into dots.
func TestNamesOfOtherScriptsAreOnThePaper(t *testing.T) {
	for name, set := range map[string]string{
		"Ада Лавлейс":      "Ада Лавлейс",
		"Ελένη Ńowak":      "Ελένη Ńowak",
		"שלום 12 Ltd":      "Ltd 12 םולש", // from the left
		"Smile \U0001F600": "Smile \uFFFD",
		"ab\u202ecd":       "",
	} {
		d := example()
		d.From.LegalName = "Gyro Mobile"
		d.Recipient.Name, d.Lines[0].Description = name, strings.Repeat(name, 20)
		pdf, err := render(d, false)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again, err := render(d, false)
		if err != nil || !bytes.Equal(pdf, again) {
			t.Errorf("%s: printed again it is other octets, %v", name, err)
		}
		var wide []byte
		for _, unit := range utf16.Encode([]rune(set)) {
			wide = append(wide, byte(unit>>8), byte(unit)) // as the library writes it into the stream
		}
		if !bytes.Contains(pdf, wide) {
			t.Errorf("%s is not on the paper", name)
		}
		if !strings.Contains(words(pdf), "Gyro Mobile") {
			t.Errorf("%s: what is Latin is not in Latin-1 any more", name)
		}
	}
}
