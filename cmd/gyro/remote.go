package main

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"

	"github.com/spf13/cobra"

	"gyro/api/client"
)

// remote is how a command reaches a running server, and how it shows answers.
type remote struct {
	server, key string
	json        bool
	office      bool // the office's API, not that of charging
}

// Environment variables of commands that reach a server. The key has no flag,
// for flags can be seen in the list of processes.
const (
	serverVariable = "GYRO_SERVER"
	keyVariable    = "GYRO_API_KEY"
	defaultServer  = "http://127.0.0.1:8080"
)

// flags gives a group of commands the flags of a connection.
func (r *remote) flags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	if r.office {
		r.officeFlags(f)
		return
	}
	f.StringVar(&r.server, "server", "", "base `URL` of the charging API (default: the environment variable "+serverVariable+", else "+defaultServer+")")
	f.StringVar(&r.key, "api-key-file", "", "`file` with the API key (default: the key in the environment variable "+keyVariable+")")
	f.BoolVar(&r.json, "json", false, "print the answer as JSON, for programs")
}

// do sends a request and prints what it came to.
func (r *remote) do(cmd *cobra.Command, request *client.Request) error {
	body, err := r.call(cmd, request)
	if err != nil {
		return err
	}
	return r.print(cmd.OutOrStdout(), body)
}

func (r *remote) call(cmd *cobra.Command, request *client.Request) (json.RawMessage, error) {
	server, key, from := cmp.Or(r.server, os.Getenv(serverVariable), defaultServer), os.Getenv(keyVariable), keyVariable
	if r.office {
		server, key, from = r.officeServer()
		if request.Method != client.Get {
			request.ApproverKey = os.Getenv(approverVariable)
		}
	}
	if r.key != "" {
		text, err := os.ReadFile(r.key)
		if err != nil {
			return nil, fmt.Errorf("API key: %w", err)
		}
		key, from = trimLine(text), r.key
	}
	c := client.Client{Server: server, Key: key}
	body, err := c.Do(cmd.Context(), request)
	return body, inWords(cmd, r.keyed(err, key, from))
}

// keyed tells who is not known to a server which key was sent, or how to send one.
func (r *remote) keyed(err error, key, from string) error {
	const unauthorized = 401
	p, found := errors.AsType[*client.Problem](err)
	if !found || p.Status != unauthorized {
		return err
	}
	flag, variable := "--api-key-file", keyVariable
	if r.office {
		flag, variable = "--office-key-file", officeKeyVariable
	}
	said := *p
	if key == "" {
		said.Message = fmt.Sprintf("no key was sent: name the file that has it with %s, or put the key itself into %s", flag, variable)
	} else { // what the server says of it: unknown, expired, revoked or rotated
		said.Message += fmt.Sprintf("; it was the key of %s: name the file of another one with %s, or put that itself into %s", from, flag, variable)
	}
	return &said
}

// stated is what flags say, by the API's names: without those that say nothing.
func stated(values map[string]string) map[string]string {
	maps.DeleteFunc(values, func(_, value string) bool { return value == "" })
	return values
}

func trimLine(text []byte) string {
	for len(text) > 0 && (text[len(text)-1] == '\n' || text[len(text)-1] == '\r') {
		text = text[:len(text)-1]
	}
	return string(text)
}

// print shows an answer: as it came, or as tables.
func (r *remote) print(out io.Writer, body json.RawMessage) error {
	if len(body) == 0 {
		return nil
	}
	if r.json {
		_, err := out.Write(body)
		return err
	}
	return renderJSON(out, body)
}

// once is the flags of a command that must have its effect once: the key that
// makes it safe to repeat, a new one unless the user gives it.
type once struct{ key string }

func (m *once) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&m.key, "idempotency-key", "", "`key` that makes a repetition have no second effect (default: a new one, printed if the outcome is open)")
}

// idempotencyKey is the user's key or a new one.
func (m *once) idempotencyKey() string {
	if m.key == "" {
		m.key = rand.Text()
	}
	return m.key
}

// change sends a request that must have its effect once, and prints the answer.
// Where it is not known what became of it, the user is told how to find out
// without moving money, or ordering, twice.
func (r *remote) change(cmd *cobra.Command, m *once, request *client.Request) error {
	body, err := r.callOnce(cmd, m, request)
	if err != nil {
		return err
	}
	return r.print(cmd.OutOrStdout(), body)
}

// callOnce is change without printing.
func (r *remote) callOnce(cmd *cobra.Command, m *once, request *client.Request) (json.RawMessage, error) {
	request.IdempotencyKey = m.idempotencyKey()
	body, err := r.call(cmd, request)
	if err != nil && !answered(err) {
		return nil, fmt.Errorf("%w\nit is not known whether it was carried out: repeat the command with --idempotency-key %s", err, m.key)
	}
	return body, err
}
