package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"gyro/api/client"
)

const (
	paymentPath = "/tmf-api/paymentManagement/v4/payment"
	refundPath  = "/tmf-api/paymentManagement/v4/refund"
	officeBase  = "/office/v1"
)

// newPaymentCommand builds "gyro payment".
func newPaymentCommand() *cobra.Command {
	r := newOfficeRemote()
	cmd := &cobra.Command{Use: "payment", Short: "Payments, refunds and what they were used for"}
	r.flags(cmd)
	cmd.AddCommand(
		newPaymentTakeCommand(r), newPaymentListCommand(r), r.showCommand("show PAYMENT", "Show a payment", paymentPath, ""),
		r.showCommand("receipt PAYMENT", "Show what a settled payment was used for", officeBase+"/payments", "/receipt"),
		newPaymentRefundCommand(r), newPaymentAllocateCommand(r), newPaymentReconcileCommand(r), newPaymentEventsCommand(r),
	)
	return cmd
}

// showCommand shows one document.
func (r *remote) showCommand(use, short, path, below string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.do(cmd, &client.Request{Method: client.Get, Path: path + client.Path(args[0]) + below})
		},
	}
}

// money is an amount and its currency as two arguments give them.
func moneyBody(amount, currency string) map[string]any {
	return map[string]any{"unit": currency, "value": json.Number(amount)}
}

// decimalNumber refuses what is no number before it becomes a part of a body.
func decimalNumber(text string) error {
	if _, err := strconv.ParseFloat(text, 64); err != nil || !json.Valid([]byte(text)) {
		return fmt.Errorf("%q is no amount; write it as 12.50", text)
	}
	return nil
}

func newPaymentTakeCommand(r *remote) *cobra.Command {
	m := &once{}
	var method, token, invoice, currency, description string
	cmd := &cobra.Command{
		Use: "take ACCOUNT AMOUNT", Short: "Take a payment of a billing account: at the counter, from the bank's statement, or through the provider", Args: cobra.ExactArgs(2),
		Example: "  gyro payment take 17 11.90 --method bank_transfer --description 'statement 48, line 3'\n  gyro payment take 17 20 --token tok_visa",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := decimalNumber(args[1]); err != nil {
				return err
			}
			if token != "" && !cmd.Flags().Changed("method") {
				method = "provider"
			}
			body := map[string]any{
				"account": map[string]any{"id": args[0]}, "totalAmount": moneyBody(args[1], currency), "correlatorId": m.idempotencyKey(),
				"paymentMethod": map[string]any{"name": method, "id": token}, "description": description,
			}
			if invoice != "" {
				body["paymentItem"] = []any{map[string]any{"item": map[string]any{"id": invoice}}}
			}
			return r.change(cmd, m, &client.Request{Method: client.Post, Path: paymentPath, Body: body})
		},
	}
	m.flags(cmd)
	cmd.Flags().StringVar(&method, "method", "bank_transfer", "provider, bank_transfer or cash; with --token it is provider")
	cmd.Flags().StringVar(&token, "token", "", "the provider's `token` of the card or mandate")
	cmd.Flags().StringVar(&invoice, "invoice", "", "`id` of the bill that is paid (default: the one due first)")
	cmd.Flags().StringVar(&currency, "currency", "EUR", "ISO 4217 `code`")
	cmd.Flags().StringVar(&description, "description", "", "what people read beside it")
	return cmd
}

func newPaymentListCommand(r *remote) *cobra.Command {
	var account, status string
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List payments, the newest first", Args: cobra.NoArgs,
		Annotations: noneYet("a payment comes from a customer's card when a bill is due, or by hand: gyro payment take"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{"limit": {strconv.Itoa(limit)}, "sort": {"-paymentDate"}}
			if account != "" {
				query.Set("account.id", account)
			}
			if status != "" {
				query.Set("status", status)
			}
			return r.list(cmd, &client.Request{Method: client.Get, Path: paymentPath, Query: query},
				column{"PAYMENT", "id"}, column{"ACCOUNT", "account.id"}, column{"AMOUNT", "totalAmount"}, column{"METHOD", "paymentMethod.name"},
				column{"STATUS", "status"}, column{"REASON", "statusReason"}, column{"SINCE", "statusDate"}, column{"REFERENCE", "authorizationCode"})
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "of this billing account `id` alone")
	cmd.Flags().StringVar(&status, "status", "", "initiated, pending, settled or failed")
	cmd.Flags().IntVar(&limit, "limit", 50, "how many at most")
	return cmd
}

func newPaymentRefundCommand(r *remote) *cobra.Command {
	m := &once{}
	var reason, currency string
	cmd := &cobra.Command{
		Use: "refund PAYMENT AMOUNT", Short: "Give money of a payment back the way it came", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := decimalNumber(args[1]); err != nil {
				return err
			}
			return r.change(cmd, m, &client.Request{Method: client.Post, Path: refundPath, Body: map[string]any{
				"payment": map[string]any{"id": args[0]}, "totalAmount": moneyBody(args[1], currency), "description": reason, "correlatorId": m.idempotencyKey(),
			}})
		},
	}
	m.flags(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why (required)")
	cmd.Flags().StringVar(&currency, "currency", "EUR", "ISO 4217 `code`")
	return cmd
}

