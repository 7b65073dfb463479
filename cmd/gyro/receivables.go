package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"gyro/api/client"
	"gyro/billing/ledger"
	"gyro/internal/money"
)

const ledgerPath = officeBase + "/ledger"

// newReceivablesCommand builds "gyro receivables": the office's journal, which
// "gyro ledger", the charging core's, has nothing to do with.
func newReceivablesCommand() *cobra.Command {
	r := newOfficeRemote()
	cmd := &cobra.Command{Use: "receivables", Short: "What customers owe, and the journal of it"}
	r.flags(cmd)
	cmd.AddCommand(
		newTrialBalanceCommand(r), newJournalCommand(r), newStatementCommand(r),
		r.showCommand("open ACCOUNT", "Show what an account owes and what credit it has", officeBase+"/accounts", "/open-items"),
		newPeriodsCommand(r), newCloseCommand(r), newGiveUpCommand(r),
	)
	return cmd
}

func newTrialBalanceCommand(r *remote) *cobra.Command {
	var on string
	cmd := &cobra.Command{
		Use: "trial-balance", Short: "Show what every account of the journal was debited and credited", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{}
			if on != "" {
				query.Set("on", on)
			}
			body, err := r.call(cmd, &client.Request{Method: client.Get, Path: ledgerPath + "/trial-balance", Query: query})
			if err != nil {
				return err
			}
			var v struct {
				Balanced       bool
				Accounts, Sums []json.RawMessage
			}
			if err := json.Unmarshal(body, &v); err != nil {
				return err
			}
			if r.json {
				err = r.print(cmd.OutOrStdout(), body)
			} else {
				err = printRows(cmd, append(v.Accounts, v.Sums...), column{"ACCOUNT", "account"}, column{"NAME", "name"}, column{"CURRENCY", "currency"},
					column{"DEBIT", "debit"}, column{"CREDIT", "credit"}, column{"BALANCE", "balance"})
			}
			if err == nil && !v.Balanced {
				err = fmt.Errorf("debits and credits differ; look for the cause with gyro books verify")
			}
			return err
		},
	}
	cmd.Flags().StringVar(&on, "on", "", "up to and on this `day` (default: everything)")
	return cmd
}

func printRows(cmd *cobra.Command, rows []json.RawMessage, columns ...column) error {
	list, err := json.Marshal(append([]json.RawMessage{}, rows...))
	if err != nil {
		return err
	}
	return printTable(cmd.OutOrStdout(), list, columns)
}

func newJournalCommand(r *remote) *cobra.Command {
	var from, until string
	var asCSV bool
	cmd := &cobra.Command{
		Use: "journal", Short: "Print the entries of a span of days, a line a posting", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{}
			for name, value := range stated(map[string]string{"from": from, "until": until}) {
				query.Set(name, value)
			}
			show, flush, err := r.journalPrinter(cmd, asCSV)
			if err != nil {
				return err
			}
			if err := r.pages(cmd, ledgerPath+"/journal", query, show); err != nil {
				return err
			}
			return flush()
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "the first `day`")
	cmd.Flags().StringVar(&until, "until", "", "the last `day`")
	cmd.Flags().BoolVar(&asCSV, "csv", false, "as CSV, for a spreadsheet or another ledger")
	return cmd
}

// journalEntry is an entry as the API shows it.
type journalEntry struct {
	ID, PostedOn, Kind, Reference, Key string
	Postings                           []struct {
		Account, BillingAccount, Currency string
		Amount                            json.Number
	}
}

func (j *journalEntry) recorded() (*ledger.Recorded, error) {
	id, err := strconv.ParseInt(j.ID, 10, 64)
	e := &ledger.Recorded{ID: id, PostedOn: j.PostedOn, Kind: ledger.Kind(j.Kind), Reference: j.Reference, Key: j.Key}
	for _, p := range j.Postings {
		amount, failed := money.Parse(p.Amount.String(), money.Decimals)
		if failed != nil {
			return nil, failed
		}
		posting := ledger.Posting{GLCode: p.Account, Amount: amount, Currency: p.Currency}
		if p.BillingAccount != "" {
			if posting.Account, err = strconv.ParseInt(p.BillingAccount, 10, 64); err != nil {
				return nil, err
			}
		}
		e.Postings = append(e.Postings, posting)
	}
	return e, err
}

