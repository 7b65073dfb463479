package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"gyro/bench"
)

func newBenchInvoicesCommand() *cobra.Command {
	c := bench.Invoices{SQLite: true}
	asJSON := false
	cmd := &cobra.Command{
		Use: "invoices", Short: "Itemised invoices a second, on PostgreSQL and SQLite", Args: cobra.NoArgs,
		Long: `Fills an empty database with made-up accounts, their products and usage, bills them for a month and says how many
invoices a second were finalised: computed, taxed, numbered, posted to the journal and stored with their lines. Without
--database it starts a PostgreSQL server of its own, with commits that wait for the disk, and measures SQLite beside it.

The target: 5000 invoices a second on two cores, the database included, with flat memory. Nothing else should run meanwhile.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			results, err := c.Run(ctx, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(results)
			}
			bench.PrintInvoices(cmd.OutOrStdout(), results)
			return nil
		},
	}
	c.EnsureDefaults()
	f := cmd.Flags()
	f.IntVar(&c.Accounts, "accounts", c.Accounts, "accounts to bill")
	f.IntVar(&c.Records, "records", c.Records, "usage records an account")
	f.StringVar(&c.Database, "database", "", "`URL` of an empty database (default: a PostgreSQL server that is thrown away)")
	f.BoolVar(&c.SQLite, "sqlite", c.SQLite, "measure SQLite beside it")
	f.IntVar(&c.Workers, "workers", 0, "workers that compute (default: one a processor)")
	f.IntVar(&c.Batch, "batch", 0, "accounts in a transaction (default: 1000)")
	f.BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}
