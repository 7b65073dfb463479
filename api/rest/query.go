package rest

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gyro/internal/refusal"

	"github.com/uptrace/bun"
)

// Kind is what the values of a filter are.
type Kind uint8

// The kinds.
const (
	Text    Kind = iota // compared as it stands
	Number              // a whole number; ids are Number
	Instant             // RFC 3339, compared with a column of milliseconds
	Day                 // 2006-01-02
	Flag                // true or false
)

// Filter is an attribute by which a collection can be narrowed, and how.
type Filter struct {
	// Attribute is the path in the document, such as engagedParty.id.
	Attribute string
	// Column is the SQL expression that the value is compared with, such as c.party_id.
	Column string
	// Within, where it is set, is used instead of the comparison alone: a condition with %s in the place of the comparison,
	// such as EXISTS (SELECT 1 FROM product_order_item i WHERE i.order_id = o.id AND %s).
	Within string
	Kind   Kind
	// Values are all that there can be, where they are few (states); others are refused.
	Values []string
	// Sort says that the collection can be sorted by it.
	Sort bool
}

// Sizes of a page: the default suits people, the most keeps an answer below a few megabytes.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
	// maxOffset keeps a reader from making the database count to the end of the world.
	maxOffset = 10_000_000
	// maxValues bounds the alternatives of one filter.
	maxValues = 100
)

// Condition is one filter as a request asks for it: the attribute has, by Op, one of Values.
type Condition struct {
	Filter *Filter
	// Op is =, <>, >, >=, < or <=; all but = have one value.
	Op     string
	Values []any
	// Texts are the values as they were sent.
	Texts []string
}

// Query is what a request wants of a collection.
type Query struct {
	Offset, Limit int
	Conditions    []Condition
	Order         []Order
	key           string
}

// Order is one attribute by which the collection is sorted.
type Order struct {
	Filter     *Filter
	Descending bool
}

// Value returns the one value that the request narrows attribute to, "" if it does not: for lists that are not made by SQL.
func (q *Query) Value(attribute string) string {
	for _, c := range q.Conditions {
		if c.Filter.Attribute == attribute && c.Op == "=" && len(c.Texts) == 1 {
			return c.Texts[0]
		}
	}
	return ""
}

// Where narrows a selection.
func (q *Query) Where(s *bun.SelectQuery) *bun.SelectQuery {
	for _, c := range q.Conditions {
		comparison, arguments := c.Filter.Column+" "+c.Op+" ?", c.Values
		if len(c.Values) > 1 {
			comparison, arguments = c.Filter.Column+" IN (?)", []any{bun.List(c.Values)}
		}
		if c.Filter.Within != "" {
			comparison = fmt.Sprintf(c.Filter.Within, comparison)
		}
		s = s.Where(comparison, arguments...)
	}
	return s
}

// Page narrows, sorts and cuts a selection, scans it into its model, and returns how many there are in all.
func (q *Query) Page(ctx context.Context, s *bun.SelectQuery) (total int, err error) {
	s = q.Where(s)
	count, err := s.Count(ctx)
	total = int(count)
	if err != nil || total <= q.Offset {
		return total, err
	}
	for _, o := range q.Order {
		direction := " ASC"
		if o.Descending {
			direction = " DESC"
		}
		s = s.OrderExpr(o.Filter.Column + direction)
	}
	if q.key != "" {
		s = s.OrderExpr(q.key + " ASC")
	}
	return total, s.Limit(int64(q.Limit)).Offset(int64(q.Offset)).Scan(ctx)
}

// Slice cuts a list that is all there is, after the caller narrowed it.
func Slice[V any](q *Query, all []V) (page []V, total int) {
	from := min(q.Offset, len(all))
	return all[from:min(from+q.Limit, len(all))], len(all)
}

// operators are the suffixes of attribute names, as TMF630 has them.
var operators = map[string]string{"eq": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}

func invalidQuery(parameter, format string, args ...any) error {
	return refusal.New(refusal.Invalid, "invalid_parameter", parameter, format, args...)
}

