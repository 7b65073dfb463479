package tmftest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gyro/api/access"
	"gyro/api/rest"
)

// Case is what the test of a resource needs to know of it.
type Case struct {
	// Path is that of the collection.
	Path string
	// Create are bodies that a POST accepts, at least three, so that there is something to page through. A resource that
	// nobody can POST to has its documents made before, by its service.
	Create []string
	// Patch is a merge patch that the first document accepts, where the resource has PATCH.
	Patch string
	// Golden is the name of the file in testdata/tmf that keeps the exchanges.
	Golden string
	// Fixed says that the documents come from elsewhere (the charging core) and have no SQL order: sorting is not checked.
	Fixed bool
}

// Resource holds a resource against the conventions, its answers against TM Forum's definition and against golden bodies.
func (c *Client) Resource(t *testing.T, k Case) {
	t.Helper()
	d := c.describes(k.Path)
	if d == nil || d.Path != k.Path {
		t.Fatalf("there is no resource at %s", k.Path)
	}
	s := &suite{T: t, c: c, k: k, d: d}
	s.created()
	s.listed()
	if len(s.documents) == 0 {
		t.Fatalf("%s: there are no documents to test with: give Create, or make some before", k.Path)
	}
	s.paged()
	s.selected()
	s.filtered()
	s.sorted()
	s.one()
	s.absent()
	s.badBodies()
	s.readOnly()
	s.repeated()
	s.patched()
	s.roles()
	s.methods()
	if k.Golden != "" {
		Golden(t, k.Golden, s.golden...)
	}
}

type suite struct {
	*testing.T
	c         *Client
	k         Case
	d         *rest.Description
	documents []map[string]any
	golden    []*Exchange
}

func (s *suite) endpoint(method string, one bool) *rest.Endpoint {
	path := s.d.Path
	if one {
		path += "/{id}"
	}
	at := slices.IndexFunc(s.c.table, func(e rest.Endpoint) bool { return e.Method == method && e.Path == path })
	if at < 0 {
		return nil
	}
	return &s.c.table[at]
}

func (s *suite) get(query string) *Exchange {
	s.Helper()
	return s.c.Do(s.T, http.MethodGet, s.d.Path+query, "")
}

// key gives requests that need one an Idempotency-Key.
func (s *suite) key(n int) []string {
	return []string{"Idempotency-Key", fmt.Sprintf("%s-%d", s.d.Type, n)}
}

func (s *suite) created() {
	s.Helper()
	if s.endpoint(http.MethodPost, false) == nil {
		return
	}
	if len(s.k.Create) < 3 {
		s.Fatalf("%s: %d bodies to POST; give at least three", s.d.Path, len(s.k.Create))
	}
	for n, body := range s.k.Create {
		x := s.c.Do(s.T, http.MethodPost, s.d.Path, body, s.key(n)...).Want(s.T, http.StatusCreated)
		if x.Status != http.StatusCreated {
			s.FailNow()
		}
		document := x.JSON(s.T)
		id, _ := document["id"].(string)
		href := PublicURL + s.d.Path + "/" + url.PathEscape(id)
		if id == "" || document["href"] != href || document["@type"] != s.d.Type || x.Header.Get("Location") != href {
			s.Errorf("POST %s: id %q, href %v, @type %v, Location %q; want href and Location %s, @type %s",
				s.d.Path, id, document["href"], document["@type"], x.Header.Get("Location"), href, s.d.Type)
		}
		s.golden = append(s.golden, x)
	}
}

func (s *suite) listed() {
	s.Helper()
	if s.endpoint(http.MethodGet, false) == nil {
		return
	}
	x := s.get("?limit=1000").Want(s.T, http.StatusOK)
	s.documents = x.List(s.T)
	for _, header := range []string{"X-Total-Count", "X-Result-Count"} {
		if got := x.Header.Get(header); got != fmt.Sprint(len(s.documents)) {
			s.Errorf("GET %s: %s %q, want %d", s.d.Path, header, got, len(s.documents))
		}
	}
	s.golden = append(s.golden, x)
	s.get("?limit=1000").sameBody(s.T, x)
}