// journalPrinter prints entries as they come: one JSON document a line, CSV, or
// columns of fixed width, so that nothing is held.
func (r *remote) journalPrinter(cmd *cobra.Command, asCSV bool) (show func(json.RawMessage) error, flush func() error, err error) {
	out, none := cmd.OutOrStdout(), func() error { return nil }
	if r.json {
		return func(item json.RawMessage) error { _, err := fmt.Fprintf(out, "%s\n", item); return err }, none, nil
	}
	row := func(e *ledger.Recorded) error {
		for _, p := range e.Postings {
			debit, credit := p.Amount.String(), ""
			if p.Amount < 0 {
				debit, credit = "", (-p.Amount).String()
			}
			_, err := fmt.Fprintf(out, "%-8d %s  %-13s %-20s %-10s %-8s %16s %16s %s\n",
				e.ID, e.PostedOn, e.Kind, printable(e.Reference, ""), p.GLCode, idOrNone(p.Account), debit, credit, p.Currency)
			if err != nil {
				return err
			}
		}
		return nil
	}
	if asCSV {
		c, err := ledger.NewCSV(out)
		if err != nil {
			return nil, nil, err
		}
		row, none = c.Write, c.Flush
	} else {
		fmt.Fprintf(out, "%-8s %-10s  %-13s %-20s %-10s %-8s %16s %16s %s\n", "ENTRY", "ON", "KIND", "REFERENCE", "ACCOUNT", "BILLING", "DEBIT", "CREDIT", "CURRENCY")
	}
	return func(item json.RawMessage) error {
		var j journalEntry
		if err := json.Unmarshal(item, &j); err != nil {
			return err
		}
		e, err := j.recorded()
		if err != nil {
			return err
		}
		return row(e)
	}, none, nil
}

func idOrNone(id int64) string {
	if id == 0 {
		return "-"
	}
	return strconv.FormatInt(id, 10)
}

func newStatementCommand(r *remote) *cobra.Command {
	var from, until string
	cmd := &cobra.Command{
		Use: "statement ACCOUNT", Short: "Show what moved on a billing account", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			query := url.Values{}
			for name, value := range stated(map[string]string{"from": from, "until": until}) {
				query.Set(name, value)
			}
			return r.do(cmd, &client.Request{Method: client.Get, Path: officeBase + "/accounts" + client.Path(args[0]) + "/statement", Query: query})
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "the first `day`")
	cmd.Flags().StringVar(&until, "until", "", "the last `day`")
	return cmd
}

func newPeriodsCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "periods", Short: "List the months of the books", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.list(cmd, &client.Request{Method: client.Get, Path: ledgerPath + "/periods"},
				column{"PERIOD", "period"}, column{"STATE", "state"}, column{"CLOSED", "closedAt"}, column{"BY", "closedBy"})
		},
	}
}

func newCloseCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "close PERIOD", Short: "Close a month that is over, such as 2026-11: it takes no postings any more", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.do(cmd, &client.Request{Method: client.Post, Path: ledgerPath + "/periods" + client.Path(args[0]) + "/close"})
		},
	}
}

func newGiveUpCommand(r *remote) *cobra.Command {
	var reason string
	var undo bool
	cmd := &cobra.Command{
		Use: "write-off INVOICE", Short: "Give up what is open of a bill, or take that back", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := officeBase + "/receivables" + client.Path(args[0])
			if undo {
				return r.do(cmd, &client.Request{Method: client.Post, Path: path + "/recovery"})
			}
			return r.do(cmd, &client.Request{Method: client.Post, Path: path + "/write-off", Body: map[string]any{"reason": reason}})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why (required)")
	cmd.Flags().BoolVar(&undo, "undo", false, "take the write-off back: the bill is open again")
	return cmd
}
