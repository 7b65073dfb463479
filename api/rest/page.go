package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"
)

// selection is the attributes of the documents that are shown; nil is all.
type selection []string

// always is shown of every document.
var always = []string{"id", "href", "@type"}

// parseFields reads the parameter fields: names of attributes at the top of the document. "none" leaves what is always shown.
func parseFields(list, known []string) (selection, error) {
	if list == nil {
		return nil, nil
	}
	s := slices.Clone(always)
	for name := range strings.SplitSeq(strings.Join(list, ","), ",") {
		if name == "none" {
			continue
		}
		if !slices.Contains(known, name) {
			return nil, invalidQuery("fields", "%q is no attribute; there are %s", name, strings.Join(known, ", "))
		}
		s = append(s, name)
	}
	return s, nil
}

// of is what is shown of a document.
func (s selection) of(v any) (any, error) {
	if s == nil {
		return v, nil
	}
	raw, err := encode(v)
	if err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, err
	}
	for name := range all {
		if !slices.Contains(s, name) {
			delete(all, name)
		}
	}
	return all, nil
}

// paged is one page of a collection, as TMF630 has it: 206 if there is more than the page.
func paged(c *Call, q *Query, page []any, total int) *Answer {
	a := &Answer{Status: fasthttp.StatusOK, Body: page, Header: map[string]string{
		"X-Total-Count": strconv.Itoa(total), "X-Result-Count": strconv.Itoa(len(page)),
	}}
	if len(page) < total {
		a.Status = fasthttp.StatusPartialContent
	}
	var links []string
	link := func(offset int, relation string) {
		values := c.Query()
		values.Set("offset", strconv.Itoa(offset))
		target := url.URL{Path: string(c.http.Path()), RawQuery: values.Encode()}
		links = append(links, fmt.Sprintf("<%s>; rel=%q", target.String(), relation))
	}
	if next := q.Offset + len(page); next < total && len(page) > 0 {
		link(next, "next")
	}
	if q.Offset > 0 {
		link(max(0, q.Offset-q.Limit), "prev")
	}
	if links != nil {
		a.Header["Link"] = strings.Join(links, ", ")
	}
	return a
}

type baseKey struct{}

// withBase says in a context under which address the server is known.
func withBase(ctx context.Context, base string) context.Context {
	return context.WithValue(ctx, baseKey{}, base)
}

// Href is where an entity of an API is found, under the server's public address.
func Href(ctx context.Context, api API, path, id string) string {
	base, _ := ctx.Value(baseKey{}).(string)
	return base + api.Base + "/" + path + "/" + url.PathEscape(id)
}
