package rating

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// source reads a parsed document and collects what is wrong with it.
type source struct {
	errors SourceErrors
	nodes  int // values read so far, aliases followed
}

// field is a value of the source and the path of keys that leads to it.
type field struct {
	path string
	node *yaml.Node
}

// parse reads YAML, of which JSON is a part, into the document's one value.
func (s *source) parse(text []byte) (root field, ok bool) {
	if len(text) > MaxSource {
		s.failAt(1, 1, "", fmt.Sprintf("the catalogue has %d octets", len(text)), fmt.Sprintf("at most %d are read", MaxSource))
		return field{}, false
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	err := decode(decoder, &document)
	if errors.Is(err, io.EOF) || (err == nil && len(document.Content) == 0) {
		s.failAt(1, 1, "", "the catalogue is empty", "it begins with catalog, currency and time_zone")
		return field{}, false
	}
	if err == nil {
		err = decode(decoder, &second)
		if err == nil {
			s.failAt(second.Line, second.Column, "", "a second document begins", "a catalogue is one document without ---")
			return field{}, false
		}
	}
	if !errors.Is(err, io.EOF) {
		line, reason := syntaxError(err, string(text))
		s.failAt(line, 1, "", reason, "the catalogue must be YAML 1.2 or JSON")
		return field{}, false
	}
	return field{node: document.Content[0]}, true
}

// decode turns a panic of the parser into an error: a catalogue arrives from
// outside in a journalled command, and one that stopped the process would stop
// every replay of the journal.
func decode(decoder *yaml.Decoder, node *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: the parser failed: %v", r)
		}
	}()
	return decoder.Decode(node)
}

// syntaxError takes the line out of the parser's "yaml: line 3: reason".
func syntaxError(err error, source string) (line int, reason string) {
	reason = strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, found := strings.CutPrefix(reason, "unknown anchor '"); found { // the one error without a line
		name, _, _ := strings.Cut(rest, "'")
		before, _, _ := strings.Cut(source, "*"+name)
		return 1 + strings.Count(before, "\n"), reason
	}
	rest, found := strings.CutPrefix(reason, "line ")
	if !found {
		return 1, reason
	}
	number, text, found := strings.Cut(rest, ": ")
	line, err = strconv.Atoi(number)
	if !found || err != nil {
		return 1, reason
	}
	for _, grammatical := range grammarErrors {
		if strings.HasPrefix(text, grammatical) {
			line++
		}
	}
	return line, text
}

// grammarErrors are the parser's errors for which it counts lines from 0; those
// of its scanner count from 1.
var grammarErrors = []string{
	"did not find expected <document start>",
	"did not find expected node content",
	"did not find expected '-' indicator",
	"did not find expected key",
	"did not find expected ','",
}

// full reports whether no more errors are collected; what remains need not be
// looked at then.
func (s *source) full() bool { return len(s.errors) >= MaxErrors }

func (s *source) failAt(line, column int, path, reason, remedy string) {
	if !s.full() {
		s.errors = append(s.errors, &SourceError{max(line, 1), max(column, 1), path, reason, remedy})
	}
}

// fail records an error at f.
func (s *source) fail(f field, reason, remedy string) {
	s.failAt(f.node.Line, f.node.Column, f.path, reason, remedy)
}

// follow replaces an alias by what it stands for and counts the value.
func (s *source) follow(f field) (field, bool) {
	s.nodes++
	if s.nodes > MaxNodes {
		if s.nodes == MaxNodes+1 {
			s.errors = s.errors[:min(len(s.errors), MaxErrors-1)]
			s.fail(f, "too many values", fmt.Sprintf("at most %d are read, aliases included", MaxNodes))
		}
		return f, false
	}
	if f.node.Kind == yaml.AliasNode {
		f.node = f.node.Alias
	}
	return f, true
}

// mapping is a value with keys.
type mapping struct {
	field
	keys []field // path and position of the keys
	vals []field
}

