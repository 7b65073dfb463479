package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"gyro/api/client"
)

// aliases are the flags, or the arguments, by which commands ask for what the API calls otherwise, by its name as flags are
// written. Where there are several, the one that was written counts.
var aliases = map[string][]string{
	"date-shift": {"cycle-day"}, "payment-due-date-offset": {"terms"}, "terms-days": {"terms"}, "presentation-media": {"delivery"}, "account-type": {"kind"},
	"email-address": {"email"}, "phone-number": {"phone"}, "street1": {"street"}, "post-code": {"postcode"}, "identification": {"tax-id"},
	"language-code": {"language"}, "total-amount": {"amount"}, "unit": {"currency"}, "payment-method": {"method"}, "payment-item": {"invoice"},
	"billing-account": {"account"}, "product-offering": {"change", "add"}, "product-order": {"order"}, "requested-start-date": {"start"},
	"requested-completion-date": {"by"}, "description": {"for"}, "first": {"numbers"}, "engaged-party": {"party"}, "related-party": {"customer"},
	"account-relationship": {"payer", "parent"}, "as-of": {"as-of", "cycle"}, "effective": {"when"}, "product": {"change", "suspend", "resume", "end", "on"},
	"product-relationship": {"on"}, "product-characteristic": {"characteristic"}, "notification": {"resend"}, "x-approver-key": {approverVariable},
}

// inWords says an error of the API in the words of the command that caused it: people wrote a flag or an argument, not the
// field that it became.
func inWords(cmd *cobra.Command, err error) error {
	p, found := errors.AsType[*client.Problem](err)
	if !found {
		return err
	}
	said := *p
	said.Message = strings.ReplaceAll(p.Message, "the header X-Approver-Key", "the environment variable "+approverVariable)
	if parts := aboutField.FindStringSubmatch(said.Message); parts != nil {
		where, field, rest := parts[1], parts[2], parts[3]
		word, asked := wordFor(cmd, field)
		switch {
		case where != "" && given(cmd, "file"):
		case asked: // the document was made of flags: its lines and columns are nobody's
			said.Message = word + ": " + rest
		case field == p.Field && where == "":
			said.Message = word + ": " + rest
		}
	}
	return &said
}

var (
	index = regexp.MustCompile(`\[[0-9]*\]`)
	// item is an item of an order, counted from 0, behind the first one.
	item = regexp.MustCompile(`^productOrderItem\[([1-9][0-9]*)\]`)
	// aboutField is an error about a field: where it is in a document, the field, and what is wrong with it.
	aboutField = regexp.MustCompile(`(?s)^(line \d+, column \d+: )?([A-Za-z0-9_.\[\]-]+): (.*)$`)
)

// wordFor is the flag or the argument for a field, as in --tax-region for account.taxRegion; where there is none, the field's
// name in words, and asked is false.
func wordFor(cmd *cobra.Command, field string) (word string, asked bool) {
	path := strings.Split(index.ReplaceAllString(field, ""), ".")
	for _, part := range slices.Backward(path) {
		if word := asks(cmd, kebab(part)); word != "" {
			if n := item.FindStringSubmatch(field); n != nil {
				k, _ := strconv.Atoi(n[1]) // digits
				word = fmt.Sprintf("item %d, %s", k+1, word)
			}
			return word, true
		}
	}
	if names := arguments(cmd); field == "id" && len(names) == 1 {
		return strings.Trim(names[0], "[]."), true
	}
	last := path[len(path)-1]
	if len(path) > 1 && (last == "id" || last == "value" || last == "name") {
		last = path[len(path)-2]
	}
	return strings.ReplaceAll(strings.TrimSuffix(kebab(last), "-id"), "-", " "), false
}

// asks is the flag or the argument by which a command asks for what the API calls name; empty where there is none.
func asks(cmd *cobra.Command, name string) string {
	short := strings.TrimSuffix(name, "-id")
	names := []string{name, short}
	if others := aliases[short]; others != nil && !given(cmd, short) {
		names = slices.Concat(others, names)
	}
	word := ""
	for _, name := range names {
		switch flag := cmd.Flags().Lookup(name); {
		case flag != nil && flag.Changed:
			return "--" + name
		case word != "":
		case flag != nil:
			word = "--" + name
		case given(cmd, name) || name == approverVariable:
			word = strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		}
	}
	return word
}

// given reports whether a command has an argument of a name.
func given(cmd *cobra.Command, name string) bool {
	for _, argument := range arguments(cmd) {
		if strings.EqualFold(strings.Trim(argument, "[]."), name) {
			return true
		}
	}
	return false
}

// kebab writes a field's name as flags are written.
func kebab(name string) string {
	var b strings.Builder
	for n, c := range name {
		switch {
		case c == '_':
			b.WriteByte('-')
			continue
		case unicode.IsUpper(c) && n > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}
