package invoice

import (
	"fmt"
	"strings"
	"time"

	"gyro/billing/charge"
	"gyro/internal/money"
)

// Languages are those that documents are printed in. The messages to customers have the same.
func Languages() []string { return []string{"de", "en"} }

// language is the one of Languages that a tag of BCP 47 such as de-AT asks for; English for what there is no other for.
func language(tag string) string {
	base, _, _ := strings.Cut(tag, "-")
	if _, known := languages[base]; known {
		return base
	}
	return "en"
}

// texts are the words of a document in a language, and how it writes dates and numbers. Texts with verbs of fmt say in
// their names what for.
type texts struct {
	invoice, creditNote, statement, draft, number string

	vatNumber, account, customer, issued, period, due, corrects string

	columnPosition, columnText, columnPeriod, columnQuantity, columnTax, columnNet string

	creditOf, discountOf, minimumOf, line string
	records                               [2]string // one, several
	daysOf, minutes                       string

	carried, net, tax, total, creditUsed, toPay string
	reasons                                     map[string]string // why there is no tax, by code, where the law asks for words

	payUntil, payTo, fromBalance, setOff, nothing string
	page                                          string

	date             string // layout of package time
	point, thousands string // of decimals
}

var languages = map[string]*texts{
	"en": {
		invoice: "Invoice", creditNote: "Credit note", statement: "Statement", draft: "(draft)", number: "no. %d",
		vatNumber: "VAT number", account: "Account", customer: "Customer no.", issued: "Date", period: "Period", due: "Due", corrects: "Corrects invoice %s: %s",
		columnPosition: "#", columnText: "Description", columnPeriod: "Period", columnQuantity: "Quantity", columnTax: "VAT", columnNet: "Net",
		creditOf: "Credit: %s (%s)", discountOf: "Discount %s", minimumOf: "Minimum commitment %s", line: "line %d",
		records: [2]string{"1 record", "%s records"}, daysOf: "%d of %d days", minutes: "%s min",
		carried: "Carried forward", net: "Net", tax: "VAT %s on %s", total: "Total", creditUsed: "Your credit, used for it", toPay: "To pay",
		payUntil: "Please pay by %s, naming %s", payTo: ", to IBAN %s", fromBalance: "This was taken from your balance. Nothing is to be paid.",
		setOff: "The amount is set off against what is open, or credited to your account.", nothing: "Nothing is to be paid.",
		page: "%s %s, page %d of %s", date: "2 Jan 2006", point: ".", thousands: ",",
	},
	"de": {
		// A Gutschrift would be a bill that the buyer writes (section 14 UStG).
		invoice: "Rechnung", creditNote: "Rechnungskorrektur", statement: "Kontoauszug", draft: "(Entwurf)", number: "Nr. %d",
		vatNumber: "USt-IdNr.", account: "Konto", customer: "Kundennr.", issued: "Datum", period: "Zeitraum", due: "Fällig", corrects: "Korrigiert die Rechnung %s: %s",
		columnPosition: "Nr.", columnText: "Leistung", columnPeriod: "Zeitraum", columnQuantity: "Menge", columnTax: "USt.", columnNet: "Netto",
		creditOf: "Erstattung: %s (%s)", discountOf: "Rabatt %s", minimumOf: "Mindestumsatz %s", line: "Position %d",
		records: [2]string{"1 Datensatz", "%s Datensätze"}, daysOf: "%d von %d Tagen", minutes: "%s Min.",
		carried: "Übertrag", net: "Netto", tax: "USt. %s auf %s", total: "Gesamt", creditUsed: "Verrechnet mit Ihrem Guthaben", toPay: "Zu zahlen",
		reasons:  map[string]string{"E": "steuerfrei", "AE": "Steuerschuldnerschaft des Leistungsempfängers"},
		payUntil: "Bitte zahlen Sie bis zum %s unter Angabe von %s", payTo: " auf das Konto mit der IBAN %s", fromBalance: "Der Betrag wurde Ihrem Guthaben entnommen. Es ist nichts zu zahlen.",
		setOff: "Der Betrag wird mit offenen Forderungen verrechnet oder Ihrem Konto gutgeschrieben.", nothing: "Es ist nichts zu zahlen.",
		page: "%s %s, Seite %d von %s", date: "02.01.2006", point: ",", thousands: ".",
	},
}

// textsOf are the words of a document; one of another program version in a language that this one lacks has English ones.
func textsOf(tag string) *texts { return languages[language(tag)] }

// MinimumOf is what a line is called that tops a product up to its minimum commitment.
func MinimumOf(language, product string) string {
	return fmt.Sprintf(textsOf(language).minimumOf, product)
}

// day writes a date 2006-01-02 as the language does; what is none is written as it is.
func (t *texts) day(date string) string {
	at, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return at.Format(t.date)
}

// amount writes an amount with a currency's decimals, the thousands apart.
func (t *texts) amount(a money.Amount, decimals int) string { return t.decimal(a.Format(decimals)) }

// decimal writes a number that Go wrote as the language does.
func (t *texts) decimal(number string) string {
	sign := ""
	if rest, negative := strings.CutPrefix(number, "-"); negative {
		sign, number = "-", rest
	}
	whole, fraction, has := strings.Cut(number, ".")
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + t.thousands + whole[at:]
	}
	if has {
		whole += t.point + fraction
	}
	return sign + whole
}

// percent writes a rate in millionths.
func (t *texts) percent(rate int64) string { return t.decimal(money.Amount(rate*100).Format(0)) + " %" }

// count writes how many there are of something, in its two forms.
func (t *texts) count(n int64, words [2]string) string {
	if n == 1 {
		return words[0]
	}
	return fmt.Sprintf(words[1], t.decimal(fmt.Sprint(n)))
}

// span writes a period by its first and its last day; until is the day behind that.
func (t *texts) span(from, until string) string {
	last := until
	if day, err := charge.ParseDay(until); err == nil {
		last = (day - 1).String()
	}
	if last == from {
		return t.day(from)
	}
	return t.day(from) + " – " + t.day(last)
}

// reason is why there is no tax: the law's words where the language has them, and what the configuration says.
func (t *texts) reason(x *Tax) string {
	words := t.reasons[x.Category]
	switch {
	case words == "":
		return x.Reason
	case x.Reason == "" || x.Category == "E": // whose reason is the program's, in English
		return words
	}
	return words + " (" + x.Reason + ")"
}
