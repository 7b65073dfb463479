package tmftest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"gyro/api/rest"
)

// samples are values that a filter of each kind reads, and that no document has.
var samples = map[rest.Kind]string{
	rest.Text: "nothing has this", rest.Number: "987654321", rest.Instant: "2001-02-03T04:05:06Z", rest.Day: "2001-02-03", rest.Flag: "true",
}

// Conventions holds every resource of the server against what follows from its
// declaration alone: it needs no documents, and no case. Every filter, comparison
// and order is asked for, so that each is good SQL on the database at hand. What a
// resource gets from elsewhere may be out of reach (503).
func (c *Client) Conventions(t *testing.T) {
	t.Helper()
	seen := map[string]bool{}
	for n := range c.table {
		d := c.table[n].Resource()
		if d == nil || seen[d.Path] {
			continue
		}
		seen[d.Path] = true
		t.Run(strings.TrimPrefix(d.Path, "/tmf-api/"), func(t *testing.T) {
			s := &suite{T: t, c: c, k: Case{Path: d.Path, Create: []string{"{}"}, Patch: "{}"}, d: d}
			s.collection()
			s.absent()
			s.badBodies()
			s.readOnly()
			s.roles()
			s.methods()
		})
	}
	if len(seen) == 0 {
		t.Error("there is no resource")
	}
}

// collection asks for each filter and order.
func (s *suite) collection() {
	s.Helper()
	if s.endpoint(http.MethodGet, false) == nil {
		return
	}
	there := []int{http.StatusOK, http.StatusPartialContent, http.StatusServiceUnavailable}
	s.get("").Want(s.T, there...)
	s.get("?limit=1&offset=5").Want(s.T, there...)
	for _, query := range []string{"?limit=0", "?limit=x", "?offset=-1", "?color=red", "?sort=color", "?fields=color"} {
		s.get(query).Want(s.T, http.StatusBadRequest)
	}
	for _, field := range s.d.Fields {
		s.get("?fields="+url.QueryEscape(field)).Want(s.T, there...)
	}
	for _, f := range s.d.Filters {
		values := f.Values
		if values == nil {
			values = []string{samples[f.Kind]}
		}
		all := url.QueryEscape(strings.Join(values, ","))
		s.get("?"+f.Attribute+"="+all).Want(s.T, there...)
		for _, op := range []string{"eq", "ne", "gt", "gte", "lt", "lte"} {
			if f.Kind != rest.Flag || op == "eq" || op == "ne" {
				s.get("?"+f.Attribute+"."+op+"="+url.QueryEscape(values[0])).Want(s.T, there...)
			}
		}
		if f.Sort {
			s.get("?sort="+f.Attribute).Want(s.T, there...)
			s.get("?limit=2&sort=-"+f.Attribute+"&"+f.Attribute+"="+all).Want(s.T, there...)
		}
	}
}