// parseQuery reads the parameters of a collection; fields is read by parseFields.
func parseQuery(values url.Values, filters []Filter, key string) (*Query, error) {
	q := &Query{Limit: DefaultLimit, key: key}
	for _, name := range sortedKeys(values) {
		list := values[name]
		var err error
		switch name {
		case "fields":
			continue
		case "offset":
			q.Offset, err = number(name, list, 0, maxOffset)
		case "limit":
			q.Limit, err = number(name, list, 1, MaxLimit)
		case "sort":
			q.Order, err = parseOrder(list, filters)
		default:
			var c Condition
			if c, err = parseCondition(name, list, filters); err == nil {
				q.Conditions = append(q.Conditions, c)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return q, nil
}

func number(name string, list []string, least, most int) (int, error) {
	n, err := strconv.Atoi(list[0])
	if len(list) != 1 || err != nil || n < least || n > most {
		return 0, invalidQuery(name, "%q is not one whole number from %d to %d", strings.Join(list, ","), least, most)
	}
	return n, nil
}

func parseOrder(list []string, filters []Filter) ([]Order, error) {
	var order []Order
	for part := range strings.SplitSeq(strings.Join(list, ","), ",") {
		name := strings.TrimLeft(part, "+- ")
		at := slices.IndexFunc(filters, func(f Filter) bool { return f.Attribute == name && f.Sort })
		if at < 0 || len(order) == len(filters) {
			return nil, invalidQuery("sort", "%q cannot be sorted by; what can is %s", part, attributes(filters, true))
		}
		order = append(order, Order{Filter: &filters[at], Descending: strings.HasPrefix(part, "-")})
	}
	return order, nil
}

func attributes(filters []Filter, sorting bool) string {
	var names []string
	for n := range filters {
		if !sorting || filters[n].Sort {
			names = append(names, filters[n].Attribute)
		}
	}
	return cmp.Or(strings.Join(names, ", "), "nothing")
}

func parseCondition(name string, list []string, filters []Filter) (Condition, error) {
	attribute, op := name, "="
	find := func(f Filter) bool { return f.Attribute == attribute }
	at := slices.IndexFunc(filters, find)
	if at < 0 {
		if cut := strings.LastIndexByte(name, '.'); cut > 0 {
			if known, found := operators[name[cut+1:]]; found {
				attribute, op = name[:cut], known
				at = slices.IndexFunc(filters, find)
			}
		}
	}
	if at < 0 {
		return Condition{}, invalidQuery(name, "there is no such filter; use fields, offset, limit, sort or one of %s", attributes(filters, false))
	}
	c := Condition{Filter: &filters[at], Op: op}
	for part := range strings.SplitSeq(strings.Join(list, ","), ",") {
		value, err := c.Filter.parse(name, part)
		if err != nil {
			return c, err
		}
		c.Values, c.Texts = append(c.Values, value), append(c.Texts, part)
	}
	if len(c.Values) > maxValues || (op != "=" && len(c.Values) > 1) {
		return c, invalidQuery(name, "it has %d values; give one, or with = at most %d", len(c.Values), maxValues)
	}
	return c, nil
}

func (f *Filter) parse(name, text string) (any, error) {
	if len(f.Values) > 0 && !slices.Contains(f.Values, text) {
		return nil, invalidQuery(name, "%q is none of %s", text, strings.Join(f.Values, ", "))
	}
	switch f.Kind {
	case Number:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, invalidQuery(name, "%q is no whole number", text)
		}
		return n, nil
	case Instant:
		at, ok := parseTime(strings.ReplaceAll(text, " ", "+")) // a plus sign that was not escaped
		if !ok {
			return nil, invalidQuery(name, "%q is no moment; write RFC 3339, such as 2026-01-31T09:30:00Z", text)
		}
		return int64(at), nil
	case Day:
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			return nil, invalidQuery(name, "%q is no day; write it as 2026-01-31", text)
		}
	case Flag:
		if text != "true" && text != "false" {
			return nil, invalidQuery(name, "%q is neither true nor false", text)
		}
		return text == "true", nil
	case Text:
	}
	return text, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