func (x *Exchange) sameBody(t testing.TB, other *Exchange) {
	t.Helper()
	if string(x.Body) != string(other.Body) {
		t.Errorf("%s %s and %s %s differ:\n%s\n%s", x.Method, x.Path, other.Method, other.Path, x.Body, other.Body)
	}
}

// paged walks through the collection one by one and finds everything once.
func (s *suite) paged() {
	s.Helper()
	var found []map[string]any
	path := s.d.Path + "?limit=1"
	for range s.documents {
		x := s.c.Do(s.T, http.MethodGet, path, "")
		want := http.StatusPartialContent
		if len(s.documents) == 1 {
			want = http.StatusOK
		}
		x.Want(s.T, want)
		page := x.List(s.T)
		if len(page) != 1 || x.Header.Get("X-Result-Count") != "1" || x.Header.Get("X-Total-Count") != fmt.Sprint(len(s.documents)) {
			s.Fatalf("GET %s: %d documents, X-Result-Count %s, X-Total-Count %s", path, len(page), x.Header.Get("X-Result-Count"), x.Header.Get("X-Total-Count"))
		}
		found = append(found, page[0])
		path = nextOf(x.Header.Get("Link"))
	}
	if path != "" || !reflect.DeepEqual(found, s.documents) {
		s.Errorf("GET %s: paging finds %d documents, other than the list of %d, and then leads to %q", s.d.Path, len(found), len(s.documents), path)
	}
	beyond := s.get(fmt.Sprintf("?offset=%d", len(s.documents)))
	if n := len(beyond.List(s.T)); n != 0 {
		s.Errorf("GET %s: %d documents beyond the last", beyond.Path, n)
	}
	for _, query := range []string{"?limit=0", "?limit=1001", "?limit=x", "?offset=-1", "?offset=99999999999999999999", "?limit=1&limit=2", "?color=red", "?sort=color", "?%zz=1"} {
		s.get(query).Want(s.T, http.StatusBadRequest)
	}
}

func nextOf(link string) string {
	for part := range strings.SplitSeq(link, ", ") {
		if target, found := strings.CutSuffix(part, `>; rel="next"`); found {
			return strings.TrimPrefix(target, "<")
		}
	}
	return ""
}

// selected asks for each attribute alone.
func (s *suite) selected() {
	s.Helper()
	for _, field := range s.d.Fields {
		for n, document := range s.get("?limit=1000&fields="+url.QueryEscape(field)).Want(s.T, http.StatusOK).List(s.T) {
			for name, value := range document {
				if name != field && name != "id" && name != "href" && name != "@type" || !reflect.DeepEqual(value, s.documents[n][name]) {
					s.Errorf("fields=%s of %s shows %s: %v", field, s.d.Path, name, value)
				}
			}
			if _, had := s.documents[n][field]; had && document[field] == nil {
				s.Errorf("fields=%s of %s does not show it", field, s.d.Path)
			}
		}
	}
	s.get("?fields=color").Want(s.T, http.StatusBadRequest)
}

// filtered narrows the collection by each value that a document has.
func (s *suite) filtered() {
	s.Helper()
	for _, f := range s.d.Filters {
		values := map[string]int{}
		for _, document := range s.documents {
			for value := range valuesAt(document, strings.Split(f.Attribute, ".")) {
				values[value]++
			}
		}
		if len(values) == 0 {
			s.Errorf("%s: no document has %s: the filter is not tested; give one that has it", s.d.Path, f.Attribute)
		}
		for value, count := range values {
			found := s.get("?limit=1000&"+f.Attribute+"="+url.QueryEscape(value)).Want(s.T, http.StatusOK).List(s.T)
			for _, document := range found {
				if !valuesAt(document, strings.Split(f.Attribute, "."))[value] {
					s.Errorf("%s=%s of %s finds %v", f.Attribute, value, s.d.Path, document)
				}
			}
			if len(found) != count {
				s.Errorf("%s=%s of %s finds %d, want %d", f.Attribute, value, s.d.Path, len(found), count)
			}
		}
		switch f.Kind {
		case rest.Number, rest.Instant, rest.Day, rest.Flag:
			s.get("?"+f.Attribute+"=nonsense").Want(s.T, http.StatusBadRequest)
		case rest.Text:
			if len(f.Values) > 0 {
				s.get("?"+f.Attribute+"=nonsense").Want(s.T, http.StatusBadRequest)
			} else if n := len(s.get("?"+f.Attribute+"=nonsense'--").Want(s.T, http.StatusOK).List(s.T)); n != 0 {
				s.Errorf("%s=nonsense'-- of %s finds %d", f.Attribute, s.d.Path, n)
			}
		}
	}
}

