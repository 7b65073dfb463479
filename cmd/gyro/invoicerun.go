package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"gyro/api/client"
	"gyro/internal/money"
)

// invoiceRun is a run as the office shows it.
type invoiceRun struct {
	ID, AsOf, Mode, State, ReplacedByRunID               string
	Accounts, Invoices, Statements, Empty, Parked, Lines int64
	Totals                                               map[string]struct{ Net, Tax, Total json.Number }
	Digest                                               string
}

// invoiceRunsKept is where runs are looked at.
var invoiceRunsKept = keptRuns{invoiceRunsPath, func(string) string { return "invoice runs" }}

// inWords is the state: of drafts that other documents took the place of, those of which run.
func (run *invoiceRun) inWords() string {
	switch {
	case run.ReplacedByRunID == "":
		return run.State
	case run.State == "superseded", run.State == "committed":
		return run.State + " by run " + run.ReplacedByRunID
	}
	return run.State + ", some drafts replaced by run " + run.ReplacedByRunID
}

func (run *invoiceRun) standing() standing {
	return standing{run.ID, run.State, run.Invoices + run.Statements + run.Empty + run.Parked, run.Accounts}
}

// invoiceComparison is a run beside the one before it.
type invoiceComparison struct {
	Run             invoiceRun
	Last            *invoiceRun
	Compared, Fresh int64
	Outliers        []struct {
		Invoice, Account, Name, Currency string
		Before, Now                      json.Number
	}
	Histogram []struct {
		Percent int
		Count   int64
	}
}

func newInvoiceRunCommand(r *remote) *cobra.Command {
	var cycle, asOf string
	var dry, yes, behind bool
	cmd := &cobra.Command{
		Use: "run", Short: "Bill all accounts whose cycle has ended", Args: cobra.NoArgs,
		Long: `Bills all accounts whose cycle has ended by a day: --as-of names the day, --cycle a month, whose cycles ended with it.

Without --yes it makes drafts first, shows how they compare with what was billed before, and asks. --dry-run shows
the same and stores nothing but these figures. A run that was interrupted goes on when it is started again. Accounts that cannot be billed are parked with
their reason and do not keep the others waiting: gyro invoice parked.`,
		Example: "  gyro invoice run --cycle 2026-11\n  gyro invoice run --as-of 2026-11-15 --dry-run",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (cycle == "") == (asOf == "") {
				return errors.New("give either --cycle, a month such as 2026-11, or --as-of, a day")
			}
			mode := "draft"
			switch {
			case dry:
				mode = "dry"
			case yes:
				mode = "final"
			}
			body := map[string]any{"mode": mode, "behind": behind}
			if cycle != "" {
				body["cycle"] = cycle
			} else {
				body["asOf"] = asOf
			}
			made, err := runToItsEnd[invoiceRun](r, cmd, invoiceRunsKept, &client.Request{Method: client.Post, Path: invoiceRunsPath, Body: body})
			if err != nil {
				return err
			}
			if err := r.compareRun(cmd, made.ID); err != nil || mode != "draft" {
				return err
			}
			return r.askAndCommit(cmd, made)
		},
	}
	f := cmd.Flags()
	f.StringVar(&cycle, "cycle", "", "cycles that have ended with a `month` (2026-11) or by a day")
	f.StringVar(&asOf, "as-of", "", "cycles that have ended by a `day`")
	f.BoolVar(&dry, "dry-run", false, "compute and compare everything, store nothing but the figures")
	f.BoolVar(&yes, "yes", false, "finalise without asking")
	f.BoolVar(&behind, "behind", false, "bill though usage is still on its way into the office: it will be on the next bill")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "yes")
	return cmd
}

func (r *remote) askAndCommit(cmd *cobra.Command, drafts *invoiceRun) error {
	if drafts.Invoices+drafts.Statements == 0 {
		return nil
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "Finalise %d documents? [y/N] ", drafts.Invoices+drafts.Statements)
	answer, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		fmt.Fprintf(cmd.OutOrStdout(), "The drafts are kept: %s invoice commit %s finalises them, %s invoice withdraw %s removes them.\n", self(), drafts.ID, self(), drafts.ID)
		return nil
	}
	return r.commitRun(cmd, drafts.ID)
}

func (r *remote) commitRun(cmd *cobra.Command, id string) error {
	made, err := runToItsEnd[invoiceRun](r, cmd, invoiceRunsKept, &client.Request{Method: client.Post, Path: invoiceRunsPath + client.Path(id) + "/commit"})
	if err != nil {
		return err
	}
	return r.compareRun(cmd, made.ID)
}

func (r *remote) compareRun(cmd *cobra.Command, id string) error {
	body, err := r.call(cmd, &client.Request{Method: client.Get, Path: invoiceRunsPath + client.Path(id) + "/comparison"})
	if err != nil || r.json {
		if err == nil {
			err = r.print(cmd.OutOrStdout(), body)
		}
		return err
	}
	var c invoiceComparison
	if err := json.Unmarshal(body, &c); err != nil {
		return err
	}
	return c.print(cmd.OutOrStdout())
}

