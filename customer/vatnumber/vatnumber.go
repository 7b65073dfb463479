// Package vatnumber checks VAT identification numbers as they are written: their form, as the member states of the European
// Union publish it for VIES, and for countries whose tax is charged, or that buy across a border often, the check digits. A
// slip of the hand is found so, at the desk; whether a number was given out, and to whom, only the tax office knows.
//
// No library was to be had that checks digits without asking VIES, which is away as often as not, and which would be one more
// system to wait for at the desk.
package vatnumber

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// country is how a country writes its numbers, and how it checks them.
type country struct {
	form  *regexp.Regexp      // of what follows the prefix
	like  string              // a number of the form
	check func(b string) bool // nil: its digits are not checked
}

func of(form, like string, check func(string) bool) country {
	return country{regexp.MustCompile("^(?:" + form + ")$"), like, check}
}

// countries are those whose numbers are known, by prefix: two letters, which are those of ISO 3166 but for Greece (EL) and
// Northern Ireland (XI).
var countries = map[string]country{
	"AT": of(`U\d{8}`, "ATU13585627", austria),
	"BE": of(`[01]\d{9}`, "BE0428759497", nil),
	"BG": of(`\d{9,10}`, "BG175074752", nil),
	"CH": of(`E\d{9}(MWST|TVA|IVA)?`, "CHE-100.155.212 MWST", switzerland),
	"CY": of(`\d{8}[A-Z]`, "CY10259033P", nil),
	"CZ": of(`\d{8,10}`, "CZ25123891", nil),
	"DE": of(`[1-9]\d{8}`, "DE136695976", germany),
	"DK": of(`\d{8}`, "DK13585628", nil),
	"EE": of(`\d{9}`, "EE100931558", nil),
	"EL": of(`\d{9}`, "EL094259216", nil),
	"ES": of(`[A-Z]\d{7}[A-Z0-9]|\d{8}[A-Z]`, "ESB64717838", spain),
	"FI": of(`\d{8}`, "FI20774740", nil),
	"FR": of(`[0-9A-HJ-NP-Z]{2}\d{9}`, "FR40303265045", france),
	"HR": of(`\d{11}`, "HR33392005961", nil),
	"HU": of(`\d{8}`, "HU12892312", nil),
	"IE": of(`\d[A-Z0-9+*]\d{5}[A-W][A-IW]?`, "IE6433435F", nil),
	"IT": of(`\d{11}`, "IT00743110157", luhn),
	"LT": of(`\d{9}|\d{12}`, "LT119511515", nil),
	"LU": of(`\d{8}`, "LU15027442", nil),
	"LV": of(`\d{11}`, "LV40003521600", nil),
	"MT": of(`\d{8}`, "MT11679112", nil),
	"NL": of(`\d{9}B\d{2}`, "NL004495445B01", netherlands),
	"PL": of(`\d{10}`, "PL8567346215", nil),
	"PT": of(`\d{9}`, "PT501964843", nil),
	"RO": of(`[1-9]\d{1,9}`, "RO18547290", nil),
	"SE": of(`\d{10}01`, "SE123456789701", nil),
	"SI": of(`\d{8}`, "SI50223054", nil),
	"SK": of(`\d{10}`, "SK2022749619", nil),
	"XI": of(`\d{9}|\d{12}|GD\d{3}|HA\d{3}`, "XI980780684", nil),
}

// What is wrong with a number.
var (
	ErrForm  = errors.New("it has not the form of the country's numbers")
	ErrCheck = errors.New("its check digits are wrong")
)

var (
	separators = strings.NewReplacer(" ", "", ".", "", "-", "", "/", "")
	// ofPerson is an Italian fiscal code: it may begin with the letters of a country, and is no VAT number.
	ofPerson = regexp.MustCompile(`^[A-Z]{6}\d{2}[A-Z0-9]{8}$`)
)

// Check refuses what cannot be a VAT number of the country that its first two letters name: with ErrForm or ErrCheck, in an
// error that says what a number of that country is like. Spaces, full stops, hyphens and slashes do not count, nor does case.
// Other identifications, and numbers of other countries, pass: nothing is known of them.
func Check(number string) error {
	n := separators.Replace(strings.ToUpper(number))
	if len(n) < 2 || ofPerson.MatchString(n) {
		return nil
	}
	c, known := countries[n[:2]]
	switch {
	case !known:
		return nil
	case !c.form.MatchString(n[2:]):
		return fmt.Errorf("%q: %w; they are like %s", number, ErrForm, c.like)
	case c.check != nil && !c.check(n[2:]):
		return fmt.Errorf("%q: %w; hold it against the letter or the invoice that it is from", number, ErrCheck)
	}
	return nil
}