// valuesAt are the values at a path of a document, through lists.
func valuesAt(v any, path []string) map[string]bool {
	found := map[string]bool{}
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			for value := range valuesAt(element, path) {
				found[value] = true
			}
		}
	case map[string]any:
		if len(path) > 0 && v[path[0]] != nil {
			return valuesAt(v[path[0]], path[1:])
		}
	default:
		if len(path) == 0 {
			found[fmt.Sprint(v)] = true
		}
	}
	return found
}

func (s *suite) sorted() {
	s.Helper()
	for _, f := range s.d.Filters {
		if !f.Sort || s.k.Fixed {
			continue
		}
		up := s.get("?limit=1000&sort="+f.Attribute).Want(s.T, http.StatusOK).List(s.T)
		down := s.get("?limit=1000&sort=-"+f.Attribute).Want(s.T, http.StatusOK).List(s.T)
		if len(up) != len(s.documents) || len(down) != len(s.documents) {
			s.Errorf("sort=%s of %s: %d and %d documents", f.Attribute, s.d.Path, len(up), len(down))
			continue
		}
		first := valuesAt(up[0], strings.Split(f.Attribute, "."))
		last := valuesAt(down[len(down)-1], strings.Split(f.Attribute, "."))
		if !reflect.DeepEqual(first, last) {
			s.Errorf("sort=%s of %s begins with %v and ends, falling, with %v", f.Attribute, s.d.Path, first, last)
		}
	}
}

// one shows each document by its address.
func (s *suite) one() {
	s.Helper()
	if s.endpoint(http.MethodGet, true) == nil {
		return
	}
	for n, document := range s.documents {
		href, _ := document["href"].(string)
		x := s.c.Do(s.T, http.MethodGet, href, "").Want(s.T, http.StatusOK)
		if !reflect.DeepEqual(x.JSON(s.T), document) {
			s.Errorf("GET %s differs from the list:\n%s\n%v", href, x.Body, document)
		}
		if tag := x.Header.Get("ETag"); len(tag) < 4 || tag[0] != '"' {
			s.Errorf("GET %s: ETag %q", href, tag)
		}
		head := s.c.Do(s.T, http.MethodHead, href, "").Want(s.T, http.StatusOK)
		if len(head.Body) != 0 || head.Header.Get("Content-Length") != fmt.Sprint(len(x.Body)) {
			s.Errorf("HEAD %s: %d octets, Content-Length %s, want %d", href, len(head.Body), head.Header.Get("Content-Length"), len(x.Body))
		}
		if n == 0 {
			s.golden = append(s.golden, x)
			s.c.Do(s.T, http.MethodGet, href+"?color=red", "").Want(s.T, http.StatusBadRequest)
		}
	}
}

// absent asks for what is not there.
func (s *suite) absent() {
	s.Helper()
	for _, id := range []string{"999999999", "nonsense", "0", "-1", "1%27--", "99999999999999999999"} {
		for _, method := range []string{http.MethodGet, http.MethodPatch, http.MethodDelete} {
			if s.endpoint(method, true) == nil {
				continue
			}
			body := ""
			if method == http.MethodPatch {
				body = s.k.Patch
			}
			s.c.Do(s.T, method, s.d.Path+"/"+id, body).Want(s.T, http.StatusNotFound)
		}
	}
}

