package main

import (
	"github.com/spf13/cobra"

	"gyro/api/client"
)

// newBalanceCommand builds "gyro balance": what moves money and units.
func newBalanceCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "balance", Short: "Move money on accounts of a running server: top-ups, adjustments and the like"}
	r := &remote{}
	r.flags(cmd)
	cmd.AddCommand(newTopUpCommand(r), newAdjustCommand(r))
	return cmd
}

func newTopUpCommand(r *remote) *cobra.Command {
	var m movement
	var reason string
	cmd := &cobra.Command{
		Use: "top-up ACCOUNT AMOUNT CURRENCY", Short: "Add money that was paid", Args: cobra.ExactArgs(3),
		Example: "  gyro balance top-up 1001 10.00 EUR --reason payment",
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.doMovement(cmd, &m, &client.Request{
				Method: client.Post, Path: accountPath(args[0], "top-ups"),
				Body: map[string]string{"amount": args[1], "currency": args[2], "reason": reason},
			})
		},
	}
	m.flags(cmd)
	cmd.Flags().StringVar(&reason, "reason", "payment", "`code` of where the money comes from")
	return cmd
}

func newAdjustCommand(r *remote) *cobra.Command {
	var m movement
	var reason string
	cmd := &cobra.Command{
		Use: "adjust ACCOUNT AMOUNT CURRENCY --reason CODE", Short: "Correct a balance, up or down", Args: cobra.ExactArgs(3),
		Example: "  gyro balance adjust 1001 2.50 EUR --reason goodwill\n  gyro balance adjust --reason chargeback -- 1001 -10.00 EUR",
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.doMovement(cmd, &m, &client.Request{
				Method: client.Post, Path: accountPath(args[0], "adjustments"),
				Body: map[string]string{"amount": args[1], "currency": args[2], "reason": reason},
			})
		},
	}
	m.flags(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "`code` of why")
	must(cmd.MarkFlagRequired("reason"))
	return cmd
}
