package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"gyro/api"
	"gyro/charging"
	"gyro/charging/usage"
)

func newLedgerCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "ledger", Short: "Check the books"}
	var dir string
	verify := &cobra.Command{
		Use: "verify", Short: "Prove the invariants of a stopped data directory", Args: cobra.NoArgs,
		Long: `Opens a stopped data directory as a start would (checkpoint, then journal) and proves that postings sum to zero,
reservations equal those of open sessions, balances keep their limits, and that the usage records, from the first on,
add up to the ledger. Prints the balance of every ledger account: money as a decimal of its currency, the rest in its unit.
Exits with 1 when anything is wrong.

Like a start and a clean stop, it locks the directory, applies the journal and writes a checkpoint behind it; it changes no
account, session or record, and closes no session whose time has run out. To keep the files as they are, verify a copy.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return verifyLedger(cmd.OutOrStdout(), newLogger(cmd.ErrOrStderr(), quiet), dir)
		},
	}
	verify.Flags().StringVar(&dir, "data", "data", "data `directory`")
	cmd.AddCommand(verify)
	return cmd
}

func verifyLedger(out io.Writer, logger *slog.Logger, dir string) error {
	c, err := openCore(coreOptions{Dir: dir, MustExist: true, Idle: true, Logger: logger})
	if err != nil {
		return err
	}
	books, err := closeBooks(c)
	if err != nil {
		return errors.Join(err, c.stop())
	}
	books.print(out)
	if err := c.stop(); err != nil {
		return err
	}
	if len(books.Problems) > 0 {
		return fmt.Errorf("%d invariants do not hold", len(books.Problems))
	}
	return nil
}

// closedBooks is the outcome of proving state and records together.
type closedBooks struct {
	charging.Stats
	*charging.Books
	ledger  []api.LedgerTotal
	records uint64
	index   uint64
	digest  uint64
}

// closeBooks proves every invariant, over the records from the first on.
func closeBooks(c *core) (*closedBooks, error) {
	tally := charging.NewTally()
	b := &closedBooks{}
	err := c.engine.Records(0, func(r *usage.Record) bool {
		tally.Add(r)
		b.records++
		return true
	})
	if err != nil {
		return nil, err
	}
	c.engine.View(func(s *charging.State) {
		b.Books, b.Stats, b.index, b.digest = s.Verify(), s.Stats(), s.Index(), s.Digest()
		b.ledger = api.LedgerTotals(s)
		b.Problems = append(b.Problems, s.VerifyRecords(tally).Problems...)
	})
	return b, nil
}

func (b *closedBooks) print(out io.Writer) {
	_, _ = fmt.Fprintf(out, "index %d, digest %016x: %d accounts, %d open sessions, %d open reservations, %d records\n",
		b.index, b.digest, b.OpenAccounts, b.Books.OpenSessions, b.OpenReservations, b.records)
	for _, total := range b.ledger {
		_, _ = fmt.Fprintf(out, "  %-32s %20s %s\n", total.Account, total.Amount, total.Denomination)
	}
	for _, problem := range b.Problems {
		_, _ = fmt.Fprintln(out, "WRONG:", problem)
	}
	if len(b.Problems) == 0 {
		_, _ = fmt.Fprintln(out, "the books close: every posting has its counterpart, every record its movement")
	}
}
