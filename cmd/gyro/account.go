package main

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"gyro/api/client"
)

// Paths of the charging API.
const (
	accountsPath = "/charging/v1/accounts"
	sessionsPath = "/charging/v1/sessions"
	catalogsPath = "/charging/v1/catalogs"
	usagePath    = "/charging/v1/usage"
	noticesPath  = "/charging/v1/notices"
	booksPath    = "/charging/v1/books"
)

func accountPath(account string, below ...string) string {
	return accountsPath + client.Path(append([]string{account}, below...)...)
}

// newAccountCommand builds "gyro account": accounts of a running server.
func newAccountCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "account", Short: "Accounts of a running server: show, create, change, delete"}
	r := &remote{}
	r.flags(cmd)
	cmd.AddCommand(
		newAccountShowCommand(r), newAccountPutCommand(r), newAccountDeleteCommand(r), newAccountPostingsCommand(r),
	)
	return cmd
}

func newAccountShowCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "show ACCOUNT", Short: "Show an account, its buckets and open sessions", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.do(cmd, &client.Request{Method: client.Get, Path: accountPath(args[0])})
		},
	}
}

func newAccountPutCommand(r *remote) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "put ACCOUNT --file FILE", Short: "Create an account, or bring it to the form that a file states", Args: cobra.ExactArgs(1),
		Example: `  echo '{"currency":"EUR","kind":"prepaid","subscribers":[{"imsi":"001010000000001"}],"offers":["payg"]}' | gyro account put 1001 --file -`,
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := readInput(cmd.InOrStdin(), file)
			if err != nil {
				return err
			}
			return r.do(cmd, &client.Request{
				Method: client.Put, Path: accountPath(args[0]), Body: client.RawBody{ContentType: "application/json", Data: data},
			})
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "JSON `file` with the account; - is standard input")
	must(cmd.MarkFlagRequired("file"))
	return cmd
}

func newAccountDeleteCommand(r *remote) *cobra.Command {
	var abort bool
	cmd := &cobra.Command{
		Use: "delete ACCOUNT", Short: "Delete an account without money and debt", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			query := url.Values{}
			if abort {
				query.Set("abort", "true")
			}
			return r.do(cmd, &client.Request{Method: client.Delete, Path: accountPath(args[0]), Query: query})
		},
	}
	cmd.Flags().BoolVar(&abort, "abort", false, "bar the account, ask gateways to end its sessions, and delete it with the last of them")
	return cmd
}

func newAccountPostingsCommand(r *remote) *cobra.Command {
	var page pageFlags
	cmd := &cobra.Command{
		Use: "postings ACCOUNT", Short: "Show what moved on an account, newest first", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.do(cmd, &client.Request{Method: client.Get, Path: accountPath(args[0], "postings"), Query: page.query("before")})
		},
	}
	page.flags(cmd, "before", "show what is older than this `record`")
	return cmd
}

// pageFlags choose a page of a list.
type pageFlags struct {
	position uint64
	limit    uint
}

func (p *pageFlags) flags(cmd *cobra.Command, position, usage string) {
	cmd.Flags().Uint64Var(&p.position, position, 0, usage)
	cmd.Flags().UintVar(&p.limit, "limit", 0, "show at most this `many`")
}

func (p *pageFlags) query(position string) url.Values {
	q := url.Values{}
	if p.position != 0 {
		q.Set(position, strconv.FormatUint(p.position, 10))
	}
	if p.limit != 0 {
		q.Set("limit", strconv.FormatUint(uint64(p.limit), 10))
	}
	return q
}

// readInput reads a file, or standard input for "-".
func readInput(stdin io.Reader, name string) ([]byte, error) {
	if name != "-" {
		return os.ReadFile(name)
	}
	data, err := io.ReadAll(stdin)
	if err != nil {
		return nil, fmt.Errorf("reading standard input: %w", err)
	}
	return data, nil
}

// must is for what only a fault of the program can make fail.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
