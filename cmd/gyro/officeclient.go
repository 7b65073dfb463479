package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gyro/api/client"
)

// Environment variables of commands that reach the office. The key has no flag,
// for flags can be seen in the list of processes.
const (
	officeVariable    = "GYRO_OFFICE"
	officeKeyVariable = "GYRO_OFFICE_KEY"
	dataVariable      = "GYRO_DATA"
	defaultOffice     = "http://127.0.0.1:8090"
	defaultData       = "data"
)

// newOfficeRemote is how a command reaches the office: flags as remote has them,
// do and call for one request, list for a collection, change for what must
// happen once.
func newOfficeRemote() *remote { return &remote{office: true} }

func (r *remote) officeFlags(f *pflag.FlagSet) {
	f.StringVar(&r.server, "office", "", "base `URL` of the office's API (default: the environment variable "+officeVariable+", else "+defaultOffice+")")
	f.StringVar(&r.key, "office-key-file", "", "`file` with the key of the office's API (default: the key in the environment variable "+officeKeyVariable+
		", else the file office/admin.key in the data directory of this machine, which "+dataVariable+" names, else in "+defaultData+")")
	f.BoolVar(&r.json, "json", false, "print the answer as JSON, for programs")
}

// officeServer is where the office is, and the key for it with where it is
// from: the environment, else the file that the first start left on this machine.
func (r *remote) officeServer() (server, key, from string) {
	server, key, from = cmp.Or(r.server, os.Getenv(officeVariable), defaultOffice), os.Getenv(officeKeyVariable), officeKeyVariable
	if key == "" {
		from = adminKeyFile(cmp.Or(os.Getenv(dataVariable), defaultData))
		if text, err := os.ReadFile(from); err == nil {
			key = trimLine(text)
		}
	}
	return server, key, from
}

// column is a column of a table: its head, and where its value is in a row:
// names and numbers of elements with dots between, as in
// orderItem.0.productOffering.name, or orderItem.*.id for each of them. An amount of TM Forum (value and unit) is
// shown as one.
type column struct{ head, path string }

// list sends a request whose answer is a collection and prints it as a table.
func (r *remote) list(cmd *cobra.Command, request *client.Request, columns ...column) error {
	body, err := r.call(cmd, request)
	if err != nil {
		return err
	}
	return r.table(cmd, body, body, columns...)
}

// items prints the items of a list that is read by a cursor, as a table or one JSON list.
func (r *remote) items(cmd *cobra.Command, path string, columns ...column) error {
	all := []json.RawMessage{}
	if err := r.pages(cmd, path, nil, func(item json.RawMessage) error { all = append(all, item); return nil }); err != nil {
		return err
	}
	list, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return r.table(cmd, append(list, '\n'), list, columns...)
}

// listing prints a list that says how long it is as a whole.
func (r *remote) listing(cmd *cobra.Command, path string, query url.Values, columns ...column) error {
	body, err := r.call(cmd, &client.Request{Method: client.Get, Path: path, Query: query})
	if err != nil {
		return err
	}
	var v struct {
		Items []json.RawMessage `json:"items"`
		Total int               `json:"total"`
	}
	if err := json.Unmarshal(body, &v); err != nil {
		return fmt.Errorf("the answer is no list: %w", err)
	}
	list, err := json.Marshal(v.Items)
	if err != nil {
		return err
	}
	if err := r.table(cmd, body, list, columns...); err != nil || r.json || len(v.Items) >= v.Total {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d of %d; --limit shows more\n", len(v.Items), v.Total)
	return err
}

// noneAnnotation is where a command that lists something says what an empty list means.
const noneAnnotation = "none"

// noneYet is what a command that lists something has to say when there is nothing: how it comes about.
func noneYet(how string) map[string]string { return none("none yet: " + how) }

// none is what it has to say where that nothing is there is as it should be.
func none(what string) map[string]string { return map[string]string{noneAnnotation: what} }

// billsCome is how bills come about.
const billsCome = "bills are made by gyro invoice run --as-of DAY, of the accounts whose cycle has ended by that day"

// printList is printTable, but for a list that is empty: a bare head of a table looks like a mistake.
func printList(cmd *cobra.Command, list json.RawMessage, columns []column) error {
	how := cmd.Annotations[noneAnnotation]
	var rows []json.RawMessage
	if err := json.Unmarshal(list, &rows); err != nil || len(rows) > 0 || how == "" {
		return printTable(cmd.OutOrStdout(), list, columns)
	}
	narrowed := false
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { narrowed = narrowed || f.Changed && f.Name != "limit" })
	if narrowed {
		how = "none that fits; without flags, all there are"
	} else {
		how = asCalled(how)
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), how)
	return err
}

// printTable prints a list of objects: of each the given columns.
func printTable(out io.Writer, list json.RawMessage, columns []column) error {
	decoder := json.NewDecoder(bytes.NewReader(list))
	decoder.UseNumber()
	var rows []any
	if err := decoder.Decode(&rows); err != nil {
		return fmt.Errorf("the answer is no list: %w", err)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	heads := make([]string, len(columns))
	for k, c := range columns {
		heads[k] = c.head
	}
	fmt.Fprintln(w, strings.Join(heads, "\t"))
	for _, row := range rows {
		cells := make([]string, len(columns))
		for k, c := range columns {
			cells[k] = cmp.Or(textOf(at(row, c.path)), "-")
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// at follows a path into a decoded document; nil where it leads nowhere.
func at(value any, path string) any {
	for path != "" {
		var name string
		name, path, _ = strings.Cut(path, ".")
		switch v := value.(type) {
		case map[string]any:
			value = v[name]
		case []any:
			if name == "*" {
				each := make([]any, len(v))
				for k := range v {
					each[k] = at(v[k], path)
				}
				return each
			}
			k, err := strconv.Atoi(name)
			if err != nil || k < 0 || k >= len(v) {
				return nil
			}
			value = v[k]
		default:
			return nil
		}
	}
	return value
}

// textOf is a value on one line.
func textOf(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return printable(v, "")
	case []any:
		parts := make([]string, len(v))
		for k := range v {
			parts[k] = textOf(v[k])
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		if v["value"] != nil && v["unit"] != nil {
			return paid(fmt.Sprint(v["value"]), fmt.Sprint(v["unit"]))
		}
		return cmp.Or(textOf(v["name"]), textOf(v["id"]))
	}
	return fmt.Sprint(value)
}