// badBodies sends what cannot be read.
func (s *suite) badBodies() {
	s.Helper()
	targets := []struct {
		method, path, body string
	}{{http.MethodPost, s.d.Path, ""}, {http.MethodPatch, s.d.Path + "/1", s.k.Patch}}
	if len(s.k.Create) > 0 {
		targets[0].body = s.k.Create[0]
	}
	for _, target := range targets {
		if s.endpoint(target.method, target.method == http.MethodPatch) == nil {
			continue
		}
		if !json.Valid([]byte(target.body)) {
			s.Fatalf("%s %s: the case has no JSON for it: %q", target.method, s.d.Path, target.body)
		}
		open := strings.TrimSuffix(strings.TrimSpace(target.body), "}")
		for _, body := range []string{
			"nonsense", "[]", "null", `"x"`, target.body + "{}", open, open + `,"noSuchField":1}`,
			open + `,"@type":"X","@type":"X"}`, strings.Repeat("[", 5000), "{\"a\":\"\xff\"}",
		} {
			s.c.Do(s.T, target.method, target.path, body, s.key(1000)...).Want(s.T, http.StatusBadRequest)
		}
		for _, media := range []string{"text/plain", "application/xml", "application/x-www-form-urlencoded", "application/json; charset=latin1"} {
			s.c.Do(s.T, target.method, target.path, target.body, "Content-Type", media).Want(s.T, http.StatusUnsupportedMediaType)
		}
		s.tooLarge(target.method, target.path)
	}
}

// tooLarge announces a body and reads the answer before it sends any: the server does not wait for it.
func (s *suite) tooLarge(method, path string) {
	s.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.c.base, "http://"))
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: office.example\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", method, path, rest.MaxBody+1)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		s.Fatalf("%s %s with a large body: %v", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusRequestEntityTooLarge {
		s.Errorf("%s %s with a large body: %d", method, path, response.StatusCode)
	}
}

func (s *suite) readOnly() {
	s.Helper()
	if s.endpoint(http.MethodPost, false) == nil {
		return
	}
	for _, name := range append([]string{"id", "href"}, s.d.ReadOnly...) {
		var body map[string]json.RawMessage
		if err := json.Unmarshal([]byte(s.k.Create[0]), &body); err != nil {
			s.Fatal(err)
		}
		body[name] = zeroOf(s.d, name)
		text, err := json.Marshal(body)
		if err != nil {
			s.Fatal(err)
		}
		s.c.Do(s.T, http.MethodPost, s.d.Path, string(text), s.key(2000)...).Want(s.T, http.StatusBadRequest)
	}
}

// zeroOf is a value of a field's own type.
func zeroOf(d *rest.Description, name string) json.RawMessage {
	for _, f := range reflect.VisibleFields(reflect.TypeOf(d.Document)) {
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag == name {
			if text, err := json.Marshal(reflect.Zero(f.Type).Interface()); err == nil {
				return text
			}
		}
	}
	return json.RawMessage(`"1"`)
}

// repeated sends requests again with their Idempotency-Key.
func (s *suite) repeated() {
	s.Helper()
	if s.endpoint(http.MethodPost, false) == nil {
		return
	}
	for n, body := range s.k.Create {
		x := s.c.Do(s.T, http.MethodPost, s.d.Path, body, s.key(n)...).Want(s.T, http.StatusCreated)
		x.sameBody(s.T, s.golden[n])
		if said := x.Header.Get("Idempotency-Replayed"); said != "true" || s.golden[n].Header.Get("Idempotency-Replayed") != "" {
			s.Errorf("POST %s again: Idempotency-Replayed %q, and %q the first time", s.d.Path, said, s.golden[n].Header.Get("Idempotency-Replayed"))
		}
		if x.Header.Get("Location") != s.golden[n].Header.Get("Location") {
			s.Errorf("POST %s again: Location %s, want %s", s.d.Path, x.Header.Get("Location"), s.golden[n].Header.Get("Location"))
		}
	}
	if total := s.get("?limit=1").Header.Get("X-Total-Count"); s.endpoint(http.MethodGet, false) != nil && total != fmt.Sprint(len(s.documents)) {
		s.Errorf("POST %s again: there are %s documents, want %d", s.d.Path, total, len(s.documents))
	}
	s.c.Do(s.T, http.MethodPost, s.d.Path, s.k.Create[1], s.key(0)...).Want(s.T, http.StatusConflict)
	s.c.Do(s.T, http.MethodPost, s.d.Path, s.k.Create[1], "Idempotency-Key", "no key").Want(s.T, http.StatusBadRequest)
	s.c.Do(s.T, http.MethodPost, s.d.Path, s.k.Create[1], "Idempotency-Key", strings.Repeat("k", 129)).Want(s.T, http.StatusBadRequest)
	if s.d.NeedsKey {
		s.c.Do(s.T, http.MethodPost, s.d.Path, s.k.Create[1]).Want(s.T, http.StatusBadRequest)
	}
}

