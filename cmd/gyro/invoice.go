package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"gyro/api/client"
)

const (
	invoicesPath    = officeBase + "/invoices"
	invoiceRunsPath = officeBase + "/invoice-runs"
)

// newInvoiceCommand builds "gyro invoice": runs, and the documents that they make.
func newInvoiceCommand() *cobra.Command {
	r := newOfficeRemote()
	cmd := &cobra.Command{Use: "invoice", Short: "Invoice runs, invoices, credit notes and statements"}
	r.flags(cmd)
	cmd.AddCommand(
		newInvoiceRunCommand(r), newInvoiceRunsCommand(r), newInvoiceCommitCommand(r), newInvoiceWithdrawCommand(r), newInvoiceParkedCommand(r), newInvoiceIntakeCommand(r),
		newInvoiceListCommand(r), newInvoiceShowCommand(r), newInvoicePDFCommand(r), newInvoiceUsageCommand(r), newInvoiceCreditCommand(r), newInvoiceRebillCommand(r),
		newInvoiceChargeCommand(r),
	)
	return cmd
}

// table prints the list that is in an answer, or the answer itself as JSON.
func (r *remote) table(cmd *cobra.Command, body, list json.RawMessage, columns ...column) error {
	if r.json {
		return r.print(cmd.OutOrStdout(), body)
	}
	return printList(cmd, list, columns)
}

// callInvoice asks for a document; where there is none, it says how to find those that there are.
func (r *remote) callInvoice(cmd *cobra.Command, ref, below string) (json.RawMessage, error) {
	body, err := r.call(cmd, &client.Request{Method: client.Get, Path: invoicesPath + client.Path(ref) + below})
	if client.Refused(err, "invoice_unknown") {
		return nil, fmt.Errorf("%w\n%s", err, asCalled("gyro invoice list shows those that there are; "+billsCome))
	}
	return body, err
}

func newInvoiceListCommand(r *remote) *cobra.Command {
	var account, run, limit int64
	var state, kind string
	cmd := &cobra.Command{
		Use: "list", Short: "List documents, the newest first", Args: cobra.NoArgs,
		Annotations: noneYet(billsCome),
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{"limit": {strconv.FormatInt(limit, 10)}}
			for name, value := range stated(map[string]string{"state": state, "type": kind}) {
				query.Set(name, value)
			}
			for name, value := range map[string]int64{"account": account, "run": run} {
				if value > 0 {
					query.Set(name, strconv.FormatInt(value, 10))
				}
			}
			body, err := r.call(cmd, &client.Request{Method: client.Get, Path: invoicesPath, Query: query})
			if err != nil {
				return err
			}
			var v struct{ Invoices json.RawMessage }
			if err := json.Unmarshal(body, &v); err != nil {
				return err
			}
			return r.table(cmd, body, v.Invoices, column{"ID", "id"}, column{"NUMBER", "number"}, column{"TYPE", "type"}, column{"STATE", "state"}, column{"ACCOUNT", "billingAccountId"},
				column{"FROM", "periodFrom"}, column{"UNTIL", "periodUntil"}, column{"DUE", "dueOn"}, column{"TOTAL", "total"})
		},
	}
	f := cmd.Flags()
	f.Int64Var(&account, "account", 0, "of a billing `account`")
	f.Int64Var(&run, "run", 0, "of an invoice `run`")
	f.Int64Var(&limit, "limit", 50, "how many")
	f.StringVar(&state, "state", "", "draft, reviewed, finalised or cancelled")
	f.StringVar(&kind, "type", "", "invoice, creditNote or statement")
	return cmd
}

func newInvoiceShowCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "show INVOICE", Short: "Show a document with its lines and taxes, by its number or its id", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := r.callInvoice(cmd, args[0], "")
			if err != nil {
				return err
			}
			if r.json {
				return r.print(cmd.OutOrStdout(), body)
			}
			var v struct {
				ID, Type, State, Number, CustomerName, BillingAccountID, PeriodFrom, PeriodUntil, IssuedOn, DueOn, Reason string
				Net, Tax, Total, Open, SetOff, ToPay                                                                      struct{ Value, Unit string }
				Lines, Taxes                                                                                              json.RawMessage
			}
			if err := json.Unmarshal(body, &v); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "%s %s (id %s), %s, for %s, account %s\n%s until %s, issued on %s, due on %s\n\n",
				v.Type, v.Number, v.ID, v.State, printable(v.CustomerName, ""), v.BillingAccountID, v.PeriodFrom, v.PeriodUntil, v.IssuedOn, v.DueOn)
			err = printTable(out, v.Lines, []column{
				{"#", "position"},
				{"KIND", "kind"},
				{"DESCRIPTION", "description"},
				{"NUMBER", "msisdn"},
				{"FROM", "periodFrom"},
				{"UNTIL", "periodUntil"},
				{"QUANTITY", "quantity"},
				{"UNIT", "unit"},
				{"EXACT", "exact"},
				{"NET", "amount"},
				{"TAX", "taxRate"},
				{"RECORDS", "usageRecords"},
				{"CORRECTS", "corrects"},
			})
			if err != nil {
				return err
			}
			fmt.Fprintln(out)
			if err := printTable(out, v.Taxes, []column{{"TAX", "code"}, {"RATE", "rate"}, {"BASE", "base"}, {"AMOUNT", "tax"}, {"REASON", "reason"}}); err != nil {
				return err
			}
			fmt.Fprintf(out, "\nnet %s, tax %s, total %s %s; ", v.Net.Value, v.Tax.Value, v.Total.Value, v.Total.Unit)
			if v.ToPay.Value != v.Total.Value && v.ToPay.Value != "" {
				fmt.Fprintf(out, "credit used %s, to pay %s; ", v.SetOff.Value, v.ToPay.Value)
			}
			fmt.Fprintf(out, "open %s\n", v.Open.Value)
			return nil
		},
	}
}

