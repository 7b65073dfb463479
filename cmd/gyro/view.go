package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"gyro/api/client"
)

// newSessionCommand builds "gyro session": open sessions of a running server.
func newSessionCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "session", Short: "Open sessions of a running server"}
	r := &remote{}
	r.flags(cmd)
	var page pageFlags
	list := &cobra.Command{
		Use: "list", Short: "List open sessions, in the order in which they were opened", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.do(cmd, &client.Request{Method: client.Get, Path: sessionsPath, Query: page.query("after")})
		},
	}
	page.flags(list, "after", "begin behind this session `number`")
	cmd.AddCommand(list, &cobra.Command{
		Use: "show SESSION-ID", Short: "Show an open session and what it has reserved", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.do(cmd, &client.Request{Method: client.Get, Path: sessionsPath + client.Path(args[0])})
		},
	})
	return cmd
}

// newFeedCommand builds a command that reads a feed of records from a cursor on.
func newFeedCommand(use, short, path string) *cobra.Command {
	r := &remote{}
	var page pageFlags
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.do(cmd, &client.Request{Method: client.Get, Path: path, Query: page.query("after")})
		},
	}
	r.flags(cmd)
	page.flags(cmd, "after", "begin behind this `record`")
	return cmd
}

// newUsageCommand builds "gyro usage": rated usage records, in order.
func newUsageCommand() *cobra.Command {
	return newFeedCommand("usage", "Rated usage records of a running server, in order", usagePath)
}

// newNoticesCommand builds "gyro notices": what customers may want to be told.
func newNoticesCommand() *cobra.Command {
	return newFeedCommand("notices", "Thresholds that were reached and states that changed on a running server, in order", noticesPath)
}

// newExplainCommand builds "gyro explain": why a record charged what it did.
func newExplainCommand() *cobra.Command {
	r := &remote{}
	cmd := &cobra.Command{
		Use: "explain RECORD", Short: "Why a usage record of a running server charged what it did", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := strconv.ParseUint(args[0], 10, 64); err != nil {
				return fmt.Errorf("record %q is not a number; %q lists them", args[0], "gyro usage")
			}
			body, err := r.call(cmd, &client.Request{Method: client.Get, Path: usagePath + client.Path(args[0], "explanation")})
			if err != nil || r.json {
				return errors.Join(err, r.print(cmd.OutOrStdout(), body))
			}
			var view struct {
				Words []string `json:"words"`
			}
			if err := json.Unmarshal(body, &view); err != nil {
				return err
			}
			for _, line := range view.Words {
				fmt.Fprintln(cmd.OutOrStdout(), printable(line, ""))
			}
			return nil
		},
	}
	r.flags(cmd)
	return cmd
}

// newBooksCommand builds "gyro books": the trial balance.
func newBooksCommand() *cobra.Command {
	r := &remote{}
	cmd := &cobra.Command{
		Use: "books", Short: "The balance of every ledger account of a running server, and whether they sum to zero", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.do(cmd, &client.Request{Method: client.Get, Path: booksPath})
		},
	}
	r.flags(cmd)
	cmd.AddCommand(newBooksVerifyCommand(r))
	return cmd
}

// addRemoteCatalogCommands adds what "gyro catalog" does on a running server.
func addRemoteCatalogCommands(cmd *cobra.Command) {
	r := &remote{}
	var at string
	var reauthorise bool
	publish := &cobra.Command{
		Use: "publish NAME FILE", Short: "Make a file the current version of a catalogue of a running server, and show what it changes", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := readCatalog(cmd.InOrStdin(), args[1])
			if err != nil {
				return err
			}
			query := url.Values{}
			if at != "" {
				query.Set("at", at)
			}
			if reauthorise {
				query.Set("reauthorise", "true")
			}
			return r.do(cmd, &client.Request{
				Method: client.Put, Path: catalogsPath + client.Path(args[0]), Query: query,
				Body: client.RawBody{ContentType: "application/yaml", Data: text},
			})
		},
	}
	list := &cobra.Command{
		Use: "list", Short: "List the current catalogues of a running server", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.do(cmd, &client.Request{Method: client.Get, Path: catalogsPath})
		},
	}
	show := &cobra.Command{
		Use: "show NAME [VERSION]", Short: "Print a catalogue of a running server as it was published", Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := catalogsPath + client.Path(args[0])
			if len(args) == 2 {
				path += client.Path("versions", args[1])
			}
			text, err := r.call(cmd, &client.Request{Method: client.Get, Path: path})
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	publish.Flags().StringVar(&at, "at", "", "`moment` when it takes effect (default: now)")
	publish.Flags().BoolVar(&reauthorise, "reauthorise", false, "have gateways report quota that they have at another price, instead of finishing it")
	for _, sub := range []*cobra.Command{publish, list, show} {
		r.flags(sub)
		cmd.AddCommand(sub)
	}
}
