package customer

import (
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/nyaruka/phonenumbers"

	"gyro/internal/money"
	"gyro/internal/refusal"
	"gyro/internal/zone"
)

// invalid is a refusal of a value that can be corrected.
func invalid(code, field, format string, args ...any) error {
	return refusal.New(refusal.Invalid, code, field, format, args...)
}

// forbidden is a refusal by a rule of the business.
func forbidden(code, field, format string, args ...any) error {
	return refusal.New(refusal.Unprocessable, code, field, format, args...)
}

// first returns the first error of checks made in a fixed order.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// maxText bounds what people write: a name, a subject, a line of an address.
const (
	maxName = 200
	maxText = 10_000
)

// checkLine wants one line of printable text.
func checkLine(field, value string, required bool) error {
	switch {
	case value == "" && required:
		return invalid("value_missing", field, "is missing; give it")
	case len(value) > maxName:
		return invalid("value_too_long", field, "has %d octets; at most %d", len(value), maxName)
	case strings.ContainsFunc(value, unicode.IsControl):
		return invalid("value_not_printable", field, "has control characters; write one line of text")
	}
	return nil
}

// checkText wants text of several lines.
func checkText(field, value string) error {
	unprintable := func(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\r' && c != '\t' }
	switch {
	case len(value) > maxText:
		return invalid("value_too_long", field, "has %d octets; at most %d", len(value), maxText)
	case strings.ContainsFunc(value, unprintable):
		return invalid("value_not_printable", field, "has control characters; write plain text")
	}
	return nil
}

// checkEmail wants an addr-spec of RFC 5322 section 3.4.1 with a domain name:
// no display name, no quoted local part, no address literal.
func checkEmail(field, value string) error {
	address, err := mail.ParseAddress(value)
	bad := err != nil || address.Address != value || address.Name != "" || len(value) > 254 || strings.ContainsAny(value, "\"[]<>")
	if !bad {
		_, domain, _ := strings.Cut(value, "@")
		bad = !domainName.MatchString(domain)
	}
	if bad {
		return invalid("email_malformed", field, "%q is no e-mail address; write name@example.org", value)
	}
	return nil
}

var domainName = regexp.MustCompile(`^([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z]{2,63}$`)

// checkPhone wants a number in international format and returns it as E.164.
func checkPhone(field, value string) (string, error) {
	number, err := phonenumbers.Parse(value, "ZZ") // ZZ is no country: only +49... can be read
	if err != nil || !phonenumbers.IsValidNumber(number) {
		return "", invalid("phone_malformed", field, "%q is no valid telephone number; write it with its country code, such as +493012345678", value)
	}
	return phonenumbers.Format(number, phonenumbers.E164), nil
}

// checkURL wants where a webhook can be sent to. Whether the address may be
// reached is decided when it is dialled, for names resolve otherwise tomorrow.
func checkURL(field, value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || len(value) > 2000 {
		return invalid("url_malformed", field, "%q is no address of a webhook; write https://host/path, without user and fragment", value)
	}
	return nil
}

func checkCurrency(field, value string) error {
	if _, err := money.ParseCurrency(value); err != nil {
		return invalid("currency_unknown", field, "%v", err)
	}
	return nil
}

func checkZone(field, value string) error {
	if _, ok := zone.Load(value); !ok {
		return invalid("time_zone_unknown", field, "%q is no time zone of the IANA database; write one such as Europe/Berlin", value)
	}
	return nil
}

// checkDate wants a calendar date, or nothing.
func checkDate(field, value string) error {
	if value == "" {
		return nil
	}
	if _, err := time.Parse(time.DateOnly, value); err != nil {
		return invalid("date_malformed", field, "%q is no date; write it as 1990-12-31", value)
	}
	return nil
}

var (
	languageTag   = regexp.MustCompile(`^[a-z]{2}(-[A-Z]{2})?$`)
	countryCode   = regexp.MustCompile(`^[A-Z]{2}$`)
	taxRegion     = regexp.MustCompile(`^[A-Z]{2}(-[a-z]+)*$`)
	reverseCharge = regexp.MustCompile(`-reverse(-|$)`)
	digits        = regexp.MustCompile(`^[0-9]+$`)
)

func checkLanguage(field, value string) error {
	if !languageTag.MatchString(value) {
		return invalid("language_malformed", field, "%q is no language; write de, en or de-AT", value)
	}
	base, _, _ := strings.Cut(value, "-")
	if !slices.Contains(Languages(), base) {
		return invalid("language_unsupported", field, "messages and bills are written in %s, not in %q; choose one of them", strings.Join(Languages(), " and "), value)
	}
	return nil
}

// checkDigits wants so many digits, or nothing.
func checkDigits(field, value string, least, most int) error {
	if value != "" && (!digits.MatchString(value) || len(value) < least || len(value) > most) {
		return invalid("number_malformed", field, "%q does not have %d to %d digits and nothing else", value, least, most)
	}
	return nil
}

// oneOf refuses a word that a list does not have.
func oneOf[T ~string](field string, value T, allowed ...T) error {
	names := make([]string, len(allowed))
	for k, word := range allowed {
		if value == word {
			return nil
		}
		names[k] = string(word)
	}
	return invalid("value_unknown", field, "%q is not one of %s", string(value), strings.Join(names, ", "))
}