// print shows the run beside the last one, the changes drawn, and the outliers.
func (c *invoiceComparison) print(out io.Writer) error {
	run, last := &c.Run, c.Last
	if last == nil {
		last = &invoiceRun{}
	}
	fmt.Fprintf(out, "Run %s, %s, as of %s: %s\n\n", run.ID, run.Mode, run.AsOf, run.inWords())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\tthis run\tlast run (%s)\tchange\t\n", cmp.Or(last.AsOf, "none"))
	for _, row := range []struct {
		what      string
		now, then int64
	}{
		{"invoices", run.Invoices, last.Invoices},
		{"statements", run.Statements, last.Statements},
		{"nothing to bill", run.Empty, last.Empty},
		{"parked", run.Parked, last.Parked},
		{"lines", run.Lines, last.Lines},
	} {
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t\n", row.what, row.now, row.then, percentMore(row.now, row.then))
	}
	var currencies []string
	for currency := range run.Totals {
		currencies = append(currencies, currency)
	}
	slices.Sort(currencies)
	for _, currency := range currencies {
		now, then := run.Totals[currency], last.Totals[currency]
		for _, row := range []struct {
			what      string
			now, then json.Number
		}{{"net", now.Net, then.Net}, {"tax", now.Tax, then.Tax}, {"total", now.Total, then.Total}} {
			fmt.Fprintf(w, "%s %s\t%s\t%s\t%s\t\n", row.what, currency, row.now, cmp.Or(row.then, "0"), percentMore(millionths(row.now), millionths(row.then)))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	c.draw(out)
	return c.outliers(out)
}

// millionths reads an amount; what is none is zero.
func millionths(n json.Number) int64 {
	a, err := money.Parse(n.String(), money.Decimals)
	if err != nil {
		return 0
	}
	return int64(a)
}

// percentMore is how much more there is now, in tenths of a percent.
func percentMore(now, then int64) string {
	if then == 0 {
		return "-"
	}
	a, ok := money.MulDiv(money.Amount(now-then), 1000, uint64(max(then, -then)), money.HalfUp)
	if !ok {
		return "-"
	}
	sign := "+"
	if a < 0 {
		sign, a = "-", -a
	}
	return fmt.Sprintf("%s%d.%d%%", sign, a/10, a%10)
}

// draw shows how many bills changed by how much.
func (c *invoiceComparison) draw(out io.Writer) {
	if c.Compared == 0 {
		return
	}
	fmt.Fprintf(out, "\n%d bills beside the one of their account before, %d without; change in percent:\n", c.Compared, c.Fresh)
	most := int64(1)
	for _, b := range c.Histogram {
		most = max(most, b.Count)
	}
	for _, b := range c.Histogram {
		to := fmt.Sprintf("%+d", b.Percent+10)
		if b.Percent >= 100 {
			to = "more"
		}
		fmt.Fprintf(out, "%+5d to %4s %s %d\n", b.Percent, to, strings.Repeat("#", int(max(b.Count*50/most, 1))), b.Count)
	}
}

func (c *invoiceComparison) outliers(out io.Writer) error {
	if len(c.Outliers) == 0 {
		return nil
	}
	fmt.Fprintln(out, "\nThe largest changes:")
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "INVOICE\tACCOUNT\tNAME\tBEFORE\tNOW\tCHANGE")
	for _, o := range c.Outliers {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s %s\t%s\n", cmp.Or(o.Invoice, "-"), o.Account, printable(o.Name, ""), o.Before, o.Now, o.Currency, percentMore(millionths(o.Now), millionths(o.Before)))
	}
	return w.Flush()
}

func newInvoiceRunsCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "runs", Short: "List invoice runs, the newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.list(cmd, &client.Request{Method: client.Get, Path: invoiceRunsPath, Query: url.Values{"limit": {"50"}}}, column{"ID", "id"}, column{"AS OF", "asOf"}, column{"MODE", "mode"},
				column{"STATE", "state"}, column{"REPLACED BY", "replacedByRunId"}, column{"ACCOUNTS", "accounts"}, column{"INVOICES", "invoices"}, column{"STATEMENTS", "statements"}, column{"PARKED", "parked"},
				column{"STARTED", "startedAt"}, column{"BY", "startedBy"})
		},
	}
}

func newInvoiceCommitCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "commit RUN", Short: "Finalise the drafts of a run, those that are still what they say", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return r.commitRun(cmd, args[0]) },
	}
}

func newInvoiceWithdrawCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "withdraw RUN", Short: "Remove the drafts of a run", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.do(cmd, &client.Request{Method: client.Delete, Path: invoiceRunsPath + client.Path(args[0]) + "/drafts"})
		},
	}
}

func newInvoiceParkedCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "parked", Short: "List accounts that could not be billed, and why; the next run tries them again", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.list(cmd, &client.Request{Method: client.Get, Path: officeBase + "/parked-accounts", Query: url.Values{"limit": {"1000"}}},
				column{"RUN", "run"}, column{"ACCOUNT", "account"}, column{"NAME", "name"}, column{"REASON", "reason"}, column{"SINCE", "at"})
		},
	}
}

func newInvoiceIntakeCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "intake", Short: "Show how far the office is with the charging core's usage", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			body, err := r.call(cmd, &client.Request{Method: client.Get, Path: officeBase + "/usage-intake"})
			if err != nil {
				return err
			}
			var v struct{ Parked int64 }
			if err := json.Unmarshal(body, &v); err != nil {
				return fmt.Errorf("the answer says not how far the intake is: %w", err)
			}
			if err := r.print(cmd.OutOrStdout(), body); err != nil || r.json || v.Parked == 0 {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "\nparked are usage records of charging accounts that the office has no billing account for; each is taken in when there is one for its account")
			return err
		},
	}
}
