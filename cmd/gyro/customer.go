package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"gyro/api/client"
)

// Paths of the office's API.
const (
	customersResource = "/tmf-api/customerManagement/v4/customer"
	customersOffice   = "/office/v1/customers"
)

// newCustomerCommand builds "gyro customer": customers of a running office.
func newCustomerCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "customer", Short: "Customers of a running office: sign up, list, show all there is of one, their accounts and messages"}
	r := newOfficeRemote()
	r.flags(cmd)
	cmd.AddCommand(newCustomerCreateCommand(r), newCustomerListCommand(r), newCustomerShowCommand(r), newCustomerAccountCommand(r), newCustomerMessagesCommand(r))
	return cmd
}

// signUp is the flags of gyro customer create.
type signUp struct {
	once
	given, family, organization, language, taxID string
	email, phone, street, city, postcode, land   string
	account                                      accountTerms
}

func newCustomerCreateCommand(r *remote) *cobra.Command {
	s := &signUp{}
	cmd := &cobra.Command{
		Use: "create", Short: "Sign a customer up: the party, the customer and a billing account in one step", Args: cobra.NoArgs,
		Example: `  gyro customer create --given-name Ada --family-name Lang --email ada@example.org --credit-limit 50
  gyro customer create --organization "Nord AG" --tax-id DE811128135 --tax-region DE-reverse --email bills@nord.example`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			body, err := s.body()
			if err != nil {
				return err
			}
			return r.change(cmd, &s.once, &client.Request{Method: client.Post, Path: customersOffice, Body: body})
		},
	}
	s.once.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&s.given, "given-name", "", "`name` of a person")
	f.StringVar(&s.family, "family-name", "", "`name` of a person")
	f.StringVar(&s.organization, "organization", "", "`name` of an organisation, in place of a person")
	f.StringVar(&s.taxID, "tax-id", "", "tax `number`, such as DE811128135; VAT numbers are checked for slips of the hand")
	f.StringVar(&s.language, "language", "en", "`language` of messages and bills: de or en, also as de-AT")
	f.StringVar(&s.email, "email", "", "e-mail `address`")
	f.StringVar(&s.phone, "phone", "", "telephone `number`, with its country code")
	f.StringVar(&s.street, "street", "", "`street` and number of the postal address")
	f.StringVar(&s.city, "city", "", "`city` of the postal address")
	f.StringVar(&s.postcode, "postcode", "", "`postcode` of the postal address")
	f.StringVar(&s.land, "country", "DE", "`country` of the postal address, two letters")
	s.account.flags(f)
	return cmd
}

// body is the document that signs the customer up.
func (s *signUp) body() (map[string]any, error) {
	if (s.organization == "") == (s.family == "") {
		return nil, errors.New("name a person with --family-name, or an organisation with --organization")
	}
	if s.organization != "" && s.given != "" {
		return nil, errors.New("--given-name is a person's, and --organization signs an organisation up: leave one of them out")
	}
	var media []any
	add := func(kind string, characteristic map[string]any) {
		media = append(media, map[string]any{"mediumType": kind, "characteristic": characteristic})
	}
	if s.email != "" {
		add("email", map[string]any{"emailAddress": s.email})
	}
	if s.phone != "" {
		add("phone", map[string]any{"phoneNumber": s.phone})
	}
	if s.street != "" || s.city != "" {
		add("postalAddress", map[string]any{"street1": s.street, "city": s.city, "postCode": s.postcode, "country": s.land})
	}
	papers := []any{}
	if s.taxID != "" {
		papers = append(papers, map[string]any{"identificationId": s.taxID, "identificationType": "taxId"})
	}
	account, err := s.account.document()
	if err != nil {
		return nil, err
	}
	body := map[string]any{"account": account}
	if s.organization != "" {
		body["organization"] = map[string]any{
			"name": s.organization, "contactMedium": media, "organizationIdentification": papers,
			"partyCharacteristic": []any{map[string]any{"name": "language", "value": s.language}},
		}
		return body, nil
	}
	body["individual"] = map[string]any{
		"givenName": s.given, "familyName": s.family, "contactMedium": media, "individualIdentification": papers,
		"languageAbility": []any{map[string]any{"languageCode": s.language, "isFavouriteLanguage": true}},
	}
	return body, nil
}

