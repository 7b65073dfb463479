package main

import (
	"os"

	"github.com/spf13/cobra"

	"gyro/api/client"
)

// newBalanceCommand builds "gyro balance": what moves money and units.
func newBalanceCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "balance", Short: "Move money on accounts of a running server: top-ups, adjustments and the like"}
	r := &remote{}
	r.flags(cmd)
	cmd.AddCommand(newTopUpCommand(r), newAdjustCommand(r), newTransferCommand(r), newLoanCommand(r), newWriteOffCommand(r))
	return cmd
}

func newTopUpCommand(r *remote) *cobra.Command {
	var m once
	var reason string
	var extends uint16
	var b bonus
	cmd := &cobra.Command{
		Use: "top-up ACCOUNT AMOUNT CURRENCY", Short: "Add money that was paid", Args: cobra.ExactArgs(3),
		Example: "  gyro balance top-up 1001 10.00 EUR --reason payment\n" +
			"  gyro balance top-up 1001 20.00 EUR --bonus 2.00 --bonus-promotion summer --bonus-days 30",
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.change(cmd, &m, &client.Request{
				Method: client.Post, Path: accountPath(args[0], "top-ups"),
				Body: b.body(map[string]any{"amount": args[1], "currency": args[2], "reason": reason, "extends_days": extends}),
			})
		},
	}
	m.flags(cmd)
	b.flags(cmd)
	cmd.Flags().StringVar(&reason, "reason", "payment", "`code` of where the money comes from")
	cmd.Flags().Uint16Var(&extends, "extends-days", 0, "make the account's subscribers valid for this many more `days`")
	return cmd
}

// bonus is the flags of what a top-up brings beside what was paid.
type bonus struct {
	amount, promotion string
	days              uint16
}

func (b *bonus) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&b.amount, "bonus", "", "`amount` that is given beside it, in a bucket of its own")
	cmd.Flags().StringVar(&b.promotion, "bonus-promotion", "", "`name` of the promotion that gives it")
	cmd.Flags().Uint16Var(&b.days, "bonus-days", 0, "`days` for which it is valid (0: without end)")
	cmd.MarkFlagsRequiredTogether("bonus", "bonus-promotion")
}

func (b *bonus) body(body map[string]any) map[string]any {
	if b.amount != "" {
		body["bonus"] = map[string]any{"promotion": b.promotion, "amount": b.amount, "days": b.days}
	}
	return body
}

func newAdjustCommand(r *remote) *cobra.Command {
	var m once
	var reason string
	var a approval
	cmd := &cobra.Command{
		Use: "adjust ACCOUNT AMOUNT CURRENCY --reason CODE", Short: "Correct a balance, up or down", Args: cobra.ExactArgs(3),
		Example: "  gyro balance adjust 1001 2.50 EUR --reason goodwill\n  gyro balance adjust --reason chargeback -- 1001 -10.00 EUR",
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.change(cmd, &m, &client.Request{
				Method: client.Post, Path: accountPath(args[0], "adjustments"),
				Body: a.body(map[string]any{"amount": args[1], "currency": args[2], "reason": reason}), ApproverKey: a.key(),
			})
		},
	}
	m.flags(cmd)
	a.flags(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "`code` of why")
	must(cmd.MarkFlagRequired("reason"))
	return cmd
}

// approval is the flags of what needs two people.
type approval struct{ askedBy, approvedBy string }

// approverVariable holds the API key of who approves.
const approverVariable = "GYRO_APPROVER_KEY"

func (a *approval) flags(cmd *cobra.Command) {
	const without = "; only where the server has no API keys, else the key in " + approverVariable + " says so"
	cmd.Flags().StringVar(&a.askedBy, "asked-by", "", "`name` of who asks"+without)
	cmd.Flags().StringVar(&a.approvedBy, "approved-by", "", "`name` of who approved"+without)
}

func (a *approval) body(body map[string]any) map[string]any {
	body["asked_by"], body["approved_by"] = a.askedBy, a.approvedBy
	return body
}

func (*approval) key() string { return os.Getenv(approverVariable) }

func newTransferCommand(r *remote) *cobra.Command {
	var m once
	var reason string
	cmd := &cobra.Command{
		Use: "transfer FROM TO AMOUNT CURRENCY", Short: "Give an account's own money to another account", Args: cobra.ExactArgs(4),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.change(cmd, &m, &client.Request{
				Method: client.Post, Path: accountPath(args[0], "transfers"),
				Body: map[string]any{"to": args[1], "amount": args[2], "currency": args[3], "reason": reason},
			})
		},
	}
	m.flags(cmd)
	cmd.Flags().StringVar(&reason, "reason", "gift", "`code` of why")
	return cmd
}

func newLoanCommand(r *remote) *cobra.Command {
	var m once
	var reason string
	cmd := &cobra.Command{
		Use: "loan ACCOUNT AMOUNT CURRENCY", Short: "Give money in advance, which the next top-ups pay back", Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.change(cmd, &m, &client.Request{
				Method: client.Post, Path: accountPath(args[0], "loans"),
				Body: map[string]any{"amount": args[1], "currency": args[2], "reason": reason},
			})
		},
	}
	m.flags(cmd)
	cmd.Flags().StringVar(&reason, "reason", "loan", "`code` of why")
	return cmd
}

func newWriteOffCommand(r *remote) *cobra.Command {
	var m once
	var reason string
	var a approval
	cmd := &cobra.Command{
		Use: "write-off ACCOUNT CURRENCY --reason CODE", Short: "Give up what is owed of a loan", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.change(cmd, &m, &client.Request{
				Method: client.Post, Path: accountPath(args[0], "loans", "write-off"),
				Body: a.body(map[string]any{"currency": args[1], "reason": reason}), ApproverKey: a.key(),
			})
		},
	}
	m.flags(cmd)
	a.flags(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "`code` of why")
	must(cmd.MarkFlagRequired("reason"))
	return cmd
}