func newPaymentAllocateCommand(r *remote) *cobra.Command {
	var invoice, amount, undo string
	cmd := &cobra.Command{
		Use: "allocate PAYMENT", Short: "Use what is left of a payment for a bill, or take an allocation back", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if undo != "" {
				return r.do(cmd, &client.Request{Method: client.Delete, Path: officeBase + "/allocations" + client.Path(undo)})
			}
			body := map[string]any{"invoice": invoice}
			if amount != "" {
				if err := decimalNumber(amount); err != nil {
					return err
				}
				body["amount"] = json.Number(amount)
			}
			return r.do(cmd, &client.Request{Method: client.Post, Path: officeBase + "/payments" + client.Path(args[0]) + "/allocations", Body: body})
		},
	}
	cmd.Flags().StringVar(&invoice, "invoice", "", "`id` of the bill (default: all credit of the account, oldest first)")
	cmd.Flags().StringVar(&amount, "amount", "", "how much (default: as much as possible)")
	cmd.Flags().StringVar(&undo, "undo", "", "`id` of an allocation of the payment that is taken back")
	return cmd
}

func newPaymentReconcileCommand(r *remote) *cobra.Command {
	var since string
	var repair bool
	cmd := &cobra.Command{
		Use: "reconcile", Short: "Compare the provider's list with the books; a difference is an exit status other than 0", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			body := map[string]any{"repair": repair}
			if since != "" {
				body["since"] = since
			}
			answer, err := r.call(cmd, &client.Request{Method: client.Post, Path: officeBase + "/payments/reconciliation", Body: body})
			if err != nil {
				return err
			}
			var found struct {
				Charges, Payments int
				Differences       []struct {
					Charge, What, Theirs, Ours string
					Payment                    int64
					Repaired                   bool
				}
			}
			if err := json.Unmarshal(answer, &found); err != nil {
				return err
			}
			left := 0
			for _, d := range found.Differences {
				if !d.Repaired {
					left++
				}
			}
			out := cmd.OutOrStdout()
			if r.json {
				err = r.print(out, answer)
			} else {
				fmt.Fprintf(out, "%d charges of the provider, %d payments: %d differences, %d left\n", found.Charges, found.Payments, len(found.Differences), left)
				w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
				for _, d := range found.Differences {
					fmt.Fprintf(w, "%s\tpayment %s\t%s\ttheirs: %s\tours: %s\n", d.Charge, cmp.Or(strconv.FormatInt(d.Payment, 10), "-"), d.What, printable(d.Theirs, ""), printable(d.Ours, ""))
				}
				err = w.Flush()
			}
			if err == nil && left > 0 {
				err = fmt.Errorf("%d differences are left; --repair takes in what was lost on the way", left)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&since, "since", "", "`moment` from which on the provider's list is read (RFC 3339; default: everything)")
	cmd.Flags().BoolVar(&repair, "repair", false, "take in what was lost on the way")
	return cmd
}

func newPaymentEventsCommand(r *remote) *cobra.Command {
	var outcome, retry string
	cmd := &cobra.Command{
		Use: "events", Short: "List the provider's reports and what became of them, or take a parked one in again", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if retry != "" {
				return r.do(cmd, &client.Request{Method: client.Post, Path: officeBase + "/payment-events" + client.Path(retry) + "/retry"})
			}
			query := url.Values{}
			if outcome != "" {
				query.Set("outcome", outcome)
			}
			return r.feed(cmd, officeBase+"/payment-events", query, column{"REPORT", "id"}, column{"EVENT", "event"}, column{"TYPE", "type"},
				column{"CHARGE", "charge"}, column{"RECEIVED", "received"}, column{"OUTCOME", "outcome"}, column{"NOTE", "note"})
		},
	}
	cmd.Flags().StringVar(&outcome, "outcome", "", "applied, ignored or parked")
	cmd.Flags().StringVar(&retry, "retry", "", "`number` of a parked report")
	return cmd
}

// feed reads a list by its cursor, page after page, and prints it as a table, or
// as one JSON document a line.
func (r *remote) feed(cmd *cobra.Command, path string, query url.Values, columns ...column) error {
	var rows []json.RawMessage
	err := r.pages(cmd, path, query, func(item json.RawMessage) error {
		if !r.json {
			rows = append(rows, item)
			return nil
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", item)
		return err
	})
	if err != nil || r.json {
		return err
	}
	list, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	return printList(cmd, list, columns)
}

// pages calls fn with every item of a list that is read by a cursor. It holds one
// page at a time, of a thousand items; without a query of what the list has by
// default, for lists that are short and whole take no limit.
func (r *remote) pages(cmd *cobra.Command, path string, query url.Values, fn func(item json.RawMessage) error) error {
	if query == nil {
		query = url.Values{}
	} else {
		query.Set("limit", "1000")
	}
	for {
		body, err := r.call(cmd, &client.Request{Method: client.Get, Path: path, Query: query})
		if err != nil {
			return err
		}
		var page struct {
			Items []json.RawMessage
			Next  string
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return fmt.Errorf("the answer is no page of a list: %w", err)
		}
		for _, item := range page.Items {
			if err := fn(item); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		query.Set("after", page.Next)
	}
}
