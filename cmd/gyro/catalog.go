package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"gyro/internal/zone"
	"gyro/rating"
)

// newCatalogCommand builds "gyro catalog": work on catalogues as files.
func newCatalogCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "catalog",
		Short: "Check and compare catalogues: services, offers, prices and their tests",
		Long: `Work on catalogues: files in YAML or JSON that say which services there are, what offers include and what
usage costs. The language is described in docs/catalog.md.`,
	}
	cmd.AddCommand(newCatalogCheckCommand(), newCatalogDiffCommand())
	addRemoteCatalogCommands(cmd)
	return cmd
}

func newCatalogCheckCommand() *cobra.Command {
	var quiet bool
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Compile a catalogue and run the tests written inside it",
		Long: `Compile a catalogue and run the tests written inside it. Errors are printed as FILE:LINE:COLUMN: key: reason; remedy.
The command fails when there is an error or a test does not come true, so that it can guard a repository of catalogues.
FILE may be - for standard input.`,
		Example: `  gyro catalog check catalog.yaml
  gyro catalog check - < catalog.json`,
		Args: cobra.ExactArgs(1), SilenceUsage: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := readCatalog(cmd.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			return checkCatalog(cmd.OutOrStdout(), args[0], text, quiet)
		},
	}
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "print only errors, tests that fail and the summary")
	return cmd
}

// readCatalog reads a catalogue from a file or standard input, and no more
// than a compiler would look at.
func readCatalog(stdin io.Reader, name string) ([]byte, error) {
	in := stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }() // only read
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, rating.MaxSource+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return text, nil
}

// checkCatalog prints what a catalogue is and whether it does what its tests say.
func checkCatalog(out io.Writer, name string, text []byte, quiet bool) error {
	plan, err := rating.Compile(text, zone.Load)
	if err != nil {
		return sourceErrors(out, name, err)
	}
	results := plan.RunTests()
	failed := 0
	for _, r := range results {
		if r.Passed {
			if !quiet {
				fmt.Fprintf(out, "pass  %s\n", r.Name)
			}
			continue
		}
		failed++
		fmt.Fprintf(out, "FAIL  %s\n      %s:%d: %s\n", r.Name, name, r.Line, r.Failure)
	}
	fmt.Fprintf(out, "catalogue %s in %s, %s: %s, %s, %s, %s; %s, %d failed\n",
		plan.Name(), plan.Currency(), plan.TimeZone(),
		counted(len(plan.Services()), "service"), counted(len(plan.Offers()), "offer"),
		counted(len(plan.Allowances()), "allowance"), counted(plan.Rules(), "rule"),
		counted(len(results), "test"), failed)
	if failed > 0 {
		return fmt.Errorf("%s: %s failed", name, counted(failed, "test"))
	}
	return nil
}

// counted is a number and a noun in English.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
