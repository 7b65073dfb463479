package customer

import (
	"embed"
	"fmt"
	"strings"
	"text/template"
)

// The templates of messages, and what Notification.Data must hold for each.
// Values are text as the customer is to read it: amounts with their currency,
// dates in full. Every template also has the customer's name and number, and
// the brand.
const (
	Welcome         = "welcome"          // nothing
	OrderCompleted  = "order_completed"  // order, product; may have msisdn
	BillReady       = "bill_ready"       // number, amount, due
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
	BillReady:       {"number", "amount", "due"},
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

// defaultLanguage is that of messages in whose language there is no template.
const defaultLanguage = "en"

//go:embed templates/*.txt
var templateFiles embed.FS

// templates are the texts by name and language, such as bill_ready.de.txt.
var templates = template.Must(template.New("").Option("missingkey=zero").ParseFS(templateFiles, "templates/*.txt"))

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
	t := templates.Lookup(name + "." + language + ".txt")
	if t == nil {
		language = defaultLanguage
		t = templates.Lookup(name + "." + language + ".txt")
	}
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		return message{}, fmt.Errorf("template %q: %w", name, err)
	}
	head, body, _ := strings.Cut(b.String(), "\n\n")
	subject := strings.TrimPrefix(head, "Subject: ")
	// A name of several lines must not begin another header.
	return message{language, strings.Join(strings.Fields(subject), " "), body}, nil
}
