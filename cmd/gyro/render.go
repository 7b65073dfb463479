package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

	"gyro/api/client"
)

// member is one member of a JSON object, in the order in which it came.
type member struct {
	name  string
	value json.RawMessage
}

// renderJSON prints an answer of the API for people: members as lines, lists of
// objects as tables, in the server's order.
func renderJSON(out io.Writer, body json.RawMessage) error {
	members, err := membersOf(body)
	if err != nil {
		return fmt.Errorf("the answer is no JSON object: %w", err)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	renderMembers(w, "", members)
	return w.Flush()
}

func renderMembers(w *tabwriter.Writer, indent string, members []member) {
	var tables []member
	for _, m := range members {
		switch {
		case isTable(m.value):
			tables = append(tables, m)
		case isObject(m.value):
			inner, _ := membersOf(m.value)
			if text, ok := phrase(inner); ok {
				_, _ = fmt.Fprintf(w, "%s%s:\t%s\n", indent, m.name, text)
				continue
			}
			_, _ = fmt.Fprintf(w, "%s%s:\n", indent, m.name)
			renderMembers(w, indent+"  ", inner)
		default:
			_, _ = fmt.Fprintf(w, "%s%s:\t%s\n", indent, m.name, cmp.Or(cell(m.value), "-"))
		}
	}
	for _, m := range tables {
		_, _ = fmt.Fprintf(w, "\n%s%s\n", indent, m.name)
		renderTable(w, indent, m.value)
	}
}

// renderTable prints a list of objects, a column for each member that any of
// them has.
func renderTable(w *tabwriter.Writer, indent string, list json.RawMessage) {
	var rows []json.RawMessage
	_ = json.Unmarshal(list, &rows) // isTable has read it
	var columns []string
	cells := make([]map[string]string, len(rows))
	for n, row := range rows {
		cells[n] = map[string]string{}
		members, _ := membersOf(row)
		for _, m := range members {
			if !slices.Contains(columns, m.name) {
				columns = append(columns, m.name)
			}
			cells[n][m.name] = cell(m.value)
		}
	}
	_, _ = fmt.Fprintln(w, indent+strings.ToUpper(strings.Join(columns, "\t")))
	for _, row := range cells {
		line := make([]string, len(columns))
		for k, column := range columns {
			line[k] = cmp.Or(row[column], "-")
		}
		_, _ = fmt.Fprintln(w, indent+strings.Join(line, "\t"))
	}
}

// cell is a value on one line: text without quotes, lists joined, objects as
// name=value.
func cell(value json.RawMessage) string {
	value = bytes.TrimSpace(value)
	switch {
	case len(value) == 0 || bytes.Equal(value, []byte("null")):
		return ""
	case value[0] == '"':
		var text string
		_ = json.Unmarshal(value, &text)
		return printable(text, "")
	case value[0] == '[':
		var list []json.RawMessage
		_ = json.Unmarshal(value, &list)
		parts := make([]string, len(list))
		for n := range list {
			parts[n] = cell(list[n])
		}
		return strings.Join(parts, ", ")
	case value[0] == '{':
		members, _ := membersOf(value)
		if text, ok := phrase(members); ok {
			return text
		}
		parts := make([]string, len(members))
		for n, m := range members {
			parts[n] = m.name + "=" + cell(m.value)
		}
		return strings.Join(parts, " ")
	}
	return string(value)
}

// printable shows what would move the cursor, colour the terminal or turn the direction of a line as an escape, but for
// the characters to keep: names and Session-Ids are as gateways and programs sent them.
func printable(text, keep string) string {
	hidden := func(c rune) bool {
		return unicode.In(c, unicode.C, unicode.Zl, unicode.Zp) && !strings.ContainsRune(keep, c)
	}
	if !strings.ContainsFunc(text, hidden) {
		return text
	}
	var b strings.Builder
	for _, c := range text {
		if hidden(c) {
			quoted := strconv.QuoteRuneToASCII(c)
			b.WriteString(quoted[1 : len(quoted)-1])
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}

func isObject(value json.RawMessage) bool {
	value = bytes.TrimSpace(value)
	return len(value) > 0 && value[0] == '{'
}

// isTable reports whether a value is a list of at least one object.
func isTable(value json.RawMessage) bool {
	var list []json.RawMessage
	return json.Unmarshal(value, &list) == nil && len(list) > 0 && isObject(list[0])
}

// membersOf reads an object's members in their order.
func membersOf(object json.RawMessage) (members []member, err error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return nil, errors.Join(errNoObject, err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		if !forPrograms(fmt.Sprint(name)) {
			members = append(members, member{printable(fmt.Sprint(name), ""), value})
		}
	}
	return members, nil
}

// forPrograms reports whether a member says nothing to people: links, and names of types.
func forPrograms(name string) bool {
	return name == "href" || name == "valueType" || name == "isRef" || strings.HasPrefix(name, "@")
}

var errNoObject = errors.New("it does not begin with {")

// answered reports whether an error is the server's answer, so that the
// outcome is known: nothing happened. A time-out on its side is none, nor is
// what a proxy in between says when it has lost the server.
func answered(err error) bool {
	const fault = 500
	p, found := errors.AsType[*client.Problem](err)
	if found {
		return p.Status < fault || p.Code == "busy" || p.Code == "not_ready"
	}
	refused, found := errors.AsType[*net.OpError](err)
	return found && refused.Op == "dial"
}
