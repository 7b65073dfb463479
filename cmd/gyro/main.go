// Command gyro is the charging engine, its tools and the simulated network.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

func main() {
	if err := newRootCommand().ExecuteContext(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "gyro:", printable(err.Error(), "\n\t"))
		os.Exit(1)
	}
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "gyro",
		Short:         "Online charging for telecom operators",
		Long:          "Gyro charges data, voice and messages online: gateways ask over Diameter Gy/Ro, Gyro prices, reserves,\ndebits and answers, durably.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.Version = version()
	root.SetVersionTemplate("{{.Version}}\n")
	root.AddCommand(
		newUpCommand(), newOfficeCommand(), newConfigCommand(), newSimulateCommand(), newDecodeCommand(),
		newCatalogCommand(), newRateCommand(), newAccountCommand(), newSubscriberCommand(), newSubscriptionCommand(), newBalanceCommand(),
		newVoucherCommand(), newSessionCommand(), newUsageCommand(), newExplainCommand(), newNoticesCommand(), newBooksCommand(), newCustomerCommand(), newTicketCommand(), newOrderCommand(), newFalloutCommand(), newPoolCommand(),
		newOfferCommand(), newInvoiceCommand(), newPaymentCommand(), newDunningCommand(), newReceivablesCommand(),
		newLedgerCommand(), newAccessCommand(), newBenchCommand(), newVersionCommand(),
	)
	for _, cmd := range root.Commands() {
		if cmd.HasSubCommands() && cmd.RunE == nil {
			rejectUnknown(cmd)
		}
	}
	explainArguments(root)
	return root
}

// self is the program as it was called, for what the user is to type next: bin/gyro is not on the path.
func self() string { return os.Args[0] }

// asCalled is a hint that names commands of gyro, with the name by which the program was called.
func asCalled(hint string) string { return strings.ReplaceAll(hint, "gyro ", self()+" ") }
