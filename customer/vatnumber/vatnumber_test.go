package vatnumber

import (
	"errors"
	"strings"
	"testing"
)

// right are numbers that are published: by companies on their own pages, and by the countries as examples of their rules.
var right = []string{
	"DE136695976", "DE811128135", "DE129273398", "DE 811 128 135", "de811128135", "ATU13585627", "CHE-100.155.212 MWST", "CHE107787577IVA", "CHE100155212",
	"FR40303265045", "FR23334175221", "FRK7399859412", "FR4Z123456782", "IT00743110157", "ES54362315K", "ESX5253868R", "ESB64717838", "ESJ99216582", "ESA13585625",
	"NL004495445B01", "NL123456789B13", "NL002455799B11",
}

func TestNumbersThatAreRight(t *testing.T) {
	for _, n := range right {
		if err := Check(n); err != nil {
			t.Error(err)
		}
	}
	for prefix, c := range countries {
		if err := Check(c.like); err != nil || !strings.HasPrefix(c.like, prefix) {
			t.Errorf("the example for %s: %v", prefix, err)
		}
	}
}

// TestOthersPass: what is no VAT number of a country that is known.
func TestOthersPass(t *testing.T) {
	for _, n := range []string{"", "D", "143/212/50316", "US12-3456789", "GB980780684", "NO995525828MVA", "DELMRA80A01H501X", "811128135"} {
		if err := Check(n); err != nil {
			t.Error(err)
		}
	}
}

func TestNumbersThatAreWrong(t *testing.T) {
	for n, want := range map[string]error{
		"DE811128134": ErrCheck, "DE81112813": ErrForm, "DE011128135": ErrForm, "ATU13585626": ErrCheck, "AT13585627": ErrForm, "CHE100155213": ErrCheck,
		"FR41303265045": ErrCheck, "FR40303265046": ErrCheck, "FRK6399859412": ErrCheck, "FRIO303265045": ErrForm, "IT00743110158": ErrCheck,
		"ES54362315Z": ErrCheck, "ESX5253868S": ErrCheck, "ESB64717839": ErrCheck, "NL004495445B02": nil, "NL004495446B01": ErrCheck, "NL123456789B14": ErrCheck,
		"PL85673462": ErrForm, "SE123456789702": ErrForm,
	} {
		if err := Check(n); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", n, err, want)
		}
	}
}

// TestOneDigitAmissIsFound in every number whose digits are checked, but for French keys with a letter, of which many fit, and
// Dutch numbers, for which either of two checks will do.
func TestOneDigitAmissIsFound(t *testing.T) {
	for _, number := range right {
		n := []byte(separators.Replace(strings.ToUpper(number)))
		first := 2
		switch string(n[:2]) {
		case "NL":
			continue
		case "FR":
			first = 4
		}
		for k := first; k < len(n); k++ {
			was := n[k]
			for c := byte('0'); c <= '9' && was <= '9'; c++ {
				if n[k] = c; c != was && Check(string(n)) == nil {
					t.Errorf("%s passes for %s", n, number)
				}
			}
			n[k] = was
		}
	}
}