func (s *suite) patched() {
	s.Helper()
	if s.endpoint(http.MethodPatch, true) == nil {
		return
	}
	href, _ := s.documents[0]["href"].(string)
	was := s.c.Do(s.T, http.MethodGet, href, "")
	s.c.Do(s.T, http.MethodPatch, href, s.k.Patch, "If-Match", `"0000000000000000"`).Want(s.T, http.StatusPreconditionFailed)
	s.c.Do(s.T, http.MethodPatch, href, `{"id":"another"}`).Want(s.T, http.StatusBadRequest)
	s.c.Do(s.T, http.MethodPatch, href, `{"href":null}`).Want(s.T, http.StatusBadRequest)
	s.c.Do(s.T, http.MethodGet, href, "").sameBody(s.T, was)
	x := s.c.Do(s.T, http.MethodPatch, href, s.k.Patch, "If-Match", was.Header.Get("ETag")).Want(s.T, http.StatusOK)
	s.golden = append(s.golden, x)
	is := s.c.Do(s.T, http.MethodGet, href, "")
	is.sameBody(s.T, x)
	if is.Header.Get("ETag") != x.Header.Get("ETag") || is.Header.Get("ETag") == was.Header.Get("ETag") {
		s.Errorf("PATCH %s: ETag %s, then %s; before %s", href, x.Header.Get("ETag"), is.Header.Get("ETag"), was.Header.Get("ETag"))
	}
	s.c.Do(s.T, http.MethodPatch, href, s.k.Patch, "If-Match", was.Header.Get("ETag")).Want(s.T, http.StatusPreconditionFailed)
}

// roles tries every operation with every role that it is not for, and without any.
func (s *suite) roles() {
	s.Helper()
	for n := range s.c.table {
		e := &s.c.table[n]
		if e.Resource() != s.d {
			continue
		}
		path := strings.ReplaceAll(e.Path, "{id}", "1")
		for _, role := range access.Anyone.Names() {
			one, err := access.ParseRoles([]string{role})
			if err != nil {
				s.Fatal(err)
			}
			if one&e.Roles == 0 {
				s.c.Do(s.T, e.Method, path, "", "Authorization", "Bearer "+role).Want(s.T, http.StatusForbidden)
			}
		}
		s.c.Do(s.T, e.Method, path, "", "Authorization", "Bearer nobody").Want(s.T, http.StatusUnauthorized)
		s.c.Do(s.T, e.Method, path, "", "Authorization", "").Want(s.T, http.StatusUnauthorized)
	}
}

// methods tries what the resource does not have.
func (s *suite) methods() {
	s.Helper()
	for _, one := range []bool{false, true} {
		path := s.d.Path
		if one {
			path += "/1"
		}
		if one && s.endpoint(http.MethodGet, true) == nil {
			continue
		}
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			if s.endpoint(method, one) != nil {
				continue
			}
			x := s.c.Do(s.T, method, path, "").Want(s.T, http.StatusMethodNotAllowed)
			if allow := x.Header.Get("Allow"); allow == "" || strings.Contains(allow, method) {
				s.Errorf("%s %s: Allow %q", method, path, allow)
			}
		}
	}
}