// mapping reads f as keys and values. Keys other than allowed are errors.
func (s *source) mapping(f field, allowed ...string) (mapping, bool) {
	f, ok := s.follow(f)
	if !ok {
		return mapping{}, false
	}
	if f.node.Kind != yaml.MappingNode {
		s.fail(f, "has "+describe(f.node)+" instead of keys", "allowed keys: "+strings.Join(allowed, ", "))
		return mapping{}, false
	}
	m := mapping{field: f}
	for k := 0; k+1 < len(f.node.Content) && !s.full(); k += 2 {
		key, ok := s.follow(field{f.path, f.node.Content[k]})
		if !ok {
			return mapping{}, false
		}
		s.addKey(&m, key, f.node.Content[k+1], allowed)
	}
	return m, true
}

func (s *source) addKey(m *mapping, key field, value *yaml.Node, allowed []string) {
	if key.node.Kind != yaml.ScalarNode {
		s.fail(key, "a key is "+describe(key.node), "allowed keys: "+strings.Join(allowed, ", "))
		return
	}
	name := key.node.Value
	path := name
	if m.path != "" {
		path = m.path + "." + name
	}
	key.path = path
	known := false
	for _, a := range allowed {
		known = known || a == name
	}
	if !known {
		s.fail(field{m.path, key.node}, fmt.Sprintf("unknown key %s", quote(name)), suggestion(name, allowed))
		return
	}
	for _, earlier := range m.keys {
		if earlier.path == path {
			s.fail(key, fmt.Sprintf("the key is given twice, first in line %d", earlier.node.Line), "keep one of them")
			return
		}
	}
	m.keys = append(m.keys, key)
	m.vals = append(m.vals, field{path, value})
}

// optional returns the value of a key, if it is there.
func (m *mapping) optional(name string) (field, bool) {
	for k, key := range m.keys {
		if key.node.Value == name {
			return m.vals[k], true
		}
	}
	return field{}, false
}

// required returns the value of a key and records an error when it is missing.
func (s *source) required(m *mapping, name, example string) (field, bool) {
	f, ok := m.optional(name)
	if !ok {
		s.fail(m.field, "the key "+name+" is missing", "for example "+example)
	}
	return f, ok
}

// list reads f as a list of at most limit values; a single value counts as a
// list of one when single is set.
func (s *source) list(f field, limit int, single bool) []field {
	f, ok := s.follow(f)
	if !ok {
		return nil
	}
	if f.node.Kind != yaml.SequenceNode {
		if single && f.node.Kind == yaml.ScalarNode && f.node.Tag != "!!null" {
			return []field{f}
		}
		s.fail(f, "has "+describe(f.node)+" instead of a list", "write each element on a line after \"- \", or [a, b]")
		return nil
	}
	if len(f.node.Content) > limit {
		s.fail(f, fmt.Sprintf("has %d elements", len(f.node.Content)), fmt.Sprintf("at most %d are allowed", limit))
		return nil
	}
	elements := make([]field, len(f.node.Content))
	for k, node := range f.node.Content {
		elements[k] = field{fmt.Sprintf("%s[%d]", f.path, k), node}
	}
	return elements
}

// isList reports whether f is a list.
func (f field) isList() bool {
	node := f.node
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node.Kind == yaml.SequenceNode
}

// text reads f as a single, non-empty value.
func (s *source) text(f field) (string, bool) {
	f, ok := s.follow(f)
	if !ok {
		return "", false
	}
	if f.node.Kind != yaml.ScalarNode || f.node.Tag == "!!null" || f.node.Value == "" {
		s.fail(f, "has "+describe(f.node)+" where one value belongs", "")
		return "", false
	}
	return f.node.Value, true
}

// literal is a value with another text at the position of f.
func literal(f field, text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Line: f.node.Line, Column: f.node.Column}
}

// describe names the shape of a value, for errors.
func describe(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.MappingNode:
		return "keys"
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case node.Tag == "!!null" || node.Value == "":
		return "nothing"
	}
	return quote(node.Value)
}

// maxQuoted keeps an error readable when the value is not.
const maxQuoted = 60

func quote(s string) string {
	if len(s) > maxQuoted {
		s = s[:maxQuoted] + "..."
	}
	return strconv.Quote(s)
}
