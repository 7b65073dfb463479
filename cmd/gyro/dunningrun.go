package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"gyro/api/client"
)

const dunningRunsPath = dunningPath + "/runs"

// dunningRunsKept is where runs are looked at.
var dunningRunsKept = keptRuns{dunningRunsPath, func(id string) string { return "dunning runs " + id }}

// dunningRun is a run as the office shows it.
type dunningRun struct {
	ID, AsOf, State                           string
	Accounts, Checked, Opened, Closed, Parked int64
	Steps                                     map[string]int64
	ParkedAccounts                            []struct{ Account, Reason string }

	text json.RawMessage
}

// UnmarshalJSON keeps the text, which --json prints as it came.
func (run *dunningRun) UnmarshalJSON(text []byte) error {
	type plain dunningRun
	if err := json.Unmarshal(text, (*plain)(run)); err != nil {
		return err
	}
	run.text = append(slices.Clone(text), '\n')
	return nil
}

func (run *dunningRun) standing() standing {
	return standing{run.ID, run.State, run.Checked, run.Accounts}
}

func newDunningRunCommand(r *remote) *cobra.Command {
	var asOf string
	cmd := &cobra.Command{
		Use: "run", Short: "Check every account that has something overdue; again changes nothing", Args: cobra.NoArgs,
		Long: `Checks every account that has something overdue as of a day, and takes the step that is due of each. The office does
it, and the command watches: interrupted, it leaves the run at work, and gyro dunning runs shows it. One run is at a time:
one that is under way already is watched to its end first.

Accounts that cannot be dunned are parked with their reason and do not keep the others waiting; the next run tries them again.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asOf == "" {
				asOf = time.Now().UTC().Format(time.DateOnly)
			}
			for {
				run, err := runToItsEnd[dunningRun](r, cmd, dunningRunsKept, &client.Request{Method: client.Post, Path: dunningRunsPath, Body: map[string]any{"asOf": asOf}})
				if err != nil {
					return err
				}
				if run.AsOf == asOf {
					return run.print(cmd, r)
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "run %s as of %s was under way, and is done; now as of %s\n", run.ID, run.AsOf, asOf)
			}
		},
	}
	cmd.Flags().StringVar(&asOf, "as-of", "", "the `day` as of which is looked (default: today)")
	return cmd
}

// print shows what a run came to.
func (run *dunningRun) print(cmd *cobra.Command, r *remote) error {
	out := cmd.OutOrStdout()
	if r.json {
		_, err := out.Write(run.text)
		return err
	}
	fmt.Fprintf(out, "Run %s as of %s: %s, %d of %d accounts checked\n", run.ID, run.AsOf, run.State, run.Checked, max(run.Accounts, run.Checked))
	fmt.Fprintf(out, "cases opened %d, closed %d; steps:", run.Opened, run.Closed)
	if len(run.Steps) == 0 {
		fmt.Fprint(out, " none")
	}
	for k, kind := range slices.Sorted(maps.Keys(run.Steps)) {
		if k > 0 {
			fmt.Fprint(out, ",")
		}
		fmt.Fprintf(out, " %s %d", kind, run.Steps[kind])
	}
	fmt.Fprintln(out)
	return run.printParked(out)
}

func (run *dunningRun) printParked(out io.Writer) error {
	if run.Parked == 0 {
		return nil
	}
	fmt.Fprintf(out, "\nparked, until the next run tries again: %d\n", run.Parked)
	rows, err := json.Marshal(run.ParkedAccounts)
	if err != nil || len(run.ParkedAccounts) == 0 {
		return err
	}
	return printTable(out, rows, []column{{"ACCOUNT", "Account"}, {"REASON", "Reason"}})
}

func newDunningRunsCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "runs [RUN]", Short: "List dunning runs, the newest first, or show one with the accounts that it parked", Args: cobra.MaximumNArgs(1),
		Annotations: noneYet("the office begins a run each hour in which something is overdue; gyro dunning run begins one now"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return r.list(cmd, &client.Request{Method: client.Get, Path: dunningRunsPath, Query: url.Values{"limit": {"50"}}}, column{"ID", "id"}, column{"AS OF", "asOf"},
					column{"STATE", "state"}, column{"ACCOUNTS", "accounts"}, column{"CHECKED", "checked"}, column{"OPENED", "opened"}, column{"CLOSED", "closed"}, column{"PARKED", "parked"},
					column{"STARTED", "startedAt"}, column{"BY", "startedBy"})
			}
			body, err := r.call(cmd, &client.Request{Method: client.Get, Path: dunningRunsPath + client.Path(args[0])})
			if err != nil {
				return err
			}
			var run dunningRun
			if err := json.Unmarshal(body, &run); err != nil {
				return err
			}
			return run.print(cmd, r)
		},
	}
}
