package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gyro/api/client"
	"gyro/internal/money"
)

const (
	accountsResource = "/tmf-api/accountManagement/v4/billingAccount"
	messagesOffice   = officeBase + "/messages"
)

// accountTerms is the flags that say what a billing account is like.
type accountTerms struct {
	kind, currency, region, zone, delivery, limit string
	cycleDay, terms                               int
}

func (a *accountTerms) flags(f *pflag.FlagSet) {
	f.StringVar(&a.kind, "kind", "postpaid", "prepaid or postpaid")
	f.StringVar(&a.currency, "currency", "EUR", "`currency` of the account")
	f.StringVar(&a.region, "tax-region", "DE", "whose tax is charged: a `country`, or a variant such as DE-reverse")
	f.StringVar(&a.zone, "time-zone", "Europe/Berlin", "time `zone` in which billing cycles begin")
	f.StringVar(&a.delivery, "delivery", "", "how bills are delivered: email, post, none (default: email where there is an address)")
	f.IntVar(&a.cycleDay, "cycle-day", 1, "`day` of the month on which a billing cycle begins, 1 to 28")
	f.IntVar(&a.terms, "terms", 14, "`days` in which a bill must be paid")
	f.StringVar(&a.limit, "credit-limit", "", "`amount` of usage that may wait for a bill, postpaid (default: 0)")
}

// document is the account as the API wants it, without its customer.
func (a *accountTerms) document() (map[string]any, error) {
	const last = 28                          // that every month has
	if a.cycleDay < 1 || a.cycleDay > last { // said here, for the API counts from 0
		return nil, fmt.Errorf("--cycle-day: %d is not from 1 to %d, the days that every month has", a.cycleDay, last)
	}
	bills := map[string]any{"cycleSpecification": map[string]any{
		"name": "monthly", "isRef": false, "billingPeriod": "monthly", "dateShift": a.cycleDay - 1, "paymentDueDateOffset": a.terms,
	}}
	if a.delivery != "" {
		bills["presentationMedia"] = []any{map[string]any{"name": a.delivery, "isRef": false}}
	}
	document := map[string]any{"accountType": a.kind, "currency": a.currency, "taxRegion": a.region, "timeZone": a.zone, "billStructure": bills}
	if a.limit != "" {
		if _, err := money.Parse(a.limit, money.Decimals); err != nil {
			return nil, fmt.Errorf("--credit-limit: %w", err)
		}
		document["creditLimit"] = map[string]any{"unit": a.currency, "value": json.Number(a.limit)}
	}
	return document, nil
}

// newCustomerAccountCommand builds "gyro customer account": further billing accounts, and who pays for whom.
func newCustomerAccountCommand(r *remote) *cobra.Command {
	cmd := &cobra.Command{Use: "account", Short: "Billing accounts of customers: add, list, and who pays for whom"}
	cmd.AddCommand(newAccountAddCommand(r), newAccountsCommand(r), newAccountRelateCommand(r))
	rejectUnknown(cmd)
	return cmd
}

// relation are the flags of an account's place in a hierarchy, and what the API calls them.
type relation struct {
	parent, payer string
	other         bool
}

func (l *relation) flags(f *pflag.FlagSet) {
	f.StringVar(&l.parent, "parent", "", "`account` above it in the hierarchy, such as that of the company; none is none")
	f.StringVar(&l.payer, "payer", "", "`account` that pays its bills, of the same currency; none is itself")
	f.BoolVar(&l.other, "other-customer", false, "the account above it, or that pays, is another customer's: it is refused without this word")
}

func (l *relation) document() []any {
	relations := []any{}
	for _, r := range []struct{ kind, account string }{{"parent", l.parent}, {"payer", l.payer}} {
		if r.account != "" && r.account != "none" {
			one := map[string]any{"relationshipType": r.kind, "account": map[string]any{"id": r.account}, "validFor": map[string]any{}}
			if l.other {
				one["otherCustomer"] = true
			}
			relations = append(relations, one)
		}
	}
	return relations
}

func newAccountAddCommand(r *remote) *cobra.Command {
	var m once
	var terms accountTerms
	var place relation
	var name string
	cmd := &cobra.Command{
		Use: "add CUSTOMER", Short: "Give a customer a further billing account", Args: cobra.ExactArgs(1),
		Example: `  gyro customer account add 7 --name "Branch Kiel" --parent 12 --payer 12`,
		RunE: func(cmd *cobra.Command, args []string) error {
			document, err := terms.document()
			if err != nil {
				return err
			}
			document["relatedParty"] = []any{map[string]any{"id": args[0], "role": "customer", "@referredType": "Customer"}}
			document["accountRelationship"] = place.document()
			if name != "" {
				document["name"] = name
			}
			return r.change(cmd, &m, &client.Request{Method: client.Post, Path: accountsResource, Body: document})
		},
	}
	m.flags(cmd)
	terms.flags(cmd.Flags())
	place.flags(cmd.Flags())
	cmd.Flags().StringVar(&name, "name", "", "`name` that tells it from the customer's others")
	return cmd
}

func newAccountsCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "list CUSTOMER", Short: "List a customer's billing accounts", Args: cobra.ExactArgs(1),
		Annotations: noneYet("gyro customer account add makes one"),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := r.call(cmd, &client.Request{Method: client.Get, Path: accountsResource, Query: url.Values{"relatedParty.id": {args[0]}, "limit": {"1000"}}})
			if err != nil {
				return err
			}
			if string(bytes.TrimSpace(body)) == "[]" { // of a customer without one, or of none at all, which is refused
				if _, err := r.call(cmd, &client.Request{Method: client.Get, Path: customersResource + client.Path(args[0])}); err != nil {
					return err
				}
			}
			list, err := withRelations(body)
			if err != nil {
				return err
			}
			return r.table(cmd, body, list, column{"ACCOUNT", "id"}, column{"NAME", "name"}, column{"TYPE", "accountType"}, column{"STATE", "state"},
				column{"CURRENCY", "currency"}, column{"PARENT", "parent"}, column{"PAYER", "payer"}, column{"CHARGED AS", "chargingAccount"})
		},
	}
}

// withRelations gives accounts the members parent and payer, from the list of their relations.
func withRelations(body json.RawMessage) (json.RawMessage, error) {
	var accounts []map[string]any
	if err := json.Unmarshal(body, &accounts); err != nil {
		return nil, fmt.Errorf("the answer is no list of accounts: %w", err)
	}
	for _, a := range accounts {
		is := relationOf(a)
		a["parent"], a["payer"] = is.parent, is.payer
	}
	return json.Marshal(accounts)
}

// relationOf is the place of an account in a hierarchy, as the API says it.
func relationOf(account map[string]any) (l relation) {
	relations, _ := account["accountRelationship"].([]any)
	for _, one := range relations {
		switch id := textOf(at(one, "account.id")); textOf(at(one, "relationshipType")) {
		case "parent":
			l.parent = id
		case "payer":
			l.payer = id
		}
	}
	return l
}

func newAccountRelateCommand(r *remote) *cobra.Command {
	var place relation
	cmd := &cobra.Command{
		Use: "relate ACCOUNT", Short: "Say which account is above another one, and which pays its bills", Args: cobra.ExactArgs(1),
		Example: "  gyro customer account relate 13 --payer 12\n  gyro customer account relate 13 --payer none",
		RunE: func(cmd *cobra.Command, args []string) error {
			if place.parent == "" && place.payer == "" {
				return errors.New("say --parent or --payer, or both: an account's id, or none")
			}
			path := accountsResource + client.Path(args[0])
			body, err := r.call(cmd, &client.Request{Method: client.Get, Path: path})
			if err != nil {
				return err
			}
			var account map[string]any
			if err := json.Unmarshal(body, &account); err != nil {
				return fmt.Errorf("the answer is no account: %w", err)
			}
			is := relationOf(account)
			becomes := relation{parent: cmp.Or(place.parent, is.parent), payer: cmp.Or(place.payer, is.payer), other: place.other}
			return r.do(cmd, &client.Request{Method: client.Patch, Path: path, Body: map[string]any{"accountRelationship": becomes.document()}})
		},
	}
	place.flags(cmd.Flags())
	return cmd
}

// newCustomerMessagesCommand builds "gyro customer messages".
func newCustomerMessagesCommand(r *remote) *cobra.Command {
	var state, again string
	var limit int
	cmd := &cobra.Command{
		Use: "messages [CUSTOMER]", Short: "List messages that were sent to a customer, or to all, the newest first; or send one again", Args: cobra.MaximumNArgs(1),
		Example:     "  gyro customer messages 7\n  gyro customer messages --state failed\n  gyro customer messages --resend 31",
		Annotations: noneYet("messages follow what happens: a sign-up, an order, a bill, a payment, dunning"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if again != "" {
				return r.do(cmd, &client.Request{Method: client.Post, Path: messagesOffice + client.Path(again) + "/resend"})
			}
			query := url.Values{"limit": {strconv.Itoa(limit)}}
			if len(args) > 0 {
				query.Set("customer", args[0])
			}
			if state != "" {
				query.Set("state", state)
			}
			return r.listing(cmd, messagesOffice, query, column{"MESSAGE", "id"}, column{"CUSTOMER", "customer"}, column{"AT", "createdAt"}, column{"TEMPLATE", "template"}, column{"SUBJECT", "subject"},
				column{"CHANNEL", "channel"}, column{"ADDRESS", "address"}, column{"STATE", "state"}, column{"REASON", "reason"})
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "pending, sent, failed or suppressed")
	cmd.Flags().StringVar(&again, "resend", "", "take the `message` up again that was given up, or had no sender")
	cmd.Flags().IntVar(&limit, "limit", 50, "how many at most")
	return cmd
}
