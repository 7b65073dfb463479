package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"gyro/api/client"
	"gyro/billing/books"
	"gyro/billing/ledger"
)

// newBooksVerifyCommand builds "gyro books verify". r reaches the charging core.
func newBooksVerifyCommand(r *remote) *cobra.Command {
	office := newOfficeRemote()
	cmd := &cobra.Command{
		Use: "verify", Short: "Prove the office's books, against themselves and against the charging core", Args: cobra.NoArgs,
		Long: `Prove the office's books: usage came in as the core wrote it, bills add up to the millionth before rounding, numbers have
no gap, the receivables journal balances and is what bills and payments say, closed months are what they were closed with,
what the next bills go on from is what the last ones say, and the core's postpaid balances are the usage that is not billed yet. What differs is named by id, and the exit status is not 0.

It reads the office's API and the core's, page by page. Usage that comes in meanwhile is counted and left to the next time. An
account whose money in the core differs is looked at again, for some seconds, until both halves have the same records of it: what differs then,
differs. A bill or a payment that is made meanwhile may show in the other checks: run it again before looking for a fault.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			checks, err := books.Verify(cmd.Context(), office.source(cmd, r))
			wrong := 0
			for k := range checks {
				wrong += checks[k].Count
			}
			if printed := showChecks(cmd, r.json, checks); err == nil {
				err = printed
			}
			if err == nil && wrong > 0 {
				err = fmt.Errorf("the books differ in %d places", wrong)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&office.server, "office", "", "base `URL` of the office's API (default: the environment variable "+officeVariable+", else "+defaultOffice+")")
	cmd.Flags().StringVar(&office.key, "office-key-file", "", "`file` with the key of the office's API (default: as for gyro payment)")
	return cmd
}

func showChecks(cmd *cobra.Command, asJSON bool, checks []books.Check) error {
	out := cmd.OutOrStdout()
	if asJSON {
		text, err := json.MarshalIndent(checks, "", "  ")
		if err == nil {
			_, err = fmt.Fprintf(out, "%s\n", text)
		}
		return err
	}
	for k := range checks {
		fmt.Fprint(out, checks[k].String())
	}
	return nil
}

// each reads rows of a kind, one after the other.
func each[R any](r *remote, cmd *cobra.Command, path string) func(yield func(*R) error) error {
	return func(yield func(*R) error) error {
		return r.pages(cmd, path, url.Values{}, func(item json.RawMessage) error {
			var row R
			if err := json.Unmarshal(item, &row); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			return yield(&row)
		})
	}
}

// one reads a single document.
func one[V any](r *remote, cmd *cobra.Command, path string) func() (V, error) {
	return func() (v V, err error) {
		body, err := r.call(cmd, &client.Request{Method: client.Get, Path: path})
		if err != nil {
			return v, err
		}
		err = json.Unmarshal(body, &v)
		return v, err
	}
}

// lookAgainAfter is how long what is on its way between the halves gets to arrive: the office asks for usage every two seconds.
const lookAgainAfter = time.Second

// source is the office's books and the core's, as this command reaches them.
func (r *remote) source(cmd *cobra.Command, core *remote) *books.Source {
	const base = officeBase + "/books"
	return &books.Source{
		Usage: each[books.Usage](r, cmd, base+"/usage"), Invoices: each[books.Invoice](r, cmd, base+"/invoices"), Accounts: each[books.Account](r, cmd, base+"/accounts"),
		Account: func(id int64) (a books.Account, err error) {
			body, err := r.call(cmd, &client.Request{Method: client.Get, Path: base + "/accounts", Query: url.Values{"after": {strconv.FormatInt(id-1, 10)}, "limit": {"1"}}})
			if err != nil {
				return a, err
			}
			var page struct{ Items []books.Account }
			if err := json.Unmarshal(body, &page); err != nil {
				return a, fmt.Errorf("the answer is no page of accounts: %w", err)
			}
			if len(page.Items) == 0 || page.Items[0].ID != id {
				return a, fmt.Errorf("the office does not show account %d any more", id)
			}
			return page.Items[0], nil
		},
		Wait: func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(lookAgainAfter):
				return nil
			}
		},
		Payments: each[books.Payment](r, cmd, base+"/payments"),
		Cursor:   one[books.Cursor](r, cmd, base+"/cursor"), Series: one[[]books.Series](r, cmd, base+"/series"),
		Standing: func(name string) (books.Check, error) { return one[books.Check](r, cmd, base+"/checks/"+name)() },
		Entries: func(yield func(*ledger.Recorded) error) error {
			return each[journalEntry](r, cmd, ledgerPath+"/journal")(func(j *journalEntry) error {
				e, err := j.recorded()
				if err != nil {
					return err
				}
				return yield(e)
			})
		},
		Core: core.charging(),
	}
}

// charging is the charging core as the flags name it.
func (r *remote) charging() *client.Charging {
	server, key := r.server, os.Getenv(keyVariable)
	if server == "" {
		server = os.Getenv(serverVariable)
	}
	if server == "" {
		server = defaultServer
	}
	if r.key != "" {
		if text, err := os.ReadFile(r.key); err == nil {
			key = trimLine(text)
		}
	}
	return client.NewCharging(server, key)
}
