package main

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"gyro/api/client"
)

// aliases are the flags, or the arguments, by which commands ask for what the API calls otherwise.
var aliases = map[string]string{
	"dateShift": "cycle-day", "paymentDueDateOffset": "terms", "presentationMedia": "delivery", "accountType": "kind",
	"emailAddress": "email", "phoneNumber": "phone", "street1": "street", "postCode": "postcode", "identificationId": "tax-id",
	"languageCode": "language", "totalAmount": "amount", "unit": "currency", "paymentMethod": "method", "paymentItem": "invoice",
	"billingAccount": "account", "productOffering": "add", "productOrder": "order", "requestedStartDate": "start",
	"requestedCompletionDate": "by", "description": "for", "first": "numbers", "engagedParty": "party",
	"accountRelationship": "parent", "asOf": "as-of", "effective": "when", "X-Approver-Key": approverVariable,
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
	if rest, found := strings.CutPrefix(said.Message, p.Field+": "); found && p.Field != "" {
		said.Message = wordFor(cmd, p.Field) + ": " + rest
	}
	return &said
}

var index = regexp.MustCompile(`\[[0-9]*\]`)

// wordFor is the flag or the argument for a field, as in --tax-region for account.taxRegion; where there is none, the field's
// name in words.
func wordFor(cmd *cobra.Command, field string) string {
	path := strings.Split(index.ReplaceAllString(field, ""), ".")
	for _, part := range slices.Backward(path) {
		name := strings.TrimSuffix(kebab(part), "-id")
		if alias := aliases[part]; alias != "" && !given(cmd, name) {
			name = alias
		}
		if cmd.Flags().Lookup(name) != nil {
			return "--" + name
		}
		if given(cmd, name) || name == approverVariable {
			return strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		}
	}
	last := path[len(path)-1]
	if len(path) > 1 && (last == "id" || last == "value" || last == "name") {
		last = path[len(path)-2]
	}
	return strings.ReplaceAll(strings.TrimSuffix(kebab(last), "-id"), "-", " ")
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