func newCustomerListCommand(r *remote) *cobra.Command {
	var name, status string
	var limit uint
	cmd := &cobra.Command{
		Use: "list", Short: "List customers", Args: cobra.NoArgs,
		Annotations: noneYet("gyro customer create signs one up"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{}
			for key, value := range stated(map[string]string{"name": name, "status": status}) {
				query.Set(key, value)
			}
			if limit != 0 {
				query.Set("limit", strconv.FormatUint(uint64(limit), 10))
			}
			return r.list(cmd, &client.Request{Method: client.Get, Path: customersResource, Query: query},
				column{"ID", "id"}, column{"NAME", "name"}, column{"STATUS", "status"}, column{"SEGMENT", "characteristic.0.value"},
				column{"SINCE", "validFor.startDateTime"}, column{"ACCOUNTS", "account.*.id"})
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "those with this `name`")
	cmd.Flags().StringVar(&status, "status", "", "those that are initial, active, suspended or closed")
	cmd.Flags().UintVar(&limit, "limit", 0, "show at most this `many`")
	return cmd
}

func newCustomerShowCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "show CUSTOMER", Short: "Show all there is of a customer: accounts with balances, lines, products, bills, tickets, messages", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := r.call(cmd, &client.Request{Method: client.Get, Path: customersOffice + client.Path(args[0], "overview")})
			if err != nil {
				return err
			}
			if r.json {
				return r.print(cmd.OutOrStdout(), body)
			}
			return printOverview(cmd.OutOrStdout(), body)
		},
	}
}

// sections are the tables of an overview, in their order.
var sections = []struct {
	title, member string
	columns       []column
}{
	{"accounts", "accounts", []column{
		{"ID", "id"},
		{"NAME", "name"},
		{"TYPE", "accountType"},
		{"STATE", "state"},
		{"OPEN", "open"},
		{"OVERDUE", "overdue"},
		{"BALANCE", "balance"},
		{"AVAILABLE", "available"},
		{"NOTE", "coreSays"},
	}},
	{"lines", "lines", []column{{"ID", "id"}, {"ACCOUNT", "account"}, {"MSISDN", "msisdn"}, {"IMSI", "imsi"}, {"STATUS", "status"}, {"SINCE", "activatedAt"}}},
	{"products", "products", []column{{"ID", "id"}, {"ACCOUNT", "account"}, {"LINE", "line"}, {"NAME", "name"}, {"STATUS", "status"}, {"SINCE", "activatedAt"}}},
	{"bills", "bills", []column{{"ID", "id"}, {"ACCOUNT", "account"}, {"NUMBER", "number"}, {"TYPE", "type"}, {"STATE", "state"}, {"ISSUED", "issuedOn"}, {"DUE", "dueOn"}, {"TOTAL", "total"}}},
	{"tickets", "tickets", []column{{"ID", "id"}, {"STATE", "state"}, {"SEVERITY", "severity"}, {"SUBJECT", "subject"}, {"ASSIGNED", "assignedTo"}, {"OPENED", "createdAt"}}},
	{"interactions", "interactions", []column{{"ID", "id"}, {"AT", "at"}, {"CHANNEL", "channel"}, {"DIRECTION", "direction"}, {"SUBJECT", "subject"}, {"BY", "actor"}}},
	{"messages", "messages", []column{{"ID", "id"}, {"AT", "createdAt"}, {"TEMPLATE", "template"}, {"CHANNEL", "channel"}, {"ADDRESS", "address"}, {"STATE", "state"}, {"REASON", "reason"}}},
}

// printOverview prints what there is of a customer: a headline, and a table for
// each list that is not empty.
func printOverview(out io.Writer, body json.RawMessage) error {
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(body, &parts); err != nil {
		return fmt.Errorf("the answer is no overview: %w", err)
	}
	if err := printTable(out, append(append(json.RawMessage("["), parts["customer"]...), ']'), []column{
		{"CUSTOMER", "id"}, {"NAME", "name"}, {"STATUS", "status"}, {"PARTY", "engagedParty.name"}, {"SINCE", "validFor.startDateTime"},
	}); err != nil {
		return err
	}
	for _, s := range sections {
		if !isTable(parts[s.member]) {
			continue
		}
		fmt.Fprintf(out, "\n%s\n", s.title)
		if err := printTable(out, parts[s.member], s.columns); err != nil {
			return err
		}
	}
	return nil
}
