package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"gyro/bench"
	demodata "gyro/testdata/demo"
)

func newBenchOrdersCommand() *cobra.Command {
	c := bench.Orders{Postgres: true, SQLite: true, Catalog: demodata.Office, Offer: "mobile-s"}
	asJSON := false
	cmd := &cobra.Command{
		Use: "orders", Short: "Orders a second, end to end, on PostgreSQL and SQLite", Args: cobra.NoArgs,
		Long: `Starts the program with both halves, an HSS and a PCRF as processes of their own, and orders new lines over TMF 622: each is a
number and a card, an account, a subscriber and an offer in the charging core, a subscriber in each element, a product in the
inventory, events and audit rows. It says how many orders a second were completed, how long they took, and the CPU time that
each process used for one. Without --database it starts a PostgreSQL server of its own, with commits that wait for the disk,
and measures SQLite beside it.

The target: 200 orders a second on two cores, everything that takes part included. Nothing else should run meanwhile.`,
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
			bench.PrintOrders(cmd.OutOrStdout(), results)
			return nil
		},
	}
	c.EnsureDefaults()
	f := cmd.Flags()
	f.IntVar(&c.Orders, "orders", c.Orders, "orders to place")
	f.IntVar(&c.Clients, "clients", c.Clients, "clients that place them at once")
	f.IntVar(&c.InFlight, "in-flight", c.InFlight, "orders that are taken and not done, at most")
	f.IntVar(&c.Accounts, "accounts", c.Accounts, "billing accounts that they are spread over")
	f.StringVar(&c.Database, "database", "", "`URL` of an empty database (default: a PostgreSQL server that is thrown away)")
	f.BoolVar(&c.Postgres, "postgres", c.Postgres, "measure PostgreSQL, where no --database is given")
	f.BoolVar(&c.SQLite, "sqlite", c.SQLite, "measure SQLite beside it")
	f.DurationVar(&c.Limit, "limit", c.Limit, "longest that one measurement may take")
	f.StringVar(&c.Profile, "profile", "", "`file` for a CPU profile of the program; the database's kind is appended")
	f.BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}
