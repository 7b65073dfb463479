package customer

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"text/template"
	"time"

	"gyro/internal/money"
)

// The templates of messages, and what Notification.Data must hold for each.
// Amounts are a decimal and their currency, 12.34 EUR, dates 2006-01-02: the
// template writes them as its language does. Every template also has the
// customer's name and number, and the brand.
const (
	Welcome         = "welcome"          // nothing
	OrderCompleted  = "order_completed"  // order, product; may have msisdn
	BillReady       = "bill_ready"       // number, total, amount (what is to be paid of it, 0.00 EUR: nothing), due; may have credit (that was used for it)
	PaymentReceived = "payment_received" // amount; may have reference
	Reminder        = "reminder"         // number, amount, due; may have until
	Suspension      = "suspension"       // amount
	Resumed         = "resumed"          // nothing

	LastReminder  = "last_reminder"  // number, amount, due
	DunningFee    = "dunning_fee"    // number, amount, due, fee
	Termination   = "termination"    // amount
	PaymentFailed = "payment_failed" // amount, reason
	RefundPaid    = "refund_paid"    // amount
	ChargedBack   = "charged_back"   // amount
)

// mustHave is what the data of each template must hold.
var mustHave = map[string][]string{
	Welcome:         nil,
	OrderCompleted:  {"order", "product"},
	BillReady:       {"number", "total", "amount", "due"},
	PaymentReceived: {"amount"},
	Reminder:        {"number", "amount", "due"},
	Suspension:      {"amount"},
	Resumed:         nil,

	LastReminder:  {"number", "amount", "due"},
	DunningFee:    {"number", "amount", "due", "fee"},
	Termination:   {"amount"},
	PaymentFailed: {"amount", "reason"},
	RefundPaid:    {"amount"},
	ChargedBack:   {"amount"},
}

// HasTemplate reports whether there is a template of a name.
func HasTemplate(name string) bool {
	_, known := mustHave[name]
	return known
}

// defaultLanguage is that of who names none.
const defaultLanguage = "en"

//go:embed templates/*.txt
var templateFiles embed.FS

// templates are the texts by language and name: templates/bill_ready.de.txt.
var templates = map[string]*template.Template{
	"en": parsed("en", template.FuncMap{
		"money":   func(amount string) string { return written(amount, ".") },
		"date":    func(date string) string { return dated(date, "2 January 2006") },
		"nothing": nothing,
	}),
	"de": parsed("de", template.FuncMap{
		"money":   func(amount string) string { return written(amount, ",") },
		"date":    func(date string) string { return dated(date, "02.01.2006") },
		"nothing": nothing,
	}),
}

// Languages are those that messages are written in, and bills: what a party's may be, with or without a country.
func Languages() []string { return slices.Sorted(maps.Keys(templates)) }

// parsed are the templates of one language.
func parsed(language string, funcs template.FuncMap) *template.Template {
	root := template.New("").Option("missingkey=zero").Funcs(funcs)
	files, err := fs.Glob(templateFiles, "templates/*."+language+".txt")
	if err != nil {
		panic(err)
	}
	for _, file := range files {
		name, _, _ := strings.Cut(path.Base(file), ".")
		text, err := templateFiles.ReadFile(file)
		if err != nil {
			panic(err)
		}
		template.Must(root.New(name).Parse(string(text)))
	}
	return root
}

// written is an amount such as 12.3 EUR with the decimals of its currency. What
// is no amount is written as it is.
func written(amount, point string) string {
	decimal, currency, _ := strings.Cut(amount, " ")
	code, err := money.ParseCurrency(currency)
	if err != nil {
		return amount
	}
	if _, err := money.Parse(decimal, money.Decimals); err != nil {
		return amount
	}
	whole, fraction, _ := strings.Cut(decimal, ".")
	fraction = strings.TrimRight(fraction, "0")
	for len(fraction) < code.Exponent() {
		fraction += "0"
	}
	if fraction != "" {
		whole += point + fraction
	}
	return whole + " " + currency
}

// nothing says whether an amount such as 0.00 EUR is none.
func nothing(amount string) bool {
	decimal, _, _ := strings.Cut(amount, " ")
	n, err := money.Parse(decimal, money.Decimals)
	return err == nil && n == 0
}

// dated is a date in another layout. What is no date is written as it is.
func dated(date, layout string) string {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return t.Format(layout)
}

// message is a rendered template.
type message struct{ Language, Subject, Body string }

// render fills a template in, in a language or, where it has none, in English.
func render(name, language string, data map[string]string) (message, error) {
	keys, known := mustHave[name]
	if !known {
		return message{}, fmt.Errorf("no template %q", name)
	}
	for _, key := range keys {
		if data[key] == "" {
			return message{}, fmt.Errorf("template %q wants %q", name, key)
		}
	}
	language, _, _ = strings.Cut(language, "-")
	if templates[language] == nil {
		language = defaultLanguage
	}
	var b strings.Builder
	if err := templates[language].ExecuteTemplate(&b, name, data); err != nil {
		return message{}, fmt.Errorf("template %q: %w", name, err)
	}
	head, body, _ := strings.Cut(b.String(), "\n\n")
	subject := strings.TrimPrefix(head, "Subject: ")
	// A name of several lines must not begin another header.
	return message{language, strings.Join(strings.Fields(subject), " "), body}, nil
}
