package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gyro/api/client"
)

// newOfferCommand builds "gyro offer": what the office sells.
func newOfferCommand() *cobra.Command {
	r := newOfficeRemote()
	cmd := &cobra.Command{
		Use:   "offer",
		Short: "Publish catalogue documents with offers, prices and tariffs, and look at what is sold",
		Long: `Publish catalogue documents and look at what is sold. One document has both halves: the offers of the office, and the
tariffs of the charging core. docs/operations/offers.md describes it.`,
	}
	r.flags(cmd)
	cmd.AddCommand(newOfferPublishCommand(r), newOfferDiffCommand(r), newOfferListCommand(r), newOfferShowCommand(r), newOfferVersionsCommand(r), newOfferSourceCommand(r))
	return cmd
}

const (
	catalogsOfOffice = "/office/v1/catalogs"
	offersOfOffice   = "/office/v1/offers"
)

// sendDocument sends a catalogue document.
func sendDocument(cmd *cobra.Command, r *remote, name string, query url.Values) (json.RawMessage, error) {
	text, err := readCatalog(cmd.InOrStdin(), name)
	if err != nil {
		return nil, err
	}
	return r.call(cmd, &client.Request{
		Method: client.Post, Path: catalogsOfOffice, Query: query, Body: client.RawBody{ContentType: "application/yaml", Data: text},
	})
}

// submitted is the answer to a document.
type submitted struct {
	Document *published `json:"document"`
	Offers   []change   `json:"offers"`
	Charging []change   `json:"charging"`
}

// published is where a document is on its way into force.
type published struct {
	Name        string    `json:"name"`
	Version     int64     `json:"version"`
	State       string    `json:"state"`
	Reason      string    `json:"reason"`
	EffectiveAt time.Time `json:"effectiveAt"`
}

type change struct {
	Subject, Name string
	Offers        []string
	Old, New      string
}

func newOfferPublishCommand(r *remote) *cobra.Command {
	var at string
	var dry bool
	cmd := &cobra.Command{
		Use: "publish FILE", Short: "Check a catalogue document and bring it into force, now or later", Args: cobra.ExactArgs(1), SilenceUsage: true,
		Long: `Check a catalogue document, say what it makes different, and bring it into force in both halves: the office's offers and
the charging core's tariffs. The command waits until the core has accepted it. FILE may be - for standard input.`,
		Example: `  gyro offer publish office.yaml --dry-run
  gyro offer publish office.yaml --at 2026-12-01T00:00:00+01:00`,
		RunE: func(cmd *cobra.Command, args []string) error {
			query := url.Values{}
			if at != "" {
				query.Set("at", at)
			}
			if dry {
				query.Set("dryRun", "true")
			}
			body, err := sendDocument(cmd, r, args[0], query)
			if err != nil {
				return err
			}
			return r.follow(cmd, body)
		},
	}
	cmd.Flags().StringVar(&at, "at", "", "`moment` at which it takes effect, in RFC 3339 (default: as soon as the core has it)")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only check it and compare it with what is in force")
	return cmd
}

func newOfferDiffCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "diff FILE", Short: "Say what a catalogue document makes different from what is in force", Args: cobra.ExactArgs(1), SilenceUsage: true,
		Example: `  gyro offer diff office.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := sendDocument(cmd, r, args[0], url.Values{"dryRun": {"true"}})
			if err != nil {
				return err
			}
			return r.follow(cmd, body)
		},
	}
}

// follow shows what a document changes and, where it was published, waits until
// the core has accepted or refused it.
func (r *remote) follow(cmd *cobra.Command, body json.RawMessage) error {
	var answer submitted
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("the answer is not as documented: %w", err)
	}
	out := cmd.OutOrStdout()
	if !r.json {
		showChanges(out, &answer)
	}
	if answer.Document == nil {
		if r.json {
			return r.print(out, body)
		}
		return nil
	}
	d, last, err := r.settled(cmd, answer.Document)
	if err != nil {
		return err
	}
	if r.json {
		if last == nil {
			last = body
		}
		return r.print(out, last)
	}
	fmt.Fprintf(out, "catalogue %s version %d is %s", d.Name, d.Version, d.State)
	if !d.EffectiveAt.IsZero() {
		fmt.Fprintf(out, " from %s", d.EffectiveAt.Format(time.RFC3339))
	}
	fmt.Fprintln(out)
	if d.State == "failed" {
		return fmt.Errorf("the charging core refused it, and nothing has changed: %s", d.Reason)
	}
	return nil
}

// Bounds of the wait for the core.
const (
	publicationWait = 30 * time.Second
	publicationPoll = 200 * time.Millisecond
)

// settled waits until a publication is no longer on its way to the core.
func (r *remote) settled(cmd *cobra.Command, d *published) (_ *published, last json.RawMessage, err error) {
	tick := time.NewTicker(publicationPoll)
	defer tick.Stop()
	timeout := time.After(publicationWait)
	path := catalogsOfOffice + client.Path(d.Name, "versions", fmt.Sprint(d.Version))
	for d.State == "scheduled" && d.EffectiveAt.IsZero() {
		select {
		case <-cmd.Context().Done():
			return d, last, cmd.Context().Err()
		case <-timeout:
			return d, last, fmt.Errorf("the charging core has not accepted version %d yet; it will be tried again: gyro offer versions %s shows when", d.Version, d.Name)
		case <-tick.C:
		}
		if last, err = r.call(cmd, &client.Request{Method: client.Get, Path: path}); err != nil {
			return d, last, err
		}
		d = &published{}
		if err := json.Unmarshal(last, d); err != nil {
			return d, last, fmt.Errorf("the answer is not as documented: %w", err)
		}
	}
	return d, last, nil
}

// showChanges prints both differences.
func showChanges(out io.Writer, s *submitted) {
	for _, half := range [...]struct {
		name string
		list []change
	}{{"offers", s.Offers}, {"charging", s.Charging}} {
		for _, c := range half.list {
			fmt.Fprintf(out, "%s: %s\n", half.name, c.words())
		}
	}
	if len(s.Offers)+len(s.Charging) == 0 {
		fmt.Fprintln(out, "nothing changes")
	}
}

func (c *change) words() string {
	text := c.Subject + " " + c.Name
	if len(c.Offers) > 0 {
		text += " (" + strings.Join(c.Offers, ", ") + ")"
	}
	switch {
	case c.Old == "":
		return text + " added: " + c.New
	case c.New == "":
		return text + " removed, was: " + c.Old
	}
	return text + ": " + c.New + ", was: " + c.Old
}

func newOfferListCommand(r *remote) *cobra.Command {
	var at, kind, category string
	cmd := &cobra.Command{
		Use: "list [NAME]", Short: "List the offers in force, or all versions of one", Args: cobra.MaximumNArgs(1), SilenceUsage: true,
		Example: `  gyro offer list --kind postpaid`,
		RunE: func(cmd *cobra.Command, args []string) error {
			query := url.Values{}
			for name, value := range stated(map[string]string{"at": at, "kind": kind, "category": category}) {
				query.Set(name, value)
			}
			if len(args) > 0 {
				query.Set("name", args[0])
			}
			return r.list(cmd, &client.Request{Method: client.Get, Path: offersOfOffice, Query: query},
				column{"ID", "id"}, column{"NAME", "name"}, column{"VERSION", "version"}, column{"KIND", "kind"}, column{"STATUS", "status"},
				column{"CATEGORY", "category"}, column{"PRICE", "prices.0.amount"}, column{"FROM", "validFrom"}, column{"UNTIL", "validUntil"})
		},
	}
	cmd.Flags().StringVar(&at, "at", "", "`moment` in RFC 3339 (default: now)")
	cmd.Flags().StringVar(&kind, "kind", "", "only prepaid or postpaid ones")
	cmd.Flags().StringVar(&category, "category", "", "only those of a `category`")
	return cmd
}

func newOfferShowCommand(r *remote) *cobra.Command {
	var at string
	cmd := &cobra.Command{
		Use: "show NAME", Short: "Show an offer with its prices, discounts, relations and components", Args: cobra.ExactArgs(1), SilenceUsage: true,
		Long:    `Show the version of an offer that is in force, or any version by its id.`,
		Example: `  gyro offer show mobile-m`,
		RunE: func(cmd *cobra.Command, args []string) error {
			query := url.Values{}
			if at != "" {
				query.Set("at", at)
			}
			return r.do(cmd, &client.Request{Method: client.Get, Path: offersOfOffice + client.Path(args[0]), Query: query})
		},
	}
	cmd.Flags().StringVar(&at, "at", "", "`moment` in RFC 3339 (default: now)")
	return cmd
}

func newOfferVersionsCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "versions [CATALOG]", Short: "List the versions of catalogue documents, and where they are on their way", Args: cobra.MaximumNArgs(1), SilenceUsage: true,
		Example: `  gyro offer versions office`,
		RunE: func(cmd *cobra.Command, args []string) error {
			query := url.Values{}
			if len(args) > 0 {
				query.Set("name", args[0])
			}
			return r.list(cmd, &client.Request{Method: client.Get, Path: catalogsOfOffice, Query: query},
				column{"NAME", "name"}, column{"VERSION", "version"}, column{"STATE", "state"}, column{"FROM", "effectiveAt"},
				column{"IN THE CORE", "chargingVersion"}, column{"BY", "submittedBy"}, column{"REASON", "reason"})
		},
	}
}

func newOfferSourceCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "source CATALOG [VERSION]", Short: "Print a catalogue document as it was written", Args: cobra.RangeArgs(1, 2), SilenceUsage: true,
		Example: `  gyro offer source office > office.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			version := "0"
			if len(args) > 1 {
				version = args[1]
			}
			body, err := r.call(cmd, &client.Request{Method: client.Get, Path: catalogsOfOffice + client.Path(args[0], "versions", version, "source")})
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(body)
			return err
		},
	}
}
