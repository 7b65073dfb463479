package customer

import (
	"strings"
	"testing"
)

// TestEveryTemplateIsInEveryLanguage fills each of them in: nothing is left
// open, and what must be there is said.
func TestEveryTemplateIsInEveryLanguage(t *testing.T) {
	t.Parallel()
	for name, keys := range mustHave {
		data := map[string]string{"name": "Ada Lang", "customer": "7", "brand": "Gyro Mobile"}
		for _, key := range keys {
			data[key] = map[string]string{"amount": "1234.5 EUR", "fee": "2.5 EUR", "due": "2026-12-07"}[key]
			if data[key] == "" {
				data[key] = "the-" + key
			}
		}
		for language := range templates {
			m, err := render(name, language, data)
			if err != nil {
				t.Fatalf("%s.%s: %v", name, language, err)
			}
			text := m.Subject + "\n" + m.Body
			if m.Subject == "" || strings.Contains(text, "<no value>") || strings.Contains(text, "Subject:") || !strings.Contains(text, "Ada Lang") || m.Language != language {
				t.Errorf("%s.%s:\n%s", name, language, text)
			}
			amount := map[string]string{"en": "1234.50 EUR", "de": "1234,50 EUR"}[language]
			date := map[string]string{"en": "7 December 2026", "de": "07.12.2026"}[language]
			for key, said := range map[string]string{"amount": amount, "due": date, "order": "the-order", "number": "the-number"} {
				if data[key] != "" && !strings.Contains(text, said) {
					t.Errorf("%s.%s does not say %q:\n%s", name, language, said, text)
				}
			}
		}
	}
}

// TestANameBeginsNoHeader: what a customer is called stays in the subject.
func TestANameBeginsNoHeader(t *testing.T) {
	t.Parallel()
	m, err := render(Welcome, "en", map[string]string{"name": "x", "customer": "1", "brand": "Gyro\r\nBcc: all@example.org"})
	if err != nil || strings.ContainsAny(m.Subject, "\r\n") {
		t.Errorf("%q, %v", m.Subject, err)
	}
}