func newInvoicePDFCommand(r *remote) *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use: "pdf INVOICE", Short: "Write a document as PDF into a file", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := r.callInvoice(cmd, args[0], "/pdf")
			if err != nil {
				return err
			}
			if to == "" {
				to = args[0] + ".pdf"
			}
			if err := os.WriteFile(to, body, 0o600); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), to)
			return nil
		},
	}
	cmd.Flags().StringVarP(&to, "output", "o", "", "the `file` (default: INVOICE.pdf)")
	return cmd
}

func newInvoiceUsageCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "usage INVOICE LINE", Short: "List the usage records that a line is made of", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := r.call(cmd, &client.Request{Method: client.Get, Path: invoicesPath + client.Path(args[0], "lines", args[1]) + "/usage", Query: url.Values{"limit": {"1000"}}})
			if err != nil {
				return err
			}
			var v struct {
				Records json.RawMessage
				Exact   string
				Total   int
			}
			if err := json.Unmarshal(body, &v); err != nil {
				return err
			}
			err = r.table(cmd, body, v.Records, column{"RECORD", "record"}, column{"AT", "at"}, column{"SERVICE", "service"}, column{"OFFER", "offer"}, column{"CALLED", "called"},
				column{"USED", "used"}, column{"BILLED", "billed"}, column{"UNIT", "unit"}, column{"CHARGED", "charged"})
			if err == nil && !r.json {
				fmt.Fprintf(cmd.OutOrStdout(), "%d records, the line is %s before rounding\n", v.Total, v.Exact)
			}
			return err
		},
	}
}

// creditLines reads lines as people write them: 3, or 3=5.00 for a part.
func creditLines(texts []string) ([]map[string]any, error) {
	var lines []map[string]any
	for _, text := range texts {
		position, amount, part := strings.Cut(text, "=")
		n, err := strconv.Atoi(position)
		if err != nil || n < 1 || part && amount == "" {
			return nil, fmt.Errorf("--line %s: write the line's number, or 3=5.00 for a part of line 3", text)
		}
		line := map[string]any{"position": n}
		if part {
			line["amount"] = json.RawMessage(amount)
			if !json.Valid([]byte(amount)) {
				return nil, fmt.Errorf("--line %s: %q is no amount", text, amount)
			}
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func newInvoiceCreditCommand(r *remote) *cobra.Command {
	var reason string
	var lines []string
	m := &once{}
	cmd := &cobra.Command{
		Use: "credit INVOICE --reason TEXT", Short: "Credit an invoice, or lines of it, with a credit note", Args: cobra.ExactArgs(1),
		Example: "  gyro invoice credit GY-2026-0000017 --reason outage --line 1=5.00",
		RunE: func(cmd *cobra.Command, args []string) error {
			credited, err := creditLines(lines)
			if err != nil {
				return err
			}
			body := map[string]any{"reason": reason}
			if len(credited) > 0 {
				body["lines"] = credited
			}
			return r.change(cmd, m, &client.Request{Method: client.Post, Path: invoicesPath + client.Path(args[0]) + "/credit-notes", Body: body})
		},
	}
	m.flags(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "what for: it is printed on the credit note")
	cmd.Flags().StringArrayVar(&lines, "line", nil, "a `line`, or 3=5.00 for a part of line 3 (default: all that is left of the invoice)")
	return cmd
}

func newInvoiceRebillCommand(r *remote) *cobra.Command {
	var reason string
	m := &once{}
	cmd := &cobra.Command{
		Use: "rebill INVOICE --reason TEXT", Short: "Take an account's last invoice back and bill its period anew", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.change(cmd, m, &client.Request{Method: client.Post, Path: invoicesPath + client.Path(args[0]) + "/rebill", Body: map[string]any{"reason": reason}})
		},
	}
	m.flags(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "what for: it is printed on the credit note")
	return cmd
}

func newInvoiceChargeCommand(r *remote) *cobra.Command {
	var currency, category, what string
	m := &once{}
	cmd := &cobra.Command{
		Use: "charge ACCOUNT AMOUNT --for TEXT", Short: "Add a charge, or a credit below zero, to an account's next bill", Args: cobra.ExactArgs(2),
		Example: "  gyro invoice charge 17 9.90 --for 'SIM card'\n  gyro invoice charge 17 --for outage -- -5",
		RunE: func(cmd *cobra.Command, args []string) error {
			if !json.Valid([]byte(args[1])) {
				return fmt.Errorf("%q is no amount: write 9.90", args[1])
			}
			if what == "" {
				return errors.New("--for: say what the charge is for; it is a line of the bill")
			}
			kind := "one_time"
			if strings.HasPrefix(args[1], "-") {
				kind = "credit"
			}
			return r.change(cmd, m, &client.Request{Method: client.Post, Path: officeBase + "/accounts" + client.Path(args[0]) + "/charges", Body: map[string]any{
				"kind": kind, "amount": json.RawMessage(args[1]), "currency": currency, "description": what, "taxCategory": category,
			}})
		},
	}
	m.flags(cmd)
	cmd.Flags().StringVar(&currency, "currency", "EUR", "the account's currency")
	cmd.Flags().StringVar(&category, "tax-category", "standard", "standard, reduced or zero")
	cmd.Flags().StringVar(&what, "for", "", "what it is for")
	return cmd
}
