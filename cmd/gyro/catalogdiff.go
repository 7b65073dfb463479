package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"gyro/internal/zone"
	"gyro/rating"
)

func newCatalogDiffCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say what a new catalogue makes different, for which offers",
		Long: `Compare two catalogues as those who write them read them: which prices, allowances, fees, promotions and quotas
changed for which offers, what was added and what was removed. The order of definitions and the tests make no difference; the
order of rules does, because the first that applies wins. Either file may be - for standard input.`,
		Example: `  gyro catalog diff catalog.yaml new.yaml
  git show HEAD~1:catalog.yaml | gyro catalog diff - catalog.yaml --json`,
		Args: cobra.ExactArgs(2), SilenceUsage: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] == "-" && args[1] == "-" {
				return errors.New("both catalogues are -: standard input can be read once; name a file for one of them")
			}
			var plans [2]*rating.Plan
			for k, name := range args {
				plan, err := loadCatalog(cmd, name)
				if err != nil {
					return err
				}
				plans[k] = plan
			}
			changes := rating.Diff(plans[0], plans[1])
			if asJSON {
				return writeChangesAsJSON(cmd.OutOrStdout(), changes)
			}
			return writeChanges(cmd.OutOrStdout(), changes)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the changes as a JSON list, for programs")
	return cmd
}

// loadCatalog compiles a catalogue; what is wrong with it is printed.
func loadCatalog(cmd *cobra.Command, name string) (*rating.Plan, error) {
	text, err := readCatalog(cmd.InOrStdin(), name)
	if err != nil {
		return nil, err
	}
	plan, err := rating.Compile(text, zone.Load)
	return plan, sourceErrors(cmd.ErrOrStderr(), name, err)
}

// sourceErrors prints the errors of a catalogue with the file's name and
// returns how many there are; other errors it returns as they are.
func sourceErrors(out io.Writer, name string, err error) error {
	var list rating.SourceErrors
	if !errors.As(err, &list) {
		return err
	}
	for _, one := range list {
		fmt.Fprintf(out, "%s:%s\n", name, one)
	}
	return fmt.Errorf("%s has %s", name, counted(len(list), "error"))
}

func writeChangesAsJSON(out io.Writer, changes []rating.Change) error {
	if changes == nil {
		changes = []rating.Change{}
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(changes)
}

// writeChanges prints a table: what, whom it concerns, and both wordings below
// each other, where the eye finds the difference.
func writeChanges(out io.Writer, changes []rating.Change) error {
	if len(changes) == 0 {
		_, err := fmt.Fprintln(out, "no difference")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WHAT\tNAME\tOFFERS\tSAYS")
	for _, c := range changes {
		offers := strings.Join(c.Offers, ",")
		if offers == "" {
			offers = "-"
		}
		what, name := c.Subject, c.Name
		for _, line := range [...][2]string{{"- ", c.Old}, {"+ ", c.New}} {
			if line[1] != "" {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s%s\n", what, name, offers, line[0], line[1])
				what, name, offers = "", "", ""
			}
		}
	}
	fmt.Fprintf(w, "%s\n", counted(len(changes), "change"))
	return w.Flush()
}
