package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"gyro/internal/money"
	"gyro/rating"
)

// reader reads a document and collects what is wrong with it, in the words and
// with the positions that the charging half's compiler has, too.
type reader struct {
	errors rating.SourceErrors
	nodes  int // copied for the charging half, aliases followed
}

// field is a value of the document and the path of keys that leads to it.
type field struct {
	path string
	node *yaml.Node
}

// parse reads YAML, of which JSON is a part, into the document's one value.
func (r *reader) parse(text []byte) (root field, ok bool) {
	if len(text) > rating.MaxSource {
		r.failAt(1, 1, "", fmt.Sprintf("the document has %d octets", len(text)), fmt.Sprintf("at most %d are read", rating.MaxSource))
		return field{}, false
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	err := decodeYAML(decoder, &document)
	if errors.Is(err, io.EOF) || err == nil && len(document.Content) == 0 {
		r.failAt(1, 1, "", "the document is empty", "it begins with catalog, currency and time_zone")
		return field{}, false
	}
	if err == nil {
		if err = decodeYAML(decoder, &second); err == nil {
			r.failAt(second.Line, second.Column, "", "a second document begins", "a catalogue is one document without ---")
			return field{}, false
		}
	}
	if !errors.Is(err, io.EOF) {
		line, reason := 1, strings.TrimPrefix(err.Error(), "yaml: ")
		if match := yamlLine.FindStringSubmatch(reason); match != nil {
			line, _ = strconv.Atoi(match[1]) // the pattern has digits only
			reason = match[2]
		}
		r.failAt(line, 1, "", reason, "the document must be YAML 1.2 or JSON")
		return field{}, false
	}
	return field{node: document.Content[0]}, true
}

var yamlLine = regexp.MustCompile(`^line (\d{1,9}): (.*)$`)

// decodeYAML turns a panic of the parser into an error.
func decodeYAML(decoder *yaml.Decoder, node *yaml.Node) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("yaml: the parser failed: %v", fault)
		}
	}()
	return decoder.Decode(node)
}

func (r *reader) failAt(line, column int, path, reason, remedy string) {
	if len(r.errors) < rating.MaxErrors {
		r.errors = append(r.errors, &rating.SourceError{Line: max(line, 1), Column: max(column, 1), Key: path, Reason: reason, Remedy: remedy})
	}
}

func (r *reader) fail(f field, reason, remedy string) {
	r.failAt(f.node.Line, f.node.Column, f.path, reason, remedy)
}

// inOrder are the errors in the order of the document.
func (r *reader) inOrder() rating.SourceErrors {
	sort.SliceStable(r.errors, func(a, b int) bool {
		x, y := r.errors[a], r.errors[b]
		return x.Line < y.Line || x.Line == y.Line && x.Column < y.Column
	})
	return r.errors
}

