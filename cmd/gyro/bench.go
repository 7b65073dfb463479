package main

import (
	"encoding/json"
	"log/slog"
	"net"

	"github.com/spf13/cobra"

	"gyro/bench"
)

func newBenchCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "bench", Short: "Measure against the limits of this machine"}
	cmd.AddCommand(newBenchChargingCommand(), newBenchInvoicesCommand(), newBenchOrdersCommand(), newBenchEchoCommand())
	return cmd
}

func newBenchChargingCommand() *cobra.Command {
	c := bench.Charging{Catalog: bench.Catalog, CatalogName: "demo", Offer: "payg", Realm: "gyro.example"}
	asJSON := false
	cmd := &cobra.Command{
		Use: "charging", Short: "CCR-Updates, fully durable, beside a bare TCP echo of the same octets", Args: cobra.NoArgs,
		Long: `Starts a charging engine and a bare TCP echo server as processes of their own and lets them take turns in short slices.
The figure to compare is the ratio of server CPU per message in the best slices; absolute figures say little about another
machine. Nothing else should run meanwhile.

The gate: at 4 connections x 256 in flight, a CCR may cost at most 25 times the CPU of an echoed message, best slice against
best slice. The best slices are compared because whatever else runs on the machine only ever adds. Other shapes are not
judged, and the exit status does not depend on the verdict. Figures and targets are in bench/README.md.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			result, err := c.Run(ctx, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(result)
			}
			result.Print(cmd.OutOrStdout())
			return nil
		},
	}
	c.EnsureDefaults()
	f := cmd.Flags()
	f.IntVar(&c.Connections, "connections", c.Connections, "TCP connections")
	f.IntVar(&c.InFlight, "in-flight", c.InFlight, "requests in flight on each connection")
	f.IntVar(&c.Accounts, "accounts", c.Accounts, "accounts, each with one open session")
	f.IntVar(&c.Rounds, "rounds", c.Rounds, "slices of each server")
	f.DurationVar(&c.Slice, "slice", c.Slice, "length of a slice")
	f.StringVar(&c.Dir, "dir", "", "`directory` for the data (default: a temporary one)")
	f.BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

// newBenchEchoCommand is the other side of the benchmark, a process of its own
// so that its CPU time can be told.
func newBenchEchoCommand() *cobra.Command {
	answer := 0
	cmd := &cobra.Command{
		Use: "echo", Short: "Answer every message with so many octets", Args: cobra.NoArgs, Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			logger := slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), nil))
			logger.Info(bench.ReadyMessage, "diameter", l.Addr().String())
			return bench.ServeEcho(l, answer)
		},
	}
	cmd.Flags().IntVar(&answer, "answer", 292, "octets of an answer")
	return cmd
}