// followed is what an alias stands for.
func followed(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// mapping is a value with keys.
type mapping struct {
	field
	keys []string
	vals []field
}

// mapping reads f as keys and values. Keys other than allowed are errors.
func (r *reader) mapping(f field, allowed ...string) (m mapping, ok bool) {
	node := followed(f.node)
	m.field = field{f.path, node}
	if node.Kind != yaml.MappingNode {
		r.fail(f, "has "+describe(node)+" instead of keys", "allowed keys: "+strings.Join(allowed, ", "))
		return m, false
	}
	for k := 0; k+1 < len(node.Content); k += 2 {
		key := followed(node.Content[k])
		path := strings.TrimPrefix(f.path+"."+key.Value, ".")
		switch {
		case key.Kind != yaml.ScalarNode || !slices.Contains(allowed, key.Value):
			r.failAt(key.Line, key.Column, f.path, "unknown key "+quote(key.Value), "allowed keys: "+strings.Join(allowed, ", "))
		case slices.Contains(m.keys, key.Value):
			r.failAt(key.Line, key.Column, path, "the key is given twice", "keep one of them")
		default:
			m.keys = append(m.keys, key.Value)
			m.vals = append(m.vals, field{path, node.Content[k+1]})
		}
	}
	return m, true
}

// optional is the value of a key, if it is there.
func (m *mapping) optional(name string) (field, bool) {
	if k := slices.Index(m.keys, name); k >= 0 {
		return m.vals[k], true
	}
	return field{}, false
}

// required is the value of a key; it is an error that it is missing.
func (r *reader) required(m *mapping, name, example string) (field, bool) {
	f, ok := m.optional(name)
	if !ok {
		r.fail(m.field, "the key "+name+" is missing", "for example "+example)
	}
	return f, ok
}

// list reads f as a list; one value is a list of one.
func (r *reader) list(f field) (elements []field) {
	node := followed(f.node)
	if node.Kind != yaml.SequenceNode {
		return []field{{f.path, node}}
	}
	for k, element := range node.Content {
		elements = append(elements, field{fmt.Sprintf("%s[%d]", f.path, k), element})
	}
	return elements
}

// each reads the elements of the list that a key has, if it is there.
func (r *reader) each(m *mapping, key string, most int, read func(int, field)) {
	f, ok := m.optional(key)
	if !ok {
		return
	}
	elements := r.list(f)
	if len(elements) > most {
		r.fail(f, fmt.Sprintf("has %d elements", len(elements)), fmt.Sprintf("at most %d are allowed", most))
		return
	}
	for k, element := range elements {
		read(k, element)
	}
}

// text reads f as one value that is not empty.
func (r *reader) text(f field) string {
	node := followed(f.node)
	if node.Kind != yaml.ScalarNode || node.Tag == "!!null" || node.Value == "" {
		r.fail(f, "has "+describe(node)+" where one value belongs", "write a text")
		return ""
	}
	return node.Value
}

// textOf is the text of a key that may be left out.
func (r *reader) textOf(m *mapping, key string, most int) string {
	f, ok := m.optional(key)
	if !ok {
		return ""
	}
	text := r.text(f)
	if len(text) > most {
		r.fail(f, fmt.Sprintf("has %d octets", len(text)), fmt.Sprintf("use at most %d", most))
	}
	return text
}

// name begins with a letter, so that it is never taken for a number.
var nameOf = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,63}$`)

func (r *reader) name(m *mapping, example string) string {
	f, ok := r.required(m, "name", example)
	if !ok {
		return ""
	}
	return r.nameAt(f)
}

func (r *reader) nameAt(f field) string {
	text := r.text(f)
	if text != "" && !nameOf.MatchString(text) {
		r.fail(f, quote(text)+" is not a name", "begin with a letter and use up to 64 letters, digits, -, _ and .")
		return ""
	}
	return text
}

// oneOf reads one of some words; without the key it is the first.
func (r *reader) oneOf(m *mapping, key string, words ...string) string {
	f, ok := m.optional(key)
	if !ok {
		return words[0]
	}
	if text := r.text(f); text != "" && !slices.Contains(words, text) {
		r.fail(f, quote(text)+" is not known here", "use "+strings.Join(words, ", "))
	} else if text != "" {
		return text
	}
	return words[0]
}

func (r *reader) boolean(m *mapping, key string, without bool) bool {
	f, ok := m.optional(key)
	if !ok {
		return without
	}
	switch r.text(f) {
	case "true":
		return true
	case "false", "":
		return false
	}
	r.fail(f, describe(followed(f.node))+" is neither true nor false", "write true or false")
	return false
}

// amount reads money of the currency's decimals, zero or more.
func (r *reader) amount(f field, of money.Currency) money.Amount {
	text := r.text(f)
	if text == "" {
		return 0
	}
	a, err := money.Parse(text, of.Exponent())
	switch {
	case errors.Is(err, money.ErrPrecision):
		r.fail(f, fmt.Sprintf("%s has more decimals than %s, which is paid in %d", quote(text), of, of.Exponent()), "round it")
	case err != nil || a < 0 || a > maxPrice:
		r.fail(f, quote(text)+" is no price", "write a decimal such as 9.99, zero or more and at most "+maxPrice.Format(of.Exponent()))
	default:
		return a
	}
	return 0
}

// maxPrice bounds one price: a thousand of the dearest contracts, and no
// mistyped decimal point.
const maxPrice = 1_000_000 * money.Unit

// number reads an integer within bounds.
func (r *reader) number(f field, least, most int64) int64 {
	text := r.text(f)
	if text == "" {
		return least
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		r.fail(f, quote(text)+" is out of range", fmt.Sprintf("write a number from %d to %d", least, most))
		return least
	}
	return n
}

var periodOf = regexp.MustCompile(`^(\d{1,4}) ?(days?|d|weeks?|w|months?|years?|y)$`)

// period reads a length of time in the calendar: months, or days.
func (r *reader) period(f field) (months, days int64) {
	text := r.text(f)
	match := periodOf.FindStringSubmatch(text)
	if match == nil {
		if text != "" {
			r.fail(f, quote(text)+" is no period", "write for example 1 month, 2 weeks, 30d or 1 year")
		}
		return 0, 0
	}
	n, _ := strconv.ParseInt(match[1], 10, 64) // at most four digits
	switch match[2][0] {
	case 'd':
		days = n
	case 'w':
		days = 7 * n
	case 'm':
		months = n
	case 'y':
		months = 12 * n
	}
	const mostMonths, mostDays = 120, 3660
	if n == 0 || months > mostMonths || days > mostDays {
		r.fail(f, quote(text)+" is out of range", "write more than nothing and at most 10 years")
		return 0, 0
	}
	return months, days
}

// describe names the shape of a value.
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

func quote(s string) string {
	const most = 60
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strconv.Quote(s)
}
